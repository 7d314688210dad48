//! A backup that is made while events arrive holds each of them once, and becomes a data folder again.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dlt_testkit::{Disk, Postgres};
use dlt_tracker::{Error, StoreAddress, add_key, backup, check, dashboard_token, keys, report, restore, serve};
use serde_json::json;

use crate::tracker::{Client, Tracker, example, options, sql};

/// Sends until it is told to stop; counts what was acknowledged.
fn send(address: SocketAddr, sender: usize, stop: &AtomicBool, sent: &AtomicU64) {
    let mut client = Client::connect(address);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let event = format!(r#"{{"event":"e","messageId":"{sender}-{number}","anonymousId":"a{number}"}}"#);
        assert_eq!(client.post("/v1/track", event.as_bytes()).status, 200);
        sent.fetch_add(1, Ordering::SeqCst);
    }
}

fn wait_until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "it takes too long");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_backup_under_load_has_everything_that_was_acknowledged_once() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = kept.path().join("new/backup");
    add_key(dir.path(), "web", None, None).unwrap();
    std::fs::create_dir(dir.path().join("contracts")).unwrap();
    std::fs::write(dir.path().join("contracts/web.toml"), "[events.e]\n").unwrap();
    let tracker = Tracker::start(dir.path());
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let address = tracker.ready.address;
    let (before, made) = std::thread::scope(|scope| {
        for sender in 0..3 {
            let (stop, sent) = (&stop, &sent);
            scope.spawn(move || send(address, sender, stop, sent));
        }
        wait_until(|| sent.load(Ordering::SeqCst) > 300);
        let before = sent.load(Ordering::SeqCst);
        let made = backup(dir.path(), &copy).unwrap();
        // Events go on, and so do the loads.
        let later = sent.load(Ordering::SeqCst) + 50;
        wait_until(|| sent.load(Ordering::SeqCst) > later);
        stop.store(true, Ordering::Relaxed);
        (before, made)
    });
    assert!(made.ledger.accepted >= before, "{} of {before}", made.ledger);
    assert!(made.ledger.in_journal > 0, "some came while the tables were copied: {}", made.ledger);
    assert!(made.ledger.unaccounted() == 0 && made.tables_elsewhere.is_none());
    let all = sent.load(Ordering::SeqCst);
    assert_eq!(check(dir.path()).unwrap().ledger.accepted, all, "the tracker itself lost nothing");
    assert!(check(dir.path()).unwrap().is_sound());
    let refused = backup(dir.path(), &copy).unwrap_err();
    assert!(refused.to_string().contains("a new or an empty folder"), "{refused}");
    let in_use = restore(dir.path(), kept.path().join("live")).unwrap_err();
    assert!(matches!(in_use, Error::InUse { .. }), "{in_use}");
    tracker.stop();

    let place = kept.path().join("restored");
    let found = restore(&copy, &place).unwrap().unwrap();
    assert!(found.is_sound(), "{found}");
    assert_eq!((found.ledger.accepted, found.ledger.in_journal), (made.ledger.accepted, 0));
    assert!(matches!(restore(&copy, &place), Err(Error::NotEmpty { .. })));
    let ids = sql(&place, "SELECT count(*) AS n, count(DISTINCT message_id) AS ids FROM events");
    assert_eq!(ids[0]["n"], ids[0]["ids"]);
    assert_eq!(ids[0]["n"], made.ledger.accepted, "each once");
    // What was acknowledged before the backup is there, by its name.
    let restored = Tracker::start(&place);
    assert_eq!(restored.client().post("/v1/track", br#"{"event":"e","messageId":"0-0"}"#).status, 200);
    assert_eq!(restored.client().post("/v1/track", br#"{"event":"e","messageId":"after"}"#).status, 200);
    let sound = check(&place).unwrap();
    assert!(sound.is_sound(), "{sound}");
    assert_eq!((sound.ledger.loaded, sound.ledger.deduplicated), (made.ledger.accepted + 1, 1));
    restored.stop();
    assert_eq!(keys(&place).unwrap(), keys(dir.path()).unwrap());
    assert_eq!(dashboard_token(&place).unwrap(), dashboard_token(dir.path()).unwrap());
    for file in ["id-key", "contracts/web.toml"] {
        assert_eq!(std::fs::read(place.join(file)).unwrap(), std::fs::read(dir.path().join(file)).unwrap(), "{file}");
    }
}

#[test]
fn a_backup_of_a_stopped_tracker_and_folders_that_are_none() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tracker = Tracker::start(dir.path());
    let nothing = backup(dir.path(), kept.path().join("none")).unwrap();
    assert_eq!(nothing.ledger.accepted, 0);
    assert!(restore(kept.path().join("none"), kept.path().join("empty")).unwrap().unwrap().is_sound());
    // As where none runs.
    assert!(matches!(backup(dir.path(), kept.path().join("none")), Err(Error::NotEmpty { .. })));
    tracker.client().post("/v1/track", br#"{"event":"e","messageId":"one"}"#);
    tracker.stop();
    let copy = kept.path().join("copy");
    assert_eq!(backup(dir.path(), &copy).unwrap().ledger.loaded, 1);
    assert_eq!(report(&copy).unwrap().total, 1, "it is a data folder");
    std::fs::write(copy.join("not-finished"), "").unwrap();
    let target = kept.path().join("target");
    assert!(matches!(report(&copy), Err(Error::NotFinished { .. })));
    assert!(matches!(restore(&copy, &target), Err(Error::NotFinished { .. })));
    let object = kept.path().join("one.ndjson");
    std::fs::write(&object, "{}\n").unwrap();
    let refused = dlt_tracker::load_objects(&*copy, object.to_str().unwrap(), |_| {}).unwrap_err();
    assert!(matches!(refused, Error::NotFinished { .. }), "{refused}");
    let files = StoreAddress::parse(&format!("filesystem:{}", kept.path().join("lake").display())).unwrap();
    assert!(matches!(dlt_tracker::move_tables(&copy, &files), Err(Error::NotFinished { .. })));
    let refused = dlt_tracker::serve(options(&copy), |_| panic!("half a backup")).unwrap_err();
    assert!(matches!(refused, Error::NotFinished { .. }), "{refused}");
    assert!(matches!(restore(kept.path().join("nowhere"), &target), Err(Error::NoBackup { .. })));
    assert!(!target.exists());
    // What is linked is copied as what it is: by a backup, and where one is copied.
    let linked = kept.path().join("linked.toml");
    std::fs::write(&linked, "[defaults]\n").unwrap();
    std::fs::create_dir_all(dir.path().join("contracts")).unwrap();
    for link in ["contracts/web.toml", "tracker.toml"] {
        std::os::unix::fs::symlink(&linked, dir.path().join(link)).unwrap();
    }
    let (whole, again) = (kept.path().join("whole"), kept.path().join("again"));
    backup(dir.path(), &whole).unwrap();
    std::os::unix::fs::symlink(&linked, whole.join("more.toml")).unwrap();
    std::os::unix::fs::symlink(kept.path().join("nowhere"), whole.join("broken.toml")).unwrap();
    restore(&whole, &again).unwrap();
    for file in ["contracts/web.toml", "tracker.toml", "more.toml"] {
        let found = std::fs::symlink_metadata(again.join(file)).unwrap();
        assert!(found.is_file() && found.len() > 0, "{file}");
    }
    // What can't be written leaves nothing.
    let file = kept.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(backup(dir.path(), file.join("under")).is_err());
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
}

#[test]
fn a_full_disk_is_told_and_the_tracker_goes_on() {
    assert!(Disk::is_allowed(), "small disks can be mounted by root alone");
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::mount(1).unwrap());
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    for part in 0..10 {
        let events: Vec<_> = (0..2000)
            .map(|number| json!({"event": "e", "messageId": format!("{part}-{number}-{:x}", number * 7_919_773_i64 * (part + 3))}))
            .collect();
        assert_eq!(client.post("/v1/batch", json!({ "batch": events }).to_string().as_bytes()).status, 200);
    }
    let copy = disk.path().join("copy");
    let full = backup(dir.path(), &copy).unwrap_err();
    assert!(full.to_string().contains("the disk is full"), "{full}");
    assert!(!copy.exists(), "nothing is left of it");
    assert_eq!(client.post("/v1/track", br#"{"event":"e","messageId":"after"}"#).status, 200);
    let found = check(dir.path()).unwrap();
    assert!(found.is_sound() && found.ledger.loaded == 20_001, "{found}");
    disk.resize(200).unwrap();
    assert_eq!(backup(dir.path(), &copy).unwrap().ledger.loaded, 20_001);
    tracker.stop();
    disk.resize(30).unwrap();
    let room = Disk::mount(1).unwrap();
    let full = restore(&copy, room.path()).unwrap_err();
    assert!(format!("{full}: {:?}", std::error::Error::source(&full)).contains("No space left"), "{full:?}");
    assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 0, "a folder that was there is empty again");
}

fn start(data_dir: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(example())
        .arg(data_dir)
        .args(["127.0.0.1:0", "50"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

#[test]
fn a_backup_that_is_killed_is_none_and_the_tracker_has_lost_nothing() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut sent = 0;
    let (mut unfinished, mut whole) = (0, 0);
    for round in 0..40 {
        let (mut child, address) = start(dir.path());
        if round < 5 {
            let events: Vec<_> =
                (0..1000).map(|number| json!({"event": "e", "messageId": format!("{round}-{number}")})).collect();
            let batch = json!({ "batch": events }).to_string();
            assert_eq!(Client::connect(address).post("/v1/batch", batch.as_bytes()).status, 200);
            sent += 1000;
        }
        let copy = kept.path().join(format!("copy-{round}"));
        std::thread::scope(|scope| {
            // The tracker makes it; the command itself would begin anew where none runs any more.
            let making = scope.spawn(|| {
                let described = std::fs::read_to_string(dir.path().join("server.json")).unwrap();
                let key =
                    serde_json::from_str::<serde_json::Value>(&described).unwrap()["key"].as_str().unwrap().to_owned();
                let path = format!("/backup.json?folder={}", copy.display());
                let allowed = format!("Bearer {key}");
                Client::try_connect(address)?.send("POST", &path, &[("authorization", &allowed)], b"")
            });
            wait_until(|| copy.exists() || making.is_finished());
            std::thread::sleep(Duration::from_millis(round * round * 3));
            child.kill().unwrap();
            child.wait().unwrap();
            drop(making.join().unwrap());
        });
        let place = kept.path().join(format!("place-{round}"));
        match restore(&copy, &place) {
            Ok(found) => {
                let found = found.unwrap();
                assert!(found.is_sound() && found.ledger.accepted == sent, "{found}");
                whole += 1;
            }
            Err(Error::NotFinished { .. }) => {
                unfinished += 1;
                assert!(!place.exists());
            }
            // It had not begun.
            Err(Error::NoBackup { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        if unfinished > 0 && whole > 0 {
            break;
        }
    }
    assert!(unfinished > 0 && whole > 0, "{unfinished} backups were not finished, {whole} were");
    let found = check(dir.path()).unwrap();
    assert!(found.is_sound() && found.ledger.accepted == sent, "{found}");
}

#[test]
fn tables_in_postgres_are_not_in_it_and_a_later_copy_of_them_fits() {
    let postgres = Postgres::start().unwrap();
    postgres.create_database("later").unwrap();
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut here = options(dir.path());
    here.store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
    let place = here.place();
    let tracker = Tracker::with(here);
    let mut client = tracker.client();
    for number in 0..20 {
        let event = format!(r#"{{"event":"e","messageId":"m{number}"}}"#);
        assert_eq!(client.post("/v1/track", event.as_bytes()).status, 200);
    }
    let copy = kept.path().join("copy");
    let made = backup(place.clone(), &copy).unwrap();
    assert!(made.tables_elsewhere.is_some_and(|told| told.contains("postgres://") && !told.contains("p%40ss")));
    for number in 20..25 {
        let event = format!(r#"{{"event":"e","messageId":"m{number}"}}"#);
        assert_eq!(client.post("/v1/track", event.as_bytes()).status, 200);
    }
    assert_eq!(check(place).unwrap().ledger.loaded, 25);
    postgres.copy_schema("telemetry", "postgres", "later").unwrap();
    tracker.stop();
    let again = kept.path().join("again");
    assert!(restore(&copy, &again).unwrap().is_none(), "there is nothing to count in it");
    let mut there = options(&again);
    there.store = StoreAddress::parse(&postgres.url("later")).unwrap();
    let place = there.place();
    let tracker = Tracker::with(there);
    for number in [3, 24, 25] {
        let event = format!(r#"{{"event":"e","messageId":"m{number}"}}"#);
        assert_eq!(tracker.client().post("/v1/track", event.as_bytes()).status, 200);
    }
    let found = check(place).unwrap();
    assert!(found.is_sound() && (found.ledger.loaded, found.ledger.deduplicated) == (26, 2), "{found}");
}

#[test]
fn a_copy_that_is_older_than_its_tables_takes_nothing_that_would_be_lost() {
    let mut postgres = Postgres::start().unwrap();
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |postgres: &Postgres, folder: &Path| {
        let mut options = options(folder);
        options.store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
        options
    };
    let send = |tracker: &Tracker, ids: std::ops::Range<u32>| {
        for id in ids {
            let event = format!(r#"{{"event":"e","messageId":"m{id}"}}"#);
            assert_eq!(tracker.client().post("/v1/track", event.as_bytes()).status, 200);
        }
    };
    let tracker = Tracker::with(at(&postgres, dir.path()));
    send(&tracker, 0..20);
    let copy = kept.path().join("copy");
    backup(at(&postgres, dir.path()).place(), &copy).unwrap();
    send(&tracker, 20..25);
    assert_eq!(check(at(&postgres, dir.path()).place()).unwrap().ledger.loaded, 25);
    tracker.stop();

    // The tables know numbers that the copy does not: it waits for them.
    let (again, by_hand, idle) = (kept.path().join("again"), kept.path().join("by-hand"), kept.path().join("idle"));
    for folder in [&again, &by_hand, &idle] {
        restore(&copy, folder).unwrap();
    }
    postgres.crash().unwrap();
    let refused = serve(at(&postgres, &again), |_| panic!("it began")).unwrap_err();
    assert!(matches!(refused, Error::Tables { .. }), "{refused}");

    // A copy by other means says nothing of that. What it takes stays, until somebody decides.
    for folder in [&by_hand, &idle] {
        std::fs::remove_file(folder.join("tables-are-asked-first")).unwrap();
    }
    Tracker::with(at(&postgres, &idle)).stop();
    let tracker = Tracker::with(at(&postgres, &by_hand));
    send(&tracker, 30..32);
    postgres.resume().unwrap();
    let refused = check(at(&postgres, &by_hand).place()).unwrap_err().to_string();
    assert!(refused.contains("the tables hold events up to 25"), "{refused}");
    tracker.stop();
    for _ in 0..2 {
        let refused = serve(at(&postgres, &by_hand), |_| panic!("it began")).unwrap_err();
        assert!(matches!(refused, Error::Journal { .. }), "{refused}");
    }

    // Where nothing was taken meanwhile, nothing is to be decided; and with their answer both go on, with or without them.
    for (folder, ids) in [(&idle, 40..41), (&again, 50..51)] {
        let tracker = Tracker::with(at(&postgres, folder));
        send(&tracker, ids);
        let found = check(at(&postgres, folder).place()).unwrap();
        assert!(found.is_sound(), "{found}");
        tracker.stop();
        postgres.crash().unwrap();
        Tracker::with(at(&postgres, folder)).stop();
        postgres.resume().unwrap();
    }
}
