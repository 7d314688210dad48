//! Projects: whose events are whose, by the write key that a sender names.
//!
//! A tracker has one project without a name, the default one, and any number of others. A write key belongs to one
//! project. `keys.json` in the data folder holds the hashes of keys, not the keys; commands change it, and a running
//! tracker notices ([`ring`]).

mod file;
mod name;
mod ring;

use std::sync::Arc;

pub(crate) use file::{Kept, KeysFile};
pub use file::{Key, NewKey, TakenProjects};
pub(crate) use name::is_project_name;
pub(crate) use ring::KeyRing;

/// What the default project is called where a name is needed: in filters, commands and pages. No other has this name.
pub(crate) const DEFAULT: &str = "default";

/// What becomes of events that come with no key of this tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UnknownKey {
    /// They belong to the default project.
    #[default]
    Default,
    /// They are refused.
    Refuse,
}

/// Why the key of a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is none, and one is needed.
    #[error("a write key is needed: send one as the user of HTTP Basic, or as \"writeKey\"")]
    Missing,
    /// No project has it.
    #[error("the write key is not one of this tracker")]
    Unknown,
    /// It was revoked.
    #[error("the write key was revoked")]
    Revoked,
}

impl Refusal {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Missing, Self::Unknown, Self::Revoked];

    /// A stable word for programs, and the label in the metrics.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing_key",
            Self::Unknown => "unknown_key",
            Self::Revoked => "revoked_key",
        }
    }
}

/// The projects of a running tracker.
#[derive(Debug)]
pub(crate) struct Projects {
    ring: KeyRing,
    unknown: UnknownKey,
}

impl Projects {
    pub(crate) fn new(ring: KeyRing, unknown: UnknownKey) -> Self {
        Self { ring, unknown }
    }

    /// The project of a request by the keys that it names, and the one that leads there, the first that is known; `None` for the
    /// default project.
    ///
    /// # Errors
    /// When a key was revoked, or there is no known one and settings refuse that.
    pub(crate) fn of<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<Option<(&'k str, Arc<str>)>, Refusal> {
        let mut refusal = Refusal::Missing;
        for key in keys {
            match self.ring.find(key) {
                ring::Found::Project(project) => return Ok(Some((key, project))),
                ring::Found::Revoked => refusal = Refusal::Revoked,
                ring::Found::Nothing if refusal == Refusal::Missing => refusal = Refusal::Unknown,
                ring::Found::Nothing => {}
            }
        }
        match self.unknown {
            UnknownKey::Default if refusal != Refusal::Revoked => Ok(None),
            _ => Err(refusal),
        }
    }
}
