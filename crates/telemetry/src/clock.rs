//! Time as the crate sees it: handed in, so that tests can set it, and written in one form.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time. The machine's clock unless a test hands in its own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::new(SystemTime::now)
    }

    /// A clock that asks `now` each time.
    #[must_use]
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Milliseconds since 1970; zero for a clock that stands before that.
    pub(crate) fn now_ms(&self) -> u64 {
        let since = (self.0)().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// The last millisecond of the year 9999, after which the written form would grow.
const LAST_MS: u64 = 253_402_300_799_999;

/// `2026-11-22T10:23:27.123Z`: always 24 characters.
pub(crate) fn timestamp(ms: u64) -> String {
    let ms = ms.min(LAST_MS);
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
}

/// Milliseconds since 1970 of what [`timestamp`] wrote.
pub(crate) fn parse_timestamp(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let of_day = (number(11, 13)? * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    // Days from 1 March of the year 0, the inverse of `civil`.
    let (year, from_march) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day;
    let ms = days.checked_sub(719_469)? * 86_400_000 + of_day * 1_000 + number(20, 23)?;
    (timestamp(ms) == text).then_some(ms)
}

/// Year and month, the unit by which an id may be rotated: `2026-11`.
pub(crate) fn month(ms: u64) -> String {
    let (year, month, _) = civil(ms.min(LAST_MS) / 86_400_000);
    format!("{year:04}-{month:02}")
}

/// Days since 1970 to a date of the Gregorian calendar, counting in eras of 400 years that begin on 1 March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// A UUID of version 7: 48 bits of milliseconds, then randomness.
pub(crate) fn uuid7(ms: u64, mut random: [u8; 16]) -> String {
    random[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    random[6] = 0x70 | (random[6] & 0x0f);
    random[8] = 0x80 | (random[8] & 0x3f);
    let digits = crate::hash::hex(&random);
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

/// The milliseconds in a UUID of version 7, or none if it is not one.
pub(crate) fn uuid7_ms(id: &str) -> Option<u64> {
    let bytes = id.as_bytes();
    let dashes = [8, 13, 18, 23];
    let formed = bytes.len() == 36
        && bytes[14] == b'7'
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if dashes.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() });
    if !formed {
        return None;
    }
    u64::from_str_radix(&format!("{}{}", &id[..8], &id[9..13]), 16).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn timestamps() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(timestamp(1_795_342_207_123), "2026-11-22T10:10:07.123Z");
        assert_eq!(timestamp(u64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(month(1_795_342_207_123), "2026-11");
    }

    #[test]
    fn timestamps_are_read_back() {
        for ms in (0..=LAST_MS).step_by(86_400_000 * 37 + 3_723_001) {
            assert_eq!(parse_timestamp(&timestamp(ms)), Some(ms));
        }
        for text in [
            "",
            "2026-11-22T10:10:07.123",
            "2026-02-30T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "é026-11-22T10:10:07.123Z",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn uuids_carry_their_time() {
        let id = uuid7(1_795_342_207_123, [0xab; 16]);
        assert_eq!(id, "01a202bc-0893-7bab-abab-abababababab");
        assert_eq!(uuid7_ms(&id).unwrap(), 1_795_342_207_123);
        assert_eq!(uuid7_ms("01a202bc-0893-4bab-abab-abababababab"), None);
        assert_eq!(uuid7_ms("é"), None);
    }

    #[test]
    fn a_clock_before_1970_is_no_panic() {
        let clock = Clock::new(|| UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(clock.now_ms(), 0);
    }
}
