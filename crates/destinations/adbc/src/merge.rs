//! What a merge asks of the database: new rows are read from their temporary tables.

use crate::dataset::Dataset;
use crate::dialect::{Dialect, quote};
use crate::link::Link;
use crate::rows::{self, Refused, column_at_fault};
use crate::staging;
use dlt_engine::Result;
use dlt_engine::schema::Table;
use dlt_engine::sql::{Session, Staged};
use std::path::PathBuf;

/// Statements about staged rows, within a load.
pub(crate) struct Merging<'l> {
    link: &'l Link,
    dataset: &'l Dataset,
    staged: Vec<StagedFiles>,
}

/// A temporary table, and where its rows are from.
struct StagedFiles {
    full: String,
    relation: String,
    files: Vec<PathBuf>,
}

impl<'l> Merging<'l> {
    pub(crate) fn new(link: &'l Link, dataset: &'l Dataset) -> Self {
        Self { link, dataset, staged: Vec::new() }
    }

    /// Drops the temporary tables.
    pub(crate) fn finish(self) -> Result<()> {
        self.staged.iter().try_for_each(|table| {
            self.link.execute("drop a temporary table", &format!("DROP TABLE {}", table.full)).map(drop)
        })
    }
}

impl Session for Merging<'_> {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn table(&self, table: &str) -> String {
        self.dataset.table(table)
    }

    fn temporary(&self, name: &str) -> String {
        self.dataset.dialect.temporary(name)
    }

    fn instant(&self, micros: i64) -> String {
        // Every moment of a schema or of now has a text.
        self.dataset.dialect.instant(micros).unwrap_or_else(|_| "NULL".to_owned())
    }

    fn stage(&mut self, table: &Table, files: &[PathBuf]) -> Result<Staged> {
        let name = format!("_dlt_staged_{}", self.staged.len());
        let staged = staging::stage(self.link, table, files, &name)?;
        let full = self.temporary(&name);
        if self.dataset.dialect == Dialect::Postgres {
            // Nobody else counts the rows of temporary tables, and plans for unknown ones are slow.
            self.link.execute("count the new rows", &format!("ANALYZE {full}"))?;
        }
        self.staged.push(StagedFiles { full, relation: staged.relation.clone(), files: files.to_vec() });
        Ok(staged)
    }

    fn execute(&mut self, doing: &str, sql: &str) -> Result<u64> {
        self.link.execute(doing, sql)
    }

    fn insert(&mut self, table: &Table, rows: &Staged, sql: &str) -> Result<u64> {
        rows::insert(self.link, self.dataset, table, sql).map_err(|refused| match refused {
            Refused::Rows(error) => {
                let files = self.staged.iter().find(|staged| staged.relation == rows.relation);
                let found = files.and_then(|staged| column_at_fault(self.link, self.dataset, table, &staged.files));
                found.unwrap_or(error)
            }
            refused => refused.into_error(),
        })
    }

    fn number(&mut self, doing: &str, sql: &str) -> Result<i64> {
        self.link.number(doing, sql)
    }
}
