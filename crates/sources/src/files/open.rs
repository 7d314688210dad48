//! Opening an input: a file or standard input, unpacked on the way where its first bytes say that it is packed.

use dlt_engine::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How standard input is called in messages.
pub(crate) const STDIN: &str = "<stdin>";

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Stdin,
    Path(PathBuf),
}

impl Place {
    /// For messages: as the person gave it.
    pub(crate) fn display(&self) -> Arc<str> {
        match self {
            Self::Stdin => STDIN.into(),
            Self::Path(path) => path.to_string_lossy().into(),
        }
    }
}

/// An opened input, its bytes unpacked.
pub(crate) struct Input {
    pub(crate) name: Arc<str>,
    pub(crate) stream: Box<dyn Read + Send>,
    pub(crate) packing: Packing,
}

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// By the signature in the first bytes, so that standard input can be packed as well.
    fn of_first_bytes(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"\x1F\x8B") {
            Self::Gzip
        } else if bytes.starts_with(b"\x28\xB5\x2F\xFD") {
            Self::Zstd
        } else {
            Self::None
        }
    }

    fn of_extension(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("gz") => Self::Gzip,
            Some(extension) if extension.eq_ignore_ascii_case("zst") || extension.eq_ignore_ascii_case("zstd") => {
                Self::Zstd
            }
            _ => Self::None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Says what it means that reading failed: the system's fault, a damaged archive, or one that is too much for us.
    pub(crate) fn read_error(self, input: &str, cause: io::Error) -> Error {
        if self == Self::None || cause.raw_os_error().is_some() {
            return Error::new(ErrorKind::Source, "cannot be read").at(input, None).because(cause);
        }
        // The decoder has no other sign for it.
        if self == Self::Zstd && cause.to_string().contains("requires too much memory") {
            return Error::new(ErrorKind::Data, "the zstd archive was packed with a window of more than 128 MiB")
                .at(input, None)
                .because(cause)
                .hint("pack it again without `--long`, or unpack it on the way in: `zstd -dc --long=31 FILE | dlt ingest -`");
        }
        let what = if cause.kind() == io::ErrorKind::UnexpectedEof { "is cut off" } else { "is damaged" };
        Error::new(ErrorKind::Data, format!("the {} archive {what}", self.name()))
            .at(input, None)
            .because(cause)
            .hint("fetch or pack the file again")
    }
}

impl Input {
    /// Opens `place`.
    ///
    /// # Errors
    /// If it cannot be opened, or its extension promises an archive that it is not.
    pub(crate) fn open(place: &Place) -> Result<Self> {
        let name = place.display();
        let (stream, promised): (Box<dyn Read + Send>, _) = match place {
            Place::Stdin => (Box::new(io::stdin()), Packing::None),
            Place::Path(path) => (Box::new(open_file(path)?), Packing::of_extension(path)),
        };
        Self::unpack(name, stream, promised)
    }

    fn unpack(name: Arc<str>, mut stream: Box<dyn Read + Send>, promised: Packing) -> Result<Self> {
        let mut first = Vec::with_capacity(4);
        let raw_error = |cause| Error::new(ErrorKind::Source, "cannot be read").at(&*name, None).because(cause);
        stream.by_ref().take(4).read_to_end(&mut first).map_err(raw_error)?;
        let packing = Packing::of_first_bytes(&first);
        if promised != packing && promised != Packing::None && !first.is_empty() {
            return Err(Error::new(ErrorKind::Data, format!("is not a {} archive", promised.name()))
                .at(&*name, None)
                .hint("give the file the extension that it should have"));
        }
        let whole = Cursor::new(first).chain(stream);
        let stream: Box<dyn Read + Send> = match packing {
            Packing::None => Box::new(whole),
            Packing::Gzip => {
                Box::new(flate2::bufread::MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, whole)))
            }
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(whole).map_err(raw_error)?),
        };
        Ok(Self { name, stream, packing })
    }

    /// See [`Packing::read_error`].
    pub(crate) fn read_error(&self, cause: io::Error) -> Error {
        self.packing.read_error(&self.name, cause)
    }

    /// An input of a file that is open and holds plain bytes.
    pub(crate) fn of_file(name: Arc<str>, file: File) -> Self {
        Self { name, stream: Box::new(file), packing: Packing::None }
    }

    /// An input of these bytes.
    #[cfg(test)]
    pub(crate) fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), stream: Box::new(Cursor::new(bytes)), packing: Packing::None }
    }
}

/// Opens a file for reading.
pub(crate) fn open_file(path: &Path) -> Result<File> {
    File::open(path).map_err(|cause| {
        let error = Error::new(ErrorKind::Source, "cannot be opened").at(path.to_string_lossy(), None);
        let hint = match cause.kind() {
            io::ErrorKind::NotFound => "there is no such file",
            io::ErrorKind::PermissionDenied => "you may not read it: check its permissions",
            _ => return error.because(cause),
        };
        error.because(cause).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn text(bytes: Vec<u8>, promised: Packing) -> Result<String> {
        let mut input = Input::unpack("x".into(), Box::new(Cursor::new(bytes)), promised)?;
        let mut text = String::new();
        match input.stream.read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(cause) => Err(input.read_error(cause)),
        }
    }

    #[test]
    fn archives_of_several_members_are_read_to_the_end() {
        let gz = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(text(gz, Packing::Gzip).unwrap(), "one two");
        let zst = [zstd::encode_all(&b"one "[..], 1).unwrap(), zstd::encode_all(&b"two"[..], 1).unwrap()].concat();
        assert_eq!(text(zst, Packing::Zstd).unwrap(), "one two");
    }

    #[test]
    fn the_first_bytes_decide_and_not_the_name() {
        assert_eq!(text(gzip(b"x"), Packing::None).unwrap(), "x");
        assert_eq!(text(b"plain".to_vec(), Packing::None).unwrap(), "plain");
        assert_eq!(text(Vec::new(), Packing::Gzip).unwrap(), "");
        let error = text(b"plain".to_vec(), Packing::Gzip).unwrap_err();
        assert_eq!(error.to_string(), "x: is not a gzip archive");
    }

    #[test]
    fn damage_is_told_from_a_cut() {
        let mut noise = 1u64;
        let plain: Vec<u8> = (0..5000)
            .map(|_| {
                noise = noise.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (noise >> 60) as u8 + b'a'
            })
            .collect();
        for (packed, packing) in
            [(gzip(&plain), Packing::Gzip), (zstd::encode_all(&plain[..], 1).unwrap(), Packing::Zstd)]
        {
            let error = text(packed[..packed.len() / 2].to_vec(), packing).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data);
            assert!(error.to_string().contains("archive is cut off"), "{error}");
        }
        let mut packed = gzip(&plain);
        let middle = packed.len() / 2;
        packed[middle..middle + 8].fill(0xFF);
        let error = text(packed, Packing::Gzip).unwrap_err();
        assert!(error.to_string().contains("archive is damaged"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Data);
    }

    #[test]
    fn a_window_that_is_too_large_is_no_damage() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(28).unwrap();
        encoder.write_all(b"text").unwrap();
        let error = text(encoder.finish().unwrap(), Packing::Zstd).unwrap_err();
        assert_eq!(error.to_string(), "x: the zstd archive was packed with a window of more than 128 MiB");
        assert!(error.advice().unwrap().contains("--long"));
    }
}
