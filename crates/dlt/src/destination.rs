//! A destination by name, as programs, command lines and pipeline files write it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dlt_engine::connector::DestinationConnector;
use dlt_engine::settings::{Node, Origin, Section, Table, Value, word_hint};
use dlt_engine::{Destination, Error, ErrorKind, Result};

use crate::connectors::DESTINATIONS;
use crate::providers::{Around, ConfigProviders};

/// Says which destination, before a pipeline uses it.
///
/// ```
/// let place = dlt::DestinationName::parse("duckdb:shop.duckdb")?;
/// assert_eq!(place.to_string(), "duckdb:shop.duckdb");
/// assert!(dlt::DestinationName::parse("duckbd:shop.duckdb").is_err());
/// # Ok::<(), dlt::Error>(())
/// ```
#[derive(Clone)]
pub struct DestinationName {
    connector: &'static DestinationConnector,
    settings: Table,
}

impl DestinationName {
    /// The destination of this kind, with its defaults.
    pub fn of(connector: &'static DestinationConnector) -> Self {
        Self { connector, settings: Table::default() }
    }

    /// Understands the name of one of [`DESTINATIONS`], alone or with a place behind a colon, and the addresses and connection
    /// strings that mean one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a name that is not known, with the nearest that is, and for one that names no place.
    pub fn parse(text: &str) -> Result<Self> {
        let name = text.split_once(':').map_or(text, |(name, _)| name);
        let connector =
            DESTINATIONS.iter().find(|known| means(known, text, name)).ok_or_else(|| unknown(text, name))?;
        Ok(Self { connector, settings: (connector.parse)(text)? })
    }

    /// The one that the settings of a section make, as it is meant in a folder and for a pipeline.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the place of what is wrong.
    pub(crate) fn declared(
        connector: &'static DestinationConnector,
        origin: Origin,
        mut settings: Table,
        folder: &Path,
        pipeline: &str,
    ) -> Result<Self> {
        (connector.settle)(&mut settings, folder, pipeline);
        (connector.open)(Section::new(SECTION, origin, settings.clone()))?;
        Ok(Self { connector, settings })
    }

    /// With another value of a setting: a text.
    #[must_use]
    pub fn with(mut self, key: &str, text: impl Into<String>) -> Self {
        self.settings.set_text(key, text, Origin::Program);
        self
    }

    /// With another value of a setting: a path.
    #[must_use]
    pub fn with_path(mut self, key: &str, path: impl Into<PathBuf>) -> Self {
        let node = Node { origin: Origin::Program, value: Value::Path(path.into()) };
        self.settings.set(&[key.to_owned()], node);
        self
    }

    /// Bytes of memory that the database may use for data before it spills to disk, and the pipeline for rows before they are
    /// loaded. Default: half of the machine's memory, or of what its container allows.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        let value = Value::Integer(bytes.try_into().unwrap_or(i64::MAX));
        self.settings.set(&["memory_limit".to_owned()], Node { origin: Origin::Program, value });
        self
    }

    /// With what is said around it of settings that are no place, for a pipeline of this name: by environment variables such as
    /// `DESTINATION__DUCKDB__MEMORY_LIMIT`, else, of a destination that has credentials, by the files in `.dlt` of the current folder
    /// and in the machine's data folder. A pipeline file looks that up by itself.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if a value is not what it must be, or a file cannot be understood.
    pub fn limited_by(mut self, providers: &ConfigProviders, pipeline: &str) -> Result<Self> {
        let ambient = self.connector.keys.iter().filter(|key| key.is_ambient);
        // Files that cannot be understood do not stand in the way of those who need nothing of them.
        let needs_files = self.connector.keys.iter().any(|key| key.is_ambient && key.is_secret);
        let mut said = match needs_files {
            true => providers.destination(Around::here(pipeline), self.connector)?,
            false => providers.destination_in_variables(pipeline, self.connector),
        };
        for key in ambient.flat_map(|key| key.names()) {
            if let Some(entry) = said.take(key) {
                self.settings.set(&[entry.key], entry.node);
            }
        }
        (self.connector.open)(self.section())?;
        Ok(self)
    }

    /// The word for the kind.
    pub fn kind(&self) -> &'static str {
        self.connector.name
    }

    /// The settings that were found around the program, and where each was.
    pub fn looked_up(&self) -> Vec<(String, Origin)> {
        let mut found = Vec::new();
        self.settings.walk(SECTION, &mut |key, node| {
            if node.origin != Origin::Program {
                found.push((key.to_owned(), node.origin.clone()));
            }
        });
        found
    }

    /// The settings, as those of a section.
    pub(crate) fn into_settings(self) -> Table {
        self.settings
    }

    /// The destination itself, for a pipeline of this name. Nothing is opened yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it cannot be a destination, such as a database in memory.
    pub fn open(&self, pipeline: &str) -> Result<Arc<dyn Destination>> {
        let mut settled = self.clone();
        (self.connector.settle)(&mut settled.settings, Path::new(""), pipeline);
        (self.connector.open)(settled.section())
    }

    fn section(&self) -> Section {
        Section::new(SECTION, Origin::Program, self.settings.clone())
    }
}

/// The section of settings in pipeline files, and the beginning of variables.
const SECTION: &str = "destination";

impl fmt::Display for DestinationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.connector.shown)(&self.settings).as_str() {
            "" => formatter.write_str(self.connector.name),
            place => write!(formatter, "{}:{place}", self.connector.name),
        }
    }
}

/// Settings may be secrets.
impl fmt::Debug for DestinationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DestinationName({self})")
    }
}

/// Whether a text that begins with `name` is meant as a destination.
fn means(connector: &DestinationConnector, text: &str, name: &str) -> bool {
    let is_address = text[name.len()..].starts_with("://");
    connector.name == name || (is_address && connector.schemes.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)))
}

/// Databases that are reached through extensions of DuckDB: what each is called, and the word for it in connection strings.
const BY_EXTENSION: [(&str, &str); 3] = [("ducklake", "DuckLake"), ("motherduck", "MotherDuck"), ("md", "MotherDuck")];

/// A complaint about the name of a destination that cannot be one here; `None` if there is no more to say than that it is
/// not known.
pub(crate) fn refused(name: &str) -> Option<Error> {
    let (_, database) = BY_EXTENSION.iter().find(|(word, _)| *word == name)?;
    let what = format!(
        "`{name}` is no destination here: {database} needs an extension of DuckDB, which its library neither carries nor downloads"
    );
    Some(
        Error::new(ErrorKind::Config, what)
            .hint("load into a file: duckdb:shop.duckdb, and copy it there with DuckDB's own shell"),
    )
}

fn unknown(text: &str, name: &str) -> Error {
    if let Some(refused) = refused(name) {
        return refused;
    }
    let error = Error::new(ErrorKind::Config, format!("unknown destination `{name}`"));
    let is_file_of = |known: &&&DestinationConnector| known.file_endings.iter().any(|ending| text.ends_with(ending));
    let meant = DESTINATIONS.iter().find(is_file_of).filter(|_| !text.contains(':'));
    error.hint(match meant {
        Some(known) => format!("did you mean `{}:{text}`?", known.name),
        None => word_hint(name, &DESTINATIONS.iter().map(|known| known.name).collect::<Vec<_>>()),
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
    fn wrong_ones_say_what_was_meant() {
        for (text, hint) in [
            ("duckbd:x", "did you mean `duckdb`?"),
            ("shop.duckdb", "did you mean `duckdb:shop.duckdb`?"),
            ("oracle", "known are `duckdb`, `postgres`, `filesystem`"),
        ] {
            let error = DestinationName::parse(text).unwrap_err();
            assert!(error.advice().unwrap().starts_with(hint), "{text}: {:?}", error.advice());
        }
    }

    #[test]
    fn databases_that_need_an_extension_of_duckdb_are_refused() {
        for text in ["ducklake", "ducklake:shop", "motherduck:shop", "md:shop", "motherduck"] {
            let error = DestinationName::parse(text).unwrap_err();
            assert!(error.to_string().contains("needs an extension of DuckDB"), "{text}: {error}");
            assert!(error.advice().unwrap().contains("duckdb:shop.duckdb"));
        }
    }

    #[test]
    fn a_limit_of_memory_from_the_environment() {
        let variable = "DESTINATION__DUCKDB__MEMORY_LIMIT";
        let limited = |text: &str| {
            crate::duckdb().limited_by(&ConfigProviders::new([(variable.to_owned(), text.to_owned())]), "shop")
        };
        let bytes = |text: &str| limited(text).unwrap().open("shop").unwrap().memory_limit();
        assert_eq!(bytes("2 GB"), Some(2_000_000_000));
        assert_eq!(bytes(""), crate::duckdb().open("shop").unwrap().memory_limit());
        assert_eq!(crate::duckdb().memory_limit(5).open("shop").unwrap().memory_limit(), Some(5));
        let error = limited("much").unwrap_err().to_string();
        assert!(error.starts_with("environment variable DESTINATION__DUCKDB__MEMORY_LIMIT: must be a size"), "{error}");
    }

    #[test]
    fn settings_stay_out_of_debug_output() {
        assert_eq!(format!("{:?}", crate::duckdb().with("secret", "x")), "DestinationName(duckdb)");
        assert!(crate::duckdb().with("secret", "x").open("shop").is_err());
    }
}
