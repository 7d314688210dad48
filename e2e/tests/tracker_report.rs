//! Real events of Python dlt and of ours arrive at the tracker, and its numbers are those of what was sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dlt_testkit::{Answer, Client, PythonDlt, Recorder, Request, Sandbox, Tracker};
use serde_json::{Value, json};

/// A run with nested data and a look at the dataset, then a run that fails.
const PYTHON_PIPELINE: &str = r#"
import dlt
from dlt.pipeline.exceptions import PipelineStepFailed
pipeline = dlt.pipeline("shop", destination=dlt.destinations.duckdb("python.duckdb"), dataset_name="raw")
pipeline.run(({"id": i, "lines": [{"sku": "a"}]} for i in range(10)), table_name="orders")
assert pipeline.dataset()["orders"].arrow().num_rows == 10
try:
    pipeline.run([{"id": 2**63}], table_name="orders")
    raise SystemExit("the second run had to fail")
except PipelineStepFailed:
    pass
"#;

#[test]
fn numbers_of_the_report_are_those_of_what_was_sent() {
    let host = Sandbox::new().unwrap();
    let tracker = Tracker::start(&host, &host.path("tracker")).unwrap();
    // Between the senders and the tracker: keeps what passes, so that what was sent is known.
    let address = tracker.address();
    let passage = Recorder::answering(move |request| pass_on(address, request)).unwrap();

    send_from_python(&passage);
    send_from_ours(&passage);
    let sent = passage.messages().unwrap();
    let libraries: Vec<_> = sent.iter().map(|it| &it["context"]["library"]["version"]).collect();
    assert!(libraries.contains(&&json!("1.31.0")), "Python dlt sent nothing: {sent:#?}");
    assert!(libraries.contains(&&json!(OUR_VERSION)), "ours sent nothing: {sent:#?}");
    let expected = Expected::of(&sent);

    // While it runs, through the server; and in its tables.
    let running = report(&host, &tracker);
    expected.compare(&running);
    let data = tracker.data().to_owned();
    let database = format!("duckdb:{}", data.join("tracker.duckdb").display());
    let sql = "SELECT event, count(*) AS events, round(sum(elapsed), 6) AS seconds FROM events GROUP BY 1 ORDER BY 1";
    let query = host.dlt(["dataset", "telemetry", "--from", &database, "--format", "json", "--sql", sql]);
    let rows = query.unwrap().succeed().unwrap().stdout;
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), expected.events.len(), "{rows:?}");
    for row in &rows {
        let event = &expected.events[row["event"].as_str().unwrap()];
        assert_eq!(row["events"], json!(event.count), "{row}");
        let seconds = row["seconds"].as_f64().unwrap_or(0.0);
        assert!((seconds - event.seconds).abs() < 1e-4, "{row}: {} were sent", event.seconds);
    }

    // And when it is stopped, from its files.
    let id = tracker.id();
    tracker.stop().unwrap();
    let stopped = host.dlt(["tracker", "report", "--format", "json", "--data"]).unwrap().arg(&data).succeed().unwrap();
    expected.compare(&serde_json::from_str(&stopped.stdout).unwrap());
    let text = host.dlt(["tracker", "report", "--data"]).unwrap().arg(&data).succeed().unwrap().stdout;
    for event in expected.events.keys() {
        assert!(text.contains(event.as_str()), "process {id}: {event} is not in the report\n{text}");
    }
    host.dlt(["tracker", "check", "--data"]).unwrap().arg(&data).succeed().unwrap();
}

const OUR_VERSION: &str = env!("CARGO_PKG_VERSION");

fn pass_on(address: SocketAddr, request: &Request) -> Answer {
    let answer = Client::connect(address).and_then(|mut client| client.post(&request.path, &request.body));
    let (status, body) = answer.unwrap_or((502, Vec::new()));
    assert!(matches!(status, 200 | 204), "the tracker answered {status}: {}", String::from_utf8_lossy(&body));
    Answer { status, headers: Vec::new(), body }
}

fn send_from_python(passage: &Recorder) {
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.telemetry_to(&format!("{}/", passage.url()));
    let python = PythonDlt::shared().unwrap();
    python.script(&sandbox, PYTHON_PIPELINE).env("RUNTIME__LOG_LEVEL", "CRITICAL").succeed().unwrap();
}

fn send_from_ours(passage: &Recorder) {
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.telemetry_to(&format!("{}/v1/track", passage.url()));
    // Sent before the command ends.
    sandbox.set_env("CI", "true");
    sandbox.write("orders.jsonl", "{\"id\":1,\"lines\":[{\"sku\":\"a\"}]}\n").unwrap();
    let ingest = ["ingest", "orders.jsonl", "--to", "duckdb:ours.duckdb", "--dataset", "raw"];
    sandbox.dlt(ingest).unwrap().succeed().unwrap();
    sandbox.dlt(["dataset", "raw", "orders"]).unwrap().succeed().unwrap();
    let missing = ["ingest", "missing.jsonl", "--to", "duckdb:ours.duckdb", "--dataset", "raw"];
    assert_ne!(sandbox.dlt(missing).unwrap().run().unwrap().code, Some(0));
    passage.wait_for(1, Duration::from_secs(10)).unwrap();
}

fn report(host: &Sandbox, tracker: &Tracker) -> Value {
    let run = host.dlt(["tracker", "report", "--format", "json", "--data"]).unwrap().arg(tracker.data());
    serde_json::from_str(&run.succeed().unwrap().stdout).unwrap()
}

#[derive(Default)]
struct ExpectedEvent {
    count: u64,
    succeeded: u64,
    /// Those that say whether they succeeded.
    said: u64,
    seconds: f64,
}

/// The numbers, counted from the messages themselves.
struct Expected {
    total: u64,
    events: BTreeMap<String, ExpectedEvent>,
    versions: BTreeMap<(String, String), u64>,
    destinations: BTreeMap<String, u64>,
}

impl Expected {
    fn of(sent: &[Value]) -> Self {
        let mut expected = Self {
            total: sent.len() as u64,
            events: BTreeMap::new(),
            versions: BTreeMap::new(),
            destinations: BTreeMap::new(),
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for message in sent {
            let properties = &message["properties"];
            let event = expected.events.entry(text(&message["event"])).or_default();
            event.count += 1;
            event.said += u64::from(properties["success"].is_boolean());
            event.succeeded += u64::from(properties["success"] == true);
            event.seconds += properties["elapsed"].as_f64().unwrap_or(0.0);
            let library = &message["context"]["library"];
            *expected.versions.entry((text(&library["name"]), text(&library["version"]))).or_default() += 1;
            if let Some(destination) = properties["destination_name"].as_str() {
                *expected.destinations.entry(destination.to_owned()).or_default() += 1;
            }
        }
        expected
    }

    fn compare(&self, report: &Value) {
        assert_eq!(report["total"], self.total, "{report:#}");
        assert_eq!(report["active_ids"], 2, "{report:#}");
        assert_eq!(report["quarantine"], json!([]), "{report:#}");
        let events = report["events"].as_array().unwrap();
        assert_eq!(events.len(), self.events.len(), "{report:#}");
        for found in events {
            let event = &self.events[found["event"].as_str().unwrap()];
            assert_eq!(found["count"], event.count, "{found}");
            let share = found["success_share"].as_f64();
            let expected = (event.said > 0).then(|| event.succeeded as f64 / event.said as f64);
            let is_same = match (share, expected) {
                (Some(share), Some(expected)) => (share - expected).abs() < 1e-6,
                (share, expected) => share == expected,
            };
            assert!(is_same, "{found}: {expected:?} succeeded");
        }
        let count = |list: &Value, key: &dyn Fn(&Value) -> String| -> BTreeMap<String, u64> {
            list.as_array().unwrap().iter().map(|it| (key(it), it["count"].as_u64().unwrap())).collect()
        };
        let versions: BTreeMap<_, _> =
            self.versions.iter().map(|((library, version), count)| (format!("{library} {version}"), *count)).collect();
        let key = |it: &Value| format!("{} {}", it["library"].as_str().unwrap(), it["version"].as_str().unwrap());
        assert_eq!(count(&report["versions"], &key), versions, "{report:#}");
        let destinations = count(&report["destinations"], &|it| it["value"].as_str().unwrap().to_owned());
        assert_eq!(destinations, self.destinations, "{report:#}");
    }
}
