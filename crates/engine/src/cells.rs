//! Values of Arrow arrays as JSON text, nested ones as objects and arrays.
//!
//! | value | JSON |
//! |---|---|
//! | number, boolean | as such; `NaN`, `Infinity` and `-Infinity` as text |
//! | whole number of more than 64 bits, decimal | text, so that no digit is lost in a reader's double |
//! | date, time, moment | ISO 8601 text, moments with a zone in UTC |
//! | bytes | base64 |
//! | UUID | text |
//! | JSON column | its value |
//! | struct, map | object; keys of maps as text, of two equal ones the last |
//! | list | array |

use arrow::array::{
    AnyDictionaryArray, Array, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeListArray, LargeListArray, MapArray,
    StringArray, StructArray,
};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Fields};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Name under which Arrow says what a column means beyond its type.
const EXTENSION: &str = "ARROW:extension:name";
/// A column of JSON text.
pub const JSON_EXTENSION: (&str, &str) = (EXTENSION, "arrow.json");
/// Beside [`JSON_EXTENSION`]: that what the texts hold becomes columns and tables, as what is nested in JSON does.
pub const NESTED_JSON: (&str, &str) = ("dlt.json", "nested");
/// A column of UUIDs as 16 bytes each.
pub const UUID_EXTENSION: (&str, &str) = (EXTENSION, "arrow.uuid");

/// Whether these are UUIDs.
pub(crate) fn is_uuid(field: &Field) -> bool {
    *field.data_type() == DataType::FixedSizeBinary(16) && is_marked(field, UUID_EXTENSION)
}

/// Whether these are texts of JSON that are to be taken apart.
pub(crate) fn is_nested_json(field: &Field) -> bool {
    is_marked(field, JSON_EXTENSION) && is_marked(field, NESTED_JSON)
}

/// Whether these are texts of JSON.
pub(crate) fn is_json(field: &Field) -> bool {
    *field.data_type() == DataType::Utf8 && is_marked(field, JSON_EXTENSION)
}

fn is_marked(field: &Field, (key, name): (&str, &str)) -> bool {
    field.metadata().get(key).is_some_and(|found| found == name)
}

/// The 36 characters of a UUID.
pub(crate) fn uuid(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Keys of a map as text; `None` if they have no such form.
pub(crate) fn key_texts(keys: &ArrayRef) -> Option<StringArray> {
    let keys = in_utc(keys).ok()?;
    match keys.data_type() {
        DataType::Utf8 => return Some(keys.as_string::<i32>().clone()),
        text @ (DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..))
            if can_cast_types(text, &DataType::Utf8) =>
        {
            return cast(&keys, &DataType::Utf8).ok().map(|keys| keys.as_string::<i32>().clone());
        }
        _ => {}
    }
    let options = FormatOptions::default().with_display_error(false);
    let shown = ArrayFormatter::try_new(&keys, &options).ok()?;
    (0..keys.len()).map(|row| shown.value(row).try_to_string().ok().map(Some)).collect::<Option<StringArray>>()
}

/// Values in UTC instead of zones by their names, which not everything that shows Arrow knows. The moments are the same.
pub(crate) fn in_utc(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let target = type_in_utc(array.data_type());
    if *array.data_type() == target { Ok(array.clone()) } else { cast(array, &target) }
}

fn type_in_utc(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(type_in_utc(field.data_type())));
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect::<Fields>()),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            DataType::LargeList(inner(item))
        }
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(inner(item), *length),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        other => other.clone(),
    }
}

/// The values of one array, ready to be written as JSON. The array must be [`in_utc`].
pub(crate) struct Cells<'a> {
    array: &'a dyn Array,
    form: Form<'a>,
}

enum Form<'a> {
    Bool,
    Number(ArrayFormatter<'a>),
    /// Of up to 39 digits, where the formatter stops at 38.
    Whole,
    Text(ArrayFormatter<'a>),
    Json(ArrayFormatter<'a>),
    Uuid(&'a FixedSizeBinaryArray),
    Binary,
    Struct(Vec<(&'a str, Cells<'a>)>),
    List(&'a LargeListArray, Box<Cells<'a>>),
    FixedList(&'a FixedSizeListArray, Box<Cells<'a>>),
    Map(&'a MapArray, StringArray, Box<Cells<'a>>),
    Dictionary(&'a dyn AnyDictionaryArray, Box<Cells<'a>>),
    Null,
}

impl<'a> Cells<'a> {
    /// # Errors
    /// If the type has no form as JSON.
    pub(crate) fn new(field: &'a Field, array: &'a dyn Array) -> Result<Self, ArrowError> {
        let text = || ArrayFormatter::try_new(array, &SHOWN);
        let boxed = |field: &'a Field, array: &'a ArrayRef| Self::new(field, array).map(Box::new);
        let form = match array.data_type() {
            DataType::Null => Form::Null,
            DataType::Boolean => Form::Bool,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if is_marked(field, JSON_EXTENSION) => {
                Form::Json(text()?)
            }
            number if number.is_integer() || number.is_floating() => Form::Number(text()?),
            DataType::Decimal128(_, 0) => Form::Whole,
            DataType::FixedSizeBinary(_) if is_uuid(field) => Form::Uuid(array.as_fixed_size_binary()),
            binary if binary.is_binary() => Form::Binary,
            DataType::Struct(fields) => {
                let inner: &StructArray = array.as_struct();
                let inner = fields.iter().zip(inner.columns());
                let cells = inner.map(|(field, array)| Ok((field.name().as_str(), Self::new(field, array)?)));
                Form::Struct(cells.collect::<Result<_, ArrowError>>()?)
            }
            DataType::LargeList(item) => {
                let list = array.as_list::<i64>();
                Form::List(list, boxed(item, list.values())?)
            }
            DataType::FixedSizeList(item, _) => {
                let list = array.as_fixed_size_list();
                Form::FixedList(list, boxed(item, list.values())?)
            }
            DataType::Map(entries, _) => {
                let map = array.as_map();
                let DataType::Struct(fields) = entries.data_type() else { return Err(no_form(array)) };
                let keys = key_texts(map.keys()).ok_or_else(|| no_form(array))?;
                Form::Map(map, keys, boxed(&fields[1], map.values())?)
            }
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                Form::Dictionary(dictionary, boxed(field, dictionary.values())?)
            }
            _ => Form::Text(text()?),
        };
        Ok(Self { array, form })
    }

    /// Appends the value of a row; `None` if it has no form.
    pub(crate) fn write(&self, row: usize, out: &mut String) -> Option<()> {
        if matches!(self.form, Form::Null) || self.array.is_null(row) {
            out.push_str("null");
            return Some(());
        }
        match &self.form {
            Form::Null => {}
            Form::Bool => out.push_str(if self.array.as_boolean().value(row) { "true" } else { "false" }),
            Form::Number(shown) => {
                let shown = shown.value(row).try_to_string().ok()?;
                match serde_json::from_str::<Value>(&shown) {
                    Ok(number) => out.push_str(&number.to_string()),
                    Err(_) => push_text(no_number(&shown), out),
                }
            }
            Form::Whole => {
                let number = self.array.as_primitive::<Decimal128Type>().value(row);
                out.push_str(&crate::cell_values::whole(number).to_string());
            }
            Form::Text(shown) => match crate::cell_values::end_of_time(self.array, row) {
                Some(end) => push_text(end, out),
                None => push_text(&shown.value(row).try_to_string().ok()?, out),
            },
            Form::Json(shown) => {
                let text = shown.value(row).try_to_string().ok()?;
                match serde_json::from_str::<&RawValue>(&text) {
                    Ok(json) => push_compact(json.get(), out),
                    // Whoever wrote it there, it is text.
                    Err(_) => push_text(&text, out),
                }
            }
            Form::Uuid(bytes) => push_text(&uuid(bytes.value(row)), out),
            Form::Binary => push_text(&STANDARD.encode(bytes(self.array, row)?), out),
            Form::Struct(fields) => {
                let members = fields.iter().map(|(name, cells)| (*name, cells, row));
                write_object(members, out)?;
            }
            Form::List(list, cells) => {
                let offsets = list.value_offsets();
                write_list(cells, offsets[row] as usize..offsets[row + 1] as usize, out)?;
            }
            Form::FixedList(list, cells) => {
                let start = list.value_offset(row) as usize;
                write_list(cells, start..start + list.value_length() as usize, out)?;
            }
            Form::Map(map, keys, cells) => {
                let offsets = map.value_offsets();
                let entries = offsets[row] as usize..offsets[row + 1] as usize;
                let last: IndexMap<&str, usize> = entries.map(|entry| (keys.value(entry), entry)).collect();
                write_object(last.into_iter().map(|(key, entry)| (key, cells.as_ref(), entry)), out)?;
            }
            Form::Dictionary(dictionary, cells) => {
                // One key for one row: all of them at once would be one list a row.
                let key = dictionary.keys().slice(row, 1);
                let key = cast(&key, &DataType::UInt64).ok()?;
                let key = key.as_primitive::<arrow::datatypes::UInt64Type>().value(0);
                cells.write(usize::try_from(key).ok()?, out)?;
            }
        }
        Some(())
    }
}

const SHOWN: FormatOptions<'static> = FormatOptions::new().with_display_error(false);

fn no_form(array: &dyn Array) -> ArrowError {
    ArrowError::NotYetImplemented(format!("JSON of {}", array.data_type()))
}

/// Words for what is no number in JSON.
fn no_number(shown: &str) -> &str {
    match shown {
        "inf" => "Infinity",
        "-inf" => "-Infinity",
        other => other,
    }
}

fn bytes(array: &dyn Array, row: usize) -> Option<&[u8]> {
    Some(match array.data_type() {
        DataType::Binary => array.as_binary::<i32>().value(row),
        DataType::LargeBinary => array.as_binary::<i64>().value(row),
        DataType::BinaryView => array.as_binary_view().value(row),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().value(row),
        _ => return None,
    })
}

fn write_object<'a>(members: impl Iterator<Item = (&'a str, &'a Cells<'a>, usize)>, out: &mut String) -> Option<()> {
    out.push('{');
    for (at, (name, cells, row)) in members.enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_text(name, out);
        out.push(':');
        cells.write(row, out)?;
    }
    out.push('}');
    Some(())
}

fn write_list(cells: &Cells<'_>, rows: std::ops::Range<usize>, out: &mut String) -> Option<()> {
    out.push('[');
    for (at, row) in rows.enumerate() {
        if at > 0 {
            out.push(',');
        }
        cells.write(row, out)?;
    }
    out.push(']');
    Some(())
}

fn push_text(text: &str, out: &mut String) {
    out.push_str(&Value::from(text).to_string());
}

/// JSON without the white space between its parts: a row is one line.
fn push_compact(json: &str, out: &mut String) {
    let (mut is_text, mut is_escaped) = (false, false);
    for letter in json.chars() {
        if is_text {
            is_text = letter != '"' || is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
        } else {
            if letter.is_ascii_whitespace() {
                continue;
            }
            is_text = letter == '"';
        }
        out.push(letter);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::{
        BinaryArray, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Builder, ListArray, MapBuilder,
        TimestampNanosecondArray,
    };
    use arrow::datatypes::{Float64Type, Int32Type};

    fn shown(array: ArrayRef, extension: Option<(&str, &str)>) -> Vec<String> {
        let field = Field::new("c", array.data_type().clone(), true);
        let metadata = extension.map(|(key, name)| (key.to_owned(), name.to_owned())).into_iter().collect();
        let field = field.with_metadata(metadata);
        let array = in_utc(&array).unwrap();
        let cells = Cells::new(&field, &array).unwrap();
        let text = |row| {
            let mut out = String::new();
            cells.write(row, &mut out).unwrap();
            out
        };
        (0..array.len()).map(text).collect()
    }

    #[test]
    fn scalars_have_their_form() {
        let numbers = Float64Array::from(vec![Some(1.5), Some(f64::NAN), Some(f64::NEG_INFINITY), None]);
        assert_eq!(shown(Arc::new(numbers), None), ["1.5", "\"NaN\"", "\"-Infinity\"", "null"]);
        let money = Decimal128Array::from(vec![1050]).with_precision_and_scale(38, 2).unwrap();
        assert_eq!(shown(Arc::new(money), None), ["\"10.50\""]);
        let huge = Decimal128Array::from(vec![i128::from(u64::MAX) + 1, 7]).with_precision_and_scale(38, 0).unwrap();
        assert_eq!(shown(Arc::new(huge), None), ["\"18446744073709551616\"", "7"]);
        let moments = TimestampNanosecondArray::from(vec![1_500]).with_timezone("Europe/Berlin");
        assert_eq!(shown(Arc::new(moments), None), ["\"1970-01-01T00:00:00.000001500Z\""]);
        assert_eq!(shown(Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..]])), None), ["\"AP8=\""]);
        let words: DictionaryArray<Int32Type> = vec![Some("x"), None].into_iter().collect();
        assert_eq!(shown(Arc::new(words), None), ["\"x\"", "null"]);
    }

    #[test]
    fn json_is_json_on_one_line() {
        let texts = StringArray::from(vec!["{ \"a\\\"\" : \"x y\",\n \"b\":123456789012345678901.10 }", "no json"]);
        let expect = [r#"{"a\"":"x y","b":123456789012345678901.10}"#, "\"no json\""];
        assert_eq!(shown(Arc::new(texts), Some(JSON_EXTENSION)), expect);
    }

    #[test]
    fn uuids_are_text() {
        let bytes: Vec<u8> = (0..16).collect();
        let array = FixedSizeBinaryArray::try_from_iter([bytes].into_iter()).unwrap();
        assert_eq!(shown(Arc::new(array), Some(UUID_EXTENSION)), ["\"00010203-0405-0607-0809-0a0b0c0d0e0f\""]);
    }

    #[test]
    fn nested_values_are_objects_and_lists() {
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(1.0), None]), None]);
        assert_eq!(shown(Arc::new(lists), None), ["[1.0,null]", "null"]);
        let mut maps = MapBuilder::new(None, Int64Builder::new(), Int64Builder::new());
        maps.keys().append_slice(&[7, 8, 7]);
        maps.values().append_slice(&[1, 2, 3]);
        maps.append(true).unwrap();
        assert_eq!(shown(Arc::new(maps.finish()), None), [r#"{"7":3,"8":2}"#]);
        let inner: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let object = StructArray::from(vec![(Arc::new(Field::new("a", DataType::Int32, true)), inner)]);
        assert_eq!(shown(Arc::new(object), None), [r#"{"a":1}"#]);
    }
}
