//! Who does the work of a command: the tracker that runs on the data folder, or this process where none runs.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::options::Duty;
use super::parts::Parts;
use crate::data_dir::{Answer, DataDir, Lock, Reached, ServerFile};
use crate::error::Error;
use crate::journal::segments::SegmentOptions;
use crate::place::{Place, Records};

/// A data folder that is there.
pub(super) fn folder(path: &Path) -> Result<DataDir, Error> {
    match path.is_dir() {
        true => Ok(DataDir::new(path)),
        false => Err(Error::NoData { folder: path.to_owned() }),
    }
}

/// Asks the tracker that runs on a folder, or does its work where none runs.
pub(super) fn read<T: DeserializeOwned>(
    place: &Place,
    method: &str,
    path: &str,
    work: impl FnOnce(&mut Parts) -> Result<T, Error>,
) -> Result<T, Error> {
    match reach(place, method, path, b"")? {
        Reached::Free(lock) => stopped(place, lock, work),
        Reached::Answered(answer, server) => answered(&answer, &server),
    }
}

/// Asks the tracker that runs on a folder, or locks the folder.
pub(super) fn reach(place: &Place, method: &str, path: &str, body: &[u8]) -> Result<Reached, Error> {
    let dir = DataDir::new(&place.data_dir);
    if place.journal.0 != Records::Segments {
        dir.create()?;
    } else if !dir.exists() {
        return Err(Error::NoData { folder: dir.path().to_owned() });
    }
    dir.reach(method, path, body)
}

/// Options of a journal that a command opens.
pub(super) fn journal_options(place: &Place, segment_bytes: u64) -> SegmentOptions {
    let usual = SegmentOptions::default();
    SegmentOptions { segment_bytes, max_bytes: place.journal_bytes.unwrap_or(usual.max_bytes), ..usual }
}

pub(super) fn stopped<T>(
    place: &Place,
    lock: Lock,
    work: impl FnOnce(&mut Parts) -> Result<T, Error>,
) -> Result<T, Error> {
    // No events arrive, so the new segment needs no room for any.
    let options = journal_options(place, 4096);
    let mut parts = Parts::open(place, Duty::All, options)?;
    let found = work(&mut parts);
    parts.journal.close();
    drop(lock);
    found
}

pub(super) fn answered<T: DeserializeOwned>(answer: &Answer, server: &ServerFile) -> Result<T, Error> {
    if answer.status == 200 {
        return serde_json::from_slice(&answer.body).map_err(|error| server.no_answer(error.to_string()));
    }
    let told = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    if let Some(error) = told.as_ref().and_then(Error::of_json) {
        return Err(error);
    }
    match told.as_ref().and_then(|told| told.get("message")).and_then(serde_json::Value::as_str) {
        Some(message) => Err(server.failed(message)),
        None => Err(server.no_answer(format!("status {}", answer.status))),
    }
}
