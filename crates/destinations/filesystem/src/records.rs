//! The small files of the contract: names and contents as Python dlt has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dlt_engine::destination::{LoadRecord, StateRecord};
use dlt_engine::schema::Schema;
use dlt_engine::value::timestamp_text;
use serde_json::{Map, Value, json};

/// What tells that a folder is a dataset, and of which form.
pub(crate) const INIT: &str = "init";

/// What `init` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Whether the dataset was begun when compressed files had no ending that told so.
    pub(crate) hides_compression: bool,
    /// What the names of a table's files begin with, as a layout, where it is not the default's and was begun by this crate. Other
    /// tools leave the key alone.
    pub(crate) table_prefix: Option<String>,
}

impl Form {
    /// That of a dataset that begins.
    pub(crate) fn new(table_prefix: Option<String>) -> Self {
        Self { hides_compression: false, table_prefix }
    }

    /// Reads `init`; `None` if it is of a form that is not known.
    pub(crate) fn parse(init: &str) -> Option<Self> {
        if init.trim().is_empty() {
            return Some(Self { hides_compression: true, table_prefix: None });
        }
        let value: Value = serde_json::from_str(init).ok()?;
        let hides_compression = match (value.get("initial_version")?.as_u64()?, value.get("current_version")?.as_u64()?)
        {
            (1, 1 | 2) => true,
            (2, 2) => false,
            _ => return None,
        };
        let table_prefix = value.get(TABLE_PREFIX).and_then(Value::as_str).map(str::to_owned);
        Some(Self { hides_compression, table_prefix })
    }

    pub(crate) fn to_json(&self) -> String {
        let initial = if self.hides_compression { 1 } else { 2 };
        let mut form = json!({"initial_version": initial, "current_version": 2});
        if let Some(prefix) = &self.table_prefix {
            form[TABLE_PREFIX] = prefix.as_str().into();
        }
        form.to_string()
    }
}

const TABLE_PREFIX: &str = "table_prefix";

/// The parts of a name: `NAME__LOAD__HASH.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Versioned {
    pub(crate) name: String,
    /// A load id, or the time of a version in the same form.
    pub(crate) at: String,
    pub(crate) hash: String,
}

impl Versioned {
    /// Reads the name of a file of `_dlt_version` or `_dlt_pipeline_state`.
    pub(crate) fn parse(key: &str) -> Option<Self> {
        let file = key.rsplit('/').next()?;
        let stem = file.strip_suffix(".jsonl")?;
        let (rest, hash) = stem.rsplit_once("__")?;
        let (name, at) = rest.rsplit_once("__")?;
        Some(Self { name: name.to_owned(), at: at.to_owned(), hash: hash.to_owned() })
    }

    pub(crate) fn file(&self) -> String {
        format!("{}__{}__{}.jsonl", self.name, self.at, self.hash)
    }
}

/// Schema and load id of a file of `_dlt_loads`.
pub(crate) fn parse_load(key: &str) -> Option<(&str, &str)> {
    let file = key.rsplit('/').next()?;
    file.strip_suffix(".jsonl")?.rsplit_once("__")
}

pub(crate) fn load_file(schema: &str, load_id: &str) -> String {
    format!("{schema}__{load_id}.jsonl")
}

/// A hash in base64 as it stands in names.
pub(crate) fn hash_in_name(hash: &str) -> String {
    match STANDARD.decode(hash) {
        Ok(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        // Of another tool; what is no base64 may be no name either.
        Err(_) => hash.bytes().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// The row of `_dlt_loads`.
pub(crate) fn load_row(record: &LoadRecord<'_>, now_micros: i64) -> String {
    json!({
        "load_id": record.load_id,
        "schema_name": record.schema.name,
        "status": 0,
        "inserted_at": timestamp_text(now_micros, true),
        "schema_version_hash": record.schema.version_hash,
    })
    .to_string()
}

/// The row of `_dlt_version`.
pub(crate) fn version_row(schema: &Schema, now_micros: i64) -> String {
    json!({
        "version_hash": schema.version_hash,
        "schema_name": schema.name,
        "version": schema.version,
        "engine_version": schema.engine_version,
        "inserted_at": timestamp_text(now_micros, true),
        "schema": schema.to_stored(),
    })
    .to_string()
}

/// The row of `_dlt_pipeline_state`. Python dlt takes no more keys than these.
pub(crate) fn state_row(state: &StateRecord, load_id: &str) -> String {
    json!({
        "version": state.version,
        "engine_version": state.engine_version,
        "pipeline_name": state.pipeline_name,
        "state": state.state,
        "created_at": timestamp_text(state.created_at_micros, true),
        "version_hash": state.version_hash,
        "_dlt_load_id": load_id,
    })
    .to_string()
}

/// A text of a row of one of these files.
pub(crate) fn text_of(row: &[u8], key: &str) -> Option<String> {
    let row: Map<String, Value> = serde_json::from_slice(row).ok()?;
    row.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_behind() {
        let version = Versioned::parse("_dlt_version/my__shop__1795908251.6414568__1a2e.jsonl").unwrap();
        assert_eq!((&*version.name, &*version.at, &*version.hash), ("my__shop", "1795908251.6414568", "1a2e"));
        assert_eq!(version.file(), "my__shop__1795908251.6414568__1a2e.jsonl");
        assert_eq!(parse_load("_dlt_loads/my__shop__1.5.jsonl"), Some(("my__shop", "1.5")));
        assert_eq!(Versioned::parse("_dlt_version/x.jsonl"), None);
        assert_eq!(
            hash_in_name("Gi42JS+kdMOCKhbqdOMbqLQZ/Kv+1SbiwBhhvZ7pCaU="),
            "1a2e36252fa474c3822a16ea74e31ba8b419fcabfed526e2c01861bd9ee909a5"
        );
    }

    #[test]
    fn forms_of_datasets() {
        assert_eq!(
            Form::new(None).to_json(),
            r#"{"initial_version":2,"current_version":2}"#,
            "as Python dlt writes it"
        );
        let hides = |text: &str| Form::parse(text).map(|form| form.hides_compression);
        assert_eq!(hides(&Form::new(None).to_json()), Some(false));
        assert_eq!(hides(""), Some(true));
        assert_eq!(hides(r#"{"initial_version":1,"current_version":2}"#), Some(true));
        assert_eq!(hides(r#"{"initial_version":3,"current_version":3}"#), None);
        assert_eq!(hides("x"), None);
        let form = Form::new(Some("{table_name}.".into()));
        assert_eq!(Form::parse(&form.to_json()), Some(form));
    }
}
