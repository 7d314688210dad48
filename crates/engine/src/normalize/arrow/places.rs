//! Which value of an array belongs to which row of a table.

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::error::ArrowError;
use std::sync::Arc;

/// Rows never go down from one value to the next, and each row has at most one.
#[derive(Clone, Debug)]
pub(super) enum Places {
    /// So many values, each in the row of its own number.
    All(usize),
    /// Numbers of values and their rows.
    Some(Arc<[(u32, u32)]>),
}

/// Values for fewer rows than one in this many are set one by one rather than as an array with a place for every row.
const SPARSE: usize = 8;

impl Places {
    pub(super) fn of(places: Vec<(u32, u32)>) -> Self {
        Self::Some(places.into())
    }

    /// The pairs of values and rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (all, some): (usize, &[(u32, u32)]) = match self {
            Self::All(rows) => (*rows, &[]),
            Self::Some(places) => (0, places),
        };
        (0..all as u32).map(|at| (at, at)).chain(some.iter().copied())
    }

    pub(super) fn is_sparse(&self, rows: usize) -> bool {
        matches!(self, Self::Some(places) if places.len() < rows / SPARSE)
    }

    /// The part of the values that is used, where it is one piece in the order of the rows.
    pub(super) fn narrowed(self, values: ArrayRef) -> (ArrayRef, Self) {
        let Self::Some(places) = &self else { return (values, self) };
        let start = places.first().map_or(0, |(value, _)| *value);
        let is_one_piece = places.iter().zip(0_u32..).all(|((value, row), at)| *row == at && *value == start + at);
        if is_one_piece {
            let rows = places.len();
            return (values.slice(start as usize, rows), Self::All(rows));
        }
        (values, self)
    }

    /// An array with a value or null for each of `rows` rows.
    pub(super) fn spread(&self, values: &ArrayRef, rows: usize) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::All(count) if *count == rows => Ok(values.clone()),
            _ => {
                let mut indices = vec![None; rows];
                for (value, row) in self.iter() {
                    if let Some(index) = indices.get_mut(row as usize) {
                        *index = Some(value);
                    }
                }
                take(values, &UInt32Array::from(indices), None)
            }
        }
    }

    /// Only the values that have a row, and their rows.
    pub(super) fn compact(&self, values: &ArrayRef) -> Result<(ArrayRef, Vec<u32>), ArrowError> {
        let (indices, rows): (Vec<u32>, Vec<u32>) = self.iter().unzip();
        Ok((take(values, &UInt32Array::from(indices), None)?, rows))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int32Array};
    use arrow::datatypes::Int32Type;

    fn values() -> ArrayRef {
        Arc::new(Int32Array::from(vec![10, 20, 30, 40]))
    }

    fn shown(array: &ArrayRef) -> Vec<Option<i32>> {
        array.as_primitive::<Int32Type>().iter().collect()
    }

    #[test]
    fn values_find_their_rows() {
        let places = Places::of(vec![(3, 0), (1, 2)]);
        assert_eq!(shown(&places.spread(&values(), 4).unwrap()), [Some(40), None, Some(20), None]);
        let (compact, rows) = places.compact(&values()).unwrap();
        assert_eq!((shown(&compact), rows), (vec![Some(40), Some(20)], vec![0, 2]));
        assert!(places.is_sparse(100) && !places.is_sparse(4));
    }

    #[test]
    fn one_piece_is_cut_out() {
        let (piece, places) = Places::of(vec![(1, 0), (2, 1)]).narrowed(values());
        assert_eq!(shown(&piece), [Some(20), Some(30)]);
        assert!(matches!(places, Places::All(2)));
        let (whole, places) = Places::of(vec![(1, 0), (3, 1)]).narrowed(values());
        assert!(whole.len() == 4 && matches!(places, Places::Some(_)));
    }
}
