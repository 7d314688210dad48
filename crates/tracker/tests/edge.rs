//! Objects of the edge: each is taken once, and each of its records once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dlt_testkit::Postgres;
use dlt_tracker::{EdgeLoad, Selection, StoreAddress, check, forget, load_objects, move_tables, replay};
use sha2::{Digest, Sha256};

use crate::tracker::{Tracker, options, sql};

fn event(id: &str) -> String {
    let time = "2026-03-01T12:00:00.000000Z";
    format!(
        r#"{{"event":{{"message_id":"{id}","event":"e","anonymous_id":"a","timestamp":"{time}","received_at":"{time}","properties":"{{\"n\":1}}"}}}}"#
    )
}

/// As an event of another project, which the Worker knows by its key.
fn of_web(event: String) -> String {
    event.replacen(r#""event":"e""#, r#""event":"e","project":"web""#, 1)
}

fn quarantined(id: &str) -> String {
    format!(
        r#"{{"quarantine":{{"message_id":"{id}","anonymous_id":"a","reason":"no_event_name","received_at":"2026-03-01T12:00:00.000000Z","bytes":2,"payload":"{{}}"}}}}"#
    )
}

fn object(lines: &[String]) -> String {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let sha256: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    let head = serde_json::json!({"format": "dlt-edge", "version": 1, "lines": lines.len(), "bytes": body.len(), "sha256": sha256});
    format!("{head}\n{body}")
}

/// A folder with objects, and the data folder of a tracker.
struct Edge {
    folder: tempfile::TempDir,
}

impl Edge {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn bucket(&self) -> PathBuf {
        self.folder.path().join("bucket")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.bucket().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn load(&self) -> EdgeLoad {
        load(&self.data(), &self.bucket())
    }

    /// The message ids of a table, each row's.
    fn ids(&self, table: &str) -> Vec<String> {
        let rows = sql(&self.data(), &format!("SELECT message_id FROM {table} ORDER BY message_id"));
        rows.iter().map(|row| row["message_id"].as_str().unwrap().to_owned()).collect()
    }
}

fn load(data: &Path, from: &Path) -> EdgeLoad {
    load_objects(data, from.to_str().unwrap(), |_| {}).unwrap()
}

/// New events, new rows of the quarantine, records that were known.
fn records(load: &EdgeLoad) -> (u64, u64, u64) {
    (load.records.events, load.records.quarantined, load.records.known)
}

#[test]
fn objects_are_taken_once_and_so_are_their_records() {
    let edge = Edge::new();
    edge.put("2026-03-01/12/a.ndjson", &object(&[event("m1"), quarantined("q1"), event("m2")]));
    // Delivered again in other company.
    edge.put("2026-03-01/12/b.ndjson", &object(&[event("m2"), quarantined("q1"), event("m3"), event("m3")]));
    edge.put("set-aside/x.txt", "no object");
    let first = edge.load();
    assert_eq!((first.objects, first.before, first.others), (2, 0, 1), "{first:?}");
    assert_eq!(records(&first), (3, 1, 3));
    let second = edge.load();
    assert_eq!((second.objects, second.before, records(&second)), (0, 2, (0, 0, 0)));
    // The same under another name, as a copy: its records are known.
    edge.put("copy.ndjson", &object(&[event("m1"), quarantined("q1"), event("m4")]));
    assert_eq!(records(&edge.load()), (1, 0, 2));
    assert_eq!(edge.ids("events"), ["m1", "m2", "m3", "m4"]);
    assert_eq!(edge.ids("quarantine"), ["q1"]);
    let found = check(&edge.data()).unwrap();
    assert!(found.is_sound(), "{found}");
    assert_eq!((found.ledger.accepted, found.ledger.loaded, found.ledger.quarantined), (5, 4, 1));
}

#[test]
fn one_id_in_two_projects_is_two_records() {
    let edge = Edge::new();
    edge.put("a.ndjson", &object(&[event("m1"), of_web(event("m1")), of_web(event("m1")), event("m2")]));
    assert_eq!(records(&edge.load()), (3, 0, 1));
    edge.put("b.ndjson", &object(&[of_web(event("m2")), event("m2"), of_web(event("m1"))]));
    assert_eq!(records(&edge.load()), (1, 0, 2));
    let rows = sql(&edge.data(), "SELECT coalesce(project, '') || message_id AS message FROM events ORDER BY 1");
    let found: Vec<&str> = rows.iter().map(|row| row["message"].as_str().unwrap()).collect();
    assert_eq!(found, ["m1", "m2", "webm1", "webm2"]);
    assert!(check(&edge.data()).unwrap().is_sound());
}

#[test]
fn an_object_that_was_cut_is_refused_and_taken_when_it_is_whole() {
    let edge = Edge::new();
    let whole = object(&[event("m1"), event("m2")]);
    edge.put("a.ndjson", &whole[..whole.len() - 20]);
    edge.put("b.ndjson", &object(&[event("m3")]));
    let cut = edge.load();
    assert_eq!((cut.objects, cut.refused.len()), (1, 1), "{cut:?}");
    let (name, reason) = &cut.refused[0];
    assert!(name.ends_with("bucket/a.ndjson") && reason.contains("cut short"), "{cut:?}");
    assert_eq!(edge.ids("events"), ["m3"]);
    edge.put("a.ndjson", &whole);
    let after = edge.load();
    assert_eq!((after.objects, after.before, after.refused.len()), (1, 1, 0), "{after:?}");
    assert_eq!(edge.ids("events"), ["m1", "m2", "m3"]);
    // One file, by its own name.
    assert_eq!(load(&edge.data(), &edge.bucket().join("a.ndjson")).before, 1);
}

#[test]
fn a_running_tracker_takes_them() {
    let edge = Edge::new();
    edge.put("a.ndjson", &object(&[event("m1"), event("m2"), quarantined("q1")]));
    let tracker = Tracker::start(&edge.data());
    // What a sender brought itself is not taken again.
    assert_eq!(tracker.client().post("/v1/track", br#"{"event":"e","messageId":"m1"}"#).status, 200);
    assert_eq!(records(&edge.load()), (1, 1, 1));
    assert_eq!(edge.load().before, 1);
    // Nobody else may ask it to.
    assert_eq!(tracker.client().post("/edge-take.json", b"{}").status, 401);
    tracker.stop();
    assert_eq!(edge.load().before, 1);
    assert_eq!(edge.ids("events"), ["m1", "m2"]);
    assert!(check(&edge.data()).unwrap().is_sound());
}

#[test]
fn what_was_deleted_on_request_does_not_come_back() {
    let edge = Edge::new();
    edge.put("a.ndjson", &object(&[event("m1"), quarantined("q1")]));
    edge.load();
    assert_eq!(forget(&edge.data(), "a").unwrap().events, 1);
    edge.put("b.ndjson", &object(&[event("m1"), quarantined("q1"), event("m2")]));
    assert_eq!(records(&edge.load()), (1, 0, 2));
    assert_eq!((edge.ids("events"), edge.ids("quarantine").len()), (vec!["m2".to_owned()], 0));
    let found = check(&edge.data()).unwrap();
    assert!(found.is_sound(), "{found}");
}

#[test]
fn thousands_of_objects_are_taken() {
    let edge = Edge::new();
    for number in 0..2500 {
        let name = format!("{:02}/{number:05}.ndjson", number / 100);
        edge.put(&name, &object(&[event(&format!("m{number}")), event(&format!("n{}", number / 2))]));
    }
    let first = edge.load();
    assert_eq!((first.objects, records(&first)), (2500, (3750, 0, 1250)));
    assert_eq!(edge.load().before, 2500);
    assert_eq!(edge.ids("events").into_iter().collect::<BTreeSet<_>>().len(), 3750);
}

#[test]
fn what_was_replayed_is_not_taken_once_more() {
    let edge = Edge::new();
    let contracts = edge.data().join("contracts");
    fs::create_dir_all(&contracts).unwrap();
    let undeclared = |quarantine: &str, id: &str| {
        let kept = serde_json::json!({"messageId": id, "event": "order", "timestamp": "2026-03-01T12:00:00.000000Z",
            "receivedAt": "2026-03-01T12:00:00.000000Z", "properties": {"total": 7}});
        let row = serde_json::json!({"message_id": quarantine, "reason": "undeclared_event", "event": "order",
            "received_at": "2026-03-01T12:00:00.000000Z", "bytes": 70, "payload": kept.to_string()});
        serde_json::json!({"quarantine": row}).to_string()
    };
    edge.put("a.ndjson", &object(&[undeclared("q1", "m1"), undeclared("q2", "m2")]));
    assert_eq!(records(&edge.load()), (0, 2, 0));
    fs::write(
        contracts.join("default.toml"),
        "[events.order.fields]\ntotal = { type = \"integer\", privacy = \"measure\" }\n",
    )
    .unwrap();
    assert_eq!(replay(&edge.data(), &Selection::default()).unwrap().replayed, 2);
    assert_eq!((edge.ids("events"), edge.ids("quarantine")), (vec!["m1".to_owned(), "m2".to_owned()], Vec::new()));
    edge.put("b.ndjson", &object(&[undeclared("q2", "m2"), undeclared("q3", "m3"), event("m1")]));
    assert_eq!(records(&edge.load()), (0, 1, 2));
    assert_eq!(edge.ids("quarantine"), ["q3"]);
    assert!(check(&edge.data()).unwrap().is_sound());
}

#[test]
fn lists_that_a_contract_names_become_tables() {
    let edge = Edge::new();
    let contracts = edge.data().join("contracts");
    fs::create_dir_all(&contracts).unwrap();
    let fields = "items = { type = \"object\", fields = { sku = { type = \"string\", privacy = \"public\" } } }";
    let products = format!("[events.e.fields]\nproducts = {{ type = \"array\", privacy = \"public\", {fields} }}\n");
    fs::write(contracts.join("default.toml"), products).unwrap();
    let bought = event("m1").replace(r#"{\"n\":1}"#, r#"{\"products\":[{\"sku\":\"a\"},{\"sku\":\"b\"}]}"#);
    edge.put("a.ndjson", &object(&[bought, event("m2")]));
    assert_eq!(records(&edge.load()), (2, 0, 0));
    let items = sql(&edge.data(), "SELECT sku FROM events__products ORDER BY sku");
    assert_eq!(items.iter().map(|item| item["sku"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(check(&edge.data()).unwrap().is_sound());
}

#[test]
fn tables_that_are_moved_know_what_was_taken() {
    let edge = Edge::new();
    edge.put("a.ndjson", &object(&[event("m1"), of_web(event("m1")), quarantined("q1")]));
    edge.load();
    let postgres = Postgres::start().unwrap();
    let store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
    move_tables(edge.data(), &store).unwrap();
    let mut options = options(&edge.data());
    options.store = store;
    edge.put(
        "b.ndjson",
        &object(&[event("m1"), of_web(event("m1")), event("m2"), quarantined("q1"), quarantined("q2")]),
    );
    let from = edge.bucket();
    let after = load_objects(options.place(), from.to_str().unwrap(), |_| {}).unwrap();
    assert_eq!((after.objects, after.before, records(&after)), (1, 1, (1, 1, 3)));
    assert_eq!(load_objects(options.place(), from.to_str().unwrap(), |_| {}).unwrap().before, 2);
    let found = check(options.place()).unwrap();
    assert!(found.is_sound() && found.ledger.accepted == 5, "{found}");
}

#[test]
fn what_is_not_there_is_told() {
    let edge = Edge::new();
    let error = load_objects(&edge.data(), edge.bucket().to_str().unwrap(), |_| {}).unwrap_err();
    assert!(format!("{error:?}").contains("there is no folder and no file"), "{error:?}");
    let error = load_objects(&edge.data(), "ftp://x/y", |_| {}).unwrap_err();
    assert!(format!("{error:?}").contains("ftp"), "{error:?}");
}
