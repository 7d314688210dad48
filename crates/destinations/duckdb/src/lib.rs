//! DuckDB as a destination: a dataset is a schema in one database file.
//!
//! [`CONNECTOR`] is its entry in the registry: name, settings, and how it is made of them.
//!
//! # A load
//!
//! Everything of a load happens in one transaction of DuckDB: new tables and columns, the rows (read by DuckDB itself from
//! the Parquet job files, one statement a table, all cores), the schema version, the state and the load record. A reader
//! sees all of it or nothing, and so does the next run after a crash.
//!
//! # Who may open the file
//!
//! DuckDB lets either one process write or several processes read. Within this process every connection to a file shares
//! one open database (see [`DuckDb`]); another process that holds the file is reported as
//! [`dlt_engine::ErrorKind::DestinationBusy`] with its process id.
//!
//! # What never happens
//!
//! No extension is installed or loaded, so DuckDB opens no network connection by itself; no value of a cell gets into an
//! error message.

mod client;
mod connector;
mod ddl;
mod failure;
pub mod in_memory;
mod instance;
mod json_columns;
mod library;
mod load;
mod location;
mod memory;
mod merge;
mod names;
mod query;
mod room;
mod statements;

pub use client::DuckDb;
pub use connector::CONNECTOR;
pub use library::{LibraryInfo, VERSION, library_info, open_library};
