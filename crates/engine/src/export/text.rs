//! Rows as text: CSV and JSON Lines.

use std::borrow::Cow;

/// A header, or nothing where a format has none.
pub(super) fn csv_header(names: &[String], delimiter: char, out: &mut String) {
    push_fields(names.iter().map(|name| Some(Cow::Borrowed(name.as_str()))), delimiter, out);
}

/// A row of values that are JSON already. A missing value is nothing, an empty text `""`; objects and arrays stay JSON.
pub(super) fn csv_row(values: &[String], delimiter: char, out: &mut String) {
    push_fields(values.iter().map(|value| field_of(value)), delimiter, out);
}

fn push_fields<'a>(fields: impl Iterator<Item = Option<Cow<'a, str>>>, delimiter: char, out: &mut String) {
    let begin = out.len();
    for (at, field) in fields.enumerate() {
        if at > 0 {
            out.push(delimiter);
        }
        let Some(field) = field else { continue };
        if field.is_empty() || field.contains([delimiter, '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&field);
        }
    }
    if out.len() == begin {
        // Readers pass over lines without anything in them.
        out.push_str("\"\"");
    }
    out.push('\n');
}

/// What stands in a field; `None` for a missing value.
fn field_of(json: &str) -> Option<Cow<'_, str>> {
    match json {
        "null" => None,
        text if text.starts_with('"') => Some(serde_json::from_str(text).map_or(Cow::Borrowed(text), Cow::Owned)),
        other => Some(Cow::Borrowed(other)),
    }
}

/// A row as an object on a line of its own; `names` are JSON texts.
pub(super) fn json_row(names: &[String], values: &[String], out: &mut String) {
    out.push('{');
    for (at, (name, value)) in names.iter().zip(values).enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(name);
        out.push(':');
        out.push_str(value);
    }
    out.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(values: &[&str]) -> String {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        let mut out = String::new();
        csv_row(&values, ',', &mut out);
        out
    }

    #[test]
    fn missing_values_are_told_from_empty_texts() {
        assert_eq!(csv(&["1", "null", "\"\"", "\"a\""]), "1,,\"\",a\n");
        assert_eq!(csv(&["null"]), "\"\"\n");
        assert_eq!(csv(&["null", "null"]), ",\n");
        assert_eq!(csv(&["\"a,b\"", "\"say \\\"hi\\\"\"", "\"x\\ny\""]), "\"a,b\",\"say \"\"hi\"\"\",\"x\ny\"\n");
        assert_eq!(csv(&["{\"a\":[1]}", "\"null\""]), "\"{\"\"a\"\":[1]}\",null\n");
    }

    #[test]
    fn a_row_is_an_object() {
        let (names, values) = (["\"a\\\"b\"".to_owned(), "\"c\"".to_owned()], ["1".to_owned(), "null".to_owned()]);
        let mut out = String::new();
        json_row(&names, &values, &mut out);
        assert_eq!(out, "{\"a\\\"b\":1,\"c\":null}\n");
    }
}
