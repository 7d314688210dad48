//! Databases of the tests.

use dlt_destination_adbc::Adbc;
use dlt_objects::{Address, Credentials};
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

/// A file of DuckDB, whose library is a driver of its own: a manifest in `folder` tells its entry point. Nothing here knows
/// the SQL of DuckDB, so that it stands for all databases that are spoken to in the common dialect.
pub(crate) fn duckdb(folder: &Path) -> Adbc {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.duckdb/libduckdb.so").canonicalize().unwrap();
    let manifest = folder.join("duckdb.toml");
    let text = format!(
        "manifest_version = 1\nname = \"DuckDB\"\n\n[Driver]\nentrypoint = \"duckdb_adbc_init\"\nshared = {:?}\n",
        library.to_str().unwrap()
    );
    std::fs::write(&manifest, text).unwrap();
    Adbc::new(manifest.to_str().unwrap()).option("path", folder.join("shop.duckdb").to_str().unwrap())
}

/// The same database, with new rows that go by way of files in this folder.
pub(crate) fn staged(database: Adbc, folder: &Path) -> Adbc {
    let copy = "COPY {table} FROM '{url}' (FORMAT parquet)";
    database.staging(Address::folder(folder), Credentials::default(), copy).unwrap()
}
