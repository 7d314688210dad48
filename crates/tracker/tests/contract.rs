//! The requests of `contract/requests`, replayed.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value};

use crate::tracker::{Tracker, sql};
use dlt_tracker::{Ledger, check};

fn lines() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contract/requests");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    let mut lines = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for (number, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            let place = format!("{name}:{}", number + 1);
            lines.push((place.clone(), serde_json::from_str(line).unwrap_or_else(|error| panic!("{place}: {error}"))));
        }
    }
    lines
}

/// Sends a request and says which rows must come of it: (table, columns).
fn replay(tracker: &Tracker, place: &str, line: &Value) {
    let request = &line["request"];
    let mut body = match request.get("text") {
        Some(text) => text.as_str().unwrap().as_bytes().to_vec(),
        None => request["body"].to_string().into_bytes(),
    };
    let mut headers: Vec<(&str, &str)> = Vec::new();
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        headers.push((name, value.as_str().unwrap()));
    }
    if request["gzip"] == true {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&body).unwrap();
        body = encoder.finish().unwrap();
        headers.push(("content-encoding", "gzip"));
    }
    let path = request["path"].as_str().unwrap();
    let answer = tracker.client().send("POST", path, &headers, &body).unwrap();
    assert_eq!(u64::from(answer.status), line["status"].as_u64().unwrap(), "{place}: {answer:?}");
    for (name, value) in line["answer"].as_object().into_iter().flatten() {
        assert_eq!(&answer.json()[name], value, "{place}: {name} in {answer:?}");
    }
    if answer.status == 400 {
        assert!(answer.json()["message"].as_str().is_some_and(|message| !message.is_empty()), "{place}");
    }
}

/// A row has the columns that a line names.
fn compare(place: &str, row: &Map<String, Value>, expected: &Value) {
    for (column, value) in expected.as_object().unwrap() {
        let found = row.get(column).unwrap_or_else(|| panic!("{place}: no column {column}"));
        assert_eq!(found, value, "{place}: {column} of {row:?}");
    }
}

#[test]
fn every_request_ends_as_the_contract_says() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let lines = lines();
    assert!(lines.len() > 40, "{} requests", lines.len());
    let mut before = Ledger::default();
    let mut expected = [Vec::new(), Vec::new()];
    for (place, line) in &lines {
        replay(&tracker, place, line);
        let ledger = check(dir.path()).unwrap().ledger;
        for (at, table) in ["events", "quarantine"].into_iter().enumerate() {
            for row in line[table].as_array().into_iter().flatten() {
                expected[at].push((place, row));
            }
        }
        let rows = |table: &str| line[table].as_array().map_or(0, |rows| rows.len() as u64);
        assert_eq!(ledger.loaded - before.loaded, rows("events"), "{place}: events");
        assert_eq!(ledger.quarantined - before.quarantined, rows("quarantine"), "{place}: quarantine");
        let deduplicated = line["deduplicated"].as_u64().unwrap_or(0);
        assert_eq!(ledger.deduplicated - before.deduplicated, deduplicated, "{place}: deduplicated");
        before = ledger;
    }
    tracker.stop();
    for (expected, table) in expected.iter().zip(["events", "quarantine"]) {
        let times = if table == "events" { "timestamp, received_at" } else { "received_at" };
        let rows = sql(dir.path(), &format!("SELECT * EXCLUDE ({times}) FROM {table} ORDER BY journal_seq"));
        assert_eq!(rows.len(), expected.len());
        for (row, (place, expected)) in rows.iter().zip(expected) {
            compare(place, row, expected);
            assert!(row["message_id"].as_str().is_some_and(|id| !id.is_empty()), "{place}");
        }
    }
}
