//! Reading and replacing small files: bounded, whole, and never from something that is no file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// At most so many bytes of a file. A pipe or a device, on which a read could wait for ever, is refused.
pub(crate) fn read_at_most(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    read_open(&mut File::open(path)?, found.len(), max_bytes)
}

/// The rest of an open file, of about so many bytes.
pub(crate) fn read_open(file: &mut File, length: u64, max_bytes: u64) -> io::Result<Vec<u8>> {
    // One byte more than there is: then one call reads it all, and a second finds the end.
    let capacity = usize::try_from(length.min(max_bytes)).unwrap_or(0) + 1;
    let mut bytes = Vec::with_capacity(capacity);
    file.take(max_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as text; a damaged letter becomes a mark and spoils nothing else.
pub(crate) fn text_at_most(path: &Path, max_bytes: u64) -> io::Result<String> {
    read_at_most(path, max_bytes).map(text_of)
}

pub(crate) fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Replaces a file in one step: whoever reads it sees the old or the new content, never a part. One process at a time.
pub(crate) fn replace(path: &Path, content: &str) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bounded_and_only_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.jsonl");
        replace(&path, "0123456789").unwrap();
        assert_eq!(text_at_most(&path, 4).unwrap(), "0123");
        assert!(read_at_most(folder.path(), 4).is_err());
        assert!(read_at_most(Path::new("/dev/null"), 4).is_err());
        assert_eq!(read_at_most(&folder.path().join("none"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
