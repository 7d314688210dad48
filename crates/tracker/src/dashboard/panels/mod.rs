//! What pages show: a section is a question in SQL and the table of its answer.

mod active;
mod commands;
mod earlier;
mod environments;
mod installs;
mod parts;
mod projects;
mod quarantine;
mod retention;
mod versions;

use dlt_engine::Error;
use dlt_engine::destination::Row;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use installs::Wanted;

use super::filter::{Filter, Pace};
use super::page::{Cell, Column, Form, Page, Section};
use crate::ledger::Ledger;
use crate::store::schema::EVENTS;
use crate::store::{Dialect, Tables};

/// The pages that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Overview,
    Versions,
    Commands,
    Environments,
    Retention,
    Quarantine,
    Live,
}

impl View {
    pub(crate) const ALL: [Self; 7] = [
        Self::Overview,
        Self::Versions,
        Self::Commands,
        Self::Environments,
        Self::Retention,
        Self::Quarantine,
        Self::Live,
    ];

    /// The first part of its address; empty for the overview.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Versions => "versions",
            Self::Commands => "commands",
            Self::Environments => "environments",
            Self::Retention => "retention",
            Self::Quarantine => "quarantine",
            Self::Live => "live",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Versions => "Versions",
            Self::Commands => "Commands",
            Self::Environments => "Environments",
            Self::Retention => "Retention",
            Self::Quarantine => "Quarantine",
            Self::Live => "Live",
        }
    }
}

/// What questions are asked with.
struct Asking<'a> {
    tables: &'a mut dyn Tables,
    filter: &'a Filter,
    now: Timestamp,
    /// The condition for rows of events.
    condition: String,
    /// What arrived before was too old and is deleted, of some project at least.
    expired_before: Option<String>,
}

impl Asking<'_> {
    fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        self.tables.select(sql)
    }

    /// How many events the page is about.
    fn count(&mut self) -> Result<u64, Error> {
        let rows = self.rows(&format!("SELECT count(*) AS events FROM {EVENTS} WHERE {}", self.condition))?;
        Ok(rows.first().map_or(0, |row| number(row, "events").unsigned_abs()))
    }

    fn dialect(&self) -> &'static dyn Dialect {
        self.tables.dialect()
    }

    /// The number of the day, week or month that a row belongs to.
    fn bucket(&self) -> String {
        self.bucket_of(&self.dialect().day_of("timestamp"))
    }

    /// As [`Asking::bucket`], by another day.
    fn bucket_of(&self, day: &str) -> String {
        let dialect = self.dialect();
        match self.filter.pace() {
            Pace::Day => day.to_owned(),
            // 1970-01-01 was a Thursday.
            Pace::Week => dialect.quotient(&format!("({day} + 3)"), 7),
            Pace::Month => {
                let date = dialect.date(day);
                format!("CAST(extract(year FROM {date}) * 12 + extract(month FROM {date}) - 1 AS BIGINT)")
            }
        }
    }
}

/// A page.
///
/// # Errors
/// When the tables cannot be read.
pub(crate) fn read(view: View, filter: &Filter, tables: &mut dyn Tables, ledger: &Ledger) -> Result<Page, Error> {
    let now = Timestamp::now();
    let condition = filter.condition(tables.dialect(), now);
    let is_begun = tables.exist()?;
    let expired_before = tables.expired_before()?;
    let mut asking = Asking { tables, filter, now, condition, expired_before };
    let asking = &mut asking;
    let earlier = earlier::all(asking, view)?;
    let sections = match view {
        _ if !is_begun => Vec::new(),
        View::Overview => {
            let whole = active::events(asking)?;
            // Tables of an earlier version have no projects yet.
            let projects = asking.tables.are_current()?;
            let wanted = Wanted { versions: true, fresh: true, names: true, projects, ..Wanted::default() };
            let found = installs::read(asking, wanted, number(&whole, "events").unsigned_abs())?;
            let sections = vec![
                active::headline(asking, &whole, found.active)?,
                active::over_time(asking, &found.over_time),
                versions::over_time(asking, &found.versions),
                commands::all(&found.names),
                self::ledger(ledger),
            ];
            sections.into_iter().chain(projects::all(found.projects)).collect()
        }
        View::Versions => {
            let events = asking.count()?;
            let found = installs::read(asking, Wanted { versions: true, ..Wanted::default() }, events)?;
            let over_time = versions::over_time(asking, &found.versions);
            vec![over_time, versions::all(found.versions), versions::errors(asking)?]
        }
        View::Commands => {
            let wanted = Wanted { names: true, destinations: true, ..Wanted::default() };
            let events = asking.count()?;
            let found = installs::read(asking, wanted, events)?;
            vec![
                commands::all(&found.names),
                commands::durations(asking)?,
                commands::destinations(found.destinations),
                commands::sources(asking)?,
            ]
        }
        View::Environments => environments::all(asking)?,
        View::Retention => vec![retention::by_cohort(asking)?],
        View::Quarantine => {
            vec![quarantine::reasons(asking)?, quarantine::latest(asking)?, self::ledger(ledger)]
        }
        View::Live => vec![commands::latest(asking)?],
    };
    Ok(Page { title: view.title(), sections: sections.into_iter().chain(earlier).collect() })
}

fn ledger(ledger: &Ledger) -> Section {
    let places = [
        ("accepted", ledger.accepted),
        ("loaded", ledger.loaded),
        ("quarantined", ledger.quarantined),
        ("deduplicated", ledger.deduplicated),
        ("deleted", ledger.deleted),
        ("replayed", ledger.replayed),
        ("expired", ledger.expired),
        ("in the journal", ledger.in_journal),
    ];
    let mut rows: Vec<_> =
        places.into_iter().map(|(place, count)| vec![Cell::Text(place.to_owned()), Cell::Count(count)]).collect();
    let missing = ledger.unaccounted();
    rows.push(vec![
        Cell::Text("unaccounted for".into()),
        match u64::try_from(missing) {
            Ok(missing) => Cell::Count(missing),
            Err(_) => Cell::Text(missing.to_string()),
        },
    ]);
    section(
        ("ledger", "Ledger"),
        "Every event that was ever accepted is in exactly one place: accepted is the sum of the others.",
        &[("place", "Place"), ("events", "Events")],
        rows,
        Form::Table,
    )
}

fn section(
    (id, title): (&'static str, &str),
    note: &str,
    columns: &[(&'static str, &'static str)],
    rows: Vec<Vec<Cell>>,
    form: Form,
) -> Section {
    Section {
        id,
        title: title.to_owned(),
        note: note.to_owned(),
        columns: columns.iter().map(|(key, title)| Column { key, title }).collect(),
        rows,
        form,
    }
}

/// The first day of a bucket, as a date. Days, weeks and months are counted from 1970.
pub(super) fn date_of(pace: Pace, bucket: i64) -> String {
    let date = |days: i64| Timestamp::from_second(days * 86_400).map(|moment| moment.to_string()[..10].to_owned());
    match pace {
        Pace::Day => date(bucket).unwrap_or_default(),
        Pace::Week => date(bucket * 7 - 3).unwrap_or_default(),
        Pace::Month => {
            let year = i16::try_from(bucket.div_euclid(12)).unwrap_or_default();
            let month = i8::try_from(bucket.rem_euclid(12) + 1).unwrap_or(1);
            Date::new(year, month, 1).map(|date| date.to_string()).unwrap_or_default()
        }
    }
}

fn number(row: &Row, name: &str) -> i64 {
    row.get(name).and_then(Value::as_i64).unwrap_or(0)
}

fn count(row: &Row, name: &str) -> Cell {
    Cell::Count(number(row, name).try_into().unwrap_or(0))
}

fn share(row: &Row, name: &str) -> Cell {
    row.get(name).and_then(Value::as_f64).map_or(Cell::Nothing, Cell::Share)
}

fn seconds(row: &Row, name: &str) -> Cell {
    row.get(name).and_then(Value::as_f64).map_or(Cell::Nothing, Cell::Seconds)
}

fn text(row: &Row, name: &str) -> Cell {
    row.get(name).and_then(Value::as_str).map_or(Cell::Nothing, |text| Cell::Text(text.to_owned()))
}

/// What stands for a text that is not there.
const NOT_TOLD: &str = "not told";

/// A text, with a word for what has none.
fn named(row: &Row, name: &str) -> Cell {
    Cell::Text(row.get(name).and_then(Value::as_str).unwrap_or(NOT_TOLD).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_on_their_days() {
        for (pace, bucket, date) in [
            (Pace::Day, 0, "1970-01-01"),
            (Pace::Day, 20_000, "2024-10-04"),
            (Pace::Week, 0, "1969-12-29"),
            (Pace::Week, 2_857, "2024-09-30"),
            (Pace::Month, 1970 * 12, "1970-01-01"),
            (Pace::Month, 2024 * 12 + 11, "2024-12-01"),
        ] {
            assert_eq!(date_of(pace, bucket), date);
        }
    }
}
