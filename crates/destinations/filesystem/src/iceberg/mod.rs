//! Iceberg tables: Parquet files in `data`, and in `metadata` what says which of them are the table.
//!
//! A version of the table is a file `metadata/00003-….metadata.json`: columns, how files are divided, and snapshots. A snapshot has a list
//! of manifests, each with data files; both are Avro files. There is no catalog: the newest metadata file is the table, as Python dlt has it
//! where no catalog is set. The name of a version is made of that of the version before, so that of several who write the next one, one has
//! it, and the others read what it says and write theirs behind it. `metadata/version-hint.text` names the newest for readers that
//! are given the table's folder.
//!
//! Files are never changed, and what is removed from the table stays on the disk, for those who read an earlier snapshot; expiring
//! snapshots is left to other tools.
//!
//! A snapshot that a load wrote names the load in its summary. By this a load that was killed finds what it had done.

mod avro;
mod commit;
mod form;
mod kind;
mod manifest;
mod metadata;
mod paths;
mod scalar;
mod shape;
mod spec;
mod stats;
mod store;
mod table;
mod transform;

pub(crate) use table::Iceberg;
