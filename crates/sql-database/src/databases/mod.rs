//! The databases that can be read.

pub(crate) mod duckdb;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;
