//! The pages of the tracker in a real browser: at the widths of a telephone, a tablet and a screen, light and dark, with a year
//! of events, with one and with none. Nothing is wider than the window, nothing is asked of another host, the console stays
//! silent, and all that can be used is reached by Tab.

use std::time::Duration;

use dlt_testkit::{Browser, Client, PythonDlt, Sandbox, Tracker};
use serde_json::{Value, json};

const SCRIPT: &str = include_str!("../python/browse.py");

const ARRIVED: &str = r#"
import duckdb, sys
duckdb.connect(sys.argv[1]).execute("UPDATE telemetry.events SET received_at = timestamp")
"#;

/// Days of a year, back from now, that have events.
const DAYS: i64 = 365;

#[test]
fn pages_without_events() {
    browse(&[]);
}

#[test]
fn pages_with_one_event() {
    let long = "a_name_that_is_longer_than_any_that_a_program_would_have_".repeat(3);
    browse(&[json!({"type": "track", "event": long, "anonymousId": "a", "properties": {"elapsed": 1e6}})]);
}

#[test]
fn pages_with_a_year_of_events() {
    let now = jiff::Timestamp::now();
    let mut events = Vec::new();
    for day in 0..DAYS {
        let at = now - jiff::SignedDuration::from_hours(24 * day);
        for number in 0..(2 + (DAYS - day) / 60) {
            let who = (number * 7 + day) % 40;
            let name = ["pipeline_load", "command_init", "command_run"][(who % 3) as usize];
            events.push(json!({
                "type": "track", "event": name,
                "anonymousId": format!("id{who}"), "messageId": format!("{day}-{number}"), "timestamp": at.to_string(),
                "context": {"ci_run": who % 5 == 0, "cpu": 4, "exec_info": ["docker"], "os": {"name": "Linux", "version": "6.1"},
                    "library": {"name": "dlt", "version": format!("1.{}.0", (DAYS - day) / 50)}},
                "properties": {"success": who % 9 != 0, "elapsed": 0.1 * who as f64,
                    "destination_type": "dlt.destinations.duckdb", "source_name": "rest_api"},
            }));
        }
    }
    // And one that is put aside, with a text that has no blanks.
    events.push(json!({"type": "track", "properties": {"text": "x".repeat(3_000)}}));
    browse(&events);
}

fn browse(events: &[Value]) {
    let sandbox = Sandbox::new().unwrap();
    let data = sandbox.path("tracker");
    let start = || Tracker::start_as(&sandbox, "serve", &data, &["--public".to_owned()]).unwrap();
    let tracker = start();
    let mut client = Client::connect(tracker.address()).unwrap();
    for batch in events.chunks(400) {
        let (status, _) = client.post("/v1/batch", json!({ "batch": batch }).to_string().as_bytes()).unwrap();
        assert_eq!(status, 200);
    }
    // A report waits until all is loaded.
    sandbox.dlt(["tracker", "report", "--data"]).unwrap().arg(&data).succeed().unwrap();
    let token = sandbox.dlt(["tracker", "token", "--data"]).unwrap().arg(&data).succeed().unwrap().stdout;
    tracker.stop().unwrap();
    if !events.is_empty() {
        // What arrives long after its week is not in public.
        PythonDlt::shared().unwrap().script(&sandbox, ARRIVED).arg(data.join("tracker.duckdb")).succeed().unwrap();
    }
    let tracker = start();
    let base = tracker.url();
    let run = Browser::shared().unwrap().script(&sandbox, SCRIPT).args([base.as_str(), token.trim()]);
    let output = run.limit(Duration::from_secs(300)).succeed().unwrap();
    let complaints: Vec<String> = serde_json::from_str(&output.stdout).unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    tracker.stop().unwrap();
}
