//! Load: a normalized package becomes one transaction of the destination.

use crate::destination::{self, ChainLoad, Connection, LoadRecord, TableLoad, Write};
use crate::error::{Error, ErrorKind, Result};
use crate::hints::table_name;
use crate::naming::Naming;
use crate::notice::Notice;
use crate::notices::Notices;
use crate::package::{ExtractedResource, Manifest, Package};
use crate::pipeline::Pipeline;
use crate::schema::{MergeStrategy, Schema, Table, WriteDisposition};
use crate::sync::is_current;
use std::collections::HashMap;
use std::path::PathBuf;

/// Writes the package in one transaction; returns the rows added by table. `on_rows` is told how many were added so far.
pub(crate) fn write(
    pipeline: &Pipeline,
    package: &Package,
    connection: &mut dyn Connection,
    on_rows: &dyn Fn(u64),
    notices: &Notices,
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
    let naming = pipeline.naming_of(&schema);
    for table in schema.data_tables() {
        destination::check(&*pipeline.destination, table)?;
    }
    let mut transaction = connection.begin()?;
    if let Some(refreshed) = &manifest.refresh {
        transaction.drop_tables(&schema.name, &refreshed.dropped)?;
    }
    transaction.evolve(&schema)?;
    if let Some(refreshed) = &manifest.refresh {
        transaction.empty_tables(&refreshed.emptied)?;
    }
    let mut rows_of_all = 0;
    let mut added = Vec::new();
    for chain in plan(&schema, package, naming)? {
        let rows = transaction.write(&chain)?;
        if chain.write == Write::Merge(MergeStrategy::InsertOnly) {
            say_left_out(&chain, manifest, &rows, notices);
        }
        rows_of_all += rows.iter().sum::<u64>();
        on_rows(rows_of_all);
        let counted = chain.tables.iter().zip(rows).filter(|(load, _)| !load.files.is_empty());
        added.extend(counted.map(|(load, rows)| (load.table.name.clone(), rows)));
    }
    let record = LoadRecord { load_id: &manifest.load_id, schema: &schema, state: manifest.state.as_ref() };
    let said = transaction.notices();
    transaction.commit(&record)?;
    said.into_iter().for_each(|notice| notices.say(notice));
    Ok(added)
}

/// What is to be done with the rows of the package, chain by chain: tables that have new rows, and those that are to be
/// emptied without having any.
fn plan<'a>(schema: &'a Schema, package: &Package, naming: Naming) -> Result<Vec<ChainLoad<'a>>> {
    let manifest = &package.manifest;
    let folder = package.normalized();
    let mut files: HashMap<&str, Vec<PathBuf>> = HashMap::new();
    for file in &manifest.files {
        files.entry(&file.table).or_default().push(folder.join(&file.name));
    }
    let named = |resource: &ExtractedResource| table_name(schema, &resource.name, &resource.hints, naming);
    let in_package: Vec<String> = manifest.resources.iter().map(named).collect();
    let new: Vec<String> = manifest.resources.iter().filter(|resource| resource.hints.are_new).map(named).collect();
    let mut chains = Vec::new();
    for root in schema.data_tables().filter(|table| table.parent.is_none()) {
        let write = match root.write_disposition.unwrap_or_default() {
            WriteDisposition::Append | WriteDisposition::Skip => Write::Append,
            WriteDisposition::Replace => Write::Replace,
            WriteDisposition::Merge => match root.merge_strategy()? {
                MergeStrategy::Scd2 => {
                    Write::Versions(root.versions()?.boundary_micros.unwrap_or_else(|| load_micros(&manifest.load_id)))
                }
                MergeStrategy::InsertOnly if new.contains(&root.name) => Write::Append,
                strategy if has_merge_key(root) => Write::Merge(strategy),
                _ => Write::Append,
            },
        };
        let tables: Vec<TableLoad<'_>> = schema
            .chain(&root.name)
            .into_iter()
            .filter(|table| table.complete_columns().next().is_some())
            .map(|table| TableLoad { table, files: files.remove(table.name.as_str()).unwrap_or_default() })
            .collect();
        let has_rows = tables.iter().any(|load| !load.files.is_empty());
        let is_emptied = write == Write::Replace && in_package.contains(&root.name);
        if has_rows || is_emptied {
            chains.push(ChainLoad { tables, write });
        }
    }
    Ok(chains)
}

/// When a load began, in microseconds since 1970: its id says so, to whoever takes it up.
fn load_micros(load_id: &str) -> i64 {
    load_id.parse::<f64>().map_or(0, |seconds| (seconds * 1e6).round() as i64)
}

fn has_merge_key(root: &Table) -> bool {
    ["primary_key", "merge_key"].iter().any(|hint| !root.columns_with(hint).is_empty())
}

/// Rows that insert-only leaves out are what it is for, and yet nobody should have to find out by counting.
fn say_left_out(chain: &ChainLoad<'_>, manifest: &Manifest, added: &[u64], notices: &Notices) {
    let Some((root, added)) = chain.tables.first().zip(added.first()) else { return };
    let name = &root.table.name;
    let given: u64 = manifest.files.iter().filter(|file| file.table == *name).map(|file| file.rows).sum();
    let (rows, have, keys, are) = match given.saturating_sub(*added) {
        0 => return,
        1 => ("1 row".to_owned(), "was", "its key is", "the row"),
        several => (format!("{several} rows"), "were", "their keys are", "rows"),
    };
    let notice = Notice::new(format!("{rows} of table `{name}` {have} left out: {keys} in the table already"));
    notices.say(
        notice.hint(format!("the table is kept by insert-only; by delete-insert or upsert {are} would be updated")),
    );
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
