//! The judge: Python dlt loads, and one and the same script describes its datasets and ours.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use dlt_testkit::{Postgres, PythonDlt, Sandbox};
use serde_json::{Map, Value, json};

use crate::cases::Case;

const SCRIPT: &str = include_str!("../python/judge.py");

/// What Python is asked to do: loads first, then descriptions.
#[derive(Debug, Default)]
pub(crate) struct Request {
    load: Vec<Value>,
    describe: Vec<Value>,
    kind: Kind,
}

/// What the file that stands for a database means.
#[derive(Debug, Default)]
enum Kind {
    /// A DuckDB file.
    #[default]
    DuckDb,
    /// A database of a server, called like the file without its ending; this is the beginning of its URL.
    Server(String),
    /// A folder of files.
    Folder,
}

/// What Python answered.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// By name of the load: the error that ended it, if one did.
    pub(crate) errors: BTreeMap<String, Option<String>>,
    /// By name: the dataset in a comparable form.
    pub(crate) descriptions: Map<String, Value>,
}

impl Request {
    /// A request about databases of a Postgres server: each is called like the file that stands for it, without its ending.
    pub(crate) fn on(server: &Postgres) -> Self {
        Self { kind: Kind::Server(server.url("")), ..Self::default() }
    }

    /// A request about datasets of files, each in a folder.
    pub(crate) fn in_folders() -> Self {
        Self { kind: Kind::Folder, ..Self::default() }
    }

    /// The database as Python dlt is told it.
    fn database(&self, file: &Path) -> Value {
        match (&self.kind, file.file_stem().and_then(|stem| stem.to_str())) {
            (Kind::Server(server), Some(name)) => json!(format!("{server}{name}")),
            (Kind::Folder, _) => json!(format!("lake:{}", file.display())),
            _ => json!(file),
        }
    }

    /// Loads a case into the DuckDB file; the runs' files are written beside it.
    pub(crate) fn load(&mut self, case: &Case, database: &Path) -> Result<&mut Self> {
        self.load_runs(case, database, false)
    }

    /// As [`Request::load`], and goes on after a run that fails; the error is then a word for each run: `loaded`, or the
    /// name of the exception.
    pub(crate) fn load_all(&mut self, case: &Case, database: &Path) -> Result<&mut Self> {
        self.load_runs(case, database, true)
    }

    fn load_runs(&mut self, case: &Case, database: &Path, goes_on: bool) -> Result<&mut Self> {
        let mut runs = Vec::new();
        for (number, run) in case.runs.iter().enumerate() {
            let file = database.with_extension(format!("{number}.python.jsonl"));
            std::fs::write(&file, &run.text)?;
            // Of an option that is there several times the values are joined.
            let mut options: BTreeMap<&str, String> = BTreeMap::new();
            for (option, value) in &run.options {
                let joined = options.entry(option).or_default();
                if !joined.is_empty() {
                    joined.push(';');
                }
                joined.push_str(value);
            }
            runs.push(json!({"file": file, "disposition": run.disposition, "options": options}));
        }
        self.load.push(json!({
            "name": case.name, "database": self.database(database), "dataset": case.dataset, "table": case.table,
            "pipeline": case.pipeline(), "runs": runs, "goes_on": goes_on,
        }));
        Ok(self)
    }

    /// Describes a dataset of a DuckDB file under a name of its own.
    pub(crate) fn describe(&mut self, name: &str, dataset: &str, database: &Path) -> &mut Self {
        self.describe.push(json!({"name": name, "database": self.database(database), "dataset": dataset}));
        self
    }

    /// Asks; one Python process does it all.
    pub(crate) fn ask(&self, sandbox: &Sandbox) -> Result<Verdict> {
        self.ask_with_memory(sandbox, &sandbox.path("python-memory"))
    }

    /// Asks a Python dlt that keeps its pipelines in `data_dir`.
    pub(crate) fn ask_with_memory(&self, sandbox: &Sandbox, data_dir: &Path) -> Result<Verdict> {
        let request = json!({"load": self.load, "describe": self.describe});
        let output = PythonDlt::shared()?
            .script(sandbox, SCRIPT)
            // What a refused case logs is in its error too.
            .env("RUNTIME__LOG_LEVEL", "CRITICAL")
            .env("DLT_DATA_DIR", data_dir)
            // Rows that come as Arrow get the columns that all others have.
            .env("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID", "true")
            .env("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID", "true")
            .stdin(serde_json::to_vec(&request)?)
            .limit(Duration::from_secs(900))
            .succeed()?;
        let last = output.stdout.lines().last().context("the judge said nothing")?;
        let mut answer: Value = serde_json::from_str(last).with_context(|| format!("not an answer\n{output}"))?;
        let errors = serde_json::from_value(answer["load"].take())?;
        let descriptions = serde_json::from_value(answer["describe"].take())?;
        Ok(Verdict { errors, descriptions })
    }
}

/// A place where two descriptions differ.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// Keys and positions from the top, joined by `/`.
    pub(crate) place: String,
    pub(crate) ours: Option<Value>,
    pub(crate) python: Option<Value>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "{}\n      ours:   {}\n      python: {}", self.place, show(&self.ours), show(&self.python))
    }
}

/// Every place where the two differ. Lists of the same length are compared item by item, others as a whole; rows of a
/// table have no order, so of them those are shown that only one side has.
pub(crate) fn differences(ours: &Value, python: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), Some(ours), Some(python), &mut found);
    found
}

fn compare(place: String, ours: Option<&Value>, python: Option<&Value>, found: &mut Vec<Difference>) {
    match (ours, python) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                compare(format!("{place}/{}", key.trim_start_matches('/')), a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b)))
            if place.starts_with("/rows/") && place.matches('/').count() == 2 =>
        {
            let (ours, python) = (without(a, b), without(b, a));
            if !ours.is_empty() || !python.is_empty() {
                found.push(Difference { place, ours: Some(ours.into()), python: Some(python.into()) });
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            for (position, (a, b)) in a.iter().zip(b).enumerate() {
                compare(format!("{place}/{position}"), Some(a), Some(b), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(Difference { place, ours: a.cloned(), python: b.cloned() }),
    }
}

/// The items of `list` that `other` lacks, each as often as it lacks it.
fn without(list: &[Value], other: &[Value]) -> Vec<Value> {
    let mut other: Vec<_> = other.iter().collect();
    let mut left = Vec::new();
    for item in list {
        match other.iter().position(|it| *it == item) {
            Some(position) => drop(other.swap_remove(position)),
            None => left.push(item.clone()),
        }
    }
    left
}

#[test]
fn rows_are_compared_as_a_multiset() {
    let rows = |list: Value| json!({"rows": {"items": list}});
    assert_eq!(differences(&rows(json!([{"a": 1}, {"b": 2}])), &rows(json!([{"b": 2}, {"a": 1}]))), []);
    let found = differences(&rows(json!([1, 1, 2])), &rows(json!([1, 2, 3])));
    assert_eq!((&found[0].ours, &found[0].python), (&Some(json!([1])), &Some(json!([3]))));
}

#[test]
fn every_difference_is_found_and_placed() {
    let ours = json!({"a": [1, {"b": 2}], "c": [1], "d": null, "e": 1});
    let python = json!({"a": [1, {"b": 3}], "c": [1, 2], "e": 1, "f": {}});
    let places: Vec<_> = differences(&ours, &python).into_iter().map(|it| it.place).collect();
    assert_eq!(places, ["/a/1/b", "/c", "/d", "/f"]);
    assert_eq!(differences(&ours, &ours), []);
}
