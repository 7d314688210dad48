//! Queries of the user: DuckDB's, over the files.

use crate::conflicts;
use crate::dataset::{Dataset, Invisible};
use crate::lake;
use crate::local::{fetch, listed_files};
use crate::records::Form;
use crate::views::{DataFile, Kind, view};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_destination_duckdb::in_memory::{InMemory, quote};
use dlt_engine::schema::{STATE_TABLE, Schema, Table, TableFormat, VERSION_TABLE};
use dlt_engine::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

const DOING: &str = "run the query";

/// Tables of the dataset, those of the contract first.
pub(crate) fn tables(dataset: &Dataset) -> Result<Vec<String>> {
    require(dataset)?;
    let names = all_tables(dataset, &dataset.schemas()?)?.into_iter().map(|(_, table)| table.name);
    Ok(names.collect())
}

/// Tables with the name of their schema. A name that several schemas have is one table, with the columns of all.
fn all_tables(dataset: &Dataset, schemas: &[Schema]) -> Result<Vec<(String, Table)>> {
    let mut tables: Vec<(String, Table)> = Vec::new();
    let mut own = Schema::new("");
    if !dataset.list(STATE_TABLE)?.is_empty() {
        own.ensure_state_table();
    }
    for (schema, table) in
        std::iter::once(&own).chain(schemas).flat_map(|schema| schema.tables.values().map(move |table| (schema, table)))
    {
        if table.complete_columns().next().is_none() {
            continue;
        }
        // Only where each schema has its folder are tables of one name several tables, of which the first is shown.
        match tables.iter_mut().find(|(_, known)| known.name == table.name) {
            None => tables.push((schema.name.clone(), table.clone())),
            Some((_, known)) => {
                for column in table.columns.values() {
                    if !known.columns.contains_key(&column.name) {
                        known.add(column.clone());
                    }
                }
            }
        }
    }
    Ok(tables)
}

fn require(dataset: &Dataset) -> Result<Form> {
    dataset.form()?.ok_or_else(|| {
        let message = format!("there is no dataset `{}` in {}", dataset.name, dataset.settings.place());
        Error::new(ErrorKind::Destination, message).hint("load something first, or name another dataset")
    })
}

/// Runs one query that reads.
pub(crate) fn run(
    dataset: &Dataset,
    sql: &str,
    on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>,
) -> Result<()> {
    let form = require(dataset)?;
    let dataset = &dataset.as_begun(&form)?;
    let folder = TempDir::new().map_err(|error| Error::storage("make a folder in", &std::env::temp_dir(), error))?;
    let database = InMemory::open(folder.path())?;
    let name = quote(&dataset.name);
    database.execute(DOING, &format!("CREATE SCHEMA IF NOT EXISTS {name}; USE {name}"))?;
    let invisible = dataset.invisible()?;
    let lower = sql.to_lowercase();
    let schemas = dataset.schemas()?;
    for (schema, table) in all_tables(dataset, &schemas)? {
        // What the text does not name cannot be read by it: only its columns are shown.
        let name = table.name.to_lowercase();
        let is_named = lower.contains(&name) || lower.contains(&name.replace('"', "\"\""));
        let of_schema = schemas.iter().find(|known| known.name == schema);
        if is_named && let Some(error) = of_schema.and_then(|schema| conflicts::of_format(schema, &table)) {
            return Err(error);
        }
        let format = of_schema.map_or(TableFormat::Native, |schema| schema.format_of(&table));
        let files = match is_named {
            true if lake::has_log(format) => {
                let below = lake::folder(dataset, &schema, &table.name)?;
                let mut kept = lake::kept(dataset, format, &below, &table.name)?;
                kept.look_without(&invisible.loads)?;
                let files = listed_files(dataset, &below, &*kept, folder.path())?;
                files.into_iter().map(|(_, file)| file).collect()
            }
            true => local_files(dataset, &schema, &table.name, &invisible, folder.path(), form.hides_compression)?,
            false => Vec::new(),
        };
        let sql = view(&database, &table, &files)?;
        database.execute(&format!("read table `{}`", table.name), &sql)?;
    }
    database.query(sql, on_batch)
}

/// The files of a table on this machine. Those of other stores are fetched: DuckDB would need an extension to read them there.
fn local_files(
    dataset: &Dataset,
    schema: &str,
    table: &str,
    invisible: &Invisible,
    folder: &Path,
    hides_compression: bool,
) -> Result<Vec<DataFile>> {
    let is_own = table.starts_with("_dlt_");
    let mut keys = if is_own { dataset.list(table)? } else { dataset.files_of(schema, table)? };
    keys.retain(|key| !invisible.files.contains(key));
    if is_own && table != VERSION_TABLE && table != STATE_TABLE {
        keys.retain(|key| key.ends_with(".jsonl"));
    }
    let mut files = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let Some(kind) = Kind::of(key, hides_compression && !is_own) else {
            let message = format!("cannot read table `{table}`: {key} is neither Parquet, JSONL nor CSV");
            return Err(Error::new(ErrorKind::Destination, message).hint("move the file out of the dataset"));
        };
        let path = match dataset.store.local_path(key) {
            Some(path) => path,
            None => fetch(dataset, key, folder.join(format!("{table}.{number}.{}", kind.ending())))?,
        };
        files.push(DataFile { path, kind, partition: BTreeMap::new() });
    }
    Ok(files)
}
