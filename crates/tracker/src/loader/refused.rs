//! Rows that the tables refused, or that went missing from them: one file each, `refused/<sequence, 20 digits>.json`.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::durable_dir;
use crate::error::Error;
use crate::journal::Entry;

/// The folder. It is made with the first row.
#[derive(Debug)]
pub(super) struct RefusedRows(PathBuf);

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

    /// Deletes the rows of an anonymous id.
    ///
    /// # Errors
    /// When a file can't be read or deleted.
    pub(super) fn delete(&self, anonymous_id: &str) -> Result<(), Error> {
        let failed = |source| Error::folder("clear", &self.0, source);
        let files = match std::fs::read_dir(&self.0) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let named = serde_json::to_string(anonymous_id).unwrap_or_default();
        let named = format!("\"anonymous_id\":{named}");
        for file in files {
            let path = file.map_err(failed)?.path();
            let row = std::fs::read(&path).map_err(failed)?;
            if memchr::memmem::find(&row, named.as_bytes()).is_some() {
                std::fs::remove_file(&path).map_err(failed)?;
            }
        }
        Ok(())
    }
}
