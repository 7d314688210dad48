//! The library as a program uses it: pipelines, pipeline files, telemetry.
#![allow(clippy::unwrap_used, missing_docs)]

mod adapted;
mod connectors;
mod contracts;
mod declarations;
mod exports;
mod interrupted;
mod nested;
mod parquet_files;
mod pipelines;
mod refresh;
mod schema_files;
mod versions;
