//! The working folder of a pipeline.

use super::Package;
use crate::error::{Error, ErrorKind, Result};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The folder `<data dir>/pipelines/<pipeline>`.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Whether what is written is there after a loss of power.
    syncs: bool,
}

/// Packages of runs that did not end.
#[derive(Debug, Default)]
pub(crate) struct OpenPackages {
    /// Oldest first.
    pub(crate) packages: Vec<Package>,
    /// Folders of packages that cannot be understood, and why.
    pub(crate) broken: Vec<(PathBuf, Error)>,
}

/// Held while a run is under way; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
}

impl Folder {
    pub(crate) fn new(data_dir: &Path, pipeline: &str) -> Self {
        Self { path: data_dir.join("pipelines").join(pipeline), syncs: true }
    }

    /// Says whether what is written must be there after a loss of power. Default: yes.
    pub(crate) fn syncing(self, syncs: bool) -> Self {
        Self { syncs, ..self }
    }

    /// Whether what is written must be there after a loss of power.
    pub(crate) fn syncs(&self) -> bool {
        self.syncs
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of all working folders' folder.
    pub(crate) fn data_dir(&self) -> &Path {
        self.path.parent().and_then(Path::parent).unwrap_or(Path::new("."))
    }

    /// Makes the folder and takes the lock.
    pub(crate) fn lock(&self) -> Result<RunLock> {
        let packages = self.packages();
        fs::create_dir_all(&packages).map_err(|error| Error::storage("create", &packages, error))?;
        let path = self.path.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| Error::storage("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => {
                let name = self.path.file_name().unwrap_or_default().to_string_lossy();
                Err(Error::new(ErrorKind::Busy, format!("another run of pipeline `{name}` is under way"))
                    .hint("wait until it has ended, or give this one another name with --pipeline"))
            }
            Err(fs::TryLockError::Error(error)) => Err(Error::storage("lock", &path, error)),
        }
    }

    pub(crate) fn packages(&self) -> PathBuf {
        self.path.join("packages")
    }

    /// Packages of runs that did not end. What was left of one that was being made or removed is swept out, which only the
    /// holder of the lock may do.
    pub(crate) fn open_packages(&self) -> Result<OpenPackages> {
        self.packages_then(|path| fs::remove_dir_all(path).map_err(|error| Error::storage("remove", path, error)))
    }

    /// As [`Folder::open_packages`], and changes nothing.
    pub(crate) fn list_packages(&self) -> Result<OpenPackages> {
        self.packages_then(|_| Ok(()))
    }

    fn packages_then(&self, on_leftover: impl Fn(&Path) -> Result<()>) -> Result<OpenPackages> {
        let mut open = OpenPackages::default();
        for path in self.package_folders()? {
            match Package::open(path.clone()) {
                Ok(Some(package)) => open.packages.push(package),
                Ok(None) => on_leftover(&path)?,
                Err(error) => open.broken.push((path, error)),
            }
        }
        open.packages.sort_by(|a, b| a.manifest.load_id.cmp(&b.manifest.load_id));
        Ok(open)
    }

    fn package_folders(&self) -> Result<Vec<PathBuf>> {
        let folder = self.packages();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::storage("read", &folder, error)),
        };
        let mut folders = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| Error::storage("read", &folder, error))?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
        Ok(folders)
    }

    /// Replaces a file of the folder as a whole.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<()> {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| Error::storage("create", parent, error))?;
        }
        replace(&path, content.as_bytes(), self.syncs)
    }

    /// Reads a file of the folder; `None` if it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::storage("read", &path, error)),
        }
    }
}

/// Writes beside the file, syncs, renames: the file is the old one or the new one, never something between. Without a sync that
/// is so as long as the machine runs.
pub(super) fn replace(path: &Path, content: &[u8], syncs: bool) -> Result<()> {
    let beside = path.with_extension("tmp");
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(content)?;
        if syncs { file.sync_data() } else { Ok(()) }
    });
    written.and_then(|()| fs::rename(&beside, path)).map_err(|error| Error::storage("write", path, error))
}
