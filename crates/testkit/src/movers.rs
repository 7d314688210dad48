//! Programs that move tables from one database to another, as people install them from PyPI: what a benchmark runs beside ours.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::venv;

/// What is installed: the last versions whose packages hold the program. Later ones fetch it from elsewhere.
const REQUIREMENTS: [&str; 2] = ["ingestr==0.15.9", "sling-linux-amd64==1.4.11"];

/// ingestr and sling, in a virtual environment that is made once on a machine.
#[derive(Debug, Clone)]
pub struct Movers {
    folder: PathBuf,
}

impl Movers {
    /// The environment in the user's cache folder; made when it is not there.
    ///
    /// # Errors
    /// When there is no usable Python 3, or the packages can't be installed.
    pub fn shared() -> Result<Self> {
        let folder = venv::shared(venv::in_cache("movers-1")?, &REQUIREMENTS)?;
        Ok(Self { folder })
    }

    /// The program ingestr.
    pub fn ingestr(&self) -> PathBuf {
        self.folder.join("bin/ingestr")
    }

    /// The program sling.
    ///
    /// # Errors
    /// When the package does not hold it.
    pub fn sling(&self) -> Result<PathBuf> {
        for entry in std::fs::read_dir(self.folder.join("lib"))? {
            let program = entry?.path().join("site-packages/sling_linux_amd64/bin/sling-linux-amd64");
            if program.is_file() {
                return Ok(program);
            }
        }
        bail!("{} holds no sling", self.folder.display())
    }
}
