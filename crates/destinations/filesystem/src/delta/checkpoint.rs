//! Checkpoints: all versions up to one, told in one Parquet file.

use super::action::Action;
use super::paths::{LOG, number};
use crate::failure::failed;
use dlt_engine::{Error, Result};
use dlt_objects::Store;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A checkpoint of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) version: u64,
    /// Names of its files.
    names: Vec<String>,
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
