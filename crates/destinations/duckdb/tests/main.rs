//! Tests of the DuckDB destination.
