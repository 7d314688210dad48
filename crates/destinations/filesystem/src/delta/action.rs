//! Actions of the log.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A file that is part of the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Add {
    /// Its path below the table's folder, in the log's code.
    pub(crate) path: String,
    /// Values of the columns by which the table is divided, as texts.
    #[serde(default)]
    pub(crate) partition_values: BTreeMap<String, Option<String>>,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) modification_time: i64,
    #[serde(default)]
    pub(crate) data_change: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stats: Option<String>,
    /// Everything else, as it came.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// A file that is no part of the table any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Remove {
    pub(crate) path: String,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub(crate) deletion_timestamp: i64,
    #[serde(default)]
    pub(crate) data_change: bool,
    #[serde(default)]
    pub(crate) extended_file_metadata: bool,
    #[serde(default)]
    pub(crate) partition_values: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(crate) size: u64,
}

/// What the table is: columns, and what is set for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) id: String,
    /// JSON of the columns ([`super::types`]).
    pub(crate) schema_string: String,
    #[serde(default)]
    pub(crate) partition_columns: Vec<String>,
    #[serde(default)]
    pub(crate) configuration: BTreeMap<String, String>,
    /// `name`, `description`, `format`, `createdTime`.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// What one must understand to read or write the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Protocol {
    pub(crate) min_reader_version: u32,
    pub(crate) min_writer_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reader_features: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) writer_features: Option<Vec<String>>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    CommitInfo(Map<String, Value>),
    Protocol(Protocol),
    MetaData(Metadata),
    Remove(Remove),
    Add(Add),
    Txn(Map<String, Value>),
    DomainMetadata(Map<String, Value>),
    /// A file of a checkpoint that is written in parts.
    Sidecar(Map<String, Value>),
}

impl Action {
    /// Reads a line; `None` for one that tells nothing.
    ///
    /// # Errors
    /// What is wrong with it, without its content.
    pub(crate) fn parse(line: &[u8]) -> Result<Option<Self>, String> {
        let line: Map<String, Value> = serde_json::from_slice(line).map_err(|_| "a line that is no JSON".to_owned())?;
        let Some((kind, content)) = line.into_iter().find(|(_, content)| !content.is_null()) else { return Ok(None) };
        let wrong = |_| format!("an action `{kind}` of another form");
        Ok(Some(match kind.as_str() {
            "commitInfo" => Self::CommitInfo(serde_json::from_value(content).map_err(wrong)?),
            "protocol" => Self::Protocol(serde_json::from_value(content).map_err(wrong)?),
            "metaData" => Self::MetaData(serde_json::from_value(content).map_err(wrong)?),
            "remove" => Self::Remove(serde_json::from_value(without_null(content)).map_err(wrong)?),
            "add" => Self::Add(serde_json::from_value(content).map_err(wrong)?),
            "txn" => Self::Txn(serde_json::from_value(content).map_err(wrong)?),
            "domainMetadata" => Self::DomainMetadata(serde_json::from_value(content).map_err(wrong)?),
            "sidecar" => Self::Sidecar(serde_json::from_value(content).map_err(wrong)?),
            _ => return Ok(None),
        }))
    }
}

/// Keys that may be left out may be null as well.
fn without_null(content: Value) -> Value {
    match content {
        Value::Object(map) => map.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into(),
        other => other,
    }
}
