//! A file that is written under another name until it is whole.

use super::target::taken;
use super::unwritten;
use crate::error::Result;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// See the module. Dropped before it is finished, it leaves nothing.
pub(super) struct Making {
    file: File,
    part: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl Making {
    /// Begins a file; its folder is made where it is missing.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|cause| unwritten(path, cause))?;
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}.dlt-part", std::process::id()));
        let part = folder.join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&part);
        let file = file.map_err(|cause| unwritten(path, cause))?;
        Ok(Self { file, part, path: path.to_owned(), is_finished: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Another handle on the same file.
    pub(super) fn handle(&self) -> Result<File> {
        self.file.try_clone().map_err(|cause| unwritten(&self.path, cause))
    }

    /// Waits until it is on the disk; its length.
    pub(super) fn sync(&self) -> Result<u64> {
        let synced = self.file.sync_all().and_then(|()| self.file.metadata());
        synced.map(|metadata| metadata.len()).map_err(|cause| unwritten(&self.path, cause))
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self, overwrites: bool) -> Result<()> {
        if overwrites {
            fs::rename(&self.part, &self.path).map_err(|cause| unwritten(&self.path, cause))?;
            self.is_finished = true;
            return Ok(());
        }
        // A link is refused where there is something, a new name would replace it.
        match fs::hard_link(&self.part, &self.path) {
            Ok(()) => Ok(()),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(taken(&self.path)),
            // Some file systems know no links.
            Err(_) if self.path.symlink_metadata().is_err() => {
                fs::rename(&self.part, &self.path).map_err(|cause| unwritten(&self.path, cause))?;
                self.is_finished = true;
                Ok(())
            }
            Err(_) => Err(taken(&self.path)),
        }
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = fs::remove_file(&self.part);
        }
    }
}
