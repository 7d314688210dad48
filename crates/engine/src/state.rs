//! A pipeline's state: what it remembers between runs, stored with the data that it speaks of.
//!
//! The stored form is version 4 of the dataset contract: JSON, compressed with zlib, in base64.

use crate::destination::StateRecord;
use crate::digest::version_digest;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::write_sorted;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde_json::{Map, Value, json};
use std::io::{Read as _, Write as _};

const ENGINE_VERSION: u64 = 4;
/// Keys that say something about the record, not about the pipeline.
const RECORD_KEYS: [&str; 4] = ["_state_version", "_state_engine_version", "_version_hash", "_local"];

/// The state of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PipelineState(Map<String, Value>);

impl PipelineState {
    /// A state before the first run.
    pub(crate) fn new(pipeline: &str) -> Self {
        let mut fields = Map::new();
        fields.insert("_state_version".into(), 0.into());
        fields.insert("_state_engine_version".into(), ENGINE_VERSION.into());
        fields.insert("pipeline_name".into(), pipeline.into());
        Self(fields)
    }

    /// Reads the `state` column: compressed, or plain JSON as some writers leave it.
    pub(crate) fn from_stored(stored: &str) -> Result<Self> {
        let corrupt = || Error::new(ErrorKind::Corrupt, "the stored state of the pipeline cannot be read");
        let text = match STANDARD.decode(stored) {
            Ok(bytes) => {
                let mut text = String::new();
                ZlibDecoder::new(bytes.as_slice()).read_to_string(&mut text).map_err(|e| corrupt().because(e))?;
                text
            }
            Err(_) => stored.to_owned(),
        };
        match serde_json::from_str(&text).map_err(|error| corrupt().because(error))? {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(corrupt()),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// Name of the schema for data that has no source of its own.
    pub(crate) fn default_schema(&self) -> Option<&str> {
        self.0.get("default_schema_name").and_then(Value::as_str)
    }

    /// Names of the pipeline's schemas.
    pub(crate) fn schema_names(&self) -> Vec<String> {
        let names = self.0.get("schema_names").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// The form of the working folder: with `_local`, which other tools that share the folder ask for.
    pub(crate) fn to_local_json(&self, now_micros: i64) -> String {
        let mut fields = self.0.clone();
        let folder = std::env::current_dir().unwrap_or_default().display().to_string();
        let extracted_at = jiff::Timestamp::from_microsecond(now_micros).unwrap_or_default();
        let local = json!({
            "first_run": false,
            "_dev_mode": false,
            "initial_cwd": folder,
            "last_run_context": {
                "settings_dir": format!("{folder}/.dlt"),
                "local_dir": folder,
                "run_dir": folder,
                "uri": format!("file://{folder}"),
            },
            "_last_extracted_at": extracted_at.to_string().replace('Z', "+00:00"),
            "_last_extracted_hash": fields.get("_version_hash").cloned().unwrap_or_default(),
        });
        fields.insert("_local".into(), local);
        Value::Object(fields).to_string()
    }

    /// What a source remembers.
    pub(crate) fn source(&self, schema: &str) -> Map<String, Value> {
        let found = self.0.get("sources").and_then(|sources| sources.get(schema)).and_then(Value::as_object);
        found.cloned().unwrap_or_default()
    }

    pub(crate) fn set_source(&mut self, schema: &str, state: Map<String, Value>) {
        if state.is_empty() && self.source(schema).is_empty() {
            return;
        }
        let sources = self.0.entry("sources").or_insert_with(|| json!({}));
        if let Value::Object(sources) = sources {
            sources.insert(schema.to_owned(), Value::Object(state));
        }
    }

    /// Notes where the pipeline loads and with which schema.
    pub(crate) fn set_target(&mut self, dataset: &str, schema: &str, destination: &str, name: Option<&str>) {
        let fields = &mut self.0;
        fields.insert("dataset_name".into(), dataset.into());
        let names = fields.entry("schema_names").or_insert_with(|| json!([]));
        if let Value::Array(names) = names
            && !names.iter().any(|name| name == schema)
        {
            names.push(schema.into());
        }
        fields.entry("default_schema_name").or_insert_with(|| schema.into());
        fields.insert("destination_type".into(), destination.into());
        fields.insert("destination_name".into(), name.map_or(Value::Null, Into::into));
    }

    /// The record to store with the next load, or `None` if nothing changed since the last one.
    pub(crate) fn next_record(
        &mut self,
        pipeline: &str,
        row_id: String,
        now_micros: i64,
    ) -> Result<Option<StateRecord>> {
        let content: Map<String, Value> = self
            .0
            .iter()
            .filter(|(key, _)| !RECORD_KEYS.contains(&key.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let mut text = String::new();
        write_sorted(&Value::Object(content), &mut text);
        let hash = version_digest([text.as_bytes()]);
        if self.0.get("_version_hash").and_then(Value::as_str) == Some(&hash) {
            return Ok(None);
        }
        let version = self.0.get("_state_version").and_then(Value::as_u64).unwrap_or(0) + 1;
        self.0.insert("_state_version".into(), version.into());
        self.0.insert("_version_hash".into(), hash.clone().into());
        let compress = || -> std::io::Result<String> {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(self.to_json().as_bytes())?;
            Ok(STANDARD.encode(encoder.finish()?))
        };
        let state = compress()
            .map_err(|error| Error::new(ErrorKind::Internal, "the state cannot be compressed").because(error))?;
        Ok(Some(StateRecord {
            version,
            engine_version: ENGINE_VERSION,
            pipeline_name: pipeline.to_owned(),
            state,
            created_at_micros: now_micros,
            version_hash: hash,
            row_id,
        }))
    }
}

/// What is stored, with what a run changed of what it began with: where two runs of one pipeline load at the same time, each
/// adds what it learned to what the other stored. Where both changed the same thing, it is as the later run has it.
pub(crate) fn changed(
    mut stored: Map<String, Value>,
    before: &Map<String, Value>,
    now: &Map<String, Value>,
) -> Map<String, Value> {
    stored.retain(|key, _| now.contains_key(key) || !before.contains_key(key));
    for (key, value) in now {
        let old = before.get(key);
        if old == Some(value) && stored.contains_key(key) {
            continue;
        }
        let merged = match (stored.remove(key), old, value) {
            // A position goes as a whole: its parts speak of each other.
            (Some(Value::Object(theirs)), old, Value::Object(ours)) if !ours.contains_key("last_value") => {
                let nothing = Map::new();
                let old = old.and_then(Value::as_object).unwrap_or(&nothing);
                Value::Object(changed(theirs, old, ours))
            }
            (None, Some(old), value) if old == value => continue,
            _ => value.clone(),
        };
        stored.insert(key.clone(), merged);
    }
    stored
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_state_written_by_another_reader_of_the_contract_is_understood() {
        let stored = "eNpdjk0LgkAQhv/LnKUPsAKhg1FQHToUERSxTO6Ui9smzShK9N/brEC6Pu/nAxQLCqmS7mxuDqJ+8EPkLsa1lDAAjYJMohxeCSLQEAAnKV2xIQzRATi95XD0VjpjYUW1dJ9o1AByk5N9l38xVfBOsBiH4seU1HkzYKXTwtzRRZLp05/5U+IKa/33712VIqe+IV715ovBsJqEppglm/1yull3yzqj7bJXryQOq50u9yYe4XYMzxdZ7V+i";
        let mut state = PipelineState::from_stored(stored).unwrap();
        assert!(state.to_json().contains(r#""default_schema_name":"shop""#));
        assert_eq!(state.next_record("ex", String::new(), 0).unwrap(), None, "its own digest is the one it carries");
    }

    #[test]
    fn what_two_runs_learned_at_the_same_time_is_all_kept() {
        let map = |value: Value| value.as_object().unwrap().clone();
        let position =
            |last: u64, hashes: Value| json!({"incremental": {"at": {"last_value": last, "unique_hashes": hashes}}});
        let before =
            json!({"resources": {"a": position(1, json!(["x"])), "b": position(1, json!([])), "gone": 1}, "k": 1});
        let stored = json!({"resources": {"a": position(7, json!(["z"])), "b": position(1, json!([])), "gone": 1, "c": 3}, "k": 1});
        let now =
            json!({"resources": {"a": position(1, json!(["x"])), "b": position(9, json!(["y"]))}, "k": 2, "l": [1]});
        let expected = json!({
            "resources": {"a": position(7, json!(["z"])), "b": position(9, json!(["y"])), "c": 3}, "k": 2, "l": [1],
        });
        assert_eq!(Value::Object(changed(map(stored), &map(before.clone()), &map(now.clone()))), expected);
        // Alone, it is what the run has.
        assert_eq!(Value::Object(changed(map(before.clone()), &map(before.clone()), &map(now.clone()))), now);
        // What another run dropped and this one did not touch stays dropped.
        let dropped = json!({"resources": {}, "k": 1});
        let untouched = changed(map(dropped.clone()), &map(before.clone()), &map(before));
        assert_eq!(Value::Object(untouched), dropped);
        // A package of an older version does not say what it began with: what it has counts.
        assert_eq!(Value::Object(changed(Map::new(), &Map::new(), &map(now.clone()))), now);
    }

    #[test]
    fn a_change_makes_a_record_that_reads_back() {
        let mut state = PipelineState::new("p");
        state.set_target("d", "s", "dlt.destinations.duckdb", None);
        let first = state.next_record("p", "id".into(), 7).unwrap().unwrap();
        assert_eq!(first.version, 1);
        assert_eq!(state.next_record("p", "id".into(), 8).unwrap(), None);
        assert_eq!(PipelineState::from_stored(&first.state).unwrap(), state);
        state.set_source("s", json!({"cursor": 5}).as_object().unwrap().clone());
        assert_eq!(state.next_record("p", "id".into(), 9).unwrap().unwrap().version, 2);
        assert_eq!(state.source("s")["cursor"], 5);
    }
}
