//! The first rows of a resource.

use std::convert::Infallible;

use dlt_engine::source::{ArrowChunk, Chunk, JsonChunk, Reader};
use dlt_engine::{Error, ErrorKind, Result};

use super::items::{Rewritten, each_item};

/// The first `rows` rows that a reader gives.
pub(super) fn limited(reader: Box<dyn Reader>, rows: u64) -> Box<dyn Reader> {
    Box::new(Limited { reader, left: rows })
}

/// In place of the reader of a resource that cannot be cut short.
pub(super) fn refused() -> Box<dyn Reader> {
    Box::new(Refused)
}

struct Refused;

impl Reader for Refused {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let what = "a limit would leave out rows of files that count as loaded from then on, by `modification_date`";
        Err(Error::new(ErrorKind::Config, what).hint("leave out the limit or the incremental, or name fewer files"))
    }
}

struct Limited {
    reader: Box<dyn Reader>,
    left: u64,
}

impl Reader for Limited {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        if self.left == 0 {
            return Ok(None);
        }
        Ok(match self.reader.next_chunk()? {
            None => None,
            Some(Chunk::Json(chunk)) => Some(Chunk::Json(self.cut(chunk))),
            Some(Chunk::Arrow(chunk)) => {
                let rows = usize::try_from(self.left).unwrap_or(usize::MAX).min(chunk.batch.num_rows());
                self.left -= rows as u64;
                Some(Chunk::Arrow(ArrowChunk { batch: chunk.batch.slice(0, rows), ..chunk }))
            }
        })
    }
}

impl Limited {
    fn cut(&mut self, chunk: JsonChunk) -> JsonChunk {
        let mut taken = Rewritten::new(&chunk);
        let mut has_more = false;
        let Ok(_) = each_item(&chunk, |item| {
            has_more = self.left == 0;
            if !has_more {
                self.left -= 1;
                taken.add(item.line, item.text.as_bytes());
            }
            Ok::<_, Infallible>(!has_more)
        });
        // Text that cannot be read counts where rows were still wanted; the engine refuses it.
        if has_more || self.left == 0 { taken.into_chunk(chunk) } else { chunk }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn first(rows: u64, pieces: &'static [&'static str]) -> Vec<String> {
        struct Pieces(std::slice::Iter<'static, &'static str>);
        impl Reader for Pieces {
            fn next_chunk(&mut self) -> Result<Option<Chunk>> {
                let piece = |text: &&str| JsonChunk { bytes: (*text).into(), input: "t".into(), first_line: 1 };
                Ok(self.0.next().map(piece).map(Chunk::Json))
            }
        }
        let mut reader = limited(Box::new(Pieces(pieces.iter())), rows);
        let mut found = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            let Chunk::Json(chunk) = chunk else { unreachable!() };
            found.push(String::from_utf8(chunk.bytes).unwrap().trim().to_owned());
        }
        found
    }

    #[test]
    fn rows_are_counted_over_pieces_and_lists() {
        let pieces = &["1\n2\n", "[3,4,5]\n6\n", "7"];
        assert_eq!(first(0, pieces), [""; 0]);
        assert_eq!(first(1, pieces), ["1"]);
        assert_eq!(first(2, pieces), ["1\n2"]);
        assert_eq!(first(4, pieces), ["1\n2", "3 4"]);
        assert_eq!(first(5, pieces), ["1\n2", "3 4 5"]);
        assert_eq!(first(6, pieces), ["1\n2", "3 4 5\n6"]);
        assert_eq!(first(9, pieces), ["1\n2", "[3,4,5]\n6", "7"]);
    }

    #[test]
    fn text_that_cannot_be_read_is_passed_on_only_where_rows_are_wanted() {
        assert_eq!(first(1, &["1\nnan\n"]), ["1"]);
        assert_eq!(first(2, &["1\nnan\n"]), ["1\nnan"]);
    }
}
