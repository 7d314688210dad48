//! Load: a normalized package becomes one transaction of the destination.

use crate::declare::table_name;
use crate::destination::{Connection, InsertMode, LoadRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::package::Package;
use crate::pipeline::Pipeline;
use crate::restore::is_current;
use crate::schema::{Schema, Table, WriteDisposition};
use std::path::PathBuf;

/// Writes the package in one transaction; returns the rows added by table. `on_rows` is told how many were added so far.
pub(crate) fn write(
    pipeline: &Pipeline,
    package: &Package,
    connection: &mut dyn Connection,
    on_rows: &dyn Fn(u64),
) -> Result<Vec<(String, u64)>> {
    let corrupt = || Error::new(ErrorKind::Corrupt, "a load package has no schema");
    if !is_current(connection, &pipeline.name, package)? {
        return Err(Error::new(
            ErrorKind::Busy,
            format!("another run changed dataset `{}` while this one was under way", pipeline.dataset),
        )
        .hint("run the same command again"));
    }
    let manifest = &package.manifest;
    let schema = Schema::from_stored(manifest.schema.as_deref().ok_or_else(corrupt)?)?;
    let naming = pipeline.naming();
    let in_package: Vec<String> =
        manifest.resources.iter().map(|resource| table_name(&resource.name, &resource.hints, naming)).collect();
    let disposition = |table: &Table| schema.root_of(table).write_disposition.unwrap_or_default();
    let truncate: Vec<&Table> = schema
        .data_tables()
        .filter(|table| disposition(table) == WriteDisposition::Replace)
        .filter(|table| in_package.contains(&schema.root_of(table).name))
        .collect();
    let mut transaction = connection.begin()?;
    transaction.evolve(&schema, &truncate)?;
    let folder = package.normalized();
    let mut rows_of_all = 0;
    let mut added = Vec::new();
    for table in ordered(&schema) {
        let files: Vec<PathBuf> =
            manifest.files.iter().filter(|file| file.table == table.name).map(|file| folder.join(&file.name)).collect();
        if files.is_empty() {
            continue;
        }
        let root = schema.root_of(table);
        let mode = match (disposition(table), root.name == table.name) {
            (WriteDisposition::Merge, true) => {
                let is_alone = manifest.files.iter().all(|file| !is_below(&schema, &file.table, root));
                InsertMode::NewKeys { is_alone }
            }
            (WriteDisposition::Merge, false) => InsertMode::OfNewRows { root, load_id: &manifest.load_id },
            _ => InsertMode::All,
        };
        let rows = transaction.insert(table, &files, mode)?;
        rows_of_all += rows;
        on_rows(rows_of_all);
        added.push((table.name.clone(), rows));
    }
    let record = LoadRecord { load_id: &manifest.load_id, schema: &schema, state: manifest.state.as_ref() };
    transaction.commit(&record)?;
    Ok(added)
}

/// Whether the table is nested in the root.
fn is_below(schema: &Schema, table: &str, root: &Table) -> bool {
    table != root.name && schema.tables.get(table).is_some_and(|table| schema.root_of(table).name == root.name)
}

/// The rows of the package by table, for a load that was committed unseen.
pub(crate) fn count_rows(package: &Package) -> Vec<(String, u64)> {
    let mut rows: Vec<(String, u64)> = Vec::new();
    for file in &package.manifest.files {
        match rows.iter_mut().find(|(table, _)| *table == file.table) {
            Some((_, count)) => *count += file.rows,
            None => rows.push((file.table.clone(), file.rows)),
        }
    }
    rows
}

/// Data tables, every root followed by what is nested in it.
fn ordered(schema: &Schema) -> Vec<&Table> {
    let roots = schema.data_tables().filter(|table| table.parent.is_none());
    roots.flat_map(|root| schema.chain(&root.name)).collect()
}
