//! Which characters a text is delimited and quoted by: given, named by a line `sep=;`, or found by trying.
//!
//! Each delimiter is tried on the first lines; the one wins under which most rows have as many fields as the first line.
//! Where two do equally well, the one that leaves more numbers wins, and it is said that this was a guess.

use super::super::format::Format;
use super::super::line_ends::count_lines;
use super::super::options::{CsvOptions, Quote};
use super::shape::Shape;
use csv::{ByteRecord, StringRecord};

/// The delimiters that are tried, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// So many rows are looked at.
const MAX_ROWS: usize = 1000;

/// How a text is delimited and quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
}

impl Dialect {
    pub(super) fn new(delimiter: u8, options: &CsvOptions) -> Self {
        let byte = |letter: char| u8::try_from(letter).ok();
        let quote = match options.quote {
            None => Some(b'"'),
            Some(Quote::None) => None,
            Some(Quote::Character(letter)) => byte(letter),
        };
        Self { delimiter, quote, escape: options.escape.and_then(byte) }
    }

    /// What parses the text.
    pub(super) fn builder(&self) -> csv::ReaderBuilder {
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(self.delimiter).buffer_capacity(1 << 16);
        match self.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        builder.escape(self.escape).double_quote(self.escape.is_none_or(|escape| Some(escape) == self.quote));
        builder
    }

    /// The delimiter as it is written in a message.
    pub(super) fn delimiter_name(&self) -> String {
        match self.delimiter {
            b'\t' => "tab".to_owned(),
            byte => char::from(byte).to_string(),
        }
    }
}

/// The first rows of a text, under one dialect.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub(super) dialect: Dialect,
    pub(super) records: Vec<StringRecord>,
    /// The line that each begins in, from 1.
    pub(super) lines: Vec<u64>,
}

impl Rows {
    /// The complete rows of a sample; `is_whole` if it is all of the text.
    pub(super) fn read(dialect: Dialect, sample: &[u8], is_whole: bool) -> Self {
        let mut reader = dialect.builder().from_reader(sample);
        let (mut records, mut lines) = (Vec::new(), Vec::new());
        let mut record = ByteRecord::new();
        let (mut line, mut counted) = (1, 0);
        while records.len() < MAX_ROWS && reader.read_byte_record(&mut record).unwrap_or(false) {
            let begin = record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(counted);
            let begin = begin.clamp(counted, sample.len());
            let blank = sample[begin..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            line += count_lines(&sample[counted..begin + blank]);
            counted = begin + blank;
            lines.push(line);
            records.push(StringRecord::from_byte_record_lossy(record.clone()));
        }
        if !is_whole && reader.is_done() {
            records.pop();
            lines.pop();
        }
        Self { dialect, records, lines }
    }

    /// Fields of the first row.
    pub(super) fn width(&self) -> usize {
        self.records.first().map_or(0, StringRecord::len)
    }

    /// Fields of a row, empty ones at its end aside as far as the first row does not have them.
    pub(super) fn width_of(&self, record: &StringRecord) -> usize {
        let surplus = record.iter().skip(self.width()).collect::<Vec<_>>();
        let empty = surplus.iter().rev().take_while(|field| field.is_empty()).count();
        record.len() - empty
    }

    /// The share of rows that have as many fields as the first.
    pub(super) fn fit(&self) -> f64 {
        let fitting = self.records.iter().filter(|record| self.width_of(record) == self.width()).count();
        fitting as f64 / self.records.len().max(1) as f64
    }

    /// The share of rows that have as many fields as the first, and no field that holds half of a pair of quotes: a
    /// delimiter within quotes would part them.
    fn clean_fit(&self) -> f64 {
        let quote = self.dialect.quote.map(char::from);
        let is_parted = |field: &str| quote.is_some_and(|quote| field.matches(quote).count() % 2 == 1);
        let is_clean = |record: &&StringRecord| self.width_of(record) == self.width() && !record.iter().any(is_parted);
        self.records.iter().filter(is_clean).count() as f64 / self.records.len().max(1) as f64
    }

    /// The share of fields that are more than words.
    fn typed(&self) -> f64 {
        let (mut typed, mut all) = (0u32, 0u32);
        for field in self.records.iter().skip(1).flatten().filter(|field| !field.is_empty()) {
            all += 1;
            typed += u32::from(Shape::of(field) != Shape::Word);
        }
        f64::from(typed) / f64::from(all.max(1))
    }

    /// A delimiter that is not tried by itself and stands in every row of a text of one column equally often.
    pub(super) fn unusual_delimiter(&self) -> Option<u8> {
        const UNUSUAL: [u8; 6] = [b'~', b'^', b':', b'!', 0x1F, 0x01];
        let count = |record: &StringRecord, byte: u8| record.as_slice().bytes().filter(|other| *other == byte).count();
        if self.records.len() < 2 || self.records.iter().any(|record| record.len() != 1) {
            return None;
        }
        UNUSUAL.into_iter().find(|byte| {
            let first = count(&self.records[0], *byte);
            first > 0 && self.records.iter().all(|record| count(record, *byte) == first)
        })
    }

    /// Index of the row from which on all have the same number of fields, at least two, if what stands before has fewer.
    pub(super) fn table_begins(&self) -> Option<usize> {
        let width = self.records.last()?.len();
        let same = self.records.iter().rev().take_while(|record| record.len() == width).count();
        let before = &self.records[..self.records.len() - same];
        let is_table = width >= 2 && same >= 2 && !before.is_empty();
        (is_table && before.iter().all(|record| record.len() < width)).then_some(before.len())
    }
}

/// A dialect, and what speaks against it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) rows: Rows,
    /// A delimiter that does as well.
    pub(super) rival: Option<Dialect>,
}

/// Finds the dialect of a sample of the text.
pub(super) fn find(sample: &[u8], is_whole: bool, format: Format, named: Option<u8>, options: &CsvOptions) -> Found {
    let given = options.delimiter.and_then(|letter| u8::try_from(letter).ok()).or(named);
    let given = given.or_else(|| (format == Format::Tsv).then_some(b'\t'));
    let read = |delimiter: u8| Rows::read(Dialect::new(delimiter, options), sample, is_whole);
    if let Some(delimiter) = given {
        return Found { rows: read(delimiter), rival: None };
    }
    let all = DELIMITERS.map(read);
    // A header alone shows nothing but its length.
    let length = |rows: &Rows| if rows.records.len() == 1 { rows.width() } else { 0 };
    let score = |rows: &Rows| (rows.clean_fit(), rows.typed(), length(rows));
    let mut best: Option<&Rows> = None;
    let mut rival: Option<&Rows> = None;
    for rows in all.iter().filter(|rows| rows.width() >= 2) {
        match best {
            Some(other) if score(rows) <= score(other) => rival = rival.or(Some(rows)),
            other => (best, rival) = (Some(rows), other),
        }
    }
    // No delimiter in the first line: it may be a title, with the table below.
    let below = || {
        let begins = |rows: &&Rows| rows.table_begins().map(|begin| (std::cmp::Reverse(begin), rows.width()));
        all.iter().rev().filter(|rows| begins(rows).is_some()).max_by_key(begins)
    };
    let rows = best.or_else(below).unwrap_or(&all[0]).clone();
    let as_good = |other: &&Rows| other.clean_fit() >= rows.clean_fit() && rows.records.len() > 1;
    Found { rival: rival.filter(as_good).map(|rows| rows.dialect), rows }
}

/// Whether a text looks like a table: every row has as many fields as the first, at least two.
pub(super) fn is_table(sample: &[u8], is_whole: bool, options: &CsvOptions) -> bool {
    let rows = find(sample, is_whole, Format::Csv, None, options).rows;
    named_delimiter(sample).is_some() || (rows.width() >= 2 && rows.records.len() >= 2 && rows.fit() >= 0.9)
}

/// The delimiter of a first line `sep=;`, as spreadsheets write it, and the bytes of that line.
pub(super) fn named_delimiter(sample: &[u8]) -> Option<(u8, usize)> {
    let end = memchr::memchr(b'\n', sample)?;
    let line = sample[..end].trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match (line.get(..4)?.to_ascii_lowercase().as_slice(), &line[4..]) {
        (b"sep=", [delimiter]) => Some((*delimiter, end + 1)),
        // A tab was taken for a blank at the end.
        (b"sep=", []) if sample[..end].ends_with(b"\t") || sample[..end].ends_with(b"\t\r") => Some((b'\t', end + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (u8, bool) {
        let found = find(text.as_bytes(), true, Format::Csv, None, &CsvOptions::default());
        (found.rows.dialect.delimiter, found.rival.is_some())
    }

    #[test]
    fn the_rows_show_the_delimiter() {
        let cases: [(&str, (u8, bool)); 17] = [
            ("a,b\n1;2;3;4", (b',', false)),
            ("a;b;c,d", (b';', false)),
            ("a\tb", (b'\t', false)),
            ("a|b", (b'|', false)),
            ("\"a,b,c\";d", (b';', false)),
            ("alone\n", (b',', false)),
            ("", (b',', false)),
            ("id;price (USD, net, no tax);qty\n1;2,5;3\n2;4;5\n", (b';', false)),
            ("id;price (USD, net, no tax);qty\n1;2;3\n", (b';', false)),
            ("id,note\n1,a;b\n2,c\n", (b',', false)),
            ("a;b\n1,5;2,5\n", (b';', false)),
            ("netto, EUR;Menge\n1,5;2\n2,5;3\n", (b';', true)),
            ("x,y|z\n1,2|3\n4,5|6\n", (b'|', true)),
            ("x,y|z\na,b|c\nd,e|f\n", (b',', true)),
            ("time\n10:00|x,y\n11:00|z,a\n", (b',', false)),
            ("id,\"a;b;c\"\n1,\";;\"\n", (b',', false)),
            ("id;name;\n1;x;\n2;y;\n", (b';', false)),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn a_title_is_no_part_of_the_table() {
        let begins = |text: &str| {
            let found = find(text.as_bytes(), true, Format::Csv, None, &CsvOptions::default());
            found.rows.table_begins().map(|begin| (found.rows.dialect.delimiter, found.rows.lines[begin]))
        };
        assert_eq!(begins("Report 2024\n\nid;name\n1;x\n2;y\n"), Some((b';', 3)));
        assert_eq!(begins("Report\nby me, today\na,b,c\n1,2,3\n"), Some((b',', 3)));
        assert_eq!(begins("c0\nv0\na;b\n"), None);
        assert_eq!(begins("a,b\n1,2\n"), None);
        assert_eq!(begins("a,b\n1,2,\n2,3,\n"), Some((b',', 2)));
    }

    #[test]
    fn a_line_may_name_the_delimiter() {
        assert_eq!(named_delimiter(b"sep=;\r\na;b\n"), Some((b';', 7)));
        assert_eq!(named_delimiter(b"\"sep=,\"\na\n"), Some((b',', 8)));
        assert_eq!(named_delimiter(b"SEP=\t\na\n"), Some((b'\t', 6)));
        for text in [&b"separator\na"[..], b"sep=\n", b"sep=ab\n", b"", b"sep=;"] {
            assert_eq!(named_delimiter(text), None, "{text:?}");
        }
    }
}
