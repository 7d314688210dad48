//! Where the table of a text begins and how it is written: found out once, on the first lines.

use super::super::format::Format;
use super::super::open::Input;
use super::super::options::TextOptions;
use super::super::setting::setting;
use super::dialect::{Dialect, Found, Rows, find, named_delimiter};
use super::header::judge;
use dlt_engine::{Error, ErrorKind, Result};
use std::io::{self, Read};

/// Bytes that are looked at first …
const SAMPLE_BYTES: u64 = 64 << 10;
/// … and at most, if they hold no two rows.
const MAX_SAMPLE_BYTES: u64 = 16 << 20;

/// How a text is laid out.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Bytes before the header or the first row.
    pub(super) begin: u64,
    pub(super) dialect: Dialect,
    /// A delimiter that would do as well.
    pub(super) rival: Option<Dialect>,
    /// What else may delimit a text of one column.
    pub(super) unusual: Option<u8>,
    pub(super) has_header: bool,
    /// Whether that was a guess.
    pub(super) is_guessed: bool,
    /// Fields of the first row.
    pub(super) width: usize,
}

impl Layout {
    /// Looks at the first lines of an input, and takes those from it that are left out.
    pub(super) fn find(input: &mut Input, format: Format, options: &TextOptions) -> Result<Self> {
        let csv = &options.csv;
        let mut begin = skip_lines(input, csv.skip_lines)?;
        let mut named = None;
        if csv.skip_lines == 0
            && format == Format::Csv
            && let Some((delimiter, length)) = named_delimiter(&input.peek(64)?)
        {
            named = Some(delimiter);
            begin += take(input, length as u64)?;
        }
        let (found, first) = sample(input, format, named, options)?;
        check_table_begins(&found, &input.name, first, options)?;
        let verdict = judge(&found.rows.records);
        let is_said = csv.header.is_some() || !csv.column_names.is_empty();
        Ok(Self {
            begin,
            dialect: found.rows.dialect,
            rival: found.rival,
            unusual: if csv.delimiter.is_none() { found.rows.unusual_delimiter() } else { None },
            has_header: csv.header.unwrap_or(csv.column_names.is_empty() && verdict.is_header),
            is_guessed: !is_said && verdict.is_guess,
            width: found.rows.width(),
        })
    }
}

/// Tries the delimiters on as much of the text as holds two rows.
fn sample(input: &mut Input, format: Format, named: Option<u8>, options: &TextOptions) -> Result<(Found, u64)> {
    let lines_before = options.csv.skip_lines + u64::from(named.is_some());
    let mut size = SAMPLE_BYTES;
    loop {
        let sample = input.peek(size)?;
        let is_whole = (sample.len() as u64) < size;
        let mut found = find(&sample, is_whole, format, named, &options.csv);
        if let Some(dialect) = single_quoted(&found, options) {
            found.rows = Rows::read(dialect, &sample, is_whole);
        }
        if is_whole || found.rows.records.len() > 1 || size >= MAX_SAMPLE_BYTES {
            return Ok((found, lines_before));
        }
        size *= 16;
    }
}

/// Fields in single quotes, if all of the first line are.
fn single_quoted(found: &Found, options: &TextOptions) -> Option<Dialect> {
    let first = found.rows.records.first()?;
    let is_quoted = |field: &str| field.len() >= 2 && field.starts_with('\'') && field.ends_with('\'');
    (options.csv.quote.is_none() && first.iter().all(is_quoted))
        .then_some(Dialect { quote: Some(b'\''), ..found.rows.dialect })
}

/// Refuses a text whose first lines are no part of the table: nothing is left out in silence, and a title is no header.
fn check_table_begins(found: &Found, name: &str, lines_before: u64, options: &TextOptions) -> Result<()> {
    let rows = &found.rows;
    let csv = &options.csv;
    let is_settled = csv.header == Some(false) || !csv.column_names.is_empty();
    if is_settled || (csv.header.is_some() && csv.delimiter.is_some()) || rows.fit() >= 0.5 {
        return Ok(());
    }
    let Some(index) = rows.table_begins() else { return Ok(()) };
    let (width, below) = (rows.width(), rows.records[index].len());
    let line = |index: usize| rows.lines.get(index).copied().unwrap_or(1) + lines_before;
    let (fields, delimiter) =
        (if width == 1 { "1 field" } else { &format!("{width} fields") }, rows.dialect.delimiter_name());
    let what = format!(
        "the line has {fields}, and the lines from line {} on have {below} (delimiter `{delimiter}`): is it part of the table?",
        line(index)
    );
    let skip = setting("skip-lines", &(line(index) - 1).to_string());
    let hint = if width >= 2 && width + 1 == below {
        format!(
            "if a name is missing in the header, give all of them: `--skip-lines {} --column-names a,b,…`; if the table begins further below: {skip}",
            line(0)
        )
    } else {
        format!(
            "if the table begins further below: {skip}; if it has one column: {}, or another delimiter that the lines do not hold",
            setting("delimiter", "tab")
        )
    };
    Err(Error::new(ErrorKind::Data, what).at(name, Some(line(0))).hint(hint))
}

/// Takes so many lines from the input; the bytes that they had.
fn skip_lines(input: &mut Input, count: u64) -> Result<u64> {
    let (mut skipped, mut left) = (0, usize::try_from(count).unwrap_or(usize::MAX));
    while left > 0 {
        let piece = input.peek(SAMPLE_BYTES)?;
        if piece.is_empty() {
            break;
        }
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', &piece).take(left).collect();
        left -= ends.len();
        let length = if left == 0 { ends.last().map_or(0, |end| end + 1) } else { piece.len() };
        skipped += take(input, length as u64)?;
    }
    Ok(skipped)
}

/// Takes bytes from the input.
pub(super) fn take(input: &mut Input, length: u64) -> Result<u64> {
    io::copy(&mut input.stream.by_ref().take(length), &mut io::sink()).map_err(|cause| input.read_error(cause))
}
