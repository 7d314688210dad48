//! The tracker as a whole: over HTTP, through the journal, into DuckDB.

#![allow(clippy::unwrap_used)]

mod abuse;
mod contract;
mod contracts;
mod crash;
mod dashboard;
mod deletion;
mod lists;
mod load;
mod postgres;
mod projects;
mod public;
mod server;
mod shared;
mod sql;
mod tracker;
