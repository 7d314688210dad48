//! Moving the tables of one database into another.

use std::sync::Arc;

use dlt_engine::destination::{Access, Row};
use dlt_engine::source::{Chunk, ExtractContext, JsonChunk, Reader, Resource};
use dlt_engine::{Error, ErrorKind, Result, Source};
use serde_json::Value;

use super::deletion::{REQUESTS, TOMBSTONES};
use super::{SqlStore, SqlTables, deletion, number};
use crate::store::schema::{self, DATASET, EVENTS, LOADS, PIPELINE, QUARANTINE, REPLAYS};
use crate::store::{Counts, Tables};

/// Rows that are read at a time.
const PAGE: u64 = 20_000;

/// Columns that the engine writes.
const ENGINES: [&str; 2] = ["_dlt_id", "_dlt_load_id"];

impl SqlStore {
    /// Takes over all rows of a DuckDB file, in one transaction but for what was deleted on request, which is written before.
    /// What is counted then is what was counted there.
    ///
    /// # Errors
    /// When there are tables here already, one of the databases fails, or the counts differ.
    pub(crate) fn take_over(&self, from: &Arc<Self>) -> Result<Counts> {
        let mut old = from.tables(Access::Read)?;
        let mut new = self.tables(Access::Write)?;
        if new.exist()? {
            return Err(Error::new(ErrorKind::Config, "there are tables of a tracker already")
                .hint("name an empty database; or drop the schema `telemetry` there, if what is in it is not needed"));
        }
        let counts = old.counts()?;
        new.session.execute(&format!("CREATE SCHEMA IF NOT EXISTS {DATASET}"))?;
        if old.have_deletions()? {
            take_deletions(&mut old, &mut new)?;
        }
        let has_replays = old.have_replays()?;
        drop(old);
        self.pipeline.run(Moved { from: Arc::clone(from), has_replays })?;
        new.exist = true;
        new.session.make_indexes()?;
        let taken = new.counts()?;
        if taken == counts {
            return Ok(counts);
        }
        let message = format!("what was moved is not what was there: {taken:?}, and there {counts:?}");
        Err(Error::new(ErrorKind::Destination, message))
    }
}

fn take_deletions(old: &mut SqlTables<'_>, new: &mut SqlTables<'_>) -> Result<()> {
    let mut statements = deletion::tables();
    let tables: [(&str, &[&str]); 2] = [
        (REQUESTS, &["journal_seq", "requested_at", "deleted_at", "events", "quarantined"]),
        (TOMBSTONES, &["message_hash", "proof_hash", "is_event", "journal_seq", "request_seq"]),
    ];
    for (table, columns) in tables {
        statements.push(format!("DELETE FROM {table}"));
        let columns = columns.join(", ");
        let rows = old.rows(&format!("SELECT {columns} FROM {table}"))?;
        for rows in rows.chunks(1000) {
            let values: Vec<String> = rows.iter().map(|row| values(new, row)).collect();
            statements.push(format!("INSERT INTO {table} ({columns}) VALUES {}", values.join(", ")));
        }
    }
    new.session.execute(&statements.join("; "))
}

/// A row as values of SQL.
fn values(tables: &SqlTables<'_>, row: &Row) -> String {
    let value = |value: &Value| match value {
        Value::String(text) => tables.dialect.literal(text),
        other => other.to_string(),
    };
    format!("({})", Vec::from_iter(row.values().map(value)).join(", "))
}

/// The rows of the tables that loads write.
struct Moved {
    from: Arc<SqlStore>,
    /// Whether something was ever replayed: the table is made by the first load that replays.
    has_replays: bool,
}

impl Source for Moved {
    fn name(&self) -> &str {
        PIPELINE
    }

    fn identity(&self) -> String {
        "moved".to_owned()
    }

    fn is_replayable(&self) -> bool {
        true
    }

    fn resources(&mut self, _context: &ExtractContext) -> Result<Vec<Resource>> {
        let resource = |table: &'static str| {
            let reader = TableReader { from: Arc::clone(&self.from), table, next: 0, end: None };
            Resource::new(table, reader).with_hints(schema::hints(table))
        };
        let replays = self.has_replays.then_some(REPLAYS);
        Ok([EVENTS, QUARANTINE, LOADS].into_iter().chain(replays).map(resource).collect())
    }
}

struct TableReader {
    from: Arc<SqlStore>,
    table: &'static str,
    /// The number of the row that comes next, and the one behind the last.
    next: u64,
    end: Option<u64>,
}

impl Reader for TableReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut tables = self.from.tables(Access::Read)?;
        let end = match self.end {
            Some(end) => end,
            None => {
                number(&tables.row(&format!("SELECT coalesce(max(rowid) + 1, 0) AS last FROM {}", self.table))?, "last")
            }
        };
        self.end = Some(end);
        if self.next >= end {
            return Ok(None);
        }
        let first_line = self.next + 1;
        let sql = format!(
            "SELECT * FROM {} WHERE rowid >= {} AND rowid < {}",
            self.table,
            self.next,
            self.next.saturating_add(PAGE)
        );
        self.next += PAGE;
        let mut bytes = Vec::new();
        for mut row in tables.rows(&sql)? {
            row.retain(|name, value| !ENGINES.contains(&name.as_str()) && !value.is_null());
            serde_json::to_writer(&mut bytes, &row)
                .map_err(|cause| Error::new(ErrorKind::Internal, "a row can't be written").because(cause))?;
            bytes.push(b'\n');
        }
        Ok(Some(Chunk::Json(JsonChunk { bytes, input: Arc::from(self.table), first_line })))
    }
}
