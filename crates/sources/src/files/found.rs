//! What was found, kept for a moment: a run asks several times, and a listing of a store takes time and money.

use super::left_out::Found;
use dlt_engine::Result;
use std::sync::{Mutex, PoisonError};

/// The newest listing. A clone begins without one.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Option<Result<Found>>>);

impl Cache {
    /// A new listing. A failure is kept for the next who asks, so that a store that is down is not waited for twice.
    pub(super) fn renew(&self, discover: impl FnOnce() -> Result<Found>) -> Found {
        let listed = discover();
        let found = listed.as_ref().map(Found::clone).unwrap_or_default();
        *self.lock() = Some(listed);
        found
    }

    /// The listing, made by `discover` if there is none.
    pub(super) fn get_or(&self, discover: impl FnOnce() -> Result<Found>) -> Result<Found> {
        let mut kept = self.lock();
        let found = match kept.take() {
            Some(listed) => listed?,
            None => discover()?,
        };
        *kept = Some(Ok(found.clone()));
        Ok(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Result<Found>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Cache {
    fn clone(&self) -> Self {
        Self::default()
    }
}
