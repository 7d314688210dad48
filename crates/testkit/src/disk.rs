//! A disk that can be full.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use tempfile::TempDir;

/// A file system in memory with a size of its own, which only root can have. Taken away when dropped.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Whether this process may have one.
    pub fn is_allowed() -> bool {
        rustix::process::geteuid().is_root()
    }

    /// Mounts one of so many megabytes.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn mount(megabytes: u32) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("dlt-disk-").tempdir()?;
        mount(&format!("size={megabytes}m,mode=777"), folder.path())?;
        Ok(Self { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives it another size; what is there stays.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn resize(&self, megabytes: u32) -> Result<()> {
        mount(&format!("remount,size={megabytes}m"), self.path())
    }
}

fn mount(options: &str, path: &Path) -> Result<()> {
    let output = Command::new("mount").args(["-t", "tmpfs", "-o", options, "dlt-test"]).arg(path).output()?;
    if !output.status.success() {
        bail!("mount: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is about to end may have files open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}
