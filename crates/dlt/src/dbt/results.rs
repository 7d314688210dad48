//! What became of the models and tests, as dbt wrote it.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What dbt says of an incremental model that lacks columns, where the model is set to fail then.
const OUT_OF_SYNC: &str = "incremental model are out of sync";

/// What became of one model, test, seed or snapshot.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NodeResult {
    /// Its name, by which dbt selects it.
    pub model_name: String,
    /// What it is: `model`, `test`, `seed`, `snapshot` …
    pub kind: String,
    /// dbt's word for how it ended: `success`, `error`, `skipped`, `pass`, `fail`, `warn` …
    pub status: String,
    /// Seconds that it took.
    pub time: f64,
    /// What dbt says of it.
    pub message: Option<String>,
    /// Of a test that failed: how many rows do not fit.
    pub failures: Option<u64>,
    /// Of what failed: the file that was compiled of it, or else its source.
    pub file: Option<PathBuf>,
    /// dbt's name for it in the whole: `model.shop.orders`.
    pub unique_id: String,
}

impl NodeResult {
    /// Whether it failed. What was skipped did not run, because something before it failed.
    pub fn is_failure(&self) -> bool {
        matches!(self.status.as_str(), "error" | "fail" | "runtime error" | "partial success")
    }

    /// Whether it is an incremental model whose table lacks columns.
    pub(super) fn is_out_of_sync(&self) -> bool {
        self.is_failure() && self.message.as_deref().is_some_and(|message| message.contains(OUT_OF_SYNC))
    }
}

impl fmt::Display for NodeResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.kind, self.model_name, self.status)
    }
}

#[derive(Deserialize)]
struct RunResults {
    results: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    unique_id: String,
    status: String,
    #[serde(default)]
    execution_time: f64,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    failures: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Manifest {
    #[serde(default)]
    nodes: HashMap<String, Node>,
}

#[derive(Default, Deserialize)]
struct Node {
    #[serde(default)]
    compiled_path: Option<PathBuf>,
    #[serde(default)]
    original_file_path: Option<PathBuf>,
}

/// The file that dbt writes results into.
pub(super) fn file_in(target: &Path) -> PathBuf {
    target.join("run_results.json")
}

/// What dbt wrote last, if it is not what stood there `before`; paths in it are meant from `package`.
pub(super) fn read(
    target: &Path,
    before: Option<&str>,
    package: &Path,
    hide: &dyn Fn(&str) -> String,
) -> Vec<NodeResult> {
    let Ok(text) = std::fs::read_to_string(file_in(target)) else { return Vec::new() };
    if before == Some(text.as_str()) {
        return Vec::new();
    }
    let Ok(found) = serde_json::from_str::<RunResults>(&text) else { return Vec::new() };
    let mut all: Vec<_> = found.results.into_iter().map(|found| result(found, hide)).collect();
    if all.iter().any(NodeResult::is_failure) {
        let manifest = std::fs::read_to_string(target.join("manifest.json")).unwrap_or_default();
        let manifest: Manifest = serde_json::from_str(&manifest).unwrap_or_default();
        for result in all.iter_mut().filter(|result| result.is_failure()) {
            let Some(node) = manifest.nodes.get(&result.unique_id) else { continue };
            let existing = |path: &PathBuf| Some(package.join(path)).filter(|path| path.is_file());
            let compiled = node.compiled_path.as_ref().and_then(existing);
            result.file = compiled.or_else(|| node.original_file_path.as_ref().and_then(existing));
        }
    }
    all
}

fn result(found: Found, hide: &dyn Fn(&str) -> String) -> NodeResult {
    let mut words = found.unique_id.split('.');
    let kind = words.next().unwrap_or_default().to_owned();
    let mut names = words.skip(1);
    let mut name = names.next().unwrap_or_default().to_owned();
    // Behind the name of a test stands a digest, behind that of a model its version.
    if kind != "test" {
        for more in names {
            name = format!("{name}.{more}");
        }
    }
    let message = found.message.filter(|message| !message.trim().is_empty());
    NodeResult {
        model_name: name,
        kind,
        status: found.status,
        time: found.execution_time,
        message: message.map(|message| hide(&without_colours(message.trim()))),
        failures: found.failures.filter(|failures| *failures > 0),
        file: None,
        unique_id: found.unique_id,
    }
}

/// A text without the codes that colour it on a terminal.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                let _ = letters.by_ref().find(|letter| letter.is_ascii_alphabetic());
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_dbt_wrote_and_not_what_stood_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"results": [
            {"unique_id": "model.shop.orders.v2", "status": "error", "execution_time": 1.5, "message": "\u001b[31mno\u001b[0m pw"},
            {"unique_id": "test.shop.not_null_orders_id.a1b2", "status": "fail", "execution_time": 0.1, "message": "Got 3", "failures": 3},
            {"unique_id": "model.shop.late", "status": "skipped"}]}"#;
        std::fs::write(file_in(folder.path()), text).unwrap();
        let found = read(folder.path(), None, folder.path(), &|text| text.replace("pw", "*****"));
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["model orders.v2: error", "test not_null_orders_id: fail", "model late: skipped"]);
        assert_eq!(found[0].message.as_deref(), Some("no *****"));
        assert_eq!((found[1].failures, found[2].is_failure()), (Some(3), false));
        assert!(read(folder.path(), Some(text), folder.path(), &str::to_owned).is_empty());
        std::fs::write(file_in(folder.path()), "{").unwrap();
        assert!(read(folder.path(), None, folder.path(), &str::to_owned).is_empty());
    }
}
