//! Tests of the Postgres destination against a real server.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "a second process tells the first how far it is")]
mod failures;
mod kills;
mod postgres;
mod turns;
