//! Segment's own clients, from PyPI and npm: what the tracker's senders are elsewhere.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::Invocation;
use crate::sandbox::Sandbox;
use crate::venv;

/// A version of Segment's client for Python, in an environment of its own.
#[derive(Debug, Clone)]
pub struct SegmentPython(PathBuf);

impl SegmentPython {
    /// The client of that version; installed once on a machine.
    ///
    /// # Errors
    /// When there is no usable Python 3, or the package can't be installed.
    pub fn version(version: &str) -> Result<Self> {
        let package = format!("segment-analytics-python=={version}");
        Ok(Self(venv::shared(venv::in_cache(&format!("segment-python-{version}"))?, &[&package])?))
    }

    /// A run of `script` (its text) in the sandbox.
    pub fn script(&self, sandbox: &Sandbox, script: &str) -> Invocation {
        let command = sandbox.command(self.0.join("bin/python"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONNOUSERSITE", "1").arg("-c").arg(script)
    }
}

/// A version of Segment's client for Node, in a folder of its own.
#[derive(Debug, Clone)]
pub struct SegmentNode(PathBuf);

impl SegmentNode {
    /// The client of that version; installed once on a machine.
    ///
    /// # Errors
    /// When there is no `npm`, or the package can't be installed.
    pub fn version(version: &str) -> Result<Self> {
        let folder = venv::in_cache(&format!("segment-node-{version}"))?;
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let marker = folder.join("complete");
        if !marker.exists() {
            let output = Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--prefix"])
                .arg(&folder)
                .arg(format!("@segment/analytics-node@{version}"))
                .output()
                .context("hint: Node.js with npm is needed (on Debian: apt-get install npm)")?;
            if !output.status.success() {
                bail!("@segment/analytics-node could not be installed\n{}", String::from_utf8_lossy(&output.stderr));
            }
            fs::write(&marker, "")?;
        }
        Ok(Self(folder))
    }

    /// A run of `script` (its text) in the sandbox; it can `require('@segment/analytics-node')`.
    pub fn script(&self, sandbox: &Sandbox, script: &str) -> Invocation {
        sandbox.command("node").env("NODE_PATH", self.0.join("node_modules")).arg("-e").arg(script)
    }
}
