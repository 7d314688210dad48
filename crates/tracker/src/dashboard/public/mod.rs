//! What everybody may see: installs of whole weeks, in groups of many.
//!
//! The weeks begin on Mondays, and one is told from the second day after it. An event counts if it arrived by the end of the
//! first day after its week, so a number that was told once does not change with what comes later. In a week each id is in
//! one group of a cut, by the last event that tells its value. There are no other cuts, weeks, or filters than
//! these, and no numbers over several weeks: nothing that is told here can be taken from something else that is.

mod cells;

use std::collections::BTreeMap;

use dlt_engine::Error;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::filter::Pace;
use super::page::{Cell, Column, Form, Page, Section};
use super::panels::date_of;
use crate::retention::DAY_MICROS;
use crate::row::{integer, number};
use crate::store::Tables;
use crate::store::schema::EVENTS;
use cells::{Groups, Told};

/// Weeks that are shown.
const WEEKS: i64 = 52;
/// Versions that are told apart over all weeks: the most frequent.
const MAX_VERSIONS: usize = 6;
/// Ids that tell nothing of what a cut is about.
const NOT_TOLD: &str = "not told";
/// All groups that are not told by name.
const OTHERS: &str = "others";

/// Pages that everybody may see, without a token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Public {
    /// The projects that have one; the default one is named `default`. Default: none.
    pub projects: Vec<String>,
    /// Different ids that a group has at least of which something is told; numbers are rounded down to multiples of it.
    /// Default: 10.
    pub least_ids: u64,
}

impl Default for Public {
    fn default() -> Self {
        Self { projects: Vec::new(), least_ids: 10 }
    }
}

/// A cut: its name in JSON, its title, and the value that an event tells, in SQL.
type Cut = (&'static str, &'static str, &'static str);

const VERSION: &str =
    "CASE WHEN library_name IS NOT NULL THEN concat(library_name, ' ', coalesce(library_version, '')) END";

/// What the survey has of a destination: the last part of its type, or its name where no type is told.
pub(crate) const DESTINATION: &str = "coalesce(nullif(reverse(split_part(reverse(substr(destination_type, 1, 200)), '.', 1)), ''), \
     substr(destination_name, 1, 200))";

/// The cuts of the last week.
const CUTS: [Cut; 4] = [
    ("systems", "Systems", "os_name"),
    (
        "runtimes",
        "Languages",
        "CASE WHEN python_version IS NOT NULL THEN concat('Python ', python_version) \
         WHEN runtime_name IS NOT NULL THEN concat(runtime_name, ' ', coalesce(runtime_version, '')) END",
    ),
    ("destinations", "Destinations", DESTINATION),
    ("ci", "Continuous integration", "CASE WHEN ci_run THEN 'CI' WHEN NOT ci_run THEN 'people' END"),
];

/// The page of a project of which nothing may be told.
pub(crate) fn nothing() -> Page {
    Page { title: "In public", sections: Vec::new() }
}

/// The page of a project: what may be told on that day of groups of at least `least` ids.
///
/// # Errors
/// When the tables cannot be read.
pub(crate) fn read(tables: &mut dyn Tables, project: &str, least: u64, now: Timestamp) -> Result<Page, Error> {
    if !tables.exist()? || !tables.are_current()? {
        return Ok(nothing());
    }
    let last = last_week(now);
    // A week of which something is deleted would be told otherwise than before.
    let whole = tables.expired_before(Some(project))?.and_then(|before| first_whole_week(&before));
    let first = whole.map_or(last - WEEKS + 1, |whole| whole.max(last - WEEKS + 1));
    let versions = groups(tables, project, VERSION, least, first, last)?;
    let versions: BTreeMap<i64, Told> =
        versions.into_iter().filter_map(|(week, groups)| Some((week, groups.told(least, &[])?))).collect();
    let Some(first) = versions.keys().next().copied() else { return Ok(nothing()) };
    let mut sections =
        vec![latest(versions.get(&last), last), over_time(&versions, first, last), by_version(&versions)];
    let mut beside = Vec::from_iter(versions.get(&last).cloned());
    for (id, title, value) in CUTS {
        let groups = groups(tables, project, value, least, last, last)?.remove(&last);
        let Some(told) = groups.and_then(|groups| groups.told(least, &beside)) else { continue };
        sections.push(cut(id, title, &told));
        beside.push(told);
    }
    Ok(Page { sections, ..nothing() })
}

/// The last week that may be told, by its number: weeks are counted from the one in which 1970 began.
fn last_week(now: Timestamp) -> i64 {
    let today = now.as_microsecond().div_euclid(DAY_MICROS);
    // Week 0 ends with day 3; day 4 is the one on which events may still arrive.
    (today - 5).div_euclid(7)
}

/// The first week that begins at a moment or after it, by its number.
fn first_whole_week(moment: &str) -> Option<i64> {
    let day: Date = moment.get(..10)?.parse().ok()?;
    let day = day.since(Date::constant(1970, 1, 1)).ok()?.get_days();
    Some((i64::from(day) + 3 + 6).div_euclid(7))
}

/// The groups of a cut, by week.
fn groups(
    tables: &mut dyn Tables,
    project: &str,
    value: &str,
    least: u64,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, Groups>, Error> {
    let dialect = tables.dialect();
    let week = dialect.quotient(&format!("({} + 3)", dialect.day_of("timestamp")), 7);
    let rows = tables.select(&format!(
        "WITH told AS (SELECT {week} AS week, {value} AS value, row_number() OVER (PARTITION BY {week}, anonymous_id \
           ORDER BY CASE WHEN {value} IS NULL THEN 1 ELSE 0 END, timestamp DESC, journal_seq DESC) AS nth \
           FROM {EVENTS} WHERE {} AND anonymous_id IS NOT NULL AND timestamp >= {} AND timestamp < {} \
           AND {} <= 7 * {week} + 4), \
         grouped AS (SELECT week, value, count(*) AS ids FROM told WHERE nth = 1 GROUP BY week, value) \
         SELECT week, CASE WHEN ids >= {least} THEN value END AS value, ids >= {least} AS is_large, \
           CAST(sum(ids) AS BIGINT) AS ids FROM grouped GROUP BY 1, 2, 3",
        dialect.of_project(project),
        dialect.moment((first * 7 - 3) * DAY_MICROS),
        dialect.moment((last * 7 + 4) * DAY_MICROS),
        dialect.day_of("received_at"),
    ))?;
    let mut weeks: BTreeMap<i64, Groups> = BTreeMap::new();
    for row in &rows {
        let groups = weeks.entry(integer(row, "week")).or_default();
        let ids = number(row, "ids");
        match row.get("is_large").and_then(Value::as_bool) {
            Some(true) => groups.large.push((row.get("value").and_then(Value::as_str).map(str::to_owned), ids)),
            _ => groups.small += ids,
        }
    }
    Ok(weeks)
}

fn latest(told: Option<&Told>, last: i64) -> Section {
    let monday = date_of(Pace::Week, last);
    section(
        "latest",
        &format!("The week of {monday}"),
        "An install is an anonymous id of a machine; machines of continuous integration often bring a new one with each run.",
        &[("installs", "active installs, at least")],
        vec![vec![told.map_or(Cell::Nothing, |told| Cell::Count(told.all))]],
        Form::Figures,
    )
}

fn over_time(versions: &BTreeMap<i64, Told>, first: i64, last: i64) -> Section {
    let row = |week: i64| {
        let installs = versions.get(&week).map_or(Cell::Nothing, |told| Cell::Count(told.all));
        vec![Cell::Text(date_of(Pace::Week, week)), installs]
    };
    section(
        "active",
        "Active installs by week",
        "Weeks begin on Mondays, UTC.",
        &[("begins", "Begins"), ("installs", "Active installs")],
        (first..=last).map(row).collect(),
        Form::Layers,
    )
}

fn by_version(versions: &BTreeMap<i64, Told>) -> Section {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (name, ids) in versions.values().flat_map(parts).filter(|(name, _)| name != OTHERS) {
        *sums.entry(name).or_default() += ids;
    }
    let mut shown: Vec<(u64, String)> = sums.into_iter().map(|(name, ids)| (ids, name)).collect();
    shown.sort_unstable_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    shown.truncate(MAX_VERSIONS);
    let rows = versions.iter().flat_map(|(week, told)| {
        let begins = date_of(Pace::Week, *week);
        let (mut named, others): (Vec<_>, Vec<_>) =
            parts(told).partition(|(name, _)| shown.iter().any(|(_, known)| known == name));
        // Of numbers that could be told each by itself.
        let others: u64 = others.iter().map(|(_, ids)| ids).sum();
        named.extend((others > 0).then(|| (OTHERS.to_owned(), others)));
        named.into_iter().map(move |(name, ids)| vec![Cell::Text(begins.clone()), Cell::Text(name), Cell::Count(ids)])
    });
    section(
        "versions",
        "Active installs by version and week",
        "An install counts for the last version that it had in the week.",
        &[("begins", "Begins"), ("version", "Version"), ("installs", "Installs")],
        rows.collect(),
        Form::Stack,
    )
}

fn cut(id: &'static str, title: &str, told: &Told) -> Section {
    let rows = parts(told).map(|(name, ids)| vec![Cell::Text(name), Cell::Count(ids)]).collect();
    section(id, title, "", &[("name", "Name"), ("installs", "Installs")], rows, Form::Bars)
}

/// What is told, with a name each.
fn parts(told: &Told) -> impl Iterator<Item = (String, u64)> {
    let named = told.named.iter().map(|(name, ids)| (name.clone().unwrap_or_else(|| NOT_TOLD.to_owned()), *ids));
    named.chain(told.others.map(|ids| (OTHERS.to_owned(), ids)))
}

fn section(
    id: &'static str,
    title: &str,
    note: &str,
    columns: &[(&'static str, &'static str)],
    rows: Vec<Vec<Cell>>,
    form: Form,
) -> Section {
    let columns = columns.iter().map(|(key, title)| Column { key, title }).collect();
    Section { id, title: title.to_owned(), note: note.to_owned(), columns, most: rows.len(), beyond: 0, rows, form }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_week_is_told_from_the_second_day_after_it() {
        for (now, monday) in [
            // A Monday, on which events may still arrive, and the Tuesday after it.
            ("2026-11-23T23:59:59Z", "2026-11-09"),
            ("2026-11-24T00:00:00Z", "2026-11-16"),
            ("2026-11-30T23:59:59Z", "2026-11-16"),
            ("2026-12-01T00:00:00Z", "2026-11-23"),
        ] {
            assert_eq!(date_of(Pace::Week, last_week(now.parse().unwrap())), monday, "{now}");
        }
    }

    #[test]
    fn a_week_of_which_something_is_deleted_is_none() {
        for (before, monday) in [
            ("2026-11-23 00:00:00", "2026-11-23"),
            ("2026-11-24 00:00:00", "2026-11-30"),
            ("2026-11-29 00:00:00", "2026-11-30"),
        ] {
            assert_eq!(date_of(Pace::Week, first_whole_week(before).unwrap()), monday, "{before}");
        }
    }
}
