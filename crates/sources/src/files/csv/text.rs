//! The text as it goes into the parser, looked at on the way.

use super::dialect::Dialect;
use super::quotes::{Flaw, Quotes};
use std::io::{self, Cursor, Read};

/// A record may be this long: a quote that is never closed must not fill the memory.
pub(super) const MAX_RECORD_BYTES: u64 = 64 << 20;
/// Put after the text. If it does not come back as a record of its own, a quote was open at the end.
pub(super) const END_MARK: &str = "\u{1}end of text\u{1}";
/// The mark on a line of its own, wherever the text ended.
pub(super) const END: &str = "\n\u{1}end of text\u{1}\n";

/// Why the text ends for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextFlaw {
    /// Text after a closing quote.
    Quote(Flaw),
    /// A byte of zero, at this byte of the file.
    Zero(u64),
}

/// The text with the mark at its end, its quotes checked, and a limit on what may be read for one record.
pub(super) struct Text {
    text: Box<dyn Read + Send>,
    end: Cursor<&'static [u8]>,
    budget: u64,
    quotes: Quotes,
    flaw: Option<TextFlaw>,
}

impl Text {
    /// A text that begins at this byte of its file.
    pub(super) fn new(text: Box<dyn Read + Send>, dialect: &Dialect, begin: u64) -> Self {
        let (end, quotes) = (Cursor::new(END.as_bytes()), Quotes::new(dialect, begin));
        Self { text, end, budget: MAX_RECORD_BYTES, quotes, flaw: None }
    }

    /// Another record may be as long as the last.
    pub(super) fn renew_budget(&mut self) {
        self.budget = MAX_RECORD_BYTES;
    }

    /// What is wrong with the text.
    pub(super) fn flaw(&self) -> Option<TextFlaw> {
        self.flaw
    }

    /// The first flaw of a piece that begins at a byte of the file, and where it stands.
    fn check(&mut self, piece: &[u8], begin: u64) -> Option<(TextFlaw, u64)> {
        let zero = memchr::memchr(0, piece);
        let sound = zero.map_or(piece, |at| &piece[..at]);
        match (self.quotes.check(sound), zero) {
            (Err(flaw), _) => Some((TextFlaw::Quote(flaw), flaw.closed)),
            (Ok(()), Some(at)) => Some((TextFlaw::Zero(begin + at as u64), begin + at as u64)),
            (Ok(()), None) => None,
        }
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.flaw.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let begin = self.quotes.passed();
        let mut read = self.text.read(buffer)?;
        if let Some((flaw, at)) = self.check(&buffer[..read], begin) {
            self.flaw = Some(flaw);
            // The rows before it come first, with what may be wrong in them.
            read = usize::try_from(at.saturating_sub(begin)).unwrap_or(0).min(read);
            if read == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        if read == 0 {
            read = self.end.read(buffer)?;
        }
        self.budget = self.budget.saturating_sub(read as u64);
        Ok(read)
    }
}
