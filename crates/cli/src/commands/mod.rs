//! The commands, one a module. Each takes its arguments and the settings, and prints by the printer alone.

pub(crate) mod completions;
pub(crate) mod dataset;
pub(crate) mod dbt;
pub(crate) mod deploy;
mod drop;
mod dry_run;
pub(crate) mod ingest;
mod ingest_database;
pub(crate) mod init;
mod known;
mod load;
mod packages;
mod pending;
pub(crate) mod pipeline;
pub(crate) mod run;
pub(crate) mod schema;
mod sync;
pub(crate) mod telemetry;
pub(crate) mod tracker;
