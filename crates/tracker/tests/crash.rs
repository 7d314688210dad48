//! kill -9 at any moment, under load: what was acknowledged is in the tables once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dlt_tracker::check;

use crate::tracker::{Client, example, sql};

const SENDERS: usize = 4;

fn start(data_dir: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(example())
        .arg(data_dir)
        .arg("127.0.0.1:0")
        .arg("50")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().parse().unwrap_or_else(|error| panic!("{error}: {line:?} {:?}", child.wait()));
    (child, address)
}

/// Sends until it is told to stop or the connection breaks. A message that was not acknowledged is sent again in the
/// next round under the same id, as clients do.
fn send(address: SocketAddr, numbers: &AtomicU64, stop: &AtomicBool, sent: &Mutex<BTreeMap<String, bool>>) {
    // It may be killed before it is reached.
    let Ok(mut client) = Client::try_connect(address) else { return };
    let again: Vec<String> = {
        let sent = sent.lock().unwrap();
        sent.iter().filter(|(_, kept)| !**kept).map(|(id, _)| id.clone()).take(3).collect()
    };
    let mut again = again.into_iter();
    while !stop.load(Ordering::Relaxed) {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let id = again.next().unwrap_or_else(|| format!("message-{number}"));
        sent.lock().unwrap().entry(id.clone()).or_insert(false);
        let event = format!(r#"{{"event":"crash","messageId":"{id}","properties":{{"n":{number}}}}}"#);
        let (path, body) = match number % 3 {
            0 => ("/v1/batch", format!(r#"{{"batch":[{event},{{"event":7}},{event}]}}"#)),
            1 => ("/", event),
            _ => ("/v1/track", event),
        };
        match client.send("POST", path, &[], body.as_bytes()) {
            Ok(answer) if answer.status < 300 => {
                sent.lock().unwrap().insert(id, true);
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
            Err(_) => return,
        }
    }
}

#[test]
fn a_killed_tracker_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let numbers = AtomicU64::new(0);
    let sent = Mutex::new(BTreeMap::new());
    // Another moment each time: from before the first event to well into a load.
    let mut delay = 7u64;
    let end = Instant::now() + Duration::from_secs(240);
    for round in 0..25 {
        assert!(Instant::now() < end, "only {round} rounds in 240 s");
        let (mut child, address) = start(dir.path());
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| send(address, &numbers, &stop, &sent));
            }
            delay = (delay * 73 + 31) % 397;
            std::thread::sleep(Duration::from_millis(delay));
            child.kill().unwrap();
            child.wait().unwrap();
            stop.store(true, Ordering::Relaxed);
        });
    }
    let found = check(dir.path()).unwrap();
    assert!(found.is_sound(), "{found}");
    assert_eq!(found.ledger.in_journal, 0);
    let rows = sql(dir.path(), "SELECT message_id FROM events ORDER BY message_id");
    let ids: BTreeSet<String> = rows.iter().map(|row| row["message_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), rows.len(), "a message is there twice");
    let sent = sent.into_inner().unwrap();
    let kept = sent.values().filter(|kept| **kept).count();
    assert!(kept > 100, "only {kept} were acknowledged");
    let lost: Vec<_> = sent.iter().filter(|(id, kept)| **kept && !ids.contains(*id)).collect();
    assert!(lost.is_empty(), "acknowledged, and lost: {lost:?}");
    assert!(ids.iter().all(|id| sent.contains_key(id)), "an event is there that nobody sent");
}
