//! A first package, made of what is in a dataset: its tables as sources, a staging model for each, tests of keys.

mod names;
mod package;
mod text;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dlt_engine::schema::{MergeStrategy, Schema, Table, WriteDisposition};
use dlt_engine::{Dataset, Error, ErrorKind, Result};
use serde_json::Value;

use super::profile::Adapter;
use crate::pipeline::Pipeline;
use names::{Names, plain};
use package::Package;

/// What was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WrittenPackage {
    /// The package's folder.
    pub folder: PathBuf,
    /// Its files, from there.
    pub files: Vec<PathBuf>,
    /// How many models it has.
    pub models: usize,
    /// What could not be made of the dataset, and why.
    pub notes: Vec<String>,
}

/// A table that becomes a source and a model.
struct Staged {
    table: Table,
    /// Its name among sources.
    source: String,
    /// The model's name.
    model: String,
    parent: Option<Parent>,
    /// Columns that together are different for each row, as the dataset shows.
    key: Vec<String>,
    /// Columns that have a value in each row, as the dataset shows.
    filled: Vec<String>,
}

/// The table that a nested one belongs to.
struct Parent {
    name: String,
    source: String,
    /// Columns of it that its children get, and under which names.
    columns: Vec<(String, String)>,
}

/// Writes a first package into a folder that is not there, or empty: sources, staging models and tests for all tables of the
/// pipeline's dataset. It builds at once; keys that the data break get no test, which is noted.
///
/// # Errors
/// [`ErrorKind::Config`] if the folder has something in it, the dataset has no tables, or dbt has no adapter for the destination;
/// other kinds if the dataset cannot be read or files not be written.
pub fn write_package(pipeline: &Pipeline, folder: &Path) -> Result<WrittenPackage> {
    let destination = pipeline.destination()?;
    let adapter = Adapter::of(&*destination)?;
    check_empty(folder)?;
    let mut dataset = pipeline.open_dataset()?;
    let name = dataset.name().to_owned();
    let mut notes = Vec::new();
    let tables = tables_of(&mut dataset, &mut notes)?;
    if tables.is_empty() {
        return Err(Error::new(ErrorKind::Config, format!("dataset `{name}` has no tables"))
            .hint("load something into it first"));
    }
    let staged = staged(tables, &mut dataset, &mut notes)?;
    drop(dataset);
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let package = Package {
        name: plain(&absolute.file_name().unwrap_or_default().to_string_lossy()),
        source: plain(&name),
        dataset: name,
        adapter,
        tables: &staged,
    };
    let files = package.files();
    write(&absolute, &files)?;
    let files = files.into_iter().map(|(path, _)| PathBuf::from(path)).collect();
    Ok(WrittenPackage { folder: folder.to_owned(), files, models: staged.len(), notes })
}

fn check_empty(folder: &Path) -> Result<()> {
    let taken = |what: &str| {
        Err(Error::new(ErrorKind::Config, format!("{} {what}", folder.display()))
            .hint("nothing is overwritten: name a new folder"))
    };
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => taken("is not empty"),
            None => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(_) if folder.is_file() => taken("is a file"),
        Err(cause) => Err(Error::storage("read", folder, cause)),
    }
}

/// All files, or none.
fn write(folder: &Path, files: &[(String, String)]) -> Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    let storage = |path: &Path| {
        let path = path.to_owned();
        move |cause| Error::storage("write", &path, cause)
    };
    fs::create_dir_all(parent).map_err(storage(parent))?;
    let draft = tempfile::Builder::new().prefix(".dlt-dbt-").tempdir_in(parent).map_err(storage(parent))?;
    for (name, text) in files {
        let path = draft.path().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(storage(folder))?;
        }
        fs::write(&path, text).map_err(storage(&path))?;
    }
    open_to_readers(draft.path()).map_err(storage(draft.path()))?;
    let draft = draft.keep();
    fs::rename(&draft, folder).map_err(|cause| {
        // What could not be put in place is of no use.
        let _ = fs::remove_dir_all(&draft);
        Error::storage("write", folder, cause)
    })
}

/// Temporary folders are for their owner alone, packages are not.
#[cfg(unix)]
fn open_to_readers(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn open_to_readers(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The tables of all schemas of the dataset that are there.
fn tables_of(dataset: &mut Dataset, notes: &mut Vec<String>) -> Result<Vec<Table>> {
    let there = dataset.tables()?;
    let rows = dataset.rows("SELECT schema_name, schema FROM _dlt_version ORDER BY inserted_at, version")?;
    let mut newest = BTreeMap::new();
    for row in rows {
        if let (Some(name), Some(text)) =
            (row.get("schema_name").and_then(Value::as_str), row.get("schema").and_then(Value::as_str))
        {
            newest.insert(name.to_owned(), text.to_owned());
        }
    }
    let mut found: Vec<Table> = Vec::new();
    for text in newest.values() {
        for table in Schema::from_stored(text)?.data_tables() {
            if there.contains(&table.name) && !found.iter().any(|known| known.name == table.name) {
                found.push(table.clone());
            }
        }
    }
    let strange: Vec<_> =
        there.iter().filter(|name| !found.iter().any(|known| known.name == **name)).map(String::as_str).collect();
    if !strange.is_empty() {
        notes.push(format!("left out, because no schema of the dataset knows them: {}", strange.join(", ")));
    }
    Ok(found)
}

fn staged(tables: Vec<Table>, dataset: &mut Dataset, notes: &mut Vec<String>) -> Result<Vec<Staged>> {
    let (mut sources, mut models) = (Names::default(), Names::default());
    // The sources have this one, too.
    sources.plain("_dlt_loads");
    let named: Vec<_> = tables.iter().map(|table| (table.name.clone(), sources.plain(&table.name))).collect();
    let mut all = Vec::new();
    for table in &tables {
        let source =
            named.iter().find(|(name, _)| *name == table.name).map(|(_, source)| source.clone()).unwrap_or_default();
        let parent = table.parent.as_ref().and_then(|parent| tables.iter().find(|known| known.name == *parent));
        let parent = parent.filter(|parent| {
            let can_join = has(parent, "_dlt_id") && has(table, "_dlt_parent_id");
            if !can_join {
                notes.push(format!("{} is not joined with {}: one of them lacks its id", table.name, parent.name));
            }
            can_join
        });
        let (key, filled) = keys_of(table, dataset, notes)?;
        all.push(Staged {
            model: models.plain(&format!("stg_{}", table.name)),
            parent: parent.map(|parent| parent_of(table, parent, &named)),
            table: table.clone(),
            source,
            key,
            filled,
        });
    }
    Ok(all)
}

fn has(table: &Table, column: &str) -> bool {
    table.complete_columns().any(|(known, _)| known.name == column)
}

fn parent_of(table: &Table, parent: &Table, named: &[(String, String)]) -> Parent {
    let mut names = Names::default();
    for (column, _) in table.complete_columns() {
        names.of_its_own(column.name.clone());
    }
    let mut columns: Vec<_> = parent.columns_with("primary_key").into_iter().filter(|key| has(parent, key)).collect();
    if columns.is_empty() {
        // Which load it came with, or where it hangs itself.
        let others = ["_dlt_load_id", "_dlt_parent_id", "_dlt_list_idx"];
        columns = others.into_iter().filter(|column| has(parent, column)).collect();
    }
    let columns = columns
        .into_iter()
        .map(|column| {
            (column.to_owned(), names.of_its_own(format!("{}__{}", parent.name, column.trim_start_matches('_'))))
        })
        .collect();
    let source =
        named.iter().find(|(name, _)| *name == parent.name).map(|(_, source)| source.clone()).unwrap_or_default();
    Parent { name: parent.name.clone(), source, columns }
}

/// The columns whose values are different for each row, if the table has a key that is one: it is merged by it, and the rows
/// show it. And those of the key that are filled in all rows.
fn keys_of(table: &Table, dataset: &mut Dataset, notes: &mut Vec<String>) -> Result<(Vec<String>, Vec<String>)> {
    let key: Vec<String> =
        table.columns_with("primary_key").into_iter().filter(|key| has(table, key)).map(str::to_owned).collect();
    // Versions of a row share its key.
    let has_versions = table.merge_strategy().is_ok_and(|strategy| strategy == MergeStrategy::Scd2)
        && table.write_disposition == Some(WriteDisposition::Merge);
    if key.is_empty() || has_versions {
        return Ok((Vec::new(), Vec::new()));
    }
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (name, columns) = (quote(&table.name), key.iter().map(|column| quote(column)).collect::<Vec<_>>());
    let list = columns.join(", ");
    let twice = format!(
        "SELECT count(*) AS n FROM (SELECT {list} FROM {name} GROUP BY {list} HAVING count(*) > 1 LIMIT 1) AS d"
    );
    let mut filled = Vec::new();
    for (column, quoted) in key.iter().zip(&columns) {
        match number(dataset, &format!("SELECT count(*) AS n FROM {name} WHERE {quoted} IS NULL"))? {
            0 => filled.push(column.clone()),
            empty => notes.push(format!("no test that {}.{column} is filled: it is empty in {empty} rows", table.name)),
        }
    }
    if number(dataset, &twice)? > 0 {
        notes.push(format!("no test that the key of {} ({}) is unique: rows share it", table.name, key.join(", ")));
        return Ok((Vec::new(), filled));
    }
    Ok((key, filled))
}

fn number(dataset: &mut Dataset, sql: &str) -> Result<u64> {
    let rows = dataset.rows(sql)?;
    Ok(rows.first().and_then(|row| row.get("n")).and_then(Value::as_u64).unwrap_or_default())
}
