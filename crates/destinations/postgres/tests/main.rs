//! Tests of the Postgres destination against a real server.
#![allow(clippy::unwrap_used)]
mod postgres;
