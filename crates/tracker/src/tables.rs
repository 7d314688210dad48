//! The tables of the dataset `telemetry`: their columns, and what the tracker asks them.

use std::path::Path;
use std::sync::Arc;

use dlt_destination_duckdb::DuckDb;
use dlt_engine::destination::{Access, Connection, Row};
use dlt_engine::schema::{Column, DataType, WriteDisposition};
use dlt_engine::source::TableHints;
use dlt_engine::{Destination, Error, rows_of};
use serde_json::Value;

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
    ("journal_seq", DataType::Bigint),
];

const QUARANTINE_COLUMNS: &[(&str, DataType)] = &[
    ("message_id", DataType::Text),
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
        disposition: WriteDisposition::Merge,
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
}

/// The database file, as a destination.
///
/// # Errors
/// If the path can't be that of a database.
pub(crate) fn destination(database: &Path) -> Result<Arc<dyn Destination>, Error> {
    Ok(Arc::new(DuckDb::at(database)?))
}

/// The tables, open. While it lives no other process can open the file for writing.
pub(crate) struct Tables {
    connection: Box<dyn Connection>,
}

impl Tables {
    pub(crate) fn open(destination: &dyn Destination, access: Access) -> Result<Self, Error> {
        Ok(Self { connection: destination.connect(DATASET, access)? })
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
        let row = self.row(&format!(
            "SELECT (SELECT coalesce(max(last_seq), 0) FROM {LOADS}) AS position, \
                    (SELECT coalesce(sum(events), 0)::BIGINT FROM {LOADS}) AS offered, \
                    (SELECT count(*) FROM {EVENTS}) AS loaded, \
                    (SELECT count(*) FROM {QUARANTINE}) AS quarantined"
        ))?;
        let (offered, loaded) = (number(&row, "offered"), number(&row, "loaded"));
        Ok(Counts {
            position: number(&row, "position"),
            loaded,
            quarantined: number(&row, "quarantined"),
            deduplicated: offered.saturating_sub(loaded),
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

    /// How many rows, of events and quarantine together, have a sequence number in a range.
    pub(crate) fn rows_between(&mut self, first: u64, last: u64) -> Result<u64, Error> {
        let count = |table| format!("(SELECT count(*) FROM {table} WHERE journal_seq BETWEEN {first} AND {last})");
        let row = self.row(&format!("SELECT {} + {} AS found", count(EVENTS), count(QUARANTINE)))?;
        Ok(number(&row, "found"))
    }

    /// The sequence numbers in a range that have a row, in order.
    pub(crate) fn sequences(&mut self, first: u64, last: u64) -> Result<Vec<u64>, Error> {
        let select = |table| format!("SELECT journal_seq FROM {table} WHERE journal_seq BETWEEN {first} AND {last}");
        let sql = format!("{} UNION ALL {} ORDER BY journal_seq", select(EVENTS), select(QUARANTINE));
        Ok(self.rows(&sql)?.iter().map(|row| number(row, "journal_seq")).collect())
    }

    /// How many of these message ids have a row among the events.
    pub(crate) fn known_messages(&mut self, ids: &[String]) -> Result<u64, Error> {
        let mut known = 0;
        for ids in ids.chunks(1000) {
            let quoted: Vec<String> = ids.iter().map(|id| format!("'{}'", id.replace('\'', "''"))).collect();
            let sql = format!("SELECT count(*) AS known FROM {EVENTS} WHERE message_id IN ({})", quoted.join(","));
            known += number(&self.row(&sql)?, "known");
        }
        Ok(known)
    }
}

/// A number of a row; 0 where there is none.
pub(crate) fn number(row: &Row, name: &str) -> u64 {
    row.get(name).and_then(Value::as_u64).unwrap_or(0)
}
