//! Rows that come as Arrow: names and types are brought to the contract's, values are not touched where the type is
//! the column's already.

use super::layout::{Layout, ROOT_TABLE};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, DataType, column_names};
use crate::value::{Decimal, Scalar};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, Field, Float64Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use std::borrow::Cow;

/// Adds the rows to the root table; returns the columns that can be passed on as they are.
pub(super) fn read_batch(batch: &RecordBatch, layout: &mut Layout) -> Result<Vec<(usize, ArrayRef)>> {
    let rows = batch.num_rows();
    let mut ready = Vec::new();
    layout.tables[ROOT_TABLE].rows = rows;
    let fields = batch.schema_ref().fields();
    let names: Vec<String> = fields.iter().map(|field| layout.naming.normalize_key(field.name())).collect();
    for (at, (field, array)) in fields.iter().zip(batch.columns()).enumerate() {
        // Of two columns that meet in one name the later one counts, as of two keys.
        let name = &names[at];
        if names[at + 1..].contains(name) || array.null_count() == rows || layout.is_overwritten(ROOT_TABLE, name) {
            continue;
        }
        let Some(shown) = column_of(field, name) else {
            let what =
                format!("column `{}` has type {}, which cannot be loaded as it is", field.name(), field.data_type());
            return Err(Error::new(ErrorKind::Data, what).hint("hand nested data over as JSON"));
        };
        let table = &mut layout.tables[ROOT_TABLE];
        let data_type = shown.data_type.unwrap_or(DataType::Text);
        let at = match table.by_name.get(name) {
            Some(&at) => at,
            None => {
                let mut column = shown.clone();
                if let Some(hinted) = table.hinted.get(name) {
                    column.nullable = hinted.nullable;
                    column.hints.extend(hinted.hints.clone());
                }
                table.add(column, data_type)
            }
        };
        let column = &table.columns[at].column;
        let is_same = column.data_type == shown.data_type && column.arrow_type() == shown.arrow_type();
        // Keys are looked at, and ids are made of keys or of an id in the data, value by value.
        let is_read = name == column_names::ID || layout.keys.contains(name);
        if is_same && !is_read {
            ready.push((at, canonical(array, column)?));
        } else {
            let array = canonical(array, &shown)?;
            for row in 0..rows {
                let Some(value) = scalar(&array, &shown, row) else { continue };
                layout.put_scalar(ROOT_TABLE, name, value, row).map_err(|_| {
                    Error::new(ErrorKind::Data, format!("a value of `{}` does not fit its column", field.name()))
                })?;
            }
        }
    }
    layout.ensure_system_columns(ROOT_TABLE);
    Ok(ready)
}

/// The column that a field of this type becomes; `None` for types that have no place in a table.
fn column_of(field: &Field, name: &str) -> Option<Column> {
    use ArrowType as A;
    let mut value_type = field.data_type();
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
        A::Timestamp(_, None) => plain(DataType::Timestamp).map(|column| column.with("timezone", false)),
        A::Decimal128(digits, decimals) | A::Decimal256(digits, decimals) => {
            // Digits left of the point that are always zero are digits all the same.
            let digits = digits.saturating_add(decimals.min(&0).unsigned_abs());
            let decimals = *decimals.max(&0);
            plain(DataType::Decimal).map(|column| column.with("precision", digits).with("scale", decimals))
        }
        _ => None,
    }
}

/// The array in the form that the column is held in.
fn canonical(array: &ArrayRef, column: &Column) -> Result<ArrayRef> {
    let target = column.arrow_type().unwrap_or(ArrowType::Utf8);
    if *array.data_type() == target {
        return Ok(array.clone());
    }
    if let Some(row) = finer_than_micros(array)? {
        let what = format!(
            "row {} of column `{}` has nanoseconds, and a column here keeps microseconds",
            row + 1,
            column.name
        );
        return Err(Error::new(ErrorKind::Data, what).hint("round the column to microseconds first"));
    }
    // Instants in another zone are the same instants: the zone is a label, the values stay.
    let array = match (array.data_type(), &target) {
        (ArrowType::Timestamp(unit, Some(_)), ArrowType::Timestamp(TimeUnit::Microsecond, zone)) => {
            let relabelled = ArrowType::Timestamp(*unit, zone.clone());
            arrow::array::make_array(array.to_data().into_builder().data_type(relabelled).build().map_err(broken)?)
        }
        _ => array.clone(),
    };
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&array, &target, &options).map_err(broken)
}

/// The first row whose moment or time of day would lose digits.
fn finer_than_micros(array: &ArrayRef) -> Result<Option<usize>> {
    if !matches!(
        array.data_type(),
        ArrowType::Timestamp(TimeUnit::Nanosecond, _) | ArrowType::Time64(TimeUnit::Nanosecond)
    ) {
        return Ok(None);
    }
    let nanos = cast_with_options(array, &ArrowType::Int64, &CastOptions::default()).map_err(broken)?;
    let is_finer = |nanos: Option<i64>| nanos.is_some_and(|nanos| nanos % 1_000 != 0);
    Ok(nanos.as_primitive::<Int64Type>().iter().position(is_finer))
}

fn broken(error: arrow::error::ArrowError) -> Error {
    Error::new(ErrorKind::Data, "a column cannot be brought to the type of the dataset").because(error)
}

fn scalar<'a>(array: &'a ArrayRef, column: &Column, row: usize) -> Option<Scalar<'a>> {
    if array.is_null(row) {
        return None;
    }
    Some(match column.data_type.unwrap_or(DataType::Text) {
        DataType::Text => Scalar::Text(Cow::Borrowed(array.as_string::<i32>().value(row))),
        DataType::Json => Scalar::Json(Cow::Borrowed(array.as_string::<i32>().value(row))),
        DataType::Binary => Scalar::Binary(Cow::Borrowed(array.as_binary::<i32>().value(row))),
        DataType::Bool => Scalar::Bool(array.as_boolean().value(row)),
        DataType::Bigint => Scalar::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Double => Scalar::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp => Scalar::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Date => Scalar::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Time => Scalar::Time(array.as_primitive::<Time64MicrosecondType>().value(row)),
        DataType::Decimal => Scalar::Decimal(Decimal {
            unscaled: array.as_primitive::<Decimal128Type>().value(row),
            scale: column.decimal().1,
        }),
        DataType::Wei => {
            Scalar::Decimal(Decimal { unscaled: array.as_primitive::<Decimal128Type>().value(row), scale: 0 })
        }
    })
}
