//! The metadata of a table: what it is at a version.

use super::kind::Kind;
use super::manifest::Manifest;
use super::paths::Version;
use super::shape::Shape;
use super::spec::{self, Spec};
use crate::kept::Done;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The key of a snapshot's summary that names the load which wrote it.
pub(super) const LOAD_ID: &str = "dlt-load-id";

/// What a table is at a version.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) version: Version,
    /// As it came.
    pub(super) json: Map<String, Value>,
    pub(super) location: String,
    pub(super) shape: Shape,
    /// How new files are divided.
    pub(super) spec: Spec,
    pub(super) specs: BTreeMap<i64, Spec>,
    pub(super) snapshot: Option<Snapshot>,
    /// The manifests of the snapshot.
    pub(super) manifests: Vec<Manifest>,
}

/// A snapshot, as the metadata has it.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) id: i64,
    pub(super) parent: Option<i64>,
    /// The place of its list of manifests; old tables have none.
    pub(super) list: Option<String>,
    pub(super) summary: Map<String, Value>,
    pub(super) schema: Option<i64>,
}

impl Snapshot {
    fn parse(snapshot: &Value) -> Option<Self> {
        let list = snapshot.get("manifest-list").and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            id: snapshot.get("snapshot-id")?.as_i64()?,
            parent: snapshot.get("parent-snapshot-id").and_then(Value::as_i64),
            list,
            summary: snapshot.get("summary").and_then(Value::as_object).cloned().unwrap_or_default(),
            schema: snapshot.get("schema-id").and_then(Value::as_i64),
        })
    }

    /// Whether one of these loads wrote it.
    pub(super) fn is_of(&self, loads: &HashSet<String>) -> bool {
        self.summary.get(LOAD_ID).and_then(Value::as_str).is_some_and(|id| loads.contains(id))
    }
}

impl State {
    /// Reads the text of a metadata file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(version: Version, text: &[u8]) -> Result<Self, String> {
        let json: Map<String, Value> = serde_json::from_slice(text).map_err(|_| "it is no JSON".to_owned())?;
        let missing = |what: &str| format!("`{what}` is missing or of another form");
        let location = json.get("location").and_then(Value::as_str).ok_or_else(|| missing("location"))?.to_owned();
        let mut state = Self {
            version,
            location,
            shape: Shape::default(),
            spec: Spec::default(),
            specs: BTreeMap::new(),
            snapshot: None,
            manifests: Vec::new(),
            json,
        };
        let schemas = state.schemas().ok_or_else(|| missing("schemas"))?;
        let current = state.number("current-schema-id").or_else(|| schemas.keys().next().copied());
        state.shape = current.and_then(|id| schemas.get(&id)).cloned().ok_or_else(|| missing("current-schema-id"))?;
        // The newest schema that has a column knows its type.
        let mut kinds: HashMap<i64, Kind> = HashMap::new();
        for field in schemas.values().flat_map(|schema| &schema.fields).chain(&state.shape.fields) {
            kinds.insert(field.id, field.kind.clone());
        }
        let kind = |id: i64| kinds.get(&id).cloned();
        let specs =
            state.list("partition-specs").iter().map(|spec| Spec::parse(spec, &kind).map(|spec| (spec.id, spec)));
        state.specs = specs.collect::<Option<_>>().ok_or_else(|| missing("partition-specs"))?;
        if state.specs.is_empty() {
            // As tables of old have it.
            let fields = state.json.get("partition-spec").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
            let spec = serde_json::json!({"spec-id": 0, "fields": fields});
            let spec = Spec::parse(&spec, &kind).ok_or_else(|| missing("partition-spec"))?;
            state.specs.insert(0, spec);
        }
        let default = state.number("default-spec-id").unwrap_or(0);
        state.spec = state.specs.get(&default).cloned().ok_or_else(|| missing("default-spec-id"))?;
        let current = state.number("current-snapshot-id").filter(|id| *id >= 0);
        state.snapshot = match current {
            Some(id) => Some(state.snapshot(id).ok_or_else(|| missing("snapshots"))?),
            None => None,
        };
        Ok(state)
    }

    /// The version of the format.
    pub(super) fn format(&self) -> i64 {
        self.number("format-version").unwrap_or(0)
    }

    pub(super) fn number(&self, key: &str) -> Option<i64> {
        self.json.get(key).and_then(Value::as_i64)
    }

    pub(super) fn list(&self, key: &str) -> &[Value] {
        self.json.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn property(&self, key: &str) -> Option<&str> {
        self.json.get("properties")?.get(key)?.as_str()
    }

    /// All schemas by their numbers; `None` if one cannot be understood.
    pub(super) fn schemas(&self) -> Option<BTreeMap<i64, Shape>> {
        let schemas = match self.list("schemas") {
            [] => self.json.get("schema").map(std::slice::from_ref).unwrap_or_default(),
            schemas => schemas,
        };
        let number = |schema: &Value| schema.get("schema-id").and_then(Value::as_i64).unwrap_or(0);
        schemas.iter().map(|schema| Some((number(schema), Shape::parse(schema)?))).collect()
    }

    pub(super) fn snapshot(&self, id: i64) -> Option<Snapshot> {
        let is_it = |snapshot: &&Value| snapshot.get("snapshot-id").and_then(Value::as_i64) == Some(id);
        self.list("snapshots").iter().find(is_it).and_then(Snapshot::parse)
    }

    /// Makes it what it was at an earlier snapshot.
    pub(super) fn go_back(&mut self, to: Snapshot) {
        let shape = to.schema.and_then(|id| self.schemas()?.remove(&id));
        self.shape = shape.unwrap_or_else(|| std::mem::take(&mut self.shape));
        self.snapshot = Some(to);
    }

    /// What a load did in one of the snapshots.
    pub(super) fn done_by(&self, load_id: &str) -> Option<Done> {
        let loads = HashSet::from([load_id.to_owned()]);
        let mut snapshots = self.list("snapshots").iter().filter_map(Snapshot::parse);
        let snapshot = snapshots.find(|snapshot| snapshot.is_of(&loads))?;
        let is_append = snapshot.summary.get("operation").and_then(Value::as_str) == Some("append");
        Some(if is_append { Done::Added } else { Done::Replaced })
    }

    /// The highest numbers of specs and of their parts.
    pub(super) fn last_spec(&self) -> (i64, i64) {
        let parts = self.specs.values().flat_map(|spec| spec.parts.iter().map(|part| part.id)).max();
        let last = self.number("last-partition-id").max(parts).unwrap_or(spec::FIRST);
        (self.specs.keys().next_back().copied().unwrap_or(-1), last)
    }

    /// The highest number of a column.
    pub(super) fn last_column(&self) -> i64 {
        let fields = self.shape.fields.iter().map(|field| field.id).max();
        self.number("last-column-id").max(fields).unwrap_or(0)
    }

    /// A column that files of these snapshots may have under another name, or another one under its name. `None`: there is none.
    pub(super) fn other_column(&self, snapshots: &HashSet<i64>) -> Option<String> {
        let schemas = self.schemas()?;
        let of_snapshots: Option<HashSet<i64>> = snapshots.iter().map(|id| self.snapshot(*id)?.schema).collect();
        // Of a snapshot that is gone nobody knows the schema: it may be any.
        let is_meant = |id: &i64| of_snapshots.as_ref().is_none_or(|known| known.contains(id));
        let fields = schemas.iter().filter(|(id, _)| is_meant(id)).flat_map(|(_, shape)| &shape.fields);
        for field in fields {
            let is_renamed = self.shape.by_id(field.id).is_some_and(|now| now.name != field.name);
            let is_replaced = self.shape.field(&field.name).is_some_and(|now| now.id != field.id);
            if is_renamed || is_replaced {
                return Some(field.name.clone());
            }
        }
        None
    }
}
