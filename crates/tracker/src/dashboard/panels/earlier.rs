//! What was counted of events that were too old and are deleted.

use dlt_engine::Error;
use dlt_engine::destination::Row;

use super::{Asking, MOST_ROWS, View, date_of, row_count, row_named, row_share, section};
use crate::dashboard::filter::{Ci, Pace};
use crate::dashboard::page::{Cell, Form, Section};
use crate::retention::DAY_MICROS;
use crate::row::{integer, number};
use crate::store::schema::{DAILY_EVENTS, DAILY_INSTALLS};

/// Names that a chart tells apart; the others are one.
const MAX_SHOWN: u32 = 6;
/// The day of a row, as an integer.
const DAY: &str = "(day - DATE '1970-01-01')";

/// The sections of a page about the part of its range whose events are deleted; none where there is no such part.
pub(super) fn all(asking: &mut Asking<'_, '_>, view: View) -> Result<Vec<Section>, Error> {
    let Some(before) = asking.expired_before.clone() else { return Ok(Vec::new()) };
    let condition = condition(asking);
    let sql = format!("SELECT coalesce(sum(events), 0)::BIGINT AS events FROM {DAILY_EVENTS} WHERE {condition}");
    let found = asking.rows(&sql)?;
    let events = found.first().map_or(Cell::Count(0), |row| row_count(row, "events"));
    if events == Cell::Count(0) {
        return Ok(Vec::new());
    }
    let day = before.get(..10).unwrap_or(&before).to_owned();
    let told = match view {
        View::Overview | View::Versions | View::Commands => "What was counted of them by the day follows; it",
        View::Environments => "How many went is all that is known of them here; it",
        View::Retention | View::Quarantine | View::Live => return Ok(Vec::new()),
    };
    let whole = section(
        ("earlier", &format!("Before {day}")),
        &format!(
            "Events{} that arrived before are deleted, as the setting `retain` says. {told} is in no other figure of this page. \
             Durations, systems, destinations, sources, cohorts and the installs of weeks and months were not counted.",
            asking.of_whom()
        ),
        &[("events", "events that are deleted")],
        vec![vec![events]],
        Form::Figures,
    );
    let mut sections = vec![whole];
    if view == View::Overview {
        sections.extend([over_time(asking)?]);
        sections.extend(installs(asking)?);
    }
    if matches!(view, View::Overview | View::Commands) {
        sections.push(names(asking)?);
    }
    if matches!(view, View::Overview | View::Versions) {
        sections.push(versions(asking)?);
    }
    Ok(sections)
}

/// Whether rows are about other events than all of some projects.
fn is_narrow(asking: &mut Asking<'_, '_>) -> bool {
    let filter = asking.filter;
    filter.ci != Ci::All || filter.library.is_some() || filter.version.is_some() || filter.event.is_some()
}

/// The condition for rows of counts.
fn condition(asking: &mut Asking<'_, '_>) -> String {
    let senders = asking.filter.condition_of_all_time(asking.dialect());
    match asking.filter.since(asking.now) {
        Some(micros) => format!("{DAY} >= {} AND {senders}", micros.div_euclid(DAY_MICROS)),
        None => senders,
    }
}

fn over_time(asking: &mut Asking<'_, '_>) -> Result<Section, Error> {
    let (bucket, pace, condition) = (asking.bucket_of(DAY), asking.filter.pace(), condition(asking));
    let rows = asking.rows(&format!(
        "WITH top AS (SELECT event FROM {DAILY_EVENTS} WHERE {condition} GROUP BY event ORDER BY sum(events) DESC, event \
           LIMIT {MAX_SHOWN}) \
         SELECT {bucket} AS bucket, CASE WHEN event IN (SELECT event FROM top) THEN event ELSE 'others' END AS event, \
         sum(events)::BIGINT AS events FROM {DAILY_EVENTS} WHERE {condition} GROUP BY 1, 2 ORDER BY 1, 2"
    ))?;
    let row = |row: &Row| {
        vec![Cell::Text(date_of(pace, integer(row, "bucket"))), row_named(row, "event"), row_count(row, "events")]
    };
    Ok(section(
        ("earlier_over_time", &format!("Earlier events by name and {}", pace.word())),
        "",
        &[("begins", "Begins"), ("event", "Event"), ("events", "Events")],
        rows.iter().map(row).collect(),
        Form::Stack,
    ))
}

/// Installs by day, where that was counted.
fn installs(asking: &mut Asking<'_, '_>) -> Result<Option<Section>, Error> {
    if is_narrow(asking) || asking.filter.pace() != Pace::Day {
        return Ok(None);
    }
    let condition = condition(asking);
    let rows = asking.rows(&format!(
        "SELECT {DAY}::BIGINT AS bucket, sum(installs)::BIGINT AS installs FROM {DAILY_INSTALLS} WHERE {condition} \
         GROUP BY 1 ORDER BY 1 DESC"
    ))?;
    let row = |row: &Row| vec![Cell::Text(date_of(Pace::Day, integer(row, "bucket"))), row_count(row, "installs")];
    Ok(Some(section(
        ("earlier_installs", "Earlier installs by day"),
        "At most so many: one that sent for several projects, or whose events of a day arrived on several days, counts for each.",
        &[("day", "Day"), ("installs", "Installs")],
        rows.iter().map(row).collect(),
        Form::Bars,
    )))
}

fn names(asking: &mut Asking<'_, '_>) -> Result<Section, Error> {
    by(asking, "event", |rows| {
        let row = |row: &Row| vec![row_named(row, "event"), row_count(row, "events"), row_share(row, "success")];
        section(
            ("earlier_events", "Earlier commands and steps"),
            "",
            &[("event", "Event"), ("events", "Events"), ("success_share", "Succeeded")],
            rows.iter().map(row).collect(),
            Form::Table,
        )
    })
}

fn versions(asking: &mut Asking<'_, '_>) -> Result<Section, Error> {
    by(asking, "library_name, library_version", |rows| {
        let row = |row: &Row| {
            vec![
                row_named(row, "library_name"),
                row_named(row, "library_version"),
                row_count(row, "events"),
                row_share(row, "success"),
            ]
        };
        section(
            ("earlier_versions", "Earlier versions"),
            "",
            &[("library", "Library"), ("version", "Version"), ("events", "Events"), ("success_share", "Succeeded")],
            rows.iter().map(row).collect(),
            Form::Table,
        )
    })
}

/// Counts by some columns.
fn by(asking: &mut Asking<'_, '_>, columns: &str, made: impl FnOnce(&[Row]) -> Section) -> Result<Section, Error> {
    let condition = condition(asking);
    let rows = asking.rows(&format!(
        "SELECT {columns}, count(*) OVER () AS names, sum(events)::BIGINT AS events, \
         CAST(sum(succeeded) AS DOUBLE PRECISION) / nullif(sum(succeeded) + sum(failed), 0) AS success \
         FROM {DAILY_EVENTS} WHERE {condition} GROUP BY {columns} ORDER BY events DESC, {columns} LIMIT {MOST_ROWS}"
    ))?;
    let all = rows.first().map_or(0, |row| number(row, "names"));
    let beyond = usize::try_from(all).unwrap_or_default().saturating_sub(rows.len());
    Ok(Section { beyond, ..made(&rows) })
}
