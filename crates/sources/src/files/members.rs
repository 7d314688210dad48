//! gzip archives of one member or several, and what follows them.

#![expect(clippy::disallowed_types, reason = "this is what reads the members after the first one")]

use flate2::bufread::GzDecoder;
use std::fmt;
use std::io::{self, BufRead, Read};

/// Something follows a complete gzip archive that is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trailing;

impl fmt::Display for Trailing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes that are no gzip follow the end of the archive")
    }
}

impl std::error::Error for Trailing {}

/// Reads all members, one after the other. Zeros after the last one are padding, as for other programs.
pub(super) struct Members<R> {
    current: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { current: Some(GzDecoder::new(inner)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.current.take() {
            let read = member.read(buffer)?;
            if read > 0 {
                self.current = Some(member);
                return Ok(read);
            }
            let mut inner = member.into_inner();
            self.current = if next_begins(&mut inner)? { Some(GzDecoder::new(inner)) } else { None };
        }
        Ok(0)
    }
}

/// Whether a member follows; `false` at the end.
fn next_begins(inner: &mut impl BufRead) -> io::Result<bool> {
    let mut padded = false;
    loop {
        let rest = inner.fill_buf()?;
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        match rest.get(zeros) {
            Some(0x1F) if !padded && zeros == 0 => return Ok(true),
            Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, Trailing)),
            None if rest.is_empty() => return Ok(false),
            None => {
                padded = true;
                inner.consume(zeros);
            }
        }
    }
}
