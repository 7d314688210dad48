//! Files of object stores and web servers: what they are called, and how their bytes come here.

use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Object, Reader, Scheme, Store, StoreError, StoreErrorKind};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that is not of this machine.
#[derive(Clone)]
pub(crate) struct RemoteFile {
    pub(super) store: Store,
    /// Its path below the address of the store.
    pub(super) key: String,
    pub(super) object: Object,
    /// Its address without secrets, for messages.
    pub(super) shown: Arc<str>,
    /// Its name, without folders.
    pub(super) name: String,
    /// What was fetched to look at it, for whoever reads it afterwards.
    looked_at: Arc<Mutex<Option<Section>>>,
}

impl RemoteFile {
    pub(super) fn new(store: Store, key: String, object: Object, shown: &str, name: String) -> Self {
        Self { store, key, object, shown: shown.into(), name, looked_at: Arc::default() }
    }

    /// Opens the file.
    ///
    /// # Errors
    /// If the store fails, or the file is gone.
    pub(super) fn open(&self) -> Result<Reader> {
        self.store.get(&self.key).map_err(|error| self.error(error))
    }

    /// Whether it is a page of the web, which tells little of itself.
    pub(super) fn is_web(&self) -> bool {
        self.store.address().scheme() == Scheme::Http
    }

    /// When it was written, if the store tells.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        (self.object.modified != UNIX_EPOCH).then_some(self.object.modified)
    }

    /// Whether another content would be noticed.
    pub(super) fn is_known(&self) -> bool {
        self.object.etag.is_some() || self.modified().is_some()
    }

    /// What changes with its content.
    pub(super) fn state(&self) -> String {
        let since = self.object.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{} {} {:?}", self.object.size, since.as_nanos(), self.object.etag)
    }

    /// A failure of the store.
    pub(super) fn error(&self, error: StoreError) -> Error {
        store_error(error, self.is_web())
    }

    /// Copies the file into a temporary one, which is kept for who reads it: it is not to be fetched twice.
    ///
    /// # Errors
    /// As [`RemoteFile::fetch`].
    pub(super) fn fetch_to_look(&self) -> Result<Section> {
        let section = self.fetch(&Spool::default())?;
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(section.clone());
        Ok(section)
    }

    /// Copies the file into a temporary one.
    ///
    /// # Errors
    /// If the store fails, or the disk is full.
    pub(super) fn fetch(&self, spool: &Spool) -> Result<Section> {
        if let Some(section) = self.take_looked_at() {
            return Ok(section);
        }
        self.keep(spool, &mut self.open()?)
    }

    /// Copies what was read of the file into a temporary one.
    ///
    /// # Errors
    /// As [`RemoteFile::fetch`].
    pub(super) fn keep(&self, spool: &Spool, reader: &mut impl Read) -> Result<Section> {
        spool.add(reader).map_err(|failure| match failure {
            Failure::Read(cause) => self.unreadable(cause),
            Failure::Write(cause) => spool_error(&self.shown, cause),
        })
    }

    /// Reads the file into memory.
    ///
    /// # Errors
    /// If the store fails, or the file is gone.
    pub(super) fn read(&self) -> Result<Section> {
        if let Some(section) = self.take_looked_at() {
            return Ok(section);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.object.size).unwrap_or_default());
        self.open()?.read_to_end(&mut bytes).map_err(|cause| self.unreadable(cause))?;
        Ok(Section::memory(bytes))
    }

    fn take_looked_at(&self) -> Option<Section> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn unreadable(&self, cause: io::Error) -> Error {
        match StoreError::of_io(&cause) {
            Some(error) => self.error(error.clone()),
            None => Error::new(ErrorKind::Source, "cannot be read").at(&*self.shown, None).because(cause),
        }
    }
}

impl PartialEq for RemoteFile {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.store.address() == other.store.address()
    }
}

impl Eq for RemoteFile {}

impl std::fmt::Debug for RemoteFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A failure of a store, with what it means of a web page.
pub(super) fn store_error(error: StoreError, is_web: bool) -> Error {
    let kind = error.kind();
    let error = error.into_engine(ErrorKind::Source);
    match kind {
        StoreErrorKind::Denied | StoreErrorKind::Credentials if is_web => error.hint(
            "a signed address may have expired: get a new one; a name and password are written as https://name:password@host/…",
        ),
        StoreErrorKind::Unreachable if is_web => error.hint("look at the address and the network"),
        StoreErrorKind::NotFound if is_web => error.hint("look at the address; it must be that of one file"),
        _ => error,
    }
}

/// The failure of a temporary file; `what` is kept in it.
pub(super) fn spool_error(what: &str, cause: io::Error) -> Error {
    let error = Error::storage(&format!("keep {what} in"), &std::env::temp_dir(), cause);
    match error.advice() {
        Some(_) => error.hint("free some space, or set TMPDIR to a folder that has some"),
        None => error,
    }
}

/// One temporary file for everything that has to be read twice or from its end. It has no name, and is gone with the process.
#[derive(Clone, Default)]
pub(crate) struct Spool(Arc<Mutex<Option<Filled>>>);

/// A file, and how many bytes are in it.
type Filled = (Arc<File>, u64);

enum Failure {
    Read(io::Error),
    Write(io::Error),
}

impl Spool {
    fn add(&self, reader: &mut impl Read) -> Result<Section, Failure> {
        let mut spool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, begin) = match spool.take() {
            Some(spool) => spool,
            None => (Arc::new(tempfile::tempfile().map_err(Failure::Write)?), 0),
        };
        let mut end = begin;
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        loop {
            piece.clear();
            reader.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece).map_err(Failure::Read)?;
            if piece.is_empty() {
                break;
            }
            (&*file).write_all(&piece).map_err(Failure::Write)?;
            end += piece.len() as u64;
        }
        *spool = Some((Arc::clone(&file), end));
        Ok(Section { held: Held::File(file), begin, end })
    }
}

const PIECE_BYTES: usize = 1 << 20;

/// Bytes that are here: a part of a file, or all of it, or a piece of memory. Each reader of it has a place of its own.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    held: Held,
    begin: u64,
    end: u64,
}

#[derive(Clone, Debug)]
enum Held {
    File(Arc<File>),
    Memory(Arc<[u8]>),
}

impl Section {
    /// All of a file.
    pub(super) fn whole(file: File) -> io::Result<Self> {
        let end = file.metadata()?.len();
        Ok(Self { held: Held::File(Arc::new(file)), begin: 0, end })
    }

    /// A piece of memory.
    pub(super) fn memory(bytes: Vec<u8>) -> Self {
        Self { begin: 0, end: bytes.len() as u64, held: Held::Memory(bytes.into()) }
    }

    pub(super) fn len(&self) -> u64 {
        self.end - self.begin
    }

    /// Its bytes from an offset on.
    pub(super) fn from(&self, offset: u64) -> SectionReader {
        SectionReader { section: self.clone(), at: self.begin.saturating_add(offset).min(self.end) }
    }
}

/// See [`Section::from`].
pub(crate) struct SectionReader {
    section: Section,
    at: u64,
}

impl Read for SectionReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.section.end - self.at).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let read = match &self.section.held {
            Held::File(file) => file.read_at(&mut buffer[..wanted], self.at)?,
            Held::Memory(bytes) => {
                let at = usize::try_from(self.at).unwrap_or(usize::MAX);
                bytes.get(at..).unwrap_or_default().read(&mut buffer[..wanted])?
            }
        };
        if read == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        Ok(read)
    }
}

/// The extension of a name.
pub(super) fn extension_of(name: &str) -> &str {
    Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sections_of_one_file_are_read_apart() {
        let spool = Spool::default();
        let add = |bytes: &[u8]| spool.add(&mut io::Cursor::new(bytes.to_vec())).ok().unwrap();
        let sections = [add(b"one"), add(b""), add(b"three")];
        for _ in 0..2 {
            let text = |section: &Section| io::read_to_string(section.from(0)).unwrap();
            assert_eq!(sections.each_ref().map(text), ["one", "", "three"]);
        }
        assert_eq!(io::read_to_string(sections[2].from(3)).unwrap(), "ee");
        assert_eq!(io::read_to_string(sections[2].from(9)).unwrap(), "");
    }
}
