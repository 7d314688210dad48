//! The engine's error: what kind it is, what happened, where, and what to do about it.
//!
//! Values of cells and connection strings never go into a message: an error may end in a log or a terminal recording.

use std::fmt;

/// Result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in the terms of the person who has to act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting, argument or declaration is wrong. Nothing was started.
    Config,
    /// The input could not be opened or read.
    Source,
    /// The input was read and is not what it claims to be (broken JSON, invalid UTF-8, a value that cannot be kept).
    Data,
    /// The destination refused or failed.
    Destination,
    /// Another process holds the destination; trying again later helps.
    DestinationBusy,
    /// The working folder could not be read or written (permissions, a full disk).
    Storage,
    /// Another run of the same pipeline is under way.
    Busy,
    /// A load package or stored state cannot be understood.
    Corrupt,
    /// A promise inside the engine was broken: a bug.
    Internal,
}

/// Where in the input something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Path or name of the input, as the user gave it.
    pub input: String,
    /// Line, counted from 1, where the input has lines.
    pub line: Option<u64>,
    /// Character of the line, counted from 1, where that is known.
    pub column: Option<u64>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.input)?;
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, ":{line}:{column}"),
            (Some(line), None) => write!(f, ":{line}"),
            (None, _) => Ok(()),
        }
    }
}

/// An error of the engine, a source or a destination.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    /// Boxed: results stay small on the paths that have no error.
    location: Option<Box<Location>>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` says what happened in one sentence, without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), location: None, hint: None, source: None }
    }

    /// Adds where in the input it happened.
    #[must_use]
    pub fn at(mut self, input: impl Into<String>, line: Option<u64>) -> Self {
        self.location = Some(Box::new(Location { input: input.into(), line, column: None }));
        self
    }

    /// Adds the character of the line, counted from 1, to what [`Error::at`] said.
    #[must_use]
    pub fn in_column(mut self, column: u64) -> Self {
        if let Some(location) = &mut self.location {
            location.column = Some(column);
        }
        self
    }

    /// Adds what the person can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// An I/O failure in the working folder.
    pub fn storage(doing: &str, path: &std::path::Path, cause: std::io::Error) -> Self {
        let hint = match cause.kind() {
            std::io::ErrorKind::StorageFull => Some("free some space, then run the same command again"),
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                Some("make the folder writable, or set DLT_DATA_DIR to one that is")
            }
            _ => None,
        };
        let mut error = Self::new(ErrorKind::Storage, format!("cannot {doing} {}", path.display())).because(cause);
        error.hint = hint.map(str::to_owned);
        error
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where in the input it happened, if that is known.
    pub fn location(&self) -> Option<&Location> {
        self.location.as_deref()
    }

    /// What to do about it, if there is something to say.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(f, "{location}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
