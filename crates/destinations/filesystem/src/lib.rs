//! Files as a destination: a dataset is a folder of Parquet, JSON Lines or CSV files, on this machine or in an object store.
//!
//! [`CONNECTOR`] is its entry in the registry: name, settings, and how it is made of them.
//!
//! # What is where
//!
//! As Python dlt lays it out, so that either continues what the other began:
//!
//! ```text
//! BUCKET_URL/DATASET/
//!   init                                             {"initial_version":2,"current_version":2}
//!   users/1795908250.737945.6276c05623.jsonl.gz      TABLE/LOAD.FILE.EXT, or another layout
//!   _dlt_version/shop__1795908251.64__1a2e….jsonl    SCHEMA__TIME__HASH: a version of the schema
//!   _dlt_pipeline_state/shop__1795908250.737945__1a2e….jsonl
//!   _dlt_loads/shop__1795908250.737945.jsonl         SCHEMA__LOAD: the load is committed
//!   _dlt_intents/1795908250.737945.json              what a load under way writes and deletes; gone when it is done
//! ```
//!
//! A table of the format Delta or Iceberg has a log in its folder ([`delta`], [`iceberg`]): `users/_delta_log/00000000000000000000.json`,
//! `users/metadata/00000-….metadata.json`.
//!
//! # A load
//!
//! Object stores have no transactions. A load first writes its intent: the names of its files, and of those that are to go. Then it
//! writes the files, the schema, the state, the versions of tables with a log, and last the record in `_dlt_loads`, which is the commit. Then the old files are deleted,
//! and the intent. A load that was killed before its commit leaves files that its next try overwrites or deletes; one that was killed
//! after it is finished by whoever opens the dataset next.
//!
//! # Who sees what
//!
//! Queries of this crate go by the intents: files of a load that is not committed are left out, and so are those that a committed
//! load replaces. Other readers look at folders: between the commit of a load that replaces a table and the deletion of the old files
//! they see both, and before the commit the new files beside the old. Readers of tables with a log see each table as the log has it,
//! which is written shortly before the commit.

mod conflicts;
mod connection;
mod connector;
mod dataset;
mod delta;
mod destination;
mod encode;
mod failure;
mod gather;
mod iceberg;
mod intent;
mod kept;
mod lake;
mod layout;
mod load;
mod local;
mod merging;
mod moment;
mod parallel;
mod query;
mod records;
mod settings;
mod settle;
mod views;

pub use connector::CONNECTOR;
pub use delta::together;
pub use settings::{FileFormat, Filesystem};
