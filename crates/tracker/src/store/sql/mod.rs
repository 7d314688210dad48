//! The store in a DuckDB file.
//!
//! The statements here are DuckDB's. What another database says otherwise: `ASOF JOIN` (the load of a sequence number),
//! `sha256` as hexadecimal text, `unnest` of a list, `epoch_us`, `strftime`, `quantile_cont` and `regexp_matches`.

mod deletion;
mod duckdb;
mod loads;
mod report;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dlt_destination_duckdb::DuckDb;
use dlt_engine::destination::{Access, Connection, Row};
use dlt_engine::{Destination, Error, Pipeline, rows_of};
use serde_json::Value;

use super::schema::{DATASET, EVENTS, LOADS, PIPELINE, QUARANTINE};
use super::{Counts, JournalRows, Recount, Store, Tables};
use crate::deletion::{Claim, Request};
use crate::report::Report;
use crate::store::Dialect;
use deletion::{REQUESTS, TOMBSTONES};

/// Most message ids that one statement lists.
const MAX_LISTED: usize = 1000;

/// What DuckDB may take for data while events are loaded, beside what serves requests: small enough for a small machine,
/// and loads are not faster with more.
const LOADING_BYTES: u64 = 96 << 20;

/// DuckDB's log while events are loaded one load after the other: with its usual 16 MiB it would write the last rows of the
/// table anew with every other load.
const LOG_BYTES: u64 = 32 << 20;

/// Threads of DuckDB while events are loaded: the others serve requests.
const LOADING_THREADS: usize = 1;

/// A database file, and the folder of the engine's load packages.
pub(crate) struct SqlStore {
    database: PathBuf,
    destination: Arc<dyn Destination>,
    pub(crate) pipeline: Pipeline,
    packages: PathBuf,
    /// The database as it is opened for questions alone.
    reader: DuckDb,
}

impl SqlStore {
    /// Opens DuckDB's library, but not the database. `work` is where the engine keeps its load packages.
    ///
    /// # Errors
    /// If the library can't be used, or the path can't be that of a database.
    pub(crate) fn duckdb(database: &Path, work: &Path) -> Result<Self, Error> {
        Self::duckdb_with_memory(database, work, LOADING_BYTES)
    }

    /// As [`SqlStore::duckdb`], with so much memory for loads.
    pub(crate) fn duckdb_with_memory(database: &Path, work: &Path, bytes: u64) -> Result<Self, Error> {
        // Here, because otherwise only the first load would find that the library is missing.
        dlt_destination_duckdb::open_library()?;
        let reader = DuckDb::at(database)?;
        let destination: Arc<dyn Destination> =
            Arc::new(reader.clone().memory_limit(bytes).threads(LOADING_THREADS).checkpoint_bytes(LOG_BYTES));
        let pipeline = Pipeline::new(PIPELINE, Arc::clone(&destination), work)?.dataset_name(DATASET).workers(1);
        let packages = work.join("pipelines").join(PIPELINE).join("packages");
        Ok(Self { database: database.to_owned(), destination, pipeline, packages, reader })
    }

    /// The tables. While the value lives no other process can open the file for writing.
    pub(crate) fn tables(&self, access: Access) -> Result<SqlTables<'_>, Error> {
        let connection = match access {
            Access::Read => self.reader.connect(DATASET, access),
            Access::Write => self.destination.connect(DATASET, access),
        }?;
        Ok(SqlTables {
            store: self,
            connection,
            access,
            exist: false,
            has_deletions: None,
            records_duplicates: false,
            has_projects: false,
        })
    }
}

impl Store for SqlStore {
    fn location(&self) -> String {
        self.database.display().to_string()
    }

    fn exists(&self) -> bool {
        self.database.exists()
    }

    /// The load package is bound to the database's path, which may have changed since.
    fn discard_unfinished(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.packages) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn open(&self, access: Access) -> Result<Box<dyn Tables + '_>, Error> {
        Ok(Box::new(self.tables(access)?))
    }
}

/// The tables, open.
pub(crate) struct SqlTables<'a> {
    store: &'a SqlStore,
    connection: Box<dyn Connection>,
    access: Access,
    /// The tables are known to exist.
    exist: bool,
    /// Whether anything was ever deleted on request, if that was asked before.
    has_deletions: Option<bool>,
    /// The loads are known to have the column `deduplicated`.
    records_duplicates: bool,
    /// Events and quarantine are known to have the column `project`.
    has_projects: bool,
}

impl SqlTables<'_> {
    /// The rows of a query.
    pub(crate) fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.connection.query(sql, &mut |_, batch| {
            rows.extend(rows_of(&batch)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The only row of a query.
    fn row(&mut self, sql: &str) -> Result<Row, Error> {
        Ok(self.rows(sql)?.into_iter().next().unwrap_or_default())
    }

    fn execute(&mut self, sql: &str) -> Result<(), Error> {
        self.connection.query(sql, &mut |_, _| Ok(()))
    }

    /// The texts of the column `id` of a query.
    fn ids(&mut self, sql: &str) -> Result<Vec<String>, Error> {
        Ok(self.rows(sql)?.iter().filter_map(|row| row.get("id")?.as_str().map(str::to_owned)).collect())
    }

    fn has_column(&mut self, table: &str, column: &str) -> Result<bool, Error> {
        let row = self.row(&format!(
            "SELECT count(*) AS found FROM duckdb_columns() WHERE database_name = current_database() \
             AND schema_name = '{DATASET}' AND table_name = '{table}' AND column_name = '{column}'"
        ))?;
        Ok(number(&row, "found") > 0)
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
}

impl Tables for SqlTables<'_> {
    /// While the file is open for reading alone, nobody loads.
    fn hold_still(&mut self) -> Result<(), Error> {
        if self.access == Access::Read || !self.exist()? {
            return Ok(());
        }
        self.make_room()?;
        self.execute("BEGIN TRANSACTION READ ONLY")
    }

    /// Until the file is closed.
    fn make_room(&mut self) -> Result<(), Error> {
        let threads = std::thread::available_parallelism().map_or(LOADING_THREADS, usize::from);
        self.execute(&format!("SET GLOBAL threads = {threads}"))?;
        match Destination::memory_limit(&self.store.reader) {
            Some(bytes) => self.execute(&format!("SET GLOBAL memory_limit = '{bytes}B'")),
            None => Ok(()),
        }
    }

    fn exist(&mut self) -> Result<bool, Error> {
        // Nothing drops them while the file is open here.
        self.exist = self.exist || self.connection.stored(PIPELINE, PIPELINE)?.schema.is_some();
        Ok(self.exist)
    }

    fn are_current(&mut self) -> Result<bool, Error> {
        self.has_projects =
            self.has_projects || self.has_column(EVENTS, "project")? && self.has_column(QUARANTINE, "project")?;
        Ok(self.has_projects && self.records_duplicates()?)
    }

    fn counts(&mut self) -> Result<Counts, Error> {
        if !self.exist()? {
            return Ok(Counts::default());
        }
        let records_duplicates = self.records_duplicates()?;
        let row = self.row(&loads::counts(records_duplicates))?;
        let deleted = match self.have_deletions()? {
            false => Row::default(),
            true => self.row(&deletion::counts())?,
        };
        let unsettled = match row.get("since").and_then(Value::as_u64) {
            Some(since) => {
                let has_deletions = self.have_deletions()?;
                self.row(&loads::unsettled_duplicates(since, records_duplicates, has_deletions))?
            }
            None => Row::default(),
        };
        Ok(Counts {
            position: number(&row, "position"),
            loaded: number(&row, "loaded"),
            quarantined: number(&row, "quarantined"),
            deduplicated: number(&row, "deduplicated") + number(&unsettled, "deduplicated"),
            deleted_events: number(&deleted, "events"),
            deleted_quarantined: number(&deleted, "quarantined"),
            requests: number(&deleted, "requests"),
        })
    }

    fn append(&mut self, rows: JournalRows) -> Result<(), Error> {
        self.store.pipeline.run(rows).map(drop)
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

    fn known_messages(&mut self, ids: &[String]) -> Result<HashSet<String>, Error> {
        let mut known = self.deleted_messages(ids)?;
        for ids in ids.chunks(MAX_LISTED) {
            let quoted: Vec<String> = ids.iter().map(|id| literal(id)).collect();
            let sql = format!("SELECT message_id AS id FROM {EVENTS} WHERE message_id IN ({})", quoted.join(","));
            known.extend(self.ids(&sql)?);
        }
        Ok(known)
    }

    fn deleted_messages(&mut self, ids: &[String]) -> Result<HashSet<String>, Error> {
        let mut deleted = HashSet::new();
        if !self.have_deletions()? {
            return Ok(deleted);
        }
        for ids in ids.chunks(MAX_LISTED) {
            deleted.extend(self.ids(&deletion::deleted_of(ids))?);
        }
        Ok(deleted)
    }

    fn have_deletions(&mut self) -> Result<bool, Error> {
        if let Some(known) = self.has_deletions {
            return Ok(known);
        }
        let has = self.exist()? && self.connection.tables()?.iter().any(|table| table == TOMBSTONES);
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
        self.execute(&loads::settle(first, last, lost, has_deletions))
    }

    fn prove(&mut self, claim: &Claim) -> Result<bool, Error> {
        if !self.exist()? {
            return Ok(false);
        }
        let found = |tables: &mut Self, sql: &str| Ok::<_, Error>(number(&tables.row(sql)?, "found") > 0);
        if self.has_column(EVENTS, "body_digest")? && found(self, &deletion::held(claim))? {
            return Ok(true);
        }
        Ok(self.have_deletions()? && found(self, &deletion::deleted_before(claim))?)
    }

    fn delete(&mut self, request: &Request, sequence: u64, now: &str) -> Result<(), Error> {
        let has_id = self.has_column(QUARANTINE, "anonymous_id")?;
        self.execute("BEGIN TRANSACTION")?;
        let statements = deletion::statements(request, sequence, has_id, now);
        let done = statements.iter().try_for_each(|sql| self.execute(sql)).and_then(|()| self.execute("COMMIT"));
        match &done {
            Ok(()) => self.has_deletions = None,
            // The first failure is reported. Where this one fails too, the transaction ends with the connection.
            Err(_) => drop(self.execute("ROLLBACK")),
        }
        done
    }

    fn deleted_by(&mut self, sequence: u64) -> Result<(u64, u64), Error> {
        let row = self.row(&format!("SELECT events, quarantined FROM {REQUESTS} WHERE journal_seq = {sequence}"))?;
        Ok((number(&row, "events"), number(&row, "quarantined")))
    }

    fn recount(&mut self, counts: &Counts) -> Result<Recount, Error> {
        let row = self.row(&loads::recount_rows(counts.position))?;
        let mut recount = Recount {
            same_message: number(&row, "same_message"),
            same_number: number(&row, "same_number"),
            same_quarantined: number(&row, "same_quarantined"),
            in_both: number(&row, "in_both"),
            beyond: number(&row, "beyond"),
            quarantine_difference: number(&row, "quarantined")
                .abs_diff(counts.quarantined + counts.deleted_quarantined),
            uncovered: number(&row, "taken").abs_diff(counts.position),
            ..Recount::default()
        };
        let has_deletions = self.have_deletions()?;
        if self.records_duplicates()? {
            let row = self.row(&loads::recount(has_deletions))?;
            recount.lost = number(&row, "lost");
            recount.unexplained = number(&row, "unexplained");
        }
        if has_deletions {
            let row = self.row(&deletion::recount())?;
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

    fn dialect(&self) -> &'static dyn Dialect {
        &duckdb::DuckDbDialect
    }

    fn report(&mut self, project: Option<&str>) -> Result<Report, Error> {
        if !self.exist()? {
            return Ok(Report::default());
        }
        let has_projects = self.are_current()?;
        report::read(self, project, has_projects)
    }
}

/// A text as an SQL literal. NUL, which a statement can't hold, is put in by its number.
fn literal(text: &str) -> String {
    format!("('{}')", text.replace('\'', "''").replace('\0', "' || chr(0) || '"))
}

/// A number of a row; 0 where there is none.
fn number(row: &Row, name: &str) -> u64 {
    row.get(name).and_then(Value::as_u64).unwrap_or(0)
}
