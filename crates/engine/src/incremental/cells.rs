//! Cells of columns: as values of a cursor, and as the JSON that rows are digested in.

use super::digest::Form;
use crate::cursor::{Cell, Moment, date_text, without_exponent};
use crate::json::Json;
use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::array::{BinaryArray, BooleanArray, Date32Array, Float64Array, StringArray, TimestampNanosecondArray};
use arrow::array::{Int64Array, UInt64Array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type, TimeUnit, UInt64Type};
use arrow::error::ArrowError;
use indexmap::IndexMap;
use std::sync::Arc;

/// The column with plain values in the place of dictionaries; `None` if its values have no order that could be a cursor's.
pub(super) fn comparable(array: &ArrayRef) -> Option<ArrayRef> {
    use DataType as T;
    Some(match array.data_type() {
        T::Dictionary(_, values) => return comparable(&cast(array, values).ok()?),
        number if number.is_integer() || number.is_floating() => array.clone(),
        T::Utf8View => cast(array, &T::Utf8).ok()?,
        T::BinaryView | T::FixedSizeBinary(_) => cast(array, &T::Binary).ok()?,
        T::Date64 => cast(array, &T::Date32).ok()?,
        T::Boolean | T::Utf8 | T::LargeUtf8 | T::Binary | T::LargeBinary | T::Date32 | T::Timestamp(..) => {
            array.clone()
        }
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => array.clone(),
        _ => return None,
    })
}

/// The value of a row of a column that is [`comparable`], and not null there.
pub(super) fn cell(array: &dyn Array, row: usize) -> Option<Cell<'static>> {
    use DataType as T;
    let one = array.slice(row, 1);
    let as_type = |target: &T| cast(&one, target).ok();
    Some(match array.data_type() {
        T::Boolean => Cell::Bool(one.as_boolean().value(0)),
        T::UInt64 => Cell::Int(one.as_primitive::<UInt64Type>().value(0).into()),
        number if number.is_integer() => Cell::Int(as_type(&T::Int64)?.as_primitive::<Int64Type>().value(0).into()),
        number if number.is_floating() => Cell::Float(as_type(&T::Float64)?.as_primitive::<Float64Type>().value(0)),
        T::Utf8 | T::LargeUtf8 => Cell::Text(as_type(&T::Utf8)?.as_string::<i32>().value(0).to_owned().into()),
        T::Binary | T::LargeBinary => Cell::Bytes(as_type(&T::Binary)?.as_binary::<i32>().value(0).to_vec()),
        T::Date32 => Cell::Date(one.as_primitive::<arrow::datatypes::Date32Type>().value(0)),
        T::Timestamp(..) => Cell::Time(moment(&one)?),
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => {
            let (digits, scale) = unscaled(&one)?;
            Cell::Decimal(decimal_text(&digits, scale))
        }
        _ => return None,
    })
}

/// The first value of times.
fn moment(array: &ArrayRef) -> Option<Moment> {
    let DataType::Timestamp(unit, zone) = array.data_type() else { return None };
    let ticks = cast(array, &DataType::Int64).ok()?;
    let ticks = i128::from(ticks.as_primitive::<Int64Type>().value(0));
    Some(Moment { nanos: ticks * nanos_of(*unit), offset: zone.as_ref().map(|zone| offset_of(zone)) })
}

fn nanos_of(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1000,
        TimeUnit::Nanosecond => 1,
    }
}

/// Seconds east of UTC of a zone that is a fixed offset; others are taken for UTC, in which their values are kept.
fn offset_of(zone: &str) -> i32 {
    let Some(sign @ ('+' | '-')) = zone.chars().next() else { return 0 };
    let mut parts = zone[1..].split(':').map(|part| part.parse::<i32>().unwrap_or(0));
    let seconds = parts.next().unwrap_or(0) * 3600 + parts.next().unwrap_or(0) * 60;
    if sign == '-' { -seconds } else { seconds }
}

/// Digits and scale of the first value of decimals.
fn unscaled(array: &ArrayRef) -> Option<(String, i8)> {
    let (DataType::Decimal32(_, scale)
    | DataType::Decimal64(_, scale)
    | DataType::Decimal128(_, scale)
    | DataType::Decimal256(_, scale)) = *array.data_type()
    else {
        return None;
    };
    Some(match array.data_type() {
        DataType::Decimal256(..) => (array.as_primitive::<Decimal256Type>().value(0).to_string(), scale),
        _ => {
            let wide = cast(array, &DataType::Decimal128(38, scale)).ok()?;
            (wide.as_primitive::<Decimal128Type>().value(0).to_string(), scale)
        }
    })
}

/// A decimal as Python writes it: plainly, and with an exponent where it is very small.
fn decimal_text(unscaled: &str, scale: i8) -> String {
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled),
    };
    let exponent = -i64::from(scale);
    let point = i64::try_from(digits.len()).unwrap_or(0) + exponent;
    if exponent <= 0 && point > -6 {
        if exponent == 0 {
            return format!("{sign}{digits}");
        }
        let padded = format!("{}{digits}", "0".repeat(usize::try_from(1 - point).unwrap_or(0)));
        let at = padded.len() - usize::from(scale.unsigned_abs());
        return format!("{sign}{}.{}", &padded[..at], &padded[at..]);
    }
    let (first, rest) = digits.split_at(1);
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{dot}{rest}E{:+}", point - 1)
}

/// An array of one value of this type; `None` if the value has none in it. Times and dates may be given as text.
pub(super) fn array_of(value: &Cell<'_>, data_type: &DataType) -> Option<ArrayRef> {
    use DataType as T;
    let made: ArrayRef = match (value, data_type) {
        (Cell::Bool(value), T::Boolean) => Arc::new(BooleanArray::from(vec![*value])),
        (Cell::Bool(value), number) if number.is_numeric() => return array_of(&Cell::Int((*value).into()), number),
        (Cell::Int(value), number) if number.is_integer() => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => Arc::new(Int64Array::from(vec![value])),
            (_, Ok(value)) => Arc::new(UInt64Array::from(vec![value])),
            _ => return None,
        },
        (Cell::Float(value), number) if number.is_integer() => {
            return if value.fract() == 0.0 { array_of(&Cell::Int(*value as i128), number) } else { None };
        }
        (Cell::Int(value), number) if number.is_floating() => Arc::new(Float64Array::from(vec![*value as f64])),
        (Cell::Float(value), number) if number.is_floating() => Arc::new(Float64Array::from(vec![*value])),
        (Cell::Decimal(text), number) if number.is_floating() => {
            Arc::new(Float64Array::from(vec![text.parse::<f64>().ok()?]))
        }
        (Cell::Decimal(text), number) if number.is_integer() => {
            return array_of(&Cell::Int(text.parse().ok()?), number);
        }
        (Cell::Int(value), number) if number.is_decimal() => Arc::new(StringArray::from(vec![value.to_string()])),
        (Cell::Float(value), number) if number.is_decimal() => Arc::new(StringArray::from(vec![value.to_string()])),
        (Cell::Decimal(text), number) if number.is_decimal() => Arc::new(StringArray::from(vec![plain(text)?])),
        (Cell::Text(text), T::Utf8 | T::LargeUtf8) => Arc::new(StringArray::from(vec![text.as_ref()])),
        (Cell::Bytes(bytes), T::Binary | T::LargeBinary) => Arc::new(BinaryArray::from(vec![bytes.as_slice()])),
        (Cell::Date(days), T::Date32) => Arc::new(Date32Array::from(vec![*days])),
        (Cell::Time(moment), T::Date32) => Arc::new(Date32Array::from(vec![moment.day()])),
        (Cell::Text(text), T::Date32) => return array_of(&Cell::Time(Moment::parse(text)?), data_type),
        (Cell::Text(text), T::Timestamp(..)) => return array_of(&Cell::Time(Moment::parse(text)?), data_type),
        (Cell::Date(days), T::Timestamp(..)) => {
            let nanos = i128::from(*days) * 86_400_000_000_000;
            return array_of(&Cell::Time(Moment { nanos, offset: None }), data_type);
        }
        (Cell::Time(moment), T::Timestamp(unit, zone)) => {
            let ticks = i64::try_from(moment.nanos.div_euclid(nanos_of(*unit))).ok()?;
            let ticks: ArrayRef = Arc::new(Int64Array::from(vec![ticks]));
            let data = ticks.to_data().into_builder().data_type(T::Timestamp(*unit, zone.clone()));
            return Some(make_array(data.build().ok()?));
        }
        _ => return None,
    };
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&made, data_type, &exact).ok()
}

/// A decimal without an exponent.
fn plain(text: &str) -> Option<String> {
    match text.contains(['e', 'E']) {
        false => Some(text.to_owned()),
        true => without_exponent(text),
    }
}

/// Texts as times in UTC; `Err` gives the row of one that spells none.
pub(super) fn times_of(texts: &ArrayRef) -> Result<ArrayRef, usize> {
    let Ok(texts) = cast(texts, &DataType::Utf8) else { return Err(0) };
    let texts = texts.as_string::<i32>();
    let mut times = Vec::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        let time = match text {
            None => None,
            Some(text) => {
                let moment = Moment::parse(text).and_then(|moment| i64::try_from(moment.nanos).ok());
                Some(moment.ok_or(row)?)
            }
        };
        times.push(time);
    }
    Ok(Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC")))
}

/// The value of a row as Python has it, for its digest.
pub(super) fn json(array: &dyn Array, row: usize, form: Form) -> Result<Json, ArrowError> {
    use DataType as T;
    if array.is_null(row) || *array.data_type() == T::Null {
        return Ok(Json::Null);
    }
    let list = |values: ArrayRef| -> Result<Json, ArrowError> {
        (0..values.len()).map(|at| json(&values, at, form)).collect::<Result<_, _>>().map(Json::List)
    };
    Ok(match array.data_type() {
        T::Boolean => Json::Bool(array.as_boolean().value(row)),
        T::Utf8View => Json::Text(array.as_string_view().value(row).to_owned()),
        T::Timestamp(..) => {
            let moment = moment(&array.slice(row, 1)).ok_or_else(|| no_form(array))?;
            match form {
                Form::Long => Json::Text(match moment.offset {
                    Some(0) => moment.iso().replace("+00:00", "Z"),
                    _ => moment.iso(),
                }),
                Form::Short => Json::Int(i64::try_from(moment.nanos.div_euclid(1000)).unwrap_or(i64::MAX)),
            }
        }
        T::Time32(_) | T::Time64(_) => {
            let micros = cast(&array.slice(row, 1), &T::Time64(TimeUnit::Microsecond))?;
            let micros = micros.as_primitive::<arrow::datatypes::Time64MicrosecondType>().value(0);
            let iso = Moment { nanos: i128::from(micros) * 1000, offset: None }.iso();
            Json::Text(iso.split_once('T').map(|(_, time)| time.to_owned()).unwrap_or_default())
        }
        T::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let fields = columns.map(|(field, column)| Ok((field.name().clone(), json(column, row, form)?)));
            Json::Object(fields.collect::<Result<IndexMap<_, _>, ArrowError>>()?)
        }
        T::List(_) => list(array.as_list::<i32>().value(row))?,
        T::LargeList(_) => list(array.as_list::<i64>().value(row))?,
        T::FixedSizeList(..) => list(array.as_fixed_size_list().value(row))?,
        T::Map(..) => {
            let entries = array.as_map().value(row);
            let pair =
                |at| Ok(Json::List(vec![json(entries.column(0), at, form)?, json(entries.column(1), at, form)?]));
            Json::List((0..entries.len()).map(pair).collect::<Result<_, ArrowError>>()?)
        }
        _ => {
            let one = comparable(&array.slice(row, 1)).ok_or_else(|| no_form(array))?;
            if one.is_null(0) {
                return Ok(Json::Null);
            }
            scalar(cell(&one, 0).ok_or_else(|| no_form(array))?)
        }
    })
}

fn scalar(cell: Cell<'_>) -> Json {
    use base64::Engine as _;
    match cell {
        Cell::Bool(value) => Json::Bool(value),
        Cell::Int(value) => i64::try_from(value).map_or_else(|_| Json::Big(value.to_string()), Json::Int),
        Cell::Float(value) if value.is_finite() => Json::Double(value),
        Cell::Float(_) => Json::Null,
        Cell::Decimal(text) => Json::Text(text),
        Cell::Text(text) => Json::Text(text.into_owned()),
        Cell::Time(moment) => Json::Text(moment.iso()),
        Cell::Date(days) => Json::Text(date_text(days)),
        Cell::Bytes(bytes) => Json::Text(base64::engine::general_purpose::STANDARD.encode(bytes)),
    }
}

fn no_form(array: &dyn Array) -> ArrowError {
    ArrowError::NotYetImplemented(format!("a digest of {}", array.data_type()))
}
