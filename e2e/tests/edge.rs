//! From senders by way of the edge into the tables: real clients, the Worker in Cloudflare's own runtime, its queue and its bucket,
//! the loader, DuckDB. The tier `edge` runs these; they need what `npm ci` installs in `edge/cloudflare`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dlt_testkit::{Client, Generator, NodeClient, PythonClient, PythonDlt, S3, Sandbox, Tracker};
use serde_json::{Value, json};

/// Events that each client of Segment's sends.
const COUNT: usize = 40;

/// The Worker in a process of its own, ended when dropped.
pub(crate) struct Worker {
    node: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl Worker {
    pub(crate) fn start(sandbox: &Sandbox, variables: &[(&str, String)]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge/cloudflare");
        assert!(folder.join("node_modules").exists(), "npm ci in {} comes first", folder.display());
        let mut node = Command::new("node")
            .arg(folder.join("test/serve.js"))
            .arg(sandbox.path("r2"))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = node.stdin.take();
        let mut output = BufReader::new(node.stdout.take().unwrap());
        let mut url = String::new();
        output.read_line(&mut url).unwrap();
        Self { node, input, output, url: url.trim().to_owned() }
    }

    fn client(&self) -> Client {
        let address: SocketAddr = self.url.strip_prefix("http://").unwrap().parse().unwrap();
        Client::connect(address).unwrap()
    }

    /// Plans faults; what was left of the plan before.
    fn faults(&self, plan: &Value) -> Value {
        let (status, left) = self.client().post("/faults", plan.to_string().as_bytes()).unwrap();
        assert_eq!(status, 200);
        serde_json::from_slice(&left).unwrap()
    }

    /// Copies the objects of the bucket into a folder.
    fn export(&mut self, folder: &Path) {
        writeln!(self.input.as_mut().unwrap(), "{}", folder.display()).unwrap();
        let mut count = String::new();
        self.output.read_line(&mut count).unwrap();
        assert!(count.trim().parse::<u64>().is_ok(), "{count}");
    }

    /// The rows of events in the objects, when there are so many different ones.
    pub(crate) fn stored(&mut self, folder: &Path, count: usize) -> Vec<Value> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            self.export(folder);
            let rows: Vec<Value> = objects(&folder.join("events")).iter().flat_map(|file| rows(file)).collect();
            let ids: BTreeSet<String> = rows.iter().map(message_id).collect();
            if ids.len() >= count {
                assert_eq!(ids.len(), count, "more than were sent");
                return rows;
            }
            let names = || rows.iter().map(|row| row["event"].to_string()).collect::<Vec<_>>().join(" ");
            assert!(Instant::now() < until, "{} of {count} events came: {}", ids.len(), names());
            thread::sleep(Duration::from_millis(300));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.input.take());
        let until = Instant::now() + Duration::from_secs(5);
        while self.node.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

fn message_id(row: &Value) -> String {
    row["message_id"].as_str().unwrap().to_owned()
}

/// All files below a folder, in the order of their names.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(objects(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The rows of events of an object.
fn rows(object: &Path) -> Vec<Value> {
    let text = fs::read_to_string(object).unwrap();
    let records = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter_map(|record| record.get("event").cloned()).collect()
}

/// What a tracker's tables answer.
fn ask(sandbox: &Sandbox, data: &Path, query: &str) -> Vec<Value> {
    let words = ["tracker", "sql", query, "--format", "json", "--data"];
    let told = sandbox.dlt(words).unwrap().arg(data).succeed().unwrap().stdout;
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check(sandbox: &Sandbox, data: &Path) {
    sandbox.dlt(["tracker", "check", "--data"]).unwrap().arg(data).succeed().unwrap();
}

/// What a client sends again after a lost answer is in two objects, with two times. The first that is taken counts, and objects that had to
/// wait are taken later where the loader was killed.
fn without_times(mut rows: Vec<Value>) -> Vec<Value> {
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|name, _| name != "timestamp" && name != "received_at");
    }
    rows
}

/// All that a table holds but what differs from run to run.
fn table(sandbox: &Sandbox, data: &Path) -> Vec<Value> {
    ask(sandbox, data, "SELECT * EXCLUDE (journal_seq, _dlt_id, _dlt_load_id) FROM events ORDER BY message_id")
}

#[test]
fn events_of_real_clients_are_in_the_tables_once_whatever_fails() {
    let seed = Generator::seed_from_clock();
    let mut generator = Generator::new(seed);
    let sandbox = Sandbox::new().unwrap();
    let mut worker = Worker::start(&sandbox, &[]);

    // Python dlt sends once and never again: nothing fails yet.
    let load = "import dlt\ndlt.pipeline('shop', destination='duckdb').run([{'id': 1}], table_name='t')";
    let run = PythonDlt::shared().unwrap().script(&sandbox, load);
    run.env("RUNTIME__DLTHUB_TELEMETRY", "true")
        .env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", format!("{}/", worker.url))
        .succeed()
        .unwrap();

    // The queue refuses, takes and says that it did not, and the bucket fails before and after it has written; then the
    // acknowledgement of a delivery is lost, twice.
    let fails = |message: &str| json!({"message": message});
    let lost = json!({"message": "connection lost", "after": true});
    let plan = json!({
        "send": [fails("Too Many Requests"), lost, fails("Internal Server Error"), lost],
        "put": [fails("internal error"), lost, lost],
        "ack": [true, true],
    });
    worker.faults(&plan);
    let count = COUNT.to_string();
    let python = PythonClient::package("segment-analytics-python", "2.4.0").unwrap();
    let python = python.script(&sandbox, include_str!("../clients/segment_python.py"));
    python.args([&worker.url, &count]).succeed().unwrap();
    let node = NodeClient::package("@segment/analytics-node", "3.1.0").unwrap();
    let node = node.script(&sandbox, include_str!("../clients/segment_node.js"));
    node.args([&worker.url, &count]).succeed().unwrap();

    let bucket = sandbox.path("bucket");
    let of_dlt = 4;
    let sent = worker.stored(&bucket, 2 * COUNT + of_dlt);
    let left = worker.faults(&json!({}));
    for kind in ["send", "put", "ack"] {
        assert_eq!(left[kind], json!([]), "seed {seed}: {kind} did not fail as planned");
    }
    let ids: BTreeSet<String> = sent.iter().map(message_id).collect();
    assert!(sent.len() > ids.len(), "nothing was delivered twice");
    drop(worker);

    // A store that can't be written at first, an object that is cut, and a loader that is killed.
    let (data, bucket) = (sandbox.path("tracker"), bucket.join("events"));
    let run = || sandbox.dlt(["tracker", "load", "--from"]).unwrap().arg(&bucket).arg("--data").arg(&data);
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("work"), "no folder").unwrap();
    assert_eq!(run().run().unwrap().code, Some(1));
    fs::remove_file(data.join("work")).unwrap();
    let cut = objects(&bucket).remove(0);
    let whole = fs::read(&cut).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    for _ in 0..8 {
        let running = run().spawn().unwrap();
        thread::sleep(Duration::from_millis(20 + generator.below(700)));
        drop(running.kill());
    }
    let refused = run().run().unwrap();
    assert_eq!(refused.code, Some(1), "seed {seed}: {refused}");
    assert!(refused.stderr.contains(cut.file_name().unwrap().to_str().unwrap()), "{refused}");
    fs::write(&cut, &whole).unwrap();
    run().succeed().unwrap();
    let again = run().succeed().unwrap();
    assert!(again.stdout.contains("Took 0 objects"), "{again}");
    check(&sandbox, &data);

    let found = table(&sandbox, &data);
    assert_eq!(found.iter().map(message_id).collect::<BTreeSet<_>>(), ids, "seed {seed}");
    assert_eq!(found.len(), ids.len(), "seed {seed}");
    for library in ["analytics-python", "@segment/analytics-node"] {
        let query = format!(
            "SELECT count(*) AS n, count(DISTINCT properties) AS different FROM events WHERE library_name = '{library}'"
        );
        assert_eq!(ask(&sandbox, &data, &query), [json!({"n": COUNT, "different": COUNT})], "{library}");
    }
    // As if nobody had killed anything.
    let calm = sandbox.path("calm");
    sandbox.dlt(["tracker", "load", "--from"]).unwrap().arg(&bucket).arg("--data").arg(&calm).succeed().unwrap();
    assert_eq!(without_times(table(&sandbox, &calm)), without_times(found), "seed {seed}");
    let numbers = "SELECT max(journal_seq) AS n FROM events";
    assert_eq!(ask(&sandbox, &calm, numbers), ask(&sandbox, &data, numbers), "seed {seed}");
}

#[test]
fn a_bucket_is_loaded_by_its_address_and_deletion_requests_are_passed_on() {
    let mut sandbox = Sandbox::new().unwrap();
    let data = sandbox.path("tracker");
    let tracker = Tracker::start(&sandbox, &data).unwrap();
    let key = sandbox.dlt(["tracker", "key", "add", "web", "--data"]).unwrap().arg(&data).succeed().unwrap().stdout;
    let module = sandbox.dlt(["tracker", "edge", "--data"]).unwrap().arg(&data).succeed().unwrap().stdout;
    let settings = module.split_once("export default ").unwrap().1.trim_end().trim_end_matches(';').to_owned();
    let mut worker = Worker::start(&sandbox, &[("TRACKER", tracker.url()), ("SETTINGS", settings)]);

    let event = json!({
        "anonymousId": "a1", "context": {"ci_run": false, "library": {"name": "dlt", "version": "0.1.0"}}, "event": "command_init",
        "properties": {"success": true}, "messageId": "mine", "timestamp": "2026-03-01T12:00:00.000Z",
        "sentAt": "2026-03-01T12:00:00.000Z",
    })
    .to_string();
    let mut client = worker.client();
    assert_eq!(client.post("/", event.as_bytes()).unwrap().0, 204);
    let keyed =
        json!({"event": "clicked", "messageId": "of web", "anonymousId": "b", "writeKey": key.trim()}).to_string();
    assert_eq!(client.post("/v1/track", keyed.as_bytes()).unwrap().0, 200);
    let bucket = sandbox.path("bucket");
    let stored = worker.stored(&bucket, 2);
    let digest = stored.iter().find(|row| row["message_id"] == "mine").unwrap()["body_digest"].clone();
    let claim = json!({"anonymousId": "a1", "proof": [{"messageId": "mine", "digest": digest}]}).to_string();
    // The tracker has not loaded it.
    assert_eq!(client.post("/v1/forget", claim.as_bytes()).unwrap().0, 400);

    let s3 = S3::start().unwrap();
    s3.make_bucket("events").unwrap();
    for file in objects(&bucket) {
        let name = file.strip_prefix(&bucket).unwrap().to_str().unwrap();
        s3.put("events", name, &fs::read(&file).unwrap()).unwrap();
    }
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL", s3.url()),
    ] {
        sandbox.set_env(name, value);
    }
    let load = |from: &str| sandbox.dlt(["tracker", "load", "--from", from, "--data"]).unwrap().arg(&data);
    let loaded = load("s3://events/events").succeed().unwrap();
    assert!(loaded.stdout.contains("2 events"), "{loaded}");
    assert!(load("s3://events/events/").succeed().unwrap().stdout.contains("Took 0 objects"));
    let projects = ask(&sandbox, &data, "SELECT message_id, project FROM events ORDER BY message_id");
    assert_eq!(
        projects,
        [json!({"message_id": "mine", "project": null}), json!({"message_id": "of web", "project": "web"})]
    );

    let (status, receipt) = worker.client().post("/v1/forget", claim.as_bytes()).unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&receipt));
    let receipt: Value = serde_json::from_slice(&receipt).unwrap();
    assert!(receipt["receipt"]["request"].is_u64(), "{receipt}");
    check(&sandbox, &data);
    assert_eq!(ask(&sandbox, &data, "SELECT message_id FROM events"), [json!({"message_id": "of web"})]);
    assert_eq!(load("s3://nowhere/events").run().unwrap().code, Some(1));
    tracker.stop().unwrap();
}
