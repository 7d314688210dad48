//! Which column an Arrow type makes, and bringing arrays to the form that the column is held in.

use crate::cells::uuid;
use crate::schema::{Column, DataType};
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType as ArrowType, Int64Type, TimeUnit};
use arrow::error::ArrowError;
use std::sync::Arc;

pub(super) use crate::cells::{is_json, is_uuid};

/// Digits of the longest decimal.
const MAX_DIGITS: u8 = 38;

/// The column that values of this type become; `None` for types that have no place in a table.
pub(super) fn column_of(data_type: &ArrowType, name: &str) -> Option<Column> {
    use ArrowType as A;
    let mut value_type = data_type;
    while let A::Dictionary(_, values) = value_type {
        value_type = values;
    }
    let plain = |data_type| Some(Column::inferred(name, data_type));
    match value_type {
        A::Utf8 | A::LargeUtf8 | A::Utf8View => plain(DataType::Text),
        A::Binary | A::LargeBinary | A::BinaryView | A::FixedSizeBinary(_) => plain(DataType::Binary),
        A::Boolean => plain(DataType::Bool),
        A::Int8 | A::Int16 | A::Int32 | A::Int64 | A::UInt8 | A::UInt16 | A::UInt32 => plain(DataType::Bigint),
        // Larger than what 64 bits with a sign hold: kept exactly.
        A::UInt64 => plain(DataType::Wei),
        A::Float16 | A::Float32 | A::Float64 => plain(DataType::Double),
        A::Date32 | A::Date64 => plain(DataType::Date),
        A::Time32(_) | A::Time64(_) => plain(DataType::Time),
        A::Timestamp(_, Some(_)) => plain(DataType::Timestamp),
        A::Timestamp(unit, None) => {
            let column = plain(DataType::Timestamp)?.with("timezone", false);
            Some(if *unit == TimeUnit::Nanosecond { column.with("precision", 9) } else { column })
        }
        A::Decimal32(digits, decimals)
        | A::Decimal64(digits, decimals)
        | A::Decimal128(digits, decimals)
        | A::Decimal256(digits, decimals) => {
            // Digits left of the point that are always zero are digits all the same. Of more digits than a column has,
            // most decimals need none; one that does is refused by its value.
            let digits = digits.saturating_add(decimals.min(&0).unsigned_abs()).min(MAX_DIGITS);
            let decimals = u8::try_from(*decimals.max(&0)).ok().filter(|decimals| *decimals <= MAX_DIGITS)?;
            plain(DataType::Decimal).map(|column| column.with("precision", digits).with("scale", decimals))
        }
        _ => None,
    }
}

/// What to do about a type that has no place.
pub(super) fn advice(data_type: &ArrowType) -> &'static str {
    match data_type {
        ArrowType::Duration(_) => "write it again as a number, of microseconds for example, or as text",
        ArrowType::Interval(_) => "write it again as text, or as numbers of months, days and microseconds",
        ArrowType::Decimal256(..) => "write it again as text, or with at most 38 decimals",
        _ => "write the file again with a column of another type, or without it",
    }
}

/// UUIDs as text, of 36 characters each.
pub(super) fn uuid_text(array: &ArrayRef) -> ArrayRef {
    let bytes = array.as_fixed_size_binary();
    Arc::new(bytes.iter().map(|bytes| bytes.map(uuid)).collect::<StringArray>())
}

/// The array in another form, with the same values.
///
/// # Errors
/// If there is a value that the form does not have.
pub(super) fn exactly(array: &ArrayRef, target: &ArrowType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == target {
        return Ok(array.clone());
    }
    // Instants in another zone are the same instants: the zone is a label, the values stay.
    let array = match (array.data_type(), target) {
        (ArrowType::Timestamp(unit, Some(_)), ArrowType::Timestamp(_, zone)) => {
            let relabelled = ArrowType::Timestamp(*unit, zone.clone());
            arrow::array::make_array(array.to_data().into_builder().data_type(relabelled).build()?)
        }
        _ => array.clone(),
    };
    cast_with_options(&array, target, &CastOptions { safe: false, ..CastOptions::default() })
}

/// Where moments or times of day would lose digits in microseconds; `None` if nowhere.
pub(super) fn finer_than_micros(array: &ArrayRef) -> Result<Option<Vec<bool>>, ArrowError> {
    if !matches!(
        array.data_type(),
        ArrowType::Timestamp(TimeUnit::Nanosecond, _) | ArrowType::Time64(TimeUnit::Nanosecond)
    ) {
        return Ok(None);
    }
    let nanos = cast(array, &ArrowType::Int64)?;
    let is_finer = |nanos: Option<i64>| nanos.is_some_and(|nanos| nanos % 1_000 != 0);
    let finer: Vec<bool> = nanos.as_primitive::<Int64Type>().iter().map(is_finer).collect();
    Ok(finer.contains(&true).then_some(finer))
}

/// Whether the column keeps moments, and in microseconds.
pub(super) fn is_in_micros(column: &Column) -> bool {
    column.data_type == Some(DataType::Timestamp) && !column.keeps_nanos()
}

/// Whether these are moments in nanoseconds.
pub(super) fn is_in_nanos(field: &ArrowType) -> bool {
    matches!(field, ArrowType::Timestamp(TimeUnit::Nanosecond, _))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_column_or_none() {
        let kind = |data_type: ArrowType| {
            let column = column_of(&data_type, "c")?;
            let digits = column.number("precision").map(|p| format!(" {p}")).unwrap_or_default();
            Some(format!("{}{digits}", column.data_type.unwrap()))
        };
        for (data_type, expected) in [
            (ArrowType::LargeUtf8, Some("text")),
            (ArrowType::Dictionary(ArrowType::Int8.into(), ArrowType::Utf8View.into()), Some("text")),
            (ArrowType::UInt64, Some("wei")),
            (ArrowType::Float16, Some("double")),
            (ArrowType::Timestamp(TimeUnit::Millisecond, None), Some("timestamp")),
            (ArrowType::Timestamp(TimeUnit::Nanosecond, None), Some("timestamp 9")),
            (ArrowType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), Some("timestamp")),
            (ArrowType::Decimal256(76, 10), Some("decimal 38")),
            (ArrowType::Decimal256(76, 40), None),
            (ArrowType::Decimal128(10, -2), Some("decimal 12")),
            (ArrowType::Duration(TimeUnit::Second), None),
            (ArrowType::Interval(arrow::datatypes::IntervalUnit::DayTime), None),
        ] {
            assert_eq!(kind(data_type.clone()).as_deref(), expected, "{data_type}");
        }
    }
}
