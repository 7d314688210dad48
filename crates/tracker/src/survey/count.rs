//! Counting over a survey.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use super::Survey;
use super::events::{Event, NEVER, known};
use super::words::{Kind, Sender, Words};

/// Events that are put in order at a time, about: those of more installs follow in further looks, so that memory is bounded.
const IN_ORDER: u32 = if cfg!(test) { 64 } else { 1 << 19 };

/// Something that is counted: over all events, or over parts of them, each of which has all events of its installs.
pub(crate) trait Count {
    /// What comes of it.
    type Found;

    /// Adds the events of a survey.
    fn add(&mut self, survey: &Survey);

    /// Ends it. `words` are those of all surveys that were added: codes stand for the same in each.
    fn found(self, words: &Words) -> Self::Found;
}

impl<A: Count, B: Count> Count for (A, B) {
    type Found = (A::Found, B::Found);

    fn add(&mut self, survey: &Survey) {
        self.0.add(survey);
        self.1.add(survey);
    }

    fn found(self, words: &Words) -> Self::Found {
        (self.0.found(words), self.1.found(words))
    }
}

impl<C: Count> Count for Option<C> {
    type Found = Option<C::Found>;

    fn add(&mut self, survey: &Survey) {
        if let Some(count) = self {
            count.add(survey);
        }
    }

    fn found(self, words: &Words) -> Self::Found {
        self.map(|count| count.found(words))
    }
}

/// Which events count, by their codes.
#[derive(Debug)]
pub(crate) struct Chosen {
    since: i64,
    senders: Vec<bool>,
    kinds: Vec<bool>,
}

impl Chosen {
    /// Those since a moment, or since ever, of some senders and kinds.
    pub(crate) fn new(
        words: &Words,
        since: Option<i64>,
        sender: impl Fn(&Sender) -> bool,
        kind: impl Fn(&Kind) -> bool,
    ) -> Self {
        Self {
            since: since.unwrap_or(i64::MIN),
            senders: words.senders().iter().map(sender).collect(),
            kinds: words.kinds().iter().map(kind).collect(),
        }
    }

    /// Whether an event counts.
    pub(crate) fn has(&self, event: &Event) -> bool {
        event.is_since(self.since) && self.has_at_any_time(event)
    }

    /// Whether it would, had it happened at another time.
    pub(crate) fn has_at_any_time(&self, event: &Event) -> bool {
        self.senders[event.sender as usize] && self.kinds[event.kind as usize]
    }
}

/// What counts of an event beside its install.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    moment: i64,
    pub(crate) sender: u32,
    pub(crate) kind: u32,
}

impl Sent {
    /// When it happened, in microseconds since 1970, if that is known.
    pub(crate) fn moment(&self) -> Option<i64> {
        known(self.moment)
    }
}

impl Survey {
    /// When each install was met last, by its code, in events that are chosen at any time; before all moments where there are none.
    pub(crate) fn lasts(&self, chosen: &Chosen) -> Vec<i64> {
        self.ends(chosen, NEVER, i64::max)
    }

    /// When each install was met first, by its code, in events that are chosen at any time; behind all moments where there are none.
    pub(crate) fn firsts(&self, chosen: &Chosen) -> Vec<i64> {
        self.ends(chosen, i64::MAX, i64::min)
    }

    fn ends(&self, chosen: &Chosen, beyond: i64, end: fn(i64, i64) -> i64) -> Vec<i64> {
        let mut ends = vec![beyond; self.installs()];
        self.each(|event| {
            let met = event.install().filter(|_| chosen.has_at_any_time(&event)).zip(event.moment());
            if let Some((install, moment)) = met {
                ends[install] = end(ends[install], moment);
            }
        });
        ends
    }

    /// Tells the chosen events of each install that has any, and the code of the install.
    pub(crate) fn by_install(&self, chosen: &Chosen, mut on_install: impl FnMut(usize, &[Sent])) {
        let mut counts = vec![0_u32; self.installs()];
        self.each(|event| {
            if let Some(install) = event.install().filter(|_| chosen.has(&event)) {
                counts[install] += 1;
            }
        });
        let nothing = Sent { moment: NEVER, sender: 0, kind: 0 };
        let mut sorted = Vec::new();
        let mut first = 0;
        while first < counts.len() {
            // So many installs at a time.
            let (mut ends, mut size) = (Vec::new(), 0);
            while let Some(count) = counts.get(first + ends.len())
                && (ends.is_empty() || size + count <= IN_ORDER)
            {
                // Where its next event belongs: in the end, where its events end.
                ends.push(size);
                size += count;
            }
            sorted.clear();
            sorted.resize(size as usize, nothing);
            self.each(|event| {
                let end = event.install().and_then(|install| ends.get_mut(install.wrapping_sub(first)));
                if let Some(end) = end.filter(|_| chosen.has(&event)) {
                    sorted[*end as usize] = Sent { moment: event.moment, sender: event.sender, kind: event.kind };
                    *end += 1;
                }
            });
            let mut begin = 0;
            for (install, end) in ends.iter().enumerate() {
                let events = &sorted[begin..*end as usize];
                if !events.is_empty() {
                    on_install(first + install, events);
                }
                begin = *end as usize;
            }
            first += ends.len();
        }
    }
}

/// How many installs and events there are of each of some things. What an owner (a sender, or a kind) has of them is decided by a key.
#[derive(Debug)]
pub(crate) struct Tally<K, T> {
    things: Vec<T>,
    codes: HashMap<T, u32>,
    /// By the code of an owner, where the codes of its things are in `listed`.
    owners: Vec<Range<u32>>,
    keys: HashMap<K, Range<u32>>,
    listed: Vec<u32>,
    /// Installs and events by the codes of things.
    counts: Vec<(u64, u64)>,
    /// The number of the install that a thing was met at last.
    met: Vec<u64>,
    install: u64,
}

impl<K, T> Default for Tally<K, T> {
    fn default() -> Self {
        Self {
            things: Vec::new(),
            codes: HashMap::new(),
            owners: Vec::new(),
            keys: HashMap::new(),
            listed: Vec::new(),
            counts: Vec::new(),
            met: Vec::new(),
            install: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, T: Clone + Eq + Hash> Tally<K, T> {
    /// Learns what those owners have that it does not know yet.
    pub(crate) fn learn<O, I: IntoIterator<Item = T>>(
        &mut self,
        owners: &[O],
        key: impl Fn(&O) -> K,
        things: impl Fn(&K) -> I,
    ) {
        for owner in &owners[self.owners.len()..] {
            let key = key(owner);
            let range = match self.keys.get(&key) {
                Some(range) => range.clone(),
                None => {
                    let begin = code(self.listed.len());
                    for thing in things(&key) {
                        let thing = self.code_of(thing);
                        self.listed.push(thing);
                    }
                    let range = begin..code(self.listed.len());
                    self.keys.insert(key, range.clone());
                    range
                }
            };
            self.owners.push(range);
        }
    }

    fn code_of(&mut self, thing: T) -> u32 {
        if let Some(code) = self.codes.get(&thing) {
            return *code;
        }
        let code = code(self.things.len());
        self.things.push(thing.clone());
        self.codes.insert(thing, code);
        self.counts.push((0, 0));
        self.met.push(0);
        code
    }

    /// The codes of the things of an owner.
    pub(super) fn of(&self, owner: usize) -> &[u32] {
        let Range { start, end } = self.owners[owner];
        &self.listed[start as usize..end as usize]
    }

    /// Counts events by their owners.
    pub(crate) fn add_events(&mut self, events: &[u64]) {
        for (owner, events) in events.iter().enumerate().filter(|(_, events)| **events > 0) {
            let Range { start, end } = self.owners[owner];
            for thing in &self.listed[start as usize..end as usize] {
                self.counts[*thing as usize].1 += events;
            }
        }
    }

    /// Counts an install for the things of all owners of its events.
    pub(crate) fn add_install(&mut self, owners: impl Iterator<Item = u32>) {
        self.install += 1;
        let mut last = None;
        for owner in owners {
            // Most events of an install have the same.
            if last.replace(owner) == Some(owner) {
                continue;
            }
            let Range { start, end } = self.owners[owner as usize];
            for thing in &self.listed[start as usize..end as usize] {
                let thing = *thing as usize;
                if self.met[thing] != self.install {
                    self.met[thing] = self.install;
                    self.counts[thing].0 += 1;
                }
            }
        }
    }

    /// Things that have events, with their installs and events.
    pub(crate) fn found(self) -> impl Iterator<Item = (T, u64, u64)> {
        self.found_by_code().map(|(_, thing, installs, events)| (thing, installs, events))
    }

    /// As [`Tally::found`], each behind its code.
    pub(super) fn found_by_code(self) -> impl Iterator<Item = (usize, T, u64, u64)> {
        let all = self.things.into_iter().zip(self.counts).enumerate();
        all.filter(|(_, (_, (_, events)))| *events > 0)
            .map(|(code, (thing, (installs, events)))| (code, thing, installs, events))
    }
}

fn code(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Events by the codes of their senders and kinds.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) senders: Vec<u64>,
    pub(crate) kinds: Vec<u64>,
}

impl Totals {
    /// Those of the chosen events.
    pub(crate) fn of(survey: &Survey, chosen: &Chosen) -> Self {
        let words = survey.words();
        let mut totals = Self { senders: vec![0; words.senders().len()], kinds: vec![0; words.kinds().len()] };
        survey.each(|event| {
            if chosen.has(&event) {
                totals.senders[event.sender as usize] += 1;
                totals.kinds[event.kind as usize] += 1;
            }
        });
        totals
    }

    /// All of them.
    pub(crate) fn events(&self) -> u64 {
        self.senders.iter().sum()
    }

    /// How many of them tell yes or no by their senders.
    pub(crate) fn portion(&self, words: &Words, told: impl Fn(&Sender) -> Option<bool>) -> Portion {
        let mut portion = Portion::default();
        for (sender, events) in words.senders().iter().zip(&self.senders) {
            portion.add(told(sender), *events);
        }
        portion
    }
}

/// A share of truths among those that are told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Portion {
    yes: u64,
    no: u64,
}

impl Portion {
    pub(crate) fn add(&mut self, told: Option<bool>, events: u64) {
        match told {
            Some(true) => self.yes += events,
            Some(false) => self.no += events,
            None => {}
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        (self.yes, self.no) = (self.yes + other.yes, self.no + other.no);
    }

    /// How many tell it.
    pub(crate) fn all(self) -> u64 {
        self.yes + self.no
    }

    /// `None` where nothing is told.
    pub(crate) fn share(self) -> Option<f64> {
        (self.all() > 0).then(|| self.yes as f64 / self.all() as f64)
    }
}

/// The value that a share of all is below, between two of them where it falls there. They are put into another order.
pub(super) fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = last as f64 * share;
    let (low, high) = (place.floor(), place.ceil());
    let (_, below, rest) = values.select_nth_unstable_by(low as usize, f64::total_cmp);
    let below = *below;
    if low == high {
        return Some(below);
    }
    let above = rest.iter().copied().min_by(f64::total_cmp).unwrap_or(below);
    Some(below + (above - below) * (place - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_install_counts_once_for_each_thing_that_it_has() {
        let mut tally = Tally::default();
        let owners = ["a b", "", "b"];
        let words = |list: &&'static str| list.split_whitespace();
        tally.learn(&owners, |list| *list, words);
        tally.add_events(&[3, 1, 4]);
        tally.add_install([0, 0, 2, 0, 1].into_iter());
        tally.add_install([2].into_iter());
        // A part later there are more.
        let owners = ["a b", "", "b", "c c d", "e", "b"];
        tally.learn(&owners, |list| *list, words);
        tally.add_events(&[0, 0, 0, 2, 0, 1]);
        tally.add_install([3, 5].into_iter());
        let found = Vec::from_iter(tally.found());
        assert_eq!(found, [("a", 1, 3), ("b", 3, 8), ("c", 1, 4), ("d", 1, 2)], "events as often as it is listed");
    }

    #[test]
    fn a_quantile_is_between_two_values() {
        for (values, share, expected) in [
            (&mut [][..], 0.5, None),
            (&mut [7.0], 0.95, Some(7.0)),
            (&mut [4.0, 1.0, 3.0, 2.0], 0.5, Some(2.5)),
            (&mut [5.0, 1.0, 3.0], 0.5, Some(3.0)),
            (&mut [10.0, 0.0], 0.95, Some(9.5)),
        ] {
            assert_eq!(quantile(values, share), expected);
        }
    }
}
