//! Dates, times and numbers that databases give as text.

use dlt_engine::value::parse_iso_timestamp;

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// Days since 1970 of a day of the calendar; `None` if there is none such.
pub(crate) fn days(year: i64, month: i64, day: i64) -> Option<i32> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        _ => return None,
    };
    if !(1..=length).contains(&day) || !(1..=9999).contains(&year) {
        return None;
    }
    // Years begin with March, so that a leap day is the last one.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    i32::try_from(days).ok()
}

/// `2024-01-31`.
pub(crate) fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    days(digits(&text[..4])?, digits(&text[5..7])?, digits(&text[8..])?)
}

/// `13:14`, `13:14:15` or `13:14:15.123456`, in microseconds since midnight.
pub(crate) fn time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    if parts.next().is_some() || fraction.len() > 6 {
        return None;
    }
    let (hours, minutes, seconds) = (digits(hours)?, digits(minutes)?, digits(seconds)?);
    let micros = if fraction.is_empty() { 0 } else { digits(&format!("{fraction:0<6}"))? };
    let is_right = hours < 24 && minutes < 60 && seconds < 60;
    is_right.then_some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros)
}

/// `2024-01-31 13:14:15.123456`, ISO 8601, or a day, which is its midnight; microseconds since 1970. A time with an offset
/// is the moment in UTC.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    date(text).map(|days| i64::from(days) * DAY).or_else(|| parse_iso_timestamp(text))
}

/// A decimal of at most `precision` digits, `scale` of which are decimals, as its digits; `None` if it has others.
pub(crate) fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && decimals.is_empty() {
        return None;
    }
    let digits: String = [whole, decimals].concat();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    // Places by which the digits move to the left.
    let shift = i32::from(scale) + exponent - i32::try_from(decimals.len()).ok()?;
    let text = match usize::try_from(shift) {
        Ok(zeros) if zeros <= 38 => format!("{digits}{}", "0".repeat(zeros)),
        Ok(_) => return None,
        Err(_) => {
            let kept = digits.len().checked_sub(usize::try_from(-shift).ok()?)?;
            let (kept, lost) = digits.split_at(kept);
            if lost.bytes().any(|byte| byte != b'0') {
                return None;
            }
            kept.to_owned()
        }
    };
    if text.len() > usize::from(precision.min(38)) {
        return None;
    }
    let value: i128 = if text.is_empty() { 0 } else { text.parse().ok()? };
    Some(if is_negative { -value } else { value })
}

/// JSON without the blanks between its parts; numbers and texts stay as they are written.
pub(crate) fn compact_json(text: &str) -> String {
    let (mut out, mut is_text, mut is_escaped) = (String::with_capacity(text.len()), false, false);
    for letter in text.chars() {
        if !is_text && letter.is_ascii_whitespace() {
            continue;
        }
        is_text ^= letter == '"' && !is_escaped;
        is_escaped = is_text && letter == '\\' && !is_escaped;
        out.push(letter);
    }
    out
}

fn digits(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(11_016)),
            ("1969-12-31", Some(-1)),
            ("0001-01-01", Some(-719_162)),
            ("9999-12-31", Some(2_932_896)),
            ("2023-02-29", None),
            ("0000-00-00", None),
            ("2024-1-1", None),
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("00:00", Some(0)),
            ("03:04:05.123456", Some(11_045_123_456)),
            ("23:59:59.5", Some(86_399_500_000)),
            ("24:00:00", None),
            ("-01:00:00", None),
            ("1:2:3:4", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
        assert_eq!(timestamp("2024-01-02"), timestamp("2024-01-02 00:00:00"));
        assert_eq!(timestamp("2024-01-02T01:00:00+01:00"), timestamp("2024-01-02 00:00:00.000000"));
        assert_eq!(timestamp("soon"), None);
    }

    #[test]
    fn json_loses_blanks_between_its_parts_alone() {
        for (text, expected) in [
            ("{\"a b\": [1, 2.50],\n \"c\": null}", "{\"a b\":[1,2.50],\"c\":null}"),
            (r#"["\\", " \" ", "é "]"#, r#"["\\"," \" ","é "]"#),
            (" \" x \" ", "\" x \""),
        ] {
            assert_eq!(compact_json(text), expected);
        }
    }

    #[test]
    fn decimals_are_exact_or_none() {
        for (text, precision, scale, expected) in [
            ("1.10", 10, 2, Some(110)),
            ("-0.5", 10, 2, Some(-50)),
            ("1.239", 10, 2, None),
            ("1.2300", 10, 2, Some(123)),
            ("123456789.01", 10, 2, None),
            ("1e3", 10, 2, Some(100_000)),
            ("2.5e-1", 10, 2, Some(25)),
            ("0.001", 10, 2, None),
            ("NaN", 38, 9, None),
            ("0", 1, 0, Some(0)),
            (".5", 2, 1, Some(5)),
            ("99999999999999999999999999999999999999", 38, 0, Some(99_999_999_999_999_999_999_999_999_999_999_999_999)),
        ] {
            assert_eq!(decimal(text, precision, scale), expected, "{text}");
        }
    }
}
