//! What was counted before, for databases in which to count all rows takes long.

use std::sync::{Mutex, PoisonError};

use crate::store::Counts;

/// The counts up to a position whose loads are settled. What a request or retention deletes, or is replayed, changes them, so they
/// are of so many requests, replays and rows that have gone.
#[derive(Default)]
pub(super) struct Cache(Mutex<Counts>);

impl Cache {
    /// The counts, where nothing was deleted or replayed since; else none.
    pub(super) fn before(&self, deleted: &Counts) -> Counts {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone =
            |counts: &Counts| (counts.requests, counts.replayed, counts.expired_events, counts.expired_quarantined);
        if gone(&known) == gone(deleted) { known } else { Counts::default() }
    }

    pub(super) fn set(&self, counts: Counts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}
