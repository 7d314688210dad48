//! A browser: Debian's Chromium, driven by Selenium from PyPI.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::Invocation;
use crate::sandbox::Sandbox;
use crate::venv;

/// What is installed.
const REQUIREMENTS: [&str; 1] = ["selenium==4.*"];

/// An environment of Python that drives Chromium by its driver; both are packages of Debian.
#[derive(Debug, Clone)]
pub struct Browser {
    folder: PathBuf,
}

impl Browser {
    /// The environment in the user's cache folder; made when it is not there.
    ///
    /// # Errors
    /// When there is no usable Python 3, or the package can't be installed.
    pub fn shared() -> Result<Self> {
        Ok(Self { folder: venv::shared(venv::in_cache("selenium-4")?, &REQUIREMENTS)? })
    }

    /// A run of `script` (its text) in the sandbox.
    pub fn script(&self, sandbox: &Sandbox, script: &str) -> Invocation {
        let run = sandbox.command(self.folder.join("bin/python"));
        // Selenium would look for news of drivers, and tell that it is used.
        let run = run.env("SE_OFFLINE", "true").env("SE_AVOID_STATS", "true");
        run.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONNOUSERSITE", "1").arg("-c").arg(script)
    }
}
