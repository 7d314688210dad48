//! Events that came by way of the edge: a Worker takes and scrubs them as this tracker does, and leaves them as objects in
//! a bucket ([`object`]). Loading takes each object once, and each record of it once, by its message id within its project.
//!
//! The table `edge_objects` says which objects were taken. Objects are grouped; of a group first the records go through the
//! journal into the tables, and then its objects are noted. Killed in between, the loader takes the objects again, finds
//! their records in the tables by their messages, and takes none of them: the rows, the numbers and the ledger are those
//! of a run that nobody killed. So is a record left out that is in two objects, because the queue delivered it twice.
//!
//! What the Worker goes by is made here: the rules ([`rules`], by a test), keys and contracts ([`settings`]).

#[cfg(test)]
mod judged;
pub(crate) mod object;
#[cfg(test)]
mod rules;
mod settings;

use serde::{Deserialize, Serialize};

pub use settings::edge_settings;

/// An object, as the tables know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct EdgeObject {
    /// Its address.
    pub(crate) object: String,
    /// What changes when it is written anew: its length, and what the store tells of its contents or its time.
    pub(crate) version: String,
    /// Records in it; 0 before it was read.
    #[serde(default)]
    pub(crate) lines: u64,
}

/// Objects that are taken together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) objects: Vec<EdgeObject>,
    /// Their records.
    pub(crate) lines: Vec<String>,
}

/// What came of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EdgeRecords {
    /// Events that are new.
    pub events: u64,
    /// Rows of the quarantine that are new.
    pub quarantined: u64,
    /// Records that were taken before, from another object or by another way.
    pub known: u64,
}

/// What came of loading objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EdgeLoad {
    /// Objects that were taken now.
    pub objects: u64,
    /// Objects that were taken before.
    pub before: u64,
    /// Other objects, whose names do not end in `.ndjson`.
    pub others: u64,
    /// Objects that can't be taken, by their addresses, and why.
    pub refused: Vec<(String, String)>,
    /// What came of their records.
    pub records: EdgeRecords,
}

impl EdgeRecords {
    pub(crate) fn add(&mut self, other: Self) {
        self.events += other.events;
        self.quarantined += other.quarantined;
        self.known += other.known;
    }
}
