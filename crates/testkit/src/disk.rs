//! A disk that can be full, and one that fails.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
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
    run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "dlt-test"]).arg(path))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is about to end may have files open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

/// A block device with a file system, whose blocks can fail: what was never written before is then refused by the device, though the file
/// system had room for it and took it. A program hears of that when it syncs, and then what it wrote is gone. Only root can have one. Taken
/// away when dropped.
#[derive(Debug)]
pub struct FailingDisk {
    /// What the device keeps its blocks in.
    memory: Disk,
    mounted: TempDir,
}

/// Of the file system, and of the memory that it has for it, in megabytes. The rest is what [`FailingDisk::fail`] takes away.
const DEVICE_MEGABYTES: u64 = 400;
const MEMORY_MEGABYTES: u32 = 450;

impl FailingDisk {
    /// Whether this process may have one.
    pub fn is_allowed() -> bool {
        Disk::is_allowed() && Path::new("/dev/loop-control").exists()
    }

    /// Makes the device and its file system, and mounts it.
    ///
    /// # Errors
    /// When one of them can't be made.
    pub fn mount() -> Result<Self> {
        let memory = Disk::mount(MEMORY_MEGABYTES)?;
        let image = memory.path().join("image");
        File::create(&image)?.set_len(DEVICE_MEGABYTES << 20)?;
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-E", "lazy_itable_init=0", "-O", "^has_journal"])
            .arg(&image))?;
        let mounted = tempfile::Builder::new().prefix("dlt-device-").tempdir()?;
        run(Command::new("mount").args(["-o", "loop,errors=continue"]).arg(&image).arg(mounted.path()))?;
        Ok(Self { memory, mounted })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.mounted.path()
    }

    fn filling(&self) -> PathBuf {
        self.memory.path().join("filling")
    }

    /// Lets it fail: there is no memory for further blocks.
    ///
    /// # Errors
    /// When its memory can't be taken.
    pub fn fail(&self) -> Result<()> {
        let mut filling = File::create(self.filling())?;
        let piece = vec![1; 64 << 10];
        loop {
            match filling.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Lets it work again.
    ///
    /// # Errors
    /// When its memory can't be given back.
    pub fn mend(&self) -> Result<()> {
        Ok(fs::remove_file(self.filling())?)
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}
