//! Tests of the DuckDB destination against real database files.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "a second process tells the first how far it is")]

mod compliance;
mod duckdb;
mod failures;
mod jobs;
mod kills;
mod merge_cases;
mod processes;
mod reading;
mod version_cases;
