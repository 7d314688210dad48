//! Files of the format Avro, in which manifests are written.

use apache_avro::schema::UnionSchema;
use apache_avro::types::Value;
use apache_avro::{Codec, DeflateSettings, Reader, Schema, Writer};
use dlt_engine::{Error, ErrorKind, Result};
use serde_json::json;

/// A record of a file.
#[derive(Clone, Debug)]
pub(super) struct Record(Vec<(String, Value)>);

impl Record {
    /// A value by its name; `None` where there is none.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        match &self.0.iter().find(|(key, _)| key == name)?.1 {
            Value::Union(_, inner) => Some(&**inner).filter(|inner| !matches!(inner, Value::Null)),
            value => Some(value),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Int(value) => Some((*value).into()),
            Value::Long(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(value) => Some(value.clone()),
            _ => None,
        }
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        match self.get(name)? {
            Value::Bytes(value) => Some(value.clone()),
            _ => None,
        }
    }

    pub(super) fn record(&self, name: &str) -> Option<Self> {
        match self.get(name)? {
            Value::Record(fields) => Some(Self(fields.clone())),
            _ => None,
        }
    }

    pub(super) fn records(&self, name: &str) -> Option<Vec<Self>> {
        match self.get(name)? {
            Value::Array(items) => items.iter().map(|item| Self::of(item.clone())).collect(),
            _ => None,
        }
    }

    pub(super) fn integers(&self, name: &str) -> Option<Vec<i64>> {
        match self.get(name)? {
            Value::Array(items) => items
                .iter()
                .map(|item| match item {
                    Value::Int(value) => Some((*value).into()),
                    Value::Long(value) => Some(*value),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }

    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Record(fields) => Some(Self(fields)),
            _ => None,
        }
    }
}

/// The records of a file.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Record>, String> {
    let reader = Reader::new(bytes).map_err(|error| error.to_string())?;
    let records = reader.map(|value| {
        let value = value.map_err(|error| error.to_string())?;
        Record::of(value).ok_or_else(|| "a value that is no record".to_owned())
    });
    records.collect()
}

/// Writes a file.
///
/// # Errors
/// [`ErrorKind::Internal`] if the records are not those of the schema.
pub(super) fn write(schema: &serde_json::Value, said: &[(&str, String)], records: Vec<Value>) -> Result<Vec<u8>> {
    let failed = |error: apache_avro::Error| {
        Error::new(ErrorKind::Internal, "a manifest of an Iceberg table cannot be written").because(error)
    };
    let schema = with_maps(Schema::parse(schema).map_err(failed)?).map_err(failed)?;
    let codec = Codec::Deflate(DeflateSettings::default());
    let mut writer = Writer::with_codec(&schema, Vec::new(), codec).map_err(failed)?;
    for (key, text) in said {
        writer.add_user_metadata((*key).to_owned(), text).map_err(failed)?;
    }
    for record in records {
        writer.append_value(record).map_err(failed)?;
    }
    writer.into_inner().map_err(failed)
}

/// The mark of an array that is a map: the library drops the logical types that it does not know.
const MAP: &str = "is-map";

/// The schema of a map from integers: an array of pairs, as Avro's own maps have texts as keys.
pub(super) fn map_of(key: u32, value: u32, kind: &str) -> serde_json::Value {
    let pair = json!({
        "type": "record",
        "name": format!("k{key}_v{value}"),
        "fields": [
            {"name": "key", "type": "int", "field-id": key},
            {"name": "value", "type": kind, "field-id": value},
        ],
    });
    json!({"type": "array", "items": pair, MAP: true})
}

fn with_maps(schema: Schema) -> Result<Schema, apache_avro::Error> {
    Ok(match schema {
        Schema::Record(mut record) => {
            for field in &mut record.fields {
                field.schema = with_maps(std::mem::replace(&mut field.schema, Schema::Null))?;
            }
            Schema::Record(record)
        }
        Schema::Union(union) => {
            let variants = union.variants().iter().cloned().map(with_maps);
            Schema::Union(UnionSchema::new(variants.collect::<Result<_, _>>()?)?)
        }
        Schema::Array(mut array) => {
            if array.attributes.remove(MAP).is_some() {
                array.attributes.insert("logicalType".into(), "map".into());
            }
            array.items = Box::new(with_maps(*array.items)?);
            Schema::Array(array)
        }
        other => other,
    })
}

/// A value that may be none.
pub(super) fn optional(value: Option<Value>) -> Value {
    match value {
        None => Value::Union(0, Box::new(Value::Null)),
        Some(value) => Value::Union(1, Box::new(value)),
    }
}

/// A record of named values.
pub(super) fn record(fields: Vec<(&str, Value)>) -> Value {
    Value::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A name as Avro allows it.
pub(super) fn name(text: &str) -> String {
    let mut name = String::new();
    for (at, letter) in text.chars().enumerate() {
        match letter {
            'a'..='z' | 'A'..='Z' | '_' => name.push(letter),
            '0'..='9' if at > 0 => name.push(letter),
            '0'..='9' => name.extend(['_', letter]),
            other => name.push_str(&format!("_x{:X}", u32::from(other))),
        }
    }
    name
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let schema = json!({"type": "record", "name": "r", "fields": [
            {"name": "a", "type": ["null", "long"], "default": null, "field-id": 7},
            {"name": "m", "type": ["null", map_of(1, 2, "bytes")], "default": null, "field-id": 8},
        ]});
        let pair = record(vec![("key", Value::Int(5)), ("value", Value::Bytes(vec![1]))]);
        let rows =
            vec![record(vec![("a", optional(Some(Value::Long(3)))), ("m", optional(Some(Value::Array(vec![pair]))))])];
        let bytes = write(&schema, &[("format-version", "2".into())], rows).unwrap();
        let records = read(&bytes).unwrap();
        assert_eq!(records[0].integer("a"), Some(3));
        let pairs = records[0].records("m").unwrap();
        assert_eq!((pairs[0].integer("key"), pairs[0].bytes("value")), (Some(5), Some(vec![1])));
        // Readers find columns by their numbers, and maps by their mark.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.contains("format-version"), "{text}");
        assert!(text.contains("\"field-id\":7") && text.contains("\"logicalType\":\"map\""), "{text}");
        assert!(!text.contains(MAP), "{text}");
        assert!(read(&bytes[..bytes.len() - 3]).is_err());
    }

    #[test]
    fn names_are_those_that_others_make() {
        assert_eq!(name("a-b"), "a_x2Db");
        assert_eq!(name("9é"), "_9_xE9");
    }
}
