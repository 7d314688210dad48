//! Values of a column as text.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dlt_engine::schema::{Column, DataType};
use dlt_engine::value::{date_text, time_text, timestamp_text};
use dlt_engine::{Error, ErrorKind, Result};

/// A column whose values can be told one by one.
pub(super) struct Cells<'a> {
    values: Values<'a>,
    array: &'a ArrayRef,
}

enum Values<'a> {
    Text(&'a StringArray),
    Json(&'a StringArray),
    Double(&'a Float64Array),
    Bool(&'a BooleanArray),
    Int(&'a Int64Array),
    Binary(&'a BinaryArray),
    Decimal(&'a Decimal128Array),
    Date(&'a Date32Array),
    Time(&'a Time64MicrosecondArray),
    Micros(&'a TimestampMicrosecondArray, bool),
    Nanos(&'a TimestampNanosecondArray),
}

/// A value, as formats tell values apart.
pub(super) enum Cell<'a> {
    Null,
    Text(&'a str),
    /// Text of JSON.
    Json(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// Text of a number, a moment, or bytes in base64: nothing in it needs an escape.
    Plain(String),
}

impl<'a> Cells<'a> {
    pub(super) fn new(column: &Column, array: &'a ArrayRef) -> Result<Self> {
        let values = match array.data_type() {
            ArrowType::Utf8 if column.data_type == Some(DataType::Json) => Values::Json(array.as_string()),
            ArrowType::Utf8 => Values::Text(array.as_string()),
            ArrowType::Float64 => Values::Double(array.as_primitive()),
            ArrowType::Boolean => Values::Bool(array.as_boolean()),
            ArrowType::Int64 => Values::Int(array.as_primitive()),
            ArrowType::Binary => Values::Binary(array.as_binary()),
            ArrowType::Decimal128(_, _) => Values::Decimal(array.as_primitive()),
            ArrowType::Date32 => Values::Date(array.as_primitive()),
            ArrowType::Time64(TimeUnit::Microsecond) => Values::Time(array.as_primitive()),
            ArrowType::Timestamp(TimeUnit::Microsecond, zone) => Values::Micros(array.as_primitive(), zone.is_some()),
            ArrowType::Timestamp(TimeUnit::Nanosecond, _) => Values::Nanos(array.as_primitive()),
            other => {
                let message =
                    format!("column `{}` has values of the type {other}, which cannot be written as text", column.name);
                return Err(Error::new(ErrorKind::Internal, message));
            }
        };
        Ok(Self { values, array })
    }

    /// `between` stands between the date and the time of a moment.
    pub(super) fn get(&self, row: usize, between: &str) -> Cell<'a> {
        if self.array.is_null(row) {
            return Cell::Null;
        }
        let moment = |text: String| Cell::Plain(if between == "T" { text } else { text.replacen('T', between, 1) });
        match &self.values {
            Values::Text(values) => Cell::Text(values.value(row)),
            Values::Json(values) => Cell::Json(values.value(row)),
            Values::Double(values) => Cell::Double(values.value(row)),
            Values::Bool(values) => Cell::Bool(values.value(row)),
            Values::Int(values) => Cell::Int(values.value(row)),
            Values::Binary(values) => Cell::Plain(STANDARD.encode(values.value(row))),
            Values::Decimal(values) => Cell::Plain(values.value_as_string(row)),
            Values::Date(values) => Cell::Plain(date_text(values.value(row))),
            Values::Time(values) => Cell::Plain(time_text(values.value(row))),
            Values::Micros(values, is_instant) => moment(timestamp_text(values.value(row), *is_instant)),
            Values::Nanos(values) => {
                let value = values.value(row);
                // To the second, and the fraction whole.
                let seconds = timestamp_text(value.div_euclid(1_000_000_000) * 1_000_000, false);
                moment(format!("{seconds}.{:09}", value.rem_euclid(1_000_000_000)))
            }
        }
    }
}
