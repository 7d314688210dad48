//! Where data comes from: the sources of dlt.
//!
//! | source | made by | hands over |
//! |---|---|---|
//! | Rust values | [`rows`] | JSON lines |
//! | files, folders, globs, standard input | [`files`] | JSON as it stands in the file, or Arrow (CSV, Parquet) |
//!
//! Every source implements [`dlt_engine::Source`]; none of them interprets values, that is the engine's work.

mod files;
mod rows;

pub use files::{Files, Format, UnknownFormat, files};
pub use rows::{Rows, rows};
