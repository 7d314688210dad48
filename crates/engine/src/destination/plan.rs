//! The load plan: what is to become of the rows of a load package, table by table, made by the engine and executed by the
//! destination.

use crate::schema::{MergeStrategy, Table};
use std::path::PathBuf;

/// A root table with everything nested in it, and how their rows are to be written.
#[derive(Clone, Debug)]
pub struct ChainLoad<'a> {
    /// The root table first, parents before what is nested in them. Tables without new rows are there too: rows that
    /// they hold may have to go.
    pub tables: Vec<TableLoad<'a>>,
    /// What becomes of the rows that are there, and which of the new rows are taken.
    pub write: Write,
}

impl ChainLoad<'_> {
    /// Whether there are new rows for a table below the root.
    pub fn has_nested_rows(&self) -> bool {
        self.tables.iter().skip(1).any(|load| !load.files.is_empty())
    }
}

/// New rows of one table.
#[derive(Clone, Debug)]
pub struct TableLoad<'a> {
    /// The table.
    pub table: &'a Table,
    /// Parquet files with its rows, in the order of the input. A file may lack columns that the table has.
    pub files: Vec<PathBuf>,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// New rows are added.
    Append,
    /// All rows of all tables of the chain are deleted, and the new rows added.
    Replace,
    /// New rows meet those that are there by key; keys and options are hints of the root table.
    Merge(MergeStrategy),
    /// Versions of rows are kept by the columns that hints of the root table name ([`Table::versions`]): what the new rows
    /// lack ends at this moment, in microseconds since 1970, and what they have in addition begins.
    Versions(i64),
}
