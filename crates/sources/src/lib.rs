//! Where data comes from: the sources of dlt.
//!
//! | source | made by | hands over |
//! |---|---|---|
//! | Rust values | [`rows`] | JSON lines |
//! | files, folders, globs, standard input | [`files`] | JSON as it stands in the file, or Arrow (CSV, Parquet) |
//! | REST APIs | [`rest`], from a declaration ([`RestConfig`]) or a [`ready_made`] one | items as they came |
//!
//! Every source implements [`dlt_engine::Source`]; none of them interprets values, that is the engine's work.

mod files;
mod ready_made;
mod rest;
mod rows;

pub use files::{CsvOptions, Encoding, Files, FilesIncremental, Format, Quote, character_of, files};
pub use ready_made::{ReadyMade, SOURCES, ready_made};
pub use rest::{
    Action, AuthConfig, ClientConfig, EndpointConfig, EndpointIncremental, FromShort, KeyLocation, Method, Names,
    PaginatorConfig, ProcessingStep, ResourceConfig, ResourceDefaults, ResponseAction, Rest, RestConfig, Secret, Short,
    rest,
};
pub use rows::{Rows, rows};
