//! Parts of a moment, as layouts name them.

use dlt_engine::value::{date_of, date_text};

/// Seconds of a day.
const DAY: i64 = 86_400;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// A moment in UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    micros: i64,
}

/// The names of parts: `YYYY` and the like, whole dates and timestamps.
pub(crate) const PARTS: [&str; 30] = [
    "YYYY",
    "YY",
    "Y",
    "MMMM",
    "MMM",
    "MM",
    "M",
    "DD",
    "D",
    "HH",
    "H",
    "mm",
    "m",
    "dddd",
    "ddd",
    "dd",
    "d",
    "ss",
    "s",
    "SSSS",
    "SSS",
    "SS",
    "S",
    "Q",
    "curr_date",
    "timestamp",
    "timestamp_ms",
    "load_package_timestamp",
    "load_package_timestamp_ms",
    "",
];

impl Moment {
    /// Microseconds since 1970.
    pub(crate) fn micros(self) -> i64 {
        self.micros
    }

    /// When a load began: its id says so.
    pub(crate) fn of_load(load_id: &str) -> Self {
        let (seconds, fraction) = load_id.split_once('.').unwrap_or((load_id, ""));
        let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
        Self { micros: seconds.parse::<i64>().unwrap_or(0) * 1_000_000 + fraction.parse::<i64>().unwrap_or(0) }
    }

    /// The part of this name; letters are small ones.
    pub(crate) fn part(self, name: &str) -> Option<String> {
        let seconds = self.micros.div_euclid(1_000_000);
        let micros = self.micros.rem_euclid(1_000_000);
        let days = i32::try_from(seconds.div_euclid(DAY)).unwrap_or(0);
        let (year, month, day) = date_of(days);
        let of_day = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let month_name = MONTHS.get(month as usize - 1).copied().unwrap_or_default();
        // The first of January 1970 was a Thursday.
        let weekday = usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0);
        let weekday_name = WEEKDAYS[weekday];
        Some(match name {
            "YYYY" => format!("{year:04}"),
            "YY" => format!("{:02}", year % 100),
            "Y" => year.to_string(),
            "MMMM" => month_name.to_owned(),
            "MMM" => month_name[..3].to_owned(),
            "MM" => format!("{month:02}"),
            "M" => month.to_string(),
            "DD" => format!("{day:02}"),
            "D" => day.to_string(),
            "HH" => format!("{hour:02}"),
            "H" => hour.to_string(),
            "mm" => format!("{minute:02}"),
            "m" => minute.to_string(),
            "dddd" => weekday_name.to_owned(),
            "ddd" => weekday_name[..3].to_owned(),
            "dd" => weekday_name[..2].to_owned(),
            "d" => weekday.to_string(),
            "ss" => format!("{second:02}"),
            "s" => second.to_string(),
            "SSSS" => format!("{:04}", micros / 100),
            "SSS" => format!("{:03}", micros / 1_000),
            "SS" => format!("{:02}", micros / 10_000),
            "S" => (micros / 100_000).to_string(),
            "Q" => (1 + (month - 1) / 3).to_string(),
            "curr_date" => date_text(days),
            "timestamp" | "load_package_timestamp" => seconds.to_string(),
            "timestamp_ms" | "load_package_timestamp_ms" => self.micros.div_euclid(1_000).to_string(),
            _ => return None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What pendulum gives, in Python dlt 1.31.
    #[test]
    fn parts_are_those_of_python() {
        let told = |load: &str, parts: &[(&str, &str)]| {
            for (name, value) in parts {
                assert_eq!(Moment::of_load(load).part(name).unwrap(), *value, "{name}");
            }
        };
        told(
            "1717297445.678901",
            &[
                ("D", "2"),
                ("DD", "02"),
                ("H", "3"),
                ("HH", "03"),
                ("M", "6"),
                ("MM", "06"),
                ("MMM", "jun"),
                ("MMMM", "june"),
                ("Q", "2"),
                ("S", "6"),
                ("SS", "67"),
                ("SSS", "678"),
                ("SSSS", "6789"),
                ("Y", "2024"),
                ("YY", "24"),
                ("YYYY", "2024"),
                ("curr_date", "2024-06-02"),
                ("d", "0"),
                ("dd", "su"),
                ("ddd", "sun"),
                ("dddd", "sunday"),
                ("load_package_timestamp", "1717297445"),
                ("load_package_timestamp_ms", "1717297445678"),
                ("m", "4"),
                ("mm", "04"),
                ("s", "5"),
                ("ss", "05"),
                ("timestamp", "1717297445"),
                ("timestamp_ms", "1717297445678"),
            ],
        );
        told(
            "1735650855.001",
            &[("dddd", "tuesday"), ("d", "2"), ("SSS", "001"), ("Q", "4"), ("MMM", "dec"), ("HH", "13")],
        );
        assert_eq!(Moment::of_load("x").part("none"), None);
    }
}
