//! The queries of the report.

use dlt_engine::Error;
use dlt_engine::destination::Row;
use serde_json::Value;

use super::{SqlTables, number};
use crate::projects::DEFAULT;
use crate::report::{EventSummary, Report, Share, VersionSummary};
use crate::store::Tables;
use crate::store::schema::{EVENTS, QUARANTINE};

/// Most rows of one list.
const MAX_LINES: u32 = 100;

/// Runs all queries; the ledger stays empty. Tables of an earlier version have no column for projects.
pub(super) fn read(tables: &mut SqlTables<'_>, project: Option<&str>, has_projects: bool) -> Result<Report, Error> {
    let condition = match project {
        None => "true".to_owned(),
        Some(name) if has_projects => tables.dialect().of_project(name),
        Some(name) => (name == DEFAULT).to_string(),
    };
    // In microseconds: arithmetic on timestamps with a time zone takes an extension, which a bundled DuckDB does not have.
    let active = |days: u64| {
        let micros = days * 24 * 60 * 60 * 1_000_000;
        format!(
            "count(DISTINCT anonymous_id) FILTER (epoch_us(timestamp) > epoch_us(now()) - {micros}) AS active_{days}"
        )
    };
    let formatted = |instant: &str| format!("strftime(make_timestamp(epoch_us({instant})), '%Y-%m-%dT%H:%M:%SZ')");
    let whole = tables.row(&format!(
        "SELECT count(*) AS total, count(DISTINCT anonymous_id) AS active, {}, {}, {}, \
                avg(ci_run::INTEGER) AS ci, \
                avg(regexp_matches(exec_info, '(^|,)(docker|kubernetes)(,|$)')::INTEGER) AS container, \
                {} AS first, {} AS last \
         FROM {EVENTS} WHERE {condition}",
        active(1),
        active(7),
        active(30),
        formatted("min(timestamp)"),
        formatted("max(timestamp)")
    ))?;
    let events = tables.rows(&format!(
        "SELECT event, count(*) AS count, count(DISTINCT anonymous_id) AS active, avg(success::INTEGER) AS success, \
                quantile_cont(elapsed, 0.5) AS p50, quantile_cont(elapsed, 0.95) AS p95 \
         FROM {EVENTS} WHERE {condition} GROUP BY event ORDER BY count DESC, event LIMIT {MAX_LINES}"
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
        first_event: text(&whole, "first"),
        last_event: text(&whole, "last"),
        quarantine: shares(tables, "reason", QUARANTINE, &condition)?,
        ..Report::default()
    })
}

fn shares(tables: &mut SqlTables<'_>, column: &str, table: &str, condition: &str) -> Result<Vec<Share>, Error> {
    let rows = tables.rows(&format!(
        "SELECT {column} AS value, count(*) AS count, count(*) / sum(count(*)) OVER () AS share \
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

fn text(row: &Row, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn real(row: &Row, name: &str) -> Option<f64> {
    row.get(name).and_then(Value::as_f64)
}
