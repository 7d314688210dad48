//! The requests of `contract/requests`, replayed.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value};

use crate::tracker::{Tracker, sql};
use dlt_tracker::check;

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

/// Sends a request and checks the answer.
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
        let is_hashed = value == "user-*" && found.as_str().is_some_and(|id| id.starts_with("user-") && id.len() == 37);
        assert!(is_hashed || found == value, "{place}: {column} of {row:?} is not {value}");
    }
}

/// How many events a line says that it brings.
fn count(line: &Value) -> u64 {
    let rows = |table: &str| line[table].as_array().map_or(0, |rows| rows.len() as u64);
    rows("events") + rows("quarantine") + line["deduplicated"].as_u64().unwrap_or(0)
}

#[test]
fn every_request_ends_as_the_contract_says() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let lines = lines();
    assert!(lines.len() > 40, "{} requests", lines.len());
    for (place, line) in &lines {
        replay(&tracker, place, line);
    }
    let found = check(dir.path()).unwrap();
    assert!(found.is_sound(), "{found}");
    tracker.stop();

    let tables = [("events", "timestamp, received_at"), ("quarantine", "received_at")].map(|(table, times)| {
        (table, sql(dir.path(), &format!("SELECT * EXCLUDE ({times}) FROM {table} ORDER BY journal_seq")))
    });
    // The journal numbers what it accepts without gaps, so each line's events have the next numbers.
    let mut next = 1;
    for (place, line) in &lines {
        let last = next + count(line) - 1;
        for (table, rows) in &tables {
            let is_of_line = |row: &&Map<String, Value>| (next..=last).contains(&row["journal_seq"].as_u64().unwrap());
            let rows: Vec<_> = rows.iter().filter(is_of_line).collect();
            let expected = line[table].as_array().cloned().unwrap_or_default();
            assert_eq!(rows.len(), expected.len(), "{place}: rows of {table}");
            for (row, expected) in rows.into_iter().zip(&expected) {
                compare(place, row, expected);
                assert!(row["message_id"].as_str().is_some_and(|id| !id.is_empty()), "{place}");
            }
        }
        next = last + 1;
    }
    assert_eq!(found.ledger.accepted, next - 1, "events that no line names");
}
