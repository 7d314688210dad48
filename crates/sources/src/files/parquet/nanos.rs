//! Which columns need nanoseconds: those with a value that is no whole microsecond. Only these columns are read for it.

use super::footer::{Footer, damaged, is_int96, reopened};
use super::leaves::{Leaf, map_leaves, retyped};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType as ArrowType, Schema, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType};
use dlt_engine::{Error, ErrorKind, Result};
use parquet::arrow::ProjectionMask;
use std::collections::HashSet;

const NANOS_A_MICRO: i64 = 1_000;
const BATCH_ROWS: usize = 32 << 10;

/// A column of nanoseconds.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) path: String,
    pub(super) shown: String,
    pub(super) has_zone: bool,
    number: usize,
    is_int96: bool,
}

/// The columns of this file that need nanoseconds; those in `known` need not be looked at, unless they are INT96, whose
/// range is larger than that of nanoseconds.
///
/// # Errors
/// If the file is damaged, or a column has values of both kinds: finer than microseconds, and beyond what 64 bits count in
/// nanoseconds.
pub(super) fn fine_columns(footer: &Footer, known: &HashSet<String>) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    map_leaves(footer.builder.schema().fields(), &mut |leaf: &Leaf<'_>| {
        if let ArrowType::Timestamp(TimeUnit::Nanosecond, zone) = leaf.field.data_type() {
            columns.push(Column {
                path: leaf.path.to_owned(),
                shown: leaf.shown.to_owned(),
                has_zone: zone.is_some(),
                number: leaf.number,
                is_int96: is_int96(footer, leaf),
            });
        }
        leaf.field.clone()
    });
    let mut fine = Vec::new();
    for column in columns {
        if column.is_int96 {
            if is_int96_fine(footer, &column, known.contains(&column.path))? {
                fine.push(column);
            }
        } else if known.contains(&column.path) || is_fine(footer, &column)? {
            fine.push(column);
        }
    }
    Ok(fine)
}

fn is_fine(footer: &Footer, column: &Column) -> Result<bool> {
    for values in values(footer, column, footer.builder.schema().as_ref().clone())? {
        let values = values?;
        let values = values.as_primitive::<TimestampNanosecondType>();
        if values.iter().flatten().any(|nanos| nanos % NANOS_A_MICRO != 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Beyond their range nanoseconds wrap around, microseconds do not: what is left between the two is what is finer.
fn is_int96_fine(footer: &Footer, column: &Column, is_known: bool) -> Result<bool> {
    let in_unit = |unit: TimeUnit| {
        let fields = map_leaves(footer.builder.schema().fields(), &mut |leaf| match leaf.number == column.number {
            true => retyped(leaf.field, ArrowType::Timestamp(unit, None)),
            false => leaf.field.clone(),
        });
        values(footer, column, Schema::new(fields))
    };
    let (mut is_fine, mut is_far) = (is_known, false);
    for (nanos, micros) in in_unit(TimeUnit::Nanosecond)?.zip(in_unit(TimeUnit::Microsecond)?) {
        let (nanos, micros) = (nanos?, micros?);
        let nanos = nanos.as_primitive::<TimestampNanosecondType>().iter();
        let micros = micros.as_primitive::<TimestampMicrosecondType>().iter();
        for (nanos, micros) in nanos.flatten().zip(micros.flatten()) {
            is_fine |= nanos != micros.wrapping_mul(NANOS_A_MICRO);
            is_far |= micros.checked_mul(NANOS_A_MICRO).is_none();
        }
    }
    if is_fine && is_far {
        let what = format!(
            "column `{}` has nanoseconds, and values before 1677 or after 2262, where no column keeps them",
            column.shown
        );
        return Err(Error::new(ErrorKind::Data, what)
            .at(&*footer.name, None)
            .hint("round the column to microseconds, or write it as text"));
    }
    Ok(is_fine)
}

/// The values of this column only, piece by piece.
fn values(footer: &Footer, column: &Column, schema: Schema) -> Result<impl Iterator<Item = Result<ArrayRef>>> {
    let builder = reopened(footer, schema)?;
    let file = builder.parquet_schema();
    let root = file.get_column_root_idx(column.number);
    let fields = builder.schema().fields();
    // A map is read as a whole or not at all.
    let (only, place) = if fields.get(root).is_some_and(|field| has_map(field.data_type())) {
        let first = (0..column.number).filter(|number| file.get_column_root_idx(*number) < root).count();
        (ProjectionMask::roots(file, [root]), column.number - first)
    } else {
        (ProjectionMask::leaves(file, [column.number]), 0)
    };
    let name = footer.name.clone();
    let reader = builder.with_projection(only).with_batch_size(BATCH_ROWS).build();
    Ok(reader.map_err(|cause| damaged(&name, cause))?.map(move |batch| {
        let batch = batch.map_err(|cause| damaged(&name, cause))?;
        let mut leaves = Vec::new();
        push_leaves(batch.column(0), &mut leaves);
        leaves.into_iter().nth(place).ok_or_else(|| Error::new(ErrorKind::Internal, "a column was not read"))
    }))
}

fn has_map(data_type: &ArrowType) -> bool {
    match data_type {
        ArrowType::Map(..) => true,
        ArrowType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type())),
        ArrowType::List(item)
        | ArrowType::LargeList(item)
        | ArrowType::ListView(item)
        | ArrowType::LargeListView(item)
        | ArrowType::FixedSizeList(item, _) => has_map(item.data_type()),
        _ => false,
    }
}

/// The innermost columns in their order, with the values of all rows.
fn push_leaves(array: &ArrayRef, leaves: &mut Vec<ArrayRef>) {
    match array.data_type() {
        ArrowType::Struct(_) => array.as_struct().columns().iter().for_each(|inner| push_leaves(inner, leaves)),
        ArrowType::Map(..) => array.as_map().entries().columns().iter().for_each(|inner| push_leaves(inner, leaves)),
        ArrowType::List(_) => push_leaves(array.as_list::<i32>().values(), leaves),
        ArrowType::LargeList(_) => push_leaves(array.as_list::<i64>().values(), leaves),
        ArrowType::ListView(_) => push_leaves(array.as_list_view::<i32>().values(), leaves),
        ArrowType::LargeListView(_) => push_leaves(array.as_list_view::<i64>().values(), leaves),
        ArrowType::FixedSizeList(..) => push_leaves(array.as_fixed_size_list().values(), leaves),
        _ => leaves.push(array.clone()),
    }
}
