//! Which versions are in use, and how they do.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::counting::{Figure, Seen};
use super::times::{OverTime, version_name};
use super::{date_of, named, section, share};
use crate::dashboard::filter::Pace;
use crate::dashboard::page::{Cell, Form, Section};
use crate::survey::{Portion, Sent, Tally, Word, Words};

/// Versions that a chart tells apart; the others are one.
const MAX_SHOWN: usize = 6;

/// Installs by version over time.
pub(super) fn over_time(pace: Pace, found: &OverTime) -> Section {
    let row = |(time, version, installs): (i64, String, u64)| {
        vec![Cell::Text(date_of(pace, time)), Cell::Text(version), Cell::Count(installs)]
    };
    section(
        ("versions_over_time", &format!("Installs by version and {}", pace.word())),
        "An install that changes its version counts for both.",
        &[("begins", "Begins"), ("version", "Version"), ("installs", "Installs")],
        found.versions(MAX_SHOWN).into_iter().map(row).collect(),
        Form::Stack,
    )
}

/// Counts all versions in the range.
#[derive(Debug, Default)]
pub(super) struct All(Tally<[Word; 2], [Word; 2]>);

impl Figure for All {
    type Found = Section;

    fn look(&mut self, seen: &Seen<'_>) {
        self.0.learn(seen.words().senders(), |sender| [sender.library, sender.version], |pair| [*pair]);
        self.0.add_events(&seen.totals.senders);
    }

    fn add_install(&mut self, _seen: &Seen<'_>, _install: usize, events: &[Sent]) {
        self.0.add_install(events.iter().map(|sent| sent.sender));
    }

    fn found(self, words: &Words) -> Section {
        let texts =
            |(pair, installs, events): ([Word; 2], u64, u64)| (pair.map(|word| words.text(word)), installs, events);
        let mut all = Vec::from_iter(self.0.found().map(texts));
        // What has no name comes after all names.
        let name = |text: Option<&str>| (text.is_none(), text.map(str::to_owned));
        all.sort_by_cached_key(|([library, version], installs, events)| {
            (Reverse(*installs), Reverse(*events), name(*library), name(*version))
        });
        let row = |([library, version], installs, events): ([Option<&str>; 2], u64, u64)| {
            vec![named(library), named(version), Cell::Count(installs), Cell::Count(events)]
        };
        section(
            ("versions", "Versions"),
            "",
            &[("library", "Library"), ("version", "Version"), ("installs", "Installs"), ("events", "Events")],
            all.into_iter().map(row).collect(),
            Form::Table,
        )
    }
}

/// Counts how often events of each version report a failure.
#[derive(Debug, Default)]
pub(super) struct Errors(HashMap<[Word; 2], Portion>);

impl Figure for Errors {
    type Found = Section;

    fn look(&mut self, seen: &Seen<'_>) {
        let (senders, kinds) = (seen.words().senders(), seen.words().kinds());
        let mut failed = vec![Portion::default(); senders.len()];
        seen.survey.each(|event| {
            if seen.chosen.has(&event) {
                let succeeded = kinds[event.kind as usize].succeeded;
                failed[event.sender as usize].add(succeeded.map(|succeeded| !succeeded), 1);
            }
        });
        for (sender, failed) in senders.iter().zip(failed) {
            self.0.entry([sender.library, sender.version]).or_default().extend(failed);
        }
    }

    fn found(self, words: &Words) -> Section {
        let mut by_name: HashMap<String, Portion> = HashMap::new();
        for (pair, failed) in self.0.into_iter().filter(|(_, failed)| failed.all() > 0) {
            by_name.entry(version_name(words, pair)).or_default().extend(failed);
        }
        let mut all = Vec::from_iter(by_name);
        all.sort_unstable_by(|one, other| (other.1.all(), &one.0).cmp(&(one.1.all(), &other.0)));
        let row = |(version, failed): (String, Portion)| {
            vec![Cell::Text(version), share(failed.share()), Cell::Count(failed.all())]
        };
        section(
            ("errors", "Errors by version"),
            "The share of failures among events that say whether they succeeded.",
            &[("version", "Version"), ("error_share", "Failed"), ("events", "Events that say so")],
            all.into_iter().map(row).collect(),
            Form::Bars,
        )
    }
}
