//! Days, times of day and their text, in the proleptic Gregorian calendar of the years 1 to 9999.
//!
//! `jiff` ends with the year 9999, and a file may not: docs/decisions/0007-by-hand-or-by-crate.md.

/// Microseconds of a second.
pub(super) const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400 * SECOND;
/// 0001-01-01T00:00:00, in seconds since 1970.
pub(super) const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59, in seconds since 1970.
pub(super) const LAST_SECOND: i64 = 253_402_300_799;

/// Whether a moment lies in the years that can be written.
#[inline]
pub(super) fn in_range(micros: i64) -> bool {
    (FIRST_SECOND * SECOND..(LAST_SECOND + 1) * SECOND).contains(&micros)
}

pub(super) fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[inline]
fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date, if there is such a date.
#[inline]
pub(super) fn day_number(year: i32, month: u32, day: u32) -> Option<i32> {
    let exists = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && day >= 1
        && (day <= 28 || day <= days_in_month(year, month));
    exists.then(|| days_before(year.unsigned_abs(), month) + day as i32 - 1)
}

/// Days from 1970-01-01 to the first of a month. Years are counted from March, so that the leap day comes last.
#[inline]
fn days_before(year: u32, month: u32) -> i32 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (century, year_of_century) = (year / 100, year % 100);
    let leap_days = century / 4 + year_of_century / 4;
    // From the first of March of year 0 to 1970-01-01 there are 719468 days.
    (century * 36_524 + year_of_century * 365 + leap_days + (month * 153 + 2) / 5) as i32 - 719_468
}

/// Year, month and day of a number of days since 1970.
pub fn date_of(days: i32) -> (i32, u32, u32) {
    let days = i64::from(days) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + i64::from(month >= 10);
    (year as i32, if month < 10 { month + 3 } else { month - 9 } as u32, day as u32)
}

/// Days since 1970 of the n-th day of a year.
pub(super) fn ordinal_day(year: i32, ordinal: u32) -> Option<i32> {
    let last = if is_leap(year) { 366 } else { 365 };
    (1..=last).contains(&ordinal).then(|| day_number(year, 1, 1).map(|first| first + ordinal as i32 - 1))?
}

/// Days since 1970 of a day of an ISO week. Week 0 and day 0 count backwards from the first ones.
pub(super) fn week_day(year: i32, week: u32, day: u32) -> Option<i32> {
    let fourth = day_number(year, 1, 4)?;
    // 1970-01-01 was a Thursday; Monday is 0.
    let weekday = |days: i32| (days + 3).rem_euclid(7);
    let has_53_weeks = weekday(fourth - 3) == 3 || (is_leap(year) && weekday(fourth - 3) == 2);
    if day > 7 || week > 52 + u32::from(has_53_weeks) {
        return None;
    }
    let days = fourth - weekday(fourth) + (week as i32 - 1) * 7 + day as i32 - 1;
    (1..=9999).contains(&date_of(days).0).then_some(days)
}

/// Text of a day: `2024-01-02`.
pub fn date_text(days: i32) -> String {
    let (year, month, day) = date_of(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Text of a time of day: `03:04:05`, with six decimals if it has a fraction.
pub fn time_text(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(SECOND), micros.rem_euclid(SECOND));
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 {
        format!("{hour:02}:{minute:02}:{second:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}.{fraction:06}")
    }
}

/// Text of a moment, with its offset if it is an instant: `2024-01-02T03:04:05+00:00`.
pub fn timestamp_text(micros: i64, is_instant: bool) -> String {
    // The largest number of days of an i64 of microseconds has nine digits.
    let days = micros.div_euclid(DAY) as i32;
    let offset = if is_instant { "+00:00" } else { "" };
    format!("{}T{}{offset}", date_text(days), time_text(micros.rem_euclid(DAY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree_over_all_years() {
        let mut expected = -719_162;
        for year in 1..=9999 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(day_number(year, month, day), Some(expected), "{year}-{month}-{day}");
                    assert_eq!(date_of(expected), (year, month, day));
                    expected += 1;
                }
                assert_eq!(day_number(year, month, days_in_month(year, month) + 1), None);
            }
        }
        assert_eq!(i64::from(expected) * 86_400, LAST_SECOND + 1);
    }

    #[test]
    fn any_number_of_days_has_a_date() {
        for days in [i32::MIN, i32::MAX, 0] {
            assert!(!date_text(days).is_empty());
        }
        assert!(!timestamp_text(i64::MIN, true).is_empty());
    }

    #[test]
    fn weeks_follow_the_iso_calendar() {
        for (year, week, day, expected) in [
            (2024, 1, 1, Some("2024-01-01")),
            (2021, 1, 1, Some("2021-01-04")),
            (2020, 53, 7, Some("2021-01-03")),
            (2021, 53, 1, None),
            (2024, 0, 1, Some("2023-12-25")),
            (2024, 1, 8, None),
            (9999, 52, 7, None),
            (1, 1, 1, Some("0001-01-01")),
        ] {
            assert_eq!(week_day(year, week, day).map(date_text).as_deref(), expected, "{year}-W{week}-{day}");
        }
    }
}
