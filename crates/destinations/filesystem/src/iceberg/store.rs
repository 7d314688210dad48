//! The files of a table's metadata, read.

use super::manifest::{self, Entry, Manifest};
use super::metadata::State;
use super::paths::{self, METADATA, Version};
use crate::failure::failed;
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Store, StoreErrorKind};
use flate2::read::MultiGzDecoder;
use std::collections::HashSet;
use std::io::Read;

/// The newest version of the format that is known.
const FORMAT: i64 = 2;

/// The metadata of one table.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    /// Keys are paths below the table's folder.
    pub(super) store: Store,
    table: String,
}

impl Metadata {
    /// That of a table; the store is its folder.
    pub(super) fn of(store: Store, table: &str) -> Self {
        Self { store, table: table.to_owned() }
    }

    pub(super) fn title(&self) -> String {
        format!("the Iceberg table {}", self.table)
    }

    fn corrupt(&self, key: &str, what: &str) -> Error {
        let message = format!("{} cannot be understood: {what}", self.store.address().join(key));
        Error::new(ErrorKind::Corrupt, message).hint("restore it from a copy")
    }

    /// What the table asks for and is not known.
    pub(super) fn refused(&self, what: &str) -> Error {
        let message = format!("{} {what}", self.title());
        Error::new(ErrorKind::Destination, message)
            .hint("load into another table, or go on with the tool that made this one")
    }

    /// The versions of the table, the newest last.
    pub(super) fn versions(&self) -> Result<Vec<Version>> {
        let level = self.store.level(METADATA).map_err(failed)?;
        let names = level.objects.iter().map(|object| object.key.rsplit('/').next().unwrap_or_default());
        let mut versions: Vec<Version> = names.filter_map(Version::of).collect();
        versions.sort();
        Ok(versions)
    }

    /// What the table is now; `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the metadata cannot be understood, [`ErrorKind::Destination`] if it is of a newer format; if the store fails.
    pub(super) fn state(&self, pending: &HashSet<String>) -> Result<Option<State>> {
        let Some(mut version) = self.versions()?.pop() else { return Ok(None) };
        loop {
            let mut state = self.read_version(version)?;
            let is_pending = state.snapshot.as_ref().is_some_and(|snapshot| snapshot.is_of(pending));
            while let Some(snapshot) = state.snapshot.take_if(|snapshot| snapshot.is_of(pending))
                && let Some(parent) = snapshot.parent
            {
                let parent = state.snapshot(parent);
                let parent = parent.ok_or_else(|| self.corrupt(&state.version.key(), "a snapshot is missing"))?;
                state.go_back(parent);
            }
            if state.snapshot.is_some() || !is_pending {
                state.manifests = self.manifests(&state)?;
                return Ok(Some(state));
            }
            // The table began with a load that is not committed; another tool may have made an empty one before.
            let before = state.list("metadata-log").last().and_then(|entry| entry.get("metadata-file")?.as_str());
            let before = before.and_then(|path| Version::of(path.rsplit('/').next()?));
            match before.filter(|before| *before < state.version) {
                Some(before) => version = before,
                None => return Ok(None),
            }
        }
    }

    fn read_version(&self, version: Version) -> Result<State> {
        let key = version.key();
        let hint = "restore it from a copy, or delete it: the version before it counts then";
        let corrupt = |what: &str| self.corrupt(&key, what).hint(hint);
        let bytes = self.store.read(&key).map_err(failed)?;
        let bytes = match version.is_compressed() {
            true => {
                let mut text = Vec::new();
                let read = MultiGzDecoder::new(&*bytes).read_to_end(&mut text);
                read.map_err(|_| corrupt("it is not compressed as its name says"))?;
                text
            }
            false => bytes,
        };
        let state = State::parse(version, &bytes).map_err(|what| match format_of(&bytes) {
            // What is newer need not have what is known.
            Some(format) if format > FORMAT => self.refused(&unknown(format)),
            _ => corrupt(&what),
        })?;
        match state.format() {
            1..=FORMAT => Ok(state),
            format => Err(self.refused(&unknown(format))),
        }
    }

    /// The manifests of the snapshot of a state.
    fn manifests(&self, state: &State) -> Result<Vec<Manifest>> {
        let Some(snapshot) = &state.snapshot else { return Ok(Vec::new()) };
        let Some(list) = &snapshot.list else {
            return Err(self.refused("has a snapshot without a list of manifests, which dlt cannot read"));
        };
        let (key, bytes) = self.read(state, list)?;
        manifest::read_list(&bytes).map_err(|what| self.corrupt(&key, &what))
    }

    /// The files of a manifest.
    pub(super) fn entries(&self, state: &State, manifest: &Manifest) -> Result<Vec<Entry>> {
        let (key, bytes) = self.read(state, &manifest.path)?;
        let spec =
            state.specs.get(&manifest.spec).ok_or_else(|| self.corrupt(&key, "it is divided by what nobody knows"))?;
        manifest::read_manifest(&bytes, manifest, spec).map_err(|what| self.corrupt(&key, &what))
    }

    /// The key of a file that the metadata names.
    pub(super) fn key(&self, state: &State, path: &str) -> Result<String> {
        paths::key(&state.location, path)
            .ok_or_else(|| self.refused("has files outside of its folder, which dlt cannot read"))
    }

    fn read(&self, state: &State, path: &str) -> Result<(String, Vec<u8>)> {
        let key = self.key(state, path)?;
        match self.store.read(&key) {
            Ok(bytes) => Ok((key, bytes)),
            Err(error) if matches!(error.kind(), StoreErrorKind::NotFound) => Err(self.corrupt(&key, "it is missing")),
            Err(error) => Err(failed(error)),
        }
    }
}

fn unknown(format: i64) -> String {
    format!("is of version {format} of the format, which dlt cannot read")
}

/// The version of the format, also of metadata that cannot be understood.
fn format_of(bytes: &[u8]) -> Option<i64> {
    serde_json::from_slice::<serde_json::Value>(bytes).ok()?.get("format-version")?.as_i64()
}
