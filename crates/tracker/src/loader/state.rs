//! What other threads may know about the loader.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::contact::Contact;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::store::Counts;

/// How long after a crowd the next one is expected.
const CROWD_LASTS: Duration = Duration::from_secs(5);

/// How long it is not told again that another process holds the database.
const TOLD_AGAIN: Duration = Duration::from_secs(5 * 60);

/// What the tables held after the last load, and counters of this process.
#[derive(Debug, Default)]
pub(crate) struct LoaderState {
    counts: Mutex<Counts>,
    /// Whether it waits for the tables.
    pub(super) contact: Contact,
    /// When so many events waited last that nobody waits for them.
    crowded: Mutex<Option<Instant>>,
    /// What is asked of the loader and it has not heard yet.
    asked: AtomicUsize,
    /// Whether this process is the one that loads.
    pub(crate) leads: AtomicBool,
    /// Loads that were committed.
    pub(crate) loads: AtomicU64,
    /// Attempts that failed for another reason than a busy database.
    pub(crate) failures: AtomicU64,
    /// Attempts that found the database held by another process.
    pub(crate) busy: AtomicU64,
    /// When it was told last that one did.
    told_busy: Mutex<Option<Instant>>,
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

    /// Notes that the loader is asked something.
    pub(super) fn note_asked(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that it has heard it, or never will.
    pub(super) fn note_heard(&self) {
        self.asked.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether something is asked of the loader that it has not heard yet.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > 0
    }

    /// Notes that more events wait than somebody waits for.
    pub(super) fn note_crowd(&self) {
        *self.crowded.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether that was so a moment ago: then it will be again.
    pub(crate) fn was_crowded(&self) -> bool {
        let crowded = *self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
        crowded.is_some_and(|at| at.elapsed() < CROWD_LASTS)
    }

    /// Notes an attempt that found the database held by another process, and tells of it at once, but no more often
    /// than every few minutes: readers may come for a moment again and again.
    pub(super) fn note_busy(&self, error: &dlt_engine::Error) {
        self.busy.fetch_add(1, Ordering::Relaxed);
        if self.is_to_tell(Instant::now()) {
            tracing::warn!(%error, "another process holds the database; events wait in the journal");
        }
    }

    fn is_to_tell(&self, now: Instant) -> bool {
        let mut told = self.told_busy.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_AGAIN);
        if is_due {
            *told = Some(now);
        }
        is_due
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_held_is_told_of_now_and_then() {
        let state = LoaderState::default();
        let first = Instant::now();
        let told =
            [0, 1, 299, 300, 301, 599, 600, 3600].map(|after| state.is_to_tell(first + Duration::from_secs(after)));
        assert_eq!(told, [true, false, false, true, false, false, true, true]);
    }

    #[test]
    fn a_crowd_is_remembered_for_a_while() {
        let state = LoaderState::default();
        assert!(!state.was_crowded());
        state.note_crowd();
        assert!(state.was_crowded());
        *state.crowded.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now().checked_sub(CROWD_LASTS);
        assert!(!state.was_crowded());
    }
}
