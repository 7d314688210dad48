//! Load packages and the working folder of a pipeline, on disk.
//!
//! ```text
//! <data dir>/pipelines/<pipeline>/
//!   lock                       held while a run is under way
//!   pipeline.json              destination, dataset and schema that the pipeline used last
//!   state.json                 the pipeline's state after its last run
//!   trace.json                 what the last run did
//!   schemas/<schema>.schema.json
//!   packages/<load id>/
//!     package.json             the manifest: what the package holds and how far it has come
//!     extracted/<n>.jsonl      input that cannot be read again, as it came (`.parquet` where it came as Arrow)
//!     normalized/<table's number>.<n>.parquet
//! ```
//!
//! A package goes through the stages of [`Stage`]; each is entered by replacing `package.json` as a whole (written beside
//! it, synced, renamed), so it is always one of the stages in full. `packages` holds at most the package of a run that did
//! not end: a package is removed when its run was delivered to the caller.
//!
//! Recovery, by stage: `Extracting` is thrown away, nothing was committed and the input is still there; `Extracted` is
//! normalized (again) from its own files; `Normalized` is loaded, after a look whether the destination has it already,
//! whether the job files are whole (they are not synced: their checksums tell), and whether the destination's schema is
//! still the one they were made for; `Loaded` is only reported. Where one of the two is not so, the package goes back to
//! `Extracted`, or, if its input can be read again, is thrown away. Not supported: two machines sharing a working folder.

mod folder;

pub(crate) use folder::{Folder, OpenPackages};

use crate::destination::StateRecord;
use crate::digest::Summing;
use crate::discarded::Discarded;
use crate::error::{Error, ErrorKind, Result};
use crate::refresh::Refreshed;
use crate::schema::{Contract, TableChange};
use crate::source::TableHints;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};

/// Version of the manifest that is written and read.
const FORMAT: u32 = 1;

/// How far a package has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// The input is being read.
    Extracting,
    /// Input that cannot be read again is in the package as a whole.
    Extracted,
    /// Job files and schema are complete.
    Normalized,
    /// The destination has committed the load.
    Loaded,
}

/// A file of rows for one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobFile {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    #[serde(default)]
    pub(crate) checksum: String,
}

/// A piece of input that was kept as it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExtractedFile {
    pub(crate) name: String,
    pub(crate) input: String,
    pub(crate) first_line: u64,
}

/// A resource of the package.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExtractedResource {
    pub(crate) name: String,
    pub(crate) hints: TableHints,
    pub(crate) files: Vec<ExtractedFile>,
}

/// `package.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) load_id: String,
    pub(crate) transaction_id: String,
    pub(crate) stage: Stage,
    /// The source's own account of what it reads.
    pub(crate) identity: String,
    pub(crate) is_replayable: bool,
    /// The source's word for the state that its input is in; of input that can be read again.
    #[serde(default)]
    pub(crate) fingerprint: String,
    /// Checksum of what was extracted; of input that cannot be read again.
    #[serde(default)]
    pub(crate) content: Option<String>,
    /// Digest of what the destination had stored when the package was normalized.
    #[serde(default)]
    pub(crate) base: String,
    pub(crate) schema_name: String,
    pub(crate) dataset: String,
    pub(crate) destination: String,
    #[serde(default)]
    pub(crate) resources: Vec<ExtractedResource>,
    #[serde(default)]
    pub(crate) source_state: Map<String, Value>,
    /// What the source remembered when the run began: what differs is of this run.
    #[serde(default)]
    pub(crate) state_before: Map<String, Value>,
    /// Stored form of the schema, from `Normalized` on.
    #[serde(default)]
    pub(crate) schema: Option<String>,
    #[serde(default)]
    pub(crate) state: Option<StateRecord>,
    #[serde(default)]
    pub(crate) files: Vec<JobFile>,
    /// What the load begins anew with, if anything.
    #[serde(default)]
    pub(crate) refresh: Option<Refreshed>,
    /// Tables and columns that come with the load, from `Normalized` on.
    #[serde(default)]
    pub(crate) changes: Vec<TableChange>,
    /// The contract that the run was given.
    #[serde(default)]
    pub(crate) contract: Option<Contract>,
    /// The table for what contracts leave out, that the run was given.
    #[serde(default)]
    pub(crate) rejected: Option<String>,
    /// What contracts left out.
    #[serde(default)]
    pub(crate) discarded: Vec<Discarded>,
    /// Why the run that made it failed, if it did.
    #[serde(default)]
    pub(crate) failure: Option<String>,
    /// Whether that was because of one of its rows.
    #[serde(default)]
    pub(crate) is_refused: bool,
    /// Rows that the load added, by table, from `Loaded` on.
    #[serde(default)]
    pub(crate) loaded_rows: Vec<(String, u64)>,
}

impl Manifest {
    /// The manifest of a package that holds nothing.
    pub(crate) fn new(
        load_id: &str,
        transaction_id: &str,
        stage: Stage,
        schema: &str,
        dataset: &str,
        destination: &str,
    ) -> Self {
        Self {
            format: FORMAT,
            load_id: load_id.to_owned(),
            transaction_id: transaction_id.to_owned(),
            stage,
            identity: String::new(),
            is_replayable: true,
            fingerprint: String::new(),
            content: None,
            base: String::new(),
            schema_name: schema.to_owned(),
            dataset: dataset.to_owned(),
            destination: destination.to_owned(),
            resources: Vec::new(),
            source_state: Map::new(),
            state_before: Map::new(),
            schema: None,
            state: None,
            files: Vec::new(),
            refresh: None,
            changes: Vec::new(),
            contract: None,
            rejected: None,
            discarded: Vec::new(),
            failure: None,
            is_refused: false,
            loaded_rows: Vec::new(),
        }
    }
}

/// A package on disk.
#[derive(Debug)]
pub(crate) struct Package {
    folder: PathBuf,
    syncs: bool,
    pub(crate) manifest: Manifest,
}

impl Package {
    /// Makes the folders and the manifest.
    pub(crate) fn create(folder: &Folder, manifest: Manifest) -> Result<Self> {
        let syncs = folder.syncs();
        let package = Self { folder: folder.packages().join(&manifest.load_id), syncs, manifest };
        for folder in [package.extracted(), package.normalized()] {
            fs::create_dir_all(&folder).map_err(|error| Error::storage("create", &folder, error))?;
        }
        package.save()?;
        Ok(package)
    }

    /// Reads a package; `None` if it has no manifest (it was killed while being made or removed).
    fn open(folder: PathBuf) -> Result<Option<Self>> {
        let path = folder.join("package.json");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::storage("read", &path, error)),
        };
        let corrupt = |what: &str| Error::new(ErrorKind::Corrupt, format!("{} {what}", path.display()));
        let manifest: Manifest = serde_json::from_str(&text).map_err(|error| corrupt("is broken").because(error))?;
        if manifest.format != FORMAT {
            return Err(corrupt("was written by another version"));
        }
        Ok(Some(Self { folder, syncs: true, manifest }))
    }

    pub(crate) fn extracted(&self) -> PathBuf {
        self.folder.join("extracted")
    }

    pub(crate) fn normalized(&self) -> PathBuf {
        self.folder.join("normalized")
    }

    /// Enters a stage.
    pub(crate) fn advance(&mut self, stage: Stage) -> Result<()> {
        self.manifest.stage = stage;
        self.save()
    }

    /// Notes that its run failed. For want of this note a package only counts as that of a killed run.
    pub(crate) fn note_failure(&mut self, error: &Error) {
        self.manifest.failure = Some(error.to_string());
        self.manifest.is_refused = error.kind() == ErrorKind::Data;
        let _ = self.save();
    }

    fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.manifest)
            .map_err(|error| Error::new(ErrorKind::Internal, "a manifest cannot be written").because(error))?;
        folder::replace(&self.folder.join("package.json"), text.as_bytes(), self.syncs)
    }

    /// Whether every job file is what was written: after a loss of power they may not be.
    pub(crate) fn has_all_files(&self) -> bool {
        let folder = self.normalized();
        let is_whole = |file: &JobFile| {
            let path = folder.join(&file.name);
            fs::metadata(&path).is_ok_and(|meta| meta.len() == file.bytes)
                && checksum_of(&path).is_ok_and(|checksum| checksum == file.checksum)
        };
        self.manifest.files.iter().all(is_whole)
    }

    /// Empties the folder of job files, for normalizing again.
    pub(crate) fn clear_normalized(&self) -> Result<()> {
        let folder = self.normalized();
        fs::remove_dir_all(&folder).map_err(|error| Error::storage("clear", &folder, error))?;
        fs::create_dir_all(&folder).map_err(|error| Error::storage("create", &folder, error))
    }

    /// Removes the package; the manifest goes first, so that a half-removed one is none.
    pub(crate) fn remove(self) -> Result<()> {
        let manifest = self.folder.join("package.json");
        fs::remove_file(&manifest).map_err(|error| Error::storage("remove", &manifest, error))?;
        fs::remove_dir_all(&self.folder).map_err(|error| Error::storage("remove", &self.folder, error))
    }
}

fn checksum_of(path: &Path) -> std::io::Result<String> {
    let mut summing = Summing::new(std::io::sink());
    std::io::copy(&mut fs::File::open(path)?, &mut summing)?;
    Ok(summing.checksum.text())
}
