//! Load data from Rust: files, APIs and your own rows, nested or flat, into a database that you can query.
//!
//! ```standalone_crate
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(folder.path())?;
//! # // The example is alone in its process, and no other thread runs yet.
//! # unsafe { std::env::set_var("DLT_DATA_DIR", folder.path()) };
//! # unsafe { std::env::set_var("RUNTIME__DLTHUB_TELEMETRY", "false") };
//! #[derive(serde::Serialize)]
//! struct User {
//!     id: u32,
//!     name: &'static str,
//! }
//!
//! let pipeline = dlt::pipeline("quick_start").destination(dlt::duckdb()).dataset("mydata");
//! let info = pipeline.run(dlt::rows("users", [User { id: 1, name: "Alice" }, User { id: 2, name: "Bob" }]))?;
//! println!("{info}");
//! for row in pipeline.dataset()?.table("users")?.rows()? {
//!     println!("{}", row["name"]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - A source: [`rows`] of anything that serialises, [`files`] (JSON, JSON Lines, CSV, Parquet), [`rest`] APIs by
//!   declaration, or your own [`Source`].
//! - A destination: [`duckdb`], [`duckdb_at`], or your own [`Destination`].
//! - A run extracts, normalizes and loads: nested objects become columns, nested lists tables of their own, new fields
//!   new columns. It is all or nothing, and one that was killed is taken up by the next.
//! - [`declaration::Declaration`] reads the same from a TOML file, as the command `dlt run` does.
//!
//! Anonymous telemetry is recorded as the project's documentation describes it, and never without an endpoint that
//! somebody set; [`Builder::telemetry`] takes another handle, or [`telemetry::Telemetry::off`].

pub mod declaration;
mod destinations;
mod memory;
mod pipeline;
mod recording;
mod registry;
mod source;
mod suggest;

#[doc(inline)]
pub use dlt_telemetry as telemetry;

pub use declaration::SOURCES;
pub use destinations::{Connector, DESTINATIONS, DestinationName, IntoDestination, duckdb, duckdb_at};
pub use dlt_engine::naming::Convention;
pub use dlt_engine::schema::{
    Column, ColumnHints, Columns, Contract, DataType, Entity, MergeStrategy, Mode, Modes, Schema, SortOrder, Table,
    WriteDisposition, column_in_short,
};
pub use dlt_engine::source::{ExtractContext, Resource, SourceState, TableHints};
pub use dlt_engine::{
    ColumnChoice, Dataset, Destination, Discarded, Error, ErrorKind, Event, LoadInfo, Location, Notice, Notices,
    Observer, PendingPackage, RecordBatch, Result, Source, Step, StepTrace, Surrogates, TableAccess, Trace,
    drop_pending_packages, pending_packages, rows_of,
};
pub use dlt_sources::{
    CsvOptions, Encoding, Files, Format, Quote, ReadyMade, Rest, RestConfig, Rows, character_of, ready_made, rest,
};
pub use pipeline::{Builder, MAX_WORKERS, Pipeline, pipeline};
pub use registry::{LocalPipeline, local_pipeline, local_pipelines};
pub use source::{AnySource, files, rows};
pub use suggest::suggest;
