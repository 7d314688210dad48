//! From one type to another, and only where nothing is lost: what is stored can be printed as what came.
//!
//! | from ↓ into → | `text` | `bigint` | `double` | `decimal`, `wei` | `bool` | `timestamp` | `date` | `time` | `json` | `binary` |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | text | | an integer as it would be printed | a number each of whose digits a double keeps | a number that needs no rounding | `true`, `false` in any capitals | a date with a time, in microseconds | `YYYY-MM-DD` | `hh:mm[:ss[.ffffff]]` | an object or a list | canonical Base64, or `0x` and small hexadecimal digits |
//! | bool | `True`, `False` | | | | | | | | | |
//! | bigint | its digits | | if exact | if it has the digits | | | | | | |
//! | wei | its digits | | | if it has the digits | | | | | | |
//! | double | its shortest digits | if integral | if it needs no rounding | | | | | | | |
//! | decimal | its digits | | | if it needs no rounding | | | | | | |
//! | timestamp | ISO 8601 | | | | | | at midnight | | | |
//! | date | ISO 8601 | | | | | midnight | | | | |
//! | time | ISO 8601 | | | | | | | | | |
//! | json | its text | | | | | | | | | |
//! | binary | Base64 | | | | | | | | | |
//!
//! An empty cell is a refusal, and so is a value that does not meet the condition: it goes to a variant column. Numbers in
//! text have no plus sign, no leading zeros, no underscores, no white space and no `0x`: `02134` is a postal code and
//! `+15551234` a telephone number. Zeros behind the point (`1.50`) and a decimal exponent are forms of the same number. A
//! timestamp is an instant: the offset it was written with is not kept.

use super::Scalar;
use super::civil::{DAY, date_text, time_text, timestamp_text};
use super::iso8601::DateOrTime;
use super::lenient;
use super::number::{self, Fixed, python_float_text};
use super::written::{canonical_double, canonical_integer};
use crate::schema::{Column, DataType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::borrow::Cow;

/// A value whose own type is not `to`, in that type.
pub(super) fn convert<'a>(value: Scalar<'a>, to: DataType, column: &Column) -> Result<Scalar<'a>, Scalar<'a>> {
    if to == DataType::Text {
        return into_text(value);
    }
    let converted = match &value {
        Scalar::Text(text) => from_text(text, to, column),
        Scalar::Int(v) => from_integer((*v).into(), to, column),
        Scalar::Wei(v) => from_integer(*v, to, column),
        Scalar::Double(v) => from_double(*v, to, column),
        Scalar::Timestamp(micros) if to == DataType::Date && micros.rem_euclid(DAY) == 0 => {
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
        Scalar::Wei(v) => v.to_string().into(),
    }))
}

fn from_text<'a>(text: &str, to: DataType, column: &Column) -> Option<Scalar<'a>> {
    match to {
        DataType::Bigint => canonical_integer(text).map(Scalar::Int),
        DataType::Double => canonical_double(text).map(Scalar::Double),
        DataType::Decimal | DataType::Wei => {
            let is_wei = to == DataType::Wei;
            // An integer has no point and no exponent.
            let has_form = number::is_canonical(text) && !(is_wei && text.contains(['.', 'e', 'E']));
            has_form.then(|| fixed(to, column).of_text(text)).flatten().map(Scalar::Decimal)
        }
        DataType::Bool => truth(text).map(Scalar::Bool),
        DataType::Timestamp => super::parse_iso_timestamp(text).map(Scalar::Timestamp),
        DataType::Date => match lenient::parse(text) {
            Some(DateOrTime::Date(days)) if date_text(days) == text => Some(Scalar::Date(days)),
            _ => None,
        },
        DataType::Time => match lenient::parse(text) {
            Some(DateOrTime::Time(micros)) if is_clock(text) => Some(Scalar::Time(micros)),
            _ => None,
        },
        DataType::Json => super::nested_json(text).map(|json| Scalar::Json(json.into())),
        DataType::Binary => bytes(text).map(|bytes| Scalar::Binary(bytes.into())),
        DataType::Text => None,
    }
}

fn from_integer<'a>(v: i128, to: DataType, column: &Column) -> Option<Scalar<'a>> {
    match to {
        DataType::Bigint => i64::try_from(v).ok().map(Scalar::Int),
        DataType::Double => Some(v as f64).filter(|double| *double as i128 == v).map(Scalar::Double),
        DataType::Decimal | DataType::Wei => fixed(to, column).of_integer(v).map(Scalar::Decimal),
        _ => None,
    }
}

fn from_double<'a>(v: f64, to: DataType, column: &Column) -> Option<Scalar<'a>> {
    // An integer or a decimal would lose this sign.
    if v == 0.0 && v.is_sign_negative() {
        return None;
    }
    match to {
        DataType::Bigint => number::integral(v).map(Scalar::Int),
        DataType::Decimal | DataType::Wei => fixed(to, column).of_text(&python_float_text(v)).map(Scalar::Decimal),
        _ => None,
    }
}

fn fixed(to: DataType, column: &Column) -> Fixed {
    match to {
        DataType::Wei => {
            let digits = column.number("precision").and_then(|digits| u8::try_from(digits).ok()).unwrap_or(38);
            Fixed { digits: digits.min(38), decimals: 0 }
        }
        _ => {
            let (digits, decimals) = column.decimal();
            Fixed { digits, decimals }
        }
    }
}

fn truth(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

/// Whether a time of day is written with colons and without an offset, by which it would be another time.
fn is_clock(text: &str) -> bool {
    let is_time = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.');
    text.as_bytes().get(2) == Some(&b':') && text.bytes().all(is_time)
}

/// Base64 that would be written again as it came, or pairs of small hexadecimal digits after `0x`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let Some(hex) = text.strip_prefix("0x") else { return BASE64.decode(text).ok() };
    let digit = |byte: u8| if byte.is_ascii_uppercase() { None } else { char::from(byte).to_digit(16) };
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    };
    hex.as_bytes().chunks(2).map(pair).collect()
}
