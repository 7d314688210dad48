//! The projects that events belong to.

use super::counting::{Figure, Seen};
use super::section;
use crate::dashboard::page::{Cell, Form, Section};
use crate::projects::DEFAULT;
use crate::survey::{Sent, Tally, Word, Words};

/// Counts events and installs of each project.
#[derive(Debug, Default)]
pub(super) struct Projects(Tally<Word, String>);

impl Figure for Projects {
    /// Nothing where there is the default one alone.
    type Found = Option<Section>;

    fn look(&mut self, seen: &Seen<'_>) {
        let words = seen.words();
        let name = |word: &Word| [words.text(*word).unwrap_or(DEFAULT).to_owned()];
        self.0.learn(words.senders(), |sender| sender.project, name);
        self.0.add_events(&seen.totals.senders);
    }

    fn add_install(&mut self, _seen: &Seen<'_>, _install: usize, events: &[Sent]) {
        self.0.add_install(events.iter().map(|sent| sent.sender));
    }

    fn found(self, _words: &Words) -> Option<Section> {
        let mut found = Vec::from_iter(self.0.found());
        if !found.iter().any(|(name, ..)| name != DEFAULT) {
            return None;
        }
        found.sort_unstable_by(|one, other| (other.2, &one.0).cmp(&(one.2, &other.0)));
        let row = |(name, installs, events)| vec![Cell::Text(name), Cell::Count(events), Cell::Count(installs)];
        Some(section(
            ("projects", "Projects"),
            "Whose events they are, by the write keys that they came with.",
            &[("project", "Project"), ("events", "Events"), ("installs", "Installs")],
            found.into_iter().map(row).collect(),
            Form::Table,
        ))
    }
}
