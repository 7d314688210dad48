//! Trackers that share a journal and tables.

use std::path::Path;
use std::time::{Duration, Instant};

use dlt_testkit::{Nats, Postgres};
use dlt_tracker::{
    Duty, Error, JournalAddress, Retain, Retention, Selection, ServeOptions, StoreAddress, add_key, backup, check,
    replay, report, restore, retain,
};
use serde_json::json;

use crate::tracker::{Tracker, options};

/// A stream and a database.
struct Shared {
    nats: Nats,
    postgres: Postgres,
}

impl Shared {
    fn start() -> Self {
        Self { nats: Nats::start(1).unwrap(), postgres: Postgres::start().unwrap() }
    }

    fn options(&self, data_dir: &Path, duty: Duty) -> ServeOptions {
        let mut options = options(data_dir);
        options.store = StoreAddress::parse(&self.postgres.url("postgres")).unwrap();
        options.journal = JournalAddress::parse(&self.nats.url("EVENTS")).unwrap();
        options.journal_bytes = 64 << 20;
        options.duty = duty;
        options.id_key = Some("one key for all of them".to_owned());
        options
    }
}

fn send(tracker: &Tracker, ids: std::ops::Range<u32>) {
    let mut client = tracker.client();
    for id in ids {
        let event = json!({"event": "e", "messageId": format!("m{id}"), "userId": "ada"}).to_string();
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
fn one_receives_and_another_loads() {
    let shared = Shared::start();
    let (front, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let receiver = Tracker::with(shared.options(front.path(), Duty::Receive));
    send(&receiver, 0..20);
    let waiting = report(shared.options(front.path(), Duty::Receive).place()).unwrap();
    assert_eq!((waiting.total, waiting.ledger.in_journal), (0, 20), "nobody loads yet");

    let loader = Tracker::with(shared.options(back.path(), Duty::Load));
    wait_for(&loader, "dlt_tracker_ledger_loaded 20");
    wait_for(&loader, "dlt_tracker_leads 1");
    wait_for(&receiver, "dlt_tracker_ledger_loaded 20");
    wait_for(&receiver, "dlt_tracker_leads 0");
    assert_eq!(loader.client().post("/v1/track", br#"{"event":"e"}"#).status, 503, "it only loads");
    send(&receiver, 10..30);
    let place = shared.options(front.path(), Duty::Receive).place();
    let forgotten = dlt_tracker::forget(place.clone(), "nobody").unwrap();
    assert_eq!(forgotten.events, 0, "the answer comes when the other one has done it");
    let found = report(place.clone()).unwrap();
    assert_eq!((found.total, found.active_ids, found.ledger.deleted), (30, 1, 1));
    let sound = check(place).unwrap();
    assert!(sound.is_sound() && sound.ledger.unaccounted() == 0, "{sound}");
    let id = shared.postgres.sql("postgres", "SELECT DISTINCT anonymous_id FROM telemetry.events").unwrap();
    receiver.stop();
    loader.stop();

    // A third one has the same key, and with it the same ids.
    let other = tempfile::tempdir().unwrap();
    let whole = Tracker::with(shared.options(other.path(), Duty::All));
    send(&whole, 30..31);
    wait_for(&whole, "dlt_tracker_ledger_loaded 31");
    let ids = shared.postgres.sql("postgres", "SELECT DISTINCT anonymous_id FROM telemetry.events").unwrap();
    assert_eq!(ids, id);
}

/// Two processes that both receive and load, with the same events of two projects.
#[test]
fn one_id_in_two_projects_is_two_events_whoever_takes_and_loads_them() {
    let shared = Shared::start();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let web = add_key(one.path(), "web", None, None).unwrap().secret;
    let keys = one.path().join("keys.exported");
    std::fs::write(&keys, dlt_tracker::export_projects(one.path()).unwrap()).unwrap();
    dlt_tracker::import_projects(other.path(), &keys).unwrap();
    let trackers = [one.path(), other.path()].map(|dir| Tracker::with(shared.options(dir, Duty::All)));
    let send = |tracker: &Tracker, ids: std::ops::Range<u32>| {
        let mut client = tracker.client();
        for id in ids {
            for key in [None, Some(&web)] {
                let event = json!({"event": "e", "messageId": format!("m{id}"), "anonymousId": "ada", "writeKey": key});
                assert_eq!(client.post("/v1/track", event.to_string().as_bytes()).status, 200);
            }
        }
    };
    std::thread::scope(|scope| {
        for (tracker, from) in trackers.iter().zip([0, 20]) {
            scope.spawn(move || send(tracker, from..from + 40));
        }
    });
    trackers.iter().for_each(|tracker| wait_for(tracker, "dlt_tracker_ledger_loaded 120"));
    // The stream forgets what it took, and the one that led ends: the tables know both.
    let [led, follows] = trackers;
    led.stop();
    shared.nats.python("await js.purge_stream('EVENTS')").unwrap();
    send(&follows, 55..65);
    wait_for(&follows, "dlt_tracker_ledger_loaded 130");
    let found = check(shared.options(other.path(), Duty::All).place()).unwrap();
    assert!(found.is_sound(), "{found}");
    follows.stop();
    let counted = "SELECT count(*), count(DISTINCT message_id), count(project) FROM telemetry.events";
    assert_eq!(shared.postgres.sql("postgres", counted).unwrap(), "130|65|65");
}

#[test]
fn what_is_replayed_comes_by_the_stream_too() {
    let shared = Shared::start();
    let dir = tempfile::tempdir().unwrap();
    let web = add_key(dir.path(), "web", None, None).unwrap().secret;
    std::fs::create_dir_all(dir.path().join("contracts")).unwrap();
    let contract = dir.path().join("contracts/web.toml");
    std::fs::write(&contract, "[events.bought]\n").unwrap();
    let tracker = Tracker::with(shared.options(dir.path(), Duty::All));
    for id in ["m1", "m2"] {
        let event = json!({"event": "sold", "messageId": id, "writeKey": web}).to_string();
        assert_eq!(tracker.client().post("/v1/track", event.as_bytes()).status, 200);
    }
    let place = shared.options(dir.path(), Duty::All).place();
    assert_eq!(check(place.clone()).unwrap().ledger.quarantined, 2);
    std::fs::write(&contract, "[events.bought]\n[events.sold]\n").unwrap();
    assert_eq!(replay(place.clone(), &Selection::default()).unwrap().replayed, 2);
    let found = check(place).unwrap();
    let ledger = (found.ledger.loaded, found.ledger.quarantined, found.ledger.replayed);
    assert!(found.is_sound() && ledger == (2, 0, 2), "{found}");
    let stored = "SELECT message_id, project FROM telemetry.events ORDER BY 1";
    assert_eq!(shared.postgres.sql("postgres", stored).unwrap(), "m1|web\nm2|web");
    tracker.stop();
}

#[test]
fn only_the_one_that_loads_deletes_what_is_too_old() {
    let shared = Shared::start();
    let (front, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let receiver = Tracker::with(shared.options(front.path(), Duty::Receive));
    let mut keeping = shared.options(back.path(), Duty::Load);
    keeping.retention.raw = None;
    let loader = Tracker::with(keeping);
    send(&receiver, 0..20);
    wait_for(&receiver, "dlt_tracker_ledger_loaded 20");
    let older = "UPDATE telemetry.events SET received_at = received_at - INTERVAL '100 days' WHERE journal_seq <= 15";
    shared.postgres.sql("postgres", older).unwrap();
    let place = shared.options(front.path(), Duty::Receive).place();
    let would = retain(place.clone(), &Retention::default(), Retain::Preview).unwrap();
    assert_eq!((would.events(), would.stay), (15, 5), "anybody may look");
    let refused = retain(place.clone(), &Retention::default(), Retain::Carefully).unwrap_err();
    assert!(refused.to_string().contains("another process loads into these tables"), "{refused}");
    assert_eq!(report(place.clone()).unwrap().ledger.expired, 0);
    loader.stop();
    let loader = Tracker::with(shared.options(back.path(), Duty::Load));
    wait_for(&loader, "dlt_tracker_ledger_expired 15");
    wait_for(&receiver, "dlt_tracker_ledger_expired 15");
    let sound = check(place).unwrap();
    assert!(sound.is_sound(), "{sound}");
}

#[test]
fn a_client_proves_its_events_to_whoever_receives() {
    let shared = Shared::start();
    let (front, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let receiver = Tracker::with(shared.options(front.path(), Duty::Receive));
    let claim = json!({"anonymousId": "ada", "proof": [{"messageId": "m", "digest": "ab".repeat(32)}]}).to_string();
    send(&receiver, 0..1);
    // What waits can't be looked up, so it is not refused for good.
    let undecided = receiver.client().post("/v1/forget", claim.as_bytes());
    assert_eq!((undecided.status, undecided.header("retry-after")), (503, Some("5")), "{undecided:?}");
    let _loader = Tracker::with(shared.options(back.path(), Duty::Load));
    wait_for(&receiver, "dlt_tracker_ledger_loaded 1");
    let refused = receiver.client().post("/v1/forget", claim.as_bytes());
    assert_eq!((refused.status, refused.json()["code"].as_str()), (400, Some("unproven")));
}

#[test]
fn a_stream_that_was_removed_is_made_anew_behind_the_tables() {
    let shared = Shared::start();
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::with(shared.options(dir.path(), Duty::All));
    send(&tracker, 0..7);
    wait_for(&tracker, "dlt_tracker_ledger_loaded 7");
    tracker.stop();
    shared.nats.python("await js.delete_stream('EVENTS')").unwrap();
    let tracker = Tracker::with(shared.options(dir.path(), Duty::All));
    send(&tracker, 5..9);
    wait_for(&tracker, "dlt_tracker_ledger_loaded 9");
    let summary = tracker.stop();
    assert_eq!(
        summary.ledger.to_string(),
        "accepted 11 = loaded 9 + quarantined 0 + deduplicated 2 + deleted 0 + in journal 0"
    );
    assert!(check(shared.options(dir.path(), Duty::All).place()).unwrap().is_sound());
}

#[test]
fn a_backup_holds_what_waits_in_the_stream_and_becomes_a_tracker_of_one_machine() {
    let shared = Shared::start();
    shared.postgres.create_database("later").unwrap();
    let (front, back, kept) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let receiver = Tracker::with(shared.options(front.path(), Duty::Receive));
    let idle = Tracker::with(shared.options(&kept.path().join("idle"), Duty::Receive));
    let loader = Tracker::with(shared.options(back.path(), Duty::Load));
    send(&receiver, 0..20);
    wait_for(&receiver, "dlt_tracker_ledger_loaded 20");
    loader.stop();
    send(&receiver, 15..30);
    // A deletion request stays one.
    let request = r#"{"anonymous_id":"nobody","requested_at":"2026-03-01T12:00:00.000000Z"}"#;
    shared.nats.python(&format!("await js.publish('EVENTS.records', b'\\x01D' + {request:?}.encode())")).unwrap();
    // Who has taken none of it knows of it, too.
    let beside = backup(shared.options(&kept.path().join("idle"), Duty::Receive).place(), kept.path().join("beside"));
    assert_eq!(beside.unwrap().ledger.in_journal, 11);
    idle.stop();
    let copy = kept.path().join("copy");
    let made = backup(shared.options(front.path(), Duty::Receive).place(), &copy).unwrap();
    // What came twice within two minutes the stream itself leaves out.
    assert_eq!((made.ledger.accepted, made.ledger.loaded, made.ledger.in_journal), (31, 20, 11), "{made:?}");
    // Tables as they were then: what waited comes out of the backup, each record as what it is.
    shared.postgres.create_database("early").unwrap();
    shared.postgres.copy_schema("telemetry", "postgres", "early").unwrap();
    let first = kept.path().join("first");
    restore(&copy, &first).unwrap();
    let mut then = shared.options(&first, Duty::All);
    (then.journal, then.store) =
        (JournalAddress::default(), StoreAddress::parse(&shared.postgres.url("early")).unwrap());
    let found = check(then.place()).unwrap();
    assert!(found.is_sound() && (found.ledger.loaded, found.ledger.deleted) == (30, 1), "{found}");
    // What is loaded between the two copies is in both, and counts once.
    let loader = Tracker::with(shared.options(back.path(), Duty::Load));
    wait_for(&receiver, "dlt_tracker_ledger_loaded 30");
    shared.postgres.copy_schema("telemetry", "postgres", "later").unwrap();
    receiver.stop();
    loader.stop();
    let again = kept.path().join("again");
    assert!(restore(&copy, &again).unwrap().is_none());
    let mut alone = shared.options(&again, Duty::All);
    alone.journal = JournalAddress::default();
    alone.store = StoreAddress::parse(&shared.postgres.url("later")).unwrap();
    let place = alone.place();
    let tracker = Tracker::with(alone);
    send(&tracker, 25..31);
    let found = check(place).unwrap();
    assert!(found.is_sound() && (found.ledger.loaded, found.ledger.deduplicated) == (31, 5), "{found}");
    tracker.stop();
}

#[test]
fn what_is_shared_must_be_reached_by_all() {
    let dir = tempfile::tempdir().unwrap();
    let mut alone = options(dir.path());
    alone.duty = Duty::Receive;
    let mut half = options(dir.path());
    half.journal = JournalAddress::parse("nats://127.0.0.1:1/EVENTS").unwrap();
    for options in [alone, half] {
        let refused = dlt_tracker::serve(options, |_| panic!("nobody would load it")).unwrap_err();
        assert!(matches!(refused, Error::NotShared), "{refused}");
    }
    let mut nowhere = options(dir.path());
    nowhere.store = StoreAddress::parse("postgres://ada:secret@127.0.0.1:1/db").unwrap();
    nowhere.journal = JournalAddress::parse("nats://ada:secret@127.0.0.1:1/EVENTS").unwrap();
    let refused = dlt_tracker::serve(nowhere, |_| panic!("nothing is there")).unwrap_err();
    let told = format!("{refused}: {:?}", std::error::Error::source(&refused));
    assert!(told.contains("nats://ada@127.0.0.1:1/EVENTS") && !told.contains("secret"), "{told}");
}

#[test]
fn a_receiver_is_well_again_when_another_has_made_room() {
    let shared = Shared::start();
    let (front, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let small = |dir: &Path, duty| {
        let mut options = shared.options(dir, duty);
        options.journal_bytes = 1 << 20;
        options
    };
    let receiver = Tracker::with(small(front.path(), Duty::Receive));
    let mut client = receiver.client();
    let long = "word ".repeat(4000);
    let mut post = |number: u32| {
        let event = json!({"event": "e", "messageId": format!("m{number}"), "properties": {"command": long}});
        client.post("/v1/track", event.to_string().as_bytes()).status
    };
    assert_eq!((0..).map(&mut post).find(|status| *status != 200), Some(429));
    let told = receiver.client().get("/healthz");
    assert!(told.status == 503 && told.body.contains("at its limit"), "{told:?}");
    // No sender comes as long as it is not well.
    let loader = Tracker::with(small(back.path(), Duty::Load));
    let deadline = Instant::now() + Duration::from_secs(60);
    while receiver.client().get("/healthz").status != 200 {
        assert!(Instant::now() < deadline, "{:?}", receiver.client().get("/healthz"));
        std::thread::sleep(Duration::from_millis(20));
    }
    loader.stop();
    receiver.stop();
}
