//! The delivery state, kept from one process to the next: `telemetry/sender.json`.
//!
//! Retrying spans processes: a failed attempt ends its sender, and the pause before the next attempt is read by whichever
//! process sends next. Crates for retries repeat a call within one process, so the pause is computed here.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::disk;
use crate::policy::Policy;

/// Bytes of the file; an address and an error message need far less.
const MAX_FILE: u64 = 64 * 1024;

/// How the last attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastAnswer {
    /// When, as RFC 3339 in UTC.
    pub at: String,
    /// The address of the request.
    pub endpoint: String,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// What went wrong, if something did.
    pub note: String,
    /// Whether the event was acknowledged.
    pub acknowledged: bool,
}

/// What the file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeliveryState {
    /// Nothing is sent before this time, in milliseconds since 1970.
    pub(crate) not_before_ms: u64,
    /// Consecutive failed attempts.
    pub(crate) failures: u32,
    pub(crate) last: Option<LastAnswer>,
    /// Events that were acknowledged, of all time.
    pub(crate) sent: u64,
}

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryStateFile(PathBuf);

impl DeliveryStateFile {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.join("sender.json"))
    }

    /// Reads the file. A missing or damaged one gives the default.
    pub(crate) fn read(&self) -> DeliveryState {
        disk::text_at_most(&self.0, MAX_FILE).ok().and_then(|text| parse(&text)).unwrap_or_default()
    }

    pub(crate) fn write(&self, state: &DeliveryState) -> io::Result<()> {
        let last = state.last.as_ref().map(|last| {
            json!({"at": last.at, "endpoint": last.endpoint, "status": last.status, "note": last.note, "acknowledged": last.acknowledged})
        });
        let text =
            json!({"not_before_ms": state.not_before_ms, "failures": state.failures, "sent": state.sent, "last": last});
        disk::replace(&self.0, &format!("{text}\n"))
    }
}

fn parse(text: &str) -> Option<DeliveryState> {
    let parsed: Json = serde_json::from_str(text).ok()?;
    let last = parsed.get("last").and_then(|last| {
        let text = |name: &str| last.get(name).and_then(Json::as_str).map(str::to_owned);
        Some(LastAnswer {
            at: text("at")?,
            endpoint: text("endpoint")?,
            status: last.get("status").and_then(Json::as_u64).and_then(|status| u16::try_from(status).ok()),
            note: text("note")?,
            acknowledged: last.get("acknowledged")?.as_bool()?,
        })
    });
    Some(DeliveryState {
        not_before_ms: parsed.get("not_before_ms")?.as_u64()?,
        failures: u32::try_from(parsed.get("failures")?.as_u64()?).unwrap_or(u32::MAX),
        sent: parsed.get("sent").and_then(Json::as_u64).unwrap_or(0),
        last,
    })
}

impl DeliveryState {
    /// Whether it is too early for another attempt. A pause longer than the longest one comes from a clock that was set
    /// back since, and is ignored.
    pub(crate) fn must_wait(&self, now_ms: u64, policy: &Policy) -> bool {
        let longest = policy.longest_retry_after.max(policy.longest_pause);
        self.not_before_ms > now_ms && self.not_before_ms - now_ms <= millis(longest)
    }

    pub(crate) fn failed(&mut self, now_ms: u64, asked: Option<Duration>, policy: &Policy) {
        let doubled = policy.first_pause.saturating_mul(1 << self.failures.min(20)).min(policy.longest_pause);
        let pause = asked.map_or(doubled, |asked| asked.min(policy.longest_retry_after));
        self.failures = self.failures.saturating_add(1);
        self.not_before_ms = now_ms.saturating_add(millis(pause));
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before_ms = 0;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn there_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = DeliveryStateFile::new(folder.path());
        assert_eq!(file.read(), DeliveryState::default());
        let last = LastAnswer {
            at: "t".into(),
            endpoint: "e".into(),
            status: Some(429),
            note: "n".into(),
            acknowledged: false,
        };
        let state = DeliveryState { not_before_ms: 7, failures: 3, last: Some(last), sent: 9 };
        file.write(&state).unwrap();
        assert_eq!(file.read(), state);
        std::fs::write(folder.path().join("sender.json"), "{\"not_before_ms\":").unwrap();
        assert_eq!(file.read(), DeliveryState::default());
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let policy = Policy::default();
        let mut state = DeliveryState::default();
        let mut pauses = Vec::new();
        for _ in 0..40 {
            state.failed(0, None, &policy);
            pauses.push(state.not_before_ms / 1000);
        }
        assert_eq!(pauses[..5], [2, 4, 8, 16, 32]);
        assert_eq!(pauses[39], 1800);
        state.succeeded();
        assert_eq!(state, DeliveryState::default());
    }

    #[test]
    fn a_trackers_wish_is_granted_within_a_day() {
        let policy = Policy::default();
        let mut state = DeliveryState::default();
        state.failed(1_000, Some(Duration::from_secs(120)), &policy);
        assert_eq!(state.not_before_ms, 121_000);
        assert!(state.must_wait(120_999, &policy) && !state.must_wait(121_000, &policy));
        state.failed(1_000, Some(Duration::from_secs(u64::MAX)), &policy);
        assert_eq!(state.not_before_ms, 1_000 + 86_400_000);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_silence_the_sender() {
        let state = DeliveryState { not_before_ms: 100 * 86_400_000, ..DeliveryState::default() };
        assert!(!state.must_wait(86_400_000, &Policy::default()));
    }
}
