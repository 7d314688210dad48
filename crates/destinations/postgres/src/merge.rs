//! What a merge asks of Postgres: new rows are copied into temporary tables, which end with the transaction.

use crate::names::quote;
use crate::statements::Statements;
use dlt_engine::Result;
use dlt_engine::schema::Table;
use dlt_engine::sql::{Session, Staged};
use std::path::PathBuf;

/// A merge within a load.
pub(crate) struct Merging<'l, 'c> {
    statements: &'l mut Statements<'c>,
    /// Temporary tables with new rows.
    staged: Vec<String>,
}

impl<'l, 'c> Merging<'l, 'c> {
    pub(crate) fn new(statements: &'l mut Statements<'c>) -> Self {
        Self { statements, staged: Vec::new() }
    }

    /// Drops the temporary tables: another chain may stage rows in the same transaction.
    pub(crate) fn finish(self) -> Result<()> {
        if self.staged.is_empty() {
            return Ok(());
        }
        self.statements.execute("drop temporary tables", &format!("DROP TABLE {}", self.staged.join(", "))).map(drop)
    }
}

/// A name that is none of the columns'.
fn free_name(columns: &[String]) -> String {
    let mut name = "_dlt_position".to_owned();
    while columns.contains(&name) {
        name.push('_');
    }
    name
}

impl Session for Merging<'_, '_> {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn table(&self, table: &str) -> String {
        self.statements.place.table(table)
    }

    fn temporary(&self, name: &str) -> String {
        format!("pg_temp.{}", quote(name))
    }

    fn stage(&mut self, table: &Table, files: &[PathBuf]) -> Result<Staged> {
        let doing = format!("stage the new rows of table `{}`", table.name);
        let relation = self.temporary(&format!("_dlt_staged_{}", self.staged.len()));
        let columns = self.statements.columns_of(&table.name, files)?;
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let position = quote(&free_name(&names));
        // The columns are those of the table, so that what it would refuse is refused here, where the column is told.
        let mut selected: Vec<&str> = columns.iter().map(|column| column.quoted.as_str()).collect();
        let number = format!("0::bigint AS {position}");
        selected.push(&number);
        // `TEMPORARY` with a schema other than the temporary one is refused, so the name has to be bare here.
        let bare = relation.trim_start_matches("pg_temp.");
        self.statements.execute(
            &doing,
            &format!(
                "CREATE TEMPORARY TABLE {bare} ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0",
                selected.join(", "),
                self.table(&table.name)
            ),
        )?;
        self.staged.push(relation.clone());
        self.statements.copy(table, relation.clone(), columns, Some(position.clone()), files)?;
        // Rows that match by one key or the other are looked up one by one: only a single key can be joined by.
        let keys = [table.columns_with("primary_key"), table.columns_with("merge_key")];
        if keys.iter().all(|keys| !keys.is_empty()) {
            for keys in keys.iter().filter(|keys| keys.iter().all(|key| names.iter().any(|name| name == key))) {
                let keys: Vec<String> = keys.iter().map(|key| quote(key)).collect();
                self.statements.execute(&doing, &format!("CREATE INDEX ON {relation} ({})", keys.join(", ")))?;
            }
        }
        // Without it the planner takes the table for a small one.
        self.statements.execute(&doing, &format!("ANALYZE {relation}"))?;
        Ok(Staged { relation, columns: names, position: vec![position] })
    }

    fn execute(&mut self, doing: &str, sql: &str) -> Result<u64> {
        self.statements.execute(doing, sql)
    }

    fn insert(&mut self, table: &Table, _: &Staged, sql: &str) -> Result<u64> {
        self.statements.insert(table, sql)
    }

    fn number(&mut self, doing: &str, sql: &str) -> Result<i64> {
        self.statements.number(doing, sql)
    }
}
