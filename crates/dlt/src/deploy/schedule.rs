//! When a pipeline runs: five fields of cron, or a word for some of them.

use std::fmt;

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, CronComponent};
use dlt_engine::{Error, ErrorKind, Result};

/// The words, and what each means.
const WORDS: [(&str, &str); 6] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// When a pipeline runs: minute, hour, day of the month, month, day of the week, in the form that all schedulers know.
#[derive(Clone, Debug)]
pub struct Schedule {
    fields: [String; 5],
    cron: Cron,
}

impl Schedule {
    /// Reads `0 6 * * 1-5`, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with what is wrong, also for what only some schedulers know (seconds, `L`, `#`, `W`, `?`, `@reboot`).
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: String| {
            Error::new(ErrorKind::Config, format!("`{text}` is no schedule: {why}"))
                .hint("five fields: minute hour day month weekday, such as \"0 6 * * 1-5\"; or @hourly, @daily, @weekly, @monthly")
        };
        let trimmed = text.trim();
        let plain = match WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(trimmed)) {
            Some((_, fields)) => fields,
            None if trimmed.starts_with('@') => return Err(wrong("there is no such word".to_owned())),
            None => trimmed,
        };
        let fields: Vec<String> = plain.split_whitespace().map(str::to_owned).collect();
        let count = fields.len();
        let Ok(fields) = <[String; 5]>::try_from(fields) else {
            return Err(wrong(format!("it has {count} fields and not five")));
        };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(plain).map_err(|error| wrong(error.to_string()))?;
        let days = [&cron.pattern.days, &cron.pattern.days_of_week];
        if plain.contains('?') || plain.contains('+') || days.iter().any(|days| days.has_modifiers()) {
            return Err(wrong("`L`, `W`, `#`, `+` and `?` are not known to every scheduler".to_owned()));
        }
        let schedule = Self { fields, cron };
        if schedule.minutes().is_empty() || schedule.hours().is_empty() {
            return Err(wrong("it never comes".to_owned()));
        }
        Ok(schedule)
    }

    fn minutes(&self) -> Vec<u16> {
        self.cron.pattern.minutes.values()
    }

    fn hours(&self) -> Vec<u16> {
        self.cron.pattern.hours.values()
    }

    /// The calendar expressions of systemd for it, of which each is a time of its own; with the name of a time zone, if one is given.
    pub fn on_calendar(&self, zone: Option<&str>) -> Vec<String> {
        let pattern = &self.cron.pattern;
        let [_, _, day, _, weekday] = &self.fields;
        let zone = zone.map(|zone| format!(" {zone}")).unwrap_or_default();
        let months = listed(&pattern.months, 12);
        let clock = format!("{}:{}:00{zone}", listed(&pattern.hours, 24), listed(&pattern.minutes, 60));
        let by_date = format!("*-{months}-{} {clock}", listed(&pattern.days, 31));
        let names: Vec<_> = pattern.days_of_week.values().iter().map(|day| DAYS[usize::from(*day) % 7]).collect();
        let by_weekday = |date: &str| match names.len() {
            0 | 7 => date.to_owned(),
            _ => format!("{} {date}", names.join(",")),
        };
        // Cron takes either of day and weekday where both are given, unless one of them begins with a star.
        if day.starts_with('*') || weekday.starts_with('*') {
            return vec![by_weekday(&by_date)];
        }
        vec![by_date, by_weekday(&format!("*-{months}-* {clock}"))]
    }
}

/// The five fields.
impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.fields.join(" "))
    }
}

/// The values of a field in systemd's form: `*`, or all of them.
fn listed(field: &CronComponent, all: usize) -> String {
    let values = field.values();
    if values.len() == all {
        return "*".to_owned();
    }
    values.iter().map(|value| format!("{value:02}")).collect::<Vec<_>>().join(",")
}

/// Whether a text can be the name of a time zone.
///
/// # Errors
/// [`ErrorKind::Config`] if it cannot, or if this machine knows time zones and not this one.
pub(super) fn check_zone(zone: &str) -> Result<()> {
    let is_formed = !zone.is_empty()
        && !zone.split('/').any(|part| part.is_empty() || part.starts_with('.'))
        && zone.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_+-".contains(letter));
    let known = std::path::Path::new("/usr/share/zoneinfo");
    if is_formed && (!known.join("Europe").exists() || known.join(zone).is_file()) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("there is no time zone `{zone}`")).hint("such as UTC or Europe/Berlin"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn schedules_in_two_forms() {
        for (text, cron, calendar) in [
            ("@daily", "0 0 * * *", &["*-*-* 00:00:00"][..]),
            ("@Hourly", "0 * * * *", &["*-*-* *:00:00"]),
            ("@weekly", "0 0 * * 0", &["Sun *-*-* 00:00:00"]),
            ("*/15  6-8 * * 1-5", "*/15 6-8 * * 1-5", &["Mon,Tue,Wed,Thu,Fri *-*-* 06,07,08:00,15,30,45:00"]),
            ("30 2 1,15 * *", "30 2 1,15 * *", &["*-*-01,15 02:30:00"]),
            ("0 0 * jan,jul sat", "0 0 * jan,jul sat", &["Sat *-01,07-* 00:00:00"]),
            // Both days are given: either of them.
            ("0 9 13 * 5", "0 9 13 * 5", &["*-*-13 09:00:00", "Fri *-*-* 09:00:00"]),
            ("0 9 */2 * 7", "0 9 */2 * 7", &["Sun *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 09:00:00"]),
        ] {
            let schedule = Schedule::parse(text).unwrap();
            assert_eq!(schedule.to_string(), cron);
            assert_eq!(schedule.on_calendar(None), calendar, "{text}");
        }
        let berlin = Schedule::parse("@daily").unwrap().on_calendar(Some("Europe/Berlin"));
        assert_eq!(berlin, ["*-*-* 00:00:00 Europe/Berlin"]);
    }

    #[test]
    fn what_is_no_schedule() {
        for (text, told) in [
            ("", "it has 0 fields"),
            ("* * * *", "it has 4 fields"),
            ("0 0 0 * * *", "it has 6 fields"),
            ("60 * * * *", "is no schedule"),
            ("0 24 * * *", "is no schedule"),
            ("0 0 32 * *", "is no schedule"),
            ("0 0 * 13 *", "is no schedule"),
            ("0 0 * * 8", "is no schedule"),
            ("a b c d e", "is no schedule"),
            ("0 0 L * *", "not known to every scheduler"),
            ("0 0 * * 5#2", "not known to every scheduler"),
            ("0 0 15W * *", "not known to every scheduler"),
            ("0 0 ? * 1", "not known to every scheduler"),
            ("@reboot", "there is no such word"),
            ("every day", "it has 2 fields"),
            ("*/0 * * * *", "is no schedule"),
            ("5-1 * * * *", "is no schedule"),
        ] {
            let error = Schedule::parse(text).map(|found| found.to_string()).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn time_zones() {
        for zone in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            check_zone(zone).unwrap();
        }
        for zone in ["", "../x", "Europe/", "a b", "Z;x"] {
            assert!(check_zone(zone).is_err(), "{zone}");
        }
    }
}
