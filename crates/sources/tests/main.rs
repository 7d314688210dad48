//! The sources as the engine uses them.
#![allow(clippy::unwrap_used)]

mod auto;
mod csv;
mod far;
mod files;
mod pages;
mod parquet;
mod read;
mod ready_made;
mod rest;
mod rest_incremental;
mod rest_more;
mod rest_parallel;
mod rows;
mod server;
