//! Spans of time, as people write them.

use std::time::Duration;

/// What is said of a text that is no span of time.
pub(super) const EXPECTED: &str = "a time with its unit, such as \"10 s\", \"5 min\", \"1 h\" or \"90 days\"";

const UNITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("sec", 1_000),
    ("second", 1_000),
    ("seconds", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("minute", 60_000),
    ("minutes", 60_000),
    ("h", 3_600_000),
    ("hour", 3_600_000),
    ("hours", 3_600_000),
    ("d", 86_400_000),
    ("day", 86_400_000),
    ("days", 86_400_000),
];

/// The span that a text such as `10 s` or `1.5h` means; days have 24 hours. A unit is needed: nobody knows what `10` counts.
pub fn duration_of(text: &str) -> Option<Duration> {
    let text = text.trim().to_lowercase();
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let number: f64 = number.trim().parse().ok()?;
    // Out of range is cut to the range, which is far longer than any machine lives.
    let milliseconds = (number * *factor as f64) as u64;
    (number.is_finite() && milliseconds > 0).then(|| Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, milliseconds) in [
            ("10 s", Some(10_000)),
            ("250ms", Some(250)),
            ("1.5 h", Some(5_400_000)),
            (" 90 Days ", Some(7_776_000_000)),
            ("5 min", Some(300_000)),
            ("10", None),
            ("s", None),
            ("0 s", None),
            ("-1 s", None),
            ("1 fortnight", None),
            ("", None),
        ] {
            assert_eq!(duration_of(text), milliseconds.map(Duration::from_millis), "{text}");
        }
    }
}
