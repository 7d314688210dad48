//! A change of a table, as the next version of its metadata.

use super::manifest::{self, Entry, File, Manifest, Snapshot, Status};
use super::metadata::{LOAD_ID, State};
use super::paths::{self, METADATA, Version};
use super::scalar::Scalar;
use super::shape::{Shape, shape};
use super::spec::{self, Spec, spec};
use super::stats;
use super::store::Metadata;
use super::transform::Transform;
use crate::failure::failed;
use crate::gather::file_id;
use crate::kept::{Change, Removal, TRIES, Written, busy, now_millis, taken_back};
use dlt_engine::Result;
use dlt_engine::digest::shake128;
use dlt_engine::schema::{Table, WriteDisposition};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Where the newest version is named, for readers that are given the folder of the table.
const HINT: &str = "metadata/version-hint.text";

/// Properties by which files of a table are elsewhere than in its folder.
const PLACES: [&str; 4] =
    ["write.data.path", "write.metadata.path", "write.object-storage.path", "write.folder-storage.path"];

/// Versions that the metadata remembers, where the table does not say otherwise.
const REMEMBERED: usize = 100;

/// The property that gives numbers to columns of files which have none.
const NAMES: &str = "schema.name-mapping.default";

/// Looks whether a table may be written, before anything is.
///
/// # Errors
/// [`dlt_engine::ErrorKind::Destination`] with what is not known.
pub(super) fn check(metadata: &Metadata, before: &State) -> Result<()> {
    if before.format() < 2 {
        let what = "is of version 1 of the format, which dlt cannot write";
        return Err(metadata.refused(what).hint("make it one of version 2 (`format-version` of its properties)"));
    }
    if let Some(property) = PLACES.iter().find(|property| before.property(property).is_some()) {
        return Err(metadata.refused(&format!("has the property `{property}`, which dlt cannot write by")));
    }
    spec::check(&metadata.title(), &before.spec)
}

/// The properties that a table is to begin with: what Python dlt's adapter asks for.
///
/// # Errors
/// [`dlt_engine::ErrorKind::Destination`] with one that dlt cannot write by.
pub(super) fn properties(metadata: &Metadata, table: &Table) -> Result<Map<String, Value>> {
    let asked = table.hints.get("x-iceberg-table-properties").and_then(Value::as_object);
    let mut asked = asked.cloned().unwrap_or_default();
    // It is no property of the table, but says what becomes of it.
    let version = asked.remove("format-version").filter(|version| version.as_str() != Some("2"));
    let version = version.map(|_| "format-version");
    match version.or_else(|| PLACES.into_iter().find(|property| asked.contains_key(*property))) {
        None => Ok(asked),
        Some(property) => {
            Err(metadata.refused(&format!("is to have the property `{property}`, which dlt cannot write by")))
        }
    }
}

/// What a table is once a change is done.
pub(super) struct Plan {
    pub(super) shape: Shape,
    pub(super) spec: Spec,
}

impl Plan {
    /// # Errors
    /// As [`shape`] and [`spec`].
    pub(super) fn new(title: &str, change: &Change<'_>, before: Option<&State>) -> Result<Self> {
        let kept = before.filter(|_| !change.is_new);
        let last_column = before.map_or(0, State::last_column);
        let shape = shape(title, change.table, kept.map(|before| &before.shape), last_column)?;
        let last_spec = before.map_or((-1, spec::FIRST), State::last_spec);
        let spec = spec(title, change.table, &shape, kept.map(|before| &before.spec), last_spec)?;
        // One that is there already need not be made again.
        let same = before.and_then(|before| before.specs.values().find(|known| known.is_like(&spec))).cloned();
        Ok(Self { shape, spec: same.unwrap_or(spec) })
    }
}

/// Writes the version. False if the files of the change have to be written anew.
///
/// # Errors
/// [`dlt_engine::ErrorKind::Busy`] if others change the table all the time; if the store fails.
pub(super) fn write(metadata: &Metadata, change: &Change<'_>, mut before: Option<State>) -> Result<bool> {
    let title = metadata.title();
    let planned = Plan::new(&title, change, before.as_ref())?;
    let columns: Vec<String> = change.table.complete_columns().map(|(column, _)| column.name.clone()).collect();
    for _ in 0..TRIES {
        let plan = Plan::new(&title, change, before.as_ref())?;
        if is_empty(change, before.as_ref(), &plan) {
            return Ok(true);
        }
        if !planned.shape.agrees(&plan.shape, &columns) || planned.spec != plan.spec {
            return Ok(false);
        }
        let next = Next::new(metadata, change, before.as_ref(), &plan)?;
        if next.put(metadata)? {
            write_hint(metadata)?;
            return Ok(true);
        }
        if let Removal::These(_) = change.removal {
            return Ok(false);
        }
        before = metadata.state(&HashSet::new())?;
        before.as_ref().map_or(Ok(()), |before| check(metadata, before))?;
    }
    Err(busy(&title))
}

/// Takes files out of a table, where it still is as it was. False if it is not.
///
/// # Errors
/// As [`check`]; if the store fails.
pub(super) fn take_out(metadata: &Metadata, before: &State, load_id: &str, paths: Vec<String>) -> Result<bool> {
    check(metadata, before)?;
    let (table, load_id) = (Table::root("", "", WriteDisposition::Append), taken_back(load_id));
    let removal = Removal::These(paths);
    let change = Change { load_id: &load_id, table: &table, is_new: false, removal, adds: Vec::new() };
    let plan = Plan { shape: before.shape.clone(), spec: before.spec.clone() };
    let is_done = Next::new(metadata, &change, Some(before), &plan)?.put(metadata)?;
    if is_done {
        write_hint(metadata)?;
    }
    Ok(is_done)
}

fn is_empty(change: &Change<'_>, before: Option<&State>, plan: &Plan) -> bool {
    let Some(before) = before else { return false };
    let removes = match &change.removal {
        Removal::None => false,
        Removal::All => before.manifests.iter().any(Manifest::is_live),
        Removal::These(paths) => !paths.is_empty(),
    };
    change.adds.is_empty() && !removes && plan.shape == before.shape
}

/// Names the newest version in the file that readers look at who are given a folder.
pub(super) fn write_hint(metadata: &Metadata) -> Result<()> {
    const ROUNDS: usize = 3;
    let mut named = None;
    for _ in 0..ROUNDS {
        let Some(newest) = metadata.versions()?.pop() else { return Ok(()) };
        if named.as_ref() == Some(&newest) {
            return Ok(());
        }
        metadata.store.put(HINT, newest.hint()).map_err(failed)?;
        // Who writes at the same time may have named an older one after us.
        named = Some(newest);
    }
    Ok(())
}

/// The next version with its files.
struct Next {
    version: Version,
    /// Manifests and their list, by their keys.
    files: Vec<(String, Vec<u8>)>,
    text: String,
}

impl Next {
    fn new(metadata: &Metadata, change: &Change<'_>, before: Option<&State>, plan: &Plan) -> Result<Self> {
        let address = metadata.store.address();
        let location = before.map_or_else(|| paths::location(address), |before| before.location.clone());
        let location = location.trim_end_matches('/').to_owned();
        let version = Version::after(before.map(|before| &before.version), &location);
        let schema_id = schema_id(before, &plan.shape);
        let schema = schema_json(before.filter(|_| !change.is_new), &plan.shape, schema_id);
        let snapshot = Snapshot {
            id: snapshot_id(change, &version, before),
            parent: before.and_then(|before| before.snapshot.as_ref()).map(|snapshot| snapshot.id),
            sequence: before.and_then(|before| before.number("last-sequence-number")).unwrap_or(0) + 1,
            schema: &schema,
        };
        let stem = format!(
            "{METADATA}/{}.{}-{}",
            change.load_id,
            file_id(change.load_id, &change.table.name, 0),
            version.number
        );
        let mut files = Vec::new();
        let mut make = |spec: &Spec, entries: &[Entry]| -> Result<Manifest> {
            let key = format!("{stem}-m{}.avro", files.len());
            let (manifest, bytes) = manifest::manifest(&snapshot, spec, entries, format!("{location}/{key}"))?;
            files.push((key, bytes));
            Ok(manifest)
        };
        let mut manifests = Vec::new();
        if !change.adds.is_empty() {
            let added = change.adds.iter().map(|written| Entry {
                status: Status::Added,
                snapshot: snapshot.id,
                sequence: None,
                file_sequence: None,
                file: file(written, plan, &location),
            });
            manifests.push(make(&plan.spec, &added.collect::<Vec<_>>())?);
        }
        let mut removed = Removed::default();
        for manifest in before.map_or(&[][..], |before| &before.manifests).iter().filter(|manifest| manifest.is_live())
        {
            let Some(before) = before else { break };
            let goes = match &change.removal {
                Removal::None => None,
                // What says which rows are deleted goes with the rows.
                Removal::All if manifest.is_of_deletes => continue,
                Removal::These(_) if manifest.is_of_deletes => None,
                Removal::All => Some(None),
                Removal::These(paths) => Some(Some(paths)),
            };
            let Some(paths) = goes else {
                manifests.push(manifest.clone());
                continue;
            };
            let mut entries = metadata.entries(before, manifest)?;
            entries.retain(Entry::is_live);
            let goes = |entry: &Entry| paths.is_none_or(|paths| paths.contains(&entry.file.path));
            if !entries.iter().any(goes) {
                manifests.push(manifest.clone());
                continue;
            }
            for entry in &mut entries {
                entry.status = Status::Existing;
                if goes(entry) {
                    entry.status = Status::Deleted;
                    entry.snapshot = snapshot.id;
                    removed.count(&entry.file);
                }
            }
            let spec = before.specs.get(&manifest.spec).unwrap_or(&before.spec);
            manifests.push(make(spec, &entries)?);
        }
        let list = format!("{stem}-list.avro");
        files.push((list.clone(), manifest::list(&snapshot, &manifests)?));
        let summary = summary(change, before, &removed);
        let listed = Listing { id: schema_id, list: format!("{location}/{list}"), summary };
        let begun = match before {
            Some(before) => before.json.clone(),
            None => begun(change, &location, properties(metadata, change.table)?),
        };
        let json = json(change, before, plan, &snapshot, listed, &location, begun);
        Ok(Self { version, files, text: Value::Object(json).to_string() })
    }

    /// Writes it. False if somebody else was there before; nothing of it is left then.
    fn put(&self, metadata: &Metadata) -> Result<bool> {
        for (key, bytes) in &self.files {
            metadata.store.put(key, bytes.clone()).map_err(failed)?;
        }
        let key = self.version.key();
        // It may be ours all the same: a store whose answer was lost is asked twice.
        let is_ours = metadata.store.put_new(&key, self.text.clone()).map_err(failed)?
            || metadata.store.read(&key).is_ok_and(|there| there == self.text.as_bytes());
        if is_ours {
            // Other tools name their versions otherwise: of two that follow the same one, ours gives way.
            let versions = metadata.versions()?;
            let is_next = versions.last().is_some_and(|newest| newest.number == self.version.number);
            if !is_next || versions.iter().filter(|version| version.number == self.version.number).count() < 2 {
                return Ok(true);
            }
            metadata.store.delete([key.as_str()]).map_err(failed)?;
        }
        metadata.store.delete(self.files.iter().map(|(key, _)| key.as_str())).map_err(failed)?;
        Ok(false)
    }
}

/// A data file as manifests have it.
fn file(written: &Written, plan: &Plan, location: &str) -> File {
    let parts = plan.spec.parts.iter().zip(&written.values).map(|(part, value)| match part.transform {
        Transform::Void => None,
        _ => value.as_deref().and_then(|value| Scalar::parse(value, &part.kind)),
    });
    File {
        path: format!("{location}/{}", written.key),
        format: "PARQUET".into(),
        parts: parts.collect(),
        size: i64::try_from(written.size).unwrap_or(i64::MAX),
        ..stats::of(&written.metadata, &plan.shape)
    }
}

/// Files and rows that go.
#[derive(Default)]
struct Removed {
    files: i64,
    rows: i64,
    size: i64,
}

impl Removed {
    fn count(&mut self, file: &File) {
        self.files += 1;
        self.rows += file.rows;
        self.size += file.size;
    }
}

/// A positive number for the snapshot, which no other has.
fn snapshot_id(change: &Change<'_>, version: &Version, before: Option<&State>) -> i64 {
    let mut salt = 0_u8;
    loop {
        let parts =
            [change.load_id.as_bytes(), b"\0", change.table.name.as_bytes(), b"\0", version.name.as_bytes(), &[salt]];
        let id = i64::from_le_bytes(shake128::<8>(&parts)) & i64::MAX;
        if salt == u8::MAX || before.is_none_or(|before| before.snapshot(id).is_none()) {
            return id;
        }
        salt += 1;
    }
}

/// The number of the schema: that of one which is there already, or the next.
fn schema_id(before: Option<&State>, shape: &Shape) -> i64 {
    let schemas = before.and_then(State::schemas).unwrap_or_default();
    let same = schemas.iter().find(|(_, known)| *known == shape).map(|(id, _)| *id);
    same.unwrap_or_else(|| schemas.keys().next_back().map_or(0, |last| last + 1))
}

/// The schema as the metadata has it, with the columns that identify rows.
fn schema_json(before: Option<&State>, shape: &Shape, id: i64) -> Value {
    let mut schema = shape.to_json(id);
    let current = before.and_then(|before| before.number("current-schema-id"));
    let is_current = |schema: &&Value| schema.get("schema-id").and_then(Value::as_i64) == current;
    let known = before.and_then(|before| before.list("schemas").iter().find(is_current));
    let identifying = known.and_then(|known| known.get("identifier-field-ids")?.as_array());
    // A column that may be without a value identifies nothing.
    let is_required = |id: &&Value| id.as_i64().and_then(|id| shape.by_id(id)).is_some_and(|field| field.required);
    if let Some(ids) = identifying.filter(|ids| ids.iter().all(|id| is_required(&id))) {
        schema["identifier-field-ids"] = ids.clone().into();
    }
    schema
}

/// What people and tools read of the snapshot.
fn summary(change: &Change<'_>, before: Option<&State>, removed: &Removed) -> Map<String, Value> {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let rows = change.adds.iter().map(|add| add.metadata.file_metadata().num_rows()).sum::<i64>();
    let size = change.adds.iter().map(|add| i64::try_from(add.size).unwrap_or(0)).sum::<i64>();
    let added = number(change.adds.len());
    let mut summary = Map::new();
    let operation = match (added, removed.files) {
        (_, 0) => "append",
        (0, _) => "delete",
        _ => "overwrite",
    };
    summary.insert("operation".into(), operation.into());
    let mut count = |key: &str, count: i64| {
        if count > 0 {
            summary.insert(key.into(), count.to_string().into());
        }
    };
    count("added-data-files", added);
    count("added-records", rows);
    count("added-files-size", size);
    count("deleted-data-files", removed.files);
    count("deleted-records", removed.rows);
    count("removed-files-size", removed.size);
    let snapshot = before.and_then(|before| before.snapshot.as_ref());
    let is_emptied = change.removal == Removal::All;
    for (key, change) in [
        ("total-data-files", added - removed.files),
        ("total-records", rows - removed.rows),
        ("total-files-size", size - removed.size),
        ("total-delete-files", 0),
        ("total-position-deletes", 0),
        ("total-equality-deletes", 0),
    ] {
        let is_of_deletes = change == 0 && key.contains("delete");
        let total = match snapshot {
            None => Some(0),
            Some(_) if is_emptied && is_of_deletes => Some(0),
            // Where nobody told, nobody knows.
            Some(snapshot) => {
                snapshot.summary.get(key).and_then(Value::as_str).and_then(|text| text.parse::<i64>().ok())
            }
        };
        if let Some(total) = total {
            summary.insert(key.into(), (total + change).max(0).to_string().into());
        }
    }
    summary.insert(LOAD_ID.into(), change.load_id.into());
    summary.insert("engine-name".into(), "dlt-rs".into());
    summary.insert("engine-version".into(), env!("CARGO_PKG_VERSION").into());
    summary
}

/// What the metadata says of the new snapshot.
struct Listing {
    /// The number of its schema.
    id: i64,
    /// The place of its list.
    list: String,
    summary: Map<String, Value>,
}

/// The metadata of the version, made of that before.
fn json(
    change: &Change<'_>,
    before: Option<&State>,
    plan: &Plan,
    snapshot: &Snapshot<'_>,
    listing: Listing,
    location: &str,
    mut json: Map<String, Value>,
) -> Map<String, Value> {
    let last = before.and_then(|before| before.number("last-updated-ms"));
    let now = now_millis().max(last.unwrap_or(0));
    let last_column = plan.shape.fields.iter().map(|field| field.id).max().unwrap_or(0);
    let last_column = last_column.max(before.map_or(0, State::last_column));
    json.insert("last-updated-ms".into(), now.into());
    json.insert("last-column-id".into(), last_column.into());
    json.insert("last-sequence-number".into(), snapshot.sequence.into());
    push(&mut json, "schemas", "schema-id", listing.id, snapshot.schema.clone());
    json.insert("current-schema-id".into(), listing.id.into());
    push(&mut json, "partition-specs", "spec-id", plan.spec.id, plan.spec.to_json());
    json.insert("default-spec-id".into(), plan.spec.id.into());
    let last_part = plan.spec.parts.iter().map(|part| part.id).max();
    let known = before.map_or(spec::FIRST, |before| before.last_spec().1);
    json.insert("last-partition-id".into(), last_part.unwrap_or(known).max(known).into());
    if change.is_new && before.is_some() {
        begin_anew(&mut json);
    }
    name_columns(&mut json, &plan.shape);
    let mut entry = json!({
        "snapshot-id": snapshot.id, "sequence-number": snapshot.sequence, "timestamp-ms": now,
        "manifest-list": listing.list, "summary": listing.summary, "schema-id": listing.id,
    });
    if let Some(parent) = snapshot.parent {
        entry["parent-snapshot-id"] = parent.into();
    }
    change_list(&mut json, "snapshots", |snapshots| snapshots.push(entry));
    json.insert("current-snapshot-id".into(), snapshot.id.into());
    let logged = json!({"snapshot-id": snapshot.id, "timestamp-ms": now});
    change_list(&mut json, "snapshot-log", |log| log.push(logged));
    if let Some(before) = before {
        let most = before.property("write.metadata.previous-versions-max").and_then(|text| text.parse().ok());
        let file = format!("{location}/{}", before.version.key());
        change_list(&mut json, "metadata-log", |log| {
            log.push(json!({"metadata-file": file, "timestamp-ms": last.unwrap_or(now)}));
            let spare = log.len().saturating_sub(most.unwrap_or(REMEMBERED).max(1));
            log.drain(..spare);
        });
    }
    let refs = json.entry("refs").or_insert_with(|| json!({}));
    match refs.get_mut("main") {
        Some(main) => main["snapshot-id"] = snapshot.id.into(),
        None => refs["main"] = json!({"snapshot-id": snapshot.id, "type": "branch"}),
    }
    json
}

/// The metadata of a table that begins.
fn begun(change: &Change<'_>, location: &str, properties: Map<String, Value>) -> Map<String, Value> {
    let id = paths::uuid(&[change.load_id.as_bytes(), b"\0", change.table.name.as_bytes()]);
    let begun = json!({
        "format-version": 2, "table-uuid": id, "location": location, "properties": properties,
        "schemas": [], "partition-specs": [], "sort-orders": [{"order-id": 0, "fields": []}],
        "default-sort-order-id": 0, "snapshots": [], "snapshot-log": [], "metadata-log": [], "refs": {},
        "statistics": [], "partition-statistics": [],
    });
    match begun {
        Value::Object(begun) => begun,
        _ => Map::new(),
    }
}

/// Takes out what goes by columns that are no more.
fn begin_anew(json: &mut Map<String, Value>) {
    push(json, "sort-orders", "order-id", 0, json!({"order-id": 0, "fields": []}));
    json.insert("default-sort-order-id".into(), 0.into());
    if let Some(properties) = json.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove(NAMES);
    }
}

/// Adds columns to the names of columns, where the table has such.
fn name_columns(json: &mut Map<String, Value>, shape: &Shape) {
    let Some(properties) = json.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let names = properties.get(NAMES).and_then(Value::as_str);
    let Some(Value::Array(mut names)) = names.and_then(|names| serde_json::from_str(names).ok()) else { return };
    for field in &shape.fields {
        let is_named = |known: &Value| known.get("field-id").and_then(Value::as_i64) == Some(field.id);
        if !names.iter().any(is_named) {
            names.push(json!({"field-id": field.id, "names": [field.name]}));
        }
    }
    properties.insert(NAMES.into(), Value::Array(names).to_string().into());
}

/// Adds what is not there yet by its number.
fn push(json: &mut Map<String, Value>, list: &str, key: &str, number: i64, item: Value) {
    change_list(json, list, |list| {
        if !list.iter().any(|known| known.get(key).and_then(Value::as_i64) == Some(number)) {
            list.push(item);
        }
    });
}

/// Changes a list.
fn change_list(json: &mut Map<String, Value>, key: &str, change: impl FnOnce(&mut Vec<Value>)) {
    let slot = json.entry(key).or_insert(Value::Null);
    let mut items = match slot.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    change(&mut items);
    *slot = Value::Array(items);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dlt_objects::{Address, Credentials, Store};
    use std::path::Path;

    #[test]
    fn properties_are_kept_or_refused() {
        let store = Store::open(&Address::folder(Path::new("/nowhere")), &Credentials::default()).unwrap();
        let metadata = Metadata::of(store, "t");
        let asked = |properties: Value| {
            let mut table = Table::root("t", "t", WriteDisposition::Append);
            table.hints.insert("x-iceberg-table-properties".into(), properties);
            super::properties(&metadata, &table).map_err(|error| error.to_string())
        };
        let kept = asked(json!({"format-version": "2", "owner": "me"})).unwrap();
        assert_eq!(Value::Object(kept), json!({"owner": "me"}));
        for (key, value) in [("format-version", "3"), ("write.data.path", "s3://elsewhere")] {
            let error = asked(json!({key: value})).unwrap_err();
            assert!(error.contains(&format!("is to have the property `{key}`, which dlt cannot write by")), "{error}");
        }
    }
}
