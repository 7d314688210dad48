//! The tracker as a whole: over HTTP, through the journal, into DuckDB.

#![allow(clippy::unwrap_used)]

mod abuse;
mod backup;
mod contract;
mod contracts;
mod crash;
mod dashboard;
mod deletion;
mod edge;
mod files;
mod fuzzing;
mod http;
mod lists;
mod load;
mod postgres;
mod projects;
mod public;
mod retention;
mod server;
mod shared;
mod sql;
mod tls;
mod tracker;
