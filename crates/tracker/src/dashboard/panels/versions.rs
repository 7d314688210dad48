//! Which versions are in use, and how they do.

use dlt_engine::Error;
use dlt_engine::destination::Row;

use super::{Asking, count, date_of, named, number, section, share};
use crate::dashboard::page::{Cell, Form, Section};
use crate::store::schema::EVENTS;

/// Versions that a chart tells apart; the others are one.
const MAX_SHOWN: u32 = 6;
/// Rows of a table.
const MAX_ROWS: u32 = 100;

/// Installs by version over time.
pub(super) fn over_time(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let (bucket, pace) = (asking.bucket(), asking.filter.pace());
    let condition = asking.condition.clone();
    let rows = asking.rows(&format!(
        "WITH shown AS (SELECT DISTINCT {bucket} AS bucket, anonymous_id, \
           concat(coalesce(library_name, 'not told'), ' ', coalesce(library_version, '')) AS version \
           FROM {EVENTS} WHERE anonymous_id IS NOT NULL AND {condition}), \
         top AS (SELECT version FROM shown GROUP BY version ORDER BY count(*) DESC, version LIMIT {MAX_SHOWN}) \
         SELECT bucket, CASE WHEN version IN (SELECT version FROM top) THEN version ELSE 'others' END AS version, \
         count(DISTINCT anonymous_id) AS installs FROM shown GROUP BY 1, 2 ORDER BY 1, 2"
    ))?;
    let row = |row: &Row| {
        vec![Cell::Text(date_of(pace, number(row, "bucket"))), named(row, "version"), count(row, "installs")]
    };
    Ok(section(
        ("versions_over_time", &format!("Installs by version and {}", pace.word())),
        "An install that changes its version counts for both.",
        &[("begins", "Begins"), ("version", "Version"), ("installs", "Installs")],
        rows.iter().map(row).collect(),
        Form::Stack,
    ))
}

/// All versions in the range.
pub(super) fn all(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let condition = asking.condition.clone();
    let rows = asking.rows(&format!(
        "SELECT library_name, library_version, count(DISTINCT anonymous_id) AS installs, count(*) AS events \
         FROM {EVENTS} WHERE {condition} GROUP BY 1, 2 ORDER BY installs DESC, events DESC, 1, 2 LIMIT {MAX_ROWS}"
    ))?;
    let row = |row: &Row| {
        vec![named(row, "library_name"), named(row, "library_version"), count(row, "installs"), count(row, "events")]
    };
    Ok(section(
        ("versions", "Versions"),
        "",
        &[("library", "Library"), ("version", "Version"), ("installs", "Installs"), ("events", "Events")],
        rows.iter().map(row).collect(),
        Form::Table,
    ))
}

/// How often events of each version report a failure.
pub(super) fn errors(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let condition = asking.condition.clone();
    let rows = asking.rows(&format!(
        "SELECT concat(coalesce(library_name, 'not told'), ' ', coalesce(library_version, '')) AS version, \
         CAST(avg(CASE WHEN success THEN 0.0 ELSE 1.0 END) AS DOUBLE PRECISION) AS errors, count(*) AS events \
         FROM {EVENTS} WHERE success IS NOT NULL AND {condition} GROUP BY 1 ORDER BY events DESC, 1 LIMIT {MAX_ROWS}"
    ))?;
    let row = |row: &Row| vec![named(row, "version"), share(row, "errors"), count(row, "events")];
    Ok(section(
        ("errors", "Errors by version"),
        "The share of failures among events that say whether they succeeded.",
        &[("version", "Version"), ("error_share", "Failed"), ("events", "Events that say so")],
        rows.iter().map(row).collect(),
        Form::Bars,
    ))
}
