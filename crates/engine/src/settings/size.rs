//! Sizes of memory, as people write them.

/// What is said of a text that is no size.
pub(super) const EXPECTED: &str = "a size with its unit, such as \"512 MB\" or \"2 GB\"";

const UNITS: &[(&str, u64)] = &[
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Bytes that a text such as `2 GB` or `1.5GiB` means. A unit is needed: nobody means 2 bytes by `2`.
pub fn bytes_of(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let number: f64 = number.trim().parse().ok()?;
    // Out of range is cut to the range; what is asked of a machine is far inside it.
    let bytes = (number * *factor as f64) as u64;
    (number.is_finite() && bytes > 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::bytes_of;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("2 GB", Some(2_000_000_000)),
            ("512mb", Some(512_000_000)),
            (" 1.5 GiB ", Some(1_610_612_736)),
            ("100 KB", Some(100_000)),
            ("2", None),
            ("GB", None),
            ("0 GB", None),
            ("-1 GB", None),
            ("2 GB or so", None),
            ("inf GB", None),
            ("", None),
        ] {
            assert_eq!(bytes_of(text), bytes, "{text}");
        }
    }
}
