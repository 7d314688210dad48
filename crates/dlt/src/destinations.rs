//! The destinations by name, as programs, command lines and pipeline files write them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dlt_destination_duckdb::DuckDb;
use dlt_engine::{Destination, Error, ErrorKind, Result};

use crate::declaration::{ConfigProviders, Origin, word_hint};
use crate::memory;

/// A kind of destination or source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connector {
    /// The word for it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
}

impl Connector {
    pub(crate) const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about }
    }
}

/// The destinations that there are.
pub const DESTINATIONS: &[Connector] =
    &[Connector::new("duckdb", "DuckDB, an analytics database in one file; needs no server")];

/// DuckDB in the file `<pipeline>.duckdb` of the current folder.
pub fn duckdb() -> DestinationName {
    DestinationName { path: None, memory_limit: None }
}

/// DuckDB in this file, which is made by the first load if it is not there.
pub fn duckdb_at(path: impl Into<PathBuf>) -> DestinationName {
    DestinationName { path: Some(path.into()), memory_limit: None }
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
    memory_limit: Option<u64>,
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
        Ok(Self { path: path.map(PathBuf::from), memory_limit: None })
    }

    /// Bytes of memory that the database may use for data before it spills to disk, and the pipeline for rows before they are
    /// loaded. Default: half of the machine's memory, or of what its container allows.
    #[must_use]
    pub fn memory_limit(self, bytes: u64) -> Self {
        Self { memory_limit: Some(bytes), ..self }
    }

    /// With the limit of memory that `DESTINATION__DUCKDB__MEMORY_LIMIT` says, if it is set. A pipeline file looks that up
    /// by itself.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is no size.
    pub fn limited_by(self, providers: &ConfigProviders) -> Result<Self> {
        let Some(text) = providers.variable(MEMORY_LIMIT) else { return Ok(self) };
        let wrong = || Origin::Variable(MEMORY_LIMIT.to_owned()).error(format!("must be {}", memory::EXPECTED));
        Ok(self.memory_limit(memory::bytes_of(text).ok_or_else(wrong)?))
    }

    /// The file, if one is named.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The word for the kind.
    pub fn kind(&self) -> &'static str {
        "duckdb"
    }

    /// A relative file is meant from `folder`.
    #[must_use]
    pub(crate) fn relative_to(self, folder: &Path, pipeline: &str) -> Self {
        let path = self.path.unwrap_or_else(|| file_of(pipeline));
        let path = Some(if folder.as_os_str().is_empty() { path } else { folder.join(path) });
        Self { path, memory_limit: self.memory_limit }
    }

    /// The destination itself, for a pipeline of this name. Nothing is opened yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it cannot be a destination, such as a database in memory.
    pub fn open(&self, pipeline: &str) -> Result<Arc<dyn Destination>> {
        let database = DuckDb::at(self.path.clone().unwrap_or_else(|| file_of(pipeline)))?;
        Ok(Arc::new(match self.memory_limit {
            Some(bytes) => database.memory_limit(bytes),
            None => database,
        }))
    }
}

const MEMORY_LIMIT: &str = "DESTINATION__DUCKDB__MEMORY_LIMIT";

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

    #[test]
    fn a_limit_of_memory_from_the_environment() {
        let limited =
            |text: &str| duckdb().limited_by(&ConfigProviders::new([(MEMORY_LIMIT.to_owned(), text.to_owned())]));
        assert_eq!(limited("2 GB").unwrap().memory_limit, Some(2_000_000_000));
        assert_eq!(limited("").unwrap().memory_limit, None);
        let error = limited("much").unwrap_err().to_string();
        assert!(error.starts_with("environment variable DESTINATION__DUCKDB__MEMORY_LIMIT: must be a size"), "{error}");
    }
}
