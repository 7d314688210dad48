//! Tests of the DuckDB destination against real database files.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "a second process tells the first how far it is")]
mod duckdb;
mod failures;
mod kills;
mod processes;
mod reading;
