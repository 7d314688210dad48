//! Contracts: which events a project may send, with which properties.
//!
//! A contract is an allow-list. It names events, their properties with type and class of privacy, and what is in lists and
//! objects. What a contract does not name goes whole into the quarantine, with the reason and where in the event it stands;
//! after the contract was extended it is taken from there.
//!
//! dlt's own events are built in. A project without a file is judged by them alone: nothing that it sends is put aside, and
//! lists and objects are kept where they are named ([`Contract::built_in`]).

mod book;
mod built_in;
mod hashed;
mod json;
mod judge;
mod quoting;
mod read;
mod write;

use std::collections::BTreeMap;

pub(crate) use book::Contracts;
pub(crate) use json::to_json;
pub(crate) use judge::{ALWAYS, Breach};
pub(crate) use quoting::{quoted, text};
pub(crate) use read::can_be_named;
pub use read::{ContractSummary, check_contract};
pub(crate) use write::{hashed as hashed_key, to_toml};

/// Which events a project may send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contract {
    /// By their names on the wire.
    pub(crate) events: BTreeMap<String, Event>,
    /// Whether what is not named is put aside.
    pub(crate) is_closed: bool,
}

/// What an event may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) meaning: Option<String>,
    pub(crate) fields: Fields,
    /// Whether a property or member is kept as a hash.
    pub(crate) hashes: bool,
}

/// Properties, or members of an object, by their names.
pub(crate) type Fields = BTreeMap<String, Field>;

/// One property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) shape: Shape,
    pub(crate) privacy: Privacy,
    pub(crate) is_optional: bool,
    /// Where texts are kept as hashes by the tracker's own key: the words that are kept as they are.
    pub(crate) hashed: Option<Vec<String>>,
    pub(crate) meaning: Option<String>,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Boolean,
    /// A number without a fraction.
    Integer,
    Number,
    /// A list of such values.
    List(Box<Shape>),
    /// These members and no others.
    Object(Fields),
}

/// How much a value says about a person or a machine; the classes of dlt's own contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// A word that the program itself defines.
    Public,
    /// A number, a time, or a yes or no about what happened.
    Measure,
    /// A property of the machine or of the software that runs.
    System,
    /// Drawn at random; links what carries it.
    Random,
    /// A hash of a name that a person chose.
    Hash,
}

impl Shape {
    /// The word for it in a file.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::List(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

impl Privacy {
    /// The classes and their words in a file.
    pub(crate) const WORDS: [(&'static str, Self); 5] = [
        ("public", Self::Public),
        ("measure", Self::Measure),
        ("system", Self::System),
        ("random", Self::Random),
        ("hash", Self::Hash),
    ];

    /// The word for it in a file.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, class)| *class == self).map_or("", |(word, _)| word)
    }
}

impl Contract {
    /// Adds what another one names; of a property that both name, this one's counts.
    pub(crate) fn fill_from(&mut self, other: &Self) {
        for (name, event) in &other.events {
            let own = self
                .events
                .entry(name.clone())
                .or_insert_with(|| Event { meaning: event.meaning.clone(), ..Event::default() });
            own.hashes |= event.hashes;
            for (name, field) in &event.fields {
                own.fields.entry(name.clone()).or_insert_with(|| field.clone());
            }
        }
    }
}
