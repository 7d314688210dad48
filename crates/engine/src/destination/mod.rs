//! Where data goes: the contract between the engine and a destination.
//!
//! A load is one [`Transaction`]. In this order: [`Destination::connect`], [`Connection::is_loaded`] (for a package taken
//! up again), [`Connection::stored`] (before anything is extracted, and again before the load: what is stored must still
//! be what the rows were made for), [`Connection::begin`], then [`Transaction::drop_tables`] (where something is dropped),
//! [`Transaction::evolve`] once, [`Transaction::empty_tables`] (where something is emptied), [`Transaction::write`] for each
//! root table once, [`Transaction::commit`] once. A transaction that is
//! dropped leaves no trace. After `commit` returned `Ok`, rows, schema, state and load record are durable together, and
//! `is_loaded` of that load id is true, whatever happens to the process; when it returned an error or never returned,
//! `is_loaded` tells which of the two it was. Between runs the connection is closed, so that others can use the database.

mod capabilities;
mod handover;
mod plan;
mod replacing;

pub use capabilities::{Capabilities, Concurrency};
pub(crate) use capabilities::{check, check_declared, format_without_meaning};
pub use handover::{Handover, Parameter};
pub use plan::{ChainLoad, TableLoad, Write};
pub use replacing::ReplaceStrategy;

use crate::error::{Error, ErrorKind, Result};
use crate::notice::Notice;
use crate::schema::Schema;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde_json::Value;

/// A place that datasets can be loaded into.
pub trait Destination: Send + Sync {
    /// What it is: `duckdb`.
    fn type_name(&self) -> &str;

    /// Name that the user gave it, else the type.
    fn name(&self) -> &str {
        self.type_name()
    }

    /// Type as it is written into stored states: the module path that other readers of the contract look up.
    fn stored_type(&self) -> String {
        format!("dlt.destinations.{}", self.type_name())
    }

    /// Digest of what tells this place from others of its type (a host name); empty where there is nothing of the kind.
    fn fingerprint(&self) -> String {
        String::new()
    }

    /// Where it is, for a person, without secrets: `duckdb:///path/to/shop.duckdb`.
    fn location(&self) -> String;

    /// Whether there is something to connect to. An embedded database is made by its first load.
    fn is_there(&self) -> bool {
        true
    }

    /// What it can take. The same for as long as it lives.
    fn capabilities(&self) -> Capabilities;

    /// Bytes of memory that a load may take in this process; `None` if it takes none worth telling. What the engine does
    /// before a load keeps within the same bytes: the two take turns.
    fn memory_limit(&self) -> Option<u64> {
        None
    }

    /// What another program of this machine needs to come to the same place with the same rights, such as one that transforms
    /// what was loaded. Nothing is opened or reached.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] if there is no such program, or something is missing.
    fn handover(&self) -> Result<Handover> {
        let what = format!("what is in destination `{}` cannot be handed to another program", self.name());
        Err(Error::new(ErrorKind::Config, what))
    }

    /// Opens it for one dataset; nothing is created until a load is committed (the file of an embedded database may be).
    ///
    /// # Errors
    /// [`crate::ErrorKind::DestinationBusy`] if another process holds it, [`crate::ErrorKind::Destination`] if it cannot
    /// be reached or opened.
    fn connect(&self, dataset: &str, access: Access) -> Result<Box<dyn Connection>>;
}

/// Whether a connection may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only; a database that is not there is an error and is not made.
    Read,
    /// Reads and writes; an embedded database is made if it is not there.
    Write,
}

/// An open dataset.
pub trait Connection: Send {
    /// What a pipeline left here: its newest state whose load completed, and the newest version of the schema. Both are
    /// `None` in a dataset that is not there.
    ///
    /// # Errors
    /// If the destination fails, or what is stored cannot be understood.
    fn stored(&mut self, pipeline: &str, schema: &str) -> Result<Stored>;

    /// Whether the load was committed.
    ///
    /// # Errors
    /// If the destination fails.
    fn is_loaded(&mut self, load_id: &str) -> Result<bool>;

    /// Begins the load.
    ///
    /// # Errors
    /// If the destination fails.
    fn begin<'a>(&'a mut self) -> Result<Box<dyn Transaction + 'a>>;

    /// Tables of the dataset in order of creation, those of the contract included.
    ///
    /// # Errors
    /// If the destination fails, or there is no such dataset.
    fn tables(&mut self) -> Result<Vec<String>>;

    /// Runs a query of the user, whose unqualified names mean tables of the dataset; `on_batch` gets the result piece by
    /// piece, at least once, and an error of it ends the query.
    ///
    /// # Errors
    /// What the destination says of the query, or what `on_batch` returned.
    fn query(&mut self, sql: &str, on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>) -> Result<()>;

    /// Quotes a name for use in a query.
    fn quote(&self, identifier: &str) -> String;
}

/// What a pipeline left in a dataset.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// JSON of the newest version of the schema.
    pub schema: Option<String>,
    /// The `state` column of the newest state.
    pub state: Option<String>,
}

/// One load.
pub trait Transaction {
    /// Drops tables of a schema, and those that other tools staged for them, before [`Transaction::evolve`], which may make
    /// tables of the same names anew. What is not there is passed over. With tables the stored versions of the schema go: other
    /// tools take a version that is stored for the word that its tables are there.
    ///
    /// # Errors
    /// If the destination fails.
    fn drop_tables(&mut self, schema: &str, tables: &[String]) -> Result<()>;

    /// Deletes all rows of tables of the dataset, after [`Transaction::evolve`]. What is not there is passed over.
    ///
    /// # Errors
    /// If the destination fails.
    fn empty_tables(&mut self, tables: &[String]) -> Result<()>;

    /// Makes dataset, tables and columns that `schema` has and the destination lacks. Columns are only ever added. A table
    /// of which a column is there with another type stays as it is: that is an error of `write`, if it gets rows.
    ///
    /// # Errors
    /// If the destination fails.
    fn evolve(&mut self, schema: &Schema) -> Result<()>;

    /// Writes the rows of one root table and of what is nested in it as [`ChainLoad::write`] says, and returns how many
    /// were added to each table, in the order of [`ChainLoad::tables`]. Called after `evolve`, once a chain.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Data`] if it refuses a value or has a column of another type: loading the package again would
    /// end the same way. Otherwise if the destination fails; the package is then kept for the next run.
    fn write(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>>;

    /// What it has to say of the rows that were written: values that it stores in another way. Asked before the commit, and
    /// said after it.
    fn notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }

    /// Writes the load record, the schema if its version is new, and the state if there is one, and commits everything.
    ///
    /// # Errors
    /// If the destination fails; the load may then have been committed or not, which `is_loaded` tells.
    fn commit(self: Box<Self>, record: &LoadRecord<'_>) -> Result<()>;
}

/// What is stored beside the rows of a load.
#[derive(Debug)]
pub struct LoadRecord<'a> {
    /// Id of the load.
    pub load_id: &'a str,
    /// Schema that the load used.
    pub schema: &'a Schema,
    /// The pipeline's state, if it changed.
    pub state: Option<&'a StateRecord>,
}

/// A row of `_dlt_pipeline_state`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StateRecord {
    /// Number of the state.
    pub version: u64,
    /// Version of its form.
    pub engine_version: u64,
    /// Pipeline that it belongs to.
    pub pipeline_name: String,
    /// Compressed JSON.
    pub state: String,
    /// Microseconds since 1970, UTC.
    pub created_at_micros: i64,
    /// Digest of the state.
    pub version_hash: String,
    /// Id of the row.
    pub row_id: String,
}

/// A value as JSON, for callers of [`Connection::query`] that want rows.
pub type Row = serde_json::Map<String, Value>;
