//! The range that a scheduler gives: a process that runs a pipeline for the hours of one day, say.

use crate::cursor::{Cell, CursorValue, Incremental, Moment};
use crate::error::{Error, ErrorKind, Result};

const START: &str = "DLT_INTERVAL_START";
const END: &str = "DLT_INTERVAL_END";
const ZONE: &str = "DLT_INTERVAL_TIMEZONE";
const ALLOW: &str = "DLT_ALLOW_EXTERNAL_SCHEDULERS";

/// Stands for the range of a scheduler where nothing is going to be read.
const ANY: [&str; 2] = ["1970-01-01T00:00:00Z", "9000-01-01T00:00:00Z"];

/// The incremental with the range of the scheduler, if it asks for that. `variable` reads the environment.
pub(super) fn joined(
    incremental: &Incremental,
    resource: &str,
    is_run: bool,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Incremental> {
    let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let by_default = || variable(ALLOW).map(|value| truth(&value)).transpose().map(|allow| allow.unwrap_or(false));
    if !incremental.allow_external_schedulers.map_or_else(by_default, Ok)? {
        return Ok(incremental.clone());
    }
    let told = variable(START).zip(variable(END));
    let Some((start, end)) = told.or_else(|| (!is_run).then(|| ANY.map(str::to_owned).into())) else {
        let told = format!("resource `{resource}` takes its range from a scheduler, and there is none");
        return Err(Error::new(ErrorKind::Config, told)
            .hint(format!("set {START} and {END}, or set allow_external_schedulers = false")));
    };
    let zone = variable(ZONE);
    let bound = |name: &str, text: &str| {
        let moment = Moment::parse(text).ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("the environment variable {name} is no time"))
                .hint("write it as 2024-01-31T00:00:00Z")
        })?;
        in_type_of(incremental, resource, moment, zone.as_deref())
    };
    let (start, end) = (bound(START, &start)?, bound(END, &end)?);
    let mut joined = incremental.clone();
    // The narrower range counts.
    let later = incremental.last_value_func;
    let narrower = |scheduled: Cell<'static>, configured: &Option<CursorValue>, is_start: bool| {
        let configured = configured.as_ref().map(|value| comparable(&value.0));
        let order = configured.as_ref().and_then(|configured| configured.compare(&scheduled));
        let takes_configured =
            order.is_some_and(|order| later.is_later(if is_start { order } else { order.reverse() }));
        CursorValue(configured.filter(|_| takes_configured).unwrap_or(scheduled))
    };
    joined.initial_value = Some(narrower(start, &incremental.initial_value, true));
    joined.end_value = Some(narrower(end, &incremental.end_value, false));
    joined.check()?;
    Ok(joined)
}

/// A text that spells a time is compared as a time.
fn comparable(value: &Cell<'static>) -> Cell<'static> {
    match value {
        Cell::Text(text) => Moment::parse(text).map_or_else(|| value.clone(), Cell::Time),
        other => other.clone(),
    }
}

/// The moment in the type of the cursor, which only the initial value tells.
fn in_type_of(incremental: &Incremental, resource: &str, moment: Moment, zone: Option<&str>) -> Result<Cell<'static>> {
    let is_written_with_offset = moment.offset.is_some_and(|offset| offset != 0);
    let moment = Moment { offset: Some(moment.offset.unwrap_or(0)), ..moment };
    let wrong = |what: String, hint: &str| {
        let told = format!("resource `{resource}` takes its range from a scheduler, and {what}");
        Err(Error::new(ErrorKind::Config, told).hint(hint))
    };
    match incremental.initial_value.as_ref().map(|value| &value.0) {
        Some(Cell::Int(_)) => Ok(Cell::Int(moment.nanos.div_euclid(1_000_000_000))),
        Some(Cell::Float(_)) => Ok(Cell::Float(moment.nanos as f64 / 1e9)),
        Some(Cell::Time(initial)) => Ok(Cell::Time(Moment { offset: initial.offset.map(|_| 0), ..moment })),
        Some(Cell::Text(text)) if Moment::parse(text).is_some() => Ok(Cell::Time(moment)),
        Some(Cell::Date(_)) => match (zone, moment.offset) {
            (None | Some("UTC"), _) => Ok(Cell::Date(moment.day())),
            // The day that it is in the zone, by the offset that the time is written with.
            (Some(_), Some(offset)) if is_written_with_offset => {
                let nanos = moment.nanos + i128::from(offset) * 1_000_000_000;
                Ok(Cell::Date(Moment { nanos, ..moment }.day()))
            }
            (Some(zone), _) => wrong(
                format!("{ZONE} is set for a cursor of dates"),
                &format!("write the times as they are in {zone}, with its offset: 2024-01-31T00:00:00+01:00"),
            ),
        },
        Some(other) => wrong(
            format!("its initial value is {}", other.kind()),
            "the cursor has to be a time, a date, or seconds since 1970",
        ),
        None => wrong("no initial value tells the type of its cursor".to_owned(), "set initial_value"),
    }
}

fn truth(text: &str) -> Result<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(Error::new(ErrorKind::Config, format!("the environment variable {ALLOW} is neither true nor false"))
            .hint("set it to `true` or `false`")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn join(incremental: &Incremental, variables: &[(&str, &str)]) -> Result<Incremental> {
        joined(incremental, "r", true, &|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const HOUR: [(&str, &str); 3] = [(START, "2024-01-01T00:00:00Z"), (END, "2024-01-01T01:00:00Z"), (ALLOW, "true")];

    #[test]
    fn the_range_of_a_scheduler_is_taken_where_that_is_allowed() {
        let plain = Incremental::new("t").initial_value(0);
        assert_eq!(join(&plain, &HOUR[..2]).unwrap(), plain);
        assert_eq!(
            join(&plain.clone().allow_external_schedulers(false), &HOUR).unwrap(),
            plain.clone().allow_external_schedulers(false)
        );
        let taken = join(&plain, &HOUR).unwrap();
        assert_eq!(taken.initial_value, Some(1_704_067_200.into()));
        assert_eq!(taken.end_value, Some(1_704_070_800.into()));
        let text = join(&Incremental::new("t").initial_value("2024-01-01T00:30:00Z"), &HOUR).unwrap();
        assert_eq!(text.initial_value, Some(CursorValue::timestamp_micros(1_704_069_000_000_000)));
        assert_eq!(text.end_value, Some(CursorValue::timestamp_micros(1_704_070_800_000_000)));
        let days = join(
            &Incremental::new("t").initial_value(CursorValue::date(0)),
            &[(START, "2024-01-01"), (END, "2024-01-03"), HOUR[2]],
        );
        assert_eq!(days.unwrap().end_value, Some(CursorValue::date(19_725)));
        // A day in Berlin begins on the day before in UTC.
        let berlin = [
            (START, "2024-01-02T00:00:00+01:00"),
            (END, "2024-01-03T00:00:00+01:00"),
            (ZONE, "Europe/Berlin"),
            HOUR[2],
        ];
        let dates = Incremental::new("t").initial_value(CursorValue::date(0));
        let day = join(&dates, &berlin).unwrap();
        assert_eq!(
            (day.initial_value, day.end_value),
            (Some(CursorValue::date(19_724)), Some(CursorValue::date(19_725)))
        );
        let error = join(&dates, &[HOUR[0], HOUR[1], HOUR[2], (ZONE, "Europe/Berlin")]).unwrap_err();
        assert!(error.advice().unwrap().contains("as they are in Europe/Berlin"), "{error}");
    }

    #[test]
    fn a_declaration_is_understood_without_a_scheduler() {
        let asks = Incremental::new("t").initial_value("2024-01-01T00:00:00Z").allow_external_schedulers(true);
        let looked_at = joined(&asks, "r", false, &|_| None).unwrap();
        assert_eq!(looked_at.initial_value, Some(CursorValue::timestamp_micros(1_704_067_200_000_000)));
        assert!(looked_at.end_value.is_some());
        assert!(joined(&asks, "r", true, &|_| None).is_err(), "a run needs it");
        let wrong = Incremental::new("t").allow_external_schedulers(true);
        assert!(joined(&wrong, "r", false, &|_| None).is_err(), "what is wrong with it is found all the same");
    }

    #[test]
    fn what_is_missing_for_it_is_said() {
        for (incremental, variables, told) in [
            (Incremental::new("t").initial_value(0), &HOUR[2..], "and there is none"),
            (Incremental::new("t"), &HOUR[..], "no initial value tells the type"),
            (Incremental::new("t").initial_value("r17"), &HOUR[..], "its initial value is text"),
            (Incremental::new("t").initial_value(0), &[(ALLOW, "perhaps")][..], "neither true nor false"),
            (
                Incremental::new("t").initial_value(0),
                &[HOUR[2], HOUR[0], (END, "soon")][..],
                "DLT_INTERVAL_END is no time",
            ),
        ] {
            let error = join(&incremental, variables).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
