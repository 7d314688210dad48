//! What other threads may know about the loader.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, PoisonError};

use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::store::Counts;

/// What the tables held after the last load, and counters of this process.
#[derive(Debug, Default)]
pub(crate) struct LoaderState {
    counts: Mutex<Counts>,
    /// Whether this process is the one that loads.
    pub(crate) leads: AtomicBool,
    /// Loads that were committed.
    pub(crate) loads: AtomicU64,
    /// Attempts that failed for another reason than a busy database.
    pub(crate) failures: AtomicU64,
    /// Attempts that found the database held by another process.
    pub(crate) busy: AtomicU64,
    /// Damaged records of the journal that went into the quarantine.
    pub(crate) corrupt: AtomicU64,
    /// Rows that the tables refused and that went into the quarantine.
    pub(crate) refused: AtomicU64,
}

impl LoaderState {
    /// What the tables held after the last load.
    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, counts: Counts) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    /// The ledger at this moment.
    pub(crate) fn ledger(&self, journal: &dyn Journal) -> Ledger {
        // The counts first: what is loaded by then was accepted before.
        let counts = self.counts();
        counts.ledger(journal.durable())
    }
}
