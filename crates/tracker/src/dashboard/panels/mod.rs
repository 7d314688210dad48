//! What pages show: a section is the table of what was counted over the survey, or of an answer to a question in SQL.

mod active;
mod commands;
mod counting;
mod earlier;
mod environments;
mod offered;
mod projects;
mod quarantine;
mod retention;
mod times;
mod versions;

use dlt_engine::Error;
use dlt_engine::destination::Row;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use counting::{Counting, Figure};
pub(crate) use offered::Offered;

use super::filter::{Filter, Pace};
use super::page::{Cell, Column, Form, Page, Section};
use crate::ledger::Ledger;
use crate::row::{number, text};
use crate::store::Dialect;
use crate::survey::{Count, Look};

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

/// Rows of a table that are shown to people.
const MAX_ROWS: usize = 100;
/// Rows of a table: what senders make of names is bounded.
const MOST_ROWS: usize = 10_000;

/// What questions are asked with.
struct Asking<'a, 'b> {
    look: &'a mut Look<'b>,
    filter: &'a Filter,
    now: Timestamp,
    /// What arrived before was too old and is deleted, of the chosen project, or of one at least.
    expired_before: Option<String>,
    /// What forms offer, where that is asked for.
    offered: Option<Offered>,
}

impl<'a> Asking<'a, '_> {
    fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        self.look.tables().select(sql)
    }

    fn dialect(&mut self) -> &'static dyn Dialect {
        self.look.tables().dialect()
    }

    /// Whose events are deleted, as a sentence goes on that begins with them.
    fn of_whom(&self) -> &'static str {
        if self.filter.project.is_some() { "" } else { " of one project at least" }
    }

    /// The number of the day, week or month that a day belongs to, which is given by an expression.
    fn bucket_of(&mut self, day: &str) -> String {
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

    /// Counts, and what forms offer with it.
    fn count<C: Count>(&mut self, count: C) -> Result<C::Found, Error> {
        let offering = self.offered.as_ref().map(|_| offered::Offering::new(self.filter.since(self.now)));
        let (found, offered) = self.look.count((count, offering))?;
        self.offered = offered;
        Ok(found)
    }

    /// Counts only what forms offer, where that is asked for.
    fn offer(&mut self) -> Result<(), Error> {
        if self.offered.is_some() {
            self.offered = Some(self.look.count(offered::Offering::new(self.filter.since(self.now)))?);
        }
        Ok(())
    }

    /// Counts figures of what the filter chooses.
    fn figures<F: Figure>(&mut self, figures: F) -> Result<F::Found, Error> {
        let (filter, now): (&'a Filter, _) = (self.filter, self.now);
        self.count(Counting { filter, now, figures })
    }
}

/// A page; with what its forms offer, if that is asked for.
///
/// # Errors
/// When the tables cannot be read.
pub(crate) fn read(
    view: View,
    filter: &Filter,
    look: &mut Look<'_>,
    ledger: &Ledger,
    offers: bool,
) -> Result<(Page, Offered), Error> {
    let now = Timestamp::now();
    let is_begun = look.tables().exist()?;
    let expired_before = look.tables().expired_before(filter.project.as_deref())?;
    let mut asking = Asking { look, filter, now, expired_before, offered: offers.then(Offered::default) };
    let asking = &mut asking;
    let (pace, is_whole) = (filter.pace(), asking.expired_before.is_none());
    let earlier = earlier::all(asking, view)?;
    let sections = match view {
        _ if !is_begun => Vec::new(),
        View::Overview => {
            let times = times::Times::new(pace, true);
            let figures = (active::Headline::new(now), times, commands::All::default(), projects::Projects::default());
            let (headline, over_time, names, projects) = asking.figures(figures)?;
            let sections = vec![
                headline,
                active::over_time(pace, is_whole, &over_time),
                versions::over_time(pace, &over_time),
                names,
                self::ledger(ledger),
            ];
            sections.into_iter().chain(projects).collect()
        }
        View::Versions => {
            let figures = (times::Times::new(pace, false), versions::All::default(), versions::Errors::default());
            let (over_time, all, errors) = asking.figures(figures)?;
            vec![versions::over_time(pace, &over_time), all, errors]
        }
        View::Commands => {
            let figures = (
                commands::All::default(),
                commands::Durations::default(),
                commands::Destinations::default(),
                commands::Sources::default(),
            );
            let (names, durations, destinations, sources) = asking.figures(figures)?;
            vec![names, durations, destinations, sources]
        }
        View::Environments => asking.figures(environments::Environments::default())?,
        View::Retention => {
            let cohorts = asking.count(retention::Cohorts::new(filter))?;
            vec![retention::by_cohort(asking, &cohorts)]
        }
        View::Quarantine => {
            asking.offer()?;
            vec![quarantine::reasons(asking)?, quarantine::latest(asking)?, self::ledger(ledger)]
        }
        View::Live => {
            asking.offer()?;
            vec![commands::latest(asking)?]
        }
    };
    let mut offered = asking.offered.take().unwrap_or_default();
    // Tables of an earlier version have no projects yet, and cannot be asked for one.
    if is_begun && !asking.look.tables().are_current()? {
        offered.projects.clear();
    }
    let others = asking.look.told_apart().map(others);
    Ok((Page { title: view.title(), sections: sections.into_iter().chain(earlier).chain(others).collect() }, offered))
}

/// What is said where senders say more different things than are told apart.
fn others(told_apart: usize) -> Section {
    section(
        ("told_apart", "Too many to be told apart"),
        "Events tell more different names, versions, systems, destinations and sources than that. Those beyond are `others`, together.",
        &[("texts", "texts that are told apart")],
        vec![vec![Cell::Count(told_apart as u64)]],
        Form::Figures,
    )
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
    mut rows: Vec<Vec<Cell>>,
    form: Form,
) -> Section {
    let (most, beyond) = match form {
        Form::Table | Form::Bars => (MAX_ROWS, rows.len().saturating_sub(MOST_ROWS)),
        // A chart has all of them.
        Form::Figures | Form::Layers | Form::Stack | Form::Shades => (rows.len(), 0),
    };
    rows.truncate(rows.len() - beyond);
    Section {
        most,
        beyond,
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

/// What stands for a text that is not there.
const NOT_TOLD: &str = "not told";

/// A text, with a word for what has none.
fn named(text: Option<&str>) -> Cell {
    Cell::Text(text.unwrap_or(NOT_TOLD).to_owned())
}

fn share(share: Option<f64>) -> Cell {
    share.map_or(Cell::Nothing, Cell::Share)
}

fn seconds(seconds: Option<f64>) -> Cell {
    seconds.map_or(Cell::Nothing, Cell::Seconds)
}

fn row_count(row: &Row, name: &str) -> Cell {
    Cell::Count(number(row, name))
}

fn row_share(row: &Row, name: &str) -> Cell {
    share(row.get(name).and_then(Value::as_f64))
}

fn row_seconds(row: &Row, name: &str) -> Cell {
    seconds(row.get(name).and_then(Value::as_f64))
}

fn row_text(row: &Row, name: &str) -> Cell {
    text(row, name).map_or(Cell::Nothing, Cell::Text)
}

fn row_named(row: &Row, name: &str) -> Cell {
    named(text(row, name).as_deref())
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
