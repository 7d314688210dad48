//! The log of a table, read and written.

use super::action::{Action, Add, Metadata, Protocol, Remove};
use super::paths::{self, LOG};
use super::types::Shape;
use super::{checkpoint, features};
use crate::failure::failed;
use crate::kept::{Done, Listed, now_millis};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Store, StoreErrorKind};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};

/// The key of `commitInfo` that names the load which wrote a version.
pub(super) const LOAD_ID: &str = "dltLoadId";

/// The log of one table.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// Keys are paths below the table's folder.
    store: Store,
    table: String,
}

/// What a table is at a version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) version: u64,
    pub(super) protocol: Protocol,
    pub(super) metadata: Metadata,
    pub(crate) shape: Shape,
    /// The table's files by their paths, as the log writes them.
    pub(crate) files: BTreeMap<String, Add>,
    /// Positions of programs that write the table, and what else must outlive a checkpoint; by name.
    pub(super) transactions: BTreeMap<String, Map<String, Value>>,
    pub(super) domains: BTreeMap<String, Map<String, Value>>,
    /// Files that were removed, as they came, for checkpoints.
    pub(super) removed: BTreeMap<String, Remove>,
}

impl Log {
    /// The log of a table; the store is its folder.
    pub(crate) fn of(store: Store, table: &str) -> Self {
        Self { store, table: table.to_owned() }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    pub(crate) fn title(&self) -> String {
        format!("the Delta table {}", self.table)
    }

    pub(super) fn corrupt(&self, what: &str) -> Error {
        let message = format!("the log of the Delta table {} cannot be understood: {what}", self.store.address());
        Error::new(ErrorKind::Corrupt, message).hint("restore the folder `_delta_log` from a copy")
    }

    /// Names of the files of the log.
    fn names(&self) -> Result<Vec<String>> {
        let level = self.store.level(LOG).map_err(failed)?;
        let name = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(level.objects.iter().map(|object| name(&object.key)).collect())
    }

    /// What the table is now; `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if versions are missing or cannot be understood, [`ErrorKind::Destination`] if the table cannot be
    /// read by this program, or the store fails.
    pub(crate) fn snapshot(&self) -> Result<Option<Snapshot>> {
        self.snapshot_without(&HashSet::new())
    }

    /// As [`Log::snapshot`], without the last versions if loads wrote them that are not committed.
    pub(crate) fn snapshot_without(&self, pending: &HashSet<String>) -> Result<Option<Snapshot>> {
        let names = self.names()?;
        let mut versions: Vec<u64> = names.iter().filter_map(|name| paths::version_of(name)).collect();
        versions.sort_unstable();
        let newest = checkpoint::newest(&names).map_err(|what| self.corrupt(&what))?;
        if newest.is_none() && versions.is_empty() {
            return Ok(None);
        }
        let mut snapshot = Snapshot::default();
        let mut next = 0;
        if let Some(found) = newest {
            for action in checkpoint::read(&self.store, &found, &|what| self.corrupt(what))? {
                snapshot.apply(action).map_err(|what| self.corrupt(&what))?;
            }
            snapshot.version = found.version;
            next = found.version + 1;
        }
        let mut tail = Vec::new();
        versions.retain(|version| *version >= next);
        for version in versions {
            if version != next {
                return Err(self.corrupt(&format!("version {next} is missing")));
            }
            tail.push((version, self.read_version(version)?.unwrap_or_default()));
            next += 1;
        }
        let kept = tail.iter().rposition(|(_, actions)| !is_of(actions, pending)).map_or(0, |last| last + 1);
        // Of a table that begins with such a version there is nothing.
        if kept == 0 && snapshot.metadata.id.is_empty() && !tail.is_empty() {
            return Ok(None);
        }
        for (version, actions) in tail.into_iter().take(kept) {
            self.replay(&mut snapshot, version, actions)?;
        }
        self.complete(&mut snapshot)?;
        Ok(Some(snapshot))
    }

    /// Reads the versions that were written since.
    pub(crate) fn advance(&self, snapshot: &mut Snapshot) -> Result<()> {
        while let Some(actions) = self.read_version(snapshot.version + 1)? {
            self.replay(snapshot, snapshot.version + 1, actions)?;
        }
        self.complete(snapshot)
    }

    pub(super) fn replay(&self, snapshot: &mut Snapshot, version: u64, actions: Vec<Action>) -> Result<()> {
        // Within a version what is removed goes before what is added.
        let (added, others): (Vec<_>, Vec<_>) =
            actions.into_iter().partition(|action| matches!(action, Action::Add(_)));
        for action in others.into_iter().chain(added) {
            snapshot.apply(action).map_err(|what| self.corrupt(&what))?;
        }
        snapshot.version = version;
        Ok(())
    }

    pub(super) fn complete(&self, snapshot: &mut Snapshot) -> Result<()> {
        if snapshot.metadata.id.is_empty() || snapshot.protocol.min_reader_version == 0 {
            return Err(self.corrupt("it does not say what the table is"));
        }
        features::check_reading(&self.table, &snapshot.protocol, &snapshot.metadata)?;
        let metadata = &snapshot.metadata;
        let shape = Shape::parse(&metadata.schema_string, &metadata.partition_columns);
        snapshot.shape = shape.ok_or_else(|| self.corrupt("the columns"))?;
        Ok(())
    }

    /// The actions of a version; `None` if there is none.
    fn read_version(&self, version: u64) -> Result<Option<Vec<Action>>> {
        let Some(bytes) = self.read(&paths::version_key(version))? else { return Ok(None) };
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let actions: Result<Vec<_>, String> = lines.filter_map(|line| Action::parse(line).transpose()).collect();
        actions.map(Some).map_err(|what| self.corrupt(&format!("version {version} has {what}")))
    }

    pub(super) fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match self.store.read(key) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.kind(), StoreErrorKind::NotFound) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// The files of a snapshot, with the values of the columns by which it is divided.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if a file is elsewhere.
    pub(crate) fn files(&self, snapshot: &Snapshot) -> Result<Vec<Listed>> {
        let file = |add: &Add| {
            let key = paths::decoded(&add.path).ok_or_else(|| {
                let message = format!("{} has files outside of its folder, which dlt cannot read", self.title());
                Error::new(ErrorKind::Destination, message).hint("make a deep copy of it")
            })?;
            // A value that is left out, or empty, is none.
            let value =
                |name: &String| add.partition_values.get(name).cloned().flatten().filter(|value| !value.is_empty());
            let partition = snapshot.shape.partition.iter().map(|name| (name.clone(), value(name))).collect();
            Ok(Listed { path: add.path.clone(), key, partition })
        };
        snapshot.files.values().map(file).collect()
    }

    /// What a load did in a version after another one.
    pub(crate) fn done_by(&self, load_id: &str, after: Option<u64>) -> Result<Option<Done>> {
        let mut version = after.map_or(0, |version| version + 1);
        let loads = HashSet::from([load_id.to_owned()]);
        while let Some(actions) = self.read_version(version)? {
            if is_of(&actions, &loads) {
                let removes = actions.iter().any(|action| matches!(action, Action::Remove(_)));
                return Ok(Some(if removes { Done::Replaced } else { Done::Added }));
            }
            version += 1;
        }
        Ok(None)
    }

    /// Writes a checkpoint of a snapshot, if there is none of its version.
    pub(super) fn put_checkpoint(&self, snapshot: &Snapshot) -> Result<()> {
        let written = checkpoint::encode(snapshot.version, &snapshot.actions())?;
        if self.store.put_new(&checkpoint::key(snapshot.version), written.parquet).map_err(failed)? {
            self.store.put(&format!("{LOG}/_last_checkpoint"), written.last).map_err(failed)?;
        }
        Ok(())
    }

    /// Writes the next version. False if somebody else was there before.
    pub(super) fn put_version(&self, version: u64, actions: &[Action]) -> Result<bool> {
        let mut text = Vec::new();
        for action in actions {
            serde_json::to_writer(&mut text, action).map_err(|error| {
                Error::new(ErrorKind::Internal, "a version of a Delta table cannot be written").because(error)
            })?;
            text.push(b'\n');
        }
        let key = paths::version_key(version);
        if self.store.put_new(&key, text.clone()).map_err(failed)? {
            return Ok(true);
        }
        // It may be ours all the same: a store whose answer was lost is asked twice.
        Ok(self.read(&key)?.is_some_and(|there| there == text))
    }
}

/// Versions after which a checkpoint is written, where the table does not say otherwise.
const INTERVAL: u64 = 10;

/// How long a file that was removed stays in checkpoints, for those who delete old files: seven days, in milliseconds.
const RETENTION: i64 = 7 * 86_400_000;

/// Whether one of these loads wrote a version.
fn is_of(actions: &[Action], loads: &HashSet<String>) -> bool {
    actions.iter().any(|action| match action {
        Action::CommitInfo(info) => info.get(LOAD_ID).and_then(Value::as_str).is_some_and(|id| loads.contains(id)),
        _ => false,
    })
}

impl Snapshot {
    /// Versions between two checkpoints.
    pub(super) fn checkpoint_interval(&self) -> u64 {
        let set = self.metadata.configuration.get("delta.checkpointInterval").and_then(|value| value.parse().ok());
        set.filter(|interval| *interval > 0).unwrap_or(INTERVAL)
    }

    /// All that makes the table what it is.
    fn actions(&self) -> Vec<Action> {
        let mut actions = vec![Action::Protocol(self.protocol.clone()), Action::MetaData(self.metadata.clone())];
        actions.extend(self.transactions.values().cloned().map(Action::Txn));
        actions.extend(self.domains.values().cloned().map(Action::DomainMetadata));
        let oldest = now_millis() - RETENTION;
        let removed = self.removed.values().filter(|remove| remove.deletion_timestamp > oldest);
        actions.extend(removed.map(|remove| Action::Remove(Remove { data_change: false, ..remove.clone() })));
        actions.extend(self.files.values().map(|add| Action::Add(Add { data_change: false, ..add.clone() })));
        actions
    }

    fn apply(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Protocol(protocol) => self.protocol = protocol,
            Action::MetaData(metadata) => self.metadata = metadata,
            Action::Add(add) => {
                if add.rest.get("deletionVector").is_some_and(|vector| !vector.is_null()) {
                    return Err("files with deletion vectors, which dlt cannot read".to_owned());
                }
                self.removed.remove(&add.path);
                self.files.insert(add.path.clone(), add);
            }
            Action::Remove(remove) => {
                self.files.remove(&remove.path);
                self.removed.insert(remove.path.clone(), remove);
            }
            Action::Txn(txn) => drop(named(&txn, "appId").map(|id| self.transactions.insert(id, txn.clone()))),
            Action::DomainMetadata(domain) => {
                drop(named(&domain, "domain").map(|name| self.domains.insert(name, domain.clone())));
            }
            Action::Sidecar(_) => return Err("a checkpoint in parts, which dlt cannot read".to_owned()),
            Action::CommitInfo(_) => {}
        }
        Ok(())
    }
}

fn named(content: &Map<String, Value>, key: &str) -> Option<String> {
    content.get(key)?.as_str().map(str::to_owned)
}
