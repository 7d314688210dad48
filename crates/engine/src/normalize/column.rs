//! Values of one column while a chunk is normalized.
//!
//! Unlike Arrow's builders these can be cut back: a row that turns out to need the careful path is taken back whole.

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
    values: Values,
    valid: Vec<bool>,
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
        Self { column, data_type, values, valid: Vec::new(), variants: Vec::new() }
    }

    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.valid.get(row).copied().unwrap_or(false)
    }

    pub(crate) fn has_values(&self) -> bool {
        !self.valid.is_empty()
    }

    /// The value of a text column.
    pub(crate) fn text(&self, row: usize) -> Option<&[u8]> {
        match &self.values {
            Values::Bytes { ends, bytes } if self.is_valid(row) => {
                let start = if row == 0 { 0 } else { ends[row - 1] };
                Some(&bytes[start..ends[row]])
            }
            _ => None,
        }
    }

    /// A value as JSON: numbers and booleans bare, everything else as text.
    pub(crate) fn write_json(&self, row: usize, out: &mut String) {
        if !self.is_valid(row) {
            out.push_str("null");
            return;
        }
        match &self.values {
            Values::Bool(values) => out.push_str(if values[row] { "true" } else { "false" }),
            Values::Int(values) => out.push_str(&values[row].to_string()),
            Values::Date(values) => out.push_str(&values[row].to_string()),
            Values::Decimal(values) => out.push_str(&values[row].to_string()),
            Values::Double(values) => out.push_str(&serde_json::Value::from(values[row]).to_string()),
            Values::Bytes { .. } => {
                super::json::write_text(&String::from_utf8_lossy(self.text(row).unwrap_or_default()), out);
            }
        }
    }

    /// Makes `row` the next row to be set; a value that it has already is dropped.
    #[inline]
    fn seek(&mut self, row: usize) {
        if self.valid.len() != row {
            self.seek_far(row);
        }
    }

    #[cold]
    fn seek_far(&mut self, row: usize) {
        self.valid.resize(row, false);
        match &mut self.values {
            Values::Bool(values) => values.resize(row, false),
            Values::Int(values) => values.resize(row, 0),
            Values::Double(values) => values.resize(row, 0.0),
            Values::Date(values) => values.resize(row, 0),
            Values::Decimal(values) => values.resize(row, 0),
            Values::Bytes { ends, bytes } => {
                ends.truncate(row);
                let end = ends.last().copied().unwrap_or(0);
                bytes.truncate(end);
                ends.resize(row, end);
            }
        }
    }

    /// Drops everything from `row` on.
    pub(crate) fn truncate(&mut self, row: usize) {
        if self.valid.len() > row {
            self.seek_far(row);
        }
    }

    #[inline]
    pub(crate) fn set_bytes(&mut self, row: usize, value: &[u8]) {
        self.seek(row);
        if let Values::Bytes { ends, bytes } = &mut self.values {
            bytes.extend_from_slice(value);
            ends.push(bytes.len());
            self.valid.push(true);
        }
    }

    #[inline]
    pub(crate) fn set_int(&mut self, row: usize, value: i64) {
        self.seek(row);
        if let Values::Int(values) = &mut self.values {
            values.push(value);
            self.valid.push(true);
        }
    }

    #[inline]
    pub(crate) fn set_double(&mut self, row: usize, value: f64) {
        self.seek(row);
        if let Values::Double(values) = &mut self.values {
            values.push(value);
            self.valid.push(true);
        }
    }

    #[inline]
    pub(crate) fn set_bool(&mut self, row: usize, value: bool) {
        self.seek(row);
        if let Values::Bool(values) = &mut self.values {
            values.push(value);
            self.valid.push(true);
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
                    self.valid.push(true);
                }
            }
            Scalar::Decimal(value) => {
                self.seek(row);
                if let Values::Decimal(values) = &mut self.values {
                    values.push(value.unscaled);
                    self.valid.push(true);
                }
            }
        }
    }

    /// The first row without a value, of `rows`.
    pub(crate) fn first_null(&self, rows: usize) -> Option<usize> {
        let missing = self.valid.iter().position(|valid| !valid);
        missing.or_else(|| (self.valid.len() < rows).then_some(self.valid.len()))
    }

    /// The values of `rows` rows as an Arrow array; the column is empty afterwards.
    pub(crate) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        self.seek(rows);
        let valid = std::mem::take(&mut self.valid);
        let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
        let column = &self.column;
        let broken = |error| Error::new(ErrorKind::Internal, "a column could not be built").because(error);
        Ok(match &mut self.values {
            Values::Bool(values) => Arc::new(BooleanArray::new(std::mem::take(values).into(), nulls)),
            Values::Double(values) => Arc::new(Float64Array::new(std::mem::take(values).into(), nulls)),
            Values::Date(values) => Arc::new(Date32Array::new(std::mem::take(values).into(), nulls)),
            Values::Decimal(values) => {
                let values = ScalarBuffer::from(std::mem::take(values));
                let (digits, decimals) = if self.data_type == DataType::Wei { (38, 0) } else { column.decimal() };
                let array = Decimal128Array::new(values, nulls);
                Arc::new(array.with_precision_and_scale(digits, decimals).map_err(broken)?)
            }
            Values::Int(values) => {
                let values = ScalarBuffer::from(std::mem::take(values));
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
                let offsets = offsets(std::mem::take(ends))?;
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

fn offsets(ends: Vec<usize>) -> Result<OffsetBuffer<i32>> {
    let too_big = |_| Error::new(ErrorKind::Data, "a single piece of the input holds more than 2 GiB of text");
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    // Ends only grow, so the last one tells whether all of them fit.
    i32::try_from(ends.last().copied().unwrap_or(0)).map_err(too_big)?;
    offsets.extend(ends.into_iter().map(|end| end as i32));
    Ok(OffsetBuffer::new(offsets.into()))
}
