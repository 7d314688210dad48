//! Installs over time, and their versions.

use std::collections::{BTreeMap, HashMap};

use super::counting::{Figure, Seen, bucket};
use crate::dashboard::filter::Pace;
use crate::survey::{Sent, Word, Words};

/// Counts installs by time, and by time and version.
#[derive(Debug)]
pub(super) struct Times {
    pace: Pace,
    /// The first moment of each install, where it is asked which are new.
    firsts: Option<Vec<i64>>,
    /// Which name a chart has for a library and version: two pairs may have the same.
    pairs: HashMap<[Word; 2], u32>,
    codes: HashMap<String, u32>,
    /// By sender.
    named: Vec<u32>,
    had: Vec<(i64, u32)>,
    found: OverTime,
}

/// Installs by the numbers of days, weeks or months.
#[derive(Debug, Default)]
pub(super) struct OverTime {
    names: Vec<String>,
    /// Installs that had one version in a time, by time and name.
    one: HashMap<(i64, u32), u64>,
    /// Installs that had several, by time and their names.
    several: HashMap<(i64, Vec<u32>), u64>,
    /// Those that were met first in a time.
    fresh: HashMap<i64, u64>,
}

impl Times {
    /// `with_new`: also which installs of a time are new.
    pub(super) fn new(pace: Pace, with_new: bool) -> Self {
        Self {
            pace,
            firsts: with_new.then(Vec::new),
            pairs: HashMap::new(),
            codes: HashMap::new(),
            named: Vec::new(),
            had: Vec::new(),
            found: OverTime::default(),
        }
    }

    /// Learns the names of the versions of new senders.
    fn learn(&mut self, words: &Words) {
        for sender in &words.senders()[self.named.len()..] {
            let pair = [sender.library, sender.version];
            let name = match self.pairs.get(&pair) {
                Some(name) => *name,
                None => {
                    let name = version_name(words, pair);
                    let next = u32::try_from(self.codes.len()).unwrap_or(u32::MAX);
                    let code = *self.codes.entry(name.clone()).or_insert(next);
                    if code == next {
                        self.found.names.push(name);
                    }
                    self.pairs.insert(pair, code);
                    code
                }
            };
            self.named.push(name);
        }
    }
}

impl Figure for Times {
    type Found = OverTime;

    fn look(&mut self, seen: &Seen<'_>) {
        self.learn(seen.words());
        if let Some(firsts) = &mut self.firsts {
            *firsts = seen.survey.firsts(seen.chosen);
        }
    }

    fn add_install(&mut self, _seen: &Seen<'_>, install: usize, events: &[Sent]) {
        let pace = self.pace;
        let of_a_time =
            events.iter().filter_map(|sent| Some((bucket(pace, sent.moment()?), self.named[sent.sender as usize])));
        self.had.clear();
        self.had.extend(of_a_time);
        self.had.sort_unstable();
        self.had.dedup();
        for of_a_time in self.had.chunk_by(|one, other| one.0 == other.0) {
            match of_a_time {
                [one] => *self.found.one.entry(*one).or_default() += 1,
                several => {
                    let names = Vec::from_iter(several.iter().map(|(_, name)| *name));
                    *self.found.several.entry((several[0].0, names)).or_default() += 1;
                }
            }
        }
        if let (Some(firsts), Some((time, _))) = (&self.firsts, self.had.first())
            && bucket(pace, firsts[install]) == *time
        {
            *self.found.fresh.entry(*time).or_default() += 1;
        }
    }

    fn found(self, _words: &Words) -> OverTime {
        self.found
    }
}

impl OverTime {
    /// Active installs by time, and how many of them are new.
    pub(super) fn active(&self) -> BTreeMap<i64, (u64, u64)> {
        let mut found: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        let one = self.one.iter().map(|((time, _), installs)| (time, installs));
        for (time, installs) in one.chain(self.several.iter().map(|((time, _), installs)| (time, installs))) {
            found.entry(*time).or_default().0 += installs;
        }
        for (time, installs) in &self.fresh {
            found.entry(*time).or_default().1 += installs;
        }
        found
    }

    /// Installs by time and version, the most frequent versions by their names, the others as one.
    pub(super) fn versions(&self, shown: usize) -> Vec<(i64, String, u64)> {
        let mut whole = vec![0; self.names.len()];
        let each = self.one.iter().map(|((_, name), installs)| (std::slice::from_ref(name), *installs));
        for (names, installs) in each.chain(self.several.iter().map(|((_, names), count)| (names.as_slice(), *count))) {
            names.iter().for_each(|name| whole[*name as usize] += installs);
        }
        let mut top = Vec::from_iter(0..self.names.len());
        top.sort_unstable_by(|one, other| {
            whole[*other].cmp(&whole[*one]).then(self.names[*one].cmp(&self.names[*other]))
        });
        top.truncate(shown);
        let label = |name: u32| match top.contains(&(name as usize)) {
            true => self.names[name as usize].as_str(),
            false => "others",
        };
        let mut found: BTreeMap<(i64, &str), u64> = BTreeMap::new();
        for ((time, name), installs) in &self.one {
            *found.entry((*time, label(*name))).or_default() += installs;
        }
        for ((time, names), installs) in &self.several {
            let mut labels = Vec::from_iter(names.iter().map(|name| label(*name)));
            labels.sort_unstable();
            labels.dedup();
            for label in labels {
                *found.entry((*time, label)).or_default() += installs;
            }
        }
        found.into_iter().map(|((time, label), installs)| (time, label.to_owned(), installs)).collect()
    }
}

/// How a library and its version are called together.
pub(super) fn version_name(words: &Words, [library, version]: [Word; 2]) -> String {
    format!("{} {}", words.text(library).unwrap_or("not told"), words.text(version).unwrap_or_default())
}
