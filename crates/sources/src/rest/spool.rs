//! What children need of their parent's items, kept while the parent is read: in memory, beyond a megabyte on disk.

use dlt_engine::{Error, Result};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::SpooledTempFile;

const MEMORY_BYTES: usize = 1 << 20;
/// A child takes this much at once.
const PIECE_BYTES: u64 = 64 << 10;

/// Lines, written by a parent, and read by any number of children after it.
#[derive(Clone, Debug)]
pub(crate) struct Spool(Arc<Mutex<SpooledTempFile>>);

impl Spool {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(SpooledTempFile::new(MEMORY_BYTES))))
    }

    /// Adds a line, which must not hold a line end.
    pub(crate) fn push(&self, line: &str) -> Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::End(0))
            .and_then(|_| file.write_all(line.as_bytes()))
            .and_then(|()| file.write_all(b"\n"))
            .map_err(storage)
    }

    /// The lines from the first on.
    pub(crate) fn lines(&self) -> SpoolLines {
        SpoolLines { spool: self.clone(), at: 0, buffer: Vec::new(), taken: 0 }
    }
}

/// Reads the lines of a [`Spool`].
#[derive(Debug)]
pub(crate) struct SpoolLines {
    spool: Spool,
    at: u64,
    buffer: Vec<u8>,
    taken: usize,
}

impl SpoolLines {
    /// The next line, or `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<String>> {
        loop {
            let rest = &self.buffer[self.taken..];
            if let Some(end) = memchr::memchr(b'\n', rest) {
                let line = String::from_utf8_lossy(&rest[..end]).into_owned();
                self.taken += end + 1;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            if self.fill().map_err(storage)? == 0 {
                return Ok(None);
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut file = self.spool.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let read = (&mut *file).take(PIECE_BYTES).read_to_end(&mut self.buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn storage(cause: io::Error) -> Error {
    Error::storage("keep items in", &std::env::temp_dir(), cause)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_reader_gets_every_line() {
        let spool = Spool::new();
        let lines: Vec<String> = (0..100_000).map(|n| format!("line {n} é")).collect();
        lines.iter().for_each(|line| spool.push(line).unwrap());
        for _ in 0..2 {
            let mut reader = spool.lines();
            let mut read = Vec::new();
            while let Some(line) = reader.next().unwrap() {
                read.push(line);
            }
            assert_eq!(read, lines);
        }
    }
}
