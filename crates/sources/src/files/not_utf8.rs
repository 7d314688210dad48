//! Looks again at a file whose text turned out not to be UTF-8.

use super::encoding::advice;
use super::line_ends::count_lines;
use super::open::{Input, Place};
use super::options::TextOptions;
use std::io::{self, Read};

/// What to do about the text of a file that is not UTF-8 in this line.
pub(super) fn advice_on(place: &Place, line: Option<u64>) -> Option<String> {
    let mut input = Input::open(place, &TextOptions::default()).ok()?;
    let mut left = line?.saturating_sub(LINES_BEFORE);
    while left > 1 {
        let piece = input.peek(PIECE_BYTES).ok()?;
        let end = memchr::memchr_iter(b'\n', &piece).take(usize::try_from(left - 1).ok()?).last();
        let length = end.map_or(piece.len(), |end| end + 1);
        if length == 0 {
            return None;
        }
        left -= count_lines(&piece[..length]);
        io::copy(&mut input.stream.by_ref().take(length as u64), &mut io::sink()).ok()?;
    }
    let sample = input.peek(4 * PIECE_BYTES).ok()?;
    std::str::from_utf8(&sample).err().map(|_| advice(&sample))
}

/// So many lines before the one that is no UTF-8 are looked at, too.
const LINES_BEFORE: u64 = 100;
const PIECE_BYTES: u64 = 64 << 10;
