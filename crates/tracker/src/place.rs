//! Where a tracker keeps what it has.

mod nats;

use std::path::{Path, PathBuf};

use dlt_destination_filesystem::{CONNECTOR, Filesystem};
use dlt_engine::{Destination, Error, ErrorKind, Result};
use dlt_objects::Credentials;
use dlt_postgres::Address;

pub(crate) use nats::NatsAddress;

/// Where a tracker keeps what it has: its data folder, and what is elsewhere.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Place {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The tables. Default: a DuckDB file in the data folder.
    pub store: StoreAddress,
    /// The journal. Default: segments in the data folder.
    pub journal: JournalAddress,
    /// The key by which ids of users, and names, are hashed. Default: that of the data folder.
    pub id_key: Option<String>,
    /// Most bytes in the journal. Default: 8 GiB.
    pub journal_bytes: Option<u64>,
}

impl From<&Path> for Place {
    fn from(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            store: StoreAddress::default(),
            journal: JournalAddress::default(),
            id_key: None,
            journal_bytes: None,
        }
    }
}

impl From<&PathBuf> for Place {
    fn from(data_dir: &PathBuf) -> Self {
        Self::from(data_dir.as_path())
    }
}

/// Where the tables are. Its debug output has no password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreAddress(pub(crate) Tables);

/// What holds the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Tables {
    /// `tracker.duckdb` in the data folder.
    #[default]
    File,
    /// A database of a Postgres server.
    Postgres(Address),
    /// Files in a folder or an object store.
    Files(Box<FilesAddress>),
}

/// Where tables in files are. Its debug output has no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilesAddress {
    /// A folder, or an address such as `s3://bucket/prefix`.
    place: String,
    credentials: Credentials,
}

impl FilesAddress {
    /// The place as the engine's destination for files has it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is none.
    pub(crate) fn open(&self) -> Result<Filesystem> {
        Ok(Filesystem::at(&self.place)?.credentials(self.credentials.clone()))
    }
}

impl StoreAddress {
    /// `postgres://USER:PASSWORD@HOST/DATABASE`; what it lacks is taken from libpq's variables and password file. Or a place for Parquet
    /// files, as the destination `filesystem` words it: `filesystem:FOLDER`, `file://…`, `s3://BUCKET/PREFIX`, `gs://…`, `az://…`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], if it is no such URL. The message holds nothing of the password.
    pub fn parse(text: &str) -> Result<Self> {
        if dlt_postgres::is_url(text) {
            return Ok(Self(Tables::Postgres(Address::from_url(text)?)));
        }
        if let Some(place) = files(text) {
            let place = match place.contains("://") {
                true => place.to_owned(),
                false => std::path::absolute(place)
                    .map_err(|error| Error::new(ErrorKind::Config, format!("`{place}` is no folder")).because(error))?
                    .to_string_lossy()
                    .into_owned(),
            };
            let address = FilesAddress { place, credentials: Credentials::default() };
            address.open()?;
            return Ok(Self(Tables::Files(Box::new(address))));
        }
        let error = Error::new(ErrorKind::Config, "the tracker can't keep its tables there");
        Err(error.hint(
            "name a Postgres database: postgres://USER@HOST/DATABASE; or a place for files: filesystem:FOLDER, s3://BUCKET/PREFIX, gs://…, \
             az://…; or nothing, for a DuckDB file in the data folder",
        ))
    }

    /// As [`StoreAddress::parse`] reads it, without its password.
    pub fn shown(&self) -> String {
        match &self.0 {
            Tables::File => String::new(),
            Tables::Postgres(address) => format!("postgres://{}", address.shown()),
            Tables::Files(address) => address.open().map(|place| place.location()).unwrap_or_default(),
        }
    }

    /// With what an object store asks for. Nothing for others.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        if let Tables::Files(address) = &mut self.0 {
            address.credentials = credentials;
        }
        self
    }

    /// Whether they are files.
    pub(crate) fn is_in_files(&self) -> bool {
        matches!(self.0, Tables::Files(_))
    }
}

/// The place for files that a text names: `filesystem:FOLDER`, or the address of a store.
fn files(text: &str) -> Option<&str> {
    let named = text.strip_prefix("filesystem:").filter(|place| !place.is_empty());
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let is_store = scheme.is_some_and(|scheme| CONNECTOR.schemes.contains(&scheme));
    named.or_else(|| is_store.then_some(text))
}

/// Where the journal is. Its debug output has no password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalAddress(pub(crate) Records);

/// What holds the records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Records {
    /// Segments in the data folder.
    #[default]
    Segments,
    /// A stream of NATS.
    Nats(Box<NatsAddress>),
}

impl JournalAddress {
    /// `nats://USER:PASSWORD@HOST:PORT,HOST:PORT/STREAM`, or `tls://…`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], if it is no such address. The message holds nothing of the password.
    pub fn parse(text: &str) -> Result<Self> {
        if NatsAddress::is_one(text) {
            return Ok(Self(Records::Nats(Box::new(NatsAddress::parse(text)?))));
        }
        let error = Error::new(ErrorKind::Config, "the tracker can't keep its journal there");
        Err(error.hint("name a stream of NATS: nats://HOST:4222/STREAM; or nothing, for files in the data folder"))
    }

    /// How many servers of a cluster keep each record, where the stream is made. Default: 1. Nothing for files.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        if let Records::Nats(address) = &mut self.0 {
            address.replicas = replicas;
        }
        self
    }

    /// As [`JournalAddress::parse`] reads it, without its password.
    pub fn shown(&self) -> String {
        match &self.0 {
            Records::Segments => String::new(),
            Records::Nats(address) => address.shown(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let store = StoreAddress::parse("postgres://ada:secret@db:5433/events?sslmode=require").unwrap();
        assert_eq!(store.shown(), "postgres://ada@db:5433/events?sslmode=require");
        assert!(!format!("{store:?}").contains("secret"));
        for wrong in ["mysql://ada:secret@db/events", "tracker.duckdb", "postgres://ada:secret@db/events?sslmod=x"] {
            let error = StoreAddress::parse(wrong).unwrap_err();
            assert!(!error.to_string().contains("secret") && error.advice().is_some(), "{error}");
        }
        for (text, shown) in [("s3://bucket/tracker", "s3://bucket/tracker"), ("filesystem:/tmp/t", "file:///tmp/t")] {
            let store = StoreAddress::parse(text).unwrap();
            assert!(store.is_in_files() && store.shown() == shown, "{}", store.shown());
        }
    }
}
