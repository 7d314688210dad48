//! Memory of requests in progress: each reserves what it needs when it needs it.
//!
//! Nothing is reserved for the length that a request announces: a sender that announces much and sends little would
//! keep out all others.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::answer::Failure;

/// Bytes per permit.
const UNIT_BYTES: usize = 1024;
/// Permits that every request takes at its start.
const FIRST_UNITS: u32 = 4;

/// The memory of one request.
#[derive(Debug)]
pub(super) struct Reservation<'a> {
    all: &'a Semaphore,
    held: SemaphorePermit<'a>,
    used_bytes: usize,
}

impl<'a> Reservation<'a> {
    /// Takes what every request takes at its start.
    pub(super) fn begin(all: &'a Semaphore) -> Result<Self, Failure> {
        let held = all.try_acquire_many(FIRST_UNITS).map_err(|_| Failure::Overloaded)?;
        Ok(Self { all, held, used_bytes: 0 })
    }

    /// Takes so many bytes more.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Failure> {
        let used_bytes = self.used_bytes.saturating_add(bytes);
        let missing = used_bytes.div_ceil(UNIT_BYTES).saturating_sub(self.held.num_permits());
        if missing > 0 {
            let missing = u32::try_from(missing).map_err(|_| Failure::Overloaded)?;
            self.held.merge(self.all.try_acquire_many(missing).map_err(|_| Failure::Overloaded)?);
        }
        self.used_bytes = used_bytes;
        Ok(())
    }

    /// Releases all but so many bytes.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        self.used_bytes = bytes;
        let kept = bytes.div_ceil(UNIT_BYTES).max(FIRST_UNITS as usize);
        drop(self.held.split(self.held.num_permits().saturating_sub(kept)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn memory_is_taken_as_it_is_needed_and_given_back() {
        let all = Semaphore::new(16);
        let mut first = Reservation::begin(&all).unwrap();
        first.take(4096).unwrap();
        assert_eq!(all.available_permits(), 12);
        first.take(1).unwrap();
        assert_eq!(all.available_permits(), 11);
        let mut second = Reservation::begin(&all).unwrap();
        assert!(second.take(11 << 10 | 1).is_err());
        assert_eq!(all.available_permits(), 7, "what is refused takes nothing");
        second.take(11 << 10).unwrap();
        assert!(Reservation::begin(&all).is_err());
        second.shrink_to(5000);
        assert_eq!(all.available_permits(), 6);
        drop((first, second));
        assert_eq!(all.available_permits(), 16);
    }
}
