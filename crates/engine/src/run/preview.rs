//! What a run would do: extract and normalize, and then look.

use super::attempt::Run;
use crate::error::Result;
use crate::ids::random_hex_id;
use crate::notice::Notice;
use crate::package::{Folder, Package};
use crate::pipeline::Pipeline;
use crate::schema::{Column, Schema, Table, WriteDisposition};
use crate::source::Source;
use std::path::PathBuf;

/// What a run would do to a dataset.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preview {
    /// Name of the schema.
    pub schema: String,
    /// Tables that would get rows or columns, in the order of the schema.
    pub tables: Vec<TablePreview>,
    /// What the run would say.
    pub notices: Vec<Notice>,
}

/// What a run would do to a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TablePreview {
    /// The table as the schema would have it.
    pub table: Table,
    /// How it would be written; of a nested table, how its root would.
    pub disposition: WriteDisposition,
    /// Whether the dataset has no such table.
    pub is_new: bool,
    /// Names of the columns that the dataset lacks; all of them for a new table.
    pub new_columns: Vec<String>,
    /// Rows that were read for it.
    pub rows: u64,
}

impl TablePreview {
    /// Its columns, each with whether the dataset lacks it.
    pub fn columns(&self) -> impl Iterator<Item = (&Column, bool)> {
        self.table.columns.values().map(|column| (column, self.new_columns.contains(&column.name)))
    }
}

/// Removes a folder when it is done with.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Pipeline {
    /// Reads the source and works out what [`Pipeline::run`] would do, without doing it: nothing is written to the
    /// destination or to the working folder, and packages that wait are left alone. What is normalized goes to the
    /// system's folder for temporary files, and is removed.
    ///
    /// # Errors
    /// As [`Pipeline::run`], for all that goes wrong before the load.
    pub fn preview(&self, mut source: impl Source) -> Result<Preview> {
        let id = random_hex_id()?;
        let scratch = Scratch(std::env::temp_dir().join(format!("dlt-dry-run-{id}")));
        let folder = Folder::new(&scratch.0, "dry-run");
        let mut run = Run::new(self, &folder, id);
        run.is_dry = true;
        let opened = run.open(&mut source)?;
        let before = opened.schema.clone();
        let mut package = Package::create(&folder, opened.manifest)?;
        let made =
            run.extract_and_normalize(&mut source, &opened.context, &mut package, opened.schema, opened.state, &[]);
        made.map_err(|error| source.explain(error))?;
        let stored = package.manifest.schema.as_deref();
        let after = stored.map_or_else(|| Ok(before.clone()), Schema::from_stored)?;
        Ok(Preview {
            schema: after.name.clone(),
            tables: changes(&before, &after, &package),
            notices: run.notices.said(),
        })
    }
}

fn changes(before: &Schema, after: &Schema, package: &Package) -> Vec<TablePreview> {
    let mut found = Vec::new();
    for table in after.data_tables() {
        let known = before.tables.get(&table.name);
        let is_there = |name: &str| {
            known.and_then(|known| known.columns.get(name)).is_some_and(|column| column.data_type.is_some())
        };
        let new_columns: Vec<String> = table
            .complete_columns()
            .filter(|(column, _)| !is_there(&column.name))
            .map(|(column, _)| column.name.clone())
            .collect();
        let files = package.manifest.files.iter().filter(|file| file.table == table.name);
        let rows = files.map(|file| file.rows).sum();
        if rows == 0 && new_columns.is_empty() {
            continue;
        }
        let disposition = after.root_of(table).write_disposition.unwrap_or_default();
        let is_new = known.is_none_or(|known| known.complete_columns().next().is_none());
        found.push(TablePreview { table: table.clone(), disposition, is_new, new_columns, rows });
    }
    found
}
