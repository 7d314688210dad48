//! Values as text of one exact form, so that no digit is lost and equal values have equal text.
//!
//! Decimals have all decimals of their column. Moments have one width, so that their text sorts as they do:
//! `2024-01-02 03:04:05.123456`, in UTC where they are instants.

use arrow::array::{Array, ArrayRef, StringBuilder, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dlt_engine::{Error, ErrorKind, Result};
use std::fmt::Write;
use std::sync::Arc;

/// All values as text.
///
/// # Errors
/// For a moment in a year that has no text.
pub(crate) fn texts(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let (values, digits) = match values.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            // In UTC; names of zones would need a table of them.
            (arrow::compute::cast(values, &DataType::Timestamp(*unit, None))?, digits_of(*unit))
        }
        DataType::Timestamp(unit, None) | DataType::Time64(unit) => (Arc::clone(values), digits_of(*unit)),
        _ => (Arc::clone(values), 6),
    };
    let (moment, time) = match digits {
        9 => ("%Y-%m-%d %H:%M:%S%.9f", "%H:%M:%S%.9f"),
        _ => ("%Y-%m-%d %H:%M:%S%.6f", "%H:%M:%S%.6f"),
    };
    let options = FormatOptions::new()
        .with_display_error(false)
        .with_date_format(Some("%Y-%m-%d"))
        .with_timestamp_format(Some(moment))
        .with_time_format(Some(time));
    let formatter = ArrayFormatter::try_new(&values, &options)?;
    let mut texts = StringBuilder::with_capacity(values.len(), values.len() * 16);
    for row in 0..values.len() {
        if values.is_null(row) {
            texts.append_null();
            continue;
        }
        formatter.value(row).write(&mut texts)?;
        texts.append_value("");
    }
    Ok(Arc::new(texts.finish()))
}

fn digits_of(unit: TimeUnit) -> u8 {
    if unit == TimeUnit::Nanosecond { 9 } else { 6 }
}

/// A moment, in microseconds since 1970, as the text of its time in UTC.
///
/// # Errors
/// [`ErrorKind::Internal`] in a year that has no text.
pub(crate) fn instant(micros: i64) -> Result<String> {
    let moments: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![micros]));
    let text = || -> Result<String, ArrowError> {
        let texts = texts(&moments)?;
        let mut text = String::new();
        let formatter = ArrayFormatter::try_new(&texts, &FormatOptions::new())?;
        write!(text, "{}", formatter.value(0)).map_err(|cause| ArrowError::ComputeError(cause.to_string()))?;
        Ok(text)
    };
    text().map_err(|cause| Error::new(ErrorKind::Internal, "a moment cannot be written").because(cause))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::{
        AsArray, Date32Array, Decimal128Array, Time64MicrosecondArray, TimestampMicrosecondArray,
        TimestampNanosecondArray,
    };

    fn shown(values: ArrayRef) -> Vec<Option<String>> {
        texts(&values).unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn no_digit_is_lost() {
        let most = 10_i128.pow(38) - 1;
        let decimals = Decimal128Array::from(vec![Some(-1), Some(most), Some(1_500_000_000), None]);
        assert_eq!(
            shown(Arc::new(decimals.with_precision_and_scale(38, 9).unwrap())),
            [
                Some("-0.000000001".to_owned()),
                Some("99999999999999999999999999999.999999999".to_owned()),
                Some("1.500000000".to_owned()),
                None
            ]
        );
    }

    #[test]
    fn moments_have_one_width() {
        let micros = vec![1_704_164_645_123_456, 0, -62_135_596_800_000_000, 253_402_300_799_999_999];
        let expected = [
            "2024-01-02 03:04:05.123456",
            "1970-01-01 00:00:00.000000",
            "0001-01-01 00:00:00.000000",
            "9999-12-31 23:59:59.999999",
        ];
        let expected = expected.map(|text| Some(text.to_owned()));
        assert_eq!(shown(Arc::new(TimestampMicrosecondArray::from(micros.clone()))), expected);
        assert_eq!(shown(Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))), expected);
        let nanos = TimestampNanosecondArray::from(vec![1]);
        assert_eq!(shown(Arc::new(nanos)), [Some("1970-01-01 00:00:00.000000001".to_owned())]);
        let times = Time64MicrosecondArray::from(vec![86_399_999_999, 0]);
        assert_eq!(shown(Arc::new(times)), ["23:59:59.999999", "00:00:00.000000"].map(|text| Some(text.to_owned())));
        assert_eq!(shown(Arc::new(Date32Array::from(vec![-719_162]))), [Some("0001-01-01".to_owned())]);
        assert_eq!(instant(1).unwrap(), "1970-01-01 00:00:00.000001");
    }
}
