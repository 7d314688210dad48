//! A replay of the quarantine that is killed again and again, with the tracker or without, stores each event once.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use dlt_testkit::{Client, Generator, PythonDlt, Sandbox, Tracker};
use serde_json::{Value, json};

const EVENTS: usize = 3000;
const ROUNDS: usize = 16;

const ROWS: &str = r#"
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
one = lambda sql: connection.execute(sql).fetchone()[0]
print(json.dumps({
    "rows": one("SELECT count(*) FROM telemetry.events"),
    "messages": one("SELECT count(DISTINCT message_id) FROM telemetry.events"),
    "sum": one("SELECT sum(json_extract(properties, '$.n')::BIGINT) FROM telemetry.events"),
    "aside": one("SELECT count(*) FROM telemetry.quarantine"),
    "replayed": one("SELECT count(*) FROM telemetry.replays"),
    "items": one("SELECT count(*) FROM telemetry.events__items JOIN telemetry.events AS event ON event._dlt_id = _dlt_root_id"),
    "items_of_all": one("SELECT count(*) FROM telemetry.events__items"),
    "sum_of_items": one("SELECT sum(n) FROM telemetry.events__items"),
}))
"#;

fn contract(data: &Path, text: &str) {
    fs::create_dir_all(data.join("contracts")).unwrap();
    fs::write(data.join("contracts/default.toml"), text).unwrap();
}

/// Events that the contract does not name, but for one in ten that never is.
fn send(tracker: &Tracker) {
    let mut client = Client::connect(tracker.address()).unwrap();
    for batch in 0..EVENTS / 100 {
        let events: Vec<Value> = (0..100)
            .map(|number| {
                let number = batch * 100 + number;
                let name = if number % 10 == 9 { "never" } else { "later" };
                json!({"event": name, "messageId": format!("m{number}"), "anonymousId": "a", "properties": {"n": number, "items": [{"n": number}, {"n": 1}]}})
            })
            .collect();
        let body = json!({ "batch": events }).to_string();
        assert_eq!(client.post("/v1/batch", body.as_bytes()).unwrap().0, 200);
    }
}

#[test]
fn a_killed_replay_stores_each_event_once() {
    let seed = Generator::seed_from_clock();
    let mut generator = Generator::new(seed);
    let sandbox = Sandbox::new().unwrap();
    let data = sandbox.path("tracker");
    contract(&data, "[events.other]\n");
    let tracker = Tracker::start(&sandbox, &data).unwrap();
    send(&tracker);
    sandbox.dlt(["tracker", "check", "--data"]).unwrap().arg(&data).succeed().unwrap();
    tracker.stop().unwrap();
    contract(
        &data,
        "[events.later.fields]\nn = { type = \"integer\", privacy = \"measure\" }\n\
         [events.later.fields.items]\ntype = \"array\"\nprivacy = \"public\"\n\
         items = { type = \"object\", fields = { n = { type = \"integer\", privacy = \"measure\" } } }\n",
    );

    let replay = || sandbox.dlt(["tracker", "quarantine", "replay", "--data"]).unwrap().arg(&data);
    for round in 0..ROUNDS {
        let moment = Duration::from_millis(200 + generator.below(3000));
        if generator.chance(50) {
            // The tracker dies under the command.
            let tracker = Tracker::start(&sandbox, &data).unwrap_or_else(|error| panic!("{seed} {round}: {error:#}"));
            let run = replay().spawn().unwrap();
            thread::sleep(moment);
            tracker.kill().unwrap();
            drop(run);
        } else {
            // The command itself does the work, and dies.
            let run = replay().spawn().unwrap();
            thread::sleep(moment);
            drop(run.kill());
        }
    }
    replay().succeed().unwrap();
    let said = sandbox.dlt(["tracker", "check", "--data"]).unwrap().arg(&data).succeed().unwrap().stdout;
    let output =
        PythonDlt::shared().unwrap().script(&sandbox, ROWS).arg(data.join("tracker.duckdb")).succeed().unwrap();
    let found: Value = serde_json::from_str(&output.stdout).unwrap();
    let named: Vec<usize> = (0..EVENTS).filter(|number| number % 10 != 9).collect();
    let expected = json!({
        "rows": named.len(), "messages": named.len(), "sum": named.iter().sum::<usize>(),
        "aside": EVENTS - named.len(), "replayed": named.len(), "items": 2 * named.len(), "items_of_all": 2 * named.len(),
        "sum_of_items": named.iter().sum::<usize>() + named.len(),
    });
    assert_eq!(found, expected, "seed {seed}: {said}");
    assert!(said.contains(&format!("replayed {} ", named.len())), "seed {seed}: {said}");
}
