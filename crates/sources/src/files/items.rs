//! JSON files that are not lines: one large array, or values on as many lines as they like.
//!
//! A scan of the structure (strings, brackets, the commas of the outer array) finds where items end, so that a file of
//! any size is handed over in pieces of bounded size. Whether an item is valid in itself is not looked at here.

use super::line_ends::count_lines;
use super::lines::{MAX_ITEM_BYTES, fill};
use super::open::Input;
use super::scan::{Flaw, Scan};
use dlt_engine::source::{Chunk, JsonChunk, Reader};
use dlt_engine::{Error, ErrorKind, Result};

/// Cuts an input into pieces of whole JSON values. The brackets and commas of an outer array become blanks; everything
/// else, line ends included, stays as it stands in the file.
pub(crate) struct ItemReader {
    input: Input,
    chunk_bytes: usize,
    /// Read, not handed over.
    rest: Vec<u8>,
    /// Bytes of `rest` that were scanned.
    scanned: usize,
    /// Line that `rest` begins in.
    line: u64,
    scan: Scan,
    ended: bool,
}

impl ItemReader {
    /// Pieces of about `chunk_bytes`; a longer item makes a longer piece.
    pub(crate) fn new(input: Input, chunk_bytes: usize) -> Self {
        Self { input, chunk_bytes, rest: Vec::new(), scanned: 0, line: 1, scan: Scan::default(), ended: false }
    }

    fn error(&self, flaw: &Flaw, bytes: &[u8]) -> Error {
        let line = self.line + count_lines(&bytes[..flaw.at.min(bytes.len())]);
        let error = Error::new(ErrorKind::Data, flaw.what).at(&*self.input.name, Some(line));
        match flaw.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl Reader for ItemReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut bytes = std::mem::take(&mut self.rest);
        loop {
            if !self.ended {
                let wanted = self.chunk_bytes.max(bytes.len().saturating_mul(2)).max(1);
                self.ended = fill(&mut self.input, &mut bytes, wanted)?;
            }
            let scanned = self.scan.advance(&mut bytes, self.scanned);
            self.scanned = bytes.len();
            scanned
                .and_then(|()| if self.ended { self.scan.end(bytes.len()) } else { Ok(()) })
                .map_err(|flaw| self.error(&flaw, &bytes))?;
            let cut = if self.ended { bytes.len() } else { self.scan.complete() };
            if cut > 0 || self.ended {
                if bytes[..cut].iter().all(u8::is_ascii_whitespace) && self.ended {
                    return Ok(None);
                }
                let mut rest = Vec::with_capacity(self.chunk_bytes.max(bytes.len() - cut));
                rest.extend_from_slice(&bytes[cut..]);
                bytes.truncate(cut);
                self.rest = rest;
                self.scanned -= cut;
                self.scan.shift(cut);
                let first_line = self.line;
                self.line += count_lines(&bytes);
                // Values that touch (`{}{}`) are legal here, and apart in a piece. Blanks add no line.
                let bytes = separate(bytes, self.scan.take_touching());
                return Ok(Some(Chunk::Json(JsonChunk { bytes, input: self.input.name.clone(), first_line })));
            }
            if bytes.len() > MAX_ITEM_BYTES {
                return Err(self.error(&self.scan.too_long(), &bytes));
            }
        }
    }
}

/// Puts a blank before each of the positions.
fn separate(bytes: Vec<u8>, positions: Vec<usize>) -> Vec<u8> {
    if positions.is_empty() {
        return bytes;
    }
    let mut apart = Vec::with_capacity(bytes.len() + positions.len());
    let mut from = 0;
    for at in positions {
        apart.extend_from_slice(&bytes[from..at]);
        apart.push(b' ');
        from = at;
    }
    apart.extend_from_slice(&bytes[from..]);
    apart
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn read(text: &[u8], chunk_bytes: usize) -> Result<Vec<JsonChunk>> {
        let mut reader = ItemReader::new(Input::of_bytes("x.json", text.to_vec()), chunk_bytes);
        let mut chunks = Vec::new();
        while let Some(chunk) = reader.next_chunk()? {
            let Chunk::Json(chunk) = chunk else { panic!("JSON expected") };
            chunks.push(chunk);
        }
        assert!(reader.next_chunk()?.is_none());
        Ok(chunks)
    }

    fn items(chunks: &[JsonChunk]) -> Vec<Value> {
        let parse = |chunk: &JsonChunk| {
            serde_json::Deserializer::from_slice(&chunk.bytes).into_iter().collect::<Result<Vec<Value>, _>>().unwrap()
        };
        chunks.iter().flat_map(parse).collect()
    }

    fn check(text: &str, expected: &[&str]) {
        let expected: Vec<Value> = expected.iter().map(|item| serde_json::from_str(item).unwrap()).collect();
        for chunk_bytes in [1, 2, 3, 5, 8, 1000] {
            let chunks = read(text.as_bytes(), chunk_bytes).unwrap();
            assert_eq!(items(&chunks), expected, "{text} in pieces of {chunk_bytes}");
            let mut line = 1;
            for chunk in &chunks {
                assert_eq!(chunk.first_line, line);
                line += count_lines(&chunk.bytes);
            }
        }
    }

    #[test]
    fn an_array_is_its_items() {
        check(r#"[]"#, &[]);
        check(" [\n] \n", &[]);
        check(r#"[{"a":1},{"a":2}]"#, &[r#"{"a":1}"#, r#"{"a":2}"#]);
        check("[\n  {\n \"a\": [1, {\"b\": [2]}]\n },\n {}\n]\n", &[r#"{"a":[1,{"b":[2]}]}"#, "{}"]);
        check(r#"[1,-2.5e3,"x,]",null,true,[3,4]]"#, &["1", "-2.5e3", r#""x,]""#, "null", "true", "[3,4]"]);
        check("[1,2]\n[3]", &["1", "2", "3"]);
        check("[[1]][]\n [\n] [{},\n2]", &["[1]", "{}", "2"]);
        check(r#"["\\","\"]",{"}\\\"":"{["}]"#, &[r#""\\""#, r#""\"]""#, r#"{"}\\\"":"{["}"#]);
    }

    #[test]
    fn values_follow_one_another() {
        check("", &[]);
        check(" \n ", &[]);
        check("{\"a\":1}", &["{\"a\":1}"]);
        check("{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}", &["{\"a\":1}", "{\"a\":2}"]);
        check("{\"a\":1}{\"a\":2}\n{}", &["{\"a\":1}", "{\"a\":2}", "{}"]);
        check("1 2\n3", &["1", "2", "3"]);
        check("\"a\"\"b\"", &["\"a\"", "\"b\""]);
    }

    #[test]
    fn flaws_are_told_with_their_line() {
        let cases = [
            ("[\n{\"a\":1},\n{\"a\":2}", 3, "the array is not closed"),
            ("[\n{\"a\":1},\n{\"a\":2", 3, "does not end"),
            ("[\n1,\n2,\n]", 4, "no value"),
            ("[1,,2]", 1, "no value"),
            ("[,1]", 1, "no value"),
            ("[1\n 2]", 2, "comma is missing"),
            ("[1]\n\n{}", 3, "follows the end of the array"),
            ("[1]\n[2", 2, "the array is not closed"),
            ("[1]\n[2],\n[3]", 2, "follows the end of the array"),
            ("[1] ]", 1, "follows the end of the array"),
            ("{}\n}", 2, "nothing opened"),
            ("{\"a\":1},\n{\"a\":2}", 1, "comma outside of an array"),
            ("{\"a\":1}\n{\"a\n\":2}", 2, "line ends inside a string"),
            ("{}\n{\"a\": {\n\n\n", 2, "does not end"),
        ];
        for (text, line, message) in cases {
            for chunk_bytes in [1, 3, 1000] {
                let error = read(text.as_bytes(), chunk_bytes).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Data);
                assert_eq!(error.location().unwrap().line, Some(line), "{text}: {error}");
                assert!(error.to_string().contains(message), "{text}: {error}");
            }
        }
    }

    #[test]
    fn a_large_array_is_read_in_small_pieces() {
        let text = format!("[{}1]", "{\"a\": \"bcdefgh\"},\n".repeat(10_000));
        let chunks = read(text.as_bytes(), 1000).unwrap();
        assert!(chunks.iter().all(|chunk| chunk.bytes.len() <= 1000));
        assert_eq!(items(&chunks).len(), 10_001);
        assert_eq!(chunks.last().unwrap().first_line + count_lines(&chunks.last().unwrap().bytes), 10_001);
    }

    fn json() -> impl Strategy<Value = Value> {
        let text = "[a\\\\\"{}\\[\\],:\n é]{0,8}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((text, inner), 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_buffer_the_items_are_the_same(
            values in prop::collection::vec(json(), 0..8), pretty: bool, chunk_bytes in 1usize..64,
        ) {
            let array = Value::from(values.clone());
            let text = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.unwrap();
            prop_assert_eq!(items(&read(text.as_bytes(), chunk_bytes).unwrap()), values.clone());

            // An array in front would be the outer one.
            let values: Vec<Value> = values.into_iter().skip_while(Value::is_array).collect();
            let print = |value: &Value| if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
            let text: String = values.iter().map(|value| print(value).unwrap() + "\n").collect();
            prop_assert_eq!(items(&read(text.as_bytes(), chunk_bytes).unwrap()), values);
        }
    }
}
