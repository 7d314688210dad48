//! Delta tables: Parquet files, and a log that says which of them are the table.
//!
//! The log is the folder `_delta_log` beside the files: version after version a file of JSON, `00000000000000000007.json`, each line an
//! action (`add` and `remove` a file, `metaData`, `protocol`). Who writes a version first has it, and whoever comes second reads
//! what it says and writes the next one. Every so often a checkpoint, a Parquet file, tells all versions before it in one.
//!
//! Files are never changed, and what is removed from the table stays on the disk, for those who read an earlier version; `VACUUM` of
//! other tools deletes it.
//!
//! A version that a load wrote names the load in its `commitInfo`. By this a load that was killed finds what it had done.

mod action;
mod checkpoint;
mod commit;
mod features;
mod form;
mod log;
mod paths;
mod stats;
mod table;
pub mod together;
mod types;

pub(crate) use table::Delta;
