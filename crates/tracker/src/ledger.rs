//! The ledger: every accepted event is in exactly one place.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the events are that a data folder has ever accepted.
///
/// `accepted = loaded + quarantined + deduplicated + deleted + replayed + expired + in_journal`; what that does not explain is
/// [`Ledger::unaccounted`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ledger {
    /// Events that were acknowledged.
    pub accepted: u64,
    /// Rows in the table `events`.
    pub loaded: u64,
    /// Rows in the table `quarantine`.
    pub quarantined: u64,
    /// Events whose message id was in the tables already, of their project.
    pub deduplicated: u64,
    /// Rows of both tables that were deleted on request, and the executed requests themselves: each has a sequence
    /// number, as an event has.
    pub deleted: u64,
    /// Events that were quarantined and were replayed since: each has a second number, under which it was loaded.
    #[serde(default)]
    pub replayed: u64,
    /// Rows of both tables that were deleted because they were older than the settings allow.
    #[serde(default)]
    pub expired: u64,
    /// Events that are durable and wait for the loader.
    pub in_journal: u64,
}

impl Ledger {
    /// Accepted events that are nowhere (positive) or more than once (negative). 0 in a sound data folder.
    pub fn unaccounted(&self) -> i128 {
        let places = [
            self.loaded,
            self.quarantined,
            self.deduplicated,
            self.deleted,
            self.replayed,
            self.expired,
            self.in_journal,
        ];
        i128::from(self.accepted) - places.into_iter().map(i128::from).sum::<i128>()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "accepted {} = loaded {} + quarantined {} + deduplicated {} + deleted {}",
            self.accepted, self.loaded, self.quarantined, self.deduplicated, self.deleted
        )?;
        // Most trackers never replay anything.
        if self.replayed > 0 {
            write!(f, " + replayed {}", self.replayed)?;
        }
        if self.expired > 0 {
            write!(f, " + expired {}", self.expired)?;
        }
        write!(f, " + in journal {}", self.in_journal)?;
        match self.unaccounted() {
            0 => Ok(()),
            missing => write!(f, "  UNACCOUNTED {missing}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_double_is_told() {
        let sound =
            Ledger { accepted: 10, loaded: 5, quarantined: 1, deduplicated: 1, in_journal: 3, ..Ledger::default() };
        assert_eq!(sound.unaccounted(), 0);
        assert_eq!(
            sound.to_string(),
            "accepted 10 = loaded 5 + quarantined 1 + deduplicated 1 + deleted 0 + in journal 3"
        );
        let replayed = Ledger { accepted: 12, loaded: 6, replayed: 1, ..sound };
        assert_eq!(replayed.unaccounted(), 0);
        assert!(replayed.to_string().ends_with(" + deleted 0 + replayed 1 + in journal 3"), "{replayed}");
        let expired = Ledger { loaded: 1, expired: 4, ..sound };
        assert_eq!(expired.unaccounted(), 0);
        assert!(expired.to_string().ends_with(" + deleted 0 + expired 4 + in journal 3"), "{expired}");
        let lost = Ledger { loaded: 3, ..sound };
        assert_eq!(lost.unaccounted(), 2);
        assert!(lost.to_string().ends_with("UNACCOUNTED 2"));
        assert_eq!(Ledger { loaded: 6, ..sound }.unaccounted(), -1);
    }
}
