//! What SQL destinations have in common: statements that are made from a load plan and run in the destination's session.

mod merge;
mod versions;

pub use merge::merge;
pub use versions::keep_versions;

use crate::error::Result;
use crate::schema::Table;
use std::path::PathBuf;

/// An open transaction of a database that understands SQL.
pub trait Session {
    /// Quotes an identifier.
    fn quote(&self, identifier: &str) -> String;

    /// Full name of a table of the dataset, quoted.
    fn table(&self, table: &str) -> String;

    /// Full name of a temporary table, quoted, which nobody else sees.
    fn temporary(&self, name: &str) -> String;

    /// A moment, given in microseconds since 1970, as SQL.
    fn instant(&self, micros: i64) -> String {
        format!("TIMESTAMP WITH TIME ZONE '{}'", crate::value::instant_text(micros))
    }

    /// Makes the rows of job files readable by SQL.
    ///
    /// # Errors
    /// If the destination fails.
    fn stage(&mut self, table: &Table, files: &[PathBuf]) -> Result<Staged>;

    /// Runs a statement and returns how many rows it changed. `doing` says what it is for, in case it fails: `add rows to
    /// table `orders``.
    ///
    /// # Errors
    /// If the destination fails.
    fn execute(&mut self, doing: &str, sql: &str) -> Result<u64>;

    /// Runs an `INSERT` of staged rows and returns how many were added.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Data`] with the column, if it refuses a value; otherwise if the destination fails.
    fn insert(&mut self, table: &Table, rows: &Staged, sql: &str) -> Result<u64>;

    /// Runs a query that gives one number.
    ///
    /// # Errors
    /// If the destination fails.
    fn number(&mut self, doing: &str, sql: &str) -> Result<i64>;
}

/// Rows that can be read by SQL and are not in their table yet.
#[derive(Clone, Debug)]
pub struct Staged {
    /// What stands behind `FROM`: a table or a function call. It is read several times.
    pub relation: String,
    /// Columns that the rows have, not quoted.
    pub columns: Vec<String>,
    /// SQL of the columns that tell the place of a row in the input, the most significant first.
    pub position: Vec<String>,
}

impl Staged {
    /// Whether the rows have that column.
    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|known| known == column)
    }
}
