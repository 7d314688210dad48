//! duckdb.
