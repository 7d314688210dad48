//! A tracker whose tables are in Postgres.

use std::time::{Duration, Instant};

use dlt_testkit::Postgres;
use dlt_tracker::{Error, ServeOptions, StoreAddress, check, report};

use crate::tracker::{Tracker, options};

fn at(postgres: &Postgres, data_dir: &std::path::Path) -> ServeOptions {
    let mut options = options(data_dir);
    options.store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
    options
}

fn send(tracker: &Tracker, ids: std::ops::Range<u32>) {
    let mut client = tracker.client();
    for id in ids {
        let event = format!(r#"{{"event":"e{}","messageId":"m{id}","anonymousId":"a{}"}}"#, id % 2, id % 5);
        assert_eq!(client.post("/v1/track", event.as_bytes()).status, 200);
    }
}

fn wait_for(tracker: &Tracker, line: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let metrics = tracker.client().get("/metrics").body;
        if metrics.lines().any(|found| found == line) {
            return;
        }
        assert!(Instant::now() < deadline, "{line} in\n{metrics}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn events_outlive_a_crash_of_the_server_and_are_there_once() {
    let mut postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::with(at(&postgres, dir.path()));
    assert!(!tracker.ready.database.contains("p%40ss"), "{}", tracker.ready.database);
    send(&tracker, 0..50);
    wait_for(&tracker, "dlt_tracker_ledger_loaded 50");

    postgres.crash().unwrap();
    send(&tracker, 40..100);
    assert_eq!(tracker.client().get("/healthz").status, 200, "events are taken");
    postgres.resume().unwrap();
    wait_for(&tracker, "dlt_tracker_ledger_loaded 100");

    let place = at(&postgres, dir.path()).place();
    let running = report(place.clone()).unwrap();
    assert_eq!((running.total, running.active_ids), (100, 5));
    assert_eq!(
        running.ledger.to_string(),
        "accepted 110 = loaded 100 + quarantined 0 + deduplicated 10 + deleted 0 + in journal 0"
    );
    assert_eq!(dlt_tracker::forget(place.clone(), "a1").unwrap().events, 20);
    send(&tracker, 0..10);
    tracker.stop();
    assert_eq!(report(place.clone()).unwrap().ledger.deleted, 21, "20 events and the request");
    let sound = check(place).unwrap();
    assert!(sound.is_sound(), "{sound}");
    let ids = "SELECT count(*), count(DISTINCT message_id) FROM telemetry.events";
    assert_eq!(postgres.sql("postgres", ids).unwrap(), "80|80");
    let plan = "EXPLAIN SELECT * FROM telemetry.events WHERE message_id = 'm3'";
    assert!(
        postgres
            .sql("postgres", &format!("SET enable_seqscan = off; {plan}"))
            .unwrap()
            .contains("events_message_project")
    );
}

#[test]
fn tables_that_somebody_holds_for_a_while_let_events_wait() {
    let postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::with(at(&postgres, dir.path()));
    send(&tracker, 0..10);
    wait_for(&tracker, "dlt_tracker_ledger_loaded 10");
    std::thread::scope(|scope| {
        let held = "BEGIN; LOCK TABLE telemetry.events, telemetry.journal_loads IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT";
        let holding = scope.spawn(|| postgres.sql("postgres", held).unwrap());
        std::thread::sleep(Duration::from_millis(500));
        let begun = Instant::now();
        send(&tracker, 5..40);
        assert!(begun.elapsed() < Duration::from_secs(2), "senders do not wait for the tables: {:?}", begun.elapsed());
        assert_eq!(tracker.client().get("/healthz").status, 200);
        assert!(!holding.is_finished(), "it was held meanwhile");
        holding.join().unwrap();
    });
    wait_for(&tracker, "dlt_tracker_ledger_loaded 40");
    wait_for(&tracker, "dlt_tracker_ledger_deduplicated 5");
    let sound = check(at(&postgres, dir.path()).place()).unwrap();
    assert!(sound.is_sound(), "{sound}");
    tracker.stop();
}

#[test]
fn two_folders_that_are_begun_with_the_same_empty_tables_are_told_apart() {
    let mut postgres = Postgres::start().unwrap();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Nothing is loaded, so no number tells.
    Tracker::with(at(&postgres, one.path())).stop();
    let refused = dlt_tracker::serve(at(&postgres, other.path()), |_| panic!("it began")).unwrap_err();
    assert!(matches!(refused, Error::TablesTaken { .. }), "{refused}");
    // It can have tables of its own.
    Tracker::with(options(other.path())).stop();
    let again = Tracker::with(at(&postgres, one.path()));
    send(&again, 0..3);
    wait_for(&again, "dlt_tracker_ledger_loaded 3");
    again.stop();
    // Tables of an earlier version say nothing: they are of the folder that is started with them.
    postgres.sql("postgres", "DROP TABLE telemetry.journal_owner").unwrap();
    Tracker::with(at(&postgres, one.path())).stop();
    postgres.sql("postgres", "UPDATE telemetry.journal_owner SET owner = 'another'").unwrap();
    let refused = dlt_tracker::serve(at(&postgres, one.path()), |_| panic!("it began")).unwrap_err();
    assert!(matches!(refused, Error::TablesTaken { .. }), "{refused}");
    // Where they can't be asked at the start, they are before the first load.
    postgres.crash().unwrap();
    let away = Tracker::with(at(&postgres, one.path()));
    send(&away, 3..6);
    postgres.resume().unwrap();
    let refused = check(at(&postgres, one.path()).place()).unwrap_err().to_string();
    assert!(refused.contains("those of another journal"), "{refused}");
    assert_eq!(postgres.sql("postgres", "SELECT count(*) FROM telemetry.events").unwrap(), "3");
    let own = "UPDATE telemetry.journal_owner SET owner = ";
    postgres
        .sql("postgres", &format!("{own} '{}'", std::fs::read_to_string(one.path().join("owner")).unwrap().trim()))
        .unwrap();
    wait_for(&away, "dlt_tracker_ledger_loaded 6");
    away.stop();
}

#[test]
fn a_tracker_starts_while_the_server_is_away_and_takes_events() {
    let mut postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let begun = Tracker::with(at(&postgres, dir.path()));
    send(&begun, 0..5);
    begun.stop();
    postgres.crash().unwrap();
    let tracker = Tracker::with(at(&postgres, dir.path()));
    send(&tracker, 5..9);
    postgres.resume().unwrap();
    wait_for(&tracker, "dlt_tracker_ledger_loaded 9");
    assert!(check(at(&postgres, dir.path()).place()).unwrap().is_sound());
}

#[test]
fn a_data_folder_belongs_to_its_tables() {
    let postgres = Postgres::start().unwrap();
    let (elsewhere, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for options in [at(&postgres, elsewhere.path()), options(here.path())] {
        let tracker = Tracker::with(options);
        send(&tracker, 0..3);
        tracker.stop();
    }
    for options in [options(elsewhere.path()), at(&postgres, here.path())] {
        let refused = dlt_tracker::serve(options, |_| panic!("events would be in no table")).unwrap_err();
        assert!(matches!(refused, Error::OtherTables { .. }), "{refused}");
        assert!(!refused.to_string().contains("p%40ss"), "{refused}");
    }
    let mut wrong = options(elsewhere.path());
    let url = postgres.url("postgres").replace("p%40ss", "wrong");
    wrong.store = StoreAddress::parse(&url).unwrap();
    let refused = report(wrong.place()).unwrap_err();
    let told = format!("{refused}: {:?}", std::error::Error::source(&refused));
    assert!(told.contains("refuses the password") && !told.contains("wrong%3Aw"), "{told}");
}

#[test]
fn two_trackers_do_not_load_into_the_same_tables() {
    let postgres = Postgres::start().unwrap();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let refused = || {
        let refused =
            dlt_tracker::serve(at(&postgres, second.path()), |_| panic!("events would be in no table")).unwrap_err();
        assert!(matches!(refused, Error::TablesTaken { .. }), "{refused}");
    };
    let tracker = Tracker::with(at(&postgres, first.path()));
    refused();
    send(&tracker, 0..3);
    wait_for(&tracker, "dlt_tracker_ledger_loaded 3");
    tracker.stop();
    // Nor after each other.
    refused();
    let again = Tracker::with(at(&postgres, first.path()));
    send(&again, 3..5);
    wait_for(&again, "dlt_tracker_ledger_loaded 5");
}

#[test]
fn the_tables_of_a_duckdb_file_are_moved_and_everything_goes_on() {
    let postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::with(options(dir.path()));
    send(&tracker, 0..50);
    wait_for(&tracker, "dlt_tracker_ledger_loaded 50");
    send(&tracker, 10..20);
    tracker.client().post("/v1/track", br#"{"messageId":"odd\"'","properties":{"a":"b'\u00fc\n"}}"#);
    let odd = r#"{"event":"o'dd","messageId":"q'","properties":{"elapsed":0.1,"n":9007199254740993},"timestamp":"2026-01-02T03:04:05.678901Z"}"#;
    assert_eq!(tracker.client().post("/v1/track", odd.as_bytes()).status, 200);
    assert_eq!(dlt_tracker::forget(dir.path(), "a1").unwrap().events, 10);
    tracker.stop();
    let before = report(dir.path()).unwrap();
    let rows = |sql: &str| crate::tracker::sql(dir.path(), sql);
    let stored = serde_json::to_value(rows("SELECT properties FROM events WHERE event LIKE 'o%'")).unwrap();

    let place = at(&postgres, dir.path()).place();
    let moved = dlt_tracker::move_tables(dir.path(), &place.store).unwrap();
    assert_eq!(moved, before.ledger);
    assert!(!dir.path().join("tracker.duckdb").exists() && dir.path().join("tracker.duckdb.moved").exists());
    let mut found = report(place.clone()).unwrap();
    found.active_by_window = before.active_by_window;
    assert_eq!(found, before);
    let sound = check(place.clone()).unwrap();
    assert!(sound.is_sound(), "{sound}");
    let odd =
        postgres.sql("postgres", "SELECT elapsed, properties FROM telemetry.events WHERE event LIKE 'o%'").unwrap();
    assert_eq!(odd, format!("0.1|{}", stored[0]["properties"].as_str().unwrap()));

    // What came before is known: duplicates, and what was deleted.
    let tracker = Tracker::with(at(&postgres, dir.path()));
    send(&tracker, 0..55);
    wait_for(&tracker, "dlt_tracker_ledger_loaded 46");
    tracker.stop();
    assert!(check(place.clone()).unwrap().is_sound());
    let again = dlt_tracker::move_tables(dir.path(), &place.store).unwrap_err();
    assert!(matches!(again, Error::NoData { .. }), "{again}");
}

#[test]
fn tables_are_not_moved_into_others() {
    let postgres = Postgres::start().unwrap();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tracker = Tracker::with(options(one.path()));
    send(&tracker, 0..3);
    let place = at(&postgres, other.path()).place();
    let running = dlt_tracker::move_tables(one.path(), &place.store).unwrap_err();
    assert!(matches!(running, Error::InUse { .. }), "{running}");
    tracker.stop();
    let tracker = Tracker::with(at(&postgres, other.path()));
    send(&tracker, 0..3);
    tracker.stop();
    let full = dlt_tracker::move_tables(one.path(), &place.store).unwrap_err();
    assert!(format!("{:?}", std::error::Error::source(&full)).contains("tables of a tracker already"), "{full:?}");
    assert_eq!(report(one.path()).unwrap().total, 3, "nothing has changed");
}
