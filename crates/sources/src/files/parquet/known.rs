//! The columns of a table whose types are better known before its rows are read.

use super::{is_nested, read_footer};
use arrow::datatypes::{DataType as ArrowType, Field};
use dlt_engine::naming::Naming;
use dlt_engine::schema::{Column, DataType};
use dlt_engine::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

/// Digits that a decimal can have.
const MAX_DIGITS: u64 = 38;

struct Known {
    /// As the dataset will call it.
    name: String,
    column: Column,
    /// Whether it is in a file whose rows become JSON.
    is_needed: bool,
}

/// The flat columns of files with nested ones: their types would not all be seen again once the rows are JSON, and
/// columns that are known stand first, in this order. A decimal takes the values of all files. None for flat files.
///
/// # Errors
/// If a file is not Parquet, or no decimal takes all values, which is better known before a run than in it.
pub(crate) fn known_columns<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Vec<Column>> {
    let naming = Naming::new(usize::MAX);
    let mut all: Vec<Known> = Vec::new();
    for path in paths {
        let shown: Arc<str> = path.to_string_lossy().into();
        let Some(builder) = read_footer(path, &shown)? else { continue };
        let is_needed = is_nested(builder.schema());
        for column in builder.schema().fields().iter().filter_map(|field| column_of(field)) {
            let name = naming.normalize_key(&column.name);
            match all.iter_mut().find(|known| known.name == name) {
                Some(known) => {
                    known.is_needed |= is_needed;
                    widen(&mut known.column, &column);
                }
                None => all.push(Known { name, column, is_needed }),
            }
        }
        let is_too_wide =
            |known: &&Known| known.is_needed && digits_of(&known.column).is_some_and(|(w, d)| w + d > MAX_DIGITS);
        if let Some(known) = all.iter().find(is_too_wide) {
            let what = format!(
                "a decimal for all values of column `{}` would need more than {MAX_DIGITS} digits",
                known.column.name
            );
            return Err(Error::new(ErrorKind::Data, what).at(&*shown, None).hint(
                "write the file again with a smaller decimal or with text, or load files with different decimals into different tables",
            ));
        }
    }
    Ok(all.into_iter().filter(|known| known.is_needed).map(|known| known.column).collect())
}

fn column_of(field: &Field) -> Option<Column> {
    let plain = |data_type| Some(Column::inferred(field.name(), data_type));
    match field.data_type() {
        ArrowType::Date32 | ArrowType::Date64 => plain(DataType::Date),
        ArrowType::Time32(_) | ArrowType::Time64(_) => plain(DataType::Time),
        ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView | ArrowType::FixedSizeBinary(_) => {
            plain(DataType::Binary)
        }
        ArrowType::Decimal128(digits, decimals) | ArrowType::Decimal256(digits, decimals) => {
            // In Parquet none is negative, and the decimals are among the digits.
            let decimals = decimals.unsigned_abs();
            let whole = digits.saturating_sub(decimals);
            plain(DataType::Decimal).map(|column| with_digits(column, whole.into(), decimals.into()))
        }
        ArrowType::Float16 | ArrowType::Float32 | ArrowType::Float64 => plain(DataType::Double),
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => plain(DataType::Text),
        ArrowType::Boolean => plain(DataType::Bool),
        ArrowType::UInt64 => plain(DataType::Wei),
        integer if integer.is_integer() => plain(DataType::Bigint),
        ArrowType::Timestamp(_, Some(_)) => plain(DataType::Timestamp),
        ArrowType::Timestamp(_, None) => plain(DataType::Timestamp).map(|column| column.with("timezone", false)),
        _ => None,
    }
}

/// Makes a decimal take the values of another one, too.
fn widen(column: &mut Column, other: &Column) {
    if let (Some((whole, decimals)), Some((other_whole, other_decimals))) = (digits_of(column), digits_of(other)) {
        *column = with_digits(column.clone(), whole.max(other_whole), decimals.max(other_decimals));
    }
}

fn with_digits(column: Column, whole: u64, decimals: u64) -> Column {
    column.with("precision", whole + decimals).with("scale", decimals)
}

/// The digits of a decimal column before the point and behind it.
fn digits_of(column: &Column) -> Option<(u64, u64)> {
    if column.data_type != Some(DataType::Decimal) {
        return None;
    }
    let decimals = column.number("scale")?;
    Some((column.number("precision")?.saturating_sub(decimals), decimals))
}
