//! Who uses it.

use jiff::Timestamp;

use super::counting::{Figure, Seen};
use super::times::OverTime;
use super::{date_of, section, share};
use crate::dashboard::filter::Pace;
use crate::dashboard::page::{Cell, Form, Section};
use crate::retention::DAY_MICROS;
use crate::survey::{Portion, Sent, Words};

/// Counts the figures at the top.
#[derive(Debug)]
pub(super) struct Headline {
    /// The moments since which an install counts as one of 1, 7 and 30 days.
    since: [i64; 3],
    recent: [u64; 3],
    active: u64,
    events: u64,
    ci: Portion,
    container: Portion,
    lost: u64,
}

impl Headline {
    pub(super) fn new(now: Timestamp) -> Self {
        let since = [1, 7, 30].map(|days| now.as_microsecond() - days * DAY_MICROS);
        let (ci, container) = (Portion::default(), Portion::default());
        Self { since, recent: [0; 3], active: 0, events: 0, ci, container, lost: 0 }
    }
}

impl Figure for Headline {
    type Found = Section;

    fn look(&mut self, seen: &Seen<'_>) {
        let (words, totals) = (seen.words(), seen.totals);
        self.events += totals.events();
        self.ci.extend(totals.portion(words, |sender| sender.is_ci));
        self.container.extend(totals.portion(words, |sender| sender.is_in_container(words)));
        self.lost += seen.survey.lost().filter(|(event, _)| seen.chosen.has(event)).map(|(_, lost)| lost).sum::<u64>();
        // Of all time, whatever the range.
        let lasts = seen.survey.lasts(seen.chosen);
        for (since, recent) in self.since.iter().zip(&mut self.recent) {
            *recent += lasts.iter().filter(|last| *last >= since).count() as u64;
        }
    }

    fn add_install(&mut self, _seen: &Seen<'_>, _install: usize, _events: &[Sent]) {
        self.active += 1;
    }

    fn found(self, _words: &Words) -> Section {
        let (events, lost) = (self.events as f64, self.lost as f64);
        let [day, week, month] = self.recent.map(Cell::Count);
        let row = vec![
            day,
            week,
            month,
            Cell::Count(self.active),
            Cell::Count(self.events),
            share(self.ci.share()),
            share(self.container.share()),
            share((events + lost > 0.0).then(|| lost / (events + lost))),
        ];
        section(
            ("headline", "Active installs"),
            "An install is an anonymous id. Machines of continuous integration and containers often bring a new one with each \
             run: their shares of the events stand beside, and so does what clients say they lost before it was sent.",
            &[
                ("active_1_day", "in 1 day"),
                ("active_7_days", "in 7 days"),
                ("active_30_days", "in 30 days"),
                ("active", "in the range"),
                ("events", "events in the range"),
                ("ci_share", "of them from CI"),
                ("container_share", "from containers"),
                ("lost_share", "lost by clients"),
            ],
            vec![row],
            Form::Figures,
        )
    }
}

/// Active installs over time, and how many of them are new.
pub(super) fn over_time(pace: Pace, is_whole: bool, found: &OverTime) -> Section {
    let found = found.active();
    let range = found.keys().next().copied().zip(found.keys().next_back().copied());
    let buckets = range.map_or(0..0, |(first, last)| first..last + 1);
    let rows = buckets.map(|bucket| {
        let (active, fresh) = found.get(&bucket).copied().unwrap_or_default();
        vec![Cell::Text(date_of(pace, bucket)), Cell::Count(active - fresh), Cell::Count(fresh), Cell::Count(active)]
    });
    section(
        ("active", &format!("Active installs by {}", pace.word())),
        match is_whole {
            true => "New ones are those whose first event of all time is in it.",
            false => {
                "New ones are those whose first event that is kept is in it: who was away since older ones were deleted counts as new."
            }
        },
        &[("begins", "Begins"), ("returning", "Returning"), ("new", "New"), ("active", "Active")],
        rows.collect(),
        Form::Layers,
    )
}
