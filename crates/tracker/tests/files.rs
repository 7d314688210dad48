//! A tracker whose tables are files, in a folder or an object store.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dlt_testkit::{Fault, Front, S3};
use dlt_tracker::{
    Arguments, Config, Error, Retain, Retention, ServeOptions, StoreAddress, backup, check, forget, move_tables,
};
use dlt_tracker::{quarantined, report, restore, retain, sql};
use serde_json::json;

use crate::tracker::{Tracker, options};

fn at(lake: &Path, data_dir: &Path) -> ServeOptions {
    let mut options = options(data_dir);
    options.store = StoreAddress::parse(&format!("filesystem:{}", lake.display())).unwrap();
    options
}

fn send(tracker: &Tracker, ids: impl IntoIterator<Item = usize>) {
    let mut client = tracker.client();
    for id in ids {
        let event = json!({"event": format!("e{}", id % 2), "messageId": format!("m{id}"), "anonymousId": format!("a{}", id % 5)});
        assert_eq!(client.post("/v1/track", event.to_string().as_bytes()).status, 200);
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
fn events_are_there_once_across_restarts_and_all_commands_work() {
    let (dir, lake) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = at(lake.path(), dir.path()).place();
    let tracker = Tracker::with(at(lake.path(), dir.path()));
    assert!(tracker.ready.database.starts_with("file://"), "{}", tracker.ready.database);
    send(&tracker, 0..50);
    assert_eq!(tracker.client().post("/v1/track", b"{}").status, 200);
    wait_for(&tracker, "dlt_tracker_ledger_loaded 50");
    tracker.stop();

    let tracker = Tracker::with(at(lake.path(), dir.path()));
    send(&tracker, 40..60);
    wait_for(&tracker, "dlt_tracker_ledger_loaded 60");
    let found = report(place.clone()).unwrap();
    assert_eq!((found.total, found.active_ids), (60, 5));
    assert_eq!(
        found.ledger.to_string(),
        "accepted 71 = loaded 60 + quarantined 1 + deduplicated 10 + deleted 0 + in journal 0"
    );
    assert_eq!(forget(place.clone(), "a1").unwrap().events, 12);
    assert_eq!(quarantined(place.clone(), &dlt_tracker::Selection::default()).unwrap().len(), 1);
    let rows = sql(place.clone(), "SELECT event, count(*) AS n FROM events GROUP BY 1 ORDER BY 1", None).unwrap();
    assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    let refused = sql(place.clone(), "SELECT * FROM read_parquet('x')", None).unwrap_err();
    assert!(refused.to_string().contains("read_parquet"), "{refused}");
    // The copies of a running tracker fit a copy of the files.
    let copy = dir.path().join("copy");
    assert!(backup(place.clone(), &copy).unwrap().tables_elsewhere.is_some_and(|told| told.starts_with("file://")));
    send(&tracker, 0..10);
    tracker.stop();
    let retained = retain(place.clone(), &Retention::default(), Retain::Preview).unwrap();
    assert_eq!((retained.events(), retained.stay), (0, 49));
    let sound = check(place).unwrap();
    assert!(sound.is_sound() && (sound.ledger.loaded, sound.ledger.deleted) == (48, 13), "{sound}");
    let again = dir.path().join("again");
    assert!(restore(&copy, &again).unwrap().is_none());
    let tracker = Tracker::with(at(lake.path(), &again));
    send(&tracker, 59..61);
    tracker.stop();
    let sound = check(at(lake.path(), &again).place()).unwrap();
    assert!(sound.is_sound() && sound.ledger.loaded == 49, "{sound}");
}

#[test]
fn files_belong_to_one_data_folder() {
    let (first, second, lake) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tracker = Tracker::with(at(lake.path(), first.path()));
    let refused = |options| dlt_tracker::serve(options, |_| panic!("events would be in no table")).unwrap_err();
    let told = refused(at(lake.path(), second.path()));
    assert!(matches!(told, Error::TablesTaken { .. }), "{told}");
    send(&tracker, 0..3);
    tracker.stop();
    let told = refused(at(lake.path(), second.path()));
    assert!(matches!(told, Error::TablesTaken { .. }), "{told}");
    let told = refused(options(first.path()));
    assert!(told.to_string().contains("file://"), "{told}");
    // A copy of the folder takes over; the one before says so, and keeps what it has taken.
    let before = Tracker::with(at(lake.path(), first.path()));
    wait_for(&before, "dlt_tracker_ledger_loaded 3");
    let copied = second.path().join("copy");
    let copy = |from: &Path, to: &Path| {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    };
    copy(first.path(), &copied);
    copy(&first.path().join("journal"), &copied.join("journal"));
    let after = Tracker::with(at(lake.path(), &copied));
    send(&after, 3..5);
    wait_for(&after, "dlt_tracker_ledger_loaded 5");
    send(&before, 5..7);
    wait_for(&before, "dlt_tracker_ledger_in_journal 2");
    let told = check(at(lake.path(), first.path()).place()).unwrap();
    assert_eq!((told.ledger.loaded, told.ledger.in_journal), (3, 2));
    let busy = before.client().get("/metrics").body;
    assert!(
        busy.lines().any(|line| line.starts_with("dlt_tracker_loads_total{outcome=\"busy\"}") && !line.ends_with(" 0")),
        "{busy}"
    );
    after.stop();
    drop(before);
    // Several processes need a database.
    let mut shared = at(lake.path(), first.path());
    shared.duty = dlt_tracker::Duty::Receive;
    let told = refused(shared);
    assert!(matches!(told, Error::NotShared), "{told}");
}

#[test]
fn tables_of_a_database_file_are_moved_into_files() {
    let (dir, lake) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tracker = Tracker::with(options(dir.path()));
    send(&tracker, (0..30).chain(20..25));
    tracker.client().post("/v1/track", b"{}");
    assert_eq!(forget(dir.path(), "a3").unwrap().events, 6);
    tracker.stop();
    let there = at(lake.path(), dir.path());
    let ledger = move_tables(dir.path(), &there.store).unwrap();
    assert_eq!((ledger.loaded, ledger.deduplicated, ledger.deleted), (24, 5, 7));
    let place = there.place();
    let tracker = Tracker::with(there);
    send(&tracker, 28..32);
    tracker.stop();
    let sound = check(place).unwrap();
    assert!(sound.is_sound() && (sound.ledger.loaded, sound.ledger.deduplicated) == (26, 7), "{sound}");
}

/// Options as a file of settings says them.
fn configured(text: &str) -> Result<ServeOptions, dlt_engine::Error> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("settings.toml");
    std::fs::write(&file, format!("data = \"d\"\n{text}")).unwrap();
    let mut arguments = Arguments::default();
    arguments.file = Some(file);
    Config::read(arguments, []).and_then(|config| config.serve_options())
}

#[test]
fn keys_of_a_store_are_for_files_alone() {
    let keys = "[store.credentials]\naws_access_key_id = \"a\"\n";
    configured(&format!("[store]\nurl = \"s3://b/t\"\n{keys}")).unwrap();
    let told = configured(keys).unwrap_err();
    assert!(told.to_string().contains("`store.credentials` is for an object store"), "{told}");
    let told = configured("[store]\nurl = \"s3://b/t\"\n[store.credentials]\naws_access_key = \"a\"\n").unwrap_err();
    let told = format!("{told}: {}", told.advice().unwrap_or_default());
    assert!(told.contains("settings.toml:5") && told.contains("aws_access_key_id"), "{told}");
    assert!(configured("[store]\nurl = \"http://host/t\"\n").is_err());
}

/// Each request of a load into a bucket fails in turn: refused, or done without an answer. Events wait, and are there once in the end.
#[test]
fn a_bucket_that_fails_at_any_request_has_each_event_once() {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    for fault in [Fault::Answer(403, "AccessDenied"), Fault::LoseAnswer] {
        // How many requests go well before one fails; none fails where there are more than a load has.
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let (counted, failing) = (Arc::clone(&left), fault.clone());
        let front = Front::before(server.address(), move |_, _| {
            let before = counted.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.wrapping_sub(1)));
            if before == Ok(0) { failing.clone() } else { Fault::None }
        })
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let url = format!("s3://lake/{}", if matches!(fault, Fault::LoseAnswer) { "lost" } else { "refused" });
        let mut options = configured(&format!(
            "[store]\nurl = \"{url}\"\n[store.credentials]\naws_access_key_id = \"key\"\n\
             aws_secret_access_key = \"very-secret\"\nregion_name = \"us-east-1\"\nendpoint_url = \"{}\"\n",
            front.url()
        ))
        .unwrap();
        options.listen = "127.0.0.1:0".to_owned();
        options.data_dir = dir.path().to_owned();
        options.load_interval = Some(Duration::from_millis(20));
        let place = options.place();
        let tracker = Tracker::with(options);
        send(&tracker, 0..2);
        wait_for(&tracker, "dlt_tracker_ledger_loaded 2");
        let mut events = 2;
        for at in 0.. {
            assert!(at < 200, "a load of so many requests");
            left.store(at, Ordering::SeqCst);
            send(&tracker, [events, events - 1]);
            events += 1;
            wait_for(&tracker, &format!("dlt_tracker_ledger_loaded {events}"));
            let has_failed = left.load(Ordering::SeqCst) > at;
            if !has_failed {
                assert!(at > 8, "a load of {at} requests");
                break;
            }
        }
        left.store(usize::MAX, Ordering::SeqCst);
        tracker.stop();
        let sound = check(place).unwrap();
        let ledger = (sound.ledger.loaded as usize, sound.ledger.deduplicated as usize);
        assert!(sound.is_sound() && ledger == (events, events - 2), "{sound}");
    }
}
