//! Backups: a folder that is a data folder again, made while the tracker takes events.
//!
//! The loader makes it and loads nothing meanwhile, so the tables stay at one position. First the tables are copied, then the records
//! of the journal that come after that position, with their numbers, then keys, secrets and contracts. What was acknowledged before
//! the backup was asked for is in it, once. Tables on a server are not in it: a copy of theirs that is made afterwards fits, for what
//! it has in common with the journal is known by its numbers.
//!
//! A file says that a folder is not filled yet, from before the first byte until everything is synced. Nothing runs on such a folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_dir::DataDir;
use crate::durable_dir;
use crate::error::Error;
use crate::journal::segments::{OsFilesystem, SegmentJournal, SegmentOptions};
use crate::journal::{AppendError, Entry, Journal, NewRecord};
use crate::ledger::Ledger;
use crate::store::Counts;

/// Payload bytes of the journal that are copied at a time.
const BATCH_BYTES: usize = 4 << 20;
/// Size of one segment of the copy, in bytes.
const SEGMENT_BYTES: u64 = 1 << 20;
/// Folders that are copied, beside the files.
const FOLDERS: [&str; 2] = ["refused", "contracts"];

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Backup {
    /// The folder.
    pub folder: PathBuf,
    /// The ledger of what is in it.
    pub ledger: Ledger,
    /// Where the tables are that are not in it.
    pub tables_elsewhere: Option<String>,
}

/// A folder that is being filled.
pub(crate) struct Filling {
    dir: DataDir,
    /// Whether the folder was made for it.
    is_new: bool,
}

impl Filling {
    /// Begins in a new or empty folder.
    ///
    /// # Errors
    /// When something is in the folder, or it can't be written.
    pub(crate) fn begin(folder: &Path) -> Result<Self, Error> {
        let failed = |source| Error::folder("write to the folder", folder, source);
        let is_new = !folder.exists();
        durable_dir::create(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(Error::NotEmpty { folder: folder.to_owned() });
        }
        let filling = Self { dir: DataDir::new(folder), is_new };
        let marked = File::create(filling.dir.unfinished()).and_then(|file| file.sync_all());
        marked.and_then(|()| durable_dir::sync(folder)).map_err(failed).inspect_err(|_| filling.abandon())?;
        Ok(filling)
    }

    /// The file of its tables.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.database()
    }

    /// Copies everything that is beside the tables. `counts` is what these hold.
    ///
    /// # Errors
    /// When something can't be read or written, or records of the journal are damaged.
    pub(crate) fn fill(
        &self,
        source: &DataDir,
        journal: &dyn Journal,
        counts: Counts,
        tables_elsewhere: Option<String>,
    ) -> Result<Backup, Error> {
        let newest = self.journal(journal, counts.position)?;
        let (from, to) = (source.path(), self.dir.path());
        let failed = |error| Error::folder("write to the folder", to, error);
        copy_files(from, to, &|name| source.is_of_process(name)).map_err(failed)?;
        for folder in FOLDERS.map(|name| (from.join(name), to.join(name))).into_iter().filter(|(from, _)| from.is_dir())
        {
            durable_dir::create(&folder.1)
                .and_then(|()| copy_files(&folder.0, &folder.1, &|_| false))
                .map_err(failed)?;
        }
        if tables_elsewhere.is_some() {
            ask_first(&self.dir)?;
        }
        Ok(Backup { folder: to.to_owned(), ledger: counts.ledger(newest), tables_elsewhere })
    }

    /// Makes everything durable, and says that it is whole.
    ///
    /// # Errors
    /// When that fails.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let folder = self.dir.path();
        let synced = (|| {
            if self.dir.database().exists() {
                File::open(self.dir.database())?.sync_all()?;
            }
            durable_dir::sync(folder)?;
            fs::remove_file(self.dir.unfinished())?;
            durable_dir::sync(folder)
        })();
        synced.map_err(|error| Error::folder("write to the folder", folder, error))
    }

    /// Removes what there is of it. What stays is marked as not finished.
    pub(crate) fn abandon(&self) {
        let folder = self.dir.path();
        if self.is_new {
            let _ = fs::remove_dir_all(folder);
            return;
        }
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }

    /// Copies the records after a position. Returns the newest number.
    fn journal(&self, journal: &dyn Journal, position: u64) -> Result<u64, Error> {
        let folder = self.dir.journal();
        let failed = |error| Error::folder("copy the journal to", &folder, error);
        let options = SegmentOptions { segment_bytes: SEGMENT_BYTES, ..SegmentOptions::default() };
        let copy = SegmentJournal::open(Arc::new(OsFilesystem), &folder, options, position).map_err(failed)?;
        let newest = journal.durable();
        let mut reader = journal.reader(position);
        while reader.position() < newest {
            let batch = reader.read(newest, BATCH_BYTES).map_err(failed)?;
            if batch.is_empty() {
                break;
            }
            if batch.missing_count() > 0 {
                let damaged = "records are damaged: they go into the quarantine with the next load; try again then";
                return Err(failed(io::Error::new(io::ErrorKind::InvalidData, damaged)));
            }
            let first = batch.first();
            let record = |entry: Entry| NewRecord { kind: entry.kind, payload: entry.payload.into() };
            let pending = copy.append(batch.entries.into_iter().map(record).collect());
            let kept = pending.and_then(|pending| pending.blocking_recv().unwrap_or(Err(AppendError::Closed)));
            match kept {
                Ok(number) if number == first => {}
                Ok(number) => {
                    let wrong = format!("the record {first} would have the number {number}");
                    return Err(failed(io::Error::other(wrong)));
                }
                Err(error) => return Err(failed(io::Error::other(error.to_string()))),
            }
        }
        copy.close();
        Ok(newest)
    }
}

/// Makes a data folder of a backup.
///
/// # Errors
/// When there is no whole backup, something is in the folder, or a file can't be read or written; then nothing is left.
pub(crate) fn restore(backup: &Path, folder: &Path) -> Result<(), Error> {
    let source = DataDir::new(backup);
    source.is_whole()?;
    if !source.exists() {
        return Err(Error::NoBackup { folder: backup.to_owned() });
    }
    // What a tracker writes meanwhile would be of several moments.
    if source.is_in_use()? {
        return Err(source.in_use());
    }
    let filling = Filling::begin(folder)?;
    let copied = copy_tree(backup, folder, &|name| DataDir::is_of_a_run(name));
    let copied = copied.map_err(|error| Error::folder("write to the folder", folder, error));
    let marked = || if source.elsewhere().exists() { ask_first(&filling.dir) } else { Ok(()) };
    copied.and_then(|()| marked()).and_then(|()| filling.finish()).inspect_err(|_| filling.abandon())
}

/// Says that tables which are copied later hold more than the journal of this folder knows: it can't begin without them.
fn ask_first(dir: &DataDir) -> Result<(), Error> {
    let file = dir.tables_first();
    let written = File::create(&file).and_then(|file| file.sync_all());
    written.map_err(|source| Error::folder("write", file, source))
}

/// Copies a folder with all that is in it but what `is_left` names, and makes it durable.
fn copy_tree(from: &Path, to: &Path, is_left: &dyn Fn(&str) -> bool) -> io::Result<()> {
    copy_files(from, to, is_left)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        // Of a link, what it leads to: the copy is to be whole elsewhere, too.
        if entry.path().is_dir() {
            let copied = to.join(entry.file_name());
            durable_dir::create(&copied)?;
            copy_tree(&entry.path(), &copied, is_left)?;
        }
    }
    Ok(())
}

/// Copies the files of a folder, without folders in it and without what `is_left` names, and makes them durable.
fn copy_files(from: &Path, to: &Path, is_left: &dyn Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(is_left) {
            continue;
        }
        let path = entry.path();
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => {}
            Ok(found) if found.is_dir() => continue,
            Ok(_) => {
                tracing::warn!(path = %path.display(), "what is neither a file nor a folder is not copied");
                continue;
            }
            // It leads nowhere, or it was something temporary, which is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if path.is_symlink() {
                    tracing::warn!(path = %path.display(), "a link that leads nowhere is not copied");
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        let copied = to.join(&name);
        match fs::copy(path, &copied) {
            // Something temporary, which is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            done => done.map(drop)?,
        }
        File::open(copied)?.sync_all()?;
    }
    durable_dir::sync(to)
}
