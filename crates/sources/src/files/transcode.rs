//! Text of another encoding as UTF-8, while it is read.

use super::encoding::Encoding;
use encoding_rs::{Decoder, DecoderResult};
use std::fmt;
use std::io::{self, Read};

const PIECE_BYTES: usize = 64 << 10;
/// Bytes of UTF-8 that a piece may become: three for each, and what the decoder held back.
const TEXT_BYTES: usize = 3 * PIECE_BYTES + 16;

/// Reads bytes of one encoding and gives UTF-8. Bytes that are no text in it are an error: [`Malformed`].
pub(super) struct Transcoder<R> {
    inner: R,
    encoding: Encoding,
    decoder: Decoder,
    piece: Vec<u8>,
    text: Vec<u8>,
    /// What of `text` was not handed over.
    pending: std::ops::Range<usize>,
    /// Line ends that were handed over or wait in `text`.
    lines: u64,
    ended: bool,
    malformed: Option<Malformed>,
}

/// Bytes that are no text in the encoding that was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Malformed {
    pub(super) encoding: Encoding,
    pub(super) line: u64,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text is not valid {}", self.encoding)
    }
}

impl std::error::Error for Malformed {}

impl<R: Read> Transcoder<R> {
    pub(super) fn new(inner: R, encoding: Encoding) -> Self {
        Self {
            inner,
            encoding,
            decoder: encoding.decoder(),
            piece: Vec::with_capacity(PIECE_BYTES),
            text: vec![0; TEXT_BYTES],
            pending: 0..0,
            lines: 0,
            ended: false,
            malformed: None,
        }
    }

    fn decode_more(&mut self) -> io::Result<()> {
        self.piece.clear();
        self.inner.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut self.piece)?;
        self.ended = self.piece.len() < PIECE_BYTES;
        let (result, _, written) =
            self.decoder.decode_to_utf8_without_replacement(&self.piece, &mut self.text, self.ended);
        self.pending = 0..written;
        self.lines += super::line_ends::count_lines(&self.text[..written]);
        if let DecoderResult::Malformed(..) = result {
            self.malformed = Some(Malformed { encoding: self.encoding, line: self.lines + 1 });
        }
        Ok(())
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.pending.is_empty() {
            if let Some(malformed) = self.malformed {
                return Err(io::Error::new(io::ErrorKind::InvalidData, malformed));
            }
            if self.ended {
                return Ok(0);
            }
            self.decode_more()?;
        }
        let given = self.pending.len().min(buffer.len());
        buffer[..given].copy_from_slice(&self.text[self.pending.start..self.pending.start + given]);
        self.pending.start += given;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(bytes: &[u8], encoding: &str) -> Result<String, Malformed> {
        let mut text = String::new();
        let read = Transcoder::new(bytes, Encoding::parse(encoding).unwrap()).read_to_string(&mut text);
        read.map(|_| text).map_err(|cause| *cause.get_ref().unwrap().downcast_ref().unwrap())
    }

    #[test]
    fn text_becomes_utf8_whatever_the_pieces() {
        let long = "Grüße, 山田\r\n".repeat(20_000);
        let utf16: Vec<u8> = long.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&utf16, "utf-16le").unwrap(), long);
        assert_eq!(read(b"M\xFCller", "cp1252").unwrap(), "Müller");
        assert_eq!(read(b"", "gbk").unwrap(), "");
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_line() {
        for (bytes, encoding) in [(&b"a\nb\n\x81\x20"[..], "gbk"), (b"a\0\n\0b\0\n\0\x00\xD8", "utf-16le")] {
            let malformed = read(bytes, encoding).unwrap_err();
            assert_eq!(malformed.line, 3, "{encoding}");
        }
    }
}
