//! Values of cursors: how they compare, and how the state writes them.

use super::decimal;
use super::moment::{Moment, date_text, parse_date};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// A value of a cursor: a number, a text, a date, a time …
///
/// ```
/// use dlt_engine::incremental::CursorValue;
///
/// let number: CursorValue = 5.into();
/// let text: CursorValue = "2024-01-01".into();
/// # let _ = (number, text);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CursorValue(pub(crate) Cell<'static>);

/// See [`CursorValue`]. Texts may be those of the input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Bool(bool),
    Int(i128),
    Float(f64),
    /// A decimal number of any size, as text.
    Decimal(String),
    Text(Cow<'a, str>),
    Time(Moment),
    /// Days since 1970.
    Date(i32),
    Bytes(Vec<u8>),
}

/// Marks of values that JSON has no type for: the first characters of texts in the state.
mod marks {
    pub(super) const DECIMAL: char = '\u{f026}';
    pub(super) const TIME: char = '\u{f027}';
    pub(super) const DATE: char = '\u{f028}';
    pub(super) const BYTES: char = '\u{f02b}';
    pub(super) const WEI: char = '\u{f02c}';
    pub(super) const LAST: char = '\u{f02d}';
}

impl<'a> Cell<'a> {
    /// How they compare; `None` if they are not of one kind. Numbers of all kinds are of one, times with and without a zone
    /// too: those without are taken for UTC.
    pub(crate) fn compare(&self, other: &Cell<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Cell::Text(b)) => Some(a.as_ref().cmp(b.as_ref())),
            (Self::Time(a), Cell::Time(b)) => Some(a.nanos.cmp(&b.nanos)),
            (Self::Date(a), Cell::Date(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Cell::Bytes(b)) => Some(a.cmp(b)),
            (Self::Int(a), Cell::Int(b)) => Some(a.cmp(b)),
            (Self::Float(a), Cell::Float(b)) => a.partial_cmp(b),
            (a, b) => decimal::compare(&a.number_text()?, &b.number_text()?),
        }
    }

    /// A number with all its digits.
    fn number_text(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(u8::from(*value).to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Float(value) if value.is_finite() => Some(format!("{value:.*}", digits_behind_point(*value))),
            Self::Decimal(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(crate) fn into_owned(self) -> Cell<'static> {
        match self {
            Self::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
            Self::Bool(value) => Cell::Bool(value),
            Self::Int(value) => Cell::Int(value),
            Self::Float(value) => Cell::Float(value),
            Self::Decimal(text) => Cell::Decimal(text),
            Self::Time(moment) => Cell::Time(moment),
            Self::Date(days) => Cell::Date(days),
            Self::Bytes(bytes) => Cell::Bytes(bytes),
        }
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float(_) | Self::Decimal(_) => "a number",
            Self::Text(_) => "text",
            Self::Time(_) => "a time",
            Self::Date(_) => "a date",
            Self::Bytes(_) => "bytes",
        }
    }

    /// As the state has it.
    pub(crate) fn to_state(&self) -> Value {
        use base64::Engine as _;
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(value), _) => value.into(),
                (_, Ok(value)) => value.into(),
                _ => format!("{}{value}", marks::DECIMAL).into(),
            },
            Self::Float(value) => (*value).into(),
            Self::Decimal(text) => format!("{}{text}", marks::DECIMAL).into(),
            Self::Text(text) => text.as_ref().into(),
            Self::Time(moment) => format!("{}{}", marks::TIME, moment.iso()).into(),
            Self::Date(days) => format!("{}{}", marks::DATE, date_text(*days)).into(),
            Self::Bytes(bytes) => {
                format!("{}{}", marks::BYTES, base64::engine::general_purpose::STANDARD.encode(bytes)).into()
            }
        }
    }

    /// Reads what a state has; `Err` names what cannot be a cursor. Null is no value.
    pub(crate) fn from_state(value: &Value) -> Result<Option<Cell<'static>>, &'static str> {
        use base64::Engine as _;
        let text = match value {
            Value::Null => return Ok(None),
            Value::Bool(value) => return Ok(Some(Cell::Bool(*value))),
            Value::Number(number) => {
                let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
                return Ok(Some(match whole {
                    Some(whole) => Cell::Int(whole),
                    None => Cell::Float(number.as_f64().ok_or("a number beyond all bounds")?),
                }));
            }
            Value::String(text) => text,
            Value::Array(_) | Value::Object(_) => return Err("a nested value"),
        };
        let plain = || Cell::Text(Cow::Owned(text.clone()));
        let mut characters = text.chars();
        let Some(mark @ marks::DECIMAL..=marks::LAST) = characters.next() else { return Ok(Some(plain())) };
        let rest = characters.as_str();
        // A text that begins so and means nothing is a text, as in the original.
        let read = match mark {
            marks::DECIMAL | marks::WEI => decimal::compare(rest, "0").map(|_| Cell::Decimal(rest.to_owned())),
            marks::TIME => Moment::parse(rest).map(Cell::Time),
            marks::DATE => parse_date(rest).map(Cell::Date),
            marks::BYTES => base64::engine::general_purpose::STANDARD.decode(rest).ok().map(Cell::Bytes),
            _ => return Err("a value of a kind that cannot be compared here"),
        };
        Ok(Some(read.unwrap_or_else(plain)))
    }
}

/// Digits behind the point with which a double is written in full.
fn digits_behind_point(value: f64) -> usize {
    // The lowest bit of a double is worth 2^-1074 at least, and 2^-n has n digits behind the point.
    let exponent = i32::try_from((value.to_bits() >> 52) & 0x7ff).unwrap_or(0) - 1023;
    usize::try_from((52 - exponent).clamp(0, 1074)).unwrap_or(0)
}

impl CursorValue {
    /// A time with its zone: microseconds since 1970, UTC.
    pub fn timestamp_micros(micros: i64) -> Self {
        Self(Cell::Time(Moment { nanos: i128::from(micros) * 1000, offset: Some(0) }))
    }

    /// A date: days since 1970.
    pub fn date(days: i32) -> Self {
        Self(Cell::Date(days))
    }

    /// The time that it is or, being text or a date, spells; without a zone it is taken for UTC.
    pub fn as_time(&self) -> Option<Self> {
        let moment = match &self.0 {
            Cell::Text(text) => Moment::parse(text)?,
            Cell::Time(moment) => *moment,
            Cell::Date(days) => Moment { nanos: i128::from(*days) * 86_400_000_000_000, offset: None },
            _ => return None,
        };
        Some(Self(Cell::Time(Moment { offset: Some(moment.offset.unwrap_or(0)), ..moment })))
    }

    /// What a person typed: a number if it is one, else a text. Quotes (`"5"`) make a text of a number.
    pub fn typed(text: &str) -> Self {
        let number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
            && text.bytes().any(|byte| byte.is_ascii_digit());
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        match (quoted, text.parse::<i128>(), text.parse::<f64>()) {
            (Some(inside), ..) => inside.into(),
            (_, Ok(whole), _) if number => Self(Cell::Int(whole)),
            (_, _, Ok(value)) if number => Self(Cell::Float(value)),
            _ => text.into(),
        }
    }
}

impl From<i64> for CursorValue {
    fn from(value: i64) -> Self {
        Self(Cell::Int(value.into()))
    }
}

impl From<i32> for CursorValue {
    fn from(value: i32) -> Self {
        Self(Cell::Int(value.into()))
    }
}

impl From<f64> for CursorValue {
    fn from(value: f64) -> Self {
        Self(Cell::Float(value))
    }
}

impl From<&str> for CursorValue {
    fn from(value: &str) -> Self {
        Self(Cell::Text(Cow::Owned(value.to_owned())))
    }
}

impl From<String> for CursorValue {
    fn from(value: String) -> Self {
        Self(Cell::Text(Cow::Owned(value)))
    }
}

impl<'de> Deserialize<'de> for CursorValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;

        impl serde::de::Visitor<'_> for Scalar {
            type Value = CursorValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a text, a date or a time")
            }

            fn visit_i64<E>(self, value: i64) -> Result<CursorValue, E> {
                Ok(value.into())
            }

            fn visit_u64<E>(self, value: u64) -> Result<CursorValue, E> {
                Ok(CursorValue(Cell::Int(value.into())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<CursorValue, E> {
                Ok(value.into())
            }

            fn visit_str<E>(self, value: &str) -> Result<CursorValue, E> {
                Ok(value.into())
            }

            fn visit_bool<E>(self, value: bool) -> Result<CursorValue, E> {
                Ok(CursorValue(Cell::Bool(value)))
            }
        }

        deserializer.deserialize_any(Scalar)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Cell<'static> {
        Cell::from_state(&value).unwrap().unwrap()
    }

    #[test]
    fn what_a_state_has_is_written_again_as_it_was() {
        for value in [
            json!(5),
            json!(-3.25),
            json!(18446744073709551615_u64),
            json!("2024-01-01"),
            json!("\u{f027}2024-01-02T00:00:00+00:00"),
            json!("\u{f027}2024-01-02T03:04:05.000678"),
            json!("\u{f027}1969-12-31T23:59:59.5-05:30"),
            json!("\u{f028}2024-02-29"),
            json!("\u{f026}12345678901234567890.10"),
            json!("\u{f02b}AAE="),
        ] {
            let expected = value.as_str().map(|text| text.replace(".5-", ".500000-").into()).unwrap_or(value.clone());
            assert_eq!(read(value).to_state(), expected);
        }
        assert_eq!(Cell::from_state(&Value::Null), Ok(None));
        assert!(Cell::from_state(&json!([1])).is_err());
        assert_eq!(read(json!("\u{f027}soon")), Cell::Text("\u{f027}soon".into()));
    }

    #[test]
    fn values_compare_as_python_compares_them() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, expected) in [
            (json!(9007199254740993_u64), json!(9007199254740992.0), Some(Greater)),
            (json!(1), json!(1.0), Some(Equal)),
            (json!(0.1), json!("\u{f026}0.1"), Some(Greater)),
            (json!("10"), json!("9"), Some(Less)),
            (json!("é"), json!("z"), Some(Greater)),
            (json!("5"), json!(5), None),
            (json!(true), json!(0), Some(Greater)),
            (json!("\u{f027}2024-01-01T02:00:00+02:00"), json!("\u{f027}2024-01-01T00:00:00"), Some(Equal)),
            (json!("\u{f028}2024-01-01"), json!("\u{f028}2024-01-02"), Some(Less)),
            (json!("\u{f027}2024-01-01T00:00:00Z"), json!("2024-01-01T00:00:00Z"), None),
        ] {
            assert_eq!(read(a.clone()).compare(&read(b.clone())), expected, "{a} {b}");
        }
    }

    #[test]
    fn what_is_typed_is_a_number_or_a_text() {
        for (text, expected) in [
            ("5", CursorValue::from(5)),
            ("-2.5", (-2.5).into()),
            ("\"5\"", "5".into()),
            ("2024-01-01", "2024-01-01".into()),
            ("nan", "nan".into()),
            ("", "".into()),
            ("inf", "inf".into()),
        ] {
            assert_eq!(CursorValue::typed(text), expected, "{text}");
        }
    }
}
