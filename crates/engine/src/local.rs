//! Copies of schema and state in the working folder, for people and tools. Those in the destination are the ones that count.

use crate::error::{Error, Result};
use crate::package::Folder;
use crate::schema::Schema;
use crate::state::PipelineState;
use std::fs;

/// Where a pipeline loads, as its working folder remembers it.
#[derive(Clone, Debug)]
pub(crate) struct Whereabouts {
    pub(crate) pipeline: String,
    /// `duckdb`.
    pub(crate) destination: String,
    /// `duckdb:////srv/shop.duckdb`.
    pub(crate) location: String,
    pub(crate) dataset: String,
}

/// Writes the copies of one schema and of the state; `default_schema` is the one that the folder names first.
pub(crate) fn remember(
    folder: &Folder,
    place: &Whereabouts,
    default_schema: &str,
    schemas: &[&Schema],
    state: &PipelineState,
    now_micros: i64,
) -> Result<()> {
    let about = serde_json::json!({
        "pipeline": place.pipeline,
        "destination": place.destination,
        "location": place.location,
        "dataset": place.dataset,
        "schema": default_schema,
    });
    folder.write("pipeline.json", &format!("{about:#}"))?;
    folder.write("state.json", &state.to_local_json(now_micros))?;
    for schema in schemas {
        let pretty = serde_json::to_string_pretty(schema).unwrap_or_default();
        folder.write(&file_of(&schema.name), &pretty)?;
    }
    Ok(())
}

/// The copy of a schema; `None` if there is none.
pub(crate) fn schema(folder: &Folder, name: &str) -> Result<Option<Schema>> {
    folder.read(&file_of(name))?.map(|text| Schema::from_stored(&text)).transpose()
}

fn file_of(schema: &str) -> String {
    format!("schemas/{schema}.schema.json")
}

/// Removes all that a working folder holds, but for the lock, which its holder needs.
pub(crate) fn forget(folder: &Folder) -> Result<()> {
    let path = folder.path();
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::storage("read", path, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| Error::storage("read", path, error))?;
        if entry.file_name() == "lock" {
            continue;
        }
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|error| Error::storage("remove", &path, error))?;
    }
    Ok(())
}
