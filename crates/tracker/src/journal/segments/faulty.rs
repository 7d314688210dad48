//! A disk in memory that forgets what was not synced, tears writes, and fails on demand.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::filesystem::{Filesystem, JournalFile};

/// The smallest piece that is written as a whole or not at all.
const SECTOR: usize = 512;

/// The disk as one run of the machine sees it: after a crash it answers only those who come with [`FaultyDisk::reboot`].
#[derive(Debug, Clone)]
pub(super) struct FaultyDisk {
    disk: Arc<Mutex<Disk>>,
    epoch: u64,
}

#[derive(Debug, Default)]
struct Disk {
    files: Vec<Contents>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Number of crashes.
    epoch: u64,
    /// Operations until the next failure.
    fail_after: Option<u32>,
    random: u64,
    bytes_read: usize,
}

#[derive(Debug, Default, Clone)]
struct Contents {
    durable: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(usize, Vec<u8>)>,
    /// A sync failed: of what is written since, any part may be lost, whatever later syncs say.
    is_doubtful: bool,
}

impl Contents {
    fn now(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (offset, written) in &self.pending {
            put(&mut bytes, *offset, written);
        }
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    if bytes.len() < offset + written.len() {
        bytes.resize(offset + written.len(), 0);
    }
    bytes[offset..offset + written.len()].copy_from_slice(written);
}

impl Disk {
    fn chance(&mut self) -> bool {
        // xorshift: enough to choose what a crash keeps.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random & 1 == 0
    }

    fn step(&mut self) -> io::Result<()> {
        match &mut self.fail_after {
            Some(0) => {
                self.fail_after = None;
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Keeps a random selection of the sectors that were not synced.
    fn tear(&mut self, file: usize) {
        for (offset, written) in std::mem::take(&mut self.files[file].pending) {
            let mut from = 0;
            while from < written.len() {
                let sector_end = ((offset + from) / SECTOR + 1) * SECTOR - offset;
                let to = sector_end.min(written.len());
                if self.chance() {
                    put(&mut self.files[file].durable, offset + from, &written[from..to]);
                }
                from = to;
            }
        }
    }
}

impl FaultyDisk {
    pub(super) fn seeded(seed: u64) -> Self {
        let disk = Disk { random: seed | 1, ..Disk::default() };
        Self { disk: Arc::new(Mutex::new(disk)), epoch: 0 }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.disk();
        if self.epoch == disk.epoch { Ok(disk) } else { Err(io::Error::other("the machine was switched off")) }
    }

    /// The disk as the next run of the machine sees it.
    pub(super) fn reboot(&self) -> Self {
        Self { disk: Arc::clone(&self.disk), epoch: self.disk().epoch }
    }

    /// The operation after `operations` others fails.
    pub(super) fn fail_after(&self, operations: Option<u32>) {
        self.disk().fail_after = operations;
    }

    /// Bytes read since the disk was made.
    pub(super) fn bytes_read(&self) -> usize {
        self.disk().bytes_read
    }

    /// The power goes: of what was not synced, any part may be left. Nothing that ran goes on.
    pub(super) fn crash(&self) {
        let mut disk = self.disk();
        disk.epoch += 1;
        disk.fail_after = None;
        for file in 0..disk.files.len() {
            disk.tear(file);
        }
        let (now, mut kept) = (std::mem::take(&mut disk.names), disk.durable_names.clone());
        if disk.chance() {
            kept = now;
        }
        disk.names = kept.clone();
        disk.durable_names = kept;
    }

    /// Changes one byte of a file at rest.
    pub(super) fn damage(&self, path: &Path, offset: usize) {
        let mut disk = self.disk();
        let file = disk.names[path];
        disk.files[file].durable[offset] ^= 0x5A;
    }
}

impl Filesystem for FaultyDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        self.alive()?.step()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let disk = self.alive()?;
        let inside = disk.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn JournalFile>> {
        let mut disk = self.alive()?;
        disk.step()?;
        disk.files.push(Contents::default());
        let file = disk.files.len() - 1;
        disk.names.insert(path.to_owned(), file);
        Ok(Box::new(Handle { disk: self.clone(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn JournalFile>> {
        let mut disk = self.alive()?;
        disk.step()?;
        let file = *disk.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Handle { disk: self.clone(), file }))
    }

    fn read(&self, path: &Path, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let mut disk = self.alive()?;
        let file = *disk.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let bytes = disk.files[file].now();
        let from = bytes.len().min(offset as usize);
        let to = bytes.len().min(from.saturating_add(limit as usize));
        disk.bytes_read += to - from;
        Ok(bytes[from..to].to_vec())
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let disk = self.alive()?;
        let file = *disk.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(disk.files[file].now().len() as u64)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.alive()?;
        disk.step()?;
        let file = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        disk.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.alive()?;
        disk.step()?;
        disk.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut disk = self.alive()?;
        disk.step()?;
        disk.durable_names = disk.names.clone();
        Ok(())
    }
}

struct Handle {
    disk: FaultyDisk,
    file: usize,
}

impl JournalFile for Handle {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.alive()?;
        if let Err(error) = disk.step() {
            // A failed write may have written a part.
            disk.files[self.file].pending.push((offset as usize, bytes[..bytes.len() / 2].to_vec()));
            return Err(error);
        }
        disk.files[self.file].pending.push((offset as usize, bytes.to_vec()));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.disk.alive()?;
        if let Err(error) = disk.step() {
            // After a failed sync some of it is on the disk, and the rest is gone without another word.
            disk.tear(self.file);
            disk.files[self.file].is_doubtful = true;
            return Err(error);
        }
        if disk.files[self.file].is_doubtful {
            disk.tear(self.file);
            return Ok(());
        }
        for (offset, written) in std::mem::take(&mut disk.files[self.file].pending) {
            put(&mut disk.files[self.file].durable, offset, &written);
        }
        Ok(())
    }
}
