//! Values as the files of a table hold them.

use arrow::array::{Array, ArrayRef, AsArray, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType as ArrowType, Field, Time64MicrosecondType, TimeUnit};
use dlt_engine::{Error, ErrorKind, Result};
use std::sync::Arc;

/// How rows become data files of a table.
pub(crate) struct Form {
    /// What the table is called in messages.
    pub(crate) title: String,
    /// The columns of the files.
    pub(crate) columns: Vec<Column>,
    /// Those of the rows that must have a value.
    pub(crate) required: Vec<usize>,
    /// By what the table is divided.
    pub(crate) divisions: Vec<Division>,
    /// The folder of the files in that of the table: empty, or `data/`.
    pub(crate) below: &'static str,
}

/// A column of data files.
pub(crate) struct Column {
    /// Which column of the rows it is.
    pub(crate) at: usize,
    pub(crate) field: Field,
}

/// What rows are divided by.
pub(crate) struct Division {
    /// What the names of its folders begin with.
    pub(crate) name: String,
    /// Which column of the rows it goes by, where they have it.
    pub(crate) at: Option<usize>,
    /// The value of each row, as a text.
    pub(crate) texts: Texts,
    /// How the names of folders have such a value.
    pub(crate) label: Label,
}

type Texts = Box<dyn Fn(&ArrayRef) -> Result<Vec<Option<String>>> + Send + Sync>;
type Label = Box<dyn Fn(&str) -> String + Send + Sync>;

/// Values as the table holds them.
///
/// # Errors
/// [`ErrorKind::Data`] if one would be changed by that.
pub(crate) fn converted(array: &ArrayRef, wanted: &ArrowType, title: &str, column: &str) -> Result<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    if let ArrowType::Null = array.data_type() {
        return Ok(new_null_array(wanted, array.len()));
    }
    if array.data_type() == &ArrowType::Time64(TimeUnit::Microsecond) && *wanted == ArrowType::Utf8 {
        let times = array.as_primitive::<Time64MicrosecondType>();
        let texts: StringArray = times.iter().map(|time| time.map(time_of_day)).collect();
        return Ok(Arc::new(texts));
    }
    let refused = || {
        let message = format!("column `{column}` of {title} is {wanted}, which not every value of the data fits");
        Error::new(ErrorKind::Data, message).hint("load into another dataset or table")
    };
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let cast = cast_with_options(array, wanted, &strict).map_err(|_| refused())?;
    let back = cast_with_options(&cast, array.data_type(), &strict).map_err(|_| refused())?;
    if &back == array { Ok(cast) } else { Err(refused()) }
}

/// `01:02:03.000004`, as Python dlt has it where there is no time of day.
fn time_of_day(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    format!("{:02}:{:02}:{:02}.{fraction:06}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array};

    #[test]
    fn no_value_is_changed() {
        let ints: ArrayRef = Arc::new(Int64Array::from(vec![1, 300]));
        converted(&ints, &ArrowType::Int32, "t", "c").unwrap();
        converted(&ints, &ArrowType::Int8, "t", "c").unwrap_err();
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![0.1]));
        converted(&doubles, &ArrowType::Float32, "t", "c").unwrap_err();
        assert_eq!(time_of_day(3_723_000_005), "01:02:03.000005");
    }
}
