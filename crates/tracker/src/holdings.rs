//! What is held of an id: for its owner, who proves to be that as for a deletion request.

use dlt_engine::Error;
use dlt_engine::destination::Row;
use serde::Serialize;
use serde_json::Value;

use crate::row::number;
use crate::store::Tables;
use crate::store::schema::{EVENTS, QUARANTINE};

/// Most events by name that are told.
const MAX_NAMES: u32 = 1000;

/// What is held of an id.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Holdings {
    /// Events of all names.
    total: u64,
    /// Events by name, the most frequent first.
    events: Vec<Held>,
    /// Rows of the quarantine.
    quarantined: u64,
}

/// Events of one name.
#[derive(Debug, Serialize)]
struct Held {
    event: Value,
    count: u64,
    /// When the first and the last happened.
    first: Value,
    last: Value,
}

/// Reads what is held.
///
/// # Errors
/// When the tables can't be read.
pub(crate) fn of(tables: &mut dyn Tables, id: &str) -> Result<Holdings, Error> {
    if !tables.exist()? || !tables.are_current()? {
        return Ok(Holdings::default());
    }
    let dialect = tables.dialect();
    let is_theirs = format!("anonymous_id = {}", dialect.literal(id));
    let rows = tables.select(&format!(
        "SELECT event, count(*) AS events, {} AS first, {} AS last FROM {EVENTS} WHERE {is_theirs} \
         GROUP BY event ORDER BY events DESC, event LIMIT {MAX_NAMES}",
        dialect.written("min(timestamp)"),
        dialect.written("max(timestamp)"),
    ))?;
    let mut count = |table: &str| {
        let rows = tables.select(&format!("SELECT count(*) AS events FROM {table} WHERE {is_theirs}"))?;
        Ok::<u64, Error>(rows.first().map_or(0, |row| number(row, "events")))
    };
    let (total, quarantined) = (count(EVENTS)?, count(QUARANTINE)?);
    let value = |row: &Row, name: &str| row.get(name).cloned().unwrap_or_default();
    let held = |row: &Row| Held {
        event: value(row, "event"),
        count: number(row, "events"),
        first: value(row, "first"),
        last: value(row, "last"),
    };
    Ok(Holdings { total, events: rows.iter().map(held).collect(), quarantined })
}
