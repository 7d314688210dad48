//! ADBC drivers, as people install them from PyPI.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::venv;

/// What is installed.
const REQUIREMENTS: [&str; 2] = ["adbc-driver-sqlite==1.13.*", "adbc-driver-postgresql==1.13.*"];

/// A virtual environment with the drivers of SQLite and PostgreSQL, made once on a machine and then shared by all tests.
#[derive(Debug, Clone)]
pub struct AdbcDrivers {
    folder: PathBuf,
}

impl AdbcDrivers {
    /// The environment in the user's cache folder; made when it is not there.
    ///
    /// # Errors
    /// When there is no usable Python 3, or the packages can't be installed.
    pub fn shared() -> Result<Self> {
        let folder = venv::in_cache("adbc-drivers-1.13")?;
        let folder = venv::shared(folder, &REQUIREMENTS)?;
        Ok(Self { folder })
    }

    /// The environment's folder, as `VIRTUAL_ENV` names it where it is active.
    pub fn environment(&self) -> &Path {
        &self.folder
    }

    /// The library of a driver: `sqlite` or `postgresql`.
    ///
    /// # Errors
    /// When the package does not hold it.
    pub fn library(&self, name: &str) -> Result<PathBuf> {
        let mut libraries = Vec::new();
        for entry in std::fs::read_dir(self.folder.join("lib"))? {
            libraries.push(entry?.path().join(format!("site-packages/adbc_driver_{name}/libadbc_driver_{name}.so")));
        }
        match libraries.into_iter().find(|path| path.is_file()) {
            Some(path) => Ok(path),
            None => bail!("{} holds no ADBC driver `{name}`", self.folder.display()),
        }
    }
}
