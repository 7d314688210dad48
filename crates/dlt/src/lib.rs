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
//! - A source: [`rows`] or a [`stream`] of anything that serialises, [`batches`] in columns, [`files`] (JSON, JSON Lines, CSV, Parquet), [`rest`] APIs by
//!   declaration, a [`sql_database`], or your own [`Source`].
//! - What is changed on the way ([`SourceExt`]): some resources, the first rows, maps and filters, hints, a resource made of
//!   another.
//! - A destination: [`duckdb`], [`duckdb_at`], [`postgres`], [`filesystem`], or your own [`Destination`].
//! - A run extracts, normalizes and loads: nested objects become columns, nested lists tables of their own, new fields
//!   new columns. It is all or nothing, and one that was killed is taken up by the next.
//! - [`DESTINATIONS`] and [`SOURCES`] are the connectors by name, with their settings.
//! - [`dbt`] transforms what was loaded.
//! - [`declaration::Declaration`] reads the same from a TOML file, as the command `dlt run` does.
//!
//! Anonymous telemetry is recorded as the project's documentation describes it, and never without an endpoint that
//! somebody set; [`Builder::telemetry`] takes another handle, or [`telemetry::Telemetry::off`].

mod adapt;
mod connectors;
pub mod dbt;
pub mod declaration;
pub mod deploy;
mod destination;
mod local;
mod pipeline;
mod providers;
mod recording;
mod records;
mod source;
mod stream;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/library.md")]
struct Guide;

#[doc(inline)]
pub use dlt_telemetry as telemetry;

pub use adapt::{Adapted, IntoDisposition, SourceExt};
pub use connectors::{DESTINATIONS, SOURCES};
pub use destination::{DestinationName, IntoDestination};
pub use dlt_engine::connector;
pub use dlt_engine::destination::{Concurrency, ReplaceStrategy};
pub use dlt_engine::incremental::{Bound, CursorValue, Incremental, LastValue, OnMissing, RowOrder};
pub use dlt_engine::naming::Convention;
pub use dlt_engine::schema::{
    Column, ColumnHints, Columns, Contract, DataType, Diagram, Entity, MergeStrategy, Mode, Modes, Schema, SortOrder,
    Table, TableChange, TableFormat, WriteDisposition, column_in_short,
};
pub use dlt_engine::settings::duration_of;
pub use dlt_engine::source::{DeclaredResource, ExtractContext, Resource, SourceState, TableHints};
pub use dlt_engine::versions::Scd2;
pub use dlt_engine::{
    ColumnChoice, Dataset, Destination, Discarded, DropPlan, Error, ErrorKind, Event, Export, ExportFormat,
    ExportPacking, Exported, LoadInfo, LoadedPackage, LocalCopy, Location, Notice, Notices, Observer, PendingPackage,
    Preview, RecordBatch, Refresh, Result, Selected, Selection, Source, Step, StepTrace, Surrogates, Synced,
    TableAccess, TablePreview, Trace, drop_pending_packages, loaded_packages, local_copy, pending_packages, rows_of,
    suggest,
};
pub use dlt_source_sql_database::{Address, Level, SqlDatabase, SqlTable, sql_database};
pub use dlt_sources::{
    AwsCredentials, AzureCredentials, Batches, Credentials, CsvOptions, Encoding, Files, FilesIncremental, Format,
    GcpCredentials, Quote, ReadyMade, Rest, RestConfig, Rows, character_of, ready_made, rest,
};
pub use local::{LocalPipeline, local_pipeline, local_pipelines};
pub use pipeline::{Builder, MAX_WORKERS, Pipeline, pipeline};
pub use source::{AnySource, batches, files, rows, stream};
pub use stream::Blocking;

pub use dlt_destination_duckdb::{LibraryInfo, library_info as duckdb_library};

/// DuckDB in the file `<pipeline>.duckdb` of the current folder.
pub fn duckdb() -> DestinationName {
    DestinationName::of(&dlt_destination_duckdb::CONNECTOR)
}

/// DuckDB in this file, which is made by the first load if it is not there.
pub fn duckdb_at(path: impl Into<std::path::PathBuf>) -> DestinationName {
    duckdb().with_path("path", path)
}

/// Files below a folder or an address: `lake`, `s3://bucket/prefix`, `gs://…`, `az://…`. Their format and other settings are set by
/// [`DestinationName::with`]: `loader_file_format`, `layout`.
pub fn filesystem(bucket_url: impl Into<String>) -> DestinationName {
    DestinationName::of(&dlt_destination_filesystem::CONNECTOR).with("bucket_url", bucket_url)
}

/// A database of a Postgres server: `postgresql://user:password@host:port/database?sslmode=require`. What the URL leaves open comes
/// from libpq's variables (`PGHOST`, `PGPASSWORD` …) and password file.
///
/// # Errors
/// [`ErrorKind::Config`] if it is no such URL.
pub fn postgres(url: &str) -> Result<DestinationName> {
    DestinationName::parse(url)
}
