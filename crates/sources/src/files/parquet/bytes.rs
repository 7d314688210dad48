//! Bytes of a Parquet file at any place of it.

use crate::files::open::{Place, open_file};
use crate::files::remote::{RemoteFile, Section, Spool};
use bytes::Bytes as Piece;
use dlt_engine::{Error, ErrorKind, Result};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use std::collections::VecDeque;
use std::io::{self, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// What can be read at any place.
#[derive(Clone)]
pub(super) enum Bytes {
    File(Section),
    Ranges(Arc<Ranges>),
}

impl Bytes {
    /// Opens a file to look at a little of it: one of another machine is not fetched as a whole, if its size is known.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn look(place: &Place) -> Result<Self> {
        match place {
            Place::Remote(remote) if !remote.is_web() => Ok(Self::Ranges(Arc::new(Ranges::of(remote.clone())))),
            Place::Remote(remote) => remote.fetch_to_look().map(Self::File),
            place => Self::open(place),
        }
    }

    /// Opens a file to read it; one of another machine is fetched into a temporary file.
    ///
    /// # Errors
    /// If it cannot be opened or fetched.
    pub(super) fn open(place: &Place) -> Result<Self> {
        match place {
            Place::Path(path) => {
                let unreadable = |cause| {
                    Error::new(ErrorKind::Source, "cannot be read").at(path.to_string_lossy(), None).because(cause)
                };
                Section::whole(open_file(path)?).map(Self::File).map_err(unreadable)
            }
            Place::Remote(remote) => remote.fetch(&Spool::default()).map(Self::File),
            Place::Fetched(_, section) => Ok(Self::File(section.clone())),
            Place::Stdin => Err(Error::new(ErrorKind::Internal, "a stream has no places")),
        }
    }

    /// The bytes from an offset on.
    pub(super) fn from(&self, offset: u64) -> Box<dyn Read + Send> {
        match self {
            Self::File(section) => Box::new(BufReader::new(section.from(offset))),
            Self::Ranges(ranges) => Box::new(BufReader::new(RangeReader { ranges: ranges.clone(), at: offset })),
        }
    }
}

impl Length for Bytes {
    fn len(&self) -> u64 {
        match self {
            Self::File(section) => section.len(),
            Self::Ranges(ranges) => ranges.size,
        }
    }
}

impl ChunkReader for Bytes {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.from(start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Piece> {
        let mut bytes = vec![0; length];
        self.from(start).read_exact(&mut bytes).map_err(|cause| ParquetError::External(Box::new(cause)))?;
        Ok(bytes.into())
    }
}

/// A piece has at least so many bytes …
const LEAST_BYTES: u64 = 128 << 10;
/// … and where one follows the other, up to so many.
const MOST_BYTES: u64 = 4 << 20;
/// So many pieces are kept.
const KEPT: usize = 8;

/// A file of an object store, of which pieces are fetched as they are asked for. Few of them are kept in memory: it is for the
/// directory at its end, and for a look at single columns.
pub(super) struct Ranges {
    file: Arc<RemoteFile>,
    size: u64,
    pieces: Mutex<VecDeque<(u64, Piece)>>,
}

impl Ranges {
    fn of(file: Arc<RemoteFile>) -> Self {
        Self { size: file.object.size, file, pieces: Mutex::default() }
    }

    /// Some bytes from an offset on; none at the end.
    fn at(&self, offset: u64) -> io::Result<Piece> {
        if offset >= self.size {
            return Ok(Piece::new());
        }
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |(begin, piece): &(u64, Piece)| *begin <= offset && offset < begin + piece.len() as u64;
        if let Some(at) = pieces.iter().position(holds)
            && let Some((begin, piece)) = pieces.remove(at)
        {
            let rest = piece.slice((offset - begin) as usize..);
            pieces.push_back((begin, piece));
            return Ok(rest);
        }
        // What follows a piece is read from one end to the other, and what is near the end is the directory.
        let before = pieces.iter().find(|(begin, piece)| begin + piece.len() as u64 == offset);
        let length = before.map_or(LEAST_BYTES, |(_, piece)| (piece.len() as u64 * 4).min(MOST_BYTES));
        let begin = if self.size - offset < LEAST_BYTES { self.size.saturating_sub(LEAST_BYTES) } else { offset };
        let end = (begin + length).min(self.size);
        let failed = |error: dlt_objects::StoreError| error.into_io();
        let mut piece = Vec::with_capacity((end - begin) as usize);
        self.file.store.get_range(&self.file.key, begin..end).map_err(failed)?.read_to_end(&mut piece)?;
        if piece.len() as u64 != end - begin {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let piece = Piece::from(piece);
        if pieces.len() >= KEPT {
            pieces.pop_front();
        }
        pieces.push_back((begin, piece.clone()));
        Ok(piece.slice((offset - begin) as usize..))
    }
}

struct RangeReader {
    ranges: Arc<Ranges>,
    at: u64,
}

impl Read for RangeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.ranges.at(self.at)?;
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        self.at += length as u64;
        Ok(length)
    }
}
