//! Events by their names, with what is told of them.

use std::cmp::Reverse;

use super::count::{Portion, Sent, Tally, Totals, quantile};
use super::words::{Word, Words};
use super::{Chosen, Survey};

/// Counts events by name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    tally: Tally<Word, Word>,
    /// By the code of a name, as the next one.
    succeeded: Vec<Portion>,
    /// How long events took.
    seconds: Vec<Vec<f64>>,
}

/// What is told of the events of a name. Success and durations are of those that tell them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: Option<String>,
    pub(crate) events: u64,
    pub(crate) installs: u64,
    pub(crate) success: Option<f64>,
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
}

impl Names {
    /// Adds the chosen events of a survey; `totals` are those of them.
    pub(crate) fn add(&mut self, survey: &Survey, chosen: &Chosen, totals: &Totals) {
        let kinds = survey.words().kinds();
        self.tally.learn(kinds, |kind| kind.name, |name| [*name]);
        self.tally.add_events(&totals.kinds);
        let names = Vec::from_iter((0..kinds.len()).map(|kind| self.tally.of(kind)[0] as usize));
        let last = names.iter().copied().max().map_or(0, |last| last + 1);
        self.succeeded.resize(last.max(self.succeeded.len()), Portion::default());
        self.seconds.resize_with(last.max(self.seconds.len()), Vec::new);
        let mut room = vec![0; self.seconds.len()];
        for ((kind, name), events) in kinds.iter().zip(&names).zip(&totals.kinds) {
            self.succeeded[*name].add(kind.succeeded, *events);
            room[*name] += *events as usize;
        }
        // Doubling would take more than there is.
        self.seconds.iter_mut().zip(room).for_each(|(seconds, room)| seconds.reserve_exact(room));
        survey.each(|event| {
            if let Some(seconds) = event.seconds().filter(|_| chosen.has(&event)) {
                self.seconds[names[event.kind as usize]].push(seconds);
            }
        });
    }

    /// Adds an install by its events.
    pub(crate) fn add_install(&mut self, events: &[Sent]) {
        self.tally.add_install(events.iter().map(|sent| sent.kind));
    }

    /// All names, the most frequent first.
    pub(crate) fn found(mut self, words: &Words) -> Vec<Named> {
        let told = self
            .succeeded
            .iter()
            .zip(&mut self.seconds)
            .map(|(succeeded, seconds)| (succeeded.share(), quantile(seconds, 0.5), quantile(seconds, 0.95)));
        let told = Vec::from_iter(told);
        let named = self.tally.found_by_code().map(|(code, name, installs, events)| {
            let (success, p50, p95) = told[code];
            Named { name: words.text(name).map(str::to_owned), events, installs, success, p50, p95 }
        });
        let mut all = Vec::from_iter(named);
        all.sort_by_cached_key(|named| (Reverse(named.events), named.name.is_none(), named.name.clone()));
        all
    }
}
