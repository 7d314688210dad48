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

/// Which messages were acknowledged: by id, and whether they are of the project `web`.
type Sent = BTreeMap<(String, bool), bool>;

/// Sends until it is told to stop or the connection breaks. A message that was not acknowledged is sent again in the
/// next round under the same id, as clients do.
///
/// Each id goes to two projects, by two keys: these are two events.
fn send(address: SocketAddr, key: &str, numbers: &AtomicU64, stop: &AtomicBool, sent: &Mutex<Sent>) {
    // It may be killed before it is reached.
    let Ok(mut client) = Client::try_connect(address) else { return };
    let again: Vec<(String, bool)> = {
        let sent = sent.lock().unwrap();
        sent.iter().filter(|(_, kept)| !**kept).map(|(message, _)| message.clone()).take(3).collect()
    };
    let mut again = again.into_iter();
    while !stop.load(Ordering::Relaxed) {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let (id, is_web) =
            again.next().unwrap_or_else(|| (format!("message-{}", number / 2), number.is_multiple_of(2)));
        sent.lock().unwrap().entry((id.clone(), is_web)).or_insert(false);
        let key = if is_web { format!(r#""writeKey":"{key}","#) } else { String::new() };
        let event = format!(r#"{{{key}"event":"crash","messageId":"{id}","properties":{{"n":{number}}}}}"#);
        let (path, body) = match number % 3 {
            0 => ("/v1/batch", format!(r#"{{{key}"batch":[{event},{{"event":7}},{event}]}}"#)),
            1 => ("/", event),
            _ => ("/v1/track", event),
        };
        match client.send("POST", path, &[], body.as_bytes()) {
            Ok(answer) if answer.status < 300 => {
                sent.lock().unwrap().insert((id, is_web), true);
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
            Err(_) => return,
        }
    }
}

#[test]
fn a_killed_tracker_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let key = dlt_tracker::add_key(dir.path(), "web", None, None).unwrap().secret;
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
                scope.spawn(|| send(address, &key, &numbers, &stop, &sent));
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
    let rows = sql(dir.path(), "SELECT message_id, project FROM events");
    let of_row = |row: &serde_json::Map<String, serde_json::Value>| {
        (row["message_id"].as_str().unwrap().to_owned(), row["project"].as_str() == Some("web"))
    };
    let ids: BTreeSet<(String, bool)> = rows.iter().map(of_row).collect();
    assert_eq!(ids.len(), rows.len(), "a message is there twice");
    let in_both = ids.iter().filter(|(id, is_web)| *is_web && ids.contains(&(id.clone(), false))).count();
    assert!(in_both > 20, "{in_both} ids are in two projects");
    let sent = sent.into_inner().unwrap();
    let kept = sent.values().filter(|kept| **kept).count();
    assert!(kept > 100, "only {kept} were acknowledged");
    let lost: Vec<_> = sent.iter().filter(|(id, kept)| **kept && !ids.contains(*id)).collect();
    assert!(lost.is_empty(), "acknowledged, and lost: {lost:?}");
    assert!(ids.iter().all(|id| sent.contains_key(id)), "an event is there that nobody sent");
}
