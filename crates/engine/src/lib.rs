//! The engine of dlt: extract, normalize, load.
//!
//! # The path of a row
//!
//! ```text
//! Source ── chunks ──► extract ──► normalize (a worker a core) ──► job files ──► load (one transaction) ──► Destination
//!  files, APIs,         what cannot     JSON → typed columns,        Parquet in     rows, schema, state,
//!  iterators            be read again   nested lists → tables,       the load       load record: all or
//!                       is kept as it   schema grows                 package        nothing
//!                       came
//! ```
//!
//! A run makes a load package, a folder on disk in which each step leaves what the next one needs; a run that was killed
//! is taken up from there by the next. The engine knows nothing of command lines, HTTP or telemetry:
//! what happens is told to an observer.

mod apart;
mod cells;
mod choice;
mod dataset;
pub mod destination;
pub mod digest;
mod discarded;
mod error;
mod events;
mod extract;
mod hints;
mod json;
mod load;
pub mod naming;
mod normalize;
mod notice;
mod package;
mod pending;
mod pipeline;
mod resume;
mod run;
pub mod schema;
pub mod source;
pub mod sql;
mod state;
mod sync;
mod trace;
pub mod value;

/// Rows in columns, as queries give them and sources may hand them over.
pub use arrow::record_batch::RecordBatch;
pub use cells::{JSON_EXTENSION, UUID_EXTENSION};
pub use choice::ColumnChoice;
pub use dataset::{Dataset, TableAccess, relabel_utc, rows_of};
pub use destination::Destination;
pub use discarded::Discarded;
pub use error::{Error, ErrorKind, Location, Result};
pub use events::{Event, NoObserver, Observer, Step};
pub use json::Surrogates;
pub use notice::{Notice, Notices};
pub use pending::{PendingPackage, drop_pending_packages, pending_packages};
pub use pipeline::{Pipeline, default_schema_name, last_trace};
pub use source::Source;
pub use trace::{LoadInfo, StepTrace, Trace};
