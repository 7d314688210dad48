//! The library as a program uses it: pipelines, pipeline files, telemetry.
#![allow(clippy::unwrap_used, missing_docs)]

mod contracts;
mod declarations;
mod interrupted;
mod parquet_files;
mod pipelines;
