//! Clients of others that send to the tracker, from PyPI and npm: Segment's, and what is like them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::Invocation;
use crate::sandbox::Sandbox;
use crate::venv;

/// A client for Python, in an environment of its own.
#[derive(Debug, Clone)]
pub struct PythonClient(PathBuf);

impl PythonClient {
    /// A package in one version; installed once on a machine.
    ///
    /// # Errors
    /// When there is no usable Python 3, or the package can't be installed.
    pub fn package(name: &str, version: &str) -> Result<Self> {
        let folder = venv::in_cache(&format!("{name}-{version}"))?;
        Ok(Self(venv::shared(folder, &[&format!("{name}=={version}")])?))
    }

    /// A run of `script` (its text) in the sandbox.
    pub fn script(&self, sandbox: &Sandbox, script: &str) -> Invocation {
        let command = sandbox.command(self.0.join("bin/python"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONNOUSERSITE", "1").arg("-c").arg(script)
    }
}

/// A client for Node or a browser, in a folder of its own.
#[derive(Debug, Clone)]
pub struct NodeClient(PathBuf);

impl NodeClient {
    /// A package in one version; installed once on a machine.
    ///
    /// # Errors
    /// When there is no `npm`, or the package can't be installed.
    pub fn package(name: &str, version: &str) -> Result<Self> {
        let folder = venv::in_cache(&format!("{}-{version}", name.trim_start_matches('@').replace('/', "-")))?;
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let marker = folder.join("complete");
        if !marker.exists() {
            let output = Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--prefix"])
                .arg(&folder)
                .arg(format!("{name}@{version}"))
                .output()
                .context("hint: Node.js with npm is needed (on Debian: apt-get install npm)")?;
            if !output.status.success() {
                bail!("{name} could not be installed\n{}", String::from_utf8_lossy(&output.stderr));
            }
            fs::write(&marker, "")?;
        }
        Ok(Self(folder))
    }

    /// The folder with what the package and those that it needs hold, by their names.
    pub fn modules(&self) -> PathBuf {
        self.0.join("node_modules")
    }

    /// A run of `script` (its text) in the sandbox; it can `require` the package.
    pub fn script(&self, sandbox: &Sandbox, script: &str) -> Invocation {
        sandbox.command("node").env("NODE_PATH", self.modules()).arg("-e").arg(script)
    }
}
