//! Who comes back.

use std::collections::BTreeMap;

use dlt_engine::Error;

use super::{Asking, date_of, number, section};
use crate::dashboard::filter::Pace;
use crate::dashboard::page::{Cell, Form, Section};
use crate::store::schema::EVENTS;

/// Weeks after the first that are shown.
const WEEKS: [(&str, &str); 9] = [
    ("week_0", "week 0"),
    ("week_1", "+1"),
    ("week_2", "+2"),
    ("week_3", "+3"),
    ("week_4", "+4"),
    ("week_5", "+5"),
    ("week_6", "+6"),
    ("week_7", "+7"),
    ("week_8", "+8"),
];
/// Cohorts that are shown, the newest.
const MAX_COHORTS: usize = 26;

/// Installs by the week of their first event: how many of them were active so many weeks later.
pub(super) fn by_cohort(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let dialect = asking.dialect();
    let week = dialect.quotient(&format!("({} + 3)", dialect.day_of("timestamp")), 7);
    let senders = asking.filter.condition_of_all_time(dialect);
    let rows = asking.rows(&format!(
        "WITH seen AS (SELECT DISTINCT {} AS install, {week} AS week FROM {EVENTS} \
           WHERE anonymous_id IS NOT NULL AND {senders}), \
         firsts AS (SELECT install, min(week) AS first FROM seen GROUP BY install) \
         SELECT first, week - first AS later, count(*) AS installs FROM seen JOIN firsts USING (install) \
         WHERE week - first < {} GROUP BY 1, 2 ORDER BY 1, 2",
        dialect.hash(&["anonymous_id"]),
        WEEKS.len()
    ))?;
    let mut cohorts: BTreeMap<i64, [i64; WEEKS.len()]> = BTreeMap::new();
    for row in &rows {
        let weeks = cohorts.entry(number(row, "first")).or_default();
        let later = usize::try_from(number(row, "later")).ok();
        if let Some(installs) = later.and_then(|later| weeks.get_mut(later)) {
            *installs = number(row, "installs");
        }
    }
    let this_week = (asking.now.as_second().div_euclid(86_400) + 3).div_euclid(7);
    let row = |(first, weeks): (&i64, &[i64; WEEKS.len()])| {
        let size = weeks[0];
        let shares = weeks.iter().zip(0..).map(|(installs, later)| match first + later <= this_week {
            true => Cell::Share(*installs as f64 / size.max(1) as f64),
            // It has not been yet.
            false => Cell::Nothing,
        });
        let name = Cell::Text(date_of(Pace::Week, *first));
        [name, Cell::Count(size.try_into().unwrap_or(0))].into_iter().chain(shares).collect()
    };
    let columns: Vec<_> = [("cohort", "First week"), ("installs", "Installs")].into_iter().chain(WEEKS).collect();
    let kept = match &asking.expired_before {
        Some(before) => format!(
            " Events that arrived before {} are deleted: cohorts begin with what is kept.",
            before.get(..10).unwrap_or(before)
        ),
        None => String::new(),
    };
    let note = "Installs by the week of their first event, and the share of them that sent one so many weeks later. The range \
         does not count here; the other filters do. The last week of each row is not over where it is this one.";
    Ok(section(
        ("retention", "Retention by cohort"),
        &(note.to_owned() + &kept),
        &columns,
        cohorts.iter().rev().take(MAX_COHORTS).map(row).collect(),
        Form::Shades,
    ))
}
