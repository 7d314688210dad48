//! Values that are not nested: into their column, whole or one by one.

use super::places::Places;
use super::types::{exactly, finer_than_micros, is_in_micros, is_in_nanos, is_json};
use super::{Item, Walk};
use crate::error::{Error, Result};
use crate::normalize::breach::Refusal;
use crate::normalize::layout::ROOT_TABLE;
use crate::schema::{Column, DataType, Entity, column_names};
use crate::value::{Decimal, Scalar};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::nullif;
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use std::borrow::Cow;

impl Walk<'_> {
    /// Puts the values into the column that is called as `shown`, which is made if it is new.
    pub(super) fn put(&mut self, table: usize, item: &Item, shown: &Column) -> Result<()> {
        if !self.layout.tables[table].by_name.contains_key(&shown.name)
            && let Some(mode) = self.layout.barred(table, &shown.name, Entity::Columns)
        {
            return self.leave_out_values(table, item, &shown.name, mode, None);
        }
        // Keys are looked at, and ids are made of keys or of an id in the data, value by value.
        let is_key = table == ROOT_TABLE && self.layout.is_of_key(&shown.name);
        let rows = &mut self.layout.tables[table];
        let at = match rows.by_name.get(&shown.name) {
            Some(&at) => at,
            None => {
                let mut column = shown.clone();
                // A hint may have named the column before its type was known.
                if let Some(hinted) = rows.hinted.get(&shown.name) {
                    column.nullable = hinted.nullable;
                    column.hints.extend(hinted.hints.clone());
                }
                rows.add(column, shown.data_type.unwrap_or(DataType::Text))
            }
        };
        let used = item.array.null_count() < item.array.len();
        if used && (rows.columns[at].has_values() || self.ready.contains_key(&(table, at))) {
            return Err(self.two_columns(item, &shown.name, "column"));
        }
        let column = rows.columns[at].column.clone();
        // Text that says it is JSON is taken at its word where the column is declared so.
        let is_json = column.data_type == Some(DataType::Json) && is_json(&item.field);
        let is_same = (column.data_type == shown.data_type || is_json) && column.arrow_type() == shown.arrow_type();
        if shown.name == column_names::ID || is_key {
            return self.put_one_by_one(table, item, shown);
        }
        if is_same && !column.is_narrow() && (is_in_nanos(item.array.data_type()) || !item.places.is_sparse(rows.rows))
        {
            return self.put_whole(table, at, item, &column);
        }
        // Moments of another unit are moves of the point, where they fit.
        if column.keeps_nanos()
            && shown.data_type == Some(DataType::Timestamp)
            && !shown.has_timezone()
            && let Ok(nanos) = exactly(&item.array, &ArrowType::Timestamp(TimeUnit::Nanosecond, None))
        {
            return self.put_whole(table, at, &Item { array: nanos, ..item.clone() }, &column);
        }
        if is_in_micros(&column) && is_in_nanos(item.array.data_type()) {
            return self.put_nanos(table, at, item, &column);
        }
        self.put_one_by_one(table, item, shown)
    }

    fn put_whole(&mut self, table: usize, at: usize, item: &Item, column: &Column) -> Result<()> {
        let target = column.arrow_type().unwrap_or(ArrowType::Utf8);
        let values = item.places.spread(&item.array, self.layout.tables[table].rows);
        let values = values.map_err(|cause| item.broken(cause))?;
        let values = self.in_form(table, item, &values, &target)?;
        if values.null_count() < values.len() {
            self.ready.insert((table, at), values);
        }
        Ok(())
    }

    /// Moments in nanoseconds for a column of microseconds: those that it cannot hold go to a variant beside it.
    fn put_nanos(&mut self, table: usize, at: usize, item: &Item, column: &Column) -> Result<()> {
        let values = item.places.spread(&item.array, self.layout.tables[table].rows);
        let values = values.map_err(|cause| item.broken(cause))?;
        let of_rows = |array, places| Item { array, places, ..item.clone() };
        let all = Places::All(values.len());
        let Some(finer) = finer_than_micros(&values).map_err(|cause| item.broken(cause))? else {
            return self.put_whole(table, at, &of_rows(values, all), column);
        };
        let only = |is_wanted: bool| {
            let others = finer.iter().map(|is_finer| *is_finer != is_wanted).collect::<Vec<_>>();
            nullif(&values, &BooleanArray::from(others)).map_err(|cause| item.broken(cause))
        };
        let (whole, finer) = (only(false)?, only(true)?);
        self.put_whole(table, at, &of_rows(whole, all.clone()), column)?;
        let name = self.layout.naming.join_path([column.name.as_str(), "v_timestamp"]);
        let variant = Column { name: name.clone(), ..Column::variant(&column.name, DataType::Timestamp) }
            .with("timezone", false)
            .with("precision", 9);
        let known = self.layout.tables[table].by_name.get(&name).copied();
        if known.is_none()
            && let Some(mode) = self.layout.barred(table, &column.name, Entity::DataType)
        {
            let types = (DataType::Timestamp, DataType::Timestamp);
            return self.leave_out_values(table, &of_rows(finer, all), &column.name, mode, Some(types));
        }
        let variant_at = known.unwrap_or_else(|| self.layout.tables[table].add(variant.clone(), DataType::Timestamp));
        if !self.layout.tables[table].columns[variant_at].column.keeps_nanos() {
            return Err(self.too_fine(table, item, 0));
        }
        self.put_whole(table, variant_at, &of_rows(finer, all), &variant)
    }

    fn put_one_by_one(&mut self, table: usize, item: &Item, shown: &Column) -> Result<()> {
        let (values, rows) = item.places.compact(&item.array).map_err(|cause| item.broken(cause))?;
        let target = match shown.arrow_type().unwrap_or(ArrowType::Utf8) {
            ArrowType::Timestamp(_, zone) => ArrowType::Timestamp(TimeUnit::Microsecond, zone),
            other => other,
        };
        let values = self.in_form(table, item, &values, &target)?;
        for (at, row) in rows.into_iter().enumerate() {
            let Some(value) = scalar(&values, shown, at) else { continue };
            match self.layout.put_scalar(table, &shown.name, value, row as usize) {
                Ok(()) => self.settle_value(table, row as usize),
                Err(Refusal::NoPlace(no_place)) => {
                    let (value, column) = (no_place.value_type, no_place.column_type);
                    let (what, hint) =
                        (format!("has a value of type {value} that fits neither `{}`", shown.name), no_place.told().1);
                    return Err(item.refuse(format!("{what}, which is {column}, nor a column beside it")).hint(hint));
                }
                Err(refusal) => return Err(self.frozen(table, row as usize, &refusal)),
            }
        }
        Ok(())
    }

    /// The array in the form that a column is held in, if it loses nothing there.
    fn in_form(&self, table: usize, item: &Item, values: &ArrayRef, target: &ArrowType) -> Result<ArrayRef> {
        let keeps_nanos = matches!(target, ArrowType::Timestamp(TimeUnit::Nanosecond, _));
        if !keeps_nanos && let Some(finer) = finer_than_micros(values).map_err(|cause| item.broken(cause))? {
            let row = finer.iter().position(|is_finer| *is_finer).unwrap_or_default();
            return Err(self.too_fine(table, item, row));
        }
        exactly(values, target).map_err(|_| {
            // The cause would quote the value.
            let what = match target {
                ArrowType::Decimal128(..) => "has a value of more than 38 digits, which no column holds".to_owned(),
                _ => format!("has a value of type {} that a column of {target} cannot hold", values.data_type()),
            };
            item.refuse(what).hint("write it again as text, or with values that fit")
        })
    }

    fn too_fine(&self, table: usize, item: &Item, row: usize) -> Error {
        let row = match table {
            ROOT_TABLE => format!(" in row {}", self.first_row + row as u64),
            _ => String::new(),
        };
        item.refuse(format!("has nanoseconds{row}, and its column in the dataset keeps microseconds"))
            .hint("round the column to microseconds first, or load it into another table")
    }
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
        DataType::Wei => Scalar::Wei(array.as_primitive::<Decimal128Type>().value(row)),
    })
}
