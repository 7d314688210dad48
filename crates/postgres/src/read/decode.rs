//! Bytes of binary COPY as Arrow arrays.

use super::columns::{Form, ReadColumn};
use crate::numeric::{self, Numeric};
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int16Builder,
    Int32Builder, Int64Builder, StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use std::sync::Arc;

/// Days and microseconds from 1970 to 2000, where Postgres begins to count.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// What no time of day reaches.
const DAY_MICROS: i64 = 86_400_000_000;

/// How a value was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// As it is.
    Whole,
    /// Arrow has no such value: NULL is in its place.
    Lost,
}

/// Why a column cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The bytes are not of the type.
    Broken,
    NotUtf8,
    /// More digits or decimals than the column has.
    DoesNotFit,
}

/// Gathers the values of a column.
pub(crate) struct ColumnBuilder {
    form: Form,
    values: Values,
    /// How the ends of time are taken.
    keeps_ends: bool,
    lost: u64,
}

enum Values {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl ColumnBuilder {
    pub(crate) fn new(column: &ReadColumn, keeps_ends: bool) -> Self {
        let form = column.form;
        let values = match form {
            Form::Bool => Values::Bool(BooleanBuilder::new()),
            Form::Int16 => Values::Int16(Int16Builder::new()),
            Form::Int32 => Values::Int32(Int32Builder::new()),
            Form::Int64 | Form::Oid => Values::Int64(Int64Builder::new()),
            Form::Float32 | Form::Float64 => Values::Float64(Float64Builder::new()),
            Form::Decimal(digits, decimals) => {
                Values::Decimal(Decimal128Builder::new().with_data_type(form.data_type()), digits, decimals)
            }
            Form::DecimalText | Form::Text | Form::Json | Form::Jsonb | Form::Uuid => {
                Values::Text(StringBuilder::new())
            }
            Form::Binary => Values::Binary(BinaryBuilder::new()),
            Form::Date => Values::Date(Date32Builder::new()),
            Form::Time => Values::Time(Time64MicrosecondBuilder::new()),
            Form::Timestamp | Form::TimestampTz => {
                Values::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(form.data_type()))
            }
        };
        Self { form, values, keeps_ends, lost: 0 }
    }

    pub(crate) fn append_null(&mut self) {
        match &mut self.values {
            Values::Bool(values) => values.append_null(),
            Values::Int16(values) => values.append_null(),
            Values::Int32(values) => values.append_null(),
            Values::Int64(values) => values.append_null(),
            Values::Float64(values) => values.append_null(),
            Values::Decimal(values, ..) => values.append_null(),
            Values::Text(values) => values.append_null(),
            Values::Binary(values) => values.append_null(),
            Values::Date(values) => values.append_null(),
            Values::Time(values) => values.append_null(),
            Values::Timestamp(values) => values.append_null(),
        }
    }

    /// Adds a value.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        if self.take(bytes)? == Taken::Lost {
            self.append_null();
            self.lost += 1;
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<Taken, Flaw> {
        match &mut self.values {
            Values::Bool(values) => values.append_value(fixed::<1>(bytes)?[0] != 0),
            Values::Int16(values) => values.append_value(i16::from_be_bytes(fixed(bytes)?)),
            Values::Int32(values) => values.append_value(i32::from_be_bytes(fixed(bytes)?)),
            Values::Int64(values) if self.form == Form::Oid => {
                values.append_value(u32::from_be_bytes(fixed(bytes)?).into());
            }
            Values::Int64(values) => values.append_value(i64::from_be_bytes(fixed(bytes)?)),
            Values::Float64(values) if self.form == Form::Float32 => {
                values.append_value(widened(f32::from_be_bytes(fixed(bytes)?)));
            }
            Values::Float64(values) => values.append_value(f64::from_be_bytes(fixed(bytes)?)),
            Values::Decimal(values, digits, decimals) => match Numeric::parse(bytes).ok_or(Flaw::Broken)? {
                Numeric::Word(_) => return Ok(Taken::Lost),
                Numeric::Number { digits: sent, weight, is_negative } => {
                    let value = numeric::scaled(sent, weight, is_negative, *decimals).ok_or(Flaw::DoesNotFit)?;
                    if value.unsigned_abs() >= 10_u128.pow(u32::from(*digits)) {
                        return Err(Flaw::DoesNotFit);
                    }
                    values.append_value(value);
                }
            },
            Values::Text(values) => match self.form {
                Form::DecimalText => values.append_value(match Numeric::parse(bytes).ok_or(Flaw::Broken)? {
                    Numeric::Word(word) => word.to_owned(),
                    Numeric::Number { digits, weight, is_negative } => numeric::text(digits, weight, is_negative),
                }),
                Form::Uuid => values.append_value(uuid(&fixed::<16>(bytes)?)),
                Form::Jsonb => values.append_value(utf8(bytes.split_first().ok_or(Flaw::Broken)?.1)?),
                _ => values.append_value(utf8(bytes)?),
            },
            Values::Binary(values) => values.append_value(bytes),
            Values::Date(values) => match i32::from_be_bytes(fixed(bytes)?) {
                i32::MAX if self.keeps_ends => values.append_value(i32::MAX),
                i32::MIN if self.keeps_ends => values.append_value(-i32::MAX),
                i32::MAX | i32::MIN => return Ok(Taken::Lost),
                days => values.append_value(days + EPOCH_DAYS),
            },
            Values::Time(values) => match i64::from_be_bytes(fixed(bytes)?) {
                // 24:00:00 is a time to Postgres alone.
                DAY_MICROS.. => return Ok(Taken::Lost),
                micros => values.append_value(micros),
            },
            Values::Timestamp(values) => match i64::from_be_bytes(fixed(bytes)?) {
                i64::MAX if self.keeps_ends => values.append_value(i64::MAX),
                i64::MIN if self.keeps_ends => values.append_value(-i64::MAX),
                i64::MAX | i64::MIN => return Ok(Taken::Lost),
                micros => match micros.checked_add(EPOCH_MICROS) {
                    Some(micros) => values.append_value(micros),
                    // The last years of what Postgres holds.
                    None => return Ok(Taken::Lost),
                },
            },
        }
        Ok(Taken::Whole)
    }

    /// The values so far.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match &mut self.values {
            Values::Bool(values) => Arc::new(values.finish()),
            Values::Int16(values) => Arc::new(values.finish()),
            Values::Int32(values) => Arc::new(values.finish()),
            Values::Int64(values) => Arc::new(values.finish()),
            Values::Float64(values) => Arc::new(values.finish()),
            Values::Decimal(values, ..) => Arc::new(values.finish()),
            Values::Text(values) => Arc::new(values.finish()),
            Values::Binary(values) => Arc::new(values.finish()),
            Values::Date(values) => Arc::new(values.finish()),
            Values::Time(values) => Arc::new(values.finish()),
            Values::Timestamp(values) => Arc::new(values.finish()),
        }
    }

    /// How many values had no place in Arrow.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Flaw> {
    bytes.try_into().map_err(|_| Flaw::Broken)
}

fn utf8(bytes: &[u8]) -> Result<&str, Flaw> {
    std::str::from_utf8(bytes).map_err(|_| Flaw::NotUtf8)
}

/// The number of 64 bits that is written like this one: 0.1, not 0.10000000149011612.
fn widened(value: f32) -> f64 {
    if value.is_finite() { value.to_string().parse().unwrap_or_else(|_| f64::from(value)) } else { f64::from(value) }
}

fn uuid(bytes: &[u8; 16]) -> String {
    let number = u128::from_be_bytes(*bytes);
    let hex = format!("{number:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
