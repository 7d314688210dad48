//! JSON Lines as it stands in the file: large pieces, cut at line ends, otherwise untouched.

use super::line_ends::count_lines;
use super::open::Input;
use dlt_engine::source::{Chunk, JsonChunk, Reader};
use dlt_engine::{Error, ErrorKind, Result};
use std::io::Read;

/// A line, or one item of a JSON file, may be this long; what is longer is taken for a broken file, so that it cannot
/// fill the memory.
pub(crate) const MAX_ITEM_BYTES: usize = 1 << 30;

/// Cuts an input into pieces at its line ends. The bytes are copied once, from the kernel into the piece.
pub(crate) struct LineReader {
    input: Input,
    chunk_bytes: usize,
    /// What follows the last line end that was handed over.
    rest: Vec<u8>,
    line: u64,
    ended: bool,
}

impl LineReader {
    /// Pieces of about `chunk_bytes`; a longer line makes a longer piece.
    pub(crate) fn new(input: Input, chunk_bytes: usize) -> Self {
        Self { input, chunk_bytes, rest: Vec::new(), line: 1, ended: false }
    }

    fn too_long(&self) -> Error {
        Error::new(ErrorKind::Data, format!("the line is longer than {} MiB", MAX_ITEM_BYTES >> 20))
            .at(&*self.input.name, Some(self.line))
            .hint("JSON Lines needs a line end after each value; give `--format json` if the values span lines")
    }
}

impl Reader for LineReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut bytes = std::mem::take(&mut self.rest);
        // Only what was read last can hold a line end: the part before was searched already.
        let mut searched = bytes.len();
        while !self.ended {
            let wanted = self.chunk_bytes.max(bytes.len().saturating_mul(2)).max(1);
            self.ended = fill(&mut self.input, &mut bytes, wanted)?;
            if self.ended {
                break;
            }
            if let Some(end) = memchr::memrchr(b'\n', &bytes[searched..]) {
                let cut = searched + end + 1;
                let mut rest = Vec::with_capacity(self.chunk_bytes.max(bytes.len() - cut));
                rest.extend_from_slice(&bytes[cut..]);
                self.rest = rest;
                bytes.truncate(cut);
                break;
            }
            searched = bytes.len();
            if searched > MAX_ITEM_BYTES {
                return Err(self.too_long());
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let first_line = self.line;
        self.line += count_lines(&bytes);
        Ok(Some(Chunk::Json(JsonChunk { bytes, input: self.input.name.clone(), first_line })))
    }
}

/// Reads until `bytes` holds `wanted` bytes; says whether the input ended before.
pub(crate) fn fill(input: &mut Input, bytes: &mut Vec<u8>, wanted: usize) -> Result<bool> {
    let room = wanted.saturating_sub(bytes.len());
    bytes.reserve_exact(room);
    match input.stream.by_ref().take(room as u64).read_to_end(bytes) {
        Ok(_) => Ok(bytes.len() < wanted),
        Err(cause) => Err(input.read_error(cause)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8], chunk_bytes: usize) -> Vec<JsonChunk> {
        let mut reader = LineReader::new(Input::of_bytes("test", text.to_vec()), chunk_bytes);
        let mut chunks = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            let Chunk::Json(chunk) = chunk else { panic!("JSON expected") };
            chunks.push(chunk);
        }
        chunks
    }

    #[test]
    fn nothing_is_no_piece() {
        assert!(read(b"", 10).is_empty());
    }

    #[test]
    fn a_long_line_makes_a_long_piece() {
        let chunks = read(b"1\n22222222222222222222\n3\n", 4);
        let texts: Vec<_> = chunks.iter().map(|c| String::from_utf8(c.bytes.clone()).unwrap()).collect();
        assert_eq!(texts.concat(), "1\n22222222222222222222\n3\n");
        assert_eq!(texts[0], "1\n");
        assert_eq!(chunks[1].first_line, 2);
        assert!(texts.iter().all(|text| text.ends_with('\n')));
    }

    proptest! {
        #[test]
        fn pieces_are_the_file_cut_at_line_ends(lines in prop::collection::vec("[a-z]{0,12}", 0..40), tail in "[a-z]{0,5}", chunk_bytes in 1usize..40) {
            let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            text.push_str(&tail);
            let chunks = read(text.as_bytes(), chunk_bytes);
            let mut line = 1;
            for (index, chunk) in chunks.iter().enumerate() {
                prop_assert_eq!(chunk.first_line, line);
                prop_assert!(index + 1 == chunks.len() || chunk.bytes.ends_with(b"\n"));
                line += count_lines(&chunk.bytes);
            }
            let all: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
            prop_assert_eq!(all, text.into_bytes());
        }
    }
}
