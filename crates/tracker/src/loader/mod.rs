//! From the journal into the tables, by the engine.
//!
//! One thread owns the database. It opens the file only while it loads or answers a question, so that others can query
//! it in between; while somebody else holds the file, events wait in the journal. A segment of the journal is removed
//! only after each of its events was looked for in a table.

mod thread;
mod verify;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dlt_engine::destination::Access;
use dlt_engine::{Destination, ErrorKind, Pipeline};
use jiff::Timestamp;
use serde::Deserialize;

use crate::check::{self, Check};
use crate::error::Error;
use crate::event;
use crate::forget::{self, Claim};
use crate::journal::{Batch, Entry, Journal, Kind, Reader};
use crate::ledger::Ledger;
use crate::report::{self, Report};
use crate::source::JournalSource;
use crate::tables::{self, Counts, DATASET, PIPELINE, Tables};

pub(crate) use thread::{LoaderThread, Question};

/// Payload bytes that one load takes at most.
const LOAD_BYTES: usize = 32 << 20;

/// Loads; owns the tables.
pub(crate) struct Loader {
    database: PathBuf,
    destination: Arc<dyn Destination>,
    pipeline: Pipeline,
    journal: Arc<dyn Journal>,
    /// Where the last load ended, so that nothing is read twice.
    reader: Option<Box<dyn Reader>>,
    /// Up to here every event was looked for in a table, and what was not found has a copy.
    verified: u64,
    /// What loads took before the last one is known.
    settled: bool,
    state: Arc<LoaderState>,
}

/// What others may know about the loader.
#[derive(Debug, Default)]
pub(crate) struct LoaderState {
    counts: Mutex<Counts>,
    /// Loads that were committed.
    pub(crate) loads: AtomicU64,
    /// Attempts that failed for another reason than a busy database.
    pub(crate) failures: AtomicU64,
    /// Attempts that met a database held by another process.
    pub(crate) busy: AtomicU64,
    /// Damaged records that were accounted for in the quarantine.
    pub(crate) corrupt: AtomicU64,
    /// Rows that the tables refused.
    pub(crate) refused: AtomicU64,
}

impl LoaderState {
    /// What the tables held after the last load.
    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, counts: Counts) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    /// The ledger at this moment.
    pub(crate) fn ledger(&self, journal: &dyn Journal) -> Ledger {
        // The counts first: what is loaded was accepted before.
        let counts = self.counts();
        ledger(counts, journal.durable())
    }
}

/// The ledger by what the tables hold and the newest sequence number of the journal.
pub(crate) fn ledger(counts: Counts, newest: u64) -> Ledger {
    let accepted = newest.max(counts.position);
    Ledger {
        accepted,
        loaded: counts.loaded,
        quarantined: counts.quarantined,
        deduplicated: counts.deduplicated,
        deleted: counts.deleted(),
        in_journal: accepted - counts.position,
    }
}

#[derive(Deserialize)]
struct MessageId {
    message_id: String,
}

impl Loader {
    pub(crate) fn new(
        database: PathBuf,
        work: PathBuf,
        journal: Arc<dyn Journal>,
        state: Arc<LoaderState>,
    ) -> Result<Self, Error> {
        let made = || {
            let destination = tables::destination(&database)?;
            let pipeline = Pipeline::new(PIPELINE, Arc::clone(&destination), work)?.dataset_name(DATASET).workers(1);
            Ok((destination, pipeline))
        };
        let (destination, pipeline) = match made() {
            Ok(made) => made,
            Err(source) => return Err(Error::tables(database, source)),
        };
        Ok(Self { database, destination, pipeline, journal, reader: None, verified: 0, settled: false, state })
    }

    fn error(&self, source: dlt_engine::Error) -> Error {
        Error::tables(&self.database, source)
    }

    /// The folder of rows that the tables refused, or lost.
    fn refused(&self) -> PathBuf {
        self.database.with_file_name("refused")
    }

    /// Loads everything that is durable now.
    pub(crate) fn catch_up(&mut self) -> Result<(), Error> {
        let durable = self.journal.durable();
        // Held open meanwhile, so that the file is opened once and nobody comes in between.
        let mut tables = Tables::open(&*self.destination, Access::Write).map_err(|source| self.error(source))?;
        let loaded = self.settle(&mut tables).and_then(|()| self.load(&mut tables, durable));
        if loaded.is_err() {
            // What was loaded, and what was found of it, is looked at anew.
            self.settled = false;
            self.reader = None;
        }
        self.state.set(tables.counts().map_err(|source| self.error(source))?);
        drop(tables);
        if let Err(error) = self.journal.release(self.verified) {
            tracing::warn!(%error, "a loaded segment of the journal can't be removed; it is tried again");
        }
        loaded
    }

    fn load(&mut self, tables: &mut Tables, durable: u64) -> Result<(), Error> {
        let mut piece = LOAD_BYTES;
        loop {
            let position = tables.counts().map_err(|source| self.error(source))?.position;
            if position >= durable {
                return Ok(());
            }
            let reader = self.reader.take().filter(|reader| reader.position() == position);
            let mut reader = reader.unwrap_or_else(|| self.journal.reader(position));
            let batch = reader.read(durable, piece).map_err(|source| self.unreadable(source))?;
            self.reader = Some(reader);
            if batch.is_empty() {
                return Ok(());
            }
            for missing in &batch.missing {
                tracing::error!(first = missing.start(), last = missing.end(), "damaged events in the journal");
            }
            let batch = match batch.first_deletion() {
                Some(request) if request.sequence == batch.first() => {
                    self.forget(tables, request)?;
                    self.verified = request.sequence;
                    continue;
                }
                Some(request) => {
                    let sequence = request.sequence;
                    batch.before(sequence)
                }
                None => batch,
            };
            let again = Self::deleted_before(tables, &batch).map_err(|source| self.error(source))?;
            match self.pipeline.run(JournalSource::new(&batch, &again, Timestamp::now())) {
                Ok(_) => piece = piece.saturating_mul(8).min(LOAD_BYTES),
                // A row that the tables refuse must not keep the others out: it is looked for in ever smaller pieces.
                Err(error) if error.kind() == ErrorKind::Data && batch.entries.len() > 1 => {
                    piece = (piece / 8).max(1);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Data => self.put_aside(&batch, &error)?,
                Err(source) => return Err(self.error(source)),
            }
            self.state.loads.fetch_add(1, Ordering::Relaxed);
            if tables.counts().map_err(|source| self.error(source))?.position == batch.last {
                self.state.corrupt.fetch_add(batch.missing_count(), Ordering::Relaxed);
                self.verify(tables, &batch)?;
            } else {
                // It was an earlier attempt's load that was finished.
                self.verify_earlier(tables)?;
            }
        }
    }

    /// Executes a request to be forgotten: everything that was acknowledged before it is in the tables.
    fn forget(&self, tables: &mut Tables, entry: &Entry) -> Result<(), Error> {
        let failed = |source| Error::folder("read the journal of", self.database.with_file_name("journal"), source);
        let request: forget::Request = serde_json::from_slice(&entry.payload).map_err(|error| failed(error.into()))?;
        if !tables.exist().map_err(|source| self.error(source))? {
            // The database was removed meanwhile.
            self.pipeline.run(JournalSource::nothing(Timestamp::now())).map_err(|source| self.error(source))?;
        }
        self.remove_refused(&request.anonymous_id)?;
        let now = event::written(Timestamp::now());
        tables.forget(&request, entry.sequence, &now).map_err(|source| self.error(source))?;
        self.state.loads.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Removes the rows of an id that the tables refused and that lie in files.
    fn remove_refused(&self, anonymous_id: &str) -> Result<(), Error> {
        let folder = self.refused();
        let failed = |source| Error::folder("clear", &folder, source);
        let files = match std::fs::read_dir(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let named = serde_json::to_string(anonymous_id).unwrap_or_default();
        let named = format!("\"anonymous_id\":{named}");
        for file in files {
            let path = file.map_err(failed)?.path();
            let row = std::fs::read(&path).map_err(failed)?;
            if memchr::memmem::find(&row, named.as_bytes()).is_some() {
                std::fs::remove_file(&path).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The numbers of the events of a batch that were deleted on request and come again.
    fn deleted_before(tables: &mut Tables, batch: &Batch) -> Result<HashSet<u64>, dlt_engine::Error> {
        if !tables.have_deletions()? {
            return Ok(HashSet::new());
        }
        let events = batch.entries.iter().filter(|entry| entry.kind == Kind::Event);
        let ids: Vec<(u64, String)> = events
            .filter_map(|entry| {
                let MessageId { message_id } = serde_json::from_slice(&entry.payload).ok()?;
                Some((entry.sequence, message_id))
            })
            .collect();
        let texts: Vec<String> = ids.iter().map(|(_, id)| id.clone()).collect();
        let deleted = tables.deleted_of(&texts)?;
        Ok(ids.into_iter().filter(|(_, id)| deleted.contains(id)).map(|(sequence, _)| sequence).collect())
    }

    /// Whether who asks to be forgotten has sent one of the named events. What waits is loaded first.
    ///
    /// # Errors
    /// When it is not found and not everything could be looked at.
    pub(crate) fn prove(&mut self, claim: &Claim) -> Result<bool, Error> {
        let caught_up = self.catch_up();
        let mut tables = Tables::open(&*self.destination, Access::Read).map_err(|source| self.error(source))?;
        let is_proven = tables.prove(claim).map_err(|source| self.error(source))?;
        if is_proven { Ok(true) } else { caught_up.map(|()| false) }
    }

    /// Keeps a row that the tables refuse as a file, and accounts for it in the quarantine.
    fn put_aside(&self, batch: &Batch, refusal: &dlt_engine::Error) -> Result<(), Error> {
        for entry in &batch.entries {
            tracing::error!(sequence = entry.sequence, error = %refusal, "a row can't be loaded and is put aside");
        }
        self.keep_aside(&Vec::from_iter(&batch.entries))?;
        self.pipeline.run(JournalSource::refused(batch, Timestamp::now())).map_err(|source| self.error(source))?;
        self.state.refused.fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn unreadable(&self, source: std::io::Error) -> Error {
        Error::folder("read the journal of", self.database.with_file_name("journal"), source)
    }

    /// Reads the report; what can be loaded is loaded before.
    pub(crate) fn report(&mut self) -> Result<Report, Error> {
        self.ready_to_read()?;
        let mut tables = Tables::open(&*self.destination, Access::Read).map_err(|source| self.error(source))?;
        let counts = tables.counts().map_err(|source| self.error(source))?;
        let ledger = ledger(counts, self.journal.durable());
        report::query(&mut tables, ledger).map_err(|source| self.error(source))
    }

    /// Recounts everything; what can be loaded is loaded before.
    pub(crate) fn check(&mut self) -> Result<Check, Error> {
        self.ready_to_read()?;
        let mut tables = Tables::open(&*self.destination, Access::Read).map_err(|source| self.error(source))?;
        check::recount(&mut tables, &*self.journal).map_err(|error| match error {
            check::Failure::Tables(source) => self.error(source),
            check::Failure::Journal(source) => self.unreadable(source),
        })
    }

    fn ready_to_read(&mut self) -> Result<(), Error> {
        match self.catch_up() {
            // Others are reading the file: then it can be read, and what waits shows as being in the journal.
            Err(Error::Tables { source, .. }) if source.kind() == ErrorKind::DestinationBusy => {
                self.state.busy.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
