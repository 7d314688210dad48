//! What a database is to the store: a destination of the engine, and sessions that ask in its words.

use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use dlt_engine::destination::{Access, Row};
use dlt_engine::{Destination, Error, ErrorKind};

use crate::store::{Dialect, OnBatch, OnMessage, Role};

/// A database that holds the tables.
pub(super) trait Database: Send + Sync {
    /// The file or the address, without secrets.
    fn location(&self) -> String;

    /// Whether it is there. It may be without tables.
    fn exists(&self) -> bool;

    /// What loads go through.
    fn destination(&self) -> &Arc<dyn Destination>;

    /// How it is asked.
    fn dialect(&self) -> &'static dyn Dialect;

    /// Whether to count all rows takes long, so that what was counted before is remembered.
    fn counts_slowly(&self) -> bool {
        false
    }

    /// Whether each load comes settled.
    fn settles_loads(&self) -> bool {
        false
    }

    /// See [`crate::store::Store::upkeep`].
    fn upkeep(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Whether others may add rows while nobody here has a session.
    fn is_shared(&self) -> bool {
        true
    }

    /// A session in the dataset.
    fn open(&self, access: Access) -> Result<Box<dyn Session + '_>, Error>;

    /// Takes the lead among those who load into the tables, or keeps it.
    fn lead(&self) -> Result<Role, Error> {
        // Who has the file open for writing is alone.
        Ok(Role::Leads { is_new: false })
    }

    /// Gives the lead away.
    fn resign(&self) {}

    /// See [`crate::store::Store::own`].
    fn own(&self, _owner: &str, _always: bool) -> Result<bool, Error> {
        Ok(true)
    }
}

/// A connection. A statement alone is a transaction.
pub(super) trait Session {
    /// The rows of a query.
    fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Error>;

    /// The rows of a query piece by piece.
    fn batches(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error>;

    /// See [`crate::store::Tables::ask`].
    fn ask(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error>;

    /// See [`crate::store::Tables::copy_to`].
    fn copy_to(&mut self, _file: &Path) -> Result<bool, Error> {
        Ok(false)
    }

    /// Runs a statement that gives no rows.
    fn execute(&mut self, sql: &str) -> Result<(), Error>;

    /// Whether the tables are there.
    fn is_begun(&mut self) -> Result<bool, Error>;

    /// See [`crate::store::Tables::hold_still`].
    fn hold_still(&mut self) -> Result<(), Error>;

    /// See [`crate::store::Tables::make_room`].
    fn make_room(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Makes what speeds up questions, where it is missing. Only when the tables are there.
    fn make_indexes(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Runs statements that are committed together, behind all loads under way; none of them where the query `unless` has a
    /// row by then.
    fn transaction(&mut self, unless: &str, statements: &[String]) -> Result<(), Error>;
}

/// Tells the message of each row of a batch: its first column holds ids, the second one projects.
pub(super) fn each_message(batch: &RecordBatch, on_message: &mut OnMessage<'_>) -> Result<(), Error> {
    let failed = |error| Error::new(ErrorKind::Internal, "a column of texts cannot be read").because(error);
    let texts = |at: usize| cast(batch.column(at), &DataType::Utf8).map_err(failed);
    let (ids, projects) = (texts(0)?, texts(1)?);
    for (id, project) in ids.as_string::<i32>().iter().zip(projects.as_string::<i32>().iter()) {
        if let Some(id) = id {
            on_message(id, project);
        }
    }
    Ok(())
}
