//! Statements of a load: run in its transaction, and explained where they fail.

use crate::ddl;
use crate::files;
use crate::names::{Place, quote};
use crate::types::ColumnType;
use dlt_engine::schema::Table;
use dlt_engine::{Notice, Result};
use dlt_postgres::write::{self, TableColumn, Written};
use dlt_postgres::{Client, explain_refusal};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// A connection with an open transaction, and the dataset that its statements are about.
pub(crate) struct Statements<'a> {
    pub(crate) client: &'a mut Client,
    pub(crate) place: &'a Place,
    /// Columns of the tables as they are after the schema's changes; read when they are asked for.
    columns: Option<HashMap<String, ddl::Columns>>,
    /// Texts that lost a character, and moments that lost digits, by table and column.
    without_zero: BTreeMap<(String, String), u64>,
    cut: BTreeMap<(String, String), u64>,
}

impl<'a> Statements<'a> {
    pub(crate) fn new(client: &'a mut Client, place: &'a Place) -> Self {
        Self { client, place, columns: None, without_zero: BTreeMap::new(), cut: BTreeMap::new() }
    }

    /// Forgets what the tables look like: they were changed.
    pub(crate) fn forget_columns(&mut self) {
        self.columns = None;
    }

    pub(crate) fn execute(&mut self, doing: &str, sql: &str) -> Result<u64> {
        self.client.execute(doing, sql, &[])
    }

    /// Runs an `INSERT`; says which column refused its values, if that is why it fails.
    pub(crate) fn insert(&mut self, table: &Table, sql: &str) -> Result<u64> {
        let doing = format!("add rows to table `{}`", table.name);
        self.client.raw().execute_typed(sql, &[]).map_err(|error| explain_refusal(&doing, &error))
    }

    pub(crate) fn number(&mut self, doing: &str, sql: &str) -> Result<i64> {
        let rows = self.client.query(doing, sql, &[])?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Columns of the files that the table has, with their types in the table.
    pub(crate) fn columns_of(&mut self, table: &str, files: &[PathBuf]) -> Result<Vec<TableColumn>> {
        if self.columns.is_none() {
            self.columns = Some(ddl::existing_columns(self.client, self.place)?);
        }
        let known = self.columns.as_ref().and_then(|tables| tables.get(table)).map_or(&[][..], Vec::as_slice);
        let given = files::columns(files)?;
        let column = |name: &String| {
            let (_, existing): &(String, ColumnType) = known.iter().find(|(known, _)| known == name)?;
            Some(TableColumn { name: name.clone(), quoted: quote(name), target: existing.target()? })
        };
        Ok(given.iter().filter_map(column).collect())
    }

    /// Writes the rows of files into a table: `sql` is its full name, `position` a column for their numbers.
    pub(crate) fn copy(
        &mut self,
        table: &Table,
        sql: String,
        columns: Vec<TableColumn>,
        position: Option<String>,
        files: &[PathBuf],
    ) -> Result<u64> {
        let target = write::Table { shown: table.name.clone(), sql, columns, position };
        let Written { rows, without_zero, cut } = write::write(self.client, &target, files::batches(files))?;
        for (column, count) in without_zero {
            *self.without_zero.entry((table.name.clone(), column)).or_default() += count;
        }
        for (column, count) in cut {
            *self.cut.entry((table.name.clone(), column)).or_default() += count;
        }
        Ok(rows)
    }

    /// What was stored in another way.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let notice = |counts: &BTreeMap<(String, String), u64>, one: &str, many: &str, hint: &str| {
            let all: u64 = counts.values().sum();
            let what = if all == 1 { one.to_owned() } else { format!("{all} {many}") };
            let details = counts.iter().map(|((table, column), count)| format!("{table}.{column}: {count}"));
            (all > 0).then(|| Notice::new(what).hint(hint).details(details))
        };
        let zero = notice(
            &self.without_zero,
            "1 text was stored without its character 0 (\\0), which Postgres does not hold",
            "texts were stored without their characters 0 (\\0), which Postgres does not hold",
            "declare the column as binary to keep every byte; -v lists the columns",
        );
        let cut = notice(
            &self.cut,
            "1 timestamp was cut to microseconds, which is what Postgres keeps",
            "timestamps were cut to microseconds, which is what Postgres keeps",
            "load the column as a number of nanoseconds to keep them; -v lists the columns",
        );
        zero.into_iter().chain(cut).collect()
    }
}
