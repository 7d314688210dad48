//! Databases of the tests.

use dlt_destination_adbc::Adbc;
use dlt_testkit::{AdbcDrivers, Postgres};
use std::path::Path;

/// An SQLite database in this file, by the driver that PyPI has.
pub(crate) fn sqlite(file: &Path) -> Adbc {
    let driver = AdbcDrivers::shared().unwrap().library("sqlite").unwrap();
    Adbc::new(driver.to_str().unwrap()).uri(file.to_str().unwrap())
}

/// A database of a server, by the driver that PyPI has.
pub(crate) fn postgres(server: &Postgres, database: &str) -> Adbc {
    postgres_at(&server.url(database))
}

/// The database of a connection string, by the driver that PyPI has.
pub(crate) fn postgres_at(uri: &str) -> Adbc {
    let driver = AdbcDrivers::shared().unwrap().library("postgresql").unwrap();
    Adbc::new(driver.to_str().unwrap()).uri(uri)
}
