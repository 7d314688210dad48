//! Databases as sources, each by the real thing.

#![allow(clippy::unwrap_used)]

mod duckdb;
mod mariadb;
mod postgres;
mod reading;
mod sqlite;
