//! How inputs are packed, and what it means that unpacking fails.

use super::members::Trailing;
use super::remote::store_error;
use super::transcode::Malformed;
use dlt_engine::{Error, ErrorKind};
use dlt_objects::StoreError;
use std::io;

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Packing {
    /// By the signature in the first bytes, so that standard input can be packed as well.
    pub(super) fn of_first_bytes(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"\x1F\x8B") {
            Self::Gzip
        } else if bytes.starts_with(b"\x28\xB5\x2F\xFD") {
            Self::Zstd
        } else if bytes.starts_with(b"BZh") && matches!(bytes.get(3), Some(b'1'..=b'9')) && bytes.get(4) == Some(&b'1')
        {
            Self::Bzip2
        } else if bytes.starts_with(b"\xFD7zXZ\0") {
            Self::Xz
        } else {
            Self::None
        }
    }

    /// By the extension of a file's name.
    pub(crate) fn of_extension(extension: &str) -> Self {
        match extension.to_ascii_lowercase().as_str() {
            "gz" => Self::Gzip,
            "zst" | "zstd" => Self::Zstd,
            "bz2" => Self::Bzip2,
            "xz" => Self::Xz,
            _ => Self::None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    /// Says what it means that reading failed: the system's fault, a damaged archive, or one that is too much for us.
    pub(crate) fn read_error(self, input: &str, cause: io::Error) -> Error {
        let inner = cause.get_ref();
        if let Some(malformed) = inner.and_then(|inner| inner.downcast_ref::<Malformed>()) {
            let hint = "give the encoding that the text has, or mend the line";
            return Error::new(ErrorKind::Data, malformed.to_string()).at(input, Some(malformed.line)).hint(hint);
        }
        // It says itself what could not be read.
        if let Some(error) = StoreError::of_io(&cause) {
            return store_error(error.clone(), input.starts_with("http"));
        }
        // zstd's decoder has no other sign for it. What the archive begins with was looked at before.
        let is_trailing = inner.is_some_and(|inner| inner.is::<Trailing>())
            || (self == Self::Zstd && cause.to_string().contains("Unknown frame descriptor"));
        if is_trailing {
            return Error::new(
                ErrorKind::Data,
                format!("something that is not {0} follows the {0} archive", self.name()),
            )
            .at(input, None)
            .hint("the archive itself is whole: take away what was appended to it, or pack the file again");
        }
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

/// The error of a file whose name promises an archive that it is not.
pub(super) fn broken_promise(promised: Packing, first: &[u8]) -> Error {
    let name = promised.name();
    if first.is_empty() {
        let what = format!("the file is empty, and so is no {name} archive: even one of nothing has a few bytes");
        return Error::new(ErrorKind::Data, what).hint("it was cut short: fetch or pack the file again");
    }
    Error::new(ErrorKind::Data, format!("is not a {name} archive"))
        .hint("give the file the extension that it should have")
}
