//! All limits, each with its reason.

use std::time::Duration;

use serde_json::{Value as Json, json};

/// The limits that a host runs under.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Events in the spool: months of one person's use, so that a long time offline loses nothing. 500.
    pub max_events: usize,
    /// Bytes in the spool: 500 events of the usual 700 bytes fit, and reading it all takes well under a millisecond.
    /// 512 KiB.
    pub max_spool_bytes: u64,
    /// Bytes in one event: what trackers accept, Segment's limit. 32 KiB.
    pub max_event_bytes: usize,
    /// Age at which an unsent event is dropped: it is of no use any more. 30 days.
    pub max_age: Duration,
    /// Bytes of a file of receipts before it is rotated; one older file is kept. 1 MiB.
    pub max_receipt_bytes: u64,
    /// How long a recording waits for other processes that write at the same moment; one of them needs about 0.1 ms.
    /// 10 ms.
    pub lock_wait: Duration,
    /// Duration of one request: name resolution, connection, TLS, request, answer. Slow mobile networks need 3 s. 4 s.
    pub request_timeout: Duration,
    /// The lifetime of a detached sender, after which it exits, whatever it does. 10 s.
    pub sender_life: Duration,
    /// How long a flush in place may delay the host, for CI and containers. 1 s.
    pub in_place_budget: Duration,
    /// How long a host in thread mode waits at exit, and the limit of one request there, so that a request in flight at the
    /// end gets its answer. 1 s.
    pub thread_budget: Duration,
    /// The wait after a first failure; doubles with each. 2 s.
    pub first_pause: Duration,
    /// The longest wait after failures. 30 min.
    pub longest_pause: Duration,
    /// The longest wait that a tracker may ask for: a day, so that a wrong number does not stop a machine for good.
    pub longest_retry_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_events: 500,
            max_spool_bytes: 512 * 1024,
            max_event_bytes: 32 * 1024,
            max_age: Duration::from_secs(30 * 86_400),
            max_receipt_bytes: 1024 * 1024,
            lock_wait: Duration::from_millis(10),
            request_timeout: Duration::from_secs(4),
            sender_life: Duration::from_secs(10),
            in_place_budget: Duration::from_secs(1),
            thread_budget: Duration::from_secs(1),
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(30 * 60),
            longest_retry_after: Duration::from_secs(86_400),
        }
    }
}

impl Policy {
    /// The form in which a detached sender gets it: counts, bytes, milliseconds.
    pub(crate) fn to_json(&self) -> Json {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        json!([
            self.max_events,
            self.max_spool_bytes,
            self.max_event_bytes,
            ms(self.max_age),
            self.max_receipt_bytes,
            ms(self.lock_wait),
            ms(self.request_timeout),
            ms(self.sender_life),
            ms(self.first_pause),
            ms(self.longest_pause),
            ms(self.longest_retry_after),
        ])
    }

    pub(crate) fn from_json(json: &Json) -> Option<Self> {
        let at = |index: usize| json.get(index)?.as_u64();
        let ms = |index| at(index).map(Duration::from_millis);
        Some(Self {
            max_events: usize::try_from(at(0)?).ok()?,
            max_spool_bytes: at(1)?,
            max_event_bytes: usize::try_from(at(2)?).ok()?,
            max_age: ms(3)?,
            max_receipt_bytes: at(4)?,
            lock_wait: ms(5)?,
            request_timeout: ms(6)?,
            sender_life: ms(7)?,
            first_pause: ms(8)?,
            longest_pause: ms(9)?,
            longest_retry_after: ms(10)?,
            ..Self::default()
        })
    }
}
