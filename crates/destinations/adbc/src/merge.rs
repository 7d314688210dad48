//! What a merge asks of the database: new rows are read from their temporary tables.

use crate::dataset::Dataset;
use crate::dialect::{Dialect, quote};
use crate::link::Link;
use crate::rows::{self, Refused, column_at_fault};
use crate::staging;
use dlt_engine::Result;
use dlt_engine::destination::Write;
use dlt_engine::schema::{MergeStrategy, Table, column_names::ID};
use dlt_engine::sql::{Session, Staged};
use std::path::PathBuf;

/// Statements about staged rows, within a load.
pub(crate) struct Merging<'l> {
    link: &'l Link,
    dataset: &'l Dataset,
    write: Write,
    staged: Vec<StagedFiles>,
    /// Indexes of tables that are there, for as long as the merge takes.
    indexes: Vec<String>,
}

/// A temporary table, and where its rows are from.
struct StagedFiles {
    full: String,
    relation: String,
    files: Vec<PathBuf>,
}

impl<'l> Merging<'l> {
    pub(crate) fn new(link: &'l Link, dataset: &'l Dataset, write: Write) -> Self {
        Self { link, dataset, write, staged: Vec::new(), indexes: Vec::new() }
    }

    /// Makes what a merge compares quick to find: SQLite would look through all rows for each.
    fn index(&mut self, table: &Table, staged: &str, columns: &[String]) -> Result<()> {
        let has = |key: &[&str]| !key.is_empty() && key.iter().all(|name| columns.iter().any(|column| column == name));
        let version = table.columns_with("x-row-version");
        let (primary, merged, id) = (table.columns_with("primary_key"), table.columns_with("merge_key"), vec![ID]);
        let (of_new, of_old) = match self.write {
            Write::Append | Write::Replace => return Ok(()),
            Write::Merge(MergeStrategy::InsertOnly) => (vec![], vec![primary]),
            Write::Merge(_) => (vec![primary, merged], vec![]),
            Write::Versions(_) => (vec![version.clone(), id.clone(), merged], vec![version, id]),
        };
        let doing = format!("find rows of table `{}`", table.name);
        let list = |key: &[&str]| key.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
        for (at, key) in of_new.iter().enumerate().filter(|(_, key)| has(key)) {
            let name = quote(&format!("{staged}_{at}"));
            self.link.execute(&doing, &format!("CREATE INDEX temp.{name} ON {} ({})", quote(staged), list(key)))?;
        }
        for key in of_old.iter().filter(|key| has(key)) {
            let name = format!("main.{}", quote(&format!("_dlt_merged_{}", self.indexes.len())));
            self.link.execute(&doing, &format!("CREATE INDEX {name} ON {} ({})", quote(&table.name), list(key)))?;
            self.indexes.push(name);
        }
        Ok(())
    }

    /// Drops the temporary tables and indexes.
    pub(crate) fn finish(self) -> Result<()> {
        for index in &self.indexes {
            self.link.execute("drop an index", &format!("DROP INDEX {index}"))?;
        }
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
        if self.dataset.dialect == Dialect::Sqlite {
            self.index(table, &name, &staged.columns)?;
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
