//! The sql_database source of dlt: tables, views and queries of databases.
//!
//! # The path of a row
//!
//! ```text
//! Address ──► Session ──► reflection ──► resources ──► reader threads ──► Arrow batches ──► the engine
//!  URL or      one of      tables, keys,   one a table   one a table, a      typed by the
//!  keys        four        types           or query      bounded queue       database
//!              databases                                 each
//! ```
//!
//! A [`SqlDatabase`] looks up what tables there are and what their columns hold, and makes a resource of each. Its rows are
//! read on a thread of its own, one statement a table, and wait in a queue of a few batches: memory follows the settings
//! and not the table. Of a table that is loaded incrementally the database is asked for the new rows alone; the engine's
//! filter behind it has the last word, so that what a database compares otherwise costs time and no rows.
//!
//! # What never happens
//!
//! A database is only read. No password gets into a message, an identity or a trace, and no value of a cell into an error.

mod address;
mod ahead;
mod build;
mod choice;
mod connect;
mod databases;
mod failure;
mod fit;
mod gather;
mod parse;
mod plan;
mod range;
mod rows;
mod section;
mod session;
mod settings;
mod source;
mod statement;
mod table;

pub use address::Address;
pub use section::CONNECTOR;
pub use source::{SqlDatabase, sql_database};
pub use table::{Level, SqlTable};
