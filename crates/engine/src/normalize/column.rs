//! Values of one column while a chunk is normalized.
//!
//! Unlike Arrow's builders these can be cut back: a row that turns out to need the slow path is taken back whole.
//!
//! Only values take memory, nulls do not: a column that few rows have costs what those few take, so that a table of
//! thousands of columns, each seldom there, is no larger than its text.

use super::rows::{Cells, Spread};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, DataType};
use crate::value::Scalar;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use std::sync::Arc;

#[derive(Debug)]
enum Values {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Double(Vec<f64>),
    Date(Vec<i32>),
    Decimal(Vec<i128>),
    Bytes { ends: Vec<usize>, bytes: Vec<u8> },
}

/// A column and its values so far. Rows past the last value that was set are null.
#[derive(Debug)]
pub(crate) struct ColumnRows {
    pub(crate) column: Column,
    pub(crate) data_type: DataType,
    /// Whether each value has to be looked at, for the column holds fewer than the type has.
    pub(crate) is_narrow: bool,
    /// The values that are there, without room for those that are not.
    values: Values,
    /// The row after the last value.
    next: usize,
    /// The row of each value, once a row before the last one has none; else the first value is row 0, and so on.
    places: Option<Vec<u32>>,
    /// Columns of the same table that take what does not fit here, by the type of the value.
    pub(crate) variants: Vec<(DataType, usize)>,
}

impl ColumnRows {
    pub(crate) fn new(column: Column, data_type: DataType) -> Self {
        let values = match data_type {
            DataType::Bool => Values::Bool(Vec::new()),
            DataType::Bigint | DataType::Timestamp | DataType::Time => Values::Int(Vec::new()),
            DataType::Double => Values::Double(Vec::new()),
            DataType::Date => Values::Date(Vec::new()),
            DataType::Decimal | DataType::Wei => Values::Decimal(Vec::new()),
            DataType::Text | DataType::Json | DataType::Binary => Values::Bytes { ends: Vec::new(), bytes: Vec::new() },
        };
        let is_narrow = column.is_narrow();
        Self { column, data_type, is_narrow, values, next: 0, places: None, variants: Vec::new() }
    }

    /// Place of the row's value among the values, if it has one.
    fn place(&self, row: usize) -> Option<usize> {
        match &self.places {
            None => (row < self.next).then_some(row),
            Some(places) => places.binary_search_by(|place| (*place as usize).cmp(&row)).ok(),
        }
    }

    pub(crate) fn has_value(&self, row: usize) -> bool {
        self.place(row).is_some()
    }

    pub(crate) fn has_values(&self) -> bool {
        self.next > 0
    }

    /// The value of a text column.
    pub(crate) fn text(&self, row: usize) -> Option<&[u8]> {
        let Values::Bytes { ends, bytes } = &self.values else { return None };
        let at = self.place(row)?;
        let start = if at == 0 { 0 } else { ends[at - 1] };
        Some(&bytes[start..ends[at]])
    }

    /// A value as JSON: numbers and booleans bare, everything else as text.
    pub(crate) fn write_json(&self, row: usize, out: &mut String) {
        let Some(at) = self.place(row) else {
            out.push_str("null");
            return;
        };
        match &self.values {
            Values::Bool(values) => out.push_str(if values[at] { "true" } else { "false" }),
            Values::Int(values) => out.push_str(&values[at].to_string()),
            Values::Date(values) => out.push_str(&values[at].to_string()),
            Values::Decimal(values) => out.push_str(&values[at].to_string()),
            Values::Double(values) => out.push_str(&serde_json::Value::from(values[at]).to_string()),
            Values::Bytes { .. } => {
                crate::json::write_text(&String::from_utf8_lossy(self.text(row).unwrap_or_default()), out);
            }
        }
    }

    /// Makes `row` the next row to be set; a value that it has already is dropped.
    #[inline]
    fn seek(&mut self, row: usize) {
        if self.next != row {
            self.seek_far(row);
        }
        if let Some(places) = &mut self.places {
            places.push(row as u32);
        }
        self.next = row + 1;
    }

    #[cold]
    fn seek_far(&mut self, row: usize) {
        self.truncate(row);
        if self.next < row && self.places.is_none() {
            self.places = Some((0..self.next as u32).collect());
        }
    }

    /// Drops everything from `row` on.
    pub(crate) fn truncate(&mut self, row: usize) {
        if self.next <= row {
            return;
        }
        let kept = match &mut self.places {
            None => row,
            Some(places) => {
                places.truncate(places.partition_point(|place| (*place as usize) < row));
                places.len()
            }
        };
        self.next = match &self.places {
            None => row,
            Some(places) => places.last().map_or(0, |last| *last as usize + 1),
        };
        if kept == 0 {
            self.places = None;
        }
        match &mut self.values {
            Values::Bool(values) => values.truncate(kept),
            Values::Int(values) => values.truncate(kept),
            Values::Double(values) => values.truncate(kept),
            Values::Date(values) => values.truncate(kept),
            Values::Decimal(values) => values.truncate(kept),
            Values::Bytes { ends, bytes } => {
                ends.truncate(kept);
                bytes.truncate(ends.last().copied().unwrap_or(0));
            }
        }
    }

    #[inline]
    pub(crate) fn set_bytes(&mut self, row: usize, value: &[u8]) {
        self.seek(row);
        if let Values::Bytes { ends, bytes } = &mut self.values {
            bytes.extend_from_slice(value);
            ends.push(bytes.len());
        }
    }

    #[inline]
    pub(crate) fn set_int(&mut self, row: usize, value: i64) {
        self.seek(row);
        if let Values::Int(values) = &mut self.values {
            values.push(value);
        }
    }

    #[inline]
    pub(crate) fn set_double(&mut self, row: usize, value: f64) {
        self.seek(row);
        if let Values::Double(values) = &mut self.values {
            values.push(value);
        }
    }

    #[inline]
    pub(crate) fn set_bool(&mut self, row: usize, value: bool) {
        self.seek(row);
        if let Values::Bool(values) = &mut self.values {
            values.push(value);
        }
    }

    /// Sets a value that has the column's type.
    pub(crate) fn set(&mut self, row: usize, value: &Scalar<'_>) {
        match value {
            Scalar::Bool(value) => self.set_bool(row, *value),
            // `coerce` lets only such through as can be counted in nanoseconds.
            Scalar::Timestamp(micros) if self.column.keeps_nanos() => self.set_int(row, micros.saturating_mul(1_000)),
            Scalar::Int(value) | Scalar::Timestamp(value) | Scalar::Time(value) => self.set_int(row, *value),
            Scalar::Double(value) => self.set_double(row, *value),
            Scalar::Text(text) | Scalar::Json(text) => self.set_bytes(row, text.as_bytes()),
            Scalar::Binary(bytes) => self.set_bytes(row, bytes),
            Scalar::Date(days) => {
                self.seek(row);
                if let Values::Date(values) = &mut self.values {
                    values.push(*days);
                }
            }
            Scalar::Decimal(value) => self.set_digits(row, value.unscaled),
            Scalar::Wei(value) => self.set_digits(row, *value),
        }
    }

    fn set_digits(&mut self, row: usize, digits: i128) {
        self.seek(row);
        if let Values::Decimal(values) = &mut self.values {
            values.push(digits);
        }
    }

    /// The first row without a value, of `rows`.
    pub(crate) fn first_null(&self, rows: usize) -> Option<usize> {
        let gap = match &self.places {
            None => self.next,
            Some(places) => {
                let gap = places.iter().enumerate().position(|(at, place)| *place as usize != at);
                gap.unwrap_or(places.len())
            }
        };
        (gap < rows).then_some(gap)
    }

    /// The values of `rows` rows; the column is empty afterwards.
    pub(crate) fn take(&mut self, rows: usize) -> Result<Cells> {
        let next = std::mem::take(&mut self.next);
        let places = self.places.take().or_else(|| (next < rows).then(|| (0..next as u32).collect()));
        let Some(places) = places else { return Ok(Cells::All(self.take_values(None)?)) };
        if Spread::is_worth_it(places.len(), rows) {
            return Ok(Cells::Some(Spread { values: self.take_values(None)?, places }));
        }
        self.take_values(Some((&places, rows))).map(Cells::All)
    }

    /// The values as an Arrow array: side by side, or each in its place of so many rows.
    fn take_values(&mut self, spread: Option<(&[u32], usize)>) -> Result<ArrayRef> {
        let nulls = spread.map(|(places, rows)| {
            let mut valid = vec![false; rows];
            places.iter().for_each(|place| valid[*place as usize] = true);
            NullBuffer::from(valid)
        });
        let column = &self.column;
        let broken = |error| Error::new(ErrorKind::Internal, "a column could not be built").because(error);
        Ok(match &mut self.values {
            Values::Bool(values) => Arc::new(BooleanArray::new(in_place(values, spread).into(), nulls)),
            Values::Double(values) => Arc::new(Float64Array::new(in_place(values, spread).into(), nulls)),
            Values::Date(values) => Arc::new(Date32Array::new(in_place(values, spread).into(), nulls)),
            Values::Decimal(values) => {
                let values = ScalarBuffer::from(in_place(values, spread));
                let (digits, decimals) = if self.data_type == DataType::Wei { (38, 0) } else { column.decimal() };
                let array = Decimal128Array::new(values, nulls);
                Arc::new(array.with_precision_and_scale(digits, decimals).map_err(broken)?)
            }
            Values::Int(values) => {
                let values = ScalarBuffer::from(in_place(values, spread));
                match self.data_type {
                    DataType::Timestamp if column.keeps_nanos() => {
                        Arc::new(TimestampNanosecondArray::new(values, nulls))
                    }
                    DataType::Timestamp => {
                        let array = TimestampMicrosecondArray::new(values, nulls);
                        Arc::new(array.with_timezone_opt(column.has_timezone().then_some("UTC")))
                    }
                    DataType::Time => Arc::new(Time64MicrosecondArray::new(values, nulls)),
                    _ => Arc::new(Int64Array::new(values, nulls)),
                }
            }
            Values::Bytes { ends, bytes } => {
                let offsets = offsets(std::mem::take(ends), spread)?;
                let bytes = Buffer::from_vec(std::mem::take(bytes));
                if self.data_type == DataType::Binary {
                    Arc::new(BinaryArray::try_new(offsets, bytes, nulls).map_err(broken)?)
                } else {
                    Arc::new(StringArray::try_new(offsets, bytes, nulls).map_err(broken)?)
                }
            }
        })
    }
}

/// The values as they are, or each in its place of so many rows.
fn in_place<T: Copy + Default>(values: &mut Vec<T>, spread: Option<(&[u32], usize)>) -> Vec<T> {
    let values = std::mem::take(values);
    let Some((places, rows)) = spread else { return values };
    let mut all = vec![T::default(); rows];
    for (place, value) in places.iter().zip(values) {
        all[*place as usize] = value;
    }
    all
}

fn offsets(ends: Vec<usize>, spread: Option<(&[u32], usize)>) -> Result<OffsetBuffer<i32>> {
    let too_big = |_| Error::new(ErrorKind::Data, "a single piece of the input holds more than 2 GiB of text");
    // Ends only grow, so the last one tells whether all of them fit.
    let last = i32::try_from(ends.last().copied().unwrap_or(0)).map_err(too_big)?;
    let rows = spread.map_or(ends.len(), |(_, rows)| rows);
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    match spread {
        None => offsets.extend(ends.into_iter().map(|end| end as i32)),
        Some((places, _)) => {
            let mut end_before = 0;
            for (place, end) in places.iter().zip(ends) {
                offsets.resize(*place as usize + 1, end_before);
                end_before = end as i32;
                offsets.push(end_before);
            }
            offsets.resize(rows + 1, last);
        }
    }
    Ok(OffsetBuffer::new(offsets.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;

    fn column(data_type: DataType) -> ColumnRows {
        ColumnRows::new(Column::inferred("c", data_type), data_type)
    }

    #[test]
    fn the_first_gap_is_found() {
        let mut numbers = column(DataType::Bigint);
        assert_eq!(numbers.first_null(1), Some(0));
        [0, 1].iter().for_each(|row| numbers.set_int(*row, 7));
        assert_eq!((numbers.first_null(2), numbers.first_null(3)), (None, Some(2)));
        numbers.set_int(5, 7);
        assert_eq!(numbers.first_null(6), Some(2));
    }

    proptest! {
        /// Values set in order, with gaps, some taken back and some set twice, come out in their rows.
        #[test]
        fn values_come_out_in_their_rows(steps in prop::collection::vec((0_usize..40, 0_usize..6), 0..40)) {
            let (mut numbers, mut texts) = (column(DataType::Bigint), column(DataType::Text));
            let mut expected: Vec<Option<i64>> = Vec::new();
            for (number, (gap, back)) in (0_i64..).zip(steps) {
                if back > 3 {
                    let rows = expected.len().saturating_sub(back);
                    expected.truncate(rows);
                    numbers.truncate(rows);
                    texts.truncate(rows);
                }
                // The row that was set last, or one after it.
                let row = if gap == 0 { expected.len().saturating_sub(1) } else { expected.len() + gap / 8 };
                expected.resize(row.max(expected.len()) + 1, None);
                expected.truncate(row + 1);
                expected[row] = Some(number);
                numbers.set_int(row, number);
                texts.set_bytes(row, number.to_string().as_bytes());
            }
            for (row, number) in expected.iter().enumerate() {
                let text = texts.text(row).map(|text| String::from_utf8(text.to_vec()).unwrap());
                prop_assert_eq!(text, number.map(|number| number.to_string()));
            }
            let rows = expected.len() + 3;
            expected.resize(rows, None);
            let taken = numbers.take(rows).unwrap().array(rows).unwrap();
            prop_assert_eq!(taken.as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), expected.clone());
            let taken = texts.take(rows).unwrap().array(rows).unwrap();
            prop_assert_eq!(taken.len(), rows);
            let taken: Vec<_> = taken.as_string::<i32>().iter().map(|text| text.map(|text| text.parse().unwrap())).collect();
            prop_assert_eq!(taken, expected);
            prop_assert!(!numbers.has_values() && !texts.has_values());
        }
    }
}
