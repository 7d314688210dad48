//! Checkpoints: all versions up to one, told in one Parquet file.

use super::action::Action;
use super::paths::{LOG, number};
use crate::failure::failed;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::Store;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::json;
use std::sync::Arc;

/// A checkpoint of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) version: u64,
    /// Names of its files.
    names: Vec<String>,
}

impl Found {
    /// What the names of its files begin with.
    pub(super) fn prefix(&self) -> String {
        format!("{:020}.checkpoint", self.version)
    }
}

/// The newest checkpoint that is complete, by the names of the log's files.
///
/// # Errors
/// If it is of a form that is not known.
pub(super) fn newest(names: &[String]) -> std::result::Result<Option<Found>, String> {
    let mut best: Option<Found> = None;
    for name in names {
        let Some((version, rest)) = name.split_once(".checkpoint") else { continue };
        let Some(version) = number(version) else { continue };
        if best.as_ref().is_some_and(|best| best.version >= version) {
            continue;
        }
        let parts: Vec<&str> = rest.split('.').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["parquet"] => best = Some(Found { version, names: vec![name.clone()] }),
            // Each part has its number and that of all.
            [part, count, "parquet"] if part.len() == 10 && count.len() == 10 => {
                let Ok(count) = count.parse::<u64>() else { continue };
                let all: Vec<_> = (1..=count)
                    .map(|part| format!("{version:020}.checkpoint.{part:010}.{count:010}.parquet"))
                    .collect();
                if all.iter().all(|part| names.contains(part)) {
                    best = Some(Found { version, names: all });
                }
            }
            [id, "parquet" | "json"] if id.len() == 36 => {
                return Err(format!("the checkpoint {name} is of the feature `v2Checkpoint`, which dlt cannot read"));
            }
            _ => {}
        }
    }
    Ok(best)
}

/// The actions of a checkpoint.
pub(super) fn read(store: &Store, found: &Found, corrupt: &dyn Fn(&str) -> Error) -> Result<Vec<Action>> {
    let mut actions = Vec::new();
    for name in &found.names {
        let unreadable = || corrupt(&format!("the checkpoint {name} cannot be read"));
        let bytes = store.read(&format!("{LOG}/{name}")).map_err(failed)?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).map_err(|_| unreadable())?;
        for batch in reader.build().map_err(|_| unreadable())? {
            let batch = batch.map_err(|_| unreadable())?;
            // Each row is what a line of a version is.
            let mut lines = arrow::json::LineDelimitedWriter::new(Vec::new());
            lines.write(&batch).map_err(|_| unreadable())?;
            lines.finish().map_err(|_| unreadable())?;
            for line in lines.into_inner().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                actions
                    .extend(Action::parse(line).map_err(|what| corrupt(&format!("the checkpoint {name} has {what}")))?);
            }
        }
    }
    Ok(actions)
}

/// The content of a checkpoint.
pub(super) struct Written {
    pub(super) parquet: Vec<u8>,
    /// What `_last_checkpoint` says.
    pub(super) last: Vec<u8>,
}

/// Tells actions as a checkpoint; they must be all that make the table what it is at the version.
///
/// # Errors
/// [`ErrorKind::Internal`] if they cannot be written so.
pub(super) fn encode(version: u64, actions: &[Action]) -> Result<Written> {
    fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::new(ErrorKind::Internal, "a checkpoint cannot be written").because(error)
    }
    let schema = Arc::new(schema());
    let mut decoder = arrow::json::ReaderBuilder::new(Arc::clone(&schema))
        .with_batch_size(actions.len().max(1))
        .build_decoder()
        .map_err(failed)?;
    decoder.serialize(actions).map_err(failed)?;
    let batch = decoder.flush().map_err(failed)?.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(&schema)));
    let mut parquet = Vec::new();
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(&mut parquet, schema, Some(properties)).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    writer.close().map_err(failed)?;
    let files = actions.iter().filter(|action| matches!(action, Action::Add(_))).count();
    let last = json!({
        "version": version, "size": actions.len(), "sizeInBytes": parquet.len(), "numOfAddFiles": files,
    });
    Ok(Written { parquet, last: last.to_string().into_bytes() })
}

/// The file of a checkpoint.
pub(super) fn key(version: u64) -> String {
    format!("{LOG}/{version:020}.checkpoint.parquet")
}

/// The columns of a checkpoint: one for each kind of action.
fn schema() -> Schema {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let small = |name: &str| Field::new(name, DataType::Int32, true);
    let flag = |name: &str| Field::new(name, DataType::Boolean, true);
    let list = |name: &str| Field::new_list(name, Field::new("element", DataType::Utf8, true), true);
    let map = |name: &str| {
        let (key, value) = (Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true));
        Field::new_map(name, "key_value", key, value, false, true)
    };
    let object = |name: &str, fields: Vec<Field>| Field::new_struct(name, fields, true);
    Schema::new(vec![
        object("txn", vec![text("appId"), number("version"), number("lastUpdated")]),
        object(
            "add",
            vec![
                text("path"),
                map("partitionValues"),
                number("size"),
                number("modificationTime"),
                flag("dataChange"),
                text("stats"),
                map("tags"),
            ],
        ),
        object(
            "remove",
            vec![
                text("path"),
                number("deletionTimestamp"),
                flag("dataChange"),
                flag("extendedFileMetadata"),
                map("partitionValues"),
                number("size"),
            ],
        ),
        object(
            "metaData",
            vec![
                text("id"),
                text("name"),
                text("description"),
                object("format", vec![text("provider"), map("options")]),
                text("schemaString"),
                list("partitionColumns"),
                map("configuration"),
                number("createdTime"),
            ],
        ),
        object(
            "protocol",
            vec![small("minReaderVersion"), small("minWriterVersion"), list("readerFeatures"), list("writerFeatures")],
        ),
        object("domainMetadata", vec![text("domain"), text("configuration"), flag("removed")]),
    ])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_complete_checkpoint_is_found() {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        let one = names(&["00000000000000000003.checkpoint.parquet", "00000000000000000003.json", "_last_checkpoint"]);
        assert_eq!(newest(&one).unwrap().unwrap().version, 3);
        let mut parts = one.clone();
        parts.push("00000000000000000005.checkpoint.0000000001.0000000002.parquet".into());
        assert_eq!(newest(&parts).unwrap().unwrap().version, 3, "half of it");
        parts.push("00000000000000000005.checkpoint.0000000002.0000000002.parquet".into());
        assert_eq!(newest(&parts).unwrap().unwrap().names.len(), 2);
        parts.push("00000000000000000007.checkpoint.3a0d65cd-4056-49b8-937b-95f9e3ee90e5.json".into());
        assert!(newest(&parts).unwrap_err().contains("v2Checkpoint"));
        assert_eq!(newest(&names(&["00000000000000000000.json"])).unwrap(), None);
    }
}
