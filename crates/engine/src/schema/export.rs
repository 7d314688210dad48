//! Schemas as people exchange them: without what only repeats a key, and with or without what the engine noted for itself.

use super::{Schema, yaml};
use crate::error::{Error, ErrorKind, Result};
use serde_json::Value;

/// Hints by which the engine remembers what it did with a table or a column.
const PROCESSING_HINTS: [&str; 3] = ["x-normalizer", "x-loader", "x-extractor"];

impl Schema {
    /// Copy that says nothing of what was done with the tables: the one to begin another dataset with.
    #[must_use]
    pub fn without_processing_hints(&self) -> Self {
        let mut schema = self.clone();
        for table in schema.tables.values_mut() {
            PROCESSING_HINTS.iter().for_each(|hint| drop(table.hints.shift_remove(*hint)));
            for column in table.columns.values_mut() {
                PROCESSING_HINTS.iter().for_each(|hint| drop(column.hints.shift_remove(*hint)));
            }
        }
        schema.version_hash = schema.content_hash();
        schema
    }

    /// The form of files: as it is stored, without the names of tables and columns, which their keys tell.
    pub fn to_exchanged(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let tables = value.get_mut("tables").and_then(Value::as_object_mut);
        for table in tables.into_iter().flat_map(|tables| tables.values_mut()) {
            let Some(table) = table.as_object_mut() else { continue };
            table.shift_remove("name");
            let columns = table.get_mut("columns").and_then(Value::as_object_mut);
            for column in columns.into_iter().flat_map(|columns| columns.values_mut()) {
                column.as_object_mut().map(|column| column.shift_remove("name"));
            }
        }
        value
    }

    /// YAML that Python dlt reads: [`Schema::to_exchanged`].
    pub fn to_yaml(&self) -> String {
        yaml::write(&self.to_exchanged())
    }

    /// Indented JSON: [`Schema::to_exchanged`].
    pub fn to_pretty_json(&self) -> String {
        serde_json::to_string_pretty(&self.to_exchanged()).unwrap_or_default()
    }

    /// Reads a schema from YAML, as people and Python dlt write it; `input` is its name for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is no YAML or no schema; with the line, where it is no YAML.
    pub fn from_yaml(text: &str, input: &str) -> Result<Self> {
        Self::from_exchanged(yaml::read(text, input)?, input)
    }

    /// Reads a schema from JSON, as it is stored or exchanged; `input` is its name for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is no JSON or no schema.
    pub fn from_json(text: &str, input: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text).map_err(|cause| {
            let line = u64::try_from(cause.line()).ok();
            Error::new(ErrorKind::Config, format!("this is no JSON: {cause}")).at(input, line)
        })?;
        Self::from_exchanged(value, input)
    }

    fn from_exchanged(value: Value, input: &str) -> Result<Self> {
        let missing = ["name", "version", "engine_version", "tables"].into_iter().find(|key| value.get(key).is_none());
        if let Some(key) = missing {
            let what = format!("this is no schema: `{key}` is missing");
            return Err(Error::new(ErrorKind::Config, what).at(input, None));
        }
        let mut schema = Self::from_value(complete(value)).map_err(|error| {
            let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), |cause| cause.to_string());
            let located = Error::new(ErrorKind::Config, format!("this is no schema: {reason}")).at(input, None);
            match error.advice() {
                Some(advice) => located.hint(advice),
                None => located,
            }
        })?;
        // Who edits a file leaves the numbers as they are.
        schema.bump_version();
        Ok(schema)
    }
}

/// Puts in what people may leave out of a file.
fn complete(mut value: Value) -> Value {
    let empty = || Value::Object(Default::default());
    if let Some(fields) = value.as_object_mut() {
        fields.entry("version_hash").or_insert_with(|| "".into());
        for key in ["settings", "normalizers"] {
            fields.entry(key).or_insert_with(empty);
        }
    }
    let tables = value.get_mut("tables").and_then(Value::as_object_mut);
    for table in tables.into_iter().flat_map(|tables| tables.values_mut()) {
        let Some(table) = table.as_object_mut() else { continue };
        table.entry("columns").or_insert_with(empty);
        let columns = table.get_mut("columns").and_then(Value::as_object_mut);
        // An empty line of hints: `id:`.
        columns
            .into_iter()
            .flat_map(|columns| columns.values_mut())
            .filter(|column| column.is_null())
            .for_each(|column| *column = empty());
    }
    value
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn example() -> Schema {
        Schema::from_stored(include_str!("stored_example.json")).unwrap()
    }

    #[test]
    fn yaml_and_json_keep_everything() {
        let schema = example();
        assert_eq!(Schema::from_yaml(&schema.to_yaml(), "x").unwrap(), schema);
        assert_eq!(Schema::from_json(&schema.to_pretty_json(), "x").unwrap(), schema);
        assert_eq!(Schema::from_json(&schema.to_stored(), "x").unwrap(), schema);
    }

    #[test]
    fn an_edited_file_is_a_new_version() {
        let schema = example();
        let text = schema.to_yaml().replacen("nullable: true", "nullable: false", 1);
        let edited = Schema::from_yaml(&text, "x").unwrap();
        assert_eq!((edited.version, &edited.previous_hashes[0]), (schema.version + 1, &schema.version_hash));
    }

    #[test]
    fn processing_hints_go_and_nothing_else() {
        let schema = example();
        let bare = schema.without_processing_hints();
        assert!(schema.to_yaml().contains("x-normalizer") && !bare.to_yaml().contains("x-normalizer"));
        assert_eq!(bare.tables.len(), schema.tables.len());
    }

    #[test]
    fn what_is_no_schema_says_why() {
        for (text, reason) in [
            ("- 1\n", "`name` is missing"),
            ("name: x\nversion: 1\nengine_version: 11\n", "`tables` is missing"),
            ("name: x\nversion: 1\nengine_version: 99\ntables: {}\n", "form 99"),
            (
                "name: x\nversion: 1\nengine_version: 11\ntables: {t: {columns: {a: {data_type: txt}}}}\n",
                "unknown variant `txt`",
            ),
            ("name: x\nversion: 1\nengine_version: 11\ntables: {t: {parent: u}}\n", "has a parent"),
        ] {
            let error = Schema::from_yaml(text, "x.schema.yaml").unwrap_err();
            assert!(error.to_string().contains(reason) && error.kind() == ErrorKind::Config, "{error}");
        }
    }
}
