//! A change of a table, as the next version of its log.

use super::action::{Action, Add, Metadata, Remove};
use super::log::{LOAD_ID, Log, Snapshot};
use super::types::{Field, Shape, arrow_type, shape};
use super::{features, paths, stats};
use crate::kept::{Change, Removal, TRIES, Written, busy, now_millis, taken_back};
use dlt_engine::digest::shake128;
use dlt_engine::schema::{Table, WriteDisposition};
use dlt_engine::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A change with its files as the log writes them.
pub(super) struct Commit<'a> {
    log: &'a Log,
    change: &'a Change<'a>,
    /// The columns for which the files were written.
    planned: Shape,
    adds: Vec<Add>,
}

impl<'a> Commit<'a> {
    pub(super) fn new(log: &'a Log, change: &'a Change<'a>, planned: Shape) -> Self {
        let adds = change.adds.iter().map(|written| add(written, &planned)).collect();
        Self { log, change, planned, adds }
    }

    fn shape(&self, before: Option<&Snapshot>) -> Result<Shape> {
        shape(self.change.table, before.filter(|_| !self.change.is_new).map(|before| &before.shape))
    }

    /// Whether it changes nothing.
    fn is_empty(&self, before: Option<&Snapshot>) -> bool {
        let Some(before) = before else { return false };
        let removes = match &self.change.removal {
            Removal::None => false,
            Removal::All => !before.files.is_empty(),
            Removal::These(paths) => !paths.is_empty(),
        };
        self.adds.is_empty() && !removes && self.shape(Some(before)).is_ok_and(|shape| shape == before.shape)
    }

    /// Writes the version. False if the files of the change have to be written anew.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if others change the table all the time; if the store fails.
    pub(super) fn write(&self, mut before: Option<Snapshot>) -> Result<bool> {
        for _ in 0..TRIES {
            if self.is_empty(before.as_ref()) {
                return Ok(true);
            }
            let version = before.as_ref().map_or(0, |before| before.version + 1);
            let shape = self.shape(before.as_ref())?;
            if !agree(&self.planned, &shape) {
                return Ok(false);
            }
            if self.log.put_version(version, &self.actions(before.as_ref(), &shape))? {
                write_checkpoint(self.log, version, before);
                return Ok(true);
            }
            if let Removal::These(_) = self.change.removal {
                return Ok(false);
            }
            match &mut before {
                Some(before) => self.log.advance(before)?,
                None => before = self.log.snapshot()?,
            }
            check(self.log, before.as_ref(), &self.change.removal)?;
        }
        Err(busy(&self.log.title()))
    }

    pub(super) fn actions(&self, before: Option<&Snapshot>, shape: &Shape) -> Vec<Action> {
        let now = now_millis();
        let removed: Vec<&Add> = match (&self.change.removal, before) {
            (_, None) | (Removal::None, _) => Vec::new(),
            (Removal::All, Some(before)) => before.files.values().collect(),
            (Removal::These(paths), Some(before)) => paths.iter().filter_map(|path| before.files.get(path)).collect(),
        };
        let mut actions = vec![Action::CommitInfo(self.info(before, shape, removed.len(), now))];
        let protocol = features::needed(before.map(|before| &before.protocol), shape.has_timestamp_ntz());
        actions.extend(protocol.map(Action::Protocol));
        actions.extend(self.metadata(before, shape, now).map(Action::MetaData));
        let is_added = |path: &str| self.adds.iter().any(|add| add.path == path);
        actions.extend(removed.into_iter().filter(|add| !is_added(&add.path)).map(|add| {
            Action::Remove(Remove {
                path: add.path.clone(),
                deletion_timestamp: now,
                data_change: true,
                extended_file_metadata: true,
                partition_values: add.partition_values.clone(),
                size: add.size,
            })
        }));
        actions.extend(self.adds.iter().cloned().map(Action::Add));
        actions
    }

    /// What people and tools read of the version.
    fn info(&self, before: Option<&Snapshot>, shape: &Shape, removed: usize, now: i64) -> Map<String, Value> {
        let (operation, mode) = match self.change.removal {
            Removal::None => ("WRITE", "Append"),
            Removal::All => ("WRITE", "Overwrite"),
            Removal::These(_) => ("MERGE", "Merge"),
        };
        let mut info = Map::new();
        info.insert("timestamp".into(), now.into());
        info.insert("operation".into(), operation.into());
        let partition = json!(shape.partition).to_string();
        info.insert("operationParameters".into(), json!({"mode": mode, "partitionBy": partition}));
        if let Some(before) = before {
            info.insert("readVersion".into(), before.version.into());
        }
        info.insert("isBlindAppend".into(), (self.change.removal == Removal::None).into());
        info.insert("engineInfo".into(), concat!("dlt-rs:", env!("CARGO_PKG_VERSION")).into());
        let metrics = json!({"num_added_files": self.adds.len(), "num_removed_files": removed});
        info.insert("operationMetrics".into(), metrics);
        info.insert(LOAD_ID.into(), self.change.load_id.into());
        info
    }

    /// The table's description, where it is new or another one.
    fn metadata(&self, before: Option<&Snapshot>, shape: &Shape, now: i64) -> Option<Metadata> {
        match before {
            Some(before) if before.shape == *shape => None,
            Some(before) => Some(Metadata {
                schema_string: shape.to_json(),
                partition_columns: shape.partition.clone(),
                ..before.metadata.clone()
            }),
            None => {
                let mut rest = Map::new();
                rest.insert("name".into(), Value::Null);
                rest.insert("description".into(), Value::Null);
                rest.insert("format".into(), json!({"provider": "parquet", "options": {}}));
                rest.insert("createdTime".into(), now.into());
                Some(Metadata {
                    id: self.id(),
                    schema_string: shape.to_json(),
                    partition_columns: shape.partition.clone(),
                    configuration: BTreeMap::new(),
                    rest,
                })
            }
        }
    }

    /// An id for a table that begins.
    fn id(&self) -> String {
        let bytes = shake128::<16>(&[self.change.load_id.as_bytes(), b"\0", self.change.table.name.as_bytes()]);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let [a, b, c, d, e] = [&hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]];
        // As a random UUID has it.
        format!("{a}-{b}-4{c}-8{d}-{e}")
    }
}

/// Takes files out of a table, where it still is as it was. False if it is not.
pub(super) fn take_out(log: &Log, before: &Snapshot, load_id: &str, paths: Vec<String>) -> Result<bool> {
    let removal = Removal::These(paths);
    check(log, Some(before), &removal)?;
    let (table, load_id) = (Table::root(log.table(), log.table(), WriteDisposition::Append), taken_back(load_id));
    let change = Change { load_id: &load_id, table: &table, is_new: false, removal, adds: Vec::new() };
    let commit = Commit::new(log, &change, before.shape.clone());
    log.put_version(before.version + 1, &commit.actions(Some(before), &before.shape))
}

/// Whether a table as it is may be changed so.
pub(super) fn check(log: &Log, before: Option<&Snapshot>, removal: &Removal) -> Result<()> {
    let Some(before) = before else { return Ok(()) };
    features::check_writing(log.table(), &before.protocol, &before.metadata, &before.shape.fields)?;
    let removes = *removal != Removal::None && !before.files.is_empty();
    if removes && features::is_append_only(&before.metadata) {
        let message = format!("rows can only be added to the Delta table {} (`delta.appendOnly`)", log.table());
        return Err(Error::new(ErrorKind::Destination, message).hint("use append, or take the property from the table"));
    }
    Ok(())
}

/// A file as the log writes it.
fn add(written: &Written, shape: &Shape) -> Add {
    let columns = written.metadata.file_metadata().schema_descr().columns().iter();
    let fields: Vec<&Field> = columns.filter_map(|column| shape.field(column.name())).collect();
    Add {
        path: paths::encoded(&written.key),
        partition_values: shape.partition.iter().cloned().zip(written.values.iter().cloned()).collect(),
        size: written.size,
        modification_time: now_millis(),
        data_change: true,
        stats: Some(stats::of(&written.metadata, &fields)),
        ..Add::default()
    }
}

/// Whether files that were written for one shape can be part of a table of another.
fn agree(planned: &Shape, now: &Shape) -> bool {
    let same = |field: &Field| now.field(&field.name).is_some_and(|other| arrow_type(other) == arrow_type(field));
    planned.partition == now.partition && planned.fields.iter().all(same)
}

/// Writes a checkpoint where one is due. Who cannot write one says nothing: the log is whole without.
fn write_checkpoint(log: &Log, version: u64, before: Option<Snapshot>) {
    let Some(mut now) = before else { return };
    if version.is_multiple_of(now.checkpoint_interval()) {
        let _ = log.advance(&mut now).and_then(|()| log.put_checkpoint(&now));
    }
}
