//! What is wrong with a row, each mistake in its own words.

use super::super::setting::{setting, switch};
use super::dialect::Dialect;
use super::quotes::Flaw;
use csv::StringRecord;

/// A complaint and what to do.
pub(super) type Complaint = (String, String);

/// `1 field`, `2 fields`.
pub(super) fn fields(count: usize) -> String {
    if count == 1 { "1 field".to_owned() } else { format!("{count} fields") }
}

/// A row that has not as many fields as there are columns; `whose` says what the columns were counted by.
pub(super) fn wrong_length(record: &StringRecord, columns: usize, whose: &str, dialect: &Dialect) -> Complaint {
    let counts = format!("the row has {}, {whose} {columns}", fields(record.len()));
    if record.len() < columns {
        let allow = switch("allow-short-rows", "allow_short_rows = true");
        return (counts, format!("{allow} makes what is missing null; if a field holds a line end, it needs quotes"));
    }
    let delimiter = dialect.delimiter_name();
    let Some(quote) = dialect.quote.map(char::from) else {
        return (counts, format!("a field must not hold the delimiter `{delimiter}` where there are no quotes"));
    };
    let numbered = || record.iter().zip(1..);
    let late = numbered().find(|(field, _)| field.starts_with([' ', '\t']) && field.trim_start().starts_with(quote));
    if let Some((_, number)) = late {
        let what = format!("{counts}: in field {number} a blank stands before the quote, which then quotes nothing");
        return (what, format!("take the blanks between `{delimiter}` and `{quote}` away"));
    }
    if let Some((_, number)) = numbered().find(|(field, _)| field.matches(quote).count() % 2 == 1) {
        let what = format!("{counts}: field {number} holds a quote and does not begin with one");
        return (
            what,
            format!(
                "a field that holds `{delimiter}` begins and ends with `{quote}`, and has quotes within it written twice"
            ),
        );
    }
    if quote == '"'
        && let Some((_, number)) = numbered().find(|(field, _)| field.starts_with('\'') && !field.ends_with('\''))
    {
        let what = format!("{counts}: field {number} begins with a single quote, which quotes nothing");
        return (what, setting("quote", "'"));
    }
    let hint = format!(
        "if a field holds the delimiter `{delimiter}`, put it into quotes; if the delimiter is another one: `--delimiter`"
    );
    (format!("{counts}: there is no column for field {}", columns + 1), hint)
}

/// A quote that nothing closes, in the last field of a row.
pub(super) fn not_closed(record: &StringRecord) -> Complaint {
    let what = format!("the quote that opens field {} is not closed", record.len());
    (what, format!("close it; if quotes are characters like any other in this file: {}", setting("quote", "none")))
}

/// Text after a closing quote; `opened` is the line of the opening one if that is another.
pub(super) fn after_quote(flaw: Flaw, opened: Option<u64>, dialect: &Dialect) -> Complaint {
    let quote = dialect.quote.map_or('"', char::from);
    let place = opened.map_or(String::new(), |line| format!(", in a field that is opened in line {line}"));
    if flaw.before == b'\\' && dialect.escape.is_none() {
        let what = format!("text after a closing quote, before which a backslash stands{place}");
        return (what, format!("if quotes are escaped by a backslash: {}", setting("escape", "\\")));
    }
    if matches!(flaw.after, b' ' | b'\t') {
        let what = format!("a blank after a closing quote{place}");
        return (what, format!("only the delimiter `{}` or a line end may follow it", dialect.delimiter_name()));
    }
    let hint = format!(
        "within a quoted field a quote is written twice: `{quote}{quote}`; behind the closing one only a delimiter or a line end may stand"
    );
    (format!("text after a closing quote{place}"), hint)
}

/// A byte of zero.
pub(super) fn zero() -> Complaint {
    let hint = format!("the file is damaged, or it is UTF-16: {}", setting("encoding", "utf-16le"));
    ("there is a zero byte, which no text has".to_owned(), hint)
}
