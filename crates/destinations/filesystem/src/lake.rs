//! What a load does to tables that are kept with a log ([`crate::kept`]).
//!
//! A table is changed by one version of its log. That is seen by other readers before the load is committed; a load that is tried again
//! finds the versions that it wrote by its id, and does not write them twice.

use crate::dataset::Dataset;
use crate::delta::Delta;
use crate::encode::Rows;
use crate::gather::{JOB_FILES, Staged, file_id};
use crate::iceberg::Iceberg;
use crate::intent::{Begun, Intent};
use crate::kept::{self, Change, Done, Form, Kept, Place, Removal, Written, busy, is_of_load};
use crate::local::listed_files;
use crate::merging::{Member, Merge};
use crate::parallel::for_each;
use dlt_engine::schema::{MergeStrategy, TableFormat};
use dlt_engine::{Error, ErrorKind, Result};
use parquet::basic::Compression;
use std::path::PathBuf;
use tempfile::TempDir;

/// The formats that have a log, and how rows are merged there: as by Python dlt.
pub(crate) const FORMATS: &[(TableFormat, &[MergeStrategy])] = &[
    (TableFormat::Delta, &[MergeStrategy::Upsert, MergeStrategy::InsertOnly, MergeStrategy::Cdc]),
    (TableFormat::Iceberg, &[MergeStrategy::Upsert, MergeStrategy::InsertOnly]),
];

/// How often rows are written or merged anew because others changed a table.
const TRIES: usize = 20;

/// Whether tables of a format have a log.
pub(crate) fn has_log(format: TableFormat) -> bool {
    FORMATS.iter().any(|(known, _)| *known == format)
}

/// Whether rows of tables of a format can be merged so.
pub(crate) fn merges(format: TableFormat, strategy: MergeStrategy) -> bool {
    FORMATS.iter().any(|(known, strategies)| *known == format && strategies.contains(&strategy))
}

/// A table in a folder of the dataset. It is not looked at yet.
///
/// # Errors
/// [`ErrorKind::Internal`] if tables of the format have no log.
pub(crate) fn kept(dataset: &Dataset, format: TableFormat, folder: &str, table: &str) -> Result<Box<dyn Kept>> {
    let store = dataset.store.below(folder);
    match format {
        TableFormat::Delta => Ok(Box::new(Delta::new(store, table))),
        TableFormat::Iceberg => Ok(Box::new(Iceberg::new(store, table))),
        _ => Err(Error::new(ErrorKind::Internal, format!("the table format {format} has no log"))),
    }
}

/// What is to be done with one table.
#[derive(Debug)]
pub(crate) struct Job {
    format: TableFormat,
    pub(crate) folder: String,
    staged: Staged,
    removal: Removal,
    is_new: bool,
    kept: Box<dyn Kept>,
    /// The version that the table had when the load was tried first.
    began: Option<u64>,
    /// Whether it is done, by this try of the load or an earlier one.
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
                "table `{table}` has a table format and needs a folder of its own, which the layout does not give it"
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
    pub(crate) fn new(
        dataset: &Dataset,
        schema: &str,
        format: TableFormat,
        staged: Staged,
        removal: Removal,
        is_new: bool,
    ) -> Result<Self> {
        let folder = folder(dataset, schema, &staged.table.name)?;
        let kept = kept(dataset, format, &folder, &staged.table.name)?;
        let mut job = Self { format, folder, staged, removal, is_new, kept, began: None, is_done: false };
        job.look()?;
        job.began = job.kept.version();
        Ok(job)
    }

    /// Looks at the table, and whether it may be changed so.
    fn look(&mut self) -> Result<()> {
        self.kept.look()?;
        self.kept.check(&self.change("", Vec::new()))
    }

    /// Looks at what an earlier try of the load did to the table.
    pub(crate) fn begin(&mut self, load_id: &str, earlier: &Intent) -> Result<()> {
        if let Some(begun) = earlier.tables.iter().find(|begun| begun.folder == self.folder)
            && self.kept.done_by(load_id, begun.version)?.is_some()
        {
            self.kept.finish()?;
            self.began = begun.version;
            self.is_done = true;
        }
        Ok(())
    }

    pub(crate) fn table(&self) -> &str {
        &self.staged.table.name
    }

    pub(crate) fn begun(&self) -> Begun {
        Begun { format: self.format, folder: self.folder.clone(), version: self.began }
    }

    fn change<'a>(&'a self, load_id: &'a str, adds: Vec<Written>) -> Change<'a> {
        Change { load_id, table: &self.staged.table, is_new: self.is_new, removal: self.removal.clone(), adds }
    }

    /// Whether there is neither a table nor anything to make one of.
    fn is_idle(&self) -> bool {
        self.is_done || self.kept.version().is_none() && self.staged.files.is_empty()
    }

    /// What names of its files begin with. Another version has other rows, and its files other names.
    fn stem(&self, load_id: &str, number: usize) -> String {
        let version = self.kept.version().map_or(0, |version| version + 1);
        format!("{load_id}.{}-{version}", file_id(load_id, &self.staged.table.name, number))
    }

    fn columns(&self) -> Vec<String> {
        self.staged.table.complete_columns().map(|(column, _)| column.name.clone()).collect()
    }

    fn form(&self) -> Result<Form> {
        self.kept.form(&self.change("", Vec::new()), &self.columns())
    }

    /// Writes the next version of the log. False if the files have to be written anew; they are deleted then.
    fn commit(&mut self, dataset: &Dataset, load_id: &str, removal: Removal, adds: Vec<Written>) -> Result<bool> {
        let change = Change { removal, ..self.change(load_id, adds) };
        if self.kept.commit(&change)? {
            self.is_done = true;
            return Ok(true);
        }
        let keys: Vec<String> = change.adds.iter().map(|add| format!("{}/{}", self.folder, add.key)).collect();
        dataset.delete(&keys)?;
        Ok(false)
    }

    fn busy(&self) -> Error {
        busy(&self.kept.title())
    }
}

/// Writes the rows of the load, and then the versions of the logs. Where others changed a table so that its files do not fit any more, they
/// are written anew.
pub(crate) fn run(dataset: &Dataset, mut jobs: Vec<Job>, load_id: &str) -> Result<()> {
    for _ in 0..TRIES {
        write(dataset, &mut jobs, load_id)?;
        let Some(_) = jobs.iter().find(|job| !job.is_idle()) else { return Ok(()) };
        jobs.iter_mut().filter(|job| !job.is_idle()).try_for_each(Job::look)?;
    }
    Err(jobs
        .iter()
        .find(|job| !job.is_idle())
        .map_or_else(|| Error::new(ErrorKind::Internal, "a load without a table"), Job::busy))
}

fn write(dataset: &Dataset, jobs: &mut [Job], load_id: &str) -> Result<()> {
    let mut pieces = Vec::new();
    for (at, job) in jobs.iter().enumerate().filter(|(_, job)| !job.is_idle()) {
        for (number, files) in job.staged.files.chunks(JOB_FILES).enumerate() {
            pieces.push(Piece { job: at, stem: job.stem(load_id, number), files });
        }
    }
    let written = for_each(dataset, &pieces, |piece| {
        let job = &jobs[piece.job];
        let mut rows = Rows::new(&job.staged.table, piece.files);
        let place = Place { store: job.kept.store(), stem: &piece.stem, compression: Compression::SNAPPY };
        kept::write(&place, &job.form()?, || Ok(rows.next()?.map(|(_, arrays)| arrays)))
    })?;
    let mut adds: Vec<Vec<_>> = jobs.iter().map(|_| Vec::new()).collect();
    for (piece, written) in pieces.iter().zip(written) {
        adds[piece.job].extend(written);
    }
    for (job, adds) in jobs.iter_mut().zip(adds).filter(|(job, _)| !job.is_idle()) {
        let removal = job.removal.clone();
        job.commit(dataset, load_id, removal, adds)?;
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
        for _ in 0..TRIES {
            if self.write(dataset, load_id)? {
                return Ok(());
            }
            self.jobs.iter_mut().filter(|job| !job.is_done).try_for_each(Job::look)?;
            self.merge = merged(dataset, &self.jobs, self.strategy)?;
        }
        Err(self.jobs.first().map_or_else(|| Error::new(ErrorKind::Internal, "a merge without a table"), Job::busy))
    }

    /// False if others changed a table.
    fn write(&mut self, dataset: &Dataset, load_id: &str) -> Result<bool> {
        for at in (0..self.jobs.len()).rev() {
            let job = &mut self.jobs[at];
            if job.is_done || job.kept.version().is_none() && !self.merge.has_rows(at, &job.staged.table)? {
                continue;
            }
            let stem = job.stem(load_id, 0);
            let place = Place { store: job.kept.store(), stem: &stem, compression: Compression::SNAPPY };
            let adds = self.merge.write(at, &job.staged.table, &place, &job.form()?)?;
            let removal = match &job.removal {
                Removal::None => Removal::These(self.merge.tables[at].removed.clone()),
                removal => removal.clone(),
            };
            if !job.commit(dataset, load_id, removal, adds)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn merged(dataset: &Dataset, jobs: &[Job], strategy: MergeStrategy) -> Result<Merge> {
    let folder = TempDir::new().map_err(|error| Error::storage("make a folder in", &std::env::temp_dir(), error))?;
    let mut members = Vec::new();
    for job in jobs {
        // Of a table that is emptied nothing is met.
        let old = match job.removal == Removal::None {
            true => listed_files(dataset, &job.folder, &*job.kept, folder.path())?,
            false => Vec::new(),
        };
        members.push(Member { table: &job.staged.table, new: &job.staged.files, old });
    }
    Merge::run(&members, strategy, folder)
}

/// Deletes the files that a load wrote into the folders of tables, where no version of the log names them.
pub(crate) fn remove_leftovers(dataset: &Dataset, intent: &Intent) -> Result<()> {
    for begun in &intent.tables {
        let kept = kept(dataset, begun.format, &begun.folder, &begun.folder)?;
        if kept.done_by(&intent.load_id, begun.version)?.is_none() {
            remove_files(dataset, begun, &intent.load_id)?;
        }
    }
    Ok(())
}

/// Takes back what a load did to tables that was given up. What it put in the place of other rows stays: these are gone from the table, and
/// others may have gone on.
pub(crate) fn take_back(dataset: &Dataset, intent: &Intent) -> Result<()> {
    for begun in &intent.tables {
        let mut kept = kept(dataset, begun.format, &begun.folder, &begun.folder)?;
        match kept.done_by(&intent.load_id, begun.version)? {
            None => remove_files(dataset, begun, &intent.load_id)?,
            Some(Done::Replaced) => {}
            Some(Done::Added) => take_out(&mut *kept, &intent.load_id)?,
        }
    }
    Ok(())
}

/// Takes the files of a load out of a table.
fn take_out(kept: &mut dyn Kept, load_id: &str) -> Result<()> {
    for _ in 0..TRIES {
        kept.look()?;
        let files = kept.files()?.into_iter().filter(|file| is_of_load(&file.key, load_id));
        let paths: Vec<String> = files.map(|file| file.path).collect();
        if paths.is_empty() || kept.take_out(load_id, paths)? {
            return Ok(());
        }
    }
    Err(busy(&kept.title()))
}

fn remove_files(dataset: &Dataset, begun: &Begun, load_id: &str) -> Result<()> {
    let mut files = dataset.list(&begun.folder)?;
    files.retain(|key| is_of_load(key, load_id));
    dataset.delete(&files)
}
