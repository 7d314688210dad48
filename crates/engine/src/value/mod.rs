//! Scalar values of the data: which type they show, and how they fit into a column of another type.
//!
//! Everything here is a pure function of its arguments. A column keeps the type of the first value that was seen in it;
//! a later value of another type is either expressed in that type without a loss ([`coerce`]) or refused, in which case
//! the caller stores it in a variant column beside it.

mod civil;
mod convert;
mod iso8601;
mod lenient;
mod number;
mod written;

pub use civil::{date_of, date_text, time_text, timestamp_text};

pub use number::python_float_text;
pub use written::{canonical_double, canonical_integer};

use crate::json::Cursor;
use crate::schema::{Column, DataType};
use iso8601::DateOrTime;
use std::borrow::Cow;

/// A value of a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// True or false.
    Bool(bool),
    /// Integer.
    Int(i64),
    /// Floating point.
    Double(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Compact JSON text of a nested value that is kept whole.
    Json(Cow<'a, str>),
    /// Microseconds since 1970-01-01T00:00:00 UTC.
    Timestamp(i64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// A fixed-point number.
    Decimal(Decimal),
    /// An integer of up to 38 digits.
    Wei(i128),
    /// Bytes.
    Binary(Cow<'a, [u8]>),
}

/// `unscaled` divided by ten to the power of `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// All digits.
    pub unscaled: i128,
    /// How many of them are decimals.
    pub scale: i8,
}

impl Scalar<'_> {
    /// The type of the value itself: text is text, whatever it spells.
    #[inline]
    pub fn own_type(&self) -> DataType {
        match self {
            Self::Bool(_) => DataType::Bool,
            Self::Int(_) => DataType::Bigint,
            Self::Double(_) => DataType::Double,
            Self::Text(_) => DataType::Text,
            Self::Json(_) => DataType::Json,
            Self::Timestamp(_) => DataType::Timestamp,
            Self::Date(_) => DataType::Date,
            Self::Time(_) => DataType::Time,
            Self::Decimal(_) => DataType::Decimal,
            Self::Wei(_) => DataType::Wei,
            Self::Binary(_) => DataType::Binary,
        }
    }
}

/// Whether a text is a date and nothing else, as it would be printed: `2024-01-02`.
pub(crate) fn is_iso_date(text: &str) -> bool {
    matches!(iso8601::parse(text.as_bytes()), Some(DateOrTime::Date(days)) if civil::date_text(days) == text)
}

/// Reads a text that spells a date with a time of day, in microseconds since 1970 UTC; without an offset it is UTC.
///
/// `None` for everything else: a date or a time alone, a duration, an interval, a moment that does not exist or lies
/// outside of the years 1 to 9999 in UTC, an offset of a day or more, a moment that is finer than a microsecond.
///
/// Texts that do not begin like a year are refused after four bytes, and the usual forms are read without a detour.
#[inline]
pub fn parse_iso_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    // The shortest that there is: a year, an hour and a minute of one digit each with a colon between.
    if bytes.len() < 7 || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    iso8601::usual_form(bytes).or_else(|| other_form(text))
}

/// Microseconds since 1970 of a moment or, for a date alone, of its begin in UTC.
pub(crate) fn instant_of(text: &str) -> Option<i64> {
    parse_iso_timestamp(text).or_else(|| match iso8601::parse(text.as_bytes()) {
        Some(DateOrTime::Date(days)) => Some(i64::from(days) * civil::DAY),
        _ => None,
    })
}

/// Text of a moment: `2024-01-02T03:04:05+00:00`.
pub(crate) fn instant_text(micros: i64) -> String {
    civil::timestamp_text(micros, true)
}

fn other_form(text: &str) -> Option<i64> {
    // Where the time begins, or at the latest where its hour ends, one of these stands.
    let upto = text.len().min(14);
    if !text.as_bytes()[4..upto].iter().any(|byte| matches!(byte, b'T' | b' ' | b':')) {
        return None;
    }
    match lenient::parse(text) {
        Some(DateOrTime::DateTime(micros)) => Some(micros),
        _ => None,
    }
}

/// Expresses a value in the type of a column, where the column then holds what came and not something near it. A column
/// without a type takes every value as it is.
///
/// # Errors
/// Gives the value back when the column cannot hold it: there is no way from its type to the column's, the text does not
/// spell such a value, it is out of range, or it would be rounded.
#[inline]
pub fn coerce<'a>(value: Scalar<'a>, column: &Column) -> Result<Scalar<'a>, Scalar<'a>> {
    if column.keeps_nanos() {
        return into_nanos(value, column);
    }
    if column.is_narrow() {
        return into_narrow(value, column);
    }
    coerce_any(value, column)
}

/// Some columns hold fewer values than their type has.
#[cold]
fn into_narrow<'a>(value: Scalar<'a>, column: &Column) -> Result<Scalar<'a>, Scalar<'a>> {
    match coerce_any(value.clone(), column)? {
        Scalar::Int(number) | Scalar::Timestamp(number) if !column.holds(number) => Err(value),
        fits => Ok(fits),
    }
}

/// Nanoseconds reach from 1677 to 2262 only.
#[cold]
fn into_nanos<'a>(value: Scalar<'a>, column: &Column) -> Result<Scalar<'a>, Scalar<'a>> {
    match coerce_any(value.clone(), column)? {
        Scalar::Timestamp(micros) if micros.checked_mul(1_000).is_none() => Err(value),
        fits => Ok(fits),
    }
}

#[inline]
fn coerce_any<'a>(value: Scalar<'a>, column: &Column) -> Result<Scalar<'a>, Scalar<'a>> {
    match (column.data_type, &value) {
        (None, _) => Ok(value),
        // Of the same type, and yet perhaps of another scale.
        (Some(to @ (DataType::Decimal | DataType::Wei)), Scalar::Decimal(_) | Scalar::Wei(_)) => {
            convert::convert(value, to, column)
        }
        (Some(to), _) if to == value.own_type() => Ok(value),
        (Some(to), _) => convert::convert(value, to, column),
    }
}

/// An object or a list that a text spells, in the compact form of JSON columns. A number, a word or a text in quotes is
/// none: that is the text of a number or a word.
fn nested_json(text: &str) -> Option<String> {
    let mut cursor = Cursor::new(text);
    if !matches!(cursor.peek(), Some(b'{' | b'[')) {
        return None;
    }
    let value = cursor.value().ok()?;
    let mut compact = String::with_capacity(text.len());
    value.write(&mut compact);
    cursor.peek().is_none().then_some(compact)
}

#[cfg(test)]
mod tests;
