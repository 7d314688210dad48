//! Dates in the format that a person says.

use dlt_engine::{Error, ErrorKind, Result};
use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// A value in the format that was given.
pub(super) enum Day {
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970.
    Moment(i64),
}

/// The day or moment that a text means; `None` if it is not written so, or finer than a microsecond.
pub(super) fn parse_day(format: &str, text: &str) -> Option<Day> {
    let parsed = strtime::parse(format, text).ok()?;
    if parsed.hour().is_none() && parsed.timestamp().is_none() {
        let date = parsed.to_date().ok()?;
        let days = date.since(Date::constant(1970, 1, 1)).ok()?.get_days();
        return Some(Day::Date(days));
    }
    // Without an offset a time is one of UTC.
    let moment = parsed.to_timestamp().ok().or_else(|| {
        let moment = parsed.to_datetime().ok()?;
        Some(moment.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    let is_exact = moment.subsec_nanosecond() % 1000 == 0;
    is_exact.then(|| Day::Moment(moment.as_microsecond()))
}

/// Checks that dates can be read by a format.
///
/// # Errors
/// [`ErrorKind::Config`] if they cannot.
pub(crate) fn check_date_format(format: &str) -> Result<()> {
    let sample = Date::constant(2001, 2, 3).at(4, 5, 6, 0).to_zoned(TimeZone::UTC);
    let printed = sample.ok().and_then(|sample| strtime::format(format, &sample).ok());
    match printed.and_then(|printed| parse_day(format, &printed)) {
        Some(_) => Ok(()),
        None => Err(Error::new(ErrorKind::Config, format!("`{format}` is no format of dates"))
            .hint("for example `%d.%m.%Y`, `%m/%d/%Y` or `%Y-%m-%d %H:%M:%S`")),
    }
}
