//! A tracker whose tables are Parquet files: what others read there is what was sent, whatever is killed.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dlt_testkit::{Client, Generator, Invocation, PythonDlt, S3, Sandbox, Tracker, dlt_binary};
use serde_json::{Value, json};

/// What delta-rs, and DuckDB over the files that it names, read of the tables. Prints JSON: for each place its events by id, how many
/// rows other tables have, and the days by which events are divided.
const READ: &str = r#"
import json, os, sys, duckdb
from deltalake import DeltaTable
task = json.loads(sys.stdin.read())
options = task["endpoint"] and {
    "AWS_ENDPOINT_URL": task["endpoint"], "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "very-secret",
    "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true",
}
shown = {}
for place in task["places"]:
    read = lambda name: DeltaTable(f"{place}/telemetry/{name}", storage_options=options)
    events = read("events")
    rows = events.to_pyarrow_table()
    found = {"events": {}, "days": sorted({str(day) for day in rows["received_day"].to_pylist()})}
    for row in rows.select(["message_id", "event", "anonymous_id"]).to_pylist():
        found["events"].setdefault(row["message_id"], []).append([row["event"], row["anonymous_id"]])
    for name in task["tables"]:
        found[name] = read(name).to_pyarrow_table().num_rows
    if not task["endpoint"]:
        files = [path.removeprefix("file://") for path in events.file_uris()]
        count = "SELECT count(*), min(received_at)::DATE = min(received_day) FROM read_parquet($1, hive_partitioning = true)"
        found["duckdb"] = duckdb.execute(count, [files]).fetchone() if files else [0, None]
    log = events.history()
    found["versions"] = len(log)
    shown[place] = found
print(json.dumps(shown), flush=True)
# Threads of libraries may end badly with the interpreter.
os._exit(0)
"#;

/// Calls that make, change, order or remove something on disk.
const CHANGES: &str = "creat,fdatasync,fsync,ftruncate,link,linkat,mkdir,mkdirat,openat,pwrite64,rename,renameat,renameat2,rmdir,\
    unlink,unlinkat,write";

/// Kills of each test.
const KILLS: usize = 10;

fn read(sandbox: &Sandbox, places: &[String], tables: &[&str], endpoint: Option<&str>) -> Value {
    let task = json!({"places": places, "tables": tables, "endpoint": endpoint}).to_string();
    let run = PythonDlt::with_lakes().unwrap().script(sandbox, READ).stdin(task).limit(Duration::from_secs(300));
    serde_json::from_str(run.succeed().unwrap().stdout.lines().last().unwrap()).unwrap()
}

fn post(client: &mut Client, event: &Value) {
    assert_eq!(client.post("/v1/track", event.to_string().as_bytes()).unwrap().0, 200);
}

fn event(number: u64) -> Value {
    json!({"event": format!("e{}", number % 3), "messageId": format!("m{number}"), "anonymousId": format!("a{}", number % 5)})
}

/// A data folder with its lake.
struct Place {
    data: PathBuf,
    lake: PathBuf,
}

impl Place {
    fn new(sandbox: &Sandbox, name: &str) -> Self {
        Self { data: sandbox.path(name).join("data"), lake: sandbox.path(name).join("lake") }
    }

    fn store(&self) -> String {
        format!("filesystem:{}", self.lake.display())
    }

    fn start(&self, sandbox: &Sandbox) -> Tracker {
        // Only what is asked for is loaded.
        let arguments = ["--store", &self.store(), "--set", "load.interval=1 h"].map(str::to_owned);
        Tracker::start_as(sandbox, "serve", &self.data, &arguments).unwrap()
    }

    fn command(&self, sandbox: &Sandbox, by: &[String], words: &[&str]) -> Result<Invocation> {
        let run = match by {
            [] => sandbox.dlt(["tracker"])?,
            [program, arguments @ ..] => sandbox.command(program).args(arguments).arg(dlt_binary()?).arg("tracker"),
        };
        Ok(run.args(words).arg("--data").arg(&self.data).args(["--store", &self.store()]))
    }

    fn copied(&self, sandbox: &Sandbox, name: &str) -> Self {
        let copy = Self::new(sandbox, name);
        let to = copy.data.parent().unwrap();
        let from = self.data.parent().unwrap();
        sandbox.command("cp").arg("-r").arg(from).arg(to).succeed().unwrap();
        copy
    }
}

/// Runs a command that is killed before each of some of the calls by which it changes something, then once more: nothing of what was
/// acknowledged is lost or there twice, and the ledger adds up.
fn killed(sandbox: &Sandbox, begun: &Place, words: &[&str], expected: &dyn Fn(&Value)) {
    let seed = Generator::seed_from_clock();
    let mut generator = Generator::new(seed);
    let whole = begun.copied(sandbox, "whole");
    let mut points = changes(sandbox, &whole, words).unwrap();
    let found = points.len();
    assert!(found > 40, "a run that changes so little: {points:?}");
    if std::env::var_os("DLT_TEST_TIMES").is_none() {
        for at in 0..KILLS.min(found) {
            let other = at + generator.below((found - at) as u64) as usize;
            points.swap(at, other);
        }
        points.truncate(KILLS);
    }
    let (mut places, mut kills) = (vec![whole], 0);
    for (call, number) in &points {
        let place = begun.copied(sandbox, &format!("{call}_{number}"));
        let by = [format!("trace={call}"), format!("inject={call}:signal=KILL:when={number}")];
        let output = place.command(sandbox, &strace(&by, "/dev/null"), words).unwrap().run().unwrap();
        kills += usize::from(output.signal == Some(9));
        place.command(sandbox, &[], words).unwrap().succeed().unwrap();
        let check = place.command(sandbox, &[], &["check"]).unwrap().run().unwrap();
        assert_eq!(check.code, Some(0), "killed before {call} {number} of seed {seed}: {check}");
        places.push(place);
    }
    assert!(kills * 2 > points.len(), "only {kills} of {} runs were killed", points.len());
    let named: Vec<String> = places.iter().map(|place| place.lake.display().to_string()).collect();
    let found = read(sandbox, &named, &["quarantine", "journal_loads"], None);
    for place in &named {
        let twice =
            found[place]["events"].as_object().unwrap().iter().find(|(_, rows)| rows.as_array().unwrap().len() != 1);
        assert!(twice.is_none(), "{place} of seed {seed}: {twice:?}");
        expected(&found[place]);
    }
}

/// By which calls a command changes something: each with its number within its thread.
fn changes(sandbox: &Sandbox, place: &Place, words: &[&str]) -> Result<Vec<(String, usize)>> {
    let log = sandbox.path("calls.log");
    let by = strace(&[format!("trace={CHANGES}")], &log.display().to_string());
    let run = place.command(sandbox, &by, words)?;
    run.succeed().context("hint: this test needs strace (on Debian: apt-get install strace)")?;
    let mut of_threads: HashMap<(String, String), usize> = HashMap::new();
    for line in fs::read_to_string(&log)?.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if call.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            *of_threads.entry((thread.to_owned(), call.to_owned())).or_default() += 1;
        }
    }
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for ((_, call), count) in of_threads {
        let known = most.entry(call).or_default();
        *known = count.max(*known);
    }
    Ok(most.into_iter().flat_map(|(call, count)| (1..=count).map(move |at| (call.clone(), at))).collect())
}

fn strace(expressions: &[String], log: &str) -> Vec<String> {
    let words = ["strace", "-f", "-qq", "-o", log].map(str::to_owned);
    words.into_iter().chain(expressions.iter().flat_map(|it| ["-e".to_owned(), it.clone()])).collect()
}

/// Forty events are in the tables, and thirty wait, of which ten are known.
fn begun(sandbox: &Sandbox) -> Place {
    let place = Place::new(sandbox, "begun");
    let tracker = place.start(sandbox);
    let mut client = Client::connect(tracker.address()).unwrap();
    (0..40).for_each(|number| post(&mut client, &event(number)));
    tracker.stop().unwrap();
    let tracker = place.start(sandbox);
    let mut client = Client::connect(tracker.address()).unwrap();
    (30..60).for_each(|number| post(&mut client, &event(number)));
    post(&mut client, &json!({"messageId": "of no name"}));
    tracker.kill().unwrap();
    place
}

#[test]
fn a_load_that_is_killed_is_whole_afterwards() {
    let sandbox = Sandbox::new().unwrap();
    killed(&sandbox, &begun(&sandbox), &["check"], &|found| {
        assert_eq!(found["events"].as_object().unwrap().len(), 60, "{found}");
        assert_eq!((&found["quarantine"], &found["duckdb"]), (&json!(1), &json!([60, true])), "{found}");
    });
}

#[test]
fn a_deletion_that_is_killed_is_whole_afterwards() {
    let sandbox = Sandbox::new().unwrap();
    let place = begun(&sandbox);
    place.command(&sandbox, &[], &["check"]).unwrap().succeed().unwrap();
    killed(&sandbox, &place, &["forget", "a2"], &|found| {
        let events = found["events"].as_object().unwrap();
        assert!(events.len() == 48 && !events.contains_key("m2") && events.contains_key("m3"), "{found}");
    });
}

/// A run with nested data and a look at the dataset.
const PIPELINE: &str = r#"
import dlt
pipeline = dlt.pipeline("shop", destination=dlt.destinations.duckdb("python.duckdb"), dataset_name="raw")
pipeline.run(({"id": i, "lines": [{"sku": "a"}]} for i in range(10)), table_name="orders")
assert pipeline.dataset()["orders"].arrow().num_rows == 10
"#;

#[test]
fn what_real_clients_sent_is_read_by_others_from_a_bucket() {
    let server = S3::start().unwrap();
    server.make_bucket("telemetry").unwrap();
    let mut sandbox = Sandbox::new().unwrap();
    for (name, value) in [
        ("DLT_TRACKER_STORE__CREDENTIALS__ENDPOINT_URL", server.url()),
        ("DLT_TRACKER_STORE__CREDENTIALS__AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("DLT_TRACKER_STORE__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "very-secret".to_owned()),
        ("DLT_TRACKER_STORE__CREDENTIALS__REGION_NAME", "us-east-1".to_owned()),
    ] {
        sandbox.set_env(name, value);
    }
    let data = sandbox.path("tracker");
    let arguments = ["--store", "s3://telemetry/of-dlt", "--set", "load.interval=500 ms"].map(str::to_owned);
    let tracker = Tracker::start_as(&sandbox, "serve", &data, &arguments).unwrap();
    sandbox.telemetry_to(&format!("{}/v1/track", tracker.url()));
    PythonDlt::shared().unwrap().script(&sandbox, PIPELINE).succeed().unwrap();
    // The commands that ask would tell the tracker of themselves.
    sandbox.set_env("RUNTIME__DLTHUB_TELEMETRY", "false");
    let mut client = Client::connect(tracker.address()).unwrap();
    for number in [0, 1, 2, 3, 1] {
        post(&mut client, &event(number));
    }
    let asked = |words: &[&str]| {
        let run = sandbox.dlt(["tracker"]).unwrap().args(words).arg("--data").arg(&data);
        run.args(["--store", "s3://telemetry/of-dlt"]).succeed().unwrap().stdout
    };
    // A report waits for no load: it tells what is still in the journal.
    let report = || -> Value { serde_json::from_str(&asked(&["report", "--format", "json"])).unwrap() };
    let until = Instant::now() + Duration::from_secs(30);
    let mut found = report();
    while found["ledger"]["in_journal"] != 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(100));
        found = report();
    }
    assert_eq!(found["ledger"]["in_journal"], 0, "{found}");
    let total = found["total"].as_u64().unwrap();
    assert!(total > 6, "Python dlt sent nothing: {found}");
    asked(&["check"]);
    let counted = asked(&["sql", "SELECT count(*) AS n FROM events", "--format", "json"]);
    assert_eq!(counted.trim(), format!("{{\"n\":{total}}}"), "{found}");
    tracker.stop().unwrap();
    asked(&["check"]);
    let place = "s3://telemetry/of-dlt".to_owned();
    let found =
        &read(&sandbox, std::slice::from_ref(&place), &["journal_loads", "_dlt_version"], Some(&server.url()))[&place];
    let events = found["events"].as_object().unwrap();
    assert_eq!(events.len() as u64, total, "{found}");
    assert_eq!(found["events"]["m1"], json!([["e1", "a1"]]), "{found}");
    assert!(found["versions"].as_u64() > Some(1), "{found}");
    // No secret is in what the tracker keeps on this machine.
    assert!(!is_in_some_file(&data, "very-secret"));
}

fn is_in_some_file(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| match entry.path() {
        path if path.is_dir() => is_in_some_file(&path, text),
        path => fs::read(path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes())),
    })
}
