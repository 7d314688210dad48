//! The message examples of the telemetry page, field by field, from real runs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dlt_testkit::{Output, PythonDlt, Recorder, Sandbox};
use serde_json::{Value, json};

/// The page's three examples. A value of ours must be of the same type; those in `FIXED` must be the same.
fn examples() -> [Value; 3] {
    let context = |version: &str| {
        json!({
            "ci_run": false, "cpu": 3, "exec_info": [], "library": {"name": "dlt", "version": version},
            "os": {"name": "Linux", "version": "4.19.128-microsoft-standard"}, "python": "3.8.11",
        })
    };
    [
        json!({
            "anonymousId": "933dd165453d196a58adaf49444e9b4c", "context": context("0.2.0a25"), "event": "command_init",
            "properties": {
                "destination_name": "bigquery", "elapsed": 3.172, "event_category": "command", "event_name": "init",
                "pipeline_name": "pipedrive", "success": true,
            },
        }),
        json!({
            "anonymousId": "570816b273a41d16caacc26a797204d9", "context": context("0.2.0a26"), "event": "pipeline_load",
            "properties": {
                "destination_name": "duckdb", "destination_fingerprint": "", "pipeline_name_hash": "OpVShb3cX7qQAmOZSbV8",
                "dataset_name_hash": "Hqk0a3Ov5AD55KjSg2rC", "default_schema_name_hash": "Hqk0a3Ov5AD55KjSg2rC",
                "elapsed": 2.234885, "event_category": "pipeline", "event_name": "load", "success": true,
                "transaction_id": "39c3b69c858836c36b9b7c6e046eb391",
            },
        }),
        json!({
            "anonymousId": "570816b273a41d16caacc26a797204d9", "context": context("1.15.0"), "event": "data_access_connect",
            "properties": {
                "destination_name": "duckdb", "destination_type": "duckdb", "dataset_name_hash": "Hqk0a3Ov5AD55KjSg2rC",
                "default_schema_name_hash": "Hqk0a3Ov5AD55KjSg2rC", "requested_schema_name_hash": "49ShjWp8x9h+rmyqjP6G",
                "event_category": "data_access", "event_name": "connect", "success": true,
            },
        }),
    ]
}

/// Places whose value does not depend on the machine or the run.
const FIXED: [&str; 7] = [
    "/event",
    "/context/library/name",
    "/context/os/name",
    "/properties/event_category",
    "/properties/event_name",
    "/properties/success",
    "/properties/destination_fingerprint",
];

/// What ours has beyond the page. No Python runs here, so `python` gives way to `runtime`.
const BEYOND: [&str; 10] = [
    "/messageId",
    "/timestamp",
    "/sentAt",
    "/type",
    "/context/runtime",
    "/context/runtime/name",
    "/context/runtime/version",
    "/properties/destination_type",
    "/properties/elapsed",
    "/context/exec_info/0",
];

#[test]
fn the_three_examples_come_from_a_real_run() {
    let (messages, _) = quick_start(|_| {});
    for example in examples() {
        let name = example["event"].as_str().unwrap();
        let message = only(&messages, name);
        let (expected, found) = (places(&example), places(message));
        for (place, value) in &expected {
            if place == "/context/python" {
                continue;
            }
            let Some(ours) = message.pointer(place) else { panic!("{name}: {place} is missing in {message:#}") };
            assert_eq!(kind(ours), kind(value), "{name}: {place} is {ours}, on the page {value}");
            if FIXED.contains(&place.as_str()) {
                assert_eq!(ours, value, "{name}: {place}");
            }
        }
        let named: BTreeSet<_> = expected.iter().map(|(place, _)| place.as_str()).chain(BEYOND).collect();
        let unnamed: Vec<_> = found.iter().map(|(place, _)| place).filter(|it| !named.contains(it.as_str())).collect();
        assert!(unnamed.is_empty(), "{name}: {unnamed:?} is on no list, in {message:#}");
    }

    let init = only(&messages, "command_init");
    assert_eq!(init["properties"]["destination_name"], "duckdb");
    assert_eq!(init["properties"]["pipeline_name"], "chess");
    for name in ["pipeline_load", "data_access_connect"] {
        assert_eq!(only(&messages, name)["properties"]["destination_name"], "duckdb");
    }
    for message in &messages {
        assert_eq!(message["anonymousId"], init["anonymousId"], "one machine, one id: {message:#}");
        assert_eq!(message["context"]["ci_run"], true);
        assert_eq!(message["context"]["library"], json!({"name": "dlt", "version": env!("CARGO_PKG_VERSION")}));
        assert!(message["context"]["cpu"].as_u64().unwrap() >= 1);
        let category_and_name = [&message["properties"]["event_category"], &message["properties"]["event_name"]]
            .map(|it| it.as_str().unwrap());
        assert_eq!(message["event"], category_and_name.join("_"));
    }
    let id = init["anonymousId"].as_str().unwrap();
    assert!(id.len() == 32 && id.chars().all(|it| it.is_ascii_hexdigit()), "{id}");
    let ids: BTreeSet<_> = messages.iter().map(|it| it["messageId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), messages.len(), "an id of a message twice");
}

#[test]
fn steps_of_a_run_share_one_transaction_and_runs_do_not() {
    let (messages, _) = quick_start(|sandbox| {
        ingest(sandbox).args(["--write-disposition", "append"]).succeed().unwrap();
    });
    let steps = ["pipeline_extract", "pipeline_normalize", "pipeline_load"];
    let transactions = |name: &str| -> Vec<String> {
        let of = |it: &&Value| it["event"] == name;
        messages.iter().filter(of).map(|it| it["properties"]["transaction_id"].as_str().unwrap().to_owned()).collect()
    };
    let loads = transactions("pipeline_load");
    assert_eq!(loads.len(), 2);
    assert_ne!(loads[0], loads[1]);
    for name in steps {
        assert_eq!(transactions(name), loads, "{name}");
    }
    for id in &loads {
        assert!(id.len() == 32 && id.chars().all(|it| it.is_ascii_hexdigit()), "{id}");
    }
    for name in steps {
        for message in messages.iter().filter(|it| it["event"] == name) {
            let properties = &message["properties"];
            assert!(properties["elapsed"].as_f64().unwrap() > 0.0, "{message:#}");
            assert_eq!(properties["success"], true);
            for key in ["pipeline_name_hash", "dataset_name_hash", "default_schema_name_hash"] {
                assert_eq!(properties[key].as_str().unwrap().len(), 20, "{key} in {message:#}");
            }
        }
    }
}

#[test]
fn names_leave_as_hashes_only() {
    let (messages, _) = quick_start(|_| {});
    let sent = json!(messages).to_string();
    for name in ["chess_data", "chess_pipeline", "players", "secret_column", "Magnus", "dlt-e2e-"] {
        assert!(!sent.contains(name), "{name} left the machine");
    }
    // Digests with a key of this machine are not the well-known ones.
    assert!(!sent.contains("e/2IAxdylTbRo4fF1j56") && !sent.contains("/cv01Cetl9bjYmZcWw0l"));
}

#[test]
fn plain_hashes_are_those_of_python_dlt() {
    let (messages, _) = quick_start_with(&[("RUNTIME__DLTHUB_TELEMETRY_HASH", "plain")], |_| {});
    let load = &only(&messages, "pipeline_load")["properties"];
    assert_eq!(load["pipeline_name_hash"], "e/2IAxdylTbRo4fF1j56");
    assert_eq!(load["dataset_name_hash"], "/cv01Cetl9bjYmZcWw0l");
}

/// The pipeline of `quick_start`, as Python dlt runs it.
const PYTHON_PIPELINE: &str = r#"
import dlt
pipeline = dlt.pipeline("chess_pipeline", destination=dlt.destinations.duckdb("python.duckdb"), dataset_name="chess_data")
pipeline.run([{"name": "Magnus", "secret_column": 1, "games": [1, 2]}], table_name="players")
"#;

/// What Python dlt says of these steps, the page does not name, and ours leaves out: its programming language, where its
/// project lies, which class the destination is and which classes of the user's code made the rows.
const PYTHON_ONLY: [&str; 5] = [
    "/context/python",
    "/context/run_context/name",
    "/properties/destination_type",
    "/properties/extract_data/0/name",
    "/properties/extract_data/0/data_type",
];

/// What ours says beyond Python dlt. The fingerprint, which says nothing of a file, Python dlt has in `pipeline_load` alone.
const OURS_ONLY: [&str; 6] = [
    "/messageId",
    "/timestamp",
    "/sentAt",
    "/context/runtime/name",
    "/context/runtime/version",
    "/properties/destination_fingerprint",
];

#[test]
fn python_dlt_says_the_same_of_the_same_pipeline() {
    let (ours, _) = quick_start_with(&[("RUNTIME__DLTHUB_TELEMETRY_HASH", "plain")], |_| {});
    let recorder = Recorder::start().unwrap();
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.telemetry_to(&format!("{}/", recorder.url()));
    sandbox.set_env("CI", "true");
    PythonDlt::shared().unwrap().script(&sandbox, PYTHON_PIPELINE).succeed().unwrap();
    let python = recorder.messages().unwrap();

    for name in ["pipeline_extract", "pipeline_normalize", "pipeline_load", "pipeline_run"] {
        let (ours, python) = (only(&ours, name), only(&python, name));
        let (our_places, python_places) = (places(ours), places(python));
        for (place, value) in &python_places {
            if PYTHON_ONLY.contains(&place.as_str()) {
                continue;
            }
            let Some(found) = ours.pointer(place) else { panic!("{name}: ours has no {place}: {ours:#}") };
            assert_eq!(kind(found), kind(value), "{name}: {place} is {found}, Python dlt has {value}");
            // One machine, one pipeline: what is not a measure or a random number is the same.
            let differs =
                ["/anonymousId", "/properties/elapsed", "/properties/transaction_id", "/context/library/version"];
            if !differs.contains(&place.as_str()) {
                assert_eq!(found, value, "{name}: {place}");
            }
        }
        let named: BTreeSet<_> = python_places.iter().map(|(place, _)| place.as_str()).chain(OURS_ONLY).collect();
        let unnamed: Vec<_> = our_places.iter().filter(|(place, _)| !named.contains(place.as_str())).collect();
        assert!(unnamed.is_empty(), "{name}: Python dlt does not say {unnamed:?}");
    }
}

#[test]
fn a_failed_load_is_reported_as_failed() {
    let (messages, _) = quick_start(|sandbox| {
        sandbox.write("broken.jsonl", "{\"a\":1}\n{\"a\":").unwrap();
        let run = ["ingest", "broken.jsonl", "--to", "duckdb:broken.duckdb", "--dataset", "broken"];
        assert_eq!(sandbox.dlt(run).unwrap().run().unwrap().code, Some(1));
    });
    let failed =
        |name: &str| messages.iter().filter(|it| it["event"] == name && it["properties"]["success"] == false).count();
    assert_eq!(failed("command_ingest"), 1);
    let steps = ["pipeline_extract", "pipeline_normalize", "pipeline_load", "pipeline_run"];
    assert!(steps.iter().any(|step| failed(step) > 0), "no step is told as failed: {messages:#?}");
    assert_eq!(failed("pipeline_load"), 0, "nothing was there to load");
}

/// Outside of CI the first run sends nothing; what it recorded leaves with the next. In a container, where there may be no
/// next run, it leaves at once. The notice comes first in both, and once.
#[test]
fn the_first_run_of_a_machine_keeps_its_event_and_that_of_a_container_sends_it() {
    let recorder = Recorder::start().unwrap();
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.telemetry_to(&recorder.url());
    let run = |what: &str| sandbox.dlt(["init", what]).unwrap().succeed().unwrap();
    let first = run("--list-sources");
    assert_eq!(notices(&first), 1, "{first}");
    let first_ended = Instant::now();
    assert_eq!(notices(&run("--list-destinations")), 0);
    let requests = recorder.wait_for(2, Duration::from_secs(20)).unwrap();
    let mut sent_in_first_run = Vec::new();
    for request in &requests {
        if request.received_at < first_ended {
            sent_in_first_run.push(request.json().unwrap()["event"].as_str().unwrap().to_owned());
        }
    }
    let expected: &[&str] = if in_container() { &["command_list_sources"] } else { &[] };
    assert_eq!(sent_in_first_run, expected);
    let events: BTreeSet<_> = requests.iter().map(|it| it.json().unwrap()["event"].to_string()).collect();
    assert_eq!(events.into_iter().collect::<Vec<_>>(), ["\"command_list_destinations\"", "\"command_list_sources\""]);
}

fn in_container() -> bool {
    let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    std::path::Path::new("/.dockerenv").exists() || cgroup.contains("docker")
}

#[test]
fn in_ci_the_notice_is_one_line_and_stdout_stays_data() {
    let (_, first) = quick_start(|_| {});
    assert_eq!(notices(&first), 1, "{first}");
    let line = first.stderr.lines().find(|it| it.contains("usage data")).unwrap();
    assert!(line.contains("RUNTIME__DLTHUB_TELEMETRY=false"), "{line}");
}

fn notices(output: &Output) -> usize {
    assert!(!output.stdout.contains("usage data"), "the notice belongs on stderr\n{output}");
    output.stderr.matches("usage data").count()
}

/// The way of the page: init, a load and a look at the dataset, in CI, where events leave at once.
fn quick_start(then: impl FnOnce(&Sandbox)) -> (Vec<Value>, Output) {
    quick_start_with(&[], then)
}

fn quick_start_with(env: &[(&str, &str)], then: impl FnOnce(&Sandbox)) -> (Vec<Value>, Output) {
    let recorder = Recorder::start().unwrap();
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.telemetry_to(&recorder.url());
    sandbox.set_env("CI", "true");
    env.iter().for_each(|(name, value)| sandbox.set_env(name, value));
    let first = sandbox.dlt(["init", "chess", "duckdb"]).unwrap().succeed().unwrap();
    sandbox.write("players.jsonl", "{\"name\":\"Magnus\",\"secret_column\":1,\"games\":[1,2]}\n").unwrap();
    ingest(&sandbox).succeed().unwrap();
    sandbox.dlt(["dataset", "chess_data", "players"]).unwrap().succeed().unwrap();
    then(&sandbox);
    for request in recorder.requests() {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/"));
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
    (recorder.messages().unwrap(), first)
}

fn ingest(sandbox: &Sandbox) -> dlt_testkit::Invocation {
    let run = ["ingest", "players.jsonl", "--to", "duckdb:chess.duckdb", "--dataset", "chess_data"];
    sandbox.dlt(run).unwrap().args(["--table", "players", "--pipeline", "chess_pipeline"])
}

fn only<'a>(messages: &'a [Value], event: &str) -> &'a Value {
    let found: Vec<_> = messages.iter().filter(|it| it["event"] == event).collect();
    let names: Vec<_> = messages.iter().map(|it| &it["event"]).collect();
    assert_eq!(found.len(), 1, "{event} among {names:?}");
    found[0]
}

/// Every place in a message that holds a value, and the value; of a list its items.
fn places(message: &Value) -> Vec<(String, Value)> {
    fn walk(place: &str, value: &Value, found: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| walk(&format!("{place}/{key}"), value, found));
            }
            Value::Array(items) if !items.is_empty() => walk(&format!("{place}/0"), &items[0], found),
            Value::Array(_) => {}
            scalar => found.push((place.to_owned(), scalar.clone())),
        }
    }
    let mut found = Vec::new();
    walk("", message, &mut found);
    found
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
