//! Which versions are in use, and how they do.

use std::cmp::Reverse;

use dlt_engine::Error;
use dlt_engine::destination::Row;

use super::installs::{MAX_ROWS, Versions};
use super::{Asking, NOT_TOLD, count, date_of, named, section, share};
use crate::dashboard::page::{Cell, Form, Section};
use crate::store::schema::EVENTS;

/// Versions that a chart tells apart; the others are one.
const MAX_SHOWN: usize = 6;

/// Installs by version over time.
pub(super) fn over_time(asking: &Asking<'_>, versions: &Versions) -> Section {
    let pace = asking.filter.pace();
    let row = |(time, version, installs): (i64, String, u64)| {
        vec![Cell::Text(date_of(pace, time)), Cell::Text(version), Cell::Count(installs)]
    };
    section(
        ("versions_over_time", &format!("Installs by version and {}", pace.word())),
        "An install that changes its version counts for both.",
        &[("begins", "Begins"), ("version", "Version"), ("installs", "Installs")],
        versions.over_time(MAX_SHOWN).into_iter().map(row).collect(),
        Form::Stack,
    )
}

/// All versions in the range.
pub(super) fn all(versions: Versions) -> Section {
    let mut all = versions.all;
    // What has no name comes after all names.
    let name = |text: &Option<String>| (text.is_none(), text.clone());
    all.sort_by_cached_key(|([library, version], installs, events)| {
        (Reverse(*installs), Reverse(*events), name(library), name(version))
    });
    let named = |text: Option<String>| Cell::Text(text.unwrap_or_else(|| NOT_TOLD.to_owned()));
    let row = |([library, version], installs, events): ([Option<String>; 2], u64, u64)| {
        vec![named(library), named(version), Cell::Count(installs), Cell::Count(events)]
    };
    section(
        ("versions", "Versions"),
        "",
        &[("library", "Library"), ("version", "Version"), ("installs", "Installs"), ("events", "Events")],
        all.into_iter().take(MAX_ROWS).map(row).collect(),
        Form::Table,
    )
}

/// How often events of each version report a failure.
pub(super) fn errors(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let condition = asking.condition.clone();
    // A text is made of each pair, and not of each event.
    let rows = asking.rows(&format!(
        "WITH pairs AS (SELECT library_name, library_version, count(*) AS events, \
           sum(CASE WHEN success THEN 0 ELSE 1 END) AS errors \
           FROM {EVENTS} WHERE success IS NOT NULL AND {condition} GROUP BY 1, 2) \
         SELECT concat(coalesce(library_name, 'not told'), ' ', coalesce(library_version, '')) AS version, \
         CAST(sum(errors) AS DOUBLE PRECISION) / CAST(sum(events) AS DOUBLE PRECISION) AS errors, CAST(sum(events) AS BIGINT) AS events \
         FROM pairs GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT {MAX_ROWS}"
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
