//! What a merge asks of DuckDB: new rows are read from their job files, again and again, without copying them.

use crate::failure::explain;
use crate::names::quote;
use crate::statements::{Statements, in_order, parquet};
use dlt_engine::Result;
use dlt_engine::schema::Table;
use dlt_engine::sql::{Session, Staged};
use std::path::PathBuf;

/// Columns that DuckDB adds to what it reads from files: which file, and which of its rows.
const PLACE: [&str; 2] = ["file_index", "file_row_number"];

/// A merge within a load.
pub(crate) struct Merging<'l, 'c> {
    statements: &'l Statements<'c>,
    /// Temporary tables of rows that were copied to be numbered.
    numbered: Vec<String>,
}

impl<'l, 'c> Merging<'l, 'c> {
    pub(crate) fn new(statements: &'l Statements<'c>) -> Self {
        Self { statements, numbered: Vec::new() }
    }

    /// Drops the temporary tables.
    pub(crate) fn finish(self) -> Result<()> {
        self.numbered.iter().try_for_each(|table| {
            self.statements.execute("drop a temporary table", &format!("DROP TABLE {table}")).map(drop)
        })
    }
}

impl Session for Merging<'_, '_> {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn table(&self, table: &str) -> String {
        self.statements.place.table(table)
    }

    fn temporary(&self, name: &str) -> String {
        format!("temp.{}", quote(name))
    }

    fn stage(&mut self, table: &Table, files: &[PathBuf]) -> Result<Staged> {
        let relation = parquet(files)?;
        let doing = format!("read the new rows of table `{}`", table.name);
        let columns = self.statements.columns_of(&relation).map_err(|error| explain(&doing, &error))?;
        let is_hidden = columns.iter().any(|column| PLACE.iter().any(|place| column.eq_ignore_ascii_case(place)));
        if !is_hidden {
            return Ok(Staged { relation, columns, position: PLACE.map(str::to_owned).to_vec() });
        }
        // A column of that name hides DuckDB's own. The rows are copied, in their order, with a number.
        let numbered = self.temporary(&format!("_dlt_numbered_{}", self.numbered.len()));
        self.statements.execute(&doing, in_order(true))?;
        self.statements.execute(
            &doing,
            &format!(
                "CREATE TEMPORARY TABLE {numbered} AS SELECT *, row_number() OVER () AS _dlt_number FROM {relation}"
            ),
        )?;
        self.statements.execute(&doing, in_order(false))?;
        self.numbered.push(numbered.clone());
        Ok(Staged { relation: numbered, columns, position: vec!["_dlt_number".to_owned()] })
    }

    fn execute(&mut self, doing: &str, sql: &str) -> Result<u64> {
        self.statements.execute(doing, sql)
    }

    fn insert(&mut self, table: &Table, rows: &Staged, sql: &str) -> Result<u64> {
        self.statements.insert(table, &rows.relation, sql)
    }

    fn number(&mut self, doing: &str, sql: &str) -> Result<i64> {
        self.statements.number(sql).map_err(|error| explain(doing, &error))
    }
}
