//! Tests against a real Postgres server.
#![allow(clippy::unwrap_used)]
mod connecting;
mod reading;
