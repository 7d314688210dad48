//! What was counted before, for databases in which to count all rows takes long.

use std::sync::{Mutex, PoisonError};

use crate::store::Counts;

/// The counts up to a position whose loads are settled. What a request deletes or is replayed changes them, so they are of so many
/// requests and replays.
#[derive(Default)]
pub(super) struct Cache(Mutex<Counts>);

impl Cache {
    /// The counts, where nothing was deleted or replayed since; else none.
    pub(super) fn before(&self, deleted: &Counts) -> Counts {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.requests == deleted.requests && known.replayed == deleted.replayed { known } else { Counts::default() }
    }

    pub(super) fn set(&self, counts: Counts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}
