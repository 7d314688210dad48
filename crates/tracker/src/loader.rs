//! From the journal into the tables, by the engine.
//!
//! One thread owns the database. It opens the file only while it loads or answers a question, so that others can query
//! it in between; while somebody else holds the file, events wait in the journal. A segment of the journal is removed
//! only after each of its events was found in a table.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dlt_engine::destination::Access;
use dlt_engine::{Destination, ErrorKind, Pipeline};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::check::{self, Check};
use crate::error::{Error, in_full};
use crate::event;
use crate::forget::{self, Claim};
use crate::journal::{Batch, Durable, Entry, Journal, Kind};
use crate::ledger::Ledger;
use crate::report::{self, Report};
use crate::source::JournalSource;
use crate::tables::{self, Counts, DATASET, PIPELINE, Tables};

/// Payload bytes that one load takes at most.
const LOAD_BYTES: usize = 32 << 20;
/// The longest pause after failures.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Loads; owns the tables.
pub(crate) struct Loader {
    database: PathBuf,
    destination: Arc<dyn Destination>,
    pipeline: Pipeline,
    journal: Arc<Journal>,
    /// Up to here every event was found in a table.
    verified: u64,
    /// The tables were read at least once, so that what they hold is known.
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
    pub(crate) fn ledger(&self, journal: &Journal) -> Ledger {
        // The counts first: what is loaded was accepted before.
        let counts = self.counts();
        ledger(counts, journal.durable().sequence)
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
        journal: Arc<Journal>,
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
        Ok(Self { database, destination, pipeline, journal, verified: 0, settled: false, state })
    }

    fn error(&self, source: dlt_engine::Error) -> Error {
        Error::tables(&self.database, source)
    }

    /// Loads everything that is durable now.
    pub(crate) fn catch_up(&mut self) -> Result<(), Error> {
        let until = self.journal.durable();
        // Held open meanwhile, so that the file is opened once and nobody comes in between.
        let mut tables = Tables::open(&*self.destination, Access::Write).map_err(|source| self.error(source))?;
        let loaded = self.load(&mut tables, until);
        let counts = tables.counts().map_err(|source| self.error(source))?;
        self.state.set(counts);
        loaded?;
        self.verify(&mut tables, counts.position)?;
        self.settled = true;
        drop(tables);
        if let Err(error) = self.journal.trim(self.verified) {
            tracing::warn!(%error, "a loaded segment of the journal can't be removed; it is tried again");
        }
        Ok(())
    }

    fn load(&mut self, tables: &mut Tables, until: Durable) -> Result<(), Error> {
        let mut piece = LOAD_BYTES;
        loop {
            let position = tables.counts().map_err(|source| self.error(source))?.position;
            if position >= until.sequence {
                return Ok(());
            }
            let mut reader = self.journal.reader(position);
            let batch = reader.read(until, piece).map_err(|source| self.unreadable(source))?;
            if batch.is_empty() {
                return Ok(());
            }
            for missing in &batch.missing {
                tracing::error!(first = missing.start(), last = missing.end(), "damaged events in the journal");
            }
            let batch = match batch.first_request() {
                Some(request) if request.sequence == batch.first() => {
                    self.forget(tables, request)?;
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
        let folder = self.database.with_file_name("refused");
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
        let folder = self.database.with_file_name("refused");
        for entry in &batch.entries {
            tracing::error!(sequence = entry.sequence, error = %refusal, "a row can't be loaded and is put aside");
            let path = folder.join(format!("{:020}.json", entry.sequence));
            std::fs::create_dir_all(&folder)
                .and_then(|()| std::fs::write(&path, &entry.payload))
                .map_err(|source| Error::folder("write", path, source))?;
        }
        self.pipeline.run(JournalSource::refused(batch, Timestamp::now())).map_err(|source| self.error(source))?;
        Ok(())
    }

    fn unreadable(&self, source: std::io::Error) -> Error {
        Error::folder("read the journal of", self.database.with_file_name("journal"), source)
    }

    /// Finds every event up to `position` in a table, before the journal may forget it.
    fn verify(&mut self, tables: &mut Tables, position: u64) -> Result<(), Error> {
        while self.verified < position {
            let mut reader = self.journal.reader(self.verified);
            let failed = |source| Error::folder("read the journal of", self.database.with_file_name("journal"), source);
            let batch = reader.read(self.journal.durable().at_most(position), LOAD_BYTES).map_err(failed)?;
            if batch.is_empty() {
                self.verified = position;
                break;
            }
            let first = self.verified + 1;
            let taken = batch.entries.len() as u64
                + batch.missing.iter().map(|range| range.end() - range.start() + 1).sum::<u64>();
            let rows = tables.rows_between(first, batch.last).map_err(|source| self.error(source))?;
            if rows != taken {
                self.find(tables, &batch, first)?;
            }
            self.verified = batch.last;
        }
        Ok(())
    }

    /// Finds each event of a batch by its number, or, where it came again, by its message.
    fn find(&self, tables: &mut Tables, batch: &Batch, first: u64) -> Result<(), Error> {
        let present = tables.sequences(first, batch.last).map_err(|source| self.error(source))?;
        let mut came_again = Vec::new();
        for entry in batch.entries.iter().filter(|entry| present.binary_search(&entry.sequence).is_err()) {
            match serde_json::from_slice::<MessageId>(&entry.payload) {
                Ok(MessageId { message_id }) if entry.kind == Kind::Event => came_again.push(message_id),
                _ => return Err(self.not_found(entry.sequence)),
            }
        }
        came_again.sort_unstable();
        came_again.dedup();
        let known = tables.known_messages(&came_again).map_err(|source| self.error(source))?;
        if known == came_again.len() as u64 { Ok(()) } else { Err(self.not_found(first)) }
    }

    /// An event was loaded, by the engine's account, and is not there: the journal keeps it.
    fn not_found(&self, sequence: u64) -> Error {
        let message = format!("an event from number {sequence} on was loaded and is not in the tables");
        self.error(dlt_engine::Error::new(ErrorKind::Corrupt, message).hint("its journal segment is kept"))
    }

    /// Reads the report; what can be loaded is loaded before.
    pub(crate) fn report(&mut self) -> Result<Report, Error> {
        self.ready_to_read()?;
        let mut tables = Tables::open(&*self.destination, Access::Read).map_err(|source| self.error(source))?;
        let counts = tables.counts().map_err(|source| self.error(source))?;
        let ledger = ledger(counts, self.journal.durable().sequence);
        report::query(&mut tables, ledger).map_err(|source| self.error(source))
    }

    /// Recounts everything; what can be loaded is loaded before.
    pub(crate) fn check(&mut self) -> Result<Check, Error> {
        self.ready_to_read()?;
        let mut tables = Tables::open(&*self.destination, Access::Read).map_err(|source| self.error(source))?;
        check::recount(&mut tables, &self.journal).map_err(|error| match error {
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

/// A question to the loader's thread.
pub(crate) enum Question {
    /// Load, then report.
    Report(oneshot::Sender<Result<Report, Error>>),
    /// Load, then recount.
    Check(oneshot::Sender<Result<Check, Error>>),
    /// Load, then look for the events of somebody who asks to be forgotten.
    Proof(Claim, oneshot::Sender<Result<bool, Error>>),
    /// Load one last time, and end.
    Stop,
}

/// The loader's thread.
#[derive(Debug)]
pub(crate) struct LoaderThread {
    questions: mpsc::SyncSender<Question>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl LoaderThread {
    pub(crate) fn start(loader: Loader, interval: Duration) -> std::io::Result<Self> {
        let (questions, inbox) = mpsc::sync_channel(16);
        let thread = std::thread::Builder::new()
            .name("tracker-loader".to_owned())
            .spawn(move || run(loader, &inbox, interval))?;
        Ok(Self { questions, thread: Mutex::new(Some(thread)) })
    }

    /// Asks; false if too many ask already, or the loader has ended.
    pub(crate) fn ask(&self, question: Question) -> bool {
        self.questions.try_send(question).is_ok()
    }

    /// Has everything loaded and waits for the end.
    pub(crate) fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // When the thread is gone already there is nothing to tell it.
            let _ = self.questions.send(Question::Stop);
            if thread.join().is_err() {
                tracing::error!("the loader ended with a panic");
            }
        }
    }
}

fn run(mut loader: Loader, inbox: &mpsc::Receiver<Question>, interval: Duration) {
    let mut pause = Duration::ZERO;
    loop {
        match inbox.recv_timeout(pause) {
            Ok(Question::Report(answer)) => drop(answer.send(loader.report())),
            Ok(Question::Check(answer)) => drop(answer.send(loader.check())),
            Ok(Question::Proof(claim, answer)) => drop(answer.send(loader.prove(&claim))),
            Ok(Question::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                attempt(&mut loader);
                return;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        let position = loader.state.counts().position;
        let behind = loader.journal.durable().sequence > position || loader.verified < position;
        let started = Instant::now();
        pause = if loader.settled && !behind {
            interval
        } else if attempt(&mut loader) {
            // Others get at least as much time with the file as a load takes.
            interval.max(started.elapsed())
        } else {
            (pause * 2).clamp(interval, MAX_PAUSE)
        };
    }
}

/// Loads; says whether it went well.
fn attempt(loader: &mut Loader) -> bool {
    match loader.catch_up() {
        Ok(()) => true,
        Err(Error::Tables { source, .. }) if source.kind() == ErrorKind::DestinationBusy => {
            let before = loader.state.busy.fetch_add(1, Ordering::Relaxed);
            if before == 0 {
                tracing::warn!(error = %source, "another process holds the database; events wait in the journal");
            }
            false
        }
        Err(error) => {
            loader.state.failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(error = in_full(&error), "events could not be loaded; they wait in the journal");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::journal::{JournalOptions, NewRecord, OsFilesystem};

    #[test]
    fn a_row_that_the_tables_refuse_is_put_aside_and_the_others_are_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("journal");
        let journal = Journal::open(Arc::new(OsFilesystem), &folder, JournalOptions::default(), 0).unwrap();
        let journal = Arc::new(journal);
        let rows = (0..40).map(|number| match number {
            17 => "{\"message_id\":\"broken\",\"event\":}".to_owned(),
            _ => format!("{{\"message_id\":\"m{number}\",\"event\":\"e\"}}"),
        });
        let records = rows.map(|row| NewRecord { kind: Kind::Event, payload: row.into_bytes() }).collect();
        journal.append(records).unwrap().blocking_recv().unwrap().unwrap();

        let state = Arc::new(LoaderState::default());
        let database = dir.path().join("tracker.duckdb");
        let mut loader = Loader::new(database, dir.path().join("work"), journal, Arc::clone(&state)).unwrap();
        loader.catch_up().unwrap();
        assert_eq!(state.counts(), Counts { position: 40, loaded: 39, quarantined: 1, ..Counts::default() });
        assert!(loader.check().unwrap().is_sound());
        assert!(dir.path().join("refused/00000000000000000018.json").exists());
    }

    #[test]
    fn a_request_is_executed_though_the_database_was_removed_and_clears_refused_rows() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("journal");
        let journal = Journal::open(Arc::new(OsFilesystem), &folder, JournalOptions::default(), 0).unwrap();
        let journal = Arc::new(journal);
        let refused = dir.path().join("refused");
        std::fs::create_dir_all(&refused).unwrap();
        for (name, id) in [("1.json", "ada"), ("2.json", "adam")] {
            std::fs::write(refused.join(name), format!("{{\"anonymous_id\":\"{id}\"}}")).unwrap();
        }
        let record = |kind, payload: &str| NewRecord { kind, payload: payload.as_bytes().to_vec() };
        let request = r#"{"anonymous_id":"ada","requested_at":"2026-03-01T12:00:00.000000Z"}"#;
        let event = r#"{"message_id":"m","event":"e","anonymous_id":"ada"}"#;
        let records = vec![record(Kind::Forget, request), record(Kind::Event, event), record(Kind::Forget, request)];
        journal.append(records).unwrap().blocking_recv().unwrap().unwrap();

        let state = Arc::new(LoaderState::default());
        let database = dir.path().join("tracker.duckdb");
        let mut loader = Loader::new(database, dir.path().join("work"), journal, Arc::clone(&state)).unwrap();
        loader.catch_up().unwrap();
        let expected = Counts { position: 3, deleted_events: 1, requests: 2, ..Counts::default() };
        assert_eq!(state.counts(), expected);
        let check = loader.check().unwrap();
        assert!(check.is_sound(), "{check}");
        assert!(!refused.join("1.json").exists() && refused.join("2.json").exists());
    }
}
