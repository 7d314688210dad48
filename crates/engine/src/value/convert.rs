//! From one type to another.

use super::Scalar;
use super::calendar::{DAY, FIRST_SECOND, LAST_SECOND, SECOND, date_text, time_text, timestamp_text};
use super::moment::{self, Moment};
use super::number::{self, Fixed, python_float_text};
use crate::schema::{Column, DataType};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

/// Base64 with padding; the bits that the last character has too many are not looked at.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// A value whose own type is not `to`, in that type.
pub(super) fn convert<'a>(value: Scalar<'a>, to: DataType, column: &Column) -> Result<Scalar<'a>, Scalar<'a>> {
    if to == DataType::Text {
        return into_text(value);
    }
    let converted = match &value {
        Scalar::Text(text) => from_text(text, to, column),
        Scalar::Int(v) => from_integer(*v, to, column),
        Scalar::Double(v) => from_double(*v, to, column),
        Scalar::Timestamp(micros) if to == DataType::Date => {
            i32::try_from(micros.div_euclid(DAY)).ok().map(Scalar::Date)
        }
        Scalar::Date(days) if to == DataType::Timestamp => i64::from(*days).checked_mul(DAY).map(Scalar::Timestamp),
        Scalar::Decimal(v) if matches!(to, DataType::Decimal | DataType::Wei) => {
            fixed(to, column).of_decimal(*v).map(Scalar::Decimal)
        }
        // Truth values and nested ones become text only.
        _ => None,
    };
    converted.ok_or(value)
}

/// Every value has a text.
fn into_text(value: Scalar<'_>) -> Result<Scalar<'_>, Scalar<'_>> {
    Ok(Scalar::Text(match value {
        Scalar::Bool(true) => Cow::Borrowed("True"),
        Scalar::Bool(false) => Cow::Borrowed("False"),
        Scalar::Int(v) => v.to_string().into(),
        Scalar::Double(v) => python_float_text(v).into(),
        Scalar::Text(text) | Scalar::Json(text) => text,
        Scalar::Timestamp(micros) => timestamp_text(micros, true).into(),
        Scalar::Date(days) => date_text(days).into(),
        Scalar::Time(micros) => time_text(micros).into(),
        Scalar::Binary(bytes) => BASE64.encode(bytes).into(),
        Scalar::Decimal(v) => number::decimal_text(v).into(),
    }))
}

fn from_text<'a>(text: &str, to: DataType, column: &Column) -> Option<Scalar<'a>> {
    match to {
        DataType::Bigint => number::integer(text).map(Scalar::Int),
        DataType::Double => number::double(text).map(Scalar::Double),
        DataType::Decimal | DataType::Wei => fixed(to, column).of_text(text).map(Scalar::Decimal),
        DataType::Bool => truth(text).map(Scalar::Bool),
        DataType::Timestamp => text_to_timestamp(text).map(Scalar::Timestamp),
        DataType::Date => text_to_timestamp(text).map(day_of).map(Scalar::Date),
        DataType::Time => match moment::parse(text) {
            Some(Moment::Time(micros)) => Some(Scalar::Time(micros)),
            _ => None,
        },
        DataType::Json => json(text).map(|json| Scalar::Json(json.into())),
        DataType::Binary => bytes(text).map(|bytes| Scalar::Binary(bytes.into())),
        DataType::Text => None,
    }
}

fn from_integer<'a>(v: i64, to: DataType, column: &Column) -> Option<Scalar<'a>> {
    match to {
        DataType::Double => Some(Scalar::Double(v as f64)),
        DataType::Decimal | DataType::Wei => fixed(to, column).of_integer(v.into()).map(Scalar::Decimal),
        DataType::Bool => Some(Scalar::Bool(v != 0)),
        DataType::Timestamp => seconds_to_timestamp(v).map(Scalar::Timestamp),
        DataType::Date => seconds_to_timestamp(v).map(day_of).map(Scalar::Date),
        DataType::Binary => little_endian(v).map(|bytes| Scalar::Binary(bytes.into())),
        _ => None,
    }
}

fn from_double<'a>(v: f64, to: DataType, column: &Column) -> Option<Scalar<'a>> {
    match to {
        DataType::Bigint => number::integral(v).map(Scalar::Int),
        DataType::Decimal | DataType::Wei => fixed(to, column).of_text(&python_float_text(v)).map(Scalar::Decimal),
        DataType::Bool => Some(Scalar::Bool(v != 0.0)),
        DataType::Timestamp => double_to_timestamp(v).map(Scalar::Timestamp),
        DataType::Date => double_to_timestamp(v).map(day_of).map(Scalar::Date),
        _ => None,
    }
}

fn fixed(to: DataType, column: &Column) -> Fixed {
    match to {
        DataType::Wei => Fixed { digits: 38, decimals: 0 },
        _ => {
            let (digits, decimals) = column.decimal();
            Fixed { digits, decimals }
        }
    }
}

fn truth(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["yes", "true", "t", "y", "1"]) {
        Some(true)
    } else {
        is_one_of(["no", "false", "f", "n", "0"]).then_some(false)
    }
}

/// A text as microseconds since 1970 UTC: a date with or without a time, or a number of seconds since 1970.
pub(super) fn text_to_timestamp(text: &str) -> Option<i64> {
    match moment::parse(text) {
        Some(Moment::DateTime(micros)) => Some(micros),
        Some(Moment::Date(days)) => Some(i64::from(days) * DAY),
        Some(Moment::Time(_)) => None,
        None => double_to_timestamp(number::plain_double(text)?),
    }
}

fn seconds_to_timestamp(seconds: i64) -> Option<i64> {
    (FIRST_SECOND..=LAST_SECOND).contains(&seconds).then(|| seconds * SECOND)
}

/// Seconds to microseconds. The fraction is rounded by itself, ties to even.
fn double_to_timestamp(seconds: f64) -> Option<i64> {
    // Beyond this nothing can be in range, and below it every number of microseconds fits.
    if seconds.is_nan() || seconds.abs() > 1e12 {
        return None;
    }
    let micros = (seconds.fract() * 1e6).round_ties_even() as i64;
    let micros = seconds.trunc() as i64 * SECOND + micros;
    super::calendar::in_range(micros).then_some(micros)
}

/// The UTC day of a moment in the years that can be written.
fn day_of(micros: i64) -> i32 {
    micros.div_euclid(DAY) as i32
}

/// JSON in its compact form: no white space, keys in their order, the last value of a key that is repeated.
fn json(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    serde_json::to_string(&value).ok()
}

/// Base64, or pairs of hexadecimal digits after `0x`, between which there may be white space.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let Some(hex) = text.strip_prefix("0x") else {
        // Padding where none is needed does no harm.
        let data = text.trim_end_matches('=');
        let is_whole = !data.is_empty() && data.len().is_multiple_of(4);
        return BASE64.decode(if is_whole { data } else { text }).ok();
    };
    let mut bytes = Vec::with_capacity(hex.len() / 2);
    let mut rest = hex.as_bytes();
    loop {
        match rest {
            [] => return Some(bytes),
            [b' ' | b'\t'..=b'\r', after @ ..] => rest = after,
            [high, low, after @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push((digit(*high)? * 16 + digit(*low)?) as u8);
                rest = after;
            }
            [_] => return None,
        }
    }
}

/// As many bytes as a number needs, the lowest first; none for 0. There is no way to write a negative one.
fn little_endian(v: i64) -> Option<Vec<u8>> {
    let v = u64::try_from(v).ok()?;
    let length = (u64::BITS - v.leading_zeros()).div_ceil(8) as usize;
    Some(v.to_le_bytes()[..length].to_vec())
}
