//! Databases by their ADBC drivers as a destination: one generic destination for SQLite, PostgreSQL and others.
//!
//! [`CONNECTOR`] is its entry in the registry: name, settings, and how it is made of them.
//!
//! # A driver
//!
//! A driver is a library that somebody installed; it is found and loaded by the driver manager, which holds all that is
//! unsafe about it. Nothing is downloaded.
//!
//! # A load
//!
//! Everything of a load happens in one transaction of one connection. The rows of the job files go by the driver's bulk
//! ingestion, one batch at a time, into temporary tables; from there SQL takes them into their tables, with casts and merges
//! in the dialect of the database. Values that drivers or databases would change are handed over as text of an exact form.
//! Where a store is named, the batches go there as Parquet files, and the database takes them by a statement of its own.
//!
//! # What never happens
//!
//! No value of a cell and no part of a connection string that may be a secret gets into an error message.

mod bucket;
mod client;
mod connector;
mod dataset;
mod ddl;
mod dialect;
mod driver;
mod exact;
mod failure;
mod link;
mod load;
mod merge;
mod place;
mod query;
mod reads;
mod record;
mod result;
mod rows;
mod sqlite_query;
mod staging;

pub use client::Adbc;
pub use connector::CONNECTOR;
