//! What a load is about to write and to delete, known before it does either.

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
}

impl Intent {
    /// Where the intent of a load is.
    pub(crate) fn key(load_id: &str) -> String {
        format!("{FOLDER}/{load_id}.json")
    }

    pub(crate) fn to_json(&self) -> String {
        json!({"load_id": self.load_id, "schema_name": self.schema, "writes": self.writes, "deletes": self.deletes})
            .to_string()
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
        };
        assert_eq!(Intent::parse(intent.to_json().as_bytes()), Some(intent));
        assert_eq!(Intent::parse(b"{\"load_id\": 1}"), None);
    }
}
