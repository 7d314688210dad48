//! Pipelines as DAGs of real Airflow, and what others are given to run them by. The tier `airflow` runs these; they need what PyPI
//! gives.

mod dags;
mod methods;
mod scheduled;
mod tasks;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dlt_testkit::{Airflow, Answer, Recorder, Request, Sandbox, dlt_binary};
use serde_json::{Value, json};

/// An API with a list of posts of January 2024, three a day; comments of each; and any other list, of five items. `slow` takes
/// its time, as often as it is told to.
struct Api {
    server: Recorder,
    delays: Arc<AtomicU64>,
}

impl Api {
    fn start() -> Self {
        let delays = Arc::new(AtomicU64::new(0));
        let left = Arc::clone(&delays);
        let server = Recorder::answering(move |request: &Request| {
            let path = request.path.split('?').next().unwrap_or_default().trim_matches('/');
            let is_delayed = |left: u64| left.checked_sub(1);
            if path == "slow" && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_delayed).is_ok() {
                std::thread::sleep(Duration::from_secs(60));
            }
            let items: Vec<Value> = match path.split('/').collect::<Vec<_>>().as_slice() {
                ["posts"] => (0..12)
                    .map(|id| json!({"id": id, "at": format!("2024-01-0{}T0{}:00:00Z", 1 + id / 3, id % 3)}))
                    .collect(),
                ["posts", id, "comments"] => vec![json!({"id": format!("{id}-1")}), json!({"id": format!("{id}-2")})],
                // Days as Berlin has them: the last of these begins at eleven in the evening of the third, UTC.
                ["days"] => (1..=4).map(|day| json!({"id": day, "day": format!("2024-01-0{day}")})).collect(),
                other => (0..5).map(|id| json!({"id": id, "at": 10 + id, "of": other.join("/")})).collect(),
            };
            let body = serde_json::to_vec(&items).unwrap();
            Answer { status: 200, headers: vec![("Content-Type".to_owned(), "application/json".to_owned())], body }
        })
        .unwrap();
        Self { server, delays }
    }

    /// How often each path was asked for.
    fn asked(&self) -> BTreeMap<String, usize> {
        let mut asked = BTreeMap::new();
        for request in self.server.requests() {
            *asked.entry(request.path.trim_matches('/').to_owned()).or_default() += 1;
        }
        asked
    }
}

/// A pipeline file for the API. `resources` is what stands behind `[source]`.
fn pipeline(name: &str, destination: &str, api: &Api, resources: &str) -> String {
    format!(
        "[pipeline]\nname = \"{name}\"\ndataset = \"raw\"\n\n[destination]\n{destination}\n\n[source]\ntype = \"rest_api\"\n\n\
         [source.client]\nbase_url = \"{}/\"\n\n{resources}",
        api.server.url()
    )
}

/// Resources that are lists of their names.
fn plain(names: &[&str]) -> String {
    names.iter().map(|name| format!("[[source.resources]]\nname = \"{name}\"\n\n")).collect()
}

/// The posts of the scheduler's range.
const POSTS_OF_A_DAY: &str = "[[source.resources]]\nname = \"posts\"\n\n[source.resources.endpoint.incremental]\ncursor_path = \"at\"\n\
     initial_value = \"2024-01-01T00:00:00Z\"\nallow_external_schedulers = true\n\n";

/// A sandbox in which Airflow knows the folder `dags`, and finds the program under test.
fn settled() -> (Sandbox, Airflow) {
    let airflow = Airflow::shared().unwrap();
    let mut sandbox = Sandbox::new().unwrap();
    let dags = sandbox.path("dags");
    std::fs::create_dir_all(&dags).unwrap();
    airflow.settle(&mut sandbox, &dags).unwrap();
    let folder: PathBuf = dlt_binary().unwrap().canonicalize().unwrap().parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    sandbox.set_env("PATH", format!("{}:{path}", folder.display()));
    let temporary = sandbox.root().join("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    sandbox.set_env("TMPDIR", temporary);
    (sandbox, airflow)
}

/// Writes a DAG.
fn deploy(sandbox: &Sandbox, file: &str, options: &[&str]) -> String {
    let words = [&["deploy", file, "airflow"], options].concat();
    sandbox.dlt(words).unwrap().succeed().unwrap().stdout
}

/// What a query of a DuckDB file answers, as JSON.
fn ask(sandbox: &Sandbox, query: &str) -> Vec<Value> {
    let words = ["dataset", "raw", "--from", "duckdb:shop.duckdb", "--sql", query, "--format", "json"];
    let told = sandbox.dlt(words).unwrap().succeed().unwrap().stdout;
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Folders that tasks left behind.
fn left(sandbox: &Sandbox) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(sandbox.root().join("tmp")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("dlt_") {
            found.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}
