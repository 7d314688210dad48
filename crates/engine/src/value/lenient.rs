//! Dates and times in the everyday forms that ISO 8601 does not have: `2024/01/02 3:04`, a year alone.
//!
//! A date is a year of four digits, then optionally month and day of two digits, each after `/`, `:` or nothing. A time is
//! hour and minute with a colon, optionally a second, of one or two digits each, then optionally up to nine digits of a
//! fraction after `.`, `,` or `|`; one space or nothing before it. Either may be missing. Digits are taken for month and
//! day where they can be, so that `202410:20` is a day of October and `20241:20` an hour of January.

use super::civil::day_number;
use super::iso8601::{self, Clock, DateOrTime};

/// Reads a date, a time of day or both, as ISO 8601 has them or in the forms above.
pub(super) fn parse(text: &str) -> Option<DateOrTime> {
    let bytes = text.as_bytes();
    iso8601::parse(bytes).or_else(|| everyday(bytes))
}

fn everyday(bytes: &[u8]) -> Option<DateOrTime> {
    let Some((year, rest)) = digits(bytes, 4, 4) else {
        let clock = clock(bytes)?.ok()?;
        return DateOrTime::of(None, clock);
    };
    if let Some((month, day, rest)) = month_and_day(rest)
        && let Some(clock) = clock(rest)
    {
        return DateOrTime::of(Some(day_number(year as i32, month, day)?), clock.ok()?);
    }
    let clock = clock(rest)?.ok()?;
    DateOrTime::of(Some(day_number(year as i32, 1, 1)?), clock)
}

/// The text has the form of a time, but lacks a part that it needs.
struct Incomplete;

/// The rest of the text as a time: `None` if it has not the form of one, `Ok(None)` if it is empty.
fn clock(bytes: &[u8]) -> Option<Result<Option<Clock>, Incomplete>> {
    if bytes.is_empty() {
        return Some(Ok(None));
    }
    let bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
    let (hour, rest) = digits(bytes, 1, 2)?;
    let rest = rest.strip_prefix(b":")?;
    let (minute, mut rest) = match digits(rest, 1, 2) {
        Some((minute, rest)) => (Some(minute), rest),
        None => (None, rest),
    };
    let mut clock = Clock { hour, ..Clock::default() };
    if let Some((second, after)) = rest.strip_prefix(b":").and_then(|rest| digits(rest, 1, 2)) {
        (clock.second, rest) = (second, after);
    }
    if let [b'.' | b',' | b'|', after @ ..] = rest {
        if !(1..=9).contains(&after.len()) || !after.iter().all(u8::is_ascii_digit) {
            return None;
        }
        if after.iter().skip(6).any(|digit| *digit != b'0') {
            return None;
        }
        let decimals = after.iter().copied().chain(std::iter::repeat(b'0')).take(6);
        clock.micros = decimals.fold(0, |micros, digit| micros * 10 + u32::from(digit - b'0'));
        rest = &[];
    }
    if !rest.is_empty() {
        return None;
    }
    Some(minute.map_or(Err(Incomplete), |minute| Ok(Some(Clock { minute, ..clock }))))
}

fn month_and_day(bytes: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (month, rest) = digits(after_separator(bytes), 2, 2)?;
    let (day, rest) = digits(after_separator(rest), 2, 2)?;
    Some((month, day, rest))
}

fn after_separator(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'/' | b':', rest @ ..] => rest,
        rest => rest,
    }
}

/// A number of so many digits, as many as there are, and what follows.
fn digits(bytes: &[u8], least: usize, most: usize) -> Option<(u32, &[u8])> {
    let count = bytes.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at_checked(count)?;
    let value = number.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    (count >= least).then_some((value, rest))
}
