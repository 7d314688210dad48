//! What the last loads of a pipeline brought: a small record for each in the working folder, `loads/<load id>.json`.
//!
//! The load package itself is removed when it is loaded. The records are for people: a run does not fail for want of one,
//! and the newest [`KEPT`] stay.

use crate::error::{Error, ErrorKind, Result};
use crate::package::{Folder, Manifest};
use crate::refresh::Refresh;
use crate::schema::TableChange;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Records that are kept.
const KEPT: usize = 100;
const FOLDER: &str = "loads";

/// A load that is in the destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoadedPackage {
    /// Id of the load.
    pub load_id: String,
    /// Id of the run.
    pub transaction_id: String,
    /// Where it was loaded: `duckdb:////srv/shop.duckdb`.
    pub destination: String,
    /// Dataset.
    pub dataset: String,
    /// Schema.
    pub schema: String,
    /// Version of the schema that it was loaded with.
    pub schema_version: u64,
    /// What was read, in the source's words; empty for a load that only dropped something.
    pub input: String,
    /// When it was loaded: microseconds since 1970, UTC.
    pub loaded_at_micros: i64,
    /// Rows added, by table.
    pub tables: Vec<(String, u64)>,
    /// Tables and columns that came with it.
    pub changes: Vec<TableChange>,
    /// How it began anew, if it did.
    pub refresh: Option<Refresh>,
    /// Tables that it dropped, before those that came.
    pub dropped: Vec<String>,
    /// Tables whose rows it removed as a refresh, before those that came.
    pub emptied: Vec<String>,
    /// Whether it changed what the pipeline remembers.
    pub changed_state: bool,
}

impl LoadedPackage {
    pub(crate) fn of(manifest: &Manifest, schema_version: u64, now_micros: i64) -> Self {
        let refresh = manifest.refresh.as_ref();
        Self {
            load_id: manifest.load_id.clone(),
            transaction_id: manifest.transaction_id.clone(),
            destination: manifest.destination.clone(),
            dataset: manifest.dataset.clone(),
            schema: manifest.schema_name.clone(),
            schema_version,
            input: manifest.identity.clone(),
            loaded_at_micros: now_micros,
            tables: manifest.loaded_rows.clone(),
            changes: manifest.changes.clone(),
            refresh: refresh.map(|refresh| refresh.mode),
            dropped: refresh.map_or_else(Vec::new, |refresh| refresh.dropped.clone()),
            emptied: refresh.map_or_else(Vec::new, |refresh| refresh.emptied.clone()),
            changed_state: manifest.state.is_some(),
        }
    }
}

/// Keeps a record; what cannot be written is not missed.
pub(crate) fn keep(folder: &Folder, loaded: &LoadedPackage) {
    let Ok(text) = serde_json::to_string_pretty(loaded) else { return };
    let _ = folder.write(&format!("{FOLDER}/{}.json", loaded.load_id), &text);
    let Ok(mut names) = names(folder) else { return };
    names.sort();
    for name in names.iter().rev().skip(KEPT) {
        let _ = fs::remove_file(folder.path().join(FOLDER).join(name));
    }
}

/// The loads that the working folder of a pipeline knows, newest first: at most 100, of this machine alone. A record that
/// cannot be read is left out.
///
/// # Errors
/// If the folder cannot be read.
pub fn loaded_packages(data_dir: &Path, pipeline: &str) -> Result<Vec<LoadedPackage>> {
    let folder = Folder::new(data_dir, pipeline);
    let mut names = names(&folder)?;
    names.sort();
    let read = |name: &String| -> Option<LoadedPackage> {
        serde_json::from_str(&folder.read(&format!("{FOLDER}/{name}")).ok()??).ok()
    };
    Ok(names.iter().rev().filter_map(read).collect())
}

/// Names of the records: ids of loads sort by time.
fn names(folder: &Folder) -> Result<Vec<String>> {
    let path = folder.path().join(FOLDER);
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::storage("read", &path, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| {
            Error::new(ErrorKind::Storage, format!("cannot read {}", path.display())).because(error)
        })?;
        names.extend(entry.file_name().into_string().ok().filter(|name| name.ends_with(".json")));
    }
    Ok(names)
}
