//! The destination with the drivers of SQLite and PostgreSQL, as people install them.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]
#![allow(clippy::print_stdout, reason = "a second process tells the first how far it is")]

mod compliance;
mod kills;
mod places;
mod postgres;
mod processes;
mod sqlite;
mod staging;
