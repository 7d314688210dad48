//! By what a table is divided: a column, or something that is made of its values.

use super::kind::Kind;
use super::scalar::{Scalar, shortest};
use arrow::datatypes::{Decimal128Type, DecimalType};
use dlt_engine::value::{date_of, date_text, timestamp_text};
use std::fmt;

/// Microseconds of an hour and of a day.
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// What is made of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    Identity,
    Year,
    Month,
    Day,
    Hour,
    /// So many groups of values.
    Bucket(u32),
    /// The beginning of texts, numbers rounded down.
    Truncate(u32),
    /// Nothing any more.
    Void,
    /// One that is not known.
    Other(String),
}

impl Transform {
    /// Reads a name of the metadata: `identity`, `bucket[16]`.
    pub(super) fn parse(name: &str) -> Self {
        let number = |prefix: &str| name.strip_prefix(prefix)?.strip_suffix(']')?.parse().ok().filter(|n| *n > 0);
        match name {
            "identity" => Self::Identity,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "void" => Self::Void,
            _ => {
                let known = number("bucket[").map(Self::Bucket).or_else(|| number("truncate[").map(Self::Truncate));
                known.unwrap_or_else(|| Self::Other(name.to_owned()))
            }
        }
    }

    /// The type of what is made of values; `None` if values of the type cannot be divided so.
    pub(super) fn result(&self, source: &Kind) -> Option<Kind> {
        let is_moment = matches!(source, Kind::Timestamp | Kind::Timestamptz);
        match self {
            Self::Identity if source.arrow_type().is_some() => Some(source.clone()),
            Self::Year | Self::Month if is_moment || *source == Kind::Date => Some(Kind::Int),
            Self::Day if is_moment || *source == Kind::Date => Some(Kind::Date),
            Self::Hour if is_moment => Some(Kind::Int),
            Self::Bucket(_) if !matches!(source, Kind::Boolean | Kind::Float | Kind::Double) => {
                source.arrow_type().map(|_| Kind::Int)
            }
            Self::Truncate(_)
                if matches!(source, Kind::Int | Kind::Long | Kind::Decimal { .. } | Kind::String | Kind::Binary) =>
            {
                Some(source.clone())
            }
            Self::Void => Some(source.clone()),
            _ => None,
        }
    }

    /// What is made of a value; `None` where there is no such thing.
    pub(super) fn apply(&self, value: Scalar, source: &Kind) -> Option<Scalar> {
        let days = || match (&value, source) {
            (Scalar::Int(days), Kind::Date) => Some(*days),
            (Scalar::Long(micros), _) => i32::try_from(micros.div_euclid(DAY)).ok(),
            _ => None,
        };
        Some(match self {
            Self::Identity => value,
            Self::Year => Scalar::Int(date_of(days()?).0 - 1970),
            Self::Month => {
                let (year, month, _) = date_of(days()?);
                Scalar::Int((year - 1970) * 12 + i32::try_from(month).ok()? - 1)
            }
            Self::Day => Scalar::Int(days()?),
            Self::Hour => match value {
                Scalar::Long(micros) => Scalar::Int(i32::try_from(micros.div_euclid(HOUR)).ok()?),
                _ => return None,
            },
            Self::Bucket(count) => {
                let hash = murmur3(&hashed(&value)) & 0x7fff_ffff;
                Scalar::Int(i32::try_from(hash % count).ok()?)
            }
            Self::Truncate(width) => truncated(value, *width),
            Self::Void | Self::Other(_) => return None,
        })
    }

    /// A value, as people read it in the names of folders.
    pub(super) fn label(&self, value: &Scalar, result: &Kind) -> String {
        match (self, value) {
            (Self::Year, Scalar::Int(years)) => format!("{:04}", 1970 + years),
            (Self::Month, Scalar::Int(months)) => {
                format!("{:04}-{:02}", 1970 + months.div_euclid(12), months.rem_euclid(12) + 1)
            }
            (Self::Hour, Scalar::Int(hours)) => {
                format!("{}-{:02}", date_text(hours.div_euclid(24)), hours.rem_euclid(24))
            }
            (_, Scalar::Int(days)) if *result == Kind::Date => date_text(*days),
            (_, Scalar::Long(micros)) if *result == Kind::Timestamp => timestamp_text(*micros, false),
            (_, Scalar::Long(micros)) if *result == Kind::Timestamptz => timestamp_text(*micros, true),
            (_, Scalar::Decimal(digits)) => match result {
                Kind::Decimal { digits: most, decimals } => Decimal128Type::format_decimal(*digits, *most, *decimals),
                _ => digits.to_string(),
            },
            _ => value.text(),
        }
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Bucket(count) => return write!(f, "bucket[{count}]"),
            Self::Truncate(width) => return write!(f, "truncate[{width}]"),
            Self::Void => "void",
            Self::Other(name) => name,
        })
    }
}

fn truncated(value: Scalar, width: u32) -> Scalar {
    match value {
        Scalar::Int(number) => match i32::try_from(width) {
            Ok(width) => Scalar::Int(number.saturating_sub(number.rem_euclid(width))),
            Err(_) => Scalar::Int(number),
        },
        Scalar::Long(number) => Scalar::Long(number.saturating_sub(number.rem_euclid(width.into()))),
        Scalar::Decimal(number) => Scalar::Decimal(number.saturating_sub(number.rem_euclid(width.into()))),
        Scalar::Text(text) => Scalar::Text(text.chars().take(width as usize).collect()),
        Scalar::Bytes(bytes) => Scalar::Bytes(bytes.into_iter().take(width as usize).collect()),
        other => other,
    }
}

/// The bytes of a value that are hashed: all integers, days and moments as one of 64 bits.
fn hashed(value: &Scalar) -> Vec<u8> {
    match value {
        Scalar::Int(number) => i64::from(*number).to_le_bytes().to_vec(),
        Scalar::Decimal(number) => shortest(*number),
        other => other.bytes(),
    }
}

/// The 32-bit Murmur3 hash of seed 0.
fn murmur3(bytes: &[u8]) -> u32 {
    let mixed = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash: u32 = 0;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        hash = (hash ^ mixed(word)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        let word = tail.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        hash ^= mixed(word);
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The values of the specification.
    #[test]
    fn hashes_are_those_of_the_specification() {
        let hash = |value: &Scalar| murmur3(&hashed(value)) as i32;
        assert_eq!(hash(&Scalar::Int(34)), 2_017_239_379);
        assert_eq!(hash(&Scalar::Long(34)), 2_017_239_379);
        assert_eq!(hash(&Scalar::Decimal(1420)), -500_754_589);
        assert_eq!(hash(&Scalar::Int(17_486)), -653_330_422);
        assert_eq!(hash(&Scalar::Long(1_510_871_468_000_000)), -2_047_944_441);
        assert_eq!(hash(&Scalar::Text("iceberg".into())), 1_210_000_089);
        assert_eq!(hash(&Scalar::Bytes(vec![0, 1, 2, 3])), -188_683_207);
    }

    #[test]
    fn what_is_made_of_values() {
        let of = |name: &str, value: Scalar, kind: Kind| {
            let transform = Transform::parse(name);
            let result = transform.result(&kind).unwrap();
            let made = transform.apply(value, &kind).unwrap();
            format!("{} {}", made.text(), transform.label(&made, &result))
        };
        assert_eq!(of("year", Scalar::Int(-1), Kind::Date), "-1 1969");
        assert_eq!(of("month", Scalar::Int(-1), Kind::Date), "-1 1969-12");
        assert_eq!(of("day", Scalar::Long(-1), Kind::Timestamp), "-1 1969-12-31");
        assert_eq!(of("hour", Scalar::Long(DAY + HOUR), Kind::Timestamptz), "25 1970-01-02-01");
        assert_eq!(of("truncate[10]", Scalar::Long(-1), Kind::Long), "-10 -10");
        assert_eq!(of("truncate[2]", Scalar::Text("éa€".into()), Kind::String), "éa éa");
        assert_eq!(Transform::parse("hour").result(&Kind::Date), None);
        assert_eq!(Transform::parse("bucket[0]"), Transform::Other("bucket[0]".into()));
    }
}
