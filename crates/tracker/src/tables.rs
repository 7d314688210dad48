//! The tables of the dataset `telemetry`: their columns, and what the tracker asks them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use dlt_destination_duckdb::DuckDb;
use dlt_engine::destination::{Access, Connection, Row};
use dlt_engine::schema::{Column, DataType, MergeStrategy, WriteDisposition};
use dlt_engine::source::TableHints;
use dlt_engine::{Destination, Error, rows_of};
use serde_json::Value;

use crate::deletion::{self, REQUESTS, TOMBSTONES};
use crate::forget::{Claim, Request};
use crate::loads;

/// The dataset.
pub(crate) const DATASET: &str = "telemetry";
/// The pipeline, and the schema.
pub(crate) const PIPELINE: &str = "tracker";
/// One row an event.
pub(crate) const EVENTS: &str = "events";
/// One row an event that was put aside.
pub(crate) const QUARANTINE: &str = "quarantine";
/// One row a load: which sequence numbers it took from the journal, and what they held.
pub(crate) const LOADS: &str = "journal_loads";

/// The columns of [`EVENTS`] in order.
const EVENT_COLUMNS: &[(&str, DataType)] = &[
    ("message_id", DataType::Text),
    ("event", DataType::Text),
    ("event_category", DataType::Text),
    ("event_name", DataType::Text),
    ("anonymous_id", DataType::Text),
    ("timestamp", DataType::Timestamp),
    ("received_at", DataType::Timestamp),
    ("library_name", DataType::Text),
    ("library_version", DataType::Text),
    ("os_name", DataType::Text),
    ("os_version", DataType::Text),
    ("python_version", DataType::Text),
    ("runtime_name", DataType::Text),
    ("runtime_version", DataType::Text),
    ("cpu", DataType::Bigint),
    ("ci_run", DataType::Bool),
    ("exec_info", DataType::Text),
    ("client_dropped", DataType::Text),
    ("success", DataType::Bool),
    ("elapsed", DataType::Double),
    ("destination_name", DataType::Text),
    ("destination_type", DataType::Text),
    ("destination_fingerprint", DataType::Text),
    ("pipeline_name_hash", DataType::Text),
    ("dataset_name_hash", DataType::Text),
    ("default_schema_name_hash", DataType::Text),
    ("requested_schema_name_hash", DataType::Text),
    ("transaction_id", DataType::Text),
    ("properties", DataType::Text),
    ("properties_dropped", DataType::Text),
    ("body_digest", DataType::Text),
    ("journal_seq", DataType::Bigint),
];

const QUARANTINE_COLUMNS: &[(&str, DataType)] = &[
    ("message_id", DataType::Text),
    ("anonymous_id", DataType::Text),
    ("reason", DataType::Text),
    ("event", DataType::Text),
    ("received_at", DataType::Timestamp),
    ("bytes", DataType::Bigint),
    ("payload", DataType::Text),
    ("journal_seq", DataType::Bigint),
];

const LOAD_COLUMNS: &[(&str, DataType)] = &[
    ("first_seq", DataType::Bigint),
    ("last_seq", DataType::Bigint),
    ("events", DataType::Bigint),
    ("quarantined", DataType::Bigint),
    // Of the events, those that were there already; filled in when the others were found in the tables.
    ("deduplicated", DataType::Bigint),
    ("loaded_at", DataType::Timestamp),
];

/// How a table is written: all columns are typed beforehand, so that no value can make a column of its own.
pub(crate) fn hints(table: &str) -> TableHints {
    let (columns, key) = match table {
        EVENTS => (EVENT_COLUMNS, "message_id"),
        QUARANTINE => (QUARANTINE_COLUMNS, "journal_seq"),
        _ => (LOAD_COLUMNS, "first_seq"),
    };
    TableHints {
        disposition: Some(WriteDisposition::Merge),
        merge_strategy: Some(MergeStrategy::InsertOnly),
        primary_key: vec![key.to_owned()],
        columns: columns.iter().map(|(name, data_type)| Column::inferred(name, *data_type)).collect(),
        ..TableHints::default()
    }
}

/// What the tables hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The newest sequence number that was taken from the journal.
    pub(crate) position: u64,
    /// Rows of events.
    pub(crate) loaded: u64,
    /// Rows of the quarantine.
    pub(crate) quarantined: u64,
    /// Events taken from the journal that were there already.
    pub(crate) deduplicated: u64,
    /// Rows of events that were deleted on request.
    pub(crate) deleted_events: u64,
    /// Rows of the quarantine that were.
    pub(crate) deleted_quarantined: u64,
    /// Requests to delete that were executed.
    pub(crate) requests: u64,
}

impl Counts {
    /// What the ledger calls deleted.
    pub(crate) fn deleted(&self) -> u64 {
        self.deleted_events + self.deleted_quarantined + self.requests
    }
}

/// The database file, as a destination.
///
/// # Errors
/// If the path can't be that of a database.
pub(crate) fn destination(database: &Path) -> Result<Arc<dyn Destination>, Error> {
    Ok(Arc::new(DuckDb::at(database)?))
}

/// Whether databases can be opened at all.
///
/// # Errors
/// If DuckDB's library cannot be used.
pub(crate) fn ready() -> Result<(), Error> {
    dlt_destination_duckdb::open_library()
}

/// The tables, open. While it lives no other process can open the file for writing.
pub(crate) struct Tables {
    connection: Box<dyn Connection>,
    /// Whether anything was ever deleted on request, if that was asked before.
    have_deletions: Option<bool>,
    /// The loads are known to have the column `deduplicated`.
    record_duplicates: bool,
}

impl Tables {
    pub(crate) fn open(destination: &dyn Destination, access: Access) -> Result<Self, Error> {
        Ok(Self { connection: destination.connect(DATASET, access)?, have_deletions: None, record_duplicates: false })
    }

    /// Whether anything was ever loaded.
    pub(crate) fn exist(&mut self) -> Result<bool, Error> {
        Ok(self.connection.stored(PIPELINE, PIPELINE)?.schema.is_some())
    }

    /// What the tables hold.
    pub(crate) fn counts(&mut self) -> Result<Counts, Error> {
        if !self.exist()? {
            return Ok(Counts::default());
        }
        let (known, since) = match self.record_duplicates()? {
            true => (
                "coalesce(sum(deduplicated), 0)::BIGINT",
                "min(first_seq) FILTER (deduplicated IS NULL AND events > 0)",
            ),
            // The tables of a version before.
            false => ("0", "0"),
        };
        let row = self.row(&format!(
            "SELECT coalesce(max(last_seq), 0) AS position, {known} AS deduplicated, {since} AS since, \
                    (SELECT count(*) FROM {EVENTS}) AS loaded, \
                    (SELECT count(*) FROM {QUARANTINE}) AS quarantined FROM {LOADS}"
        ))?;
        let deleted = match self.have_deletions()? {
            false => Row::default(),
            true => self.row(&format!(
                "SELECT (SELECT count(*) FROM {TOMBSTONES} WHERE is_event) AS events, \
                        (SELECT count(*) FROM {TOMBSTONES} WHERE NOT is_event) AS quarantined, \
                        (SELECT count(*) FROM {REQUESTS}) AS requests"
            ))?,
        };
        let rest = match row.get("since").and_then(Value::as_u64) {
            Some(since) => {
                let have_deletions = self.have_deletions()?;
                self.row(&loads::rest(since, self.record_duplicates, have_deletions))?
            }
            None => Row::default(),
        };
        Ok(Counts {
            position: number(&row, "position"),
            loaded: number(&row, "loaded"),
            quarantined: number(&row, "quarantined"),
            deduplicated: number(&row, "deduplicated") + number(&rest, "deduplicated"),
            deleted_events: number(&deleted, "events"),
            deleted_quarantined: number(&deleted, "quarantined"),
            requests: number(&deleted, "requests"),
        })
    }

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
    pub(crate) fn row(&mut self, sql: &str) -> Result<Row, Error> {
        Ok(self.rows(sql)?.into_iter().next().unwrap_or_default())
    }

    /// How many rows and tombstones have a sequence number in a range.
    pub(crate) fn rows_between(&mut self, first: u64, last: u64) -> Result<u64, Error> {
        let count = |table| format!("(SELECT count(*) FROM {table} WHERE journal_seq BETWEEN {first} AND {last})");
        let counts: Vec<String> = self.numbered()?.iter().map(count).collect();
        let row = self.row(&format!("SELECT {} AS found", counts.join(" + ")))?;
        Ok(number(&row, "found"))
    }

    /// The tables in which a sequence number that was taken from the journal can be.
    fn numbered(&mut self) -> Result<&'static [&'static str], Error> {
        Ok(if self.have_deletions()? { &[EVENTS, QUARANTINE, TOMBSTONES, REQUESTS] } else { &[EVENTS, QUARANTINE] })
    }

    /// The sequence numbers in a range that have a row or a tombstone, in order.
    pub(crate) fn sequences(&mut self, first: u64, last: u64) -> Result<Vec<u64>, Error> {
        let select = |table| format!("SELECT journal_seq FROM {table} WHERE journal_seq BETWEEN {first} AND {last}");
        let selects: Vec<String> = self.numbered()?.iter().map(select).collect();
        let sql = format!("{} ORDER BY journal_seq", selects.join(" UNION ALL "));
        Ok(self.rows(&sql)?.iter().map(|row| number(row, "journal_seq")).collect())
    }

    /// Which of these message ids have a row among the events, or had one that was deleted.
    pub(crate) fn known_messages(&mut self, ids: &[String]) -> Result<HashSet<String>, Error> {
        let mut known = self.deleted_of(ids)?;
        for ids in ids.chunks(1000) {
            let quoted: Vec<String> = ids.iter().map(|id| literal(id)).collect();
            let sql = format!("SELECT message_id AS id FROM {EVENTS} WHERE message_id IN ({})", quoted.join(","));
            known.extend(self.rows(&sql)?.iter().filter_map(|row| row.get("id")?.as_str().map(str::to_owned)));
        }
        Ok(known)
    }

    /// Whether the loads say how many of their events were there already. Tables of a version before do not.
    pub(crate) fn record_duplicates(&mut self) -> Result<bool, Error> {
        self.record_duplicates = self.record_duplicates || self.has_column(LOADS, "deduplicated")?;
        Ok(self.record_duplicates)
    }

    /// The first and the last sequence number of the loads that do not say it yet.
    pub(crate) fn unsettled(&mut self) -> Result<Option<(u64, u64)>, Error> {
        let row = self.row(&format!(
            "SELECT count(*) AS loads, min(first_seq) AS first, max(last_seq) AS last FROM {LOADS} \
             WHERE deduplicated IS NULL"
        ))?;
        Ok((number(&row, "loads") > 0).then(|| (number(&row, "first"), number(&row, "last"))))
    }

    /// Has these loads say it. The events with the numbers in `lost` were looked for, and are nowhere.
    pub(crate) fn settle(&mut self, first: u64, last: u64, lost: &[u64]) -> Result<(), Error> {
        let have_deletions = self.have_deletions()?;
        self.execute(&loads::settle(first, last, lost, have_deletions))
    }

    /// Whether anything was ever deleted on request.
    pub(crate) fn have_deletions(&mut self) -> Result<bool, Error> {
        if let Some(known) = self.have_deletions {
            return Ok(known);
        }
        let have = self.exist()? && self.connection.tables()?.iter().any(|table| table == TOMBSTONES);
        self.have_deletions = Some(have);
        Ok(have)
    }

    /// Which of these message ids were deleted on request.
    pub(crate) fn deleted_of(&mut self, ids: &[String]) -> Result<HashSet<String>, Error> {
        let mut deleted = HashSet::new();
        if !self.have_deletions()? {
            return Ok(deleted);
        }
        for ids in ids.chunks(1000) {
            let rows = self.rows(&deletion::deleted_of(ids))?;
            deleted.extend(rows.iter().filter_map(|row| row.get("id")?.as_str().map(str::to_owned)));
        }
        Ok(deleted)
    }

    /// Whether an event of a claim is held, or was and is deleted already.
    pub(crate) fn prove(&mut self, claim: &Claim) -> Result<bool, Error> {
        if !self.exist()? {
            return Ok(false);
        }
        let found = |tables: &mut Self, sql: &str| Ok::<_, Error>(number(&tables.row(sql)?, "found") > 0);
        if self.has_column(EVENTS, "body_digest")? && found(self, &deletion::held(claim))? {
            return Ok(true);
        }
        Ok(self.have_deletions()? && found(self, &deletion::deleted_before(claim))?)
    }

    /// Deletes on request, in one transaction with the position in the journal.
    pub(crate) fn forget(&mut self, request: &Request, sequence: u64, now: &str) -> Result<(), Error> {
        let has_id = self.has_column(QUARANTINE, "anonymous_id")?;
        self.execute("BEGIN TRANSACTION")?;
        let statements = deletion::statements(request, sequence, has_id, now);
        let done = statements.iter().try_for_each(|sql| self.execute(sql)).and_then(|()| self.execute("COMMIT"));
        match &done {
            Ok(()) => self.have_deletions = None,
            // It is the first failure that is told. Where this one fails too, the transaction ends with the connection.
            Err(_) => drop(self.execute("ROLLBACK")),
        }
        done
    }

    fn execute(&mut self, sql: &str) -> Result<(), Error> {
        self.connection.query(sql, &mut |_, _| Ok(()))
    }

    fn has_column(&mut self, table: &str, column: &str) -> Result<bool, Error> {
        let row = self.row(&format!(
            "SELECT count(*) AS found FROM duckdb_columns() WHERE database_name = current_database() \
             AND schema_name = '{DATASET}' AND table_name = '{table}' AND column_name = '{column}'"
        ))?;
        Ok(number(&row, "found") > 0)
    }
}

/// A text for SQL. NUL, which a statement can't hold, is put in by its number.
pub(crate) fn literal(text: &str) -> String {
    format!("('{}')", text.replace('\'', "''").replace('\0', "' || chr(0) || '"))
}

/// A number of a row; 0 where there is none.
pub(crate) fn number(row: &Row, name: &str) -> u64 {
    row.get(name).and_then(Value::as_u64).unwrap_or(0)
}
