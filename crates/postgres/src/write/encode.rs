//! Values of Arrow arrays as binary COPY takes them.

use super::target::Target;
use crate::numeric;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::error::ArrowError;

/// Days and microseconds from 1970 to 2000, where Postgres begins to count.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// What the column of the table cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfRange;

/// What was changed on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// Texts from which the character 0 was taken out, which Postgres does not hold.
    pub(super) without_zero: u64,
    /// Moments that were cut to microseconds.
    pub(super) cut: u64,
}

/// A column of a batch, ready to be written value by value.
pub(super) struct Cells {
    values: Values,
    target: Target,
    pub(super) changed: Changed,
}

enum Values {
    /// The file lacks the column.
    Nulls,
    Bool(BooleanArray),
    Int(Int64Array),
    Float(Float64Array),
    Decimal(Decimal128Array, i8),
    Text(StringArray),
    Binary(BinaryArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Micros(TimestampMicrosecondArray),
    Nanos(TimestampNanosecondArray),
}

impl Cells {
    /// The column of a file for a column of a table; `None` if the one cannot become the other.
    pub(super) fn new(array: Option<&ArrayRef>, target: Target) -> Result<Option<Self>, ArrowError> {
        let Some(array) = array else {
            return Ok(Some(Self { values: Values::Nulls, target, changed: Changed::default() }));
        };
        let values = match array.data_type() {
            DataType::Null => Values::Nulls,
            DataType::Boolean => Values::Bool(array.as_boolean().clone()),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32 => Values::Int(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone()),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                Values::Float(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
            }
            DataType::Decimal128(_, decimals) if *decimals >= 0 => {
                Values::Decimal(array.as_primitive::<Decimal128Type>().clone(), *decimals)
            }
            DataType::Utf8 => Values::Text(array.as_string::<i32>().clone()),
            DataType::LargeUtf8 | DataType::Utf8View => {
                Values::Text(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
            }
            DataType::Binary => Values::Binary(array.as_binary::<i32>().clone()),
            DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Values::Binary(cast(array, &DataType::Binary)?.as_binary::<i32>().clone())
            }
            DataType::Date32 => Values::Date(array.as_primitive::<Date32Type>().clone()),
            DataType::Time32(_) | DataType::Time64(_) => {
                let micros = cast(array, &DataType::Time64(TimeUnit::Microsecond))?;
                Values::Time(micros.as_primitive::<Time64MicrosecondType>().clone())
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Values::Nanos(array.as_primitive::<TimestampNanosecondType>().clone())
            }
            DataType::Timestamp(_, zone) => {
                let micros = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
                Values::Micros(micros.as_primitive::<TimestampMicrosecondType>().clone())
            }
            _ => return Ok(None),
        };
        let fits = matches!(
            (&values, target),
            (Values::Nulls, _)
                | (Values::Bool(_), Target::Bool)
                | (Values::Int(_), Target::Int2 | Target::Int4 | Target::Int8 | Target::Numeric)
                | (Values::Float(_), Target::Float8)
                | (Values::Decimal(..), Target::Numeric)
                | (Values::Text(_), Target::Text | Target::Json | Target::Jsonb)
                | (Values::Binary(_), Target::Bytea)
                | (Values::Date(_), Target::Date)
                | (Values::Time(_), Target::Time)
                | (Values::Micros(_) | Values::Nanos(_), Target::Timestamp)
        );
        Ok(fits.then_some(Self { values, target, changed: Changed::default() }))
    }

    /// Writes the length and the bytes of a value.
    pub(super) fn write(&mut self, row: usize, out: &mut Vec<u8>) -> Result<(), OutOfRange> {
        macro_rules! value {
            ($array:expr) => {
                if $array.is_null(row) {
                    out.extend_from_slice(&(-1_i32).to_be_bytes());
                    return Ok(());
                } else {
                    $array.value(row)
                }
            };
        }
        match &self.values {
            Values::Nulls => out.extend_from_slice(&(-1_i32).to_be_bytes()),
            Values::Bool(array) => sized(out, &[u8::from(value!(array))]),
            Values::Int(array) => {
                let value = value!(array);
                match self.target {
                    Target::Int2 => sized(out, &i16::try_from(value).map_err(|_| OutOfRange)?.to_be_bytes()),
                    Target::Int4 => sized(out, &i32::try_from(value).map_err(|_| OutOfRange)?.to_be_bytes()),
                    Target::Numeric => with_length(out, |out| numeric::write(value.into(), 0, out)),
                    _ => sized(out, &value.to_be_bytes()),
                }
            }
            Values::Float(array) => sized(out, &value!(array).to_be_bytes()),
            Values::Decimal(array, decimals) => {
                let value = value!(array);
                with_length(out, |out| numeric::write(value, *decimals, out));
            }
            Values::Text(array) => {
                let text = value!(array).as_bytes();
                let version: &[u8] = if self.target == Target::Jsonb { &[1] } else { &[] };
                if self.target == Target::Text && text.contains(&0) {
                    self.changed.without_zero += 1;
                    let kept: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).collect();
                    sized(out, &kept);
                } else {
                    // Arrow's texts are below 2 GiB.
                    out.extend_from_slice(&((text.len() + version.len()) as u32).to_be_bytes());
                    out.extend_from_slice(version);
                    out.extend_from_slice(text);
                }
            }
            Values::Binary(array) => sized(out, value!(array)),
            Values::Date(array) => sized(
                out,
                &match value!(array) {
                    // The ends of time, as other databases have them.
                    i32::MAX => i32::MAX,
                    days if days == -i32::MAX => i32::MIN,
                    days => days.checked_sub(EPOCH_DAYS).ok_or(OutOfRange)?,
                }
                .to_be_bytes(),
            ),
            Values::Time(array) => sized(out, &value!(array).to_be_bytes()),
            Values::Micros(array) => sized(out, &moment(value!(array))?.to_be_bytes()),
            Values::Nanos(array) => {
                let nanos: i64 = value!(array);
                if nanos.rem_euclid(1000) != 0 {
                    self.changed.cut += 1;
                }
                sized(out, &moment(nanos.div_euclid(1000))?.to_be_bytes());
            }
        }
        Ok(())
    }
}

fn moment(micros: i64) -> Result<i64, OutOfRange> {
    match micros {
        i64::MAX => Ok(i64::MAX),
        micros if micros == -i64::MAX => Ok(i64::MIN),
        micros => micros.checked_sub(EPOCH_MICROS).ok_or(OutOfRange),
    }
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    // Values of Arrow are below 2 GiB.
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn with_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}
