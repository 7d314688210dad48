//! Who comes back.

use std::collections::BTreeMap;

use super::counting::bucket;
use super::{Asking, date_of, section};
use crate::dashboard::filter::{Filter, Pace};
use crate::dashboard::page::{Cell, Form, Section};
use crate::survey::{Count, Sent, Survey, Words};

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

/// Counts installs by the week of their first event, and how many of them were active so many weeks later.
pub(super) struct Cohorts<'a> {
    filter: &'a Filter,
    cohorts: BTreeMap<i64, [u64; WEEKS.len()]>,
}

impl<'a> Cohorts<'a> {
    pub(super) fn new(filter: &'a Filter) -> Self {
        Self { filter, cohorts: BTreeMap::new() }
    }
}

impl Count for Cohorts<'_> {
    type Found = BTreeMap<i64, [u64; WEEKS.len()]>;

    fn add(&mut self, survey: &Survey) {
        let chosen = self.filter.chosen(survey.words(), None);
        survey.by_install(&chosen, |_, events| {
            let weeks = events.iter().filter_map(Sent::moment).map(|moment| bucket(Pace::Week, moment));
            let Some(first) = weeks.clone().min() else { return };
            let mut was_active = [false; WEEKS.len()];
            for later in weeks.filter_map(|week| usize::try_from(week - first).ok()) {
                if let Some(was_active) = was_active.get_mut(later) {
                    *was_active = true;
                }
            }
            let cohort = self.cohorts.entry(first).or_default();
            cohort.iter_mut().zip(was_active).for_each(|(installs, was_active)| *installs += u64::from(was_active));
        });
    }

    fn found(self, _words: &Words) -> Self::Found {
        self.cohorts
    }
}

/// Cohorts as a table.
pub(super) fn by_cohort(asking: &Asking<'_, '_>, cohorts: &BTreeMap<i64, [u64; WEEKS.len()]>) -> Section {
    let this_week = (asking.now.as_second().div_euclid(86_400) + 3).div_euclid(7);
    let row = |(first, weeks): (&i64, &[u64; WEEKS.len()])| {
        let size = weeks[0];
        let shares = weeks.iter().zip(0..).map(|(installs, later)| match first + later <= this_week {
            true => Cell::Share(*installs as f64 / size.max(1) as f64),
            // It has not been yet.
            false => Cell::Nothing,
        });
        let name = Cell::Text(date_of(Pace::Week, *first));
        [name, Cell::Count(size)].into_iter().chain(shares).collect()
    };
    let columns: Vec<_> = [("cohort", "First week"), ("installs", "Installs")].into_iter().chain(WEEKS).collect();
    let kept = match &asking.expired_before {
        Some(before) => format!(
            " Events{} that arrived before {} are deleted: cohorts begin with what is kept.",
            asking.of_whom(),
            before.get(..10).unwrap_or(before)
        ),
        None => String::new(),
    };
    let note = "Installs by the week of their first event, and the share of them that sent one so many weeks later. The range \
         does not count here; the other filters do. The last week of each row is not over where it is this one.";
    let section = section(
        ("retention", "Retention by cohort"),
        &(note.to_owned() + &kept),
        &columns,
        cohorts.iter().rev().map(row).collect(),
        Form::Shades,
    );
    Section { most: MAX_COHORTS, ..section }
}
