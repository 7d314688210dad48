//! What a run stamps on things: ids and times.

use crate::error::{Error, ErrorKind, Result};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970 as the shortest decimal that reads back as the same number: ids of loads sort by time.
pub(crate) fn load_id(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    // Whole microseconds, so that ids of one pipeline that follow each other differ.
    let seconds = (seconds * 1e6).round() / 1e6;
    if seconds.fract() == 0.0 { format!("{seconds:.1}") } else { format!("{seconds}") }
}

pub(crate) fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn random_hex_id() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Storage, "the system gives no random bytes").because(error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
