//! Schemas as YAML files, which people read and edit, and which Python dlt writes and reads.
//!
//! Written is a small subset that readers of YAML 1.1 and 1.2 take for the same: blocks, plain words where nothing else can
//! be meant by them, and double quotes for all other text. Read is all of YAML.

use crate::error::{Error, ErrorKind, Result};
use serde_json::Value;

/// Nodes of a file at most: a schema of 300 000 columns with three hints each.
const MAX_NODES: usize = 3_000_000;

/// Words that one of the versions of YAML takes for something else than text.
const RESERVED: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

/// Writes a value as YAML.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => write_block(value, 0, &mut out),
        Value::Array(items) if !items.is_empty() => write_block(value, 0, &mut out),
        flat => {
            write_flat(flat, &mut out);
            out.push('\n');
        }
    }
    out
}

/// Writes an object or a list that is not empty; the first line is indented by its caller.
fn write_block(value: &Value, indent: usize, out: &mut String) {
    let mut is_first = true;
    let mut begin_line = |out: &mut String| {
        if !std::mem::take(&mut is_first) {
            out.extend(std::iter::repeat_n(' ', indent));
        }
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                begin_line(out);
                write_text(key, out);
                out.push(':');
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        out.push('\n');
                        out.extend(std::iter::repeat_n(' ', indent + 2));
                        write_block(value, indent + 2, out);
                    }
                    // A list stands below its key, not further in.
                    Value::Array(inner) if !inner.is_empty() => {
                        out.push('\n');
                        out.extend(std::iter::repeat_n(' ', indent));
                        write_block(value, indent, out);
                    }
                    flat => {
                        out.push(' ');
                        write_flat(flat, out);
                        out.push('\n');
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                begin_line(out);
                out.push_str("- ");
                match item {
                    Value::Object(inner) if !inner.is_empty() => write_block(item, indent + 2, out),
                    Value::Array(inner) if !inner.is_empty() => write_block(item, indent + 2, out),
                    flat => {
                        write_flat(flat, out);
                        out.push('\n');
                    }
                }
            }
        }
        flat => write_flat(flat, out),
    }
}

fn write_flat(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_text(&number.to_string())),
        Value::String(text) => write_text(text, out),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
    }
}

/// A number as both versions of YAML read it: `1e21` is text in one of them.
fn number_text(number: &str) -> String {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return number.to_owned() };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

fn write_text(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // What YAML does not let stand in a file, or would take for the end of a line.
            letter
                if letter.is_control()
                    || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}'..='\u{ffff}') =>
            {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

/// Whether text can stand without quotes: it begins like a word and has nothing in it that YAML might see as its own.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let is_harmless = |letter: char| letter.is_ascii_alphanumeric() || "_-+./=, ()".contains(letter);
    begins
        && text.chars().all(is_harmless)
        && !text.ends_with(' ')
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

/// Reads YAML; `input` is its name for messages.
///
/// # Errors
/// [`ErrorKind::Config`] with line and column if it is no YAML.
pub(super) fn read(text: &str, input: &str) -> Result<Value> {
    let mut options = serde_saphyr::Options::default();
    options.with_snippet = false;
    if let Some(budget) = &mut options.budget {
        budget.max_nodes = MAX_NODES;
        budget.max_events = 4 * MAX_NODES;
    }
    serde_saphyr::from_str_with_options(text, options).map_err(|cause| {
        let line = cause.location().map(|location| location.line());
        // The place is told by the error itself.
        let message = cause.to_string();
        let reason = message.lines().next().unwrap_or_default();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        let reason = match reason.split_once(": ") {
            Some((place, reason)) if place.starts_with("line ") => reason,
            _ => reason.rsplit_once(" at line ").map_or(reason, |(reason, _)| reason),
        };
        Error::new(ErrorKind::Config, format!("this is no YAML: {reason}")).at(input, line)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_as_what_it_was() {
        let words = [
            "",
            " ",
            "a",
            "no",
            "Yes",
            "~",
            "null",
            "1",
            "1.5",
            "0x10",
            "1_000",
            "12:30:45",
            "2024-01-01",
            "a: b",
            "a #b",
            "#a",
            "- a",
            "-",
            "?",
            "a\nb\n",
            "tab\tin",
            "\u{7}",
            "\u{85}",
            "\u{2028}",
            "日本",
            "it's",
            "\"q\"",
            "back\\slash",
            "trailing ",
            "{a}",
            "[a]",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a`",
            "|",
            ">",
            "a,b",
            "NaN",
            ".inf",
            "=",
            "<<",
            "\u{f027}2024",
            "🦀",
            "re:^_",
            "g6SF691iNRMcbgG/dQBCh5h/eQ/XcDH4aI+7GsECg68=",
            "_dlt_id",
            "e1",
            "1e3",
            "\u{feff}",
        ];
        let mut value = json!({"numbers": [0, -5, 18446744073709551615_u64, 1.5, 1e21, -1e-9], "flags": [true, false, null],
            "empty": {}, "none": [], "deep": [[1, [2]], {"a": [{"b": 1, "c": {"d": []}}]}]});
        for word in words {
            value[format!("key {word}")] = word.into();
            value[word] = json!([word, {word: word}]);
        }
        let text = write(&value);
        assert_eq!(read(&text, "x").unwrap(), value, "{text}");
        for flat in [json!("no"), json!(7), json!({}), json!([])] {
            assert_eq!(read(&write(&flat), "x").unwrap(), flat);
        }
    }

    #[test]
    fn what_people_write_is_read() {
        let text = "# a comment\ntables:\n  'no': &one {columns: {}}\n  \"two\": *one\nlist:\n- >\n  folded\n  text\n- |-\n  kept\n  lines\n";
        let expected = json!({"tables": {"no": {"columns": {}}, "two": {"columns": {}}}, "list": ["folded text\n", "kept\nlines"]});
        assert_eq!(read(text, "x").unwrap(), expected);
    }

    #[test]
    fn a_flaw_has_its_line_and_its_reason() {
        for (text, line, reason) in [
            ("a: 1\n  b: 2\n", 2, "mapping values are not allowed"),
            ("a: 1\na: 2\n", 2, "duplicate mapping key"),
            ("a: [1,\nb: 2\n", 1, "unclosed bracket"),
            ("a: \"b\n", 1, "unclosed quote"),
            ("a: &a [*a]\n", 1, "recursive"),
        ] {
            let error = read(text, "s.schema.yaml").unwrap_err();
            assert_eq!(error.location().and_then(|at| at.line), Some(line), "{error}");
            assert!(error.to_string().contains(reason) && !error.to_string().contains('\n'), "{error}");
        }
    }
}
