//! Load packages that wait: those of runs that were killed or failed.
//!
//! A run takes up what an earlier one left before it reads its own input; what cannot be finished does not stand in its
//! way. What holds input that cannot be read again stays until it is loaded or dropped.

use crate::error::{Error, Result};
use crate::package::{Folder, OpenPackages, Package, Stage};
use std::path::{Path, PathBuf};

/// A load package that waits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PendingPackage {
    /// Id of the load.
    pub load_id: String,
    /// What was read, in the source's words.
    pub input: String,
    /// Resources that it has rows of.
    pub resources: Vec<String>,
    /// Whether the input can be read again. What cannot is in the package.
    pub is_replayable: bool,
    /// Where it is to be loaded: `duckdb:////srv/shop.duckdb`.
    pub destination: String,
    /// Dataset that it is to be loaded into.
    pub dataset: String,
    /// Rows that are ready to be loaded; 0 for input that is not normalized yet.
    pub rows: u64,
    /// Why its run failed; `None` for one that was killed.
    pub failure: Option<String>,
}

impl PendingPackage {
    pub(crate) fn of(package: &Package) -> Self {
        let manifest = &package.manifest;
        Self {
            load_id: manifest.load_id.clone(),
            input: manifest.identity.clone(),
            resources: manifest.resources.iter().map(|resource| resource.name.clone()).collect(),
            is_replayable: manifest.is_replayable,
            destination: manifest.destination.clone(),
            dataset: manifest.dataset.clone(),
            rows: manifest.files.iter().map(|file| file.rows).sum(),
            failure: manifest.failure.clone(),
        }
    }

    /// A package that cannot be understood.
    fn broken((path, error): &(PathBuf, Error)) -> Self {
        Self {
            load_id: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            input: "unknown".to_owned(),
            resources: Vec::new(),
            is_replayable: false,
            destination: "unknown".to_owned(),
            dataset: "unknown".to_owned(),
            rows: 0,
            failure: Some(error.to_string()),
        }
    }
}

/// The packages of a pipeline that wait, oldest first.
///
/// # Errors
/// If the working folder cannot be read.
pub fn pending_packages(data_dir: &Path, pipeline: &str) -> Result<Vec<PendingPackage>> {
    let OpenPackages { packages, broken } = Folder::new(data_dir, pipeline).list_packages()?;
    let waiting = packages.iter().filter(|package| package.manifest.stage != Stage::Extracting);
    Ok(waiting.map(PendingPackage::of).chain(broken.iter().map(PendingPackage::broken)).collect())
}

/// Removes the packages of a pipeline that wait, and with them input that cannot be read again; returns what they were.
///
/// # Errors
/// [`ErrorKind::Busy`] while a run of the pipeline is under way; otherwise if the working folder cannot be changed.
pub fn drop_pending_packages(data_dir: &Path, pipeline: &str) -> Result<Vec<PendingPackage>> {
    let folder = Folder::new(data_dir, pipeline);
    let _lock = folder.lock()?;
    let mut dropped = Vec::new();
    let OpenPackages { packages, broken } = folder.open_packages()?;
    for package in packages {
        dropped.push(PendingPackage::of(&package));
        package.remove()?;
    }
    for found in broken {
        dropped.push(PendingPackage::broken(&found));
        std::fs::remove_dir_all(&found.0).map_err(|error| Error::storage("remove", &found.0, error))?;
    }
    Ok(dropped)
}
