//! Single values: those that tables are divided by, and the smallest and largest of files.

use super::kind::Kind;
use apache_avro::Decimal;
use apache_avro::types::Value;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use std::cmp::Ordering;

/// A value; dates are days, moments microseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Boolean(bool),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    /// All digits, without the point.
    Decimal(i128),
    Text(String),
    Bytes(Vec<u8>),
}

impl Scalar {
    /// A value of an array that data files have; `None` for no value.
    pub(super) fn of(array: &ArrayRef, row: usize) -> Option<Self> {
        if array.is_null(row) {
            return None;
        }
        Some(match array.data_type() {
            ArrowType::Boolean => Self::Boolean(array.as_boolean().value(row)),
            ArrowType::Int32 => Self::Int(array.as_primitive::<Int32Type>().value(row)),
            ArrowType::Int64 => Self::Long(array.as_primitive::<Int64Type>().value(row)),
            ArrowType::Float32 => Self::Float(array.as_primitive::<Float32Type>().value(row)),
            ArrowType::Float64 => Self::Double(array.as_primitive::<Float64Type>().value(row)),
            ArrowType::Decimal128(..) => Self::Decimal(array.as_primitive::<Decimal128Type>().value(row)),
            ArrowType::Date32 => Self::Int(array.as_primitive::<Date32Type>().value(row)),
            ArrowType::Time64(_) => Self::Long(array.as_primitive::<Time64MicrosecondType>().value(row)),
            ArrowType::Timestamp(..) => Self::Long(array.as_primitive::<TimestampMicrosecondType>().value(row)),
            ArrowType::Utf8 => Self::Text(array.as_string::<i32>().value(row).to_owned()),
            ArrowType::Binary => Self::Bytes(array.as_binary::<i32>().value(row).to_vec()),
            _ => return None,
        })
    }

    /// The value as the metadata has single ones.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Boolean(value) => vec![u8::from(*value)],
            Self::Int(value) => value.to_le_bytes().to_vec(),
            Self::Long(value) => value.to_le_bytes().to_vec(),
            Self::Float(value) => value.to_le_bytes().to_vec(),
            Self::Double(value) => value.to_le_bytes().to_vec(),
            Self::Decimal(value) => shortest(*value),
            Self::Text(value) => value.as_bytes().to_vec(),
            Self::Bytes(value) => value.clone(),
        }
    }

    /// A text that [`Scalar::parse`] reads.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Long(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Double(value) => value.to_string(),
            Self::Decimal(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::Bytes(value) => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// Reads what [`Scalar::text`] wrote.
    pub(super) fn parse(text: &str, kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Boolean => Self::Boolean(text.parse().ok()?),
            Kind::Int | Kind::Date => Self::Int(text.parse().ok()?),
            Kind::Long | Kind::Time | Kind::Timestamp | Kind::Timestamptz => Self::Long(text.parse().ok()?),
            Kind::Float => Self::Float(text.parse().ok()?),
            Kind::Double => Self::Double(text.parse().ok()?),
            Kind::Decimal { .. } => Self::Decimal(text.parse().ok()?),
            Kind::String => Self::Text(text.to_owned()),
            Kind::Binary => {
                let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
                let bytes = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok());
                Self::Bytes(bytes.collect::<Option<_>>()?)
            }
            Kind::Uuid | Kind::Fixed(_) | Kind::Other(_) => return None,
        })
    }

    /// A value of a manifest.
    pub(super) fn of_avro(value: &Value, kind: &Kind) -> Option<Self> {
        Some(match (kind, value) {
            (Kind::Boolean, Value::Boolean(value)) => Self::Boolean(*value),
            (Kind::Int | Kind::Date, Value::Int(value) | Value::Date(value)) => Self::Int(*value),
            (
                Kind::Long | Kind::Time | Kind::Timestamp | Kind::Timestamptz,
                Value::Long(value)
                | Value::TimeMicros(value)
                | Value::TimestampMicros(value)
                | Value::LocalTimestampMicros(value),
            ) => Self::Long(*value),
            // A column that became wider.
            (Kind::Long, Value::Int(value)) => Self::Long((*value).into()),
            (Kind::Double, Value::Float(value)) => Self::Double((*value).into()),
            (Kind::Float, Value::Float(value)) => Self::Float(*value),
            (Kind::Double, Value::Double(value)) => Self::Double(*value),
            (Kind::Decimal { .. }, Value::Decimal(value)) => Self::Decimal(integer(&<Vec<u8>>::try_from(value).ok()?)?),
            (Kind::Decimal { .. }, Value::Fixed(_, bytes) | Value::Bytes(bytes)) => Self::Decimal(integer(bytes)?),
            (Kind::String, Value::String(value)) => Self::Text(value.clone()),
            (Kind::Binary | Kind::Fixed(_), Value::Bytes(bytes) | Value::Fixed(_, bytes)) => Self::Bytes(bytes.clone()),
            (Kind::Uuid, Value::Uuid(value)) => Self::Bytes(value.as_bytes().to_vec()),
            (Kind::Uuid, Value::Fixed(_, bytes)) => Self::Bytes(bytes.clone()),
            _ => return None,
        })
    }

    /// The value for a manifest.
    pub(super) fn to_avro(&self, kind: &Kind) -> Value {
        match (self, kind) {
            (Self::Boolean(value), _) => Value::Boolean(*value),
            (Self::Int(value), Kind::Date) => Value::Date(*value),
            (Self::Int(value), _) => Value::Int(*value),
            (Self::Long(value), Kind::Time) => Value::TimeMicros(*value),
            (Self::Long(value), Kind::Timestamp | Kind::Timestamptz) => Value::TimestampMicros(*value),
            (Self::Long(value), _) => Value::Long(*value),
            (Self::Float(value), _) => Value::Float(*value),
            (Self::Double(value), _) => Value::Double(*value),
            (Self::Decimal(value), _) => Value::Decimal(Decimal::from(value.to_be_bytes())),
            (Self::Text(value), _) => Value::String(value.clone()),
            (Self::Bytes(value), Kind::Uuid | Kind::Fixed(_)) => Value::Fixed(value.len(), value.clone()),
            (Self::Bytes(value), _) => Value::Bytes(value.clone()),
        }
    }

    /// The order of values of one type; that of what has no order is left as it is.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Boolean(one), Self::Boolean(other)) => one.cmp(other),
            (Self::Int(one), Self::Int(other)) => one.cmp(other),
            (Self::Long(one), Self::Long(other)) => one.cmp(other),
            (Self::Float(one), Self::Float(other)) => one.total_cmp(other),
            (Self::Double(one), Self::Double(other)) => one.total_cmp(other),
            (Self::Decimal(one), Self::Decimal(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Bytes(one), Self::Bytes(other)) => one.cmp(other),
            _ => Ordering::Equal,
        }
    }

    pub(super) fn is_nan(&self) -> bool {
        match self {
            Self::Float(value) => value.is_nan(),
            Self::Double(value) => value.is_nan(),
            _ => false,
        }
    }
}

/// The fewest bytes that hold a number, the highest first.
pub(super) fn shortest(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let spare = |at: &usize| {
        let (byte, next) = (bytes[*at], bytes[*at + 1]);
        (byte == 0 && next < 0x80) || (byte == 0xff && next >= 0x80)
    };
    let from = (0..bytes.len() - 1).take_while(spare).count();
    bytes[from..].to_vec()
}

/// The number that bytes hold, the highest first.
pub(super) fn integer(bytes: &[u8]) -> Option<i128> {
    let is_negative = bytes.first().is_some_and(|first| *first >= 0x80);
    let mut whole = [if is_negative { 0xff } else { 0 }; 16];
    let tail = if bytes.len() > 16 { bytes.get(bytes.len() - 16..)? } else { bytes };
    whole[16 - tail.len()..].copy_from_slice(tail);
    Some(i128::from_be_bytes(whole))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_the_fewest_bytes() {
        for (value, bytes) in [(0, &[0][..]), (127, &[127]), (128, &[0, 128]), (-1, &[255]), (-129, &[255, 127])] {
            assert_eq!(shortest(value), bytes, "{value}");
            assert_eq!(integer(bytes), Some(value));
        }
    }

    #[test]
    fn texts_are_read_as_they_were_written() {
        let decimal = Kind::Decimal { digits: 38, decimals: 2 };
        for (scalar, kind) in [
            (Scalar::Long(-5), Kind::Timestamp),
            (Scalar::Decimal(-1234), decimal),
            (Scalar::Double(0.1), Kind::Double),
            (Scalar::Bytes(vec![0, 255]), Kind::Binary),
            (Scalar::Text("a=b".into()), Kind::String),
        ] {
            assert_eq!(Scalar::parse(&scalar.text(), &kind).unwrap(), scalar);
            assert_eq!(Scalar::of_avro(&scalar.to_avro(&kind), &kind).unwrap(), scalar);
        }
    }
}
