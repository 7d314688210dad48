//! Dates and times of cursors.

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Nanoseconds since 1970; UTC unless the time is naive.
    pub(crate) nanos: i128,
    /// Seconds east of UTC; `None` for a time that says nothing of its zone.
    pub(crate) offset: Option<i32>,
}

impl Moment {
    /// Reads `2024-01-02T03:04:05.678+02:00`, with or without a zone. A day alone is its midnight.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let clock = text.find(['T', 't', ' ']).map(|at| &text[at + 1..]);
        let zone = clock.and_then(|clock| clock.rfind(['Z', 'z', '+', '-']).map(|at| &clock[at..]));
        match zone {
            Some(zone) => {
                let offset = offset_of(zone)?;
                let nanos = text.parse::<jiff::Timestamp>().ok()?.as_nanosecond();
                Some(Self { nanos, offset: Some(offset) })
            }
            None => {
                let civil = text.parse::<jiff::civil::DateTime>().ok()?;
                let nanos = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_nanosecond();
                Some(Self { nanos, offset: None })
            }
        }
    }

    /// As Python writes it: `2024-01-02T03:04:05.678000+02:00`, fractions only where there are some.
    pub(crate) fn iso(self) -> String {
        let offset = self.offset.unwrap_or(0);
        let local = self.nanos + i128::from(offset) * 1_000_000_000;
        let seconds = local.div_euclid(1_000_000_000);
        let nanos = local.rem_euclid(1_000_000_000);
        let days = i32::try_from(seconds.div_euclid(86_400)).unwrap_or(i32::MAX);
        let clock = seconds.rem_euclid(86_400);
        let mut text = format!("{}T{:02}:{:02}:{:02}", date_text(days), clock / 3600, clock / 60 % 60, clock % 60);
        if nanos % 1000 != 0 {
            text.push_str(&format!(".{nanos:09}"));
        } else if nanos != 0 {
            text.push_str(&format!(".{:06}", nanos / 1000));
        }
        if let Some(offset) = self.offset {
            let sign = if offset < 0 { '-' } else { '+' };
            let (hours, minutes, seconds) = (offset.abs() / 3600, offset.abs() / 60 % 60, offset.abs() % 60);
            text.push_str(&format!("{sign}{hours:02}:{minutes:02}"));
            if seconds != 0 {
                text.push_str(&format!(":{seconds:02}"));
            }
        }
        text
    }

    /// Days since 1970 of the day that it is in UTC.
    pub(crate) fn day(self) -> i32 {
        i32::try_from(self.nanos.div_euclid(86_400_000_000_000)).unwrap_or(i32::MAX)
    }
}

/// Seconds east of UTC.
fn offset_of(zone: &str) -> Option<i32> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone[1..].chars().filter(|character| *character != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(digits.len(), 2 | 4 | 6) {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2).map_or(Some(0), |text| text.parse::<i32>().ok());
    Some(sign * (part(0)? * 3600 + part(2)? * 60 + part(4)?))
}

/// `2024-01-02`.
pub(crate) fn date_text(days: i32) -> String {
    crate::value::date_text(days)
}

/// Reads `2024-01-02`.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let date = text.parse::<jiff::civil::Date>().ok()?;
    let since = date.since(jiff::civil::Date::constant(1970, 1, 1)).ok()?;
    Some(since.get_days())
}
