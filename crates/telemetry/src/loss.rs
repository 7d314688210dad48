//! Lost events, counted by reason.

use serde_json::{Map, Value as Json};

/// Why an event was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The spool had reached its limit; the oldest made room.
    SpoolFull,
    /// It had waited for longer than the age limit.
    TooOld,
    /// It was larger than one event may be.
    TooLarge,
    /// The spool could not be written: no permission, no space, no such folder.
    Unwritable,
    /// Other processes held the spool for longer than a recording waits.
    Busy,
    /// Its line in the spool was damaged.
    Corrupt,
    /// The tracker refused it for good.
    Refused,
    /// The tracker answered in a way that is neither yes nor no; it may have been counted.
    Unconfirmed,
    /// The sender died between sending and the answer; it may have been counted.
    Interrupted,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SpoolFull,
        Self::TooOld,
        Self::TooLarge,
        Self::Unwritable,
        Self::Busy,
        Self::Corrupt,
        Self::Refused,
        Self::Unconfirmed,
        Self::Interrupted,
    ];

    /// The name under which it is counted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpoolFull => "spool_full",
            Self::TooOld => "too_old",
            Self::TooLarge => "too_large",
            Self::Unwritable => "unwritable",
            Self::Busy => "busy",
            Self::Corrupt => "corrupt",
            Self::Refused => "refused",
            Self::Unconfirmed => "unconfirmed",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// How many events were given up, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses([u64; Reason::ALL.len()]);

impl Losses {
    /// The reasons that occurred, each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Whether nothing was lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// How many for one reason.
    #[must_use]
    pub fn count(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }

    pub(crate) fn add(&mut self, reason: Reason, count: u64) {
        let sum = &mut self.0[reason as usize];
        *sum = sum.saturating_add(count);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (reason, count) in other.iter() {
            self.add(reason, count);
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        Json::Object(self.iter().map(|(reason, count)| (reason.name().to_owned(), count.into())).collect())
    }

    /// Reads what [`to_json`](Self::to_json) wrote; what it does not know is left out.
    pub(crate) fn from_json(counts: &Map<String, Json>) -> Self {
        let mut losses = Self::default();
        for (name, count) in counts {
            if let (Some(reason), Some(count)) = (Reason::named(name), count.as_u64()) {
                losses.add(reason, count);
            }
        }
        losses
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn there_and_back() {
        let mut losses = Losses::default();
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            losses.add(reason, index as u64);
        }
        losses.add(Reason::Refused, u64::MAX);
        assert_eq!(Losses::from_json(losses.to_json().as_object().unwrap()), losses);
        assert_eq!(losses.total(), u64::MAX);
        let unknown = serde_json::json!({"spool_full": 2, "later": 3, "refused": "x"});
        assert_eq!(Losses::from_json(unknown.as_object().unwrap()).total(), 2);
    }
}
