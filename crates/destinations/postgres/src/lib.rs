//! Postgres as a destination: a dataset is a schema in a database.
//!
//! [`CONNECTOR`] is its entry in the registry: name, settings, and how it is made of them.
//!
//! # A load
//!
//! Everything of a load happens in one transaction: new tables and columns, the rows (by binary COPY from the Parquet job
//! files, without SQL for single rows), the schema version, the state and the load record. A reader sees all of it or
//! nothing, and so does the next run after a crash, of this side or of the server. Rows that are merged are copied into
//! temporary tables first, and merged by the SQL of `dlt_engine::sql`.
//!
//! # Who may load
//!
//! Loads into one dataset take turns, by an advisory lock that ends with the transaction; loads into others do not wait.
//! Readers wait for nobody: rows that are replaced are deleted, not truncated. Who waits longer than a minute, for another
//! load or a table that somebody holds, ends with [`dlt_engine::ErrorKind::DestinationBusy`].
//!
//! # What never happens
//!
//! No database or user is made, no password gets into a message, nor does the content of a cell.

mod client;
mod connector;
mod ddl;
mod files;
mod load;
mod merge;
mod names;
mod query;
mod statements;
mod stored;
mod types;

pub use client::Postgres;
pub use connector::CONNECTOR;
