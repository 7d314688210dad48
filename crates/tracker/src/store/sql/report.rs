//! The queries of the report.

use dlt_engine::Error;
use dlt_engine::destination::Row;
use jiff::Timestamp;
use serde_json::Value;

use super::{SqlTables, number, retention};
use crate::projects::DEFAULT;
use crate::report::{DaySummary, EventSummary, Report, Share, VersionSummary};
use crate::store::schema::{EVENTS, QUARANTINE};

/// Most rows of one list.
const MAX_LINES: u32 = 100;
/// Most days whose events have expired.
const MAX_DAYS: u32 = 4000;

/// Runs all queries; the ledger stays empty. Tables of an earlier version have no column for projects.
pub(super) fn read(tables: &mut SqlTables<'_>, project: Option<&str>, has_projects: bool) -> Result<Report, Error> {
    let condition = match project {
        None => "true".to_owned(),
        Some(name) if has_projects => tables.dialect.of_project(name),
        Some(name) => (name == DEFAULT).to_string(),
    };
    let (dialect, now) = (tables.dialect, Timestamp::now().as_microsecond());
    let active = |days: i64| {
        let since = dialect.moment(now - days * 24 * 60 * 60 * 1_000_000);
        format!("count(DISTINCT anonymous_id) FILTER (WHERE timestamp > {since}) AS active_{days}")
    };
    let container = dialect.runs_in(&["docker", "kubernetes"]);
    let whole = tables.row(&format!(
        "SELECT count(*) AS total, count(DISTINCT anonymous_id) AS active, {}, {}, {}, \
                CAST(avg(ci_run::INTEGER) AS DOUBLE PRECISION) AS ci, \
                CAST(avg({container}::INTEGER) AS DOUBLE PRECISION) AS container, \
                {} AS first, {} AS last \
         FROM {EVENTS} WHERE {condition}",
        active(1),
        active(7),
        active(30),
        dialect.written("min(timestamp)"),
        dialect.written("max(timestamp)")
    ))?;
    let events = tables.rows(&format!(
        "SELECT event, count(*) AS count, count(DISTINCT anonymous_id) AS active, \
                CAST(avg(success::INTEGER) AS DOUBLE PRECISION) AS success, {} AS p50, {} AS p95 \
         FROM {EVENTS} WHERE {condition} GROUP BY event ORDER BY count DESC, event LIMIT {MAX_LINES}",
        dialect.quantile(0.5),
        dialect.quantile(0.95)
    ))?;
    let versions = tables.rows(&format!(
        "SELECT library_name, library_version, count(*) AS count, count(DISTINCT anonymous_id) AS active \
         FROM {EVENTS} WHERE {condition} GROUP BY library_name, library_version ORDER BY count DESC, library_name, library_version LIMIT {MAX_LINES}"
    ))?;
    let with_destination = format!("{condition} AND destination_name IS NOT NULL");
    let projects = match has_projects {
        true => shares(tables, &format!("coalesce(project, '{DEFAULT}')"), EVENTS, &condition)?,
        false => Vec::new(),
    };
    Ok(Report {
        projects,
        events: events.iter().map(event).collect(),
        versions: versions.iter().map(version).collect(),
        platforms: shares(tables, "os_name", EVENTS, &condition)?,
        destinations: shares(tables, "destination_name", EVENTS, &with_destination)?,
        total: number(&whole, "total"),
        active_ids: number(&whole, "active"),
        active_by_window: ["active_1", "active_7", "active_30"].map(|name| number(&whole, name)),
        ci_share: real(&whole, "ci"),
        container_share: real(&whole, "container"),
        first_event: text(&whole, "first").map(|at| instant(&at)),
        last_event: text(&whole, "last").map(|at| instant(&at)),
        quarantine: shares(tables, "reason", QUARANTINE, &condition)?,
        ..Report::default()
    })
}

/// The days whose events have expired, the newest first.
pub(super) fn earlier(tables: &mut SqlTables<'_>, project: Option<&str>) -> Result<Vec<DaySummary>, Error> {
    let condition = project.map_or_else(|| "true".to_owned(), |name| tables.dialect.of_project(name));
    let rows = tables.rows(&retention::days(&condition, MAX_DAYS))?;
    let day = |row: &Row| DaySummary {
        day: text(row, "day").unwrap_or_default(),
        count: number(row, "events"),
        active_ids: number(row, "installs"),
    };
    Ok(rows.iter().map(day).collect())
}

fn shares(tables: &mut SqlTables<'_>, column: &str, table: &str, condition: &str) -> Result<Vec<Share>, Error> {
    let rows = tables.rows(&format!(
        "SELECT {column} AS value, count(*) AS count, CAST(count(*) AS DOUBLE PRECISION) / sum(count(*)) OVER () AS share \
         FROM {table} WHERE {condition} GROUP BY 1 ORDER BY count DESC, value LIMIT {MAX_LINES}"
    ))?;
    let share = |row: &Row| Share {
        value: text(row, "value"),
        count: number(row, "count"),
        share: real(row, "share").unwrap_or_default(),
    };
    Ok(rows.iter().map(share).collect())
}

fn event(row: &Row) -> EventSummary {
    EventSummary {
        event: text(row, "event").unwrap_or_default(),
        count: number(row, "count"),
        active_ids: number(row, "active"),
        success_share: real(row, "success"),
        p50_seconds: real(row, "p50"),
        p95_seconds: real(row, "p95"),
    }
}

fn version(row: &Row) -> VersionSummary {
    VersionSummary {
        library: text(row, "library_name"),
        version: text(row, "library_version"),
        count: number(row, "count"),
        active_ids: number(row, "active"),
    }
}

/// `2026-03-01 12:00:00` as ISO 8601 has it.
fn instant(written: &str) -> String {
    format!("{}Z", written.replace(' ', "T"))
}

fn text(row: &Row, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn real(row: &Row, name: &str) -> Option<f64> {
    row.get(name).and_then(Value::as_f64)
}
