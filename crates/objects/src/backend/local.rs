//! A folder of this machine. What is written is complete, and on the disk, before it has its name.

use crate::failure::{Result, StoreError};
use crate::listing::{Level, Object};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

/// The ending of what is being written. No listing shows it.
const PART: &str = ".dlt-part";

#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) root: PathBuf,
}

impl Local {
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        if key.is_empty() { self.root.clone() } else { self.root.join(key) }
    }

    pub(crate) fn head(&self, key: &str) -> Result<Option<Object>> {
        let path = self.path(key);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(object(key.to_owned(), &metadata))),
            Ok(_) => Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(StoreError::local("look at", &path, &error)),
        }
    }

    pub(crate) fn list(&self, below: &str) -> impl Iterator<Item = Result<Object>> + Send + use<> {
        Walk { root: self.root.clone(), folders: vec![self.path(below)], files: Vec::new(), is_first: true }
    }

    /// Folders and files directly below.
    pub(crate) fn level(&self, below: &str) -> Result<Level> {
        let path = self.path(below);
        let mut level = Level::default();
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(level),
            Err(error) => return Err(StoreError::local("list", &path, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| StoreError::local("list", &path, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() {
                level.folders.push(name);
            } else if !name.ends_with(PART) {
                let key = if below.is_empty() { name } else { format!("{below}/{name}") };
                level.objects.extend(self.head(&key)?);
            }
        }
        Ok(level)
    }

    pub(crate) fn create(&self, key: &str) -> Result<Making> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root).to_owned();
        make_folders(&folder)?;
        let part = folder.join(part_name(&path));
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&part);
        let file = file.map_err(|error| StoreError::local("write", &path, &error))?;
        Ok(Making { file: Some(file), part, path, folder })
    }

    /// Makes the file if there is none of the name, as one step.
    pub(crate) fn create_new(&self, key: &str, bytes: &[u8]) -> Result<bool> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root).to_owned();
        make_folders(&folder)?;
        let part = folder.join(part_name(&path));
        let written = File::create(&part).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        let linked = written.and_then(|()| fs::hard_link(&part, &path));
        let _ = fs::remove_file(&part);
        match linked {
            Ok(()) => sync_folder(&folder).map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(StoreError::local("write", &path, &error)),
        }
    }

    pub(crate) fn delete(&self, key: &str) -> Result<()> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
            Err(error) => Err(StoreError::local("delete", &path, &error)),
        }
    }

    /// What killed writers left below, of names for which `is_meant` holds.
    pub(crate) fn delete_parts(&self, below: &str, is_meant: &dyn Fn(&str) -> bool) -> Result<()> {
        let mut folders = vec![self.path(below)];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                let name = entry.file_name().to_string_lossy().into_owned();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if name.ends_with(PART) && is_meant(&name) {
                    let path = entry.path();
                    fs::remove_file(&path).map_err(|error| StoreError::local("delete", &path, &error))?;
                }
            }
        }
        Ok(())
    }
}

/// A file that is being written under another name.
#[derive(Debug)]
pub(crate) struct Making {
    /// Gone when it is finished.
    file: Option<File>,
    part: PathBuf,
    path: PathBuf,
    folder: PathBuf,
}

impl Making {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        written.map_err(|error| StoreError::local("write", &self.path, &error))
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_all);
        synced
            .and_then(|()| fs::rename(&self.part, &self.path))
            .map_err(|error| StoreError::local("write", &self.path, &error))?;
        self.file = None;
        sync_folder(&self.folder)
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// A name beside the file's own, which no other writer has: several may make the same file.
fn part_name(path: &Path) -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{}{PART}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    name
}

/// Makes folders and, above each that was made, has its name on the disk.
fn make_folders(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut made: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(folder).map_err(|error| StoreError::local("make the folder", folder, &error))?;
    while let Some(new) = made.pop() {
        if let Some(above) = new.parent() {
            sync_folder(above)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    match synced {
        // Some network file systems do not know what it is to sync a folder.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        synced => synced.map_err(|error| StoreError::local("write", folder, &error)),
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Result<()> {
    Ok(())
}

fn object(key: String, metadata: &fs::Metadata) -> Object {
    Object { key, size: metadata.len(), modified: metadata.modified().unwrap_or(UNIX_EPOCH), etag: None }
}

/// Files below a folder, folder by folder. Links are followed; a folder above itself is not entered again.
struct Walk {
    root: PathBuf,
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    is_first: bool,
}

impl Walk {
    fn enter(&mut self, folder: PathBuf) -> Result<()> {
        let is_first = std::mem::take(&mut self.is_first);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Nothing is there yet, or it was removed while we walked.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if is_first && error.kind() == ErrorKind::NotADirectory => return Ok(()),
            Err(error) => return Err(StoreError::local("list", &folder, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| StoreError::local("list", &folder, &error))?;
            let kind = entry.file_type().map_err(|error| StoreError::local("list", &folder, &error))?;
            let path = entry.path();
            if kind.is_dir() || (kind.is_symlink() && path.is_dir() && !is_above(&path, &folder)) {
                self.folders.push(path);
            } else if !entry.file_name().to_string_lossy().ends_with(PART) {
                self.files.push(path);
            }
        }
        Ok(())
    }
}

/// Whether a link leads to a folder that the link itself is in.
fn is_above(link: &Path, folder: &Path) -> bool {
    match (link.canonicalize(), folder.canonicalize()) {
        (Ok(link), Ok(folder)) => folder.starts_with(link),
        _ => true,
    }
}

impl Iterator for Walk {
    type Item = Result<Object>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(path) = self.files.pop() {
                let Ok(metadata) = fs::metadata(&path) else { continue };
                if !metadata.is_file() {
                    continue;
                }
                let below = path.strip_prefix(&self.root).unwrap_or(&path);
                let Some(parts) = below.iter().map(|part| part.to_str()).collect::<Option<Vec<_>>>() else {
                    return Some(Err(StoreError::new(
                        crate::StoreErrorKind::Unsupported,
                        format!("the name of {} is not UTF-8", path.display()),
                    )
                    .hint("rename it")));
                };
                return Some(Ok(object(parts.join("/"), &metadata)));
            }
            let folder = self.folders.pop()?;
            if let Err(error) = self.enter(folder) {
                self.folders.clear();
                return Some(Err(error));
            }
        }
    }
}
