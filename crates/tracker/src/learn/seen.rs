//! What was seen of properties: types and how often, and of texts whether they are few or many. No value is kept.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use serde_json::Value;

use crate::contract::{Privacy, Shape};
use crate::scrub;

/// Texts with at most so many different values can be words of a program.
const FEW: usize = 20;
/// How often each of them was seen, at least, on average.
const OFTEN: u64 = 3;
/// Whole numbers that are seen so often are not prices that happen to have no fraction.
const SURE: u64 = 20;
/// Shortest text that can be drawn by lot, in characters.
const DRAWN: usize = 16;

/// Last words of names whose texts are hashes.
const OF_HASHES: [&str; 6] = ["hash", "digest", "fingerprint", "checksum", "sha", "md5"];
/// Last words of names whose values tell of the machine or of the software.
const OF_SYSTEMS: [&str; 10] =
    ["version", "os", "platform", "arch", "architecture", "cpu", "locale", "language", "timezone", "runtime"];
/// Last words of names whose numbers tell who or where somebody is.
const OF_PERSONS: [&str; 14] = [
    "id",
    "number",
    "no",
    "phone",
    "tel",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "lng",
    "zip",
    "postcode",
    "birthday",
    "year",
];

/// Most names of one event, members included, that are held in memory.
const MAX_NAMES: usize = 20_000;

/// What looks at the values of an event.
#[derive(Default)]
pub(super) struct Eyes {
    /// Tells texts apart without keeping them.
    hasher: RandomState,
    /// Names that were seen.
    names: usize,
}

impl Eyes {
    /// What is to be said where there were more names than are held.
    pub(super) fn told(&self) -> Option<String> {
        (self.names > MAX_NAMES).then(|| format!("names beyond the first {MAX_NAMES} were not looked at"))
    }
}

/// What was seen of one property, member or item.
#[derive(Default)]
pub(super) struct Values {
    /// How often it was there, and not null.
    pub(super) count: u64,
    texts: u64,
    booleans: u64,
    integers: u64,
    fractions: u64,
    lists: u64,
    pub(super) objects: u64,
    /// Texts that look as if they were drawn by lot, or made of such.
    drawn: u64,
    /// Hashes of different texts, a few.
    different: HashSet<u64>,
    pub(super) members: BTreeMap<String, Self>,
    pub(super) items: Option<Box<Self>>,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
    Integer,
    Number,
    List,
    Object,
}

impl Kind {
    /// The kind that a shape asks for.
    pub(super) fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Text => Self::Text,
            Shape::Boolean => Self::Boolean,
            Shape::Integer => Self::Integer,
            Shape::Number => Self::Number,
            Shape::List(_) => Self::List,
            Shape::Object(_) => Self::Object,
        }
    }

    /// Whether values of another kind are of this one, too.
    pub(super) fn takes(self, other: Self) -> bool {
        self == other || self == Self::Number && other == Self::Integer
    }

    /// The word for it in a contract.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::List => "array",
            Self::Object => "object",
        }
    }
}

impl Values {
    /// Adds a value.
    pub(super) fn add(&mut self, value: &Value, eyes: &mut Eyes) {
        if value.is_null() {
            return;
        }
        self.count += 1;
        match value {
            Value::Null => {}
            Value::Bool(_) => self.booleans += 1,
            Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => self.integers += 1,
            Value::Number(_) => self.fractions += 1,
            Value::String(text) => {
                self.texts += 1;
                self.drawn += u64::from(is_drawn(text));
                if self.different.len() <= FEW {
                    self.different.insert(eyes.hasher.hash_one(text));
                }
            }
            Value::Array(items) => {
                self.lists += 1;
                items.iter().for_each(|item| self.items.get_or_insert_default().add(item, eyes));
            }
            Value::Object(members) => {
                self.objects += 1;
                members.iter().for_each(|(name, value)| self.add_member(name, value, eyes));
            }
        }
    }

    /// Adds a member of an object.
    pub(super) fn add_member(&mut self, name: &str, value: &Value, eyes: &mut Eyes) {
        if let Some(seen) = self.members.get_mut(name) {
            return seen.add(value, eyes);
        }
        eyes.names += 1;
        if eyes.names <= MAX_NAMES {
            self.members.entry(name.to_owned()).or_default().add(value, eyes);
        }
    }

    /// Adds a number that was kept without telling whether it had a fraction.
    pub(super) fn add_number(&mut self) {
        self.count += 1;
        self.fractions += 1;
    }

    /// The kind to say of whole numbers.
    pub(super) fn whole(&self) -> Kind {
        if self.integers < SURE { Kind::Number } else { Kind::Integer }
    }

    /// The kinds that were seen, and how often.
    pub(super) fn kinds(&self) -> Vec<(Kind, u64)> {
        let number = if self.fractions > 0 { Kind::Number } else { Kind::Integer };
        let all = [
            (Kind::Text, self.texts),
            (Kind::Boolean, self.booleans),
            (number, self.integers + self.fractions),
            (Kind::List, self.lists),
            (Kind::Object, self.objects),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// The class that can be told from names and from how values are spread, and what speaks for it. What is not known to
    /// be harmless counts as what links the events that carry it.
    pub(super) fn privacy(&self, name: &str) -> (Privacy, String) {
        let word = scrub::last_word(name).to_ascii_lowercase();
        let is_of = |words: &[&str]| words.contains(&word.as_str());
        let by_name = || "by its name".to_owned();
        if self.lists > 0 {
            return match &self.items {
                Some(items) => items.privacy(name),
                None => (Privacy::Random, String::new()),
            };
        }
        if self.texts == 0 {
            return match self.integers + self.fractions {
                1.. if is_of(&OF_PERSONS) => (Privacy::Random, "by its name: it may tell who or where".to_owned()),
                1.. if is_of(&OF_SYSTEMS) => (Privacy::System, by_name()),
                _ => (Privacy::Measure, String::new()),
            };
        }
        let different = self.different.len();
        match () {
            () if is_of(&OF_HASHES) => (Privacy::Hash, by_name()),
            () if is_of(&OF_SYSTEMS) => (Privacy::System, by_name()),
            () if self.drawn > 0 && self.drawn == self.texts => (Privacy::Random, "they look drawn by lot".to_owned()),
            () if different <= FEW && self.texts >= OFTEN * different as u64 && self.texts > OFTEN => {
                (Privacy::Public, format!("{different} different texts"))
            }
            () => {
                let many = if different > FEW { "many".to_owned() } else { different.to_string() };
                (Privacy::Random, format!("LOOK: {many} different texts in {}; does a person write them?", self.texts))
            }
        }
    }
}

/// Whether a text looks like an id: long, without a space, with digits among letters.
fn is_drawn(text: &str) -> bool {
    text.len() >= DRAWN
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+/=".contains(&byte))
        && text.bytes().filter(u8::is_ascii_digit).count() >= 3
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}
