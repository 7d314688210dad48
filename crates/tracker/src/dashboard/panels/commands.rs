//! What is done with it, and how that goes.

use dlt_engine::Error;
use dlt_engine::destination::Row;

use super::installs::MAX_ROWS;
use super::{Asking, count, named, number, seconds, section, share, text};
use crate::dashboard::page::{Cell, Form, Section};
use crate::store::schema::EVENTS;

/// Ends of the classes of durations, in seconds.
const CLASSES: [(f64, &str); 8] = [
    (0.1, "below 0.1 s"),
    (0.3, "0.1 to 0.3 s"),
    (1.0, "0.3 to 1 s"),
    (3.0, "1 to 3 s"),
    (10.0, "3 to 10 s"),
    (30.0, "10 to 30 s"),
    (100.0, "30 to 100 s"),
    (f64::INFINITY, "100 s and more"),
];

/// Events by name.
pub(super) fn all(names: &[(Row, u64)]) -> Section {
    let row = |(row, installs): &(Row, u64)| {
        vec![
            named(row, "event"),
            count(row, "events"),
            Cell::Count(*installs),
            share(row, "success"),
            seconds(row, "p50"),
            seconds(row, "p95"),
        ]
    };
    section(
        ("events", "Commands and steps"),
        "Success and durations are of those events that tell them.",
        &[
            ("event", "Event"),
            ("events", "Events"),
            ("installs", "Installs"),
            ("success_share", "Succeeded"),
            ("p50_seconds", "Median"),
            ("p95_seconds", "95 % below"),
        ],
        names.iter().map(row).collect(),
        Form::Table,
    )
}

/// How long things take.
pub(super) fn durations(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let condition = asking.condition.clone();
    let mut case = "CASE".to_owned();
    for (at, (end, _)) in CLASSES.iter().enumerate() {
        match end.is_finite() {
            true => case.push_str(&format!(" WHEN elapsed < {end} THEN {at}")),
            false => case.push_str(&format!(" ELSE {at} END")),
        }
    }
    let rows = asking.rows(&format!(
        "SELECT {case} AS class, count(*) AS events FROM {EVENTS} \
         WHERE elapsed IS NOT NULL AND {condition} GROUP BY 1 ORDER BY 1"
    ))?;
    let of_class = |class: usize| {
        let found = rows.iter().find(|row| number(row, "class") == class as i64);
        found.map_or(Cell::Count(0), |row| count(row, "events"))
    };
    let is_empty = rows.is_empty();
    let classes = CLASSES.iter().enumerate().filter(|_| !is_empty);
    let rows = classes.map(|(at, (_, name))| vec![Cell::Text((*name).to_owned()), of_class(at)]).collect();
    Ok(section(
        ("durations", "Durations"),
        "Events by how long what they report took. Choose an event above to see its own.",
        &[("duration", "Duration"), ("events", "Events")],
        rows,
        Form::Bars,
    ))
}

/// Where data goes.
pub(super) fn destinations(mut found: Vec<(String, u64, u64)>) -> Section {
    found.sort_by(|one, other| (other.1, other.2).cmp(&(one.1, one.2)).then_with(|| one.0.cmp(&other.0)));
    let short = |name: &str| Cell::Text(name.rsplit('.').next().unwrap_or(name).to_owned());
    let row =
        |(name, installs, events): &(String, u64, u64)| vec![short(name), Cell::Count(*installs), Cell::Count(*events)];
    section(
        ("destinations", "Destinations"),
        "",
        &[("destination", "Destination"), ("installs", "Installs"), ("events", "Events")],
        found.iter().take(MAX_ROWS).map(row).collect(),
        Form::Bars,
    )
}

/// Where data comes from.
pub(super) fn sources(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let (dialect, condition) = (asking.dialect(), asking.condition.clone());
    let source = dialect.property("source_name");
    // Properties are read where they have the word.
    let rows = asking.rows(&format!(
        "SELECT source, count(DISTINCT anonymous_id) AS installs, count(*) AS events FROM (SELECT anonymous_id, \
           CASE WHEN strpos(properties, '\"source_name\"') > 0 THEN {source} END AS source FROM {EVENTS} WHERE {condition}) AS told \
         WHERE source IS NOT NULL GROUP BY 1 ORDER BY installs DESC, events DESC, 1 LIMIT {MAX_ROWS}"
    ))?;
    Ok(section(
        ("sources", "Sources"),
        "The kind of source, for events that tell it.",
        &[("source", "Source"), ("installs", "Installs"), ("events", "Events")],
        rows.iter().map(|row| vec![text(row, "source"), count(row, "installs"), count(row, "events")]).collect(),
        Form::Bars,
    ))
}

/// What came last.
pub(super) fn latest(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let (dialect, condition) = (asking.dialect(), asking.condition.clone());
    let rows = asking.rows(&format!(
        "SELECT {} AS at, event, library_name, library_version, os_name, ci_run, success, elapsed \
         FROM {EVENTS} WHERE {condition} ORDER BY received_at DESC, journal_seq DESC LIMIT {MAX_ROWS}",
        dialect.written("received_at")
    ))?;
    let truth = |row: &Row, name: &str| match row.get(name).and_then(serde_json::Value::as_bool) {
        Some(true) => Cell::Text("yes".into()),
        Some(false) => Cell::Text("no".into()),
        None => Cell::Nothing,
    };
    let row = |row: &Row| {
        vec![
            text(row, "at"),
            named(row, "event"),
            text(row, "library_name"),
            text(row, "library_version"),
            text(row, "os_name"),
            truth(row, "ci_run"),
            truth(row, "success"),
            seconds(row, "elapsed"),
        ]
    };
    Ok(section(
        ("latest", "Latest events"),
        "The last hundred, the newest first, loaded about every second. No id is shown.",
        &[
            ("received_at", "Received (UTC)"),
            ("event", "Event"),
            ("library", "Library"),
            ("version", "Version"),
            ("os", "System"),
            ("ci", "CI"),
            ("success", "Succeeded"),
            ("elapsed_seconds", "Took"),
        ],
        rows.iter().map(row).collect(),
        Form::Table,
    ))
}
