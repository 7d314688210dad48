//! What a database has to offer to be read.

use crate::statement::Dialect;
use crate::table::{Listed, Reflected, SqlColumn};
use dlt_engine::{Notices, RecordBatch, Result};

/// A connection. Each thread that reads has one of its own.
pub(crate) trait Session: Send {
    /// How its SQL is written.
    fn dialect(&self) -> Dialect;

    /// Tables and views of a schema (the default one for `None`), by name.
    fn list(&mut self, schema: Option<&str>) -> Result<Vec<Listed>>;

    /// What is known of a table.
    fn reflect(&mut self, schema: Option<&str>, table: &str) -> Result<Reflected>;

    /// The columns that a query gives.
    fn describe(&mut self, sql: &str) -> Result<Vec<SqlColumn>>;

    /// A name under which other connections can see the state that this one sees, for as long as it is open; `None` where the
    /// database has no such thing.
    fn share_state(&mut self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Sees the state of another connection from now on. Asked before anything else.
    fn see_state(&mut self, _name: &str) -> Result<()> {
        Ok(())
    }

    /// Reads the rows of a statement, batch by batch. `take` tells whether more are wanted.
    fn read(&mut self, statement: &Reading, take: &mut dyn FnMut(RecordBatch) -> Result<bool>) -> Result<()>;
}

/// A statement, and how its rows are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// The statement.
    pub(crate) sql: String,
    /// The table or query, for messages.
    pub(crate) name: String,
    /// The columns that it gives, in order, with the kinds that they are handed over as.
    pub(crate) columns: Vec<SqlColumn>,
    /// Rows of a batch at most.
    pub(crate) chunk_size: usize,
    /// Whether rows must stay in the order in which the database gives them.
    pub(crate) keeps_order: bool,
    /// Where to say what is odd.
    pub(crate) notices: Notices,
}
