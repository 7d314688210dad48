//! Load packages that wait: those of runs that were killed or failed.
//!
//! A run takes up what an earlier one left before it reads its own input; what cannot be finished does not stand in its
//! way. What holds input that cannot be read again stays until it is loaded or dropped.

use crate::error::{Error, ErrorKind, Result};
use crate::notice::{Notice, Notices};
use crate::package::{Folder, OpenPackages, Package, Stage};
use crate::pipeline::Pipeline;
use crate::resume::{AfterFailure, Left, Verdict, after_failure, decide};
use crate::run::Run;
use crate::trace::LoadInfo;
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
    fn of(package: &Package) -> Self {
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

/// What [`Pipeline::take_up`] leaves to the run that comes after it.
#[derive(Default)]
pub(crate) struct TakenUp {
    /// The run asked for is the one that was interrupted, and is finished by now.
    pub(crate) finished: Option<(Package, LoadInfo)>,
    /// Runs of the same call with input that cannot be read again, finished by now; this run's input may be that of one of
    /// them, or other.
    pub(crate) same_call: Vec<(Package, LoadInfo)>,
    /// Packages of the same call that still wait, because they cannot be loaded.
    pub(crate) kept: Vec<Package>,
}

impl Pipeline {
    /// Finishes the packages that wait for this pipeline's destination and dataset, oldest first, and returns what was
    /// loaded.
    ///
    /// # Errors
    /// Why the first that fails cannot be loaded; it stays, as do those after it.
    pub fn load_pending(&self) -> Result<Vec<LoadInfo>> {
        let folder = self.folder();
        let _lock = folder.lock()?;
        let mut loaded = Vec::new();
        for mut package in folder.open_packages()?.packages {
            let is_ours =
                package.manifest.dataset == self.dataset && package.manifest.destination == self.destination.location();
            if package.manifest.stage == Stage::Extracting || !is_ours {
                continue;
            }
            let mut run = Run::new(self, &folder, package.manifest.transaction_id.clone());
            match run.report(|run| run.resume(&mut package)) {
                Ok(Some(info)) => loaded.push(info),
                // Its files are not whole, and its input is still there.
                Ok(None) => run.notices().say(dropped(&package, "its files are damaged")),
                Err(error) => return Err(failed(error, &package)),
            }
            package.remove()?;
        }
        Ok(loaded)
    }

    /// Goes through what earlier runs left, before input of the call `identity` is read.
    pub(crate) fn take_up(
        &self,
        folder: &Folder,
        identity: &str,
        fingerprint: &str,
        notices: &Notices,
    ) -> Result<TakenUp> {
        let mut taken = TakenUp::default();
        let mut waiting = Vec::new();
        let OpenPackages { packages, broken } = folder.open_packages()?;
        for (path, error) in broken {
            let name = &self.name;
            let notice = Notice::new(format!("the load package in {} is left alone: {error}", path.display()));
            notices.say(notice.hint(format!("`dlt pipeline {name} drop-pending-packages` drops it")));
        }
        for mut package in packages {
            let mut run = Run::new(self, folder, package.manifest.transaction_id.clone());
            let left = self.look_at(&package, &run, identity, fingerprint)?;
            let result = match decide(left) {
                Verdict::TakeUp => run.report(|run| run.resume(&mut package)),
                Verdict::Remove => {
                    package.remove()?;
                    continue;
                }
                Verdict::Drop => {
                    let why = self.why_it_waits(&package);
                    notices.say(dropped(&package, &why));
                    package.remove()?;
                    continue;
                }
                Verdict::Keep => {
                    waiting.push((PendingPackage::of(&package), self.why_it_waits(&package)));
                    if left.is_same_call {
                        taken.kept.push(package);
                    }
                    continue;
                }
            };
            match result {
                Ok(Some(info)) if left.is_same_call && !left.is_replayable => {
                    taken.same_call.push((package, info));
                }
                Ok(Some(info)) if left.is_same_call && !left.has_changed => {
                    taken.finished = Some((package, info));
                    return Ok(taken);
                }
                Ok(_) => package.remove()?,
                Err(error) => match after_failure(left, error.kind() == ErrorKind::Data) {
                    AfterFailure::Fail => return Err(error),
                    AfterFailure::Remove => package.remove()?,
                    AfterFailure::Drop => {
                        notices.say(dropped(&package, &error.to_string()));
                        package.remove()?;
                    }
                    AfterFailure::Keep => {
                        package.note_failure(&error);
                        waiting.push((PendingPackage::of(&package), error.to_string()));
                        if left.is_same_call {
                            taken.kept.push(package);
                        }
                    }
                },
            }
        }
        if let Some(notice) = still_waiting(&self.name, &waiting) {
            notices.say(notice);
        }
        Ok(taken)
    }

    fn why_it_waits(&self, package: &Package) -> String {
        let manifest = &package.manifest;
        match manifest.failure.as_deref() {
            Some(failure) if !self.is_elsewhere(package) => failure.to_owned(),
            _ => format!("it is for dataset `{}` in {}", manifest.dataset, manifest.destination),
        }
    }

    /// Whether the package is for another destination or dataset.
    fn is_elsewhere(&self, package: &Package) -> bool {
        let manifest = &package.manifest;
        manifest.dataset != self.dataset || manifest.destination != self.destination.location()
    }

    fn look_at(&self, package: &Package, run: &Run<'_>, identity: &str, fingerprint: &str) -> Result<Left> {
        let manifest = &package.manifest;
        let is_elsewhere = self.is_elsewhere(package);
        let is_committed = match manifest.stage {
            Stage::Normalized if is_elsewhere => false,
            _ => run.is_committed(package)?,
        };
        Ok(Left {
            stage: manifest.stage,
            is_committed,
            is_elsewhere,
            is_same_call: manifest.identity == identity,
            is_replayable: manifest.is_replayable,
            has_changed: manifest.is_replayable && manifest.fingerprint != fingerprint,
            has_failed: manifest.failure.is_some(),
            is_refused: manifest.is_refused,
        })
    }
}

fn dropped(package: &Package, why: &str) -> Notice {
    let Package { manifest, .. } = package;
    Notice::new(format!("load package {} of an earlier run was dropped: {why}", manifest.load_id))
        .hint("its input can be read again: run that command again to load it")
        .details([manifest.identity.clone()])
}

/// One notice for all packages that hold input which cannot be read again.
fn still_waiting(name: &str, waiting: &[(PendingPackage, String)]) -> Option<Notice> {
    let (first, why) = waiting.first()?;
    let (what, hold) = match waiting.len() {
        1 => (format!("load package {} of an earlier run still waits: {why}", first.load_id), "it holds"),
        several => (format!("{several} load packages of earlier runs still wait: {why}"), "they hold"),
    };
    let notice = Notice::new(what).hint(format!(
        "{hold} input that cannot be read again; `dlt pipeline {name} load-pending` loads it, \
         `dlt pipeline {name} drop-pending-packages` drops it"
    ));
    Some(notice.details(waiting.iter().map(|(package, why)| format!("{}: {why} ({})", package.load_id, package.input))))
}

fn failed(error: Error, package: &Package) -> Error {
    let id = &package.manifest.load_id;
    let advice = error.advice().map(str::to_owned);
    let failed = Error::new(error.kind(), format!("load package {id} cannot be loaded")).because(error);
    match advice {
        Some(advice) => failed.hint(advice),
        None => failed,
    }
}
