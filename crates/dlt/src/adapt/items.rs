//! The rows of a piece of JSON, one after the other.

use dlt_engine::source::JsonChunk;
use dlt_engine::{Error, ErrorKind};
use serde_json::value::RawValue;

/// A row where it stands.
pub(super) struct Item<'a> {
    /// Its text.
    pub(super) text: &'a str,
    /// Number of the line that it begins in.
    pub(super) line: u64,
}

/// Text that cannot be read. What is wrong with it is the engine's to say.
#[derive(Debug, PartialEq)]
pub(super) struct Broken {
    /// Place of its first byte in the piece.
    pub(super) start: usize,
    /// Number of the line of that byte.
    pub(super) line: u64,
}

/// Calls `each` with every row, until it returns false. A list is the rows in it, as the engine takes it, and null is no
/// row. Returns where the text cannot be read on.
pub(super) fn each_item<E>(
    chunk: &JsonChunk,
    mut each: impl FnMut(&Item<'_>) -> Result<bool, E>,
) -> Result<Option<Broken>, E> {
    let bytes = &chunk.bytes;
    let mut stream = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    let (mut line, mut seen) = (chunk.first_line, 0);
    loop {
        let start = stream.byte_offset();
        line += count_lines(&bytes[seen..start]);
        seen = start;
        let Some(value) = stream.next() else { return Ok(None) };
        let Ok(value) = value else { return Ok(Some(Broken { start, line })) };
        let begin = stream.byte_offset() - value.get().len();
        line += count_lines(&bytes[seen..begin]);
        seen = begin;
        let rows = match value.get().starts_with('[') {
            true => serde_json::from_str::<Vec<&RawValue>>(value.get()).unwrap_or_default(),
            false => vec![value],
        };
        for row in rows.into_iter().map(RawValue::get).filter(|row| *row != "null") {
            if !each(&Item { text: row, line })? {
                return Ok(None);
            }
        }
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Writes a piece anew, each row in the line in which it stood.
pub(super) struct Rewritten {
    bytes: Vec<u8>,
    line: u64,
}

impl Rewritten {
    pub(super) fn new(chunk: &JsonChunk) -> Self {
        Self { bytes: Vec::with_capacity(chunk.bytes.len()), line: chunk.first_line }
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a row that stands in this line, or came of one that does.
    pub(super) fn add(&mut self, line: u64, row: &[u8]) {
        self.go_to(line);
        self.bytes.extend_from_slice(row);
        self.line += count_lines(row);
    }

    /// Adds what cannot be read.
    pub(super) fn add_rest(&mut self, chunk: &JsonChunk, broken: &Broken) {
        self.go_to(broken.line);
        self.bytes.extend_from_slice(&chunk.bytes[broken.start..]);
    }

    fn go_to(&mut self, line: u64) {
        let missing = usize::try_from(line.saturating_sub(self.line)).unwrap_or(0);
        let between = if missing == 0 { b' ' } else { b'\n' };
        self.bytes.extend(std::iter::repeat_n(between, missing.max(1)));
        self.line = self.line.max(line);
    }

    pub(super) fn into_chunk(self, chunk: JsonChunk) -> JsonChunk {
        JsonChunk { bytes: self.bytes, ..chunk }
    }
}

/// The row is not what a step takes.
pub(super) fn unfit(chunk: &JsonChunk, line: u64, cause: &serde_json::Error) -> Error {
    // The cause itself may quote the value.
    let reason = if cause.is_data() { "its fields are not those that the step takes" } else { "it cannot be read" };
    Error::new(ErrorKind::Data, format!("a row does not fit the step that it goes through: {reason}"))
        .at(&*chunk.input, Some(line))
        .hint("take what may be missing as an Option, or serde_json::Value for any row")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn chunk(text: &str) -> JsonChunk {
        JsonChunk { bytes: text.into(), input: "t".into(), first_line: 5 }
    }

    fn items(text: &str) -> (Vec<(String, u64)>, Option<Broken>) {
        let mut found = Vec::new();
        let broken = each_item(&chunk(text), |item| {
            found.push((item.text.to_owned(), item.line));
            Ok::<_, ()>(true)
        });
        (found, broken.unwrap())
    }

    #[test]
    fn rows_are_found_with_their_lines() {
        let row = |text: &str, line| (text.to_owned(), line);
        let (found, broken) = items("{\"a\":1}\n\n{\"a\":\n2} [3,\nnull,{}]\nnull\n4");
        let expected = [row("{\"a\":1}", 5), row("{\"a\":\n2}", 7), row("3", 8), row("{}", 8), row("4", 11)];
        assert_eq!(found, expected);
        assert_eq!(broken, None);
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_engine_and_rows_keep_their_lines() {
        let text = "{\"a\":1}\n\n{\"a\":2}\n{\"a\":nan}\n{}";
        let (found, broken) = items(text);
        assert_eq!(found.len(), 2);
        let broken = broken.unwrap();
        assert_eq!(broken, Broken { start: 16, line: 7 });
        let mut rewritten = Rewritten::new(&chunk(text));
        rewritten.add(7, b"0");
        rewritten.add_rest(&chunk(text), &broken);
        assert_eq!(rewritten.into_chunk(chunk("")).bytes, b"\n\n0 \n{\"a\":nan}\n{}");
    }
}
