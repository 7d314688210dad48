//! The format of a stream that nobody named: by its first bytes.

use super::csv::looks_delimited;
use super::format::Format;
use super::open::Input;
use super::options::TextOptions;
use dlt_engine::{Error, ErrorKind, Notice, Result};

const SAMPLE_BYTES: u64 = 64 << 10;

/// Finds the format of an input.
///
/// # Errors
/// If it cannot be told: the message names the setting.
pub(super) fn format_of(input: &mut Input, options: &TextOptions) -> Result<Format> {
    let sample = input.peek(SAMPLE_BYTES)?;
    let text = String::from_utf8_lossy(&sample);
    let text = text.trim_start();
    if !options.csv.is_default() && !text.starts_with(['{', '[']) {
        return Ok(Format::Csv);
    }
    options.csv.say_unused_unless(options.csv.is_default(), &options.notices);
    if text.is_empty() || is_json(text) {
        return Ok(Format::Json);
    }
    let is_whole = (sample.len() as u64) < SAMPLE_BYTES;
    if looks_delimited(&sample, is_whole, options) {
        let notice = Notice::new(format!("{} was taken for CSV", input.name));
        options.notices.say(
            notice.hint(
                "`--format csv` confirms it, another format says otherwise (in a pipeline file `format = \"csv\"`)",
            ),
        );
        return Ok(Format::Csv);
    }
    Err(Error::new(
        ErrorKind::Data,
        "cannot tell the format: the input does not begin as JSON does, and its lines do not look like CSV",
    )
    .at(&*input.name, Some(1))
    .hint("say it: `--format csv`, `--format jsonl` or `--format json` (in a pipeline file `format = \"csv\"`)"))
}

/// Whether a text begins as JSON does: with a bracket, or with a value that ends where a value may end.
fn is_json(text: &str) -> bool {
    if text.starts_with(['{', '[']) {
        return true;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => {
            let rest = text.get(values.byte_offset()..).unwrap_or_default();
            rest.is_empty()
                || rest.starts_with(['\n', '\r', '{', '[', '"'])
                || (rest.starts_with(' ') && !rest.contains(','))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(text: &str, expected: Option<Format>) {
        let options = TextOptions::default();
        let mut input = Input::of_raw_bytes("<stdin>", text.as_bytes().to_vec(), &options).unwrap();
        let found = format_of(&mut input, &options);
        assert_eq!(options.notices.said().len(), usize::from(expected == Some(Format::Csv)));
        match expected {
            Some(format) => assert_eq!(found.unwrap(), format, "{text}"),
            None => assert!(found.unwrap_err().advice().unwrap().contains("`--format csv`"), "{text}"),
        }
    }

    #[test]
    fn the_first_lines_show_the_format() {
        for text in [
            "",
            " \n",
            "{\"a\":1}",
            "[1,2]\n[3]",
            "1\n2\n",
            "\"a\"\n\"b\"",
            "null",
            "1 2\n3",
            "[not json",
            "\"a\"\"b\"",
        ] {
            check(text, Some(Format::Json));
        }
        for text in
            ["id,name\n1,x\n", "\"id\",\"name\"\n1,x\n", "1,2\n3,4\n", "a;b\n1;2\n", "sep=;\na;b\n", "x\ty\n1\t2"]
        {
            check(text, Some(Format::Csv));
        }
        for text in ["name\nalice\n", "hello, world\nthis is text\n", "<x>"] {
            check(text, None);
        }
    }
}
