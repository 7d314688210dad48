//! Postgres destination for dlt.
