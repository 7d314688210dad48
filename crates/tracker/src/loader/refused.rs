//! Rows that the tables refused, or that went missing from them: one file each, `refused/<sequence, 20 digits>.json`.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;

use crate::durable_dir;
use crate::error::Error;
use crate::journal::Entry;
use crate::retention::Retention;

/// The folder. It is made with the first row.
#[derive(Debug)]
pub(super) struct RefusedRows(PathBuf);

/// What is asked of a row: when it came, and for whom. One that replays has the row within.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Kept {
    received_at: Option<String>,
    project: Option<String>,
    row: Option<Box<Kept>>,
}

impl RefusedRows {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Writes rows as files and syncs them, because the journal will delete them.
    ///
    /// # Errors
    /// When a file can't be written.
    pub(super) fn keep(&self, entries: &[&Entry]) -> Result<(), Error> {
        let folder = &self.0;
        if entries.is_empty() {
            return Ok(());
        }
        durable_dir::create(folder).map_err(|source| Error::folder("make the folder", folder, source))?;
        for entry in entries {
            let path = folder.join(format!("{:020}.json", entry.sequence));
            let written = File::create(&path).and_then(|mut file| {
                file.write_all(&entry.payload)?;
                file.sync_all()
            });
            written.map_err(|source| Error::folder("write", path, source))?;
        }
        durable_dir::sync(folder).map_err(|source| Error::folder("sync", folder, source))
    }

    /// Deletes the rows that are too old.
    ///
    /// # Errors
    /// When a file can't be read or deleted.
    pub(super) fn expire(&self, retention: &Retention, now: Timestamp) -> Result<(), Error> {
        self.delete_where(&|row| {
            // What is damaged says nothing about itself.
            let Ok(kept) = serde_json::from_slice::<Kept>(row) else { return false };
            let kept = match kept.row {
                Some(row) => *row,
                None => kept,
            };
            let received_at = kept.received_at.and_then(|at| at.parse::<Timestamp>().ok());
            received_at.is_some_and(|at| retention.is_expired(kept.project.as_deref(), at, now))
        })
    }

    /// Deletes the rows of an anonymous id.
    ///
    /// # Errors
    /// When a file can't be read or deleted.
    pub(super) fn delete(&self, anonymous_id: &str) -> Result<(), Error> {
        let named = serde_json::to_string(anonymous_id).unwrap_or_default();
        let named = format!("\"anonymous_id\":{named}");
        self.delete_where(&|row| memchr::memmem::find(row, named.as_bytes()).is_some())
    }

    fn delete_where(&self, goes: &dyn Fn(&[u8]) -> bool) -> Result<(), Error> {
        let failed = |source| Error::folder("clear", &self.0, source);
        let files = match std::fs::read_dir(&self.0) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        for file in files {
            let path = file.map_err(failed)?.path();
            let row = std::fs::read(&path).map_err(failed)?;
            if goes(&row) {
                std::fs::remove_file(&path).map_err(failed)?;
            }
        }
        Ok(())
    }
}
