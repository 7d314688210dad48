//! How far a run goes back behind the stored position.

use crate::cursor::{Cell, LastValue, Moment, date_text, parse_date};

const SECOND: f64 = 1e9;
const DAY_NANOS: i128 = 86_400_000_000_000;

/// The position with the lag taken off, and not behind `initial`; `None` for a text that is neither a date nor a time.
pub(super) fn lagged<'a>(
    lag: f64,
    last: &Cell<'a>,
    initial: Option<&Cell<'a>>,
    later: LastValue,
) -> Option<Cell<'static>> {
    let unit = initial.and_then(unit_of);
    let back = if later == LastValue::Max { -lag } else { lag };
    let lagged = match last {
        // Python makes an integer of it again, towards zero.
        Cell::Int(value) if back.fract() == 0.0 && back.abs() < 1e18 => Cell::Int(value + back as i128),
        Cell::Int(value) => Cell::Int((*value as f64 + back).trunc() as i128),
        Cell::Float(value) => Cell::Float(value + back),
        Cell::Time(moment) => Cell::Time(match unit {
            Some(Unit::Days) => whole_day(*moment, back, later),
            _ => after(*moment, back),
        }),
        Cell::Date(days) => Cell::Date(days_after(*days, back, unit)),
        Cell::Text(text) => Cell::Text(text_after(text, back, unit, later)?.into()),
        Cell::Bool(_) | Cell::Decimal(_) | Cell::Bytes(_) => return None,
    };
    match initial {
        Some(initial) if !later.is_later(lagged.compare(initial)?) => Some(initial.clone().into_owned()),
        _ => Some(lagged),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Days,
    Seconds,
}

/// The unit that the initial value asks for.
fn unit_of(initial: &Cell<'_>) -> Option<Unit> {
    match initial {
        Cell::Time(_) => Some(Unit::Seconds),
        Cell::Date(_) => Some(Unit::Days),
        Cell::Text(text) => Form::of(text).map(|form| if form.is_day() { Unit::Days } else { Unit::Seconds }),
        _ => None,
    }
}

fn after(moment: Moment, seconds: f64) -> Moment {
    Moment { nanos: moment.nanos + (seconds * SECOND).round() as i128, ..moment }
}

/// The begin (or, for the lowest value, the last moment) of the day that lies so many days away.
fn whole_day(moment: Moment, days: f64, later: LastValue) -> Moment {
    let day = i128::from(days_after(moment.day(), days, Some(Unit::Days)));
    let nanos = match later {
        LastValue::Max => day * DAY_NANOS,
        LastValue::Min => (day + 1) * DAY_NANOS - 1000,
    };
    Moment { nanos, ..moment }
}

/// Days of a date that lies so far away. Parts of days are dropped, as Python's dates do.
fn days_after(days: i32, back: f64, unit: Option<Unit>) -> i32 {
    match unit {
        // A date cannot be moved by less than a day: by the seconds from its midnight, and the day of that.
        Some(Unit::Seconds) => (f64::from(days) + back / 86_400.0).floor() as i32,
        _ => days.saturating_add(back.floor() as i32),
    }
}

/// How a text writes a date or time, and how to write another one so.
struct Form {
    moment: Moment,
    /// Digits of the fraction; `None` without one.
    fraction: Option<usize>,
    zone: Zone,
    clock: Clock,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Zone {
    None,
    Z,
    Colon,
    Plain,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    None,
    /// A day without dashes.
    Compact,
    Minutes,
    Seconds,
}

impl Form {
    fn of(text: &str) -> Option<Self> {
        let is_compact = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        let day = |days: i32, clock| Self {
            moment: Moment { nanos: i128::from(days) * DAY_NANOS, offset: None },
            fraction: None,
            zone: Zone::None,
            clock,
        };
        if is_compact {
            let dashed = format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]);
            return parse_date(&dashed).map(|days| day(days, Clock::Compact));
        }
        if !text.is_ascii() || text.as_bytes().get(4) != Some(&b'-') {
            return None;
        }
        let Some((_, clock)) = text.split_once('T') else {
            return (text.len() == 10).then(|| parse_date(text).map(|days| day(days, Clock::None)))?;
        };
        let moment = Moment::parse(text)?;
        let zone_at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
        let (clock, zone) = clock.split_at(zone_at);
        let zone = match zone {
            "" => Zone::None,
            "Z" => Zone::Z,
            zone if zone.contains(':') => Zone::Colon,
            _ => Zone::Plain,
        };
        let fraction = clock.split_once('.').map(|(_, digits)| digits.len());
        let clock = match clock.split('.').next()?.len() {
            8 => Clock::Seconds,
            5 => Clock::Minutes,
            _ => return None,
        };
        Some(Self { moment, fraction, zone, clock })
    }

    fn is_day(&self) -> bool {
        matches!(self.clock, Clock::None | Clock::Compact)
    }

    fn write(&self, moment: Moment) -> String {
        let local = moment.nanos + i128::from(moment.offset.unwrap_or(0)) * 1_000_000_000;
        let wall = Moment { nanos: local, offset: None };
        let date = date_text(wall.day());
        let in_day = local.rem_euclid(DAY_NANOS);
        let (seconds, micros) = (in_day / 1_000_000_000, in_day % 1_000_000_000 / 1000);
        let mut text = match self.clock {
            Clock::None => return date,
            Clock::Compact => return date.replace('-', ""),
            Clock::Minutes => format!("{date}T{:02}:{:02}", seconds / 3600, seconds / 60 % 60),
            Clock::Seconds => {
                format!("{date}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
            }
        };
        if self.fraction.is_some() {
            text.push_str(&format!(".{micros:06}"));
        }
        let offset = moment.offset.unwrap_or(0);
        let sign = if offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
        match self.zone {
            Zone::None => {}
            Zone::Z => text.push('Z'),
            Zone::Colon => text.push_str(&format!("{sign}{hours:02}:{minutes:02}")),
            Zone::Plain => text.push_str(&format!("{sign}{hours:02}{minutes:02}")),
        }
        text
    }
}

/// The text of the date or time that lies so far away, written as this one is.
fn text_after(text: &str, back: f64, unit: Option<Unit>, later: LastValue) -> Option<String> {
    let form = Form::of(text)?;
    let unit = unit.unwrap_or(if form.is_day() { Unit::Days } else { Unit::Seconds });
    let moment = match (unit, form.is_day()) {
        (Unit::Days, true) => {
            let day = days_after(form.moment.day(), back, Some(Unit::Days));
            Moment { nanos: i128::from(day) * DAY_NANOS, offset: None }
        }
        (Unit::Days, false) => whole_day(form.moment, back, later),
        (Unit::Seconds, _) => after(form.moment, back),
    };
    Some(form.write(moment))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(lag: f64, last: &str, initial: Option<&str>, later: LastValue) -> Option<String> {
        let cell = |text: &str| Cell::Text(text.to_owned().into());
        match lagged(lag, &cell(last), initial.map(cell).as_ref(), later)? {
            Cell::Text(text) => Some(text.into_owned()),
            other => panic!("{other:?}"),
        }
    }

    /// Expected values are those of Python dlt 1.31.
    #[test]
    fn texts_keep_their_form() {
        use LastValue::{Max, Min};
        for (lag, last, initial, later, expected) in [
            (3600.0, "2024-01-02T00:30:00Z", None, Max, "2024-01-01T23:30:00Z"),
            (1.5, "2024-01-02T00:00:00.250Z", None, Max, "2024-01-01T23:59:58.750000Z"),
            (60.0, "2024-01-02T00:00:00+02:00", None, Max, "2024-01-01T23:59:00+02:00"),
            (60.0, "2024-01-02T00:00:00-0530", None, Max, "2024-01-01T23:59:00-0530"),
            (60.0, "2024-01-02T00:00:00", None, Min, "2024-01-02T00:01:00"),
            (1.0, "2024-03-01", None, Max, "2024-02-29"),
            (1.0, "20240301", None, Max, "20240229"),
            (1.0, "2024-03-01", Some("2024-02-29"), Max, "2024-02-29"),
            (9.0, "2024-03-01", Some("2024-02-28"), Max, "2024-02-28"),
            (1.0, "2024-03-01T05:00:00Z", Some("2024-01-01"), Max, "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(text(lag, last, initial, later).as_deref(), Some(expected), "{lag} {last}");
        }
        assert_eq!(text(1.0, "r17", None, Max), None);
    }

    #[test]
    fn numbers_stay_numbers() {
        let cell = |last, lag| lagged(lag, &last, None, LastValue::Max).unwrap();
        assert_eq!(cell(Cell::Int(10), 3.0), Cell::Int(7));
        assert_eq!(cell(Cell::Int(10), 2.5), Cell::Int(7));
        assert_eq!(cell(Cell::Int(9_007_199_254_740_993), 1.0), Cell::Int(9_007_199_254_740_992));
        assert_eq!(cell(Cell::Float(1.0), 0.5), Cell::Float(0.5));
    }
}
