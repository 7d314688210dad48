//! What a load is about to write and to delete, known before it does either.

use dlt_engine::schema::TableFormat;
use serde_json::{Value, json};

/// The folder of intents. It is no table: no schema names it.
pub(crate) const FOLDER: &str = "_dlt_intents";

/// The intent of one load. Keys are paths below the dataset's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) load_id: String,
    pub(crate) schema: String,
    /// Files that are part of the dataset when the load is committed, and of no other use before.
    pub(crate) writes: Vec<String>,
    /// Files that are no part of the dataset when the load is committed.
    pub(crate) deletes: Vec<String>,
    /// Tables with a log that the load changes: their files are found by its id.
    pub(crate) tables: Vec<Begun>,
}

/// A table with a log, as it was when a load began to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) format: TableFormat,
    pub(crate) folder: String,
    /// Its version; `None` where there was no table.
    pub(crate) version: Option<u64>,
}

impl Intent {
    /// Where the intent of a load is.
    pub(crate) fn key(load_id: &str) -> String {
        format!("{FOLDER}/{load_id}.json")
    }

    pub(crate) fn to_json(&self) -> String {
        let mut intent = json!({
            "load_id": self.load_id,
            "schema_name": self.schema,
            "writes": self.writes,
            "deletes": self.deletes,
        });
        if !self.tables.is_empty() {
            let tables = self
                .tables
                .iter()
                .map(|table| json!({"format": table.format.name(), "folder": table.folder, "version": table.version}));
            intent["tables"] = tables.collect();
        }
        intent.to_string()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
        let list = |key: &str| -> Option<Vec<String>> {
            value.get(key)?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        };
        Some(Self {
            load_id: text("load_id")?,
            schema: text("schema_name")?,
            writes: list("writes")?,
            deletes: list("deletes")?,
            tables: match value.get("tables") {
                None => Vec::new(),
                Some(tables) => tables.as_array()?.iter().map(Begun::parse).collect::<Option<_>>()?,
            },
        })
    }
}

impl Begun {
    fn parse(value: &Value) -> Option<Self> {
        let version = value.get("version").filter(|version| !version.is_null());
        // Intents of old had Delta tables alone, and did not say so.
        let format = value.get("format").map_or(Some(TableFormat::Delta.name()), Value::as_str)?;
        Some(Self {
            format: TableFormat::ALL.into_iter().find(|known| known.name() == format)?,
            folder: value.get("folder")?.as_str()?.to_owned(),
            version: version.map(|version| version.as_u64().ok_or(())).transpose().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_is_read_as_it_was_written() {
        let intent = Intent {
            load_id: "1.5".into(),
            schema: "shop".into(),
            writes: vec!["t/a \"1\".csv".into()],
            deletes: vec!["t/ü".into()],
            tables: vec![
                Begun { format: TableFormat::Delta, folder: "d".into(), version: Some(3) },
                Begun { format: TableFormat::Iceberg, folder: "e".into(), version: None },
            ],
        };
        assert_eq!(Intent::parse(intent.to_json().as_bytes()), Some(intent));
        assert_eq!(Intent::parse(b"{\"load_id\": 1}"), None);
    }
}
