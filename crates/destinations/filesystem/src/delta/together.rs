//! Delta tables of one folder that one program changes together: all of a change is there, or nothing.
//!
//! A log orders the versions of one table. A change of several first writes what is to be done to each as one object, the *decision*.
//! That is the moment in which the change is made: whoever opens the folder next does what is left of it, and takes it away. So no
//! program that opens the folder by this module sees one table ahead of the others; other readers do for a moment, each table as its
//! log has it.
//!
//! There is one writer. Another one is found out, because of two who write the same decision or version one succeeds; the other is
//! told. Others may read whenever they like.

use super::action::{Action, Remove};
use super::commit::Commit;
use super::form::form;
use super::log::{Log, Snapshot};
use super::paths::{self, LOG};
use super::types::{Shape, shape};
use super::{checkpoint, features};
use crate::failure::failed;
use crate::kept::{Change, DataFiles, Listed, Place, Removal, Written, now_millis};
use crate::settings::Filesystem;
use arrow::array::ArrayRef;
use dlt_engine::schema::Table;
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Store, StoreError};
use parquet::basic::{Compression, ZstdLevel};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The object that says what is to be done.
const DECISION: &str = "_decision.json";

/// Delta tables that are changed together.
#[derive(Debug)]
pub struct Together {
    store: Store,
    /// Where files of other machines are kept as they are read.
    cache: PathBuf,
    tables: BTreeMap<String, Snapshot>,
}

/// A file of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Its path as the log has it.
    pub path: String,
    /// Where it is on this machine.
    pub local: PathBuf,
    /// Bytes.
    pub size: u64,
    /// The values of the columns by which the table is divided, in their order, as texts.
    pub values: Vec<Option<String>>,
}

/// A column of a table: its name, and its type as the log says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaColumn {
    /// The name.
    pub name: String,
    /// `long`, `string`, `timestamp`.
    pub kind: String,
}

/// Rows that were written for a change that is not made yet.
#[derive(Debug, Default)]
pub struct NewFiles(Vec<Written>);

impl NewFiles {
    /// The files as they are in the table once the change is made.
    pub fn paths(&self) -> Vec<String> {
        self.0.iter().map(|written| paths::encoded(&written.key)).collect()
    }

    /// Takes files out that another part of the change has replaced.
    pub fn without(&mut self, gone: &HashSet<String>) {
        self.0.retain(|written| !gone.contains(&paths::encoded(&written.key)));
    }

    /// Puts more behind them.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Who takes rows: column by column, batch by batch.
pub type TakeRows<'a> = dyn FnMut(&[ArrayRef]) -> Result<()> + 'a;

/// Who gives them.
pub type GiveRows<'a> = dyn FnMut(&mut TakeRows<'_>) -> Result<()> + 'a;

/// What a change does to one table.
#[derive(Debug)]
pub struct TableChange {
    /// The table with all columns that it has then. The first change makes it.
    pub table: Table,
    /// Files that go, by their paths as the log has them.
    pub removes: Vec<String>,
    /// Files that come.
    pub adds: NewFiles,
    /// Whether the rows are the same as before, in other files.
    pub only_moves: bool,
}

impl Together {
    /// Opens the tables in a folder of a store, and finishes what a killed process had decided. `cache` is a folder of this machine for
    /// copies of files of other machines.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if a log cannot be understood, or somebody else has changed what is to be changed; if the store fails.
    pub fn open(place: &Filesystem, folder: &str, cache: &Path) -> Result<Self> {
        let store = Store::open(&place.address, &place.credentials).map_err(failed)?.below(folder);
        let mut opened = Self { store, cache: cache.to_owned(), tables: BTreeMap::new() };
        opened.look()?;
        opened.finish_decided()?;
        Ok(opened)
    }

    /// Where they are, without secrets.
    pub fn location(&self) -> String {
        self.store.address().to_string()
    }

    fn look(&mut self) -> Result<()> {
        let mut folders = self.store.folders("").map_err(failed)?;
        folders.sort_unstable();
        self.tables.clear();
        for folder in folders.into_iter().filter(|folder| folder != LOG) {
            if let Some(snapshot) = self.log(&folder).snapshot()? {
                self.tables.insert(folder, snapshot);
            }
        }
        Ok(())
    }

    fn log(&self, table: &str) -> Log {
        Log::of(self.store.below(table), table)
    }

    /// Names of the tables.
    pub fn names(&self) -> Vec<String> {
        self.tables.keys().cloned().collect()
    }

    /// The columns of a table; none if there is no such table.
    pub fn columns(&self, table: &str) -> Vec<DeltaColumn> {
        let fields = self.tables.get(table).map(|snapshot| snapshot.shape.fields.clone()).unwrap_or_default();
        let kind = |kind: Value| kind.as_str().unwrap_or("nested").to_owned();
        fields.into_iter().map(|field| DeltaColumn { name: field.name, kind: kind(field.kind) }).collect()
    }

    /// The files of a table, on this machine: those of other machines are copied into the cache, where they stay.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if a file is elsewhere; if the store or the cache fails.
    pub fn files(&self, table: &str) -> Result<Vec<DataFile>> {
        let Some(snapshot) = self.tables.get(table) else { return Ok(Vec::new()) };
        let listed = self.log(table).files(snapshot)?;
        listed.into_iter().map(|file| self.file(table, snapshot, file)).collect()
    }

    fn file(&self, table: &str, snapshot: &Snapshot, file: Listed) -> Result<DataFile> {
        let size = snapshot.files.get(&file.path).map_or(0, |add| add.size);
        let values = snapshot.shape.partition.iter().map(|name| file.partition.get(name).cloned().flatten()).collect();
        let local = self.local(table, &file.key, size)?;
        Ok(DataFile { path: file.path, local, size, values })
    }

    fn local(&self, table: &str, key: &str, size: u64) -> Result<PathBuf> {
        let key = format!("{table}/{key}");
        if let Some(path) = self.store.local_path(&key) {
            return Ok(path);
        }
        let path = self.cache.join(key.replace('/', "~"));
        if fs::metadata(&path).is_ok_and(|found| found.len() == size) {
            return Ok(path);
        }
        fs::create_dir_all(&self.cache).map_err(|error| Error::storage("make the folder", &self.cache, error))?;
        let part = path.with_extension("part");
        let mut reader = self.store.get(&key).map_err(failed)?;
        let mut file = fs::File::create(&part).map_err(|error| Error::storage("create", &part, error))?;
        std::io::copy(&mut reader, &mut file).map_err(|error| match StoreError::of_io(&error) {
            Some(store) => failed(store.clone()),
            None => Error::storage("write", &part, error),
        })?;
        fs::rename(&part, &path).map_err(|error| Error::storage("write", &path, error))?;
        Ok(path)
    }

    fn shape(&self, table: &Table) -> Result<Shape> {
        shape(table, self.tables.get(&table.name).map(|snapshot| &snapshot.shape))
    }

    /// Writes rows as files of a table, for a change. `stem` is what their names begin with, and no other files' names; `next` gives
    /// the columns of the table in their order, batch by batch. Returns the files, and where they are on this machine.
    ///
    /// # Errors
    /// If a value does not fit, the store fails, or `next` does.
    pub fn write(&self, table: &Table, stem: &str, next: &mut GiveRows<'_>) -> Result<(NewFiles, Vec<DataFile>)> {
        let shape = self.shape(table)?;
        let columns: Vec<String> = table.complete_columns().map(|(column, _)| column.name.clone()).collect();
        let log = self.log(&table.name);
        let form = form(log.title(), &shape, &columns)?;
        // They are written once, and kept long.
        let compression = Compression::ZSTD(ZstdLevel::default());
        let place = Place { store: log.store(), stem, compression };
        let mut files = DataFiles::new(&place, &form);
        next(&mut |arrays| files.add(arrays))?;
        let written = files.finish()?;
        let local = written.iter().map(|file| {
            Ok(DataFile {
                path: paths::encoded(&file.key),
                local: self.local(&table.name, &file.key, file.size)?,
                size: file.size,
                values: file.values.clone(),
            })
        });
        let local = local.collect::<Result<Vec<_>>>()?;
        Ok((NewFiles(written), local))
    }

    /// Makes a change. `id` is its own, of this try alone. When this returns an error the change was made, or not: open the folder anew.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if another program writes here; if the store fails.
    pub fn commit(&mut self, id: &str, changes: Vec<TableChange>) -> Result<()> {
        let mut parts = Vec::new();
        for change in &changes {
            parts.push(self.part(id, change)?);
        }
        if parts.is_empty() {
            return Ok(());
        }
        // One table has one log, and needs no other word.
        if let [part] = parts.as_slice() {
            return self.finish(id, part);
        }
        let decision = json!({"id": id, "parts": parts.iter().map(Part::to_json).collect::<Vec<_>>()}).to_string();
        if !self.store.put_new(DECISION, decision.clone()).map_err(failed)? {
            // A store whose answer was lost is asked twice.
            if self.store.read(DECISION).map_err(failed)? != decision.into_bytes() {
                return Err(others(&self.location()));
            }
        }
        // While it stands nobody else decides; what others did before shows now.
        for part in &parts {
            let next = paths::version_key(part.began.map_or(0, |began| began + 1));
            if self.log(&part.table).store().exists(&next).map_err(failed)? {
                self.store.delete([DECISION]).map_err(failed)?;
                return Err(others(&self.location()));
            }
        }
        parts.iter().try_for_each(|part| self.finish(id, part))?;
        self.store.delete([DECISION]).map_err(failed)
    }

    /// What a change is for the log of a table.
    fn part(&self, id: &str, change: &TableChange) -> Result<Part> {
        let log = self.log(&change.table.name);
        let before = self.tables.get(&change.table.name);
        let shape = self.shape(&change.table)?;
        let removal = match change.removes.is_empty() {
            true => Removal::None,
            false => Removal::These(change.removes.clone()),
        };
        if let Some(before) = before {
            features::check_writing(log.table(), &before.protocol, &before.metadata, &before.shape.fields)?;
        }
        let made = Change { load_id: id, table: &change.table, is_new: false, removal, adds: change.adds.0.clone() };
        let mut actions = Commit::new(&log, &made, shape.clone()).actions(before, &shape);
        let is_text = |name: &str| shape.field(name).is_some_and(|field| field.kind == "string");
        for action in &mut actions {
            match action {
                // Smallest and largest texts would outlive, in the log, rows that are deleted.
                Action::Add(add) => {
                    add.stats = add.stats.take().map(|stats| without(&stats, &is_text));
                    add.data_change = !change.only_moves;
                }
                Action::Remove(remove) => remove.data_change = !change.only_moves,
                Action::CommitInfo(info) if change.only_moves => {
                    info.insert("operation".into(), "OPTIMIZE".into());
                }
                _ => {}
            }
        }
        Ok(Part { table: change.table.name.clone(), began: before.map(|before| before.version), actions })
    }

    /// Finishes what was decided.
    fn finish_decided(&mut self) -> Result<()> {
        let Some(text) = self.note(DECISION)? else { return Ok(()) };
        let decision = Decision::parse(text.as_bytes()).ok_or_else(|| {
            let message = format!("{} cannot be understood", self.store.address().join(DECISION));
            Error::new(ErrorKind::Corrupt, message).hint("restore the folder from a copy")
        })?;
        let id = &decision.id;
        let (mut is_begun, mut is_possible) = (false, true);
        for part in &decision.parts {
            let is_as_it_was = self.tables.get(&part.table).map(|now| now.version) == part.began;
            let is_done = !is_as_it_was && self.log(&part.table).done_by(id, part.began)?.is_some();
            is_begun |= is_done;
            is_possible &= is_as_it_was || is_done;
        }
        // Of one that had not begun when somebody else wrote, nothing is to come.
        if is_begun || is_possible {
            decision.parts.iter().try_for_each(|part| self.finish(id, part))?;
        }
        self.store.delete([DECISION]).map_err(failed)
    }

    /// Writes the version of a log that is a part of a change, unless it is there.
    fn finish(&mut self, id: &str, part: &Part) -> Result<()> {
        let log = self.log(&part.table);
        let now = self.tables.get(&part.table).cloned();
        if now.as_ref().map(|now| now.version) != part.began {
            return match log.done_by(id, part.began)? {
                Some(_) => Ok(()),
                None => Err(others(&log.store().address().to_string())),
            };
        }
        let version = part.began.map_or(0, |began| began + 1);
        if !log.put_version(version, &part.actions)? {
            return Err(others(&log.store().address().to_string()));
        }
        let mut after = now.unwrap_or_default();
        log.replay(&mut after, version, part.actions.clone())?;
        log.complete(&mut after)?;
        self.set(&log, after);
        Ok(())
    }

    /// Takes what a table is now, and writes a checkpoint where one is due. Who cannot write one says nothing: the log is whole without.
    fn set(&mut self, log: &Log, mut now: Snapshot) {
        if now.version > 0 && now.version.is_multiple_of(now.checkpoint_interval()) {
            let oldest = now_millis() - KEPT_IN_CHECKPOINTS;
            now.removed.retain(|_, remove| remove.deletion_timestamp > oldest);
            let _ = log.put_checkpoint(&now);
        }
        self.tables.insert(log.table().to_owned(), now);
    }

    /// Deletes what no table needs any more: files that were taken out of one so long ago, or written so long ago for a change that was
    /// not made; versions of logs that a checkpoint has told for so long; copies of such files in the cache. Returns how many objects went.
    ///
    /// # Errors
    /// If the store fails.
    pub fn sweep(&mut self, grace: Duration) -> Result<usize> {
        let now = SystemTime::now();
        let is_old = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age >= grace);
        let (mut gone, mut cached) = (0, HashSet::new());
        for (table, snapshot) in &mut self.tables {
            let store = self.store.below(table);
            let key = |path: &String| paths::decoded(path);
            let kept: HashSet<String> = snapshot.files.keys().filter_map(key).collect();
            let removed_at = |remove: &Remove| {
                UNIX_EPOCH + Duration::from_millis(u64::try_from(remove.deletion_timestamp).unwrap_or(0))
            };
            let fresh: HashSet<String> = snapshot
                .removed
                .values()
                .filter(|remove| !is_old(removed_at(remove)))
                .filter_map(|remove| paths::decoded(&remove.path))
                .collect();
            cached.extend(kept.iter().map(|key| format!("{table}/{key}").replace('/', "~")));
            let (mut old, mut log) = (Vec::new(), Vec::new());
            for object in store.list("").map_err(failed)? {
                let object = object.map_err(failed)?;
                match object.key.strip_prefix(LOG).and_then(|name| name.strip_prefix('/')) {
                    Some(name) => log.push((name.to_owned(), object.modified)),
                    None if kept.contains(&object.key) || fresh.contains(&object.key) => {}
                    None if is_old(object.modified) => old.push(object.key),
                    None => {}
                }
            }
            let names: Vec<String> = log.iter().map(|(name, _)| name.clone()).collect();
            if let Ok(Some(newest)) = checkpoint::newest(&names) {
                let is_told = |name: &str| {
                    let version = name.split('.').next().and_then(paths::number);
                    version.is_some_and(|version| version < newest.version)
                };
                // Whoever reads the log has it from an older checkpoint, as long as the newest is new.
                let is_known = log.iter().any(|(name, at)| name.starts_with(&newest.prefix()) && is_old(*at));
                let told = log.iter().filter(|(name, at)| is_known && is_told(name) && is_old(*at));
                old.extend(told.map(|(name, _)| format!("{LOG}/{name}")));
            }
            store.delete(old.iter().map(String::as_str)).map_err(failed)?;
            gone += old.len();
        }
        for entry in fs::read_dir(&self.cache).into_iter().flatten().flatten() {
            let is_listed = entry.file_name().to_str().is_some_and(|name| cached.contains(name));
            let at = entry.metadata().and_then(|found| found.modified());
            if !is_listed && at.is_ok_and(is_old) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(gone)
    }

    /// The text of an object beside the tables; `None` if there is none.
    ///
    /// # Errors
    /// If the store fails.
    pub fn note(&self, name: &str) -> Result<Option<String>> {
        match self.store.exists(name).map_err(failed)? {
            true => Ok(Some(String::from_utf8_lossy(&self.store.read(name).map_err(failed)?).into_owned())),
            false => Ok(None),
        }
    }

    /// Puts such an object, if there is none of that name; returns what is there then.
    ///
    /// # Errors
    /// If the store fails.
    pub fn claim(&self, name: &str, text: &str) -> Result<String> {
        if self.store.put_new(name, text).map_err(failed)? {
            return Ok(text.to_owned());
        }
        Ok(self.note(name)?.unwrap_or_default())
    }

    /// Puts such an object in the place of what is there.
    ///
    /// # Errors
    /// If the store fails.
    pub fn set_note(&self, name: &str, text: &str) -> Result<()> {
        self.store.put(name, text).map_err(failed)
    }
}

/// How long checkpoints tell of a file that was removed, in milliseconds: a week, as others have it.
const KEPT_IN_CHECKPOINTS: i64 = 7 * 86_400_000;

/// What is to be done to one table.
#[derive(Clone, Debug)]
struct Part {
    table: String,
    /// The version that the table had.
    began: Option<u64>,
    actions: Vec<Action>,
}

impl Part {
    fn to_json(&self) -> Value {
        json!({"table": self.table, "began": self.began, "actions": self.actions})
    }

    fn parse(value: &Value) -> Option<Self> {
        let began = value.get("began").filter(|began| !began.is_null());
        let action = |action: &Value| Action::parse(action.to_string().as_bytes()).ok().flatten();
        Some(Self {
            table: value.get("table")?.as_str()?.to_owned(),
            began: began.map(|began| began.as_u64().ok_or(())).transpose().ok()?,
            actions: value.get("actions")?.as_array()?.iter().map(action).collect::<Option<_>>()?,
        })
    }
}

struct Decision {
    id: String,
    parts: Vec<Part>,
}

impl Decision {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let parts = value.get("parts")?.as_array()?.iter().map(Part::parse).collect::<Option<_>>()?;
        Some(Self { id: value.get("id")?.as_str()?.to_owned(), parts })
    }
}

/// Statistics of a file without those of some columns.
fn without(stats: &str, is_left_out: &dyn Fn(&str) -> bool) -> String {
    let Ok(mut stats) = serde_json::from_str::<Value>(stats) else { return stats.to_owned() };
    for bounds in ["minValues", "maxValues"] {
        if let Some(values) = stats.get_mut(bounds).and_then(Value::as_object_mut) {
            values.retain(|name, _| !is_left_out(name));
        }
    }
    stats.to_string()
}

fn others(place: &str) -> Error {
    Error::new(ErrorKind::Busy, format!("another program has written to the tables in {place}"))
        .hint("one tracker writes a store of files, and nothing else does; others may read")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;
    use dlt_engine::schema::{Column, DataType, WriteDisposition};
    use std::sync::Arc;

    fn table(name: &str) -> Table {
        let mut table = Table::root(name, name, WriteDisposition::Append);
        table.add(Column::inferred("id", DataType::Bigint));
        table.add(Column::inferred("name", DataType::Text));
        table
    }

    fn rows(tables: &Together, name: &str, stem: &str, ids: &[i64]) -> TableChange {
        let texts: arrow::array::StringArray = ids.iter().map(|id| Some(format!("text {id}"))).collect();
        let arrays: [ArrayRef; 2] = [Arc::new(Int64Array::from(ids.to_vec())), Arc::new(texts)];
        let (adds, _) = tables.write(&table(name), stem, &mut |add| add(&arrays)).unwrap();
        TableChange { table: table(name), removes: Vec::new(), adds, only_moves: false }
    }

    fn paths_of(tables: &Together, name: &str) -> Vec<String> {
        tables.files(name).unwrap().into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn what_was_decided_is_done_by_whoever_comes_next() {
        let folder = tempfile::tempdir().unwrap();
        let place = Filesystem::at(folder.path().to_str().unwrap()).unwrap();
        let open = || Together::open(&place, "d", folder.path()).unwrap();
        let mut tables = open();
        let changes = vec![rows(&tables, "a", "1", &[1]), rows(&tables, "b", "1", &[2])];
        tables.commit("one", changes).unwrap();
        // A killed process had decided, and written the version of one of two tables.
        let first = paths_of(&tables, "a");
        let mut change = rows(&tables, "a", "2", &[1, 3]);
        change.removes = first;
        let parts = [tables.part("two", &change).unwrap(), tables.part("two", &rows(&tables, "b", "2", &[4])).unwrap()];
        let decision = json!({"id": "two", "parts": parts.iter().map(Part::to_json).collect::<Vec<_>>()});
        assert!(tables.store.put_new(DECISION, decision.to_string()).unwrap());
        tables.finish("two", &parts[0]).unwrap();
        for _ in 0..2 {
            let next = open();
            assert_eq!(paths_of(&next, "a"), ["2.parquet"]);
            assert_eq!(paths_of(&next, "b"), ["1.parquet", "2.parquet"]);
            assert_eq!(next.tables["a"].version, 1, "it is done once");
            assert!(!next.store.exists(DECISION).unwrap());
        }
        // Texts of rows stay out of the log.
        let log = fs::read_to_string(folder.path().join("d/a/_delta_log/00000000000000000001.json")).unwrap();
        assert!(log.contains("\\\"minValues\\\":{\\\"id\\\":1}") && !log.contains("text 1"), "{log}");
    }

    #[test]
    fn of_two_writers_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let place = Filesystem::at(folder.path().to_str().unwrap()).unwrap();
        let open = || Together::open(&place, "d", folder.path()).unwrap();
        let mut one = open();
        one.commit("one", vec![rows(&one, "a", "1", &[1]), rows(&one, "b", "1", &[2])]).unwrap();
        let mut two = open();
        let replaced = |tables: &Together, stem: &str| {
            let mut change = rows(tables, "a", stem, &[9]);
            change.removes = paths_of(tables, "a");
            change
        };
        let (first, second) = (replaced(&one, "2"), replaced(&two, "3"));
        one.commit("two", vec![first]).unwrap();
        let error = two.commit("three", vec![second]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        // Nor does a part of a change come behind what it knew nothing of.
        let error = two.commit("four", vec![rows(&two, "b", "4", &[5]), rows(&two, "a", "4", &[5])]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        assert!(!one.store.exists(DECISION).unwrap());
        // One that was decided by a process which was killed then is given up.
        let parts = ["b", "a"].map(|name| two.part("five", &rows(&two, name, "5", &[6])).unwrap().to_json());
        one.store.put_new(DECISION, json!({"id": "five", "parts": parts}).to_string()).unwrap();
        let next = open();
        assert_eq!((paths_of(&next, "a"), paths_of(&next, "b")), (vec!["2.parquet".into()], vec!["1.parquet".into()]));
        assert!(!one.store.exists(DECISION).unwrap());
    }

    #[test]
    fn what_no_table_needs_goes_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let place = Filesystem::at(folder.path().to_str().unwrap()).unwrap();
        let mut tables = Together::open(&place, "d", folder.path()).unwrap();
        for number in 0..25 {
            let mut change = rows(&tables, "a", &format!("f{number}"), &[number]);
            change.removes = paths_of(&tables, "a");
            tables.commit(&number.to_string(), vec![change]).unwrap();
        }
        drop(rows(&tables, "a", "never", &[1]));
        assert_eq!(tables.sweep(Duration::from_secs(3600)).unwrap(), 0);
        // 24 files that were replaced, one of no change, twenty versions and one checkpoint.
        assert_eq!(tables.sweep(Duration::ZERO).unwrap(), 24 + 1 + 20 + 1);
        let mut again = Together::open(&place, "d", folder.path()).unwrap();
        assert_eq!((paths_of(&again, "a"), again.tables["a"].version), (vec!["f24.parquet".to_owned()], 24));
        assert_eq!(again.sweep(Duration::ZERO).unwrap(), 0);
    }
}
