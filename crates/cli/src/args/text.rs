//! Options for text that does not show by itself how it is written.

use clap::Args;

const HEADING: &str = "Options for text and CSV";

/// See `dlt::CsvOptions`.
#[derive(Debug, Args)]
pub(crate) struct Text {
    /// Encoding of text: windows-1252, gbk, shift_jis, utf-16le … [default: UTF-8, or what a byte order mark says]
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub(crate) encoding: Option<String>,
    /// What stands between fields; `tab` is the tab [default: found out among , ; tab and |]
    #[arg(long, value_name = "CHARACTER", allow_hyphen_values = true, help_heading = HEADING)]
    pub(crate) delimiter: Option<String>,
    /// What stands around fields that hold delimiters; `none` if quotes are characters like any other [default: "]
    #[arg(long, value_name = "CHARACTER", allow_hyphen_values = true, help_heading = HEADING)]
    pub(crate) quote: Option<String>,
    /// What stands before a quote within quotes [default: the quote is written twice]
    #[arg(long, value_name = "CHARACTER", allow_hyphen_values = true, help_heading = HEADING)]
    pub(crate) escape: Option<String>,
    /// The first line holds the names of the columns [default: found out]
    #[arg(long, help_heading = HEADING)]
    pub(crate) header: bool,
    /// The first line is a row: columns are named column_1, column_2 …
    #[arg(long, conflicts_with = "header", help_heading = HEADING)]
    pub(crate) no_header: bool,
    /// Names of the columns, separated by commas; with `--header` in place of those in the file
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = HEADING)]
    pub(crate) column_names: Vec<String>,
    /// Lines to leave out before the header or the first row
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true, help_heading = HEADING)]
    pub(crate) skip_lines: u64,
    /// Words that mean null, separated by commas, besides the empty field
    #[arg(long, value_name = "WORD", value_delimiter = ',', allow_hyphen_values = true, help_heading = HEADING)]
    pub(crate) null_words: Vec<String>,
    /// Numbers have a comma before their decimals, and may have points between thousands
    #[arg(long, help_heading = HEADING)]
    pub(crate) decimal_comma: bool,
    /// How dates or timestamps are written, such as %d.%m.%Y or "%m/%d/%Y %H:%M"
    #[arg(long, value_name = "FORMAT", help_heading = HEADING)]
    pub(crate) date_format: Option<String>,
    /// Columns that stay text, separated by commas; * is all of them
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = HEADING)]
    pub(crate) text_columns: Vec<String>,
    /// Rows may have fewer fields than there are columns: what is missing is null
    #[arg(long, help_heading = HEADING)]
    pub(crate) allow_short_rows: bool,
}

/// A column and its other name.
pub(super) fn renamed(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.trim().is_empty() && !new.trim().is_empty() => {
            Ok((old.trim().to_owned(), new.trim().to_owned()))
        }
        _ => Err("write the column, `=`, and its other name: userId=customer".to_owned()),
    }
}

/// A length of time in whole seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    dlt::duration_of(text)
        .map(|time| time.as_secs())
        .ok_or_else(|| "write a number and a unit: `30 s`, `5 min`".to_owned())
}

/// How a DAG was made of a pipeline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added {
    pub(crate) decompose: &'static str,
    pub(crate) took: std::time::Duration,
}

/// `serialize:0.0012`.
pub(super) fn added(text: &str) -> Result<Added, String> {
    let wrong = || "write how the pipeline was taken apart, `:`, and seconds".to_owned();
    let (word, seconds) = text.split_once(':').ok_or_else(wrong)?;
    let decompose =
        dlt::deploy::Decompose::ALL.map(dlt::deploy::Decompose::name).into_iter().find(|known| *known == word);
    let took = seconds.parse().ok().and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok());
    decompose.zip(took).map(|(decompose, took)| Added { decompose, took }).ok_or_else(wrong)
}
