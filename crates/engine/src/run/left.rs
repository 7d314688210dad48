//! What a run does with the packages that earlier runs left, before it reads its own input.

use super::attempt::Run;
use crate::error::{Error, ErrorKind, Result};
use crate::notice::Notice;
use crate::notices::Notices;
use crate::package::{Folder, OpenPackages, Package, Stage};
use crate::pending::PendingPackage;
use crate::pipeline::Pipeline;
use crate::resume::{AfterFailure, Left, Verdict, after_failure, decide};
use crate::trace::LoadInfo;

/// What [`Pipeline::take_up`] leaves to the run that comes after it.
#[derive(Default)]
pub(super) struct TakenUp {
    /// The run asked for is the one that was interrupted, and is finished by now.
    pub(super) finished: Option<(Package, LoadInfo)>,
    /// Runs of the same call with input that cannot be read again, finished by now; this run's input may be that of one of
    /// them, or other.
    pub(super) same_call: Vec<(Package, LoadInfo)>,
    /// Packages of the same call that still wait, because they cannot be loaded.
    pub(super) kept: Vec<Package>,
}

impl Pipeline {
    /// Goes through what earlier runs left, before input of the call `identity` is read.
    pub(super) fn take_up(
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

pub(super) fn dropped(package: &Package, why: &str) -> Notice {
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

pub(super) fn failed(error: Error, package: &Package) -> Error {
    let id = &package.manifest.load_id;
    let advice = error.advice().map(str::to_owned);
    let failed = Error::new(error.kind(), format!("load package {id} cannot be loaded")).because(error);
    match advice {
        Some(advice) => failed.hint(advice),
        None => failed,
    }
}
