//! Where data comes from: the sources of dlt.
//!
//! | source | made by | hands over |
//! |---|---|---|
//! | Rust values | [`rows`] | JSON lines |
//! | record batches | [`batches`] | Arrow |
//! | files, folders, globs, standard input | [`files`] | JSON as it stands in the file, or Arrow (CSV, Parquet) |
//! | REST APIs | [`rest`], from a declaration ([`RestConfig`]) or a ready-made one | items as they came |
//!
//! What a pipeline file can name stands in [`CONNECTORS`].
//!
//! Every source implements [`dlt_engine::Source`]; none of them interprets values, that is the engine's work.

mod batches;
mod files;
mod ready_made;
mod rest;
mod rows;

pub use batches::{Batches, batches};
pub use dlt_objects::{AwsCredentials, AzureCredentials, Credentials, GcpCredentials};
pub use files::{CsvOptions, Encoding, Files, FilesIncremental, Format, Quote, character_of, files};
pub use rest::{
    Action, AuthConfig, ClientConfig, EndpointConfig, EndpointIncremental, FromShort, KeyLocation, Method, Names,
    PaginatorConfig, Parallel, ProcessingStep, ResourceConfig, ResourceDefaults, ResponseAction, Rest, RestConfig,
    Secret, Short, rest,
};
pub use rows::{Rows, rows};

pub use dlt_engine::connector::ReadyMade;
use dlt_engine::connector::SourceConnector;

/// The sources that a pipeline file can name. A new one has its entry beside its code, and a line here.
pub static CONNECTORS: [&SourceConnector; 10] = [
    &files::section::CONNECTOR,
    &rest::section::CONNECTOR,
    &ready_made::CHESS,
    &ready_made::GITHUB,
    &ready_made::HUBSPOT,
    &ready_made::NOTION,
    &ready_made::PIPEDRIVE,
    &ready_made::POKEMON,
    &ready_made::SLACK,
    &ready_made::STRIPE,
];

/// The ready-made declaration of this name, a [`RestConfig`] in TOML.
pub fn ready_made(name: &str) -> Option<ReadyMade> {
    CONNECTORS.iter().find(|known| known.name == name)?.ready_made
}
