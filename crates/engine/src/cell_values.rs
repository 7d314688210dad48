//! The value of a cell as JSON.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::util::display::ArrayFormatter;
use serde_json::Value;

/// A value as JSON; `None` if it cannot be shown.
pub(crate) fn value_of(array: &ArrayRef, row: usize, text: &ArrayFormatter<'_>) -> Option<Value> {
    if array.is_null(row) {
        return Some(Value::Null);
    }
    let shown = || text.value(row).try_to_string().ok();
    Some(match array.data_type() {
        ArrowType::Boolean => array.as_boolean().value(row).into(),
        numeric if numeric.is_integer() || matches!(numeric, ArrowType::Float32 | ArrowType::Float64) => {
            let shown = shown()?;
            serde_json::from_str(&shown).unwrap_or(Value::String(shown))
        }
        // A sum of whole numbers is one. The formatter stops at 38 digits, and there may be 39.
        ArrowType::Decimal128(_, 0) => whole(array.as_primitive::<Decimal128Type>().value(row)),
        _ => match end_of_time(array, row) {
            Some(end) => end.into(),
            None => shown()?.into(),
        },
    })
}

pub(crate) fn whole(number: i128) -> Value {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) => number.into(),
        _ => number.to_string().into(),
    }
}

/// Databases have a day and an instant after all others, and one before them.
pub(crate) fn end_of_time(array: &dyn Array, row: usize) -> Option<&'static str> {
    let (value, last) = match array.data_type() {
        ArrowType::Date32 => (array.as_primitive::<Date32Type>().value(row).into(), i32::MAX.into()),
        ArrowType::Timestamp(unit, _) => {
            let value = match unit {
                TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
                TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
                TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
                TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
            };
            (value, i64::MAX)
        }
        _ => return None,
    };
    match value {
        value if value == last => Some("infinity"),
        value if value == -last => Some("-infinity"),
        _ => None,
    }
}
