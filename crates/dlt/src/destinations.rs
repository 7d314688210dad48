//! The destinations by name, as programs, command lines and pipeline files write them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dlt_destination_duckdb::DuckDb;
use dlt_engine::{Destination, Error, ErrorKind, Result};

use crate::declaration::word_hint;

/// A kind of destination or source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// The word for it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
}

impl Known {
    pub(crate) const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about }
    }
}

/// The destinations that there are.
pub const DESTINATIONS: &[Known] =
    &[Known::new("duckdb", "DuckDB, an analytics database in one file; needs no server")];

/// DuckDB in the file `<pipeline>.duckdb` of the current folder.
pub fn duckdb() -> DestinationName {
    DestinationName { path: None }
}

/// DuckDB in this file, which is made by the first load if it is not there.
pub fn duckdb_at(path: impl Into<PathBuf>) -> DestinationName {
    DestinationName { path: Some(path.into()) }
}

/// Says which destination, before a pipeline uses it.
///
/// ```
/// let place = dlt::DestinationName::parse("duckdb:shop.duckdb")?;
/// assert_eq!(place.to_string(), "duckdb:shop.duckdb");
/// assert!(dlt::DestinationName::parse("duckbd:shop.duckdb").is_err());
/// # Ok::<(), dlt::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationName {
    path: Option<PathBuf>,
}

impl DestinationName {
    /// Understands `duckdb`, `duckdb:FILE` and the connection strings `duckdb:///relative` and `duckdb:////absolute`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a name that is not known, with the nearest that is, and for one that names no file.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, rest) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        if name != "duckdb" {
            return Err(unknown(text, name));
        }
        DuckDb::from_spec(text, Path::new("default.duckdb"))?;
        let path = rest.map(|rest| rest.strip_prefix("///").unwrap_or(rest)).filter(|path| !path.is_empty());
        Ok(Self { path: path.map(PathBuf::from) })
    }

    /// The word for the kind.
    pub fn kind(&self) -> &'static str {
        "duckdb"
    }

    /// A relative file is meant from `folder`.
    #[must_use]
    pub(crate) fn relative_to(self, folder: &Path, pipeline: &str) -> Self {
        let path = self.path.unwrap_or_else(|| file_of(pipeline));
        Self { path: Some(if folder.as_os_str().is_empty() { path } else { folder.join(path) }) }
    }

    /// The destination itself, for a pipeline of this name. Nothing is opened yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it cannot be a destination, such as a database in memory.
    pub fn open(&self, pipeline: &str) -> Result<Arc<dyn Destination>> {
        Ok(Arc::new(DuckDb::at(self.path.clone().unwrap_or_else(|| file_of(pipeline)))?))
    }
}

fn file_of(pipeline: &str) -> PathBuf {
    PathBuf::from(format!("{pipeline}.duckdb"))
}

impl fmt::Display for DestinationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            None => formatter.write_str("duckdb"),
            Some(path) => write!(formatter, "duckdb:{}", path.display()),
        }
    }
}

fn unknown(text: &str, name: &str) -> Error {
    let names: Vec<_> = DESTINATIONS.iter().map(|known| known.name).collect();
    let error = Error::new(ErrorKind::Config, format!("unknown destination `{name}`"));
    let looks_like_file = [".duckdb", ".db", ".ddb"].iter().any(|ending| text.ends_with(ending));
    error.hint(if looks_like_file && !text.contains(':') {
        format!("did you mean `duckdb:{text}`?")
    } else {
        word_hint(name, &names)
    })
}

/// What a pipeline takes for a destination.
pub trait IntoDestination {
    /// The destination, for a pipeline of this name.
    ///
    /// # Errors
    /// If there is none such; the pipeline's first use reports it.
    fn into_destination(self, pipeline: &str) -> Result<Arc<dyn Destination>>;
}

impl IntoDestination for DestinationName {
    fn into_destination(self, pipeline: &str) -> Result<Arc<dyn Destination>> {
        self.open(pipeline)
    }
}

impl IntoDestination for &str {
    fn into_destination(self, pipeline: &str) -> Result<Arc<dyn Destination>> {
        DestinationName::parse(self)?.open(pipeline)
    }
}

impl IntoDestination for Arc<dyn Destination> {
    fn into_destination(self, _: &str) -> Result<Arc<dyn Destination>> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn forms() {
        let path = |text: &str| DestinationName::parse(text).unwrap().path;
        assert_eq!(path("duckdb"), None);
        assert_eq!(path("duckdb:shop.duckdb"), Some(PathBuf::from("shop.duckdb")));
        assert_eq!(path("duckdb:/abs/shop.duckdb"), Some(PathBuf::from("/abs/shop.duckdb")));
        assert_eq!(path("duckdb:///shop.duckdb"), Some(PathBuf::from("shop.duckdb")));
        assert_eq!(path("duckdb:////abs/shop.duckdb"), Some(PathBuf::from("/abs/shop.duckdb")));
    }

    #[test]
    fn wrong_ones_say_what_was_meant() {
        for (text, hint) in [
            ("duckbd:x", "did you mean `duckdb`?"),
            ("shop.duckdb", "did you mean `duckdb:shop.duckdb`?"),
            ("oracle", "known are `duckdb`"),
        ] {
            assert_eq!(DestinationName::parse(text).unwrap_err().advice(), Some(hint), "{text}");
        }
        assert!(DestinationName::parse("duckdb::memory:").unwrap_err().to_string().contains("memory"));
    }
}
