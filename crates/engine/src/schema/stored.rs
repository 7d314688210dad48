//! The stored form of a schema: reading, writing, hashing.

use super::system;
use super::{Schema, Table};
use crate::digest::version_digest;
use crate::error::{Error, ErrorKind, Result};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

/// Version of the stored form that is written.
pub const ENGINE_VERSION: u64 = 11;
const MAX_PREVIOUS_HASHES: usize = 10;

impl Schema {
    /// A schema without tables of its own.
    pub fn new(name: &str) -> Self {
        let tables = [system::version_table(), system::loads_table()];
        let mut schema = Self {
            version: 1,
            version_hash: String::new(),
            engine_version: ENGINE_VERSION,
            name: name.to_owned(),
            tables: tables.into_iter().map(|table| (table.name.clone(), table)).collect(),
            settings: object(json!({
                "detections": ["iso_timestamp"],
                "default_hints": {
                    "not_null": ["_dlt_id", "_dlt_root_id", "_dlt_parent_id", "_dlt_list_idx", "_dlt_load_id"],
                    "parent_key": ["_dlt_parent_id"],
                    "root_key": ["_dlt_root_id"],
                    "unique": ["_dlt_id"],
                    "row_key": ["_dlt_id"]
                }
            })),
            // Readers of the contract look these names up as they stand.
            normalizers: object(json!({
                "names": "snake_case",
                "json": {"module": "dlt.common.normalizers.json.relational"}
            })),
            previous_hashes: Vec::new(),
            rest: Map::new(),
        };
        schema.version_hash = schema.content_hash();
        schema
    }

    /// Adds the table that holds pipeline states, if it is missing. The default schema of a pipeline has it.
    pub fn ensure_state_table(&mut self) {
        let table = system::state_table();
        self.tables.entry(table.name.clone()).or_insert(table);
    }

    /// Raises the version if the content changed since it was last hashed; true if it did.
    pub fn bump_version(&mut self) -> bool {
        let hash = self.content_hash();
        if hash == self.version_hash {
            return false;
        }
        let old = std::mem::replace(&mut self.version_hash, hash);
        if !old.is_empty() && !self.previous_hashes.contains(&old) {
            self.previous_hashes.insert(0, old);
            self.previous_hashes.truncate(MAX_PREVIOUS_HASHES);
        }
        self.version += 1;
        true
    }

    /// Digest of everything but versions: compact JSON with sorted keys, then for each table by name the names of its
    /// columns in order.
    pub(super) fn content_hash(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Value::Object(fields) = &mut value {
            for field in ["version", "version_hash", "imported_version_hash", "previous_hashes"] {
                fields.remove(field);
            }
        }
        let mut content = String::new();
        write_sorted(&value, &mut content);
        let mut names: Vec<&String> = self.tables.keys().collect();
        names.sort();
        let column_names = names.into_iter().flat_map(|name| {
            std::iter::once(name.as_bytes()).chain(self.tables[name].columns.keys().map(|column| column.as_bytes()))
        });
        version_digest(std::iter::once(content.as_bytes()).chain(column_names))
    }

    /// The JSON that `_dlt_version` holds.
    pub fn to_stored(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the JSON of a stored schema. Tables without a name or (root tables) without a resource get theirs, as older
    /// writers left them out.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is no schema, or of a newer form than this version reads.
    pub fn from_stored(text: &str) -> Result<Self> {
        let value = serde_json::from_str(text).map_err(|error| unreadable().because(error))?;
        Self::from_value(value)
    }

    /// As [`Schema::from_stored`].
    pub(super) fn from_value(value: Value) -> Result<Self> {
        let corrupt = |message: String| Error::new(ErrorKind::Corrupt, message);
        let mut schema: Self = serde_json::from_value(value).map_err(|error| unreadable().because(error))?;
        if schema.engine_version > ENGINE_VERSION {
            return Err(corrupt(format!(
                "the stored schema `{}` has form {}, and this version reads up to {ENGINE_VERSION}",
                schema.name, schema.engine_version
            ))
            .hint("use a newer dlt for this dataset"));
        }
        for (name, table) in &mut schema.tables {
            complete(name, table);
        }
        for table in [system::version_table(), system::loads_table()] {
            schema.tables.entry(table.name.clone()).or_insert(table);
        }
        let orphans = |tables: &IndexMap<String, Table>| {
            tables.values().find(|t| t.parent.as_ref().is_some_and(|p| !tables.contains_key(p))).map(|t| t.name.clone())
        };
        match orphans(&schema.tables) {
            Some(table) => Err(corrupt(format!("table `{table}` of the stored schema has a parent that it lacks"))),
            None => Ok(schema),
        }
    }
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Corrupt, "the stored schema cannot be read")
}

fn complete(name: &str, table: &mut Table) {
    if table.name.is_empty() {
        table.name = name.to_owned();
    }
    if table.parent.is_none() && table.resource.is_none() {
        table.resource = Some(name.to_owned());
    }
    if table.parent.is_none() && table.write_disposition.is_none() {
        table.write_disposition = Some(super::WriteDisposition::Append);
    }
    for (name, column) in &mut table.columns {
        if column.name.is_empty() {
            column.name.clone_from(name);
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Compact JSON with the keys of every object sorted by code point.
pub(crate) fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            out.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write_sorted(&fields[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_version_hash_is_the_one_of_the_contract() {
        // Written by another implementation of the contract; see its `version_hash`.
        let schema = Schema::from_stored(include_str!("stored_example.json")).unwrap();
        assert_eq!(schema.content_hash(), schema.version_hash);
        let again = Schema::from_stored(&schema.to_stored()).unwrap();
        assert_eq!(again.content_hash(), schema.version_hash);
    }
}
