//! What a load does to tables that have a log ([`crate::delta`]).
//!
//! A table is changed by one version of its log. That is seen by other readers before the load is committed; a load that is tried again
//! finds the versions that it wrote by its id, and does not write them twice.

use crate::dataset::Dataset;
use crate::delta::{Change, LOG, Log, Place, Removal, Snapshot, busy, is_of_load, write};
use crate::encode::Rows;
use crate::gather::{JOB_FILES, Staged, file_id};
use crate::intent::{Begun, Intent};
use crate::local::log_files;
use crate::merging::{Member, Merge};
use crate::parallel::for_each;
use dlt_engine::schema::{MergeStrategy, Table};
use dlt_engine::{Error, ErrorKind, Result};
use std::path::PathBuf;
use tempfile::TempDir;

/// How rows of Delta tables are merged: as by Python dlt.
pub(crate) const DELTA_MERGES: &[MergeStrategy] =
    &[MergeStrategy::Upsert, MergeStrategy::InsertOnly, MergeStrategy::Cdc];

/// What is to be done with one table.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) folder: String,
    staged: Staged,
    removal: Removal,
    is_new: bool,
    log: Log,
    before: Option<Snapshot>,
    /// The version that the table had when the load was tried first.
    began: Option<u64>,
    /// Whether an earlier try of the load did it.
    is_done: bool,
}

/// A piece of a table that becomes a file, or one for each value of the columns by which the table is divided.
struct Piece<'a> {
    job: usize,
    stem: String,
    files: &'a [PathBuf],
}

/// The folder of a table that has a log.
///
/// # Errors
/// [`ErrorKind::Config`] if by the layout tables have no folder of their own.
pub(crate) fn folder(dataset: &Dataset, schema: &str, table: &str) -> Result<String> {
    let prefix = dataset.settings.layout.prefix(schema, table);
    match prefix.strip_suffix('/') {
        Some(folder) => Ok(folder.to_owned()),
        None => {
            let message = format!(
                "table `{table}` is a Delta table and needs a folder of its own, which the layout does not give it"
            );
            Err(Error::new(ErrorKind::Config, message).hint("put a `/` behind `{table_name}`"))
        }
    }
}

impl Job {
    /// Looks at the table.
    ///
    /// # Errors
    /// If it cannot be read, or not be changed so.
    pub(crate) fn new(dataset: &Dataset, schema: &str, staged: Staged, removal: Removal, is_new: bool) -> Result<Self> {
        let folder = folder(dataset, schema, &staged.table.name)?;
        let log = Log::of(dataset.store.below(&folder), &staged.table.name);
        let before = log.snapshot()?;
        let began = before.as_ref().map(|before| before.version);
        let job = Self { folder, staged, removal, is_new, log, before, began, is_done: false };
        let change = job.change("", Vec::new());
        change.check(&job.log, job.before.as_ref())?;
        change.shape(job.before.as_ref())?;
        Ok(job)
    }

    /// Looks at what an earlier try of the load did to the table.
    pub(crate) fn begin(&mut self, load_id: &str, earlier: &Intent) -> Result<()> {
        if let Some(begun) = earlier.tables.iter().find(|begun| begun.folder == self.folder)
            && self.log.version_of_load(load_id, begun.version)?.is_some()
        {
            self.began = begun.version;
            self.is_done = true;
        }
        Ok(())
    }

    pub(crate) fn table(&self) -> &str {
        &self.staged.table.name
    }

    pub(crate) fn begun(&self) -> Begun {
        Begun { folder: self.folder.clone(), version: self.began }
    }

    fn change<'a>(&'a self, load_id: &'a str, adds: Vec<crate::delta::Add>) -> Change<'a> {
        Change { load_id, table: &self.staged.table, is_new: self.is_new, removal: self.removal.clone(), adds }
    }

    /// Whether there is neither a table nor anything to make one of.
    fn is_idle(&self) -> bool {
        self.is_done || self.before.is_none() && self.staged.files.is_empty()
    }
}

/// Writes the rows of the load, and then the versions of the logs.
pub(crate) fn run(dataset: &Dataset, jobs: Vec<Job>, load_id: &str) -> Result<()> {
    let mut pieces = Vec::new();
    for (at, job) in jobs.iter().enumerate().filter(|(_, job)| !job.is_idle()) {
        for (number, files) in job.staged.files.chunks(JOB_FILES).enumerate() {
            let stem = format!("{load_id}.{}", file_id(load_id, &job.staged.table.name, number));
            pieces.push(Piece { job: at, stem, files });
        }
    }
    let written = for_each(dataset, &pieces, |piece| {
        let job = &jobs[piece.job];
        let table: &Table = &job.staged.table;
        let shape = job.change(load_id, Vec::new()).shape(job.before.as_ref())?;
        let mut rows = Rows::new(table, piece.files);
        let columns: Vec<String> = rows.columns.iter().map(|(column, _)| column.name.clone()).collect();
        let place = Place { store: job.log.store(), table: &table.name, stem: &piece.stem };
        write(&place, &shape, &columns, || Ok(rows.next()?.map(|(_, arrays)| arrays)))
    })?;
    let mut adds: Vec<Vec<_>> = jobs.iter().map(|_| Vec::new()).collect();
    for (piece, written) in pieces.iter().zip(written) {
        adds[piece.job].extend(written);
    }
    for (job, adds) in jobs.iter().zip(adds).filter(|(job, _)| !job.is_idle()) {
        job.change(load_id, adds).commit(&job.log, job.before.as_ref())?;
    }
    Ok(())
}

/// Tables whose new rows meet those that are there by key.
pub(crate) struct Chain {
    /// The root table first.
    pub(crate) jobs: Vec<Job>,
    strategy: MergeStrategy,
    merge: Merge,
}

impl Chain {
    /// Merges the rows in memory. `jobs` are those of all tables of the chain.
    ///
    /// # Errors
    /// As [`Merge::run`].
    pub(crate) fn merge(dataset: &Dataset, jobs: Vec<Job>, strategy: MergeStrategy) -> Result<Self> {
        let merge = merged(dataset, &jobs, strategy)?;
        Ok(Self { jobs, strategy, merge })
    }

    /// Rows that were added to each table.
    pub(crate) fn added(&self) -> &[u64] {
        &self.merge.added
    }

    /// Writes what the merge left, and the versions of the logs: that of the root table last, so that a load which is tried again finds
    /// the rows that the new ones meet. Where others changed a table meanwhile, the rows are merged anew.
    pub(crate) fn run(mut self, dataset: &Dataset, load_id: &str) -> Result<()> {
        const TRIES: usize = 20;
        for _ in 0..TRIES {
            if self.write(dataset, load_id)? {
                return Ok(());
            }
            for job in self.jobs.iter_mut().filter(|job| !job.is_done) {
                job.before = job.log.snapshot()?;
                let change = job.change(load_id, Vec::new());
                change.check(&job.log, job.before.as_ref())?;
                change.shape(job.before.as_ref())?;
            }
            self.merge = merged(dataset, &self.jobs, self.strategy)?;
        }
        Err(self
            .jobs
            .first()
            .map_or_else(|| Error::new(ErrorKind::Internal, "a merge without a table"), |job| busy(&job.log)))
    }

    /// False if others changed a table.
    fn write(&mut self, dataset: &Dataset, load_id: &str) -> Result<bool> {
        for at in (0..self.jobs.len()).rev() {
            let job = &self.jobs[at];
            if job.is_done || job.before.is_none() && !self.merge.has_rows(at, &job.staged.table)? {
                continue;
            }
            // Another version has other rows, and its files other names.
            let version = job.before.as_ref().map_or(0, |before| before.version + 1);
            let stem = format!("{load_id}.{}-{version}", file_id(load_id, &job.staged.table.name, 0));
            let shape = job.change(load_id, Vec::new()).shape(job.before.as_ref())?;
            let place = Place { store: job.log.store(), table: &job.staged.table.name, stem: &stem };
            let adds = self.merge.write(at, &job.staged.table, &place, &shape)?;
            let mut change = job.change(load_id, adds);
            if change.removal == Removal::None {
                change.removal = Removal::These(self.merge.tables[at].removed.clone());
            }
            let written: Vec<String> = change.adds.iter().map(|add| add.path.clone()).collect();
            if !change.commit(&job.log, job.before.as_ref())? {
                let keys = written.iter().filter_map(|path| job.log.key(path));
                let keys: Vec<String> = keys.map(|key| format!("{}/{key}", job.folder)).collect();
                dataset.delete(&keys)?;
                return Ok(false);
            }
            self.jobs[at].is_done = true;
        }
        Ok(true)
    }
}

fn merged(dataset: &Dataset, jobs: &[Job], strategy: MergeStrategy) -> Result<Merge> {
    let folder = TempDir::new().map_err(|error| Error::storage("make a folder in", &std::env::temp_dir(), error))?;
    let mut members = Vec::new();
    for job in jobs {
        // Of a table that is emptied nothing is met.
        let before = job.before.as_ref().filter(|_| job.removal == Removal::None);
        let old = match before {
            Some(before) => log_files(dataset, &job.folder, &job.log, before, folder.path())?,
            None => Vec::new(),
        };
        members.push(Member { table: &job.staged.table, new: &job.staged.files, old });
    }
    Merge::run(&members, strategy, folder)
}

/// Deletes the files that a load wrote into the folders of tables, where no version of the log names them.
pub(crate) fn remove_leftovers(dataset: &Dataset, intent: &Intent) -> Result<()> {
    for begun in &intent.tables {
        let log = Log::of(dataset.store.below(&begun.folder), &begun.folder);
        if log.version_of_load(&intent.load_id, begun.version)?.is_some() {
            continue;
        }
        let mut files = dataset.list(&begun.folder)?;
        files.retain(|key| is_of_load(key, &intent.load_id));
        dataset.delete(&files)?;
    }
    Ok(())
}

/// Whether a file in the folder of a table is part of its log.
pub(crate) fn is_of_log(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix).and_then(|rest| rest.split_once('/')).is_some_and(|(folder, _)| folder == LOG)
}
