//! Where it runs.

use std::cmp::Reverse;

use super::counting::{Figure, Seen};
use super::{NOT_TOLD, named, section};
use crate::dashboard::page::{Cell, Form, Section};
use crate::survey::{Sender, Sent, Tally, Word, Words};

/// Rows of a table that are shown to people.
const MAX_ROWS: usize = 30;

/// What is told of a sender: a text, a name with its version, words, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Told {
    Text(Word),
    Versioned(Word, Word),
    List(Word),
    Cores(Option<i64>),
    Ci(Option<bool>),
    /// Python's version, or another runtime and its version.
    Runtime(Word, Word, Word),
}

/// A table: its name in addresses, a title, how to read it, and what it is about.
type Cut = (&'static str, &'static str, &'static str, fn(&Sender) -> Told);

const CUTS: [Cut; 6] = [
    ("os", "Operating systems", "", |sender| Told::Text(sender.system)),
    ("os_versions", "Their versions", "", |sender| Told::Versioned(sender.system, sender.system_version)),
    ("cpu", "Cores", "That the program may use.", |sender| Told::Cores(sender.cores)),
    ("ci", "Continuous integration", "", |sender| Told::Ci(sender.is_ci)),
    (
        "exec_info",
        "Environments",
        "Words that clients have for where they run; an install can have several.",
        |sender| Told::List(sender.surroundings),
    ),
    ("runtimes", "Runtimes", "", |sender| Told::Runtime(sender.python, sender.runtime, sender.runtime_version)),
];

impl Told {
    /// The values of it; `None` stands for one that is not told.
    fn values(self, words: &Words) -> Vec<Option<String>> {
        let text = |word| words.text(word).map(str::to_owned);
        let versioned = |name, version| {
            format!("{} {}", words.text(name).unwrap_or(NOT_TOLD), words.text(version).unwrap_or_default())
        };
        match self {
            Self::Text(word) => vec![text(word)],
            Self::Versioned(name, version) => vec![Some(versioned(name, version))],
            Self::List(list) => {
                let named = |word: &str| Some(if word.is_empty() { "none of them" } else { word }.to_owned());
                words.text(list).map_or_else(Vec::new, |list| list.split(',').map(named).collect())
            }
            Self::Cores(cores) => vec![cores.map(|cores| class(cores).to_owned())],
            Self::Ci(is_ci) => {
                vec![is_ci.map(|is_ci| if is_ci { "continuous integration" } else { "elsewhere" }.to_owned())]
            }
            Self::Runtime(python, name, version) => {
                let python = text(python).map(|version| format!("Python {version}"));
                vec![python.or_else(|| (name != Word::NONE).then(|| versioned(name, version)))]
            }
        }
    }
}

fn class(cores: i64) -> &'static str {
    match cores {
        32.. => "32 and more",
        16.. => "16 to 31",
        8.. => "8 to 15",
        4.. => "4 to 7",
        2.. => "2 and 3",
        _ => "1",
    }
}

/// Counts by all cuts.
#[derive(Debug, Default)]
pub(super) struct Environments([Tally<Told, Option<String>>; CUTS.len()]);

impl Figure for Environments {
    type Found = Vec<Section>;

    fn look(&mut self, seen: &Seen<'_>) {
        let words = seen.words();
        for ((_, _, _, told), tally) in CUTS.iter().zip(&mut self.0) {
            tally.learn(words.senders(), told, |told| told.values(words));
            tally.add_events(&seen.totals.senders);
        }
    }

    fn add_install(&mut self, _seen: &Seen<'_>, _install: usize, events: &[Sent]) {
        for tally in &mut self.0 {
            tally.add_install(events.iter().map(|sent| sent.sender));
        }
    }

    fn found(self, _words: &Words) -> Vec<Section> {
        CUTS.iter().zip(self.0).map(|(cut, tally)| shares(cut, tally)).collect()
    }
}

fn shares((id, title, note, _): &Cut, tally: Tally<Told, Option<String>>) -> Section {
    let mut found = Vec::from_iter(tally.found());
    found.sort_by_cached_key(|(value, installs, events)| {
        (Reverse(*installs), Reverse(*events), value.is_none(), value.clone())
    });
    let row = |(value, installs, events): (Option<String>, u64, u64)| {
        vec![named(value.as_deref()), Cell::Count(installs), Cell::Count(events)]
    };
    let section = section(
        (id, title),
        note,
        &[("value", "Value"), ("installs", "Installs"), ("events", "Events")],
        found.into_iter().map(row).collect(),
        Form::Bars,
    );
    Section { most: MAX_ROWS, ..section }
}
