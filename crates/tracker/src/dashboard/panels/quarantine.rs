//! What was put aside, and why.

use dlt_engine::Error;
use dlt_engine::destination::Row;

use super::{Asking, row_count, row_named, row_text, section};
use crate::dashboard::page::{Form, Section};
use crate::store::schema::QUARANTINE;

/// Rows of a table.
const MAX_ROWS: u32 = 100;

/// Only the range and the project count: what is put aside may lack all the rest.
fn condition(asking: &mut Asking<'_, '_>) -> String {
    let dialect = asking.dialect();
    let since = asking.filter.since(asking.now).map(|micros| format!("received_at >= {}", dialect.moment(micros)));
    let project = asking.filter.project.as_deref().map(|name| dialect.of_project(name));
    let all: Vec<String> = since.into_iter().chain(project).collect();
    if all.is_empty() { "true".to_owned() } else { all.join(" AND ") }
}

pub(super) fn reasons(asking: &mut Asking<'_, '_>) -> Result<Section, Error> {
    let condition = condition(asking);
    let rows = asking.rows(&format!(
        "SELECT reason, count(*) AS events FROM {QUARANTINE} WHERE {condition} \
         GROUP BY reason ORDER BY events DESC, reason"
    ))?;
    Ok(section(
        ("reasons", "Reasons"),
        "Events that were accepted and did not go into the tables. Of the filters only range and project count here.",
        &[("reason", "Reason"), ("events", "Events")],
        rows.iter().map(|row| vec![row_named(row, "reason"), row_count(row, "events")]).collect(),
        Form::Bars,
    ))
}

pub(super) fn latest(asking: &mut Asking<'_, '_>) -> Result<Section, Error> {
    let condition = condition(asking);
    let written = asking.dialect().written("received_at");
    // Tables of an earlier version have none yet.
    let path = if asking.look.tables().are_current()? { "path" } else { "NULL" };
    let rows = asking.rows(&format!(
        "SELECT {written} AS at, reason, {path} AS path, event, bytes, payload FROM {QUARANTINE} WHERE {condition} \
         ORDER BY received_at DESC, journal_seq DESC LIMIT {MAX_ROWS}"
    ))?;
    let row = |row: &Row| {
        vec![
            row_text(row, "at"),
            row_named(row, "reason"),
            row_text(row, "path"),
            row_text(row, "event"),
            row_count(row, "bytes"),
            row_text(row, "payload"),
        ]
    };
    Ok(section(
        ("latest", "Latest"),
        "The last hundred, the newest first. Addresses, keys and the like were removed before it was stored.",
        &[
            ("received_at", "Received (UTC)"),
            ("reason", "Reason"),
            ("path", "Where"),
            ("event", "Event"),
            ("bytes", "Bytes"),
            ("payload", "What is kept of it"),
        ],
        rows.iter().map(row).collect(),
        Form::Table,
    ))
}
