//! The loader: appends what is in the journal to the tables.
//!
//! One thread writes the database. It holds the file open only while it loads or answers a question, so other processes
//! can query it in between; while more comes than they can wait for, some seconds at a time. While another process holds
//! the file, events wait in the journal. The journal deletes an
//! event only after the loader looked for it in a table. Reports are read beside it, and do not wait until all is loaded.

mod contact;
mod known;
mod objects;
mod polite;
mod refused;
mod retention;
mod state;
mod thread;
mod verify;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dlt_engine::ErrorKind;
use dlt_engine::destination::Access;
use jiff::Timestamp;

use crate::backup::{Backup, Filling};
use crate::check::{self, Check};
use crate::data_dir::DataDir;
use crate::deletion::{Claim, Forgotten, Request};
use crate::error::Error;
use crate::event;
use crate::journal::{Batch, Entry, Journal, Kind, Reader};
use crate::message::Message;
use crate::question;
use crate::report::{self, Report};
use crate::store::{self, Counts, JournalRows, Replay, Role, Store, Tables};
use crate::survey::Surveyor;
use known::KnownMessages;
use refused::RefusedRows;
use retention::Due;

pub(crate) use state::LoaderState;
use thread::FULL_LOAD;
pub(crate) use thread::{CROWD, LoaderThread, Question};

/// How often a backup is begun anew while others load.
const BACKUP_ATTEMPTS: u32 = 5;
/// How long a process that does not lead waits for what it is asked about to be loaded.
const FOLLOWER_WAITS: Duration = Duration::from_secs(10);
/// How often it looks.
const FOLLOWER_LOOKS: Duration = Duration::from_millis(200);
/// How often it counts until that adds up, while another process loads.
const FOLLOWER_CHECKS: u32 = 10;

/// Most payload bytes in one load.
const LOAD_BYTES: usize = 8 << 20;
/// How long the tables may be held open while more comes than others can wait for: to open and close them costs as much as to
/// load thousands of events.
const HELD_OPEN: Duration = Duration::from_secs(4);
/// After a load that took longer, it is decided anew by whom and how the rest is loaded.
const SLOW_LOAD: Duration = Duration::from_secs(3);
/// How long they are held open for what has not come yet.
const MORE_COMES: Duration = Duration::from_secs(1);
/// How often it is looked for it.
const LOOKS_FOR_MORE: Duration = Duration::from_millis(20);

/// Loads, and answers what only the owner of the database can.
pub(crate) struct Loader {
    dir: DataDir,
    store: Arc<dyn Store>,
    journal: Arc<dyn Journal>,
    refused: RefusedRows,
    /// Where the last load ended, so that nothing is read twice.
    reader: Option<Box<dyn Reader>>,
    /// Up to this sequence number each event was looked for in a table, and what was not found has a copy.
    verified: u64,
    /// All loads of earlier processes are settled.
    settled: bool,
    /// The messages that are in the tables, if that is known.
    known: Option<KnownMessages>,
    state: Arc<LoaderState>,
    /// Whether what would make a small load may wait for the next one, after a full one.
    leaves_rest: bool,
    /// What must be asked of the tables before anything is loaded.
    before: Option<Before>,
    /// Whether this process loads at all.
    loads: bool,
    /// Whether it is the one that loads.
    role: Role,
    /// When what is too old is deleted.
    due: Due,
}

/// What must be asked of tables that did not answer at the start.
struct Before {
    /// Whether they are those of the journal.
    are_ours: Box<dyn Fn() -> Result<(), Error> + Send>,
    /// The newest number of the journal at the first such start: tables that hold a newer one know events which it has lost.
    newest: u64,
}

/// By what an event is known.
fn message(entry: &Entry) -> Option<Message> {
    match entry.kind {
        Kind::Event => Message::of_row(&entry.payload),
        Kind::Replay => Message::of_row(Replay::of(&entry.payload)?.row.get().as_bytes()),
        Kind::Quarantine | Kind::Deletion => None,
    }
}

/// The number of the quarantined event that an entry replays.
fn replayed(entry: &Entry) -> Option<u64> {
    match entry.kind {
        Kind::Replay => Replay::of(&entry.payload).map(|replay| replay.replays),
        _ => None,
    }
}

impl Loader {
    pub(crate) fn new(dir: DataDir, store: Arc<dyn Store>, journal: Arc<dyn Journal>, state: Arc<LoaderState>) -> Self {
        let refused = RefusedRows::new(dir.refused());
        let role = Role::Follows;
        Self {
            dir,
            store,
            journal,
            refused,
            reader: None,
            verified: 0,
            settled: false,
            known: None,
            state,
            leaves_rest: false,
            before: None,
            loads: true,
            role,
            due: Due::default(),
        }
    }

    /// Whether this process may load; otherwise it only looks what others have loaded. Default: true.
    pub(crate) fn may_load(&mut self, loads: bool) {
        self.loads = loads;
    }

    /// Has it asked before the first load whether the tables are those of the journal, which now has its numbers without them: `newest`
    /// was the newest of them when events were first taken so.
    pub(crate) fn ask_before(&mut self, are_ours: Box<dyn Fn() -> Result<(), Error> + Send>, newest: u64) {
        self.before = Some(Before { are_ours, newest });
    }

    fn error(&self, source: dlt_engine::Error) -> Error {
        Error::tables(self.store.location(), source)
    }

    fn unreadable(&self, source: std::io::Error) -> Error {
        Error::Journal { location: self.journal.location(), source }
    }

    /// As [`Loader::catch_up`]; what is left after a full load may wait for the next one.
    fn catch_up_roughly(&mut self) -> Result<(), Error> {
        self.leaves_rest = true;
        let done = self.catch_up();
        self.leaves_rest = false;
        done
    }

    /// Loads everything that is durable now, if this process leads.
    pub(crate) fn catch_up(&mut self) -> Result<(), Error> {
        let done = self.try_to_catch_up();
        if done.is_err() {
            // Another process may be able to.
            self.store.resign();
        }
        done
    }

    fn try_to_catch_up(&mut self) -> Result<(), Error> {
        let store = Arc::clone(&self.store);
        let (mut tables, role) = self.state.contact.ask(|| {
            // Held open for all loads, so that the file is opened once and no other process comes in between.
            let tables = store.open(Access::Write).map_err(|source| self.error(source))?;
            let role = if self.loads { store.lead().map_err(|source| self.error(source))? } else { Role::Follows };
            Ok((tables, role))
        })?;
        let has_led = std::mem::replace(&mut self.role, role) != Role::Follows;
        self.state.leads.store(self.role != Role::Follows, Ordering::Relaxed);
        // Asked after the lead was taken: what the one before has loaded is among it.
        let durable = self.journal.newest().map_err(|source| self.unreadable(source))?;
        match self.role {
            Role::Leads { is_new: false } => {}
            Role::Leads { is_new: true } => self.begin_to_lead()?,
            Role::Follows => {
                if has_led {
                    self.discard_unfinished()?;
                }
                return self.position(&mut *tables).map(drop);
            }
        }
        if self.journal.is_shared() {
            self.refuse_another_journal(self.position(&mut *tables)?, durable)?;
        }
        if let Some(before) = &self.before {
            (before.are_ours)()?;
            self.refuse_another_journal(self.position(&mut *tables)?, before.newest)?;
            // Before anything is loaded: later, tables that hold more are what they are to be.
            self.dir.tables_answered()?;
            self.before = None;
        }
        let loaded = self.settle(&mut *tables).and_then(|()| self.load(&mut *tables, durable));
        if loaded.is_err() {
            // The next attempt begins with what the tables hold.
            self.settled = false;
            self.reader = None;
            self.known = None;
        }
        self.state.set(tables.counts().map_err(|source| self.error(source))?);
        drop(tables);
        if let Err(error) = self.journal.release(self.verified) {
            tracing::warn!(%error, "loaded events can't be deleted from the journal; it is tried again");
        }
        loaded
    }

    /// Tables that are ahead of a journal are those of another one.
    fn refuse_another_journal(&self, position: u64, durable: u64) -> Result<(), Error> {
        match position <= durable {
            true => Ok(()),
            false => Err(self.unreadable(another_journal(position, durable))),
        }
    }

    /// Forgets what was true before others loaded.
    fn begin_to_lead(&mut self) -> Result<(), Error> {
        self.settled = false;
        self.verified = 0;
        self.reader = None;
        self.known = None;
        self.discard_unfinished()
    }

    /// Removes loads that this process began while it led: the one that leads now loads those events, and may have deleted of them since.
    fn discard_unfinished(&self) -> Result<(), Error> {
        let failed = |source| Error::folder("clear", self.dir.work(), source);
        self.store.discard_unfinished().map_err(failed)
    }

    /// Loads what is durable up to a number, and what comes meanwhile where that fills a load of its own.
    fn load(&mut self, tables: &mut dyn Tables, mut durable: u64) -> Result<(), Error> {
        let (mut max_bytes, mut has_room) = (LOAD_BYTES, false);
        let mut position = self.position(tables)?;
        let (began, opened) = (position, Instant::now());
        let is_held = self.leaves_rest && self.state.was_crowded();
        let mut load_began = opened;
        loop {
            if is_held && opened.elapsed() < HELD_OPEN {
                durable = durable.max(self.journal.durable());
            }
            let left = durable.saturating_sub(position);
            if self.leaves_rest && position > began && load_began.elapsed() > SLOW_LOAD {
                return Ok(());
            }
            load_began = Instant::now();
            if self.leaves_rest && position - began >= FULL_LOAD {
                let can_be_held = HELD_OPEN.saturating_sub(opened.elapsed());
                // Others get the tables in between.
                if can_be_held.is_zero() {
                    return Ok(());
                }
                if left < FULL_LOAD {
                    if is_held && self.more_comes(position, can_be_held) {
                        continue;
                    }
                    return Ok(());
                }
            }
            if left == 0 {
                return Ok(());
            }
            let reader = self.reader.take().filter(|reader| reader.position() == position);
            let mut reader = reader.unwrap_or_else(|| self.journal.reader(position));
            let batch = reader.read(durable, max_bytes).map_err(|source| self.unreadable(source))?;
            self.reader = Some(reader);
            if batch.is_empty() {
                return Ok(());
            }
            for missing in &batch.missing {
                tracing::error!(first = missing.start(), last = missing.end(), "damaged events in the journal");
            }
            let batch = match batch.first_deletion() {
                Some(request) if request.sequence == batch.first() => {
                    self.delete(tables, request)?;
                    self.verified = request.sequence;
                    position = self.position(tables)?;
                    continue;
                }
                Some(request) => {
                    let sequence = request.sequence;
                    batch.before(sequence)
                }
                None => batch,
            };
            let mut not_stored = Self::deleted_before(tables, &batch).map_err(|source| self.error(source))?;
            let in_tables = self.in_tables(tables, &batch)?;
            not_stored.extend(in_tables.iter().flatten());
            let rows = JournalRows::new(&batch, &not_stored, Timestamp::now());
            let rows = if in_tables.is_some() { rows.all_new() } else { rows };
            let left_out = rows.left_out();
            match tables.append(rows) {
                Ok(()) => max_bytes = max_bytes.saturating_mul(8).min(LOAD_BYTES),
                // A row that the tables refuse must not keep out the others: smaller and smaller loads isolate it.
                Err(error) if error.kind() == ErrorKind::Data && batch.entries.len() > 1 => {
                    max_bytes = (max_bytes / 8).max(1);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Data => self.quarantine(tables, &batch, &error)?,
                // It may have needed more memory than loads usually do.
                Err(error) if error.kind() == ErrorKind::Destination && !has_room => {
                    tables.make_room().map_err(|_| self.error(error))?;
                    has_room = true;
                    continue;
                }
                Err(source) => return Err(self.error(source)),
            }
            self.state.loads.fetch_add(1, Ordering::Relaxed);
            if batch.entries.iter().any(|entry| entry.kind == Kind::Replay) {
                tables.clear_replayed().map_err(|source| self.error(source))?;
            }
            position = self.position(tables)?;
            if position == batch.last {
                self.state.corrupt.fetch_add(batch.missing_count(), Ordering::Relaxed);
                self.verify(tables, &batch, left_out)?;
                self.remember(&batch);
            } else {
                // The append completed the load of an earlier attempt.
                self.known = None;
                self.verify_earlier(tables)?;
            }
        }
    }

    /// Waits a moment for what fills further loads, while nobody asks anything: to keep the tables open costs less than to close them and
    /// open them again. Whether that came.
    fn more_comes(&self, position: u64, at_most: Duration) -> bool {
        let until = Instant::now() + at_most.min(MORE_COMES);
        while self.journal.durable().saturating_sub(position) < 2 * FULL_LOAD {
            if Instant::now() >= until || self.state.is_asked() {
                return false;
            }
            std::thread::sleep(LOOKS_FOR_MORE);
        }
        true
    }

    /// The newest sequence number that the tables hold. Others learn it, too.
    fn position(&self, tables: &mut dyn Tables) -> Result<u64, Error> {
        let counts = tables.counts().map_err(|source| self.error(source))?;
        self.state.set(counts);
        Ok(counts.position)
    }

    /// Executes a deletion request. Everything that was acknowledged before it is in the tables.
    fn delete(&self, tables: &mut dyn Tables, entry: &Entry) -> Result<(), Error> {
        let request: Request = serde_json::from_slice(&entry.payload).map_err(|error| self.unreadable(error.into()))?;
        if !tables.exist().map_err(|source| self.error(source))? {
            // The database was removed since.
            tables.append(JournalRows::none(Timestamp::now())).map_err(|source| self.error(source))?;
        }
        self.refused.delete(&request.anonymous_id)?;
        let now = event::formatted(Timestamp::now());
        tables.delete(&request, entry.sequence, &now).map_err(|source| self.error(source))?;
        self.state.loads.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The sequence numbers of those events of a batch that were deleted on request and were delivered again.
    fn deleted_before(tables: &mut dyn Tables, batch: &Batch) -> Result<HashSet<u64>, dlt_engine::Error> {
        if !tables.have_deletions()? {
            return Ok(HashSet::new());
        }
        let messages = batch.entries.iter().filter_map(|entry| Some((entry.sequence, message(entry)?)));
        let (sequences, messages): (Vec<u64>, Vec<Message>) = messages.unzip();
        let deleted = tables.deleted_messages(&messages)?;
        let again = sequences.into_iter().zip(messages).filter(|(_, message)| deleted.contains(message));
        let mut found: HashSet<u64> = again.map(|(sequence, _)| sequence).collect();
        // Nor is that stored of which the quarantined event was deleted before it was replayed.
        let replays: Vec<(u64, u64)> =
            batch.entries.iter().filter_map(|entry| Some((entry.sequence, replayed(entry)?))).collect();
        let gone = tables.tombstones_of(&replays.iter().map(|(_, of)| *of).collect::<Vec<_>>())?;
        found.extend(replays.into_iter().filter(|(_, of)| gone.contains(of)).map(|(sequence, _)| sequence));
        Ok(found)
    }

    /// Catches up, or waits until the one that leads has: up to a number, or to the newest one.
    fn wait_for(&mut self, number: Option<u64>) -> Result<(), Error> {
        let number = match number {
            Some(number) => number,
            None => self.journal.newest().map_err(|source| self.unreadable(source))?,
        };
        let until = Instant::now() + FOLLOWER_WAITS;
        loop {
            self.catch_up()?;
            if self.role != Role::Follows || self.state.counts().position >= number {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(Error::NotLoaded);
            }
            std::thread::sleep(FOLLOWER_LOOKS);
        }
    }

    /// Whether a claim names an event that its sender has sent. Loads what waits before.
    ///
    /// # Errors
    /// When no event is found and not everything could be searched.
    pub(crate) fn prove(&mut self, claim: &Claim) -> Result<bool, Error> {
        let caught_up = self.wait_for(None);
        let open = || self.store.open(Access::Read).map_err(|source| self.error(source));
        let mut tables = self.state.contact.ask(open)?;
        let is_proven = tables.prove(claim).map_err(|source| self.error(source))?;
        if is_proven { Ok(true) } else { caught_up.map(|()| false) }
    }

    /// What the deletion request with that number deleted. Loads before what waits: it may be among that.
    pub(crate) fn forgotten(&mut self, sequence: u64) -> Result<Forgotten, Error> {
        self.wait_for(Some(sequence))?;
        let mut tables = self.store.open(Access::Read).map_err(|source| self.error(source))?;
        let (events, quarantined) = tables.deleted_by(sequence).map_err(|source| self.error(source))?;
        Ok(Forgotten { number: sequence, events, quarantined })
    }

    /// Quarantines the rows that the tables refuse, and keeps each as a file.
    fn quarantine(&self, tables: &mut dyn Tables, batch: &Batch, refusal: &dlt_engine::Error) -> Result<(), Error> {
        for entry in &batch.entries {
            tracing::error!(sequence = entry.sequence, error = %refusal, "a row can't be loaded and is quarantined");
        }
        self.refused.keep(&Vec::from_iter(&batch.entries))?;
        tables.append(JournalRows::refused(batch, Timestamp::now())).map_err(|source| self.error(source))?;
        self.state.refused.fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Reads the report. Loads before what can be loaded.
    pub(crate) fn report(&mut self, project: Option<&str>) -> Result<Report, Error> {
        self.ready_to_read()?;
        report(&*self.store, &Surveyor::default(), &*self.journal, project)
    }

    /// Answers a question in SQL. Loads before what can be loaded.
    pub(crate) fn answer(&mut self, sql: &str, rows: Option<u64>) -> Result<Vec<u8>, Error> {
        self.ready_to_read()?;
        question::answer(&*self.store, sql, rows).map_err(Error::from)
    }

    /// Makes a backup in a new or empty folder. Loads before what can be loaded, and nothing until it is done.
    ///
    /// # Errors
    /// When something is in the folder, or something can't be read or written; then nothing is left.
    pub(crate) fn back_up(&mut self, folder: &Path) -> Result<Backup, Error> {
        self.ready_to_read()?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.back_up_once(folder) {
                // While another process loads, what the tables did not hold yet may have left the stream before it was read.
                Err(_) if self.journal.is_shared() && attempts < BACKUP_ATTEMPTS => {}
                done => return done,
            }
        }
    }

    fn back_up_once(&self, folder: &Path) -> Result<Backup, Error> {
        let filling = Filling::begin(folder)?;
        let filled = self.copy_tables(&filling).and_then(|(counts, elsewhere)| {
            let backup = filling.fill(&self.dir, &*self.journal, counts, elsewhere)?;
            filling.finish().map(|()| backup)
        });
        filled.inspect_err(|_| filling.abandon())
    }

    /// Copies the tables; what they hold, and where they are if that is elsewhere.
    fn copy_tables(&self, filling: &Filling) -> Result<(Counts, Option<String>), Error> {
        if !self.store.exists() {
            return Ok((Counts::default(), None));
        }
        let mut tables = self.store.open(Access::Write).map_err(|source| self.error(source))?;
        if !tables.exist().map_err(|source| self.error(source))? {
            return Ok((Counts::default(), None));
        }
        let counts = tables.counts().map_err(|source| self.error(source))?;
        let file = filling.database();
        let is_copied = tables.copy_to(&file).map_err(|source| Error::tables(file.display().to_string(), source))?;
        Ok((counts, (!is_copied).then(|| self.store.location())))
    }

    /// How many events wait in the journal.
    fn waiting(&self) -> u64 {
        self.journal.durable().saturating_sub(self.state.counts().position)
    }

    /// Whether something is to be loaded, or was loaded and not looked for yet. What others append can only be asked for.
    fn is_behind(&self) -> bool {
        self.journal.is_shared() || !self.settled || self.waiting() > 0 || self.verified < self.state.counts().position
    }

    /// Recounts everything. Loads before what can be loaded.
    pub(crate) fn check(&mut self) -> Result<Check, Error> {
        self.ready_to_read()?;
        let mut attempts = 0;
        loop {
            let check = self.recount()?;
            attempts += 1;
            // While another process loads, what was counted in the tables may have left the journal before it was read.
            if check.is_sound() || self.role != Role::Follows || attempts == FOLLOWER_CHECKS {
                return Ok(check);
            }
            std::thread::sleep(FOLLOWER_LOOKS);
        }
    }

    fn recount(&self) -> Result<Check, Error> {
        let mut tables = self.store.open(Access::Read).map_err(|source| self.error(source))?;
        tables.hold_still().map_err(|source| self.error(source))?;
        check::recount(&mut *tables, &*self.journal).map_err(|error| match error {
            check::Failure::Tables(source) => self.error(source),
            check::Failure::Journal(source) => self.unreadable(source),
        })
    }

    fn ready_to_read(&mut self) -> Result<(), Error> {
        match self.catch_up() {
            // Other processes read the file: then it can be read, and what waits counts as being in the journal.
            Err(Error::Tables { source, .. }) if source.kind() == ErrorKind::DestinationBusy => {
                self.state.note_busy(&source);
                Ok(())
            }
            other => other,
        }
    }
}

/// What it means that tables are ahead of a journal.
pub(crate) fn another_journal(position: u64, durable: u64) -> std::io::Error {
    let reason = format!(
        "its newest number is {durable}, and the tables hold events up to {position}: it was made anew, or has lost \
         records; what it holds waits until that is settled"
    );
    std::io::Error::new(std::io::ErrorKind::InvalidData, reason)
}

/// Reads the report of one project or of all from what is loaded, beside a loader at work. What waits is in its ledger,
/// which is that of all projects.
pub(crate) fn report(
    store: &dyn Store,
    surveyor: &Surveyor,
    journal: &dyn Journal,
    project: Option<&str>,
) -> Result<Report, Error> {
    if !store.exists() {
        return Ok(Report { ledger: Counts::default().ledger(journal.durable()), ..Report::default() });
    }
    let read = surveyor.ask(store, |look| {
        let counts = look.counts()?;
        // After the counts: what they hold was accepted before.
        let ledger = counts.ledger(journal.newest().unwrap_or_else(|_| journal.durable()));
        Ok(Report { ledger, ..report::read(look, project)? })
    });
    read.map_err(|source| Error::tables(store.location(), source))
}

/// Asks the tables beside a loader at work; all answers are of one moment.
pub(crate) fn ask<T>(
    store: &dyn Store,
    question: impl FnOnce(&mut dyn Tables) -> Result<T, dlt_engine::Error>,
) -> Result<T, Error> {
    store::ask(store, question).map_err(|source| Error::tables(store.location(), source))
}

#[cfg(test)]
mod tests;
