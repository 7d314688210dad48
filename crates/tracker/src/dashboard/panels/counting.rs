//! What the figures of a page have in common: one look at the events for all of them.

use jiff::Timestamp;

use crate::dashboard::filter::{Filter, Pace};
use crate::retention::DAY_MICROS;
use crate::survey::{Chosen, Count, Sent, Survey, Totals, Words};

/// A figure of a page: what is counted of the events that its filter chooses.
pub(super) trait Figure {
    /// What comes of it.
    type Found;

    /// Looks at a survey, before its installs.
    fn look(&mut self, seen: &Seen<'_>);

    /// Adds an install of it by those of its events that are chosen, one at least; `install` is its code.
    fn add_install(&mut self, _seen: &Seen<'_>, _install: usize, _events: &[Sent]) {}

    /// Ends it.
    fn found(self, words: &Words) -> Self::Found;
}

/// A survey, and what is chosen of it.
pub(super) struct Seen<'a> {
    pub(super) survey: &'a Survey,
    pub(super) chosen: &'a Chosen,
    /// Of the chosen events.
    pub(super) totals: &'a Totals,
}

impl Seen<'_> {
    pub(super) fn words(&self) -> &Words {
        self.survey.words()
    }
}

/// Figures of the events that a filter chooses.
pub(super) struct Counting<'a, F> {
    pub(super) filter: &'a Filter,
    pub(super) now: Timestamp,
    pub(super) figures: F,
}

impl<F: Figure> Count for Counting<'_, F> {
    type Found = F::Found;

    fn add(&mut self, survey: &Survey) {
        let chosen = self.filter.chosen(survey.words(), self.filter.since(self.now));
        let totals = Totals::of(survey, &chosen);
        let seen = Seen { survey, chosen: &chosen, totals: &totals };
        self.figures.look(&seen);
        survey.by_install(&chosen, |install, events| self.figures.add_install(&seen, install, events));
    }

    fn found(self, words: &Words) -> Self::Found {
        self.figures.found(words)
    }
}

macro_rules! several {
    ($($figure:ident $at:tt),+) => {
        impl<$($figure: Figure),+> Figure for ($($figure,)+) {
            type Found = ($($figure::Found,)+);

            fn look(&mut self, seen: &Seen<'_>) {
                $(self.$at.look(seen);)+
            }

            fn add_install(&mut self, seen: &Seen<'_>, install: usize, events: &[Sent]) {
                $(self.$at.add_install(seen, install, events);)+
            }

            fn found(self, words: &Words) -> Self::Found {
                ($(self.$at.found(words),)+)
            }
        }
    };
}

several!(A 0, B 1);
several!(A 0, B 1, C 2);
several!(A 0, B 1, C 2, D 3);

/// The number of the day, week or month that a moment belongs to, counted from 1970.
pub(super) fn bucket(pace: Pace, moment: i64) -> i64 {
    let day = moment.div_euclid(DAY_MICROS);
    match pace {
        Pace::Day => day,
        // 1970-01-01 was a Thursday.
        Pace::Week => (day + 3).div_euclid(7),
        Pace::Month => month(day),
    }
}

/// The number of the month that a day is in, by years that begin in March: then the day that some have more is the last one.
fn month(day: i64) -> i64 {
    let since = day + 719_468;
    let (era, of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    (era * 400 + year) * 12 + month_from_march + 2
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::ToSpan;
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_moment_is_in_the_bucket_of_its_date() {
        let first = date(1970, 1, 1);
        for days in (-800_000..2_000_000).step_by(13) {
            let date = first.checked_add(days.days()).unwrap();
            let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
            assert_eq!(bucket(Pace::Month, days * DAY_MICROS + DAY_MICROS - 1), month, "{date}");
        }
        for (moment, day, week) in
            [(0, 0, 0), (-1, -1, 0), (4 * DAY_MICROS - 1, 3, 0), (4 * DAY_MICROS, 4, 1), (-3 * DAY_MICROS - 1, -4, -1)]
        {
            assert_eq!((bucket(Pace::Day, moment), bucket(Pace::Week, moment)), (day, week), "{moment}");
        }
    }
}
