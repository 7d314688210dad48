//! Loading when something stands in the way.

use std::time::{Duration, Instant};

use dlt_destination_duckdb::DuckDb;
use dlt_engine::destination::{Access, Destination};
use dlt_tracker::{check, report};

use crate::tracker::{Tracker, sql};

#[test]
fn events_wait_in_the_journal_while_somebody_reads_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    tracker.client().post("/v1/track", br#"{"event":"before"}"#);
    assert_eq!(report(dir.path()).unwrap().total, 1);

    // In this process, too, a reader keeps the loader from writing.
    let destination = DuckDb::at(dir.path().join("tracker.duckdb")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let reader = loop {
        match destination.connect("telemetry", Access::Read) {
            Ok(reader) => break reader,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    for _ in 0..5 {
        assert_eq!(tracker.client().post("/v1/track", br#"{"event":"meanwhile"}"#).status, 200);
    }
    let waiting = report(dir.path()).unwrap();
    assert_eq!((waiting.total, waiting.ledger.in_journal, waiting.ledger.unaccounted()), (1, 5, 0));
    drop(reader);
    let loaded = report(dir.path()).unwrap();
    assert_eq!((loaded.total, loaded.ledger.in_journal), (6, 0));
}

#[test]
fn texts_of_all_kinds_arrive_as_they_were_sent() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let texts = [
        "",
        " ",
        "é漢字🦀",
        "a'b\"c\\d",
        "line\nbreak\ttab",
        "nul\u{0}inside",
        "NULL",
        "2020-01-01T00:00:00Z",
        "1.5",
        "{}",
    ];
    for (number, text) in texts.iter().enumerate() {
        let event = serde_json::json!({"event": format!("e{number}"), "messageId": format!("m'{number}\"{text}"),
            "properties": {"destination_name": text, "other": text, "_dlt_id": "x", "a.b": 1}});
        assert_eq!(tracker.client().post("/", event.to_string().as_bytes()).status, 204);
        // Once more, so that odd ids are also recognised.
        assert_eq!(tracker.client().post("/", event.to_string().as_bytes()).status, 204);
    }
    let summary = tracker.stop();
    assert_eq!((summary.ledger.loaded, summary.ledger.deduplicated), (10, 10));
    let rows = sql(dir.path(), "SELECT destination_name, message_id FROM events ORDER BY journal_seq");
    for (number, (row, text)) in rows.iter().zip(texts).enumerate() {
        assert_eq!(row["destination_name"], text);
        assert_eq!(row["message_id"], format!("m'{number}\"{text}"));
    }
}

#[test]
fn a_damaged_record_is_put_aside_and_the_others_are_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    for number in 0..3 {
        tracker.client().post("/v1/track", format!(r#"{{"event":"first{number}"}}"#).as_bytes());
    }
    assert_eq!(report(dir.path()).unwrap().total, 3);
    let destination = DuckDb::at(dir.path().join("tracker.duckdb")).unwrap();
    let reader = loop {
        if let Ok(reader) = destination.connect("telemetry", Access::Read) {
            break reader;
        }
    };
    for number in 0..3 {
        tracker.client().post("/v1/track", format!(r#"{{"event":"second{number}"}}"#).as_bytes());
    }
    let segment = std::fs::read_dir(dir.path().join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let newest = segment.filter(|path| path.extension().is_some_and(|end| end == "seg")).max().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let at = bytes.windows(7).position(|window| window == b"second1").unwrap();
    bytes[at] = b'X';
    std::fs::write(&newest, bytes).unwrap();
    drop(reader);

    let found = report(dir.path()).unwrap();
    assert_eq!((found.total, found.ledger.quarantined, found.ledger.in_journal), (5, 1, 0));
    assert_eq!(found.quarantine[0].value.as_deref(), Some("corrupt_record"));
    assert!(check(dir.path()).unwrap().is_sound());
    tracker.client().post("/v1/track", br#"{"event":"after"}"#);
    assert_eq!(report(dir.path()).unwrap().total, 6);
    let metrics = tracker.client().get("/metrics").body;
    let counted = "dlt_tracker_put_aside_total{reason=\"corrupt_record\"} 1";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
}

#[test]
fn a_database_that_was_replaced_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    for _ in 0..4 {
        tracker.client().post("/v1/track", br#"{"event":"e"}"#);
    }
    tracker.stop();
    assert!(check(dir.path()).unwrap().is_sound());
    std::fs::remove_file(dir.path().join("tracker.duckdb")).unwrap();
    let tracker = Tracker::start(dir.path());
    tracker.client().post("/v1/track", br#"{"event":"new"}"#);
    let found = check(dir.path()).unwrap();
    assert!(!found.is_sound(), "{found}");
    assert_eq!((found.ledger.loaded, found.ledger.unaccounted()), (1, 4));
}

#[test]
fn a_load_that_a_kill_cut_short_does_not_bind_the_folder_to_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let (before, after) = (dir.path().join("before"), dir.path().join("after"));
    let tracker = Tracker::start(&before);
    tracker.client().post("/v1/track", br#"{"event":"e","messageId":"m"}"#);
    assert_eq!(tracker.stop().ledger.loaded, 1);
    // What is left when the process is killed between normalizing and loading.
    let package = before.join("work/pipelines/tracker/packages/1.0");
    std::fs::create_dir_all(package.join("normalized")).unwrap();
    let manifest = serde_json::json!({
        "format": 1, "load_id": "1.0", "transaction_id": "t", "stage": "normalized", "identity": "journal",
        "is_replayable": true, "schema_name": "tracker", "dataset": "telemetry",
        "destination": before.join("tracker.duckdb"),
    });
    std::fs::write(package.join("package.json"), manifest.to_string()).unwrap();
    std::fs::rename(&before, &after).unwrap();

    let tracker = Tracker::start(&after);
    tracker.client().post("/v1/track", br#"{"event":"after"}"#);
    assert_eq!(report(&after).unwrap().total, 2);
    assert_eq!(tracker.stop().ledger.unaccounted(), 0);
}
