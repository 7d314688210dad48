//! Rows of one table on their way from a chunk to a job file, column by column.

use crate::error::{Error, ErrorKind, Result};
use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field};
use std::collections::HashMap;
use std::sync::Arc;

/// Columns of so many rows. A column without a single value is left out.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    pub(crate) columns: Vec<(Arc<Field>, Cells)>,
}

/// A column of [`Rows`].
#[derive(Debug)]
pub(crate) enum Cells {
    /// One for each row.
    All(ArrayRef),
    /// One for a few of them.
    Some(Spread),
}

/// Values of a few rows; the others are null.
#[derive(Debug)]
pub(crate) struct Spread {
    pub(crate) values: ArrayRef,
    /// The row of each value.
    pub(crate) places: Vec<u32>,
}

/// Columns that came as Arrow and are passed on whole, by their table and their place in it.
pub(crate) type ReadyColumns = HashMap<(usize, usize), ArrayRef>;

impl Spread {
    /// Whether so many values of so many rows take much less room when their nulls are left out.
    pub(crate) fn is_worth_it(values: usize, rows: usize) -> bool {
        values <= rows / 4
    }
}

impl Cells {
    /// As an array of `rows` rows.
    pub(crate) fn array(&self, rows: usize) -> Result<ArrayRef> {
        let spread = match self {
            Self::All(array) => return Ok(array.clone()),
            Self::Some(spread) => spread,
        };
        let (mut from, mut valid) = (vec![0_u32; rows], vec![false; rows]);
        for (value, place) in (0_u32..).zip(&spread.places) {
            from[*place as usize] = value;
            valid[*place as usize] = true;
        }
        let from = UInt32Array::new(from.into(), Some(NullBuffer::from(valid)));
        arrow::compute::take(&spread.values, &from, None)
            .map_err(|error| Error::new(ErrorKind::Internal, "a column could not be built").because(error))
    }

    /// Only the rows that stay, of `rows`.
    pub(crate) fn filtered(self, rows: usize, kept: &BooleanArray) -> Result<Self> {
        let array = self.array(rows)?;
        let array = arrow::compute::filter(&array, kept)
            .map_err(|error| Error::new(ErrorKind::Internal, "rows could not be left out").because(error))?;
        Ok(Self::All(array))
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Self::All(array) => array.get_array_memory_size(),
            Self::Some(spread) => spread.values.get_array_memory_size() + spread.places.capacity() * 4,
        }
    }
}

impl Rows {
    /// Bytes that they take in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.columns.iter().map(|(_, cells)| cells.memory_bytes()).sum()
    }

    /// All columns as arrays of full length.
    #[cfg(test)]
    pub(crate) fn batch(&self) -> arrow::record_batch::RecordBatch {
        let fields: Vec<_> = self.columns.iter().map(|(field, _)| field.clone()).collect();
        let arrays = self.columns.iter().map(|(_, cells)| cells.array(self.count).unwrap()).collect();
        let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(self.count));
        let schema = Arc::new(arrow::datatypes::Schema::new(fields));
        arrow::record_batch::RecordBatch::try_new_with_options(schema, arrays, &options).unwrap()
    }
}

/// A column of `rows` rows that has no value.
pub(crate) fn no_values(data_type: &DataType, rows: usize) -> ArrayRef {
    new_null_array(data_type, rows)
}
