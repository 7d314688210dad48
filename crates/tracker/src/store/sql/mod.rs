//! The store in a database that is asked in SQL.
//!
//! The statements are those of all databases; what each says in its own words is its [`Dialect`], and what each does in its
//! own way is behind `database`: [`duckdb`] is one file, [`postgres`] a database of a server, [`files`] are Parquet files in a folder
//! or an object store.

mod cache;
mod database;
mod deletion;
mod duckdb;
mod files;
mod guard;
mod loads;
mod moving;
mod postgres;
mod retention;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dlt_destination_filesystem::Filesystem;
use dlt_engine::destination::{Access, Row};
use dlt_engine::{Error, ErrorKind, Pipeline};
use dlt_postgres::Address;
use serde_json::Value;

use super::schema::{DATASET, EVENTS, LISTS, LOADS, PIPELINE, QUARANTINE, REPLAYS};
use super::{Aged, Counts, JournalRows, OnBatch, OnMessage, Recount, Role, Store, Tables};
use crate::deletion::{Claim, Request};
use crate::message::Message;
use crate::retention::{DAY_MICROS, Expired};
use crate::row::number;
use crate::store::Dialect;
use cache::Cache;
use database::{Database, Session, each_message};
use deletion::{REQUESTS, TOMBSTONES};

/// Most messages that one statement lists.
const MAX_LISTED: usize = 1000;

/// A database, and the folder of the engine's load packages.
pub(crate) struct SqlStore {
    database: Box<dyn Database>,
    pub(crate) pipeline: Pipeline,
    packages: PathBuf,
    cache: Cache,
}

impl SqlStore {
    /// Tables in a DuckDB file. Opens DuckDB's library, but not the database. `work` is where the engine keeps its load
    /// packages.
    ///
    /// # Errors
    /// If the library can't be used, or the path can't be that of a database.
    pub(crate) fn duckdb(database: &Path, work: &Path) -> Result<Self, Error> {
        Self::duckdb_with_memory(database, work, duckdb::LOADING_BYTES)
    }

    /// As [`SqlStore::duckdb`], with so much memory for loads.
    pub(crate) fn duckdb_with_memory(database: &Path, work: &Path, bytes: u64) -> Result<Self, Error> {
        Self::new(Box::new(duckdb::DuckDbFile::new(database, bytes)?), work)
    }

    /// Tables in a database of a Postgres server. Connects to nothing.
    ///
    /// # Errors
    /// If the address lacks what the environment doesn't say either.
    pub(crate) fn postgres(address: &Address, work: &Path) -> Result<Self, Error> {
        Self::new(Box::new(postgres::PostgresDatabase::new(address)?), work)
    }

    /// Tables as files in a folder or an object store, which is not opened yet. `local` is a folder for what is kept of it on this
    /// machine; `owner` is what the data folder is known by.
    ///
    /// # Errors
    /// If DuckDB's library can't be used.
    pub(crate) fn files(place: Filesystem, local: &Path, owner: &str, work: &Path) -> Result<Self, Error> {
        Self::new(Box::new(files::FilesDatabase::new(place, local, owner)?), work)
    }

    fn new(database: Box<dyn Database>, work: &Path) -> Result<Self, Error> {
        let pipeline =
            Pipeline::new(PIPELINE, Arc::clone(database.destination()), work)?.dataset_name(DATASET).workers(1);
        // The journal has it all, and what is left of a load is dropped at the start.
        let pipeline = pipeline.without_sync();
        // A text of a contract stays one, also where the first looks like a moment.
        let pipeline = pipeline.detections(&[]);
        let packages = work.join("pipelines").join(PIPELINE).join("packages");
        Ok(Self { database, pipeline, packages, cache: Cache::default() })
    }

    /// The tables.
    pub(crate) fn tables(&self, access: Access) -> Result<SqlTables<'_>, Error> {
        Ok(SqlTables {
            store: self,
            session: self.database.open(access)?,
            dialect: self.database.dialect(),
            exist: false,
            is_still: false,
            columns: None,
            has_deletions: None,
            has_replays: None,
            has_expired: None,
            records_duplicates: false,
            has_projects: false,
        })
    }
}

impl Store for SqlStore {
    fn location(&self) -> String {
        self.database.location()
    }

    fn exists(&self) -> bool {
        self.database.exists()
    }

    /// The load package is bound to the database's place, which may have changed since.
    fn discard_unfinished(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.packages) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn lead(&self) -> Result<Role, Error> {
        self.database.lead()
    }

    fn resign(&self) {
        self.database.resign();
    }

    fn upkeep(&self) -> Result<(), Error> {
        self.database.upkeep()
    }

    fn own(&self, owner: &str, always: bool) -> Result<bool, Error> {
        self.database.own(owner, always)
    }

    fn open(&self, access: Access) -> Result<Box<dyn Tables + '_>, Error> {
        Ok(Box::new(self.tables(access)?))
    }
}

/// The tables, open.
pub(crate) struct SqlTables<'a> {
    store: &'a SqlStore,
    session: Box<dyn Session + 'a>,
    dialect: &'static dyn Dialect,
    /// The tables are known to exist.
    exist: bool,
    /// All answers are of one moment.
    is_still: bool,
    /// The columns of all tables, if they were asked for and none was added since.
    columns: Option<HashSet<(String, String)>>,
    /// Whether anything was ever deleted on request, if that was asked before.
    has_deletions: Option<bool>,
    /// Whether anything was ever replayed, if that was asked before.
    has_replays: Option<bool>,
    /// Whether anything was ever too old, if that was asked before.
    has_expired: Option<bool>,
    /// The loads are known to have the column `deduplicated`.
    records_duplicates: bool,
    /// Events and quarantine are known to have the column `project`.
    has_projects: bool,
}

impl SqlTables<'_> {
    /// The rows of a query.
    pub(crate) fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        self.session.rows(sql)
    }

    #[cfg(test)]
    pub(crate) fn execute(&mut self, sql: &str) -> Result<(), Error> {
        self.session.execute(sql)
    }

    /// The only row of a query.
    fn row(&mut self, sql: &str) -> Result<Row, Error> {
        Ok(self.rows(sql)?.into_iter().next().unwrap_or_default())
    }

    /// The texts of the column `id` of a query.
    fn ids(&mut self, sql: &str) -> Result<Vec<String>, Error> {
        Ok(self.rows(sql)?.iter().filter_map(|row| row.get("id")?.as_str().map(str::to_owned)).collect())
    }

    fn has_column(&mut self, table: &str, column: &str) -> Result<bool, Error> {
        let known = match self.columns.take() {
            Some(known) => known,
            // One look at the catalogue for all questions: each costs milliseconds.
            None => self.columns()?,
        };
        let found = known.contains(&(table.to_owned(), column.to_owned()));
        self.columns = Some(known);
        Ok(found)
    }

    /// The columns of all tables.
    fn columns(&mut self) -> Result<HashSet<(String, String)>, Error> {
        let rows = self.rows(&format!(
            "SELECT table_name AS in_table, column_name AS name FROM information_schema.columns \
             WHERE table_catalog = current_database() AND table_schema = '{DATASET}'"
        ))?;
        let text = |row: &Row, name| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(rows.iter().map(|row| (text(row, "in_table"), text(row, "name"))).collect())
    }

    /// The tables of lists of objects, each as it stands in a statement.
    fn lists(&mut self) -> Result<Vec<String>, Error> {
        let rows = self.rows(&format!(
            "SELECT table_name AS id FROM information_schema.columns WHERE table_catalog = current_database() \
             AND table_schema = '{DATASET}' AND column_name = '_dlt_root_id' \
             AND substr(table_name, 1, {}) = '{LISTS}' ORDER BY table_name",
            LISTS.len()
        ))?;
        Ok(rows.iter().filter_map(|row| row.get("id")?.as_str().map(|name| format!("\"{name}\""))).collect())
    }

    fn have_replays(&mut self) -> Result<bool, Error> {
        if let Some(known) = self.has_replays {
            return Ok(known);
        }
        let has = self.exist()? && self.has_column(REPLAYS, "replayed_seq")?;
        self.has_replays = Some(has);
        Ok(has)
    }

    /// Whether anything was ever deleted because it was too old.
    fn have_expired(&mut self) -> Result<bool, Error> {
        if let Some(known) = self.has_expired {
            return Ok(known);
        }
        let has = self.exist()? && self.has_column(retention::RUNS, "received_before")?;
        self.has_expired = Some(has);
        Ok(has)
    }

    /// The first version had no column `deduplicated`.
    fn records_duplicates(&mut self) -> Result<bool, Error> {
        self.records_duplicates = self.records_duplicates || self.has_column(LOADS, "deduplicated")?;
        Ok(self.records_duplicates)
    }

    /// The tables in which a sequence number that was taken from the journal can be.
    fn numbered(&mut self) -> Result<&'static [&'static str], Error> {
        Ok(if self.have_deletions()? { &[EVENTS, QUARANTINE, TOMBSTONES, REQUESTS] } else { &[EVENTS, QUARANTINE] })
    }

    /// The project of a row of a table, as it stands in a query.
    fn project_of(&mut self, table: &str) -> Result<&'static str, Error> {
        // The first versions had no projects.
        Ok(if self.has_column(table, "project")? { "project" } else { "CAST(NULL AS TEXT)" })
    }

    /// Adds which of these messages have a row of a table.
    fn add_held(&mut self, table: &str, messages: &[Message], held: &mut HashSet<Message>) -> Result<(), Error> {
        for messages in messages.chunks(MAX_LISTED) {
            let project = self.project_of(table)?;
            let quoted: Vec<String> = messages.iter().map(|message| self.dialect.literal(&message.id)).collect();
            // Rows are found by their ids alone. Of one id there are no more than there are projects.
            let sql = format!(
                "SELECT message_id AS id, {project} AS project FROM {table} WHERE message_id IN ({})",
                quoted.join(",")
            );
            let text = |row: &Row, name| row.get(name).and_then(Value::as_str).map(str::to_owned);
            let rows = self.rows(&sql)?;
            let there: HashSet<(Option<String>, Option<String>)> =
                rows.iter().map(|row| (text(row, "id"), text(row, "project"))).collect();
            let key =
                |message: &Message| (Some(self.dialect.stored(&message.id).into_owned()), message.project.clone());
            held.extend(messages.iter().filter(|message| there.contains(&key(message))).cloned());
        }
        Ok(())
    }

    /// Which of these messages were deleted, of events or of rows of the quarantine.
    fn deleted_of(&mut self, are_events: bool, messages: &[Message]) -> Result<HashSet<Message>, Error> {
        let mut deleted = HashSet::new();
        if !self.have_deletions()? {
            return Ok(deleted);
        }
        for messages in messages.chunks(MAX_LISTED) {
            let hashes: Vec<[String; 2]> =
                messages.iter().map(|message| deletion::hashes(self.dialect, message)).collect();
            let found = self.ids(&deletion::tombstones(are_events, hashes.iter().flatten()))?;
            let found: HashSet<String> = found.into_iter().collect();
            let is_deleted = |hashes: &[String; 2]| hashes.iter().any(|hash| found.contains(hash));
            deleted.extend(
                messages
                    .iter()
                    .zip(&hashes)
                    .filter(|(_, hashes)| is_deleted(hashes))
                    .map(|(message, _)| message.clone()),
            );
        }
        Ok(deleted)
    }

    /// What the loads after a number took, and what is there of it: all of the tables for 0.
    fn counts_after(&mut self, after: u64) -> Result<(Counts, bool), Error> {
        let records_duplicates = self.records_duplicates()?;
        let has_replays = self.have_replays()?;
        let row = self.row(&loads::counts(after, records_duplicates, has_replays))?;
        let unsettled = match row.get("since").and_then(Value::as_u64) {
            Some(since) => {
                let has_deletions = self.have_deletions()?;
                self.row(&loads::unsettled_duplicates(since, records_duplicates, has_deletions))?
            }
            None => Row::default(),
        };
        let counts = Counts {
            position: number(&row, "position"),
            loaded: number(&row, "loaded"),
            quarantined: number(&row, "quarantined"),
            deduplicated: number(&row, "deduplicated") + number(&unsettled, "deduplicated"),
            ..Counts::default()
        };
        Ok((counts, row.get("since").is_none_or(Value::is_null)))
    }
}

impl Tables for SqlTables<'_> {
    fn hold_still(&mut self) -> Result<(), Error> {
        self.session.hold_still()?;
        self.is_still = true;
        Ok(())
    }

    fn make_room(&mut self) -> Result<(), Error> {
        self.session.make_room()
    }

    fn make_ready(&mut self) -> Result<(), Error> {
        self.session.make_indexes()
    }

    fn exist(&mut self) -> Result<bool, Error> {
        // Nothing drops them while the file is open here.
        self.exist = self.exist || self.session.is_begun()?;
        Ok(self.exist)
    }

    fn are_current(&mut self) -> Result<bool, Error> {
        self.has_projects =
            self.has_projects || self.has_column(EVENTS, "project")? && self.has_column(QUARANTINE, "path")?;
        Ok(self.has_projects && self.records_duplicates()?)
    }

    fn counts(&mut self) -> Result<Counts, Error> {
        if !self.exist()? {
            return Ok(Counts::default());
        }
        let deleted = match self.have_deletions()? {
            false => Row::default(),
            true => self.row(&deletion::counts())?,
        };
        let replayed = match self.have_replays()? {
            false => Row::default(),
            true => self.row(&format!("SELECT count(*) AS replayed FROM {REPLAYS}"))?,
        };
        let expired = match self.have_expired()? {
            false => Row::default(),
            true => self.row(&retention::counts())?,
        };
        let deleted = Counts {
            expired_events: number(&expired, "events"),
            expired_quarantined: number(&expired, "quarantined"),
            replayed: number(&replayed, "replayed"),
            deleted_events: number(&deleted, "events"),
            deleted_quarantined: number(&deleted, "quarantined"),
            requests: number(&deleted, "requests"),
            ..Counts::default()
        };
        // Whoever asks what is there at one moment gets it counted.
        let counts_slowly = self.store.database.counts_slowly() && !self.is_still;
        let before = if counts_slowly { self.store.cache.before(&deleted) } else { Counts::default() };
        let (since, is_settled) = self.counts_after(before.position)?;
        let counts = Counts {
            position: since.position.max(before.position),
            loaded: before.loaded + since.loaded,
            quarantined: before.quarantined + since.quarantined,
            deduplicated: before.deduplicated + since.deduplicated,
            ..deleted
        };
        if counts_slowly && is_settled {
            self.store.cache.set(counts);
        }
        Ok(counts)
    }

    fn append(&mut self, rows: JournalRows) -> Result<(), Error> {
        let replays = rows.replays();
        self.store.pipeline.run(rows).map(drop)?;
        if replays || !self.exist {
            self.columns = None;
            self.has_replays = None;
        }
        if !self.exist {
            self.exist = true;
            self.session.make_indexes()?;
        }
        Ok(())
    }

    fn count_between(&mut self, first: u64, last: u64) -> Result<u64, Error> {
        let count = |table| format!("(SELECT count(*) FROM {table} WHERE journal_seq BETWEEN {first} AND {last})");
        let counts: Vec<String> = self.numbered()?.iter().map(count).collect();
        let row = self.row(&format!("SELECT {} AS found", counts.join(" + ")))?;
        Ok(number(&row, "found"))
    }

    fn sequences_between(&mut self, first: u64, last: u64) -> Result<Vec<u64>, Error> {
        let select = |table| format!("SELECT journal_seq FROM {table} WHERE journal_seq BETWEEN {first} AND {last}");
        let selects: Vec<String> = self.numbered()?.iter().map(select).collect();
        let sql = format!("{} ORDER BY journal_seq", selects.join(" UNION ALL "));
        Ok(self.rows(&sql)?.iter().map(|row| number(row, "journal_seq")).collect())
    }

    fn known_messages(&mut self, messages: &[Message]) -> Result<HashSet<Message>, Error> {
        let mut known = self.deleted_messages(messages)?;
        self.add_held(EVENTS, messages, &mut known)?;
        Ok(known)
    }

    fn tell_messages(&mut self, on_message: &mut OnMessage<'_>) -> Result<bool, Error> {
        if self.store.database.is_shared() {
            return Ok(false);
        }
        if self.exist()? {
            let project = self.project_of(EVENTS)?;
            self.session.batches(&format!("SELECT message_id, {project} AS project FROM {EVENTS}"), &mut |batch| {
                each_message(&batch, on_message)
            })?;
        }
        Ok(true)
    }

    fn known_quarantined(&mut self, messages: &[Message]) -> Result<HashSet<Message>, Error> {
        let mut known = self.deleted_of(false, messages)?;
        self.add_held(QUARANTINE, messages, &mut known)?;
        Ok(known)
    }

    fn deleted_messages(&mut self, messages: &[Message]) -> Result<HashSet<Message>, Error> {
        self.deleted_of(true, messages)
    }

    fn tombstones_of(&mut self, sequences: &[u64]) -> Result<HashSet<u64>, Error> {
        let mut found = HashSet::new();
        if !self.have_deletions()? {
            return Ok(found);
        }
        for sequences in sequences.chunks(MAX_LISTED) {
            let listed = Vec::from_iter(sequences.iter().map(u64::to_string)).join(",");
            let sql = format!("SELECT journal_seq FROM {TOMBSTONES} WHERE journal_seq IN ({listed})");
            found.extend(self.rows(&sql)?.iter().map(|row| number(row, "journal_seq")));
        }
        Ok(found)
    }

    fn clear_replayed(&mut self) -> Result<(), Error> {
        match self.have_replays()? {
            true => self.session.execute(&deletion::clear_replayed()),
            false => Ok(()),
        }
    }

    fn have_deletions(&mut self) -> Result<bool, Error> {
        if let Some(known) = self.has_deletions {
            return Ok(known);
        }
        let has = self.exist()? && self.has_column(TOMBSTONES, "message_hash")?;
        self.has_deletions = Some(has);
        Ok(has)
    }

    fn unsettled(&mut self) -> Result<Option<(u64, u64)>, Error> {
        let row = self.row(&format!(
            "SELECT count(*) AS loads, min(first_seq) AS first, max(last_seq) AS last FROM {LOADS} \
             WHERE deduplicated IS NULL"
        ))?;
        Ok((number(&row, "loads") > 0).then(|| (number(&row, "first"), number(&row, "last"))))
    }

    fn settle(&mut self, first: u64, last: u64, lost: &[u64]) -> Result<(), Error> {
        let has_deletions = self.have_deletions()?;
        let settle = loads::settle(self.dialect, first, last, lost, has_deletions);
        if !self.store.database.settles_loads() {
            return self.session.execute(&settle);
        }
        let open = format!(
            "SELECT count(*) AS loads FROM {LOADS} WHERE deduplicated IS NULL AND first_seq BETWEEN {first} AND {last}"
        );
        match number(&self.row(&open)?, "loads") {
            0 if lost.is_empty() => Ok(()),
            // What was taken for a duplicate is lost.
            0 => {
                let anew = format!("UPDATE {LOADS} SET deduplicated = NULL WHERE first_seq BETWEEN {first} AND {last}");
                self.session.transaction("", &[anew, settle])
            }
            _ => self.session.execute(&settle),
        }
    }

    fn settle_counted(&mut self, first: u64, last: u64, deduplicated: u64) -> Result<(), Error> {
        if self.store.database.settles_loads() {
            return self.settle(first, last, &[]);
        }
        self.session.execute(&loads::settle_counted(first, deduplicated))
    }

    fn prove(&mut self, claim: &Claim) -> Result<bool, Error> {
        if !self.exist()? {
            return Ok(false);
        }
        let found = |tables: &mut Self, sql: &str| Ok::<_, Error>(number(&tables.row(sql)?, "found") > 0);
        let dialect = self.dialect;
        if self.has_column(EVENTS, "body_digest")? && found(self, &deletion::held(dialect, claim))? {
            return Ok(true);
        }
        Ok(self.have_deletions()? && found(self, &deletion::deleted_before(dialect, claim))?)
    }

    fn delete(&mut self, request: &Request, sequence: u64, now: &str) -> Result<(), Error> {
        let has_id = self.has_column(QUARANTINE, "anonymous_id")?;
        let projects = (self.project_of(EVENTS)?, self.project_of(QUARANTINE)?);
        let lists = self.lists()?;
        let mut statements = deletion::statements(self.dialect, request, sequence, has_id, projects, &lists, now);
        if self.have_replays()? {
            // What was replayed is an event, and is no more to be deleted from the quarantine.
            statements.insert(0, deletion::clear_replayed());
        }
        // Where several processes load, another one may have executed it.
        let is_done = format!("SELECT 1 AS one FROM {LOADS} WHERE first_seq = {sequence}");
        self.session.transaction(&is_done, &statements)?;
        self.columns = None;
        self.has_deletions = None;
        Ok(())
    }

    fn copy_to(&mut self, file: &Path) -> Result<bool, Error> {
        self.session.copy_to(file)
    }

    fn aged(&mut self, expired: &Expired) -> Result<Aged, Error> {
        let row = self.row(&retention::aged(self.dialect, expired))?;
        let all = number(&row, "all_events") + number(&row, "all_quarantined");
        Ok(Aged { events: number(&row, "events"), quarantined: number(&row, "quarantined"), all })
    }

    fn is_leap(&mut self, expired: &Expired) -> Result<bool, Error> {
        let limit = expired.before.div_euclid(DAY_MICROS);
        let is_near = |tables: &mut Self, sql: &str, days: i64| {
            let day = tables.row(sql)?.get("day").and_then(Value::as_i64);
            Ok::<_, Error>(day.is_some_and(|day| limit - day <= days))
        };
        let runs = retention::last_run(self.dialect, expired);
        let is_known = self.have_expired()? && is_near(self, &runs, retention::RUNS_APART)?;
        Ok(!is_known && !is_near(self, &retention::oldest(self.dialect, expired), retention::DAYS_AT_ONCE)?)
    }

    fn expire(&mut self, expired: &Expired, now: &str) -> Result<(), Error> {
        let lists = self.lists()?;
        let mut before = i64::MIN;
        loop {
            let row = self.row(&retention::oldest(self.dialect, expired))?;
            let Some(day) = row.get("day").and_then(Value::as_i64) else { return Ok(()) };
            let until = day.saturating_add(1).saturating_mul(DAY_MICROS).min(expired.before);
            if until <= before {
                return Err(Error::new(ErrorKind::Destination, "rows that were deleted are still there"));
            }
            before = until;
            let of_a_day = Expired { whose: expired.whose.clone(), before: until };
            let mut statements = retention::statements(self.dialect, &of_a_day, &lists, now);
            if self.have_replays()? {
                // What was replayed is an event, and does not count as one that was too old.
                statements.insert(0, deletion::clear_replayed());
            }
            self.session.transaction("", &statements)?;
            (self.has_expired, self.columns) = (None, None);
        }
    }

    fn expired_before(&mut self, project: Option<&str>) -> Result<Option<String>, Error> {
        if !self.have_expired()? {
            return Ok(None);
        }
        let row = self.row(&retention::last(self.dialect, project))?;
        Ok(row.get("before").and_then(Value::as_str).map(str::to_owned))
    }

    fn deleted_by(&mut self, sequence: u64) -> Result<(u64, u64), Error> {
        let row = self.row(&format!("SELECT events, quarantined FROM {REQUESTS} WHERE journal_seq = {sequence}"))?;
        Ok((number(&row, "events"), number(&row, "quarantined")))
    }

    fn recount(&mut self, counts: &Counts) -> Result<Recount, Error> {
        let project = self.project_of(EVENTS)?;
        let row = self.row(&loads::recount_rows(counts.position, project))?;
        let mut recount = Recount {
            same_message: number(&row, "same_message"),
            same_number: number(&row, "same_number"),
            same_quarantined: number(&row, "same_quarantined"),
            in_both: number(&row, "in_both"),
            beyond: number(&row, "beyond"),
            quarantine_difference: number(&row, "quarantined").abs_diff(
                counts.quarantined + counts.deleted_quarantined + counts.replayed + counts.expired_quarantined,
            ),
            uncovered: number(&row, "taken").abs_diff(counts.position),
            ..Recount::default()
        };
        let lists = self.lists()?;
        if !lists.is_empty() {
            recount.orphaned = number(&self.row(&loads::recount_lists(&lists))?, "orphaned");
        }
        let has_deletions = self.have_deletions()?;
        if self.records_duplicates()? {
            let has_expired = self.have_expired()?;
            let row = self.row(&loads::recount(self.dialect, has_deletions, has_expired))?;
            recount.lost = number(&row, "lost");
            recount.unexplained = number(&row, "unexplained");
        }
        if self.have_expired()? {
            let row = self.row(&retention::recount())?;
            recount.expired_difference = number(&row, "by_load").abs_diff(counts.expired_events)
                + number(&row, "by_day").abs_diff(counts.expired_events)
                + number(&row, "quarantined_by_day").abs_diff(counts.expired_quarantined);
        }
        if has_deletions {
            let project = self.project_of(EVENTS)?;
            let has_old = number(&self.row(&deletion::older_tombstones())?, "tombstones") > 0;
            let row = self.row(&deletion::recount(self.dialect, project, has_old))?;
            let recorded = number(&row, "recorded");
            recount.deletion_difference = recorded.abs_diff(counts.deleted_events + counts.deleted_quarantined);
            recount.undeleted = number(&row, "undeleted");
            recount.returned = number(&row, "returned");
        }
        Ok(recount)
    }

    fn select(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        self.rows(sql)
    }

    fn batches(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error> {
        self.session.batches(sql, on_batch)
    }

    fn ask(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error> {
        self.session.ask(sql, on_batch)
    }

    fn dialect(&self) -> &'static dyn Dialect {
        self.dialect
    }
}
