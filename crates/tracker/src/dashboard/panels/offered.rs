//! What the forms of filters offer.

use std::collections::HashMap;

use crate::projects::DEFAULT;
use crate::survey::{Chosen, Count, Survey, Totals, Word, Words};

/// Values that a filter offers.
const MOST: usize = 50;

/// The most frequent values of a range, each list with the most frequent one first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offered {
    pub(crate) libraries: Vec<String>,
    pub(crate) versions: Vec<String>,
    pub(crate) events: Vec<String>,
    pub(crate) projects: Vec<String>,
}

/// Counts events by what forms can offer.
#[derive(Debug, Default)]
pub(super) struct Offering {
    since: Option<i64>,
    libraries: HashMap<Word, u64>,
    versions: HashMap<Word, u64>,
    names: HashMap<Word, u64>,
    projects: HashMap<Word, u64>,
}

impl Offering {
    /// Of the events since a moment, or since ever.
    pub(super) fn new(since: Option<i64>) -> Self {
        Self { since, ..Self::default() }
    }
}

impl Count for Offering {
    type Found = Offered;

    fn add(&mut self, survey: &Survey) {
        let words = survey.words();
        let totals = Totals::of(survey, &Chosen::new(words, self.since, |_| true, |_| true));
        for (sender, events) in words.senders().iter().zip(&totals.senders).filter(|(_, events)| **events > 0) {
            *self.libraries.entry(sender.library).or_default() += events;
            *self.versions.entry(sender.version).or_default() += events;
            *self.projects.entry(sender.project).or_default() += events;
        }
        for (kind, events) in words.kinds().iter().zip(&totals.kinds).filter(|(_, events)| **events > 0) {
            *self.names.entry(kind.name).or_default() += events;
        }
    }

    fn found(self, words: &Words) -> Offered {
        let most = |counted: HashMap<Word, u64>, unnamed: Option<&str>| {
            let named = |(word, events): (Word, u64)| Some((events, words.text(word).or(unnamed)?));
            let mut named = Vec::from_iter(counted.into_iter().filter_map(named));
            named.sort_unstable_by(|one, other| (other.0, one.1).cmp(&(one.0, other.1)));
            named.truncate(MOST);
            named.into_iter().map(|(_, name)| name.to_owned()).collect()
        };
        Offered {
            libraries: most(self.libraries, None),
            versions: most(self.versions, None),
            events: most(self.names, None),
            projects: most(self.projects, Some(DEFAULT)),
        }
    }
}
