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
//! what happens is told to an observer. A source or destination registers as a [`connector`], which reads its [`settings`].

mod apart;
mod cell_values;
mod cells;
mod choice;
pub mod connector;
mod cursor;
mod dataset;
pub mod destination;
pub mod digest;
mod discarded;
mod drop;
mod error;
mod events;
mod exchange;
mod export;
mod extract;
mod hints;
mod history;
mod ids;
pub mod incremental;
mod json;
mod load;
mod local;
pub mod naming;
mod normalize;
mod notice;
mod notices;
mod package;
mod pending;
mod pipeline;
mod refresh;
mod resume;
mod resync;
mod rules;
mod run;
pub mod schema;
mod selection;
pub mod settings;
pub mod source;
pub mod sql;
mod state;
mod suggest;
mod sync;
mod trace;
pub mod value;
pub mod versions;

/// Rows in columns, as queries give them and sources may hand them over.
pub use arrow::record_batch::RecordBatch;
pub use cells::{JSON_EXTENSION, NESTED_JSON, UUID_EXTENSION};
pub use choice::ColumnChoice;
pub use dataset::{Dataset, TableAccess, relabel_utc, rows_of};
pub use destination::Destination;
pub use discarded::Discarded;
pub use drop::DropPlan;
pub use error::{Error, ErrorKind, Location, Result};
pub use events::{Event, NoObserver, Observer, Step};
pub use export::{Export, ExportFormat, ExportPacking, Exported};
pub use history::{LoadedPackage, loaded_packages};
pub use json::Surrogates;
pub use notice::Notice;
pub use notices::Notices;
pub use pending::{PendingPackage, drop_pending_packages, pending_packages};
pub use pipeline::{Pipeline, default_schema_name, last_trace};
pub use refresh::Refresh;
pub use resync::{LocalCopy, Synced, local_copy};
pub use run::{Preview, TablePreview};
pub use selection::{Selected, Selection};
pub use source::Source;
pub use suggest::suggest;
pub use trace::{LoadInfo, StepTrace, Trace};
