#![allow(clippy::unwrap_used)]

use std::sync::atomic::AtomicU32;

use dlt_testkit::Nats;
use proptest::prelude::*;

use super::*;
use crate::journal::model::{self, Machine};
use crate::journal::{Batch, Kind};

/// Most bytes of a stream.
const MAX_BYTES: u64 = 64 << 20;

fn address(nats: &Nats, stream: &str) -> NatsAddress {
    NatsAddress::parse(&nats.url(stream)).unwrap()
}

fn open(nats: &Nats, stream: &str, loaded: u64) -> NatsJournal {
    NatsJournal::open(&address(nats, stream), MAX_BYTES, loaded).unwrap()
}

fn event(id: &str) -> NewRecord {
    NewRecord { kind: Kind::Event, payload: format!("{{\"message_id\":\"{id}\"}}").into_bytes() }
}

fn keep(journal: &NatsJournal, ids: &[&str]) -> Result<u64, AppendError> {
    journal.append(ids.iter().map(|id| event(id)).collect())?.blocking_recv().unwrap()
}

fn read(journal: &NatsJournal, after: u64) -> Batch {
    journal.reader(after).read(journal.newest().unwrap(), usize::MAX).unwrap()
}

/// A server that is killed, and a stream of its own for each history.
struct Server {
    nats: Arc<Mutex<Nats>>,
    stream: String,
}

impl Machine for Server {
    fn open(&mut self, loaded: u64) -> Box<dyn Journal> {
        Box::new(open(&self.nats.lock().unwrap(), &self.stream, loaded))
    }

    fn crash(&mut self) {
        let mut nats = self.nats.lock().unwrap();
        nats.crash(0).unwrap();
        nats.resume(0).unwrap();
    }

    /// A server fails by being away, which `crash` does.
    fn fail_after(&mut self, _operations: u32) {}
}

#[test]
fn what_was_acknowledged_is_read_once_after_any_history() {
    static STREAMS: AtomicU32 = AtomicU32::new(0);
    let nats = Arc::new(Mutex::new(Nats::start(1).unwrap()));
    let config =
        ProptestConfig { cases: 4, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in model::steps())| {
        let stream = format!("S{}", STREAMS.fetch_add(1, Ordering::Relaxed));
        model::check(Server { nats: Arc::clone(&nats), stream }, steps);
    });
}

#[test]
fn several_append_and_read_and_the_stream_is_emptied() {
    let nats = Nats::start(1).unwrap();
    let (one, other) = (open(&nats, "EVENTS", 0), open(&nats, "EVENTS", 0));
    assert_eq!(keep(&one, &["a", "b"]).unwrap(), 1);
    assert_eq!(keep(&other, &["c"]).unwrap(), 3);
    assert_eq!(one.newest().unwrap(), 3);
    assert_eq!(keep(&other, &["b"]).unwrap(), 2, "it was sent a moment ago, to another one");
    let batch = read(&one, 0);
    assert_eq!((batch.entries.len(), batch.last, batch.missing_count()), (3, 3, 0));
    one.release(2).unwrap();
    one.release(1).unwrap();
    assert_eq!(read(&other, 2).entries, batch.entries[2..]);
    one.release(3).unwrap();
    assert_eq!(keep(&other, &["d"]).unwrap(), 4, "numbers go on");
    one.close();
    assert_eq!(keep(&one, &["e"]), Err(AppendError::Closed));
    // Many at once are one after the other, and are read in pieces.
    let ids: Vec<String> = (0..1700).map(|number| format!("n{number}")).collect();
    keep(&other, &Vec::from_iter(ids.iter().map(String::as_str))).unwrap();
    let mut reader = other.reader(3);
    let mut found = 0;
    while reader.position() < 1704 {
        let batch = reader.read(1704, 10_000).unwrap();
        assert!(batch.missing.is_empty() && !batch.is_empty());
        found += batch.entries.len();
    }
    assert_eq!(found, 1701);
}

#[test]
fn what_is_no_record_or_is_gone_is_told() {
    let nats = Nats::start(1).unwrap();
    let journal = open(&nats, "EVENTS", 0);
    keep(&journal, &["a", "b", "c"]).unwrap();
    nats.python("await js.publish('EVENTS.records', b'hello')\nawait js.delete_msg('EVENTS', 2)").unwrap();
    keep(&journal, &["d", "e"]).unwrap();
    nats.python("await js.delete_msg('EVENTS', 6)").unwrap();
    let mut reader = journal.reader(0);
    let (mut sound, mut missing) = (Vec::new(), Vec::new());
    while reader.position() < 6 {
        let batch = reader.read(6, usize::MAX).unwrap();
        sound.extend(batch.entries.iter().map(|entry| entry.sequence));
        missing.extend(batch.missing.iter().cloned().flatten());
    }
    assert_eq!((sound, missing), (vec![1, 3, 5], vec![2, 4, 6]));
}

#[test]
fn senders_are_told_at_once_when_the_servers_are_away() {
    let mut nats = Nats::start(1).unwrap();
    let journal = open(&nats, "EVENTS", 0);
    keep(&journal, &["a"]).unwrap();
    nats.crash(0).unwrap();
    assert!(matches!(keep(&journal, &["b"]), Err(AppendError::Away { .. })));
    assert!(journal.newest().is_err() && journal.status().failure.is_some());
    while journal.stream.context().client().connection_state() == State::Connected {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(matches!(journal.append(vec![event("c")]), Err(AppendError::Away { .. })), "without waiting");
    nats.resume(0).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while let Err(error) = keep(&journal, &["b"]) {
        assert!(Instant::now() < until, "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(journal.status().failure.is_none());
    assert_eq!(read(&journal, 0).entries.len(), 2);
}

#[test]
fn a_stream_that_would_lose_events_is_refused_and_one_made_anew_is_noticed() {
    let nats = Nats::start(1).unwrap();
    let refused =
        |stream: &str, loaded| NatsJournal::open(&address(&nats, stream), MAX_BYTES, loaded).unwrap_err().to_string();
    nats.python("await js.add_stream(name='OLD', subjects=['OLD.records'], max_age=60)").unwrap();
    assert!(refused("OLD", 0).contains("largest age"), "{}", refused("OLD", 0));
    nats.python("await js.add_stream(name='WORK', subjects=['other'], retention='workqueue', storage='memory')")
        .unwrap();
    let told = refused("WORK", 0);
    assert!(told.contains("WORK.records") && told.contains("retention") && told.contains("storage"), "{told}");
    let mut three = address(&nats, "THREE");
    three.replicas = 3;
    let told = NatsJournal::open(&three, MAX_BYTES, 0).unwrap_err().to_string();
    assert!(told.contains("replicas"), "{told}");

    // A new stream goes on after what the tables hold.
    let journal = open(&nats, "EVENTS", 41);
    assert_eq!(keep(&journal, &["a"]).unwrap(), 42);
    nats.python("await js.delete_stream('EVENTS')\nawait js.add_stream(name='EVENTS', subjects=['EVENTS.records'])")
        .unwrap();
    let failure = keep(&journal, &["b"]).unwrap_err();
    assert!(failure.to_string().contains("began again"), "{failure}");
    assert!(refused("EVENTS", 42).contains("tables hold events up to 42"));
}

#[test]
fn a_full_stream_says_so_and_keeps_what_it_has() {
    let nats = Nats::start(1).unwrap();
    let journal = NatsJournal::open(&address(&nats, "SMALL"), 20_000, 0).unwrap();
    let long = "x".repeat(5_000);
    let mut kept = 0;
    let full = loop {
        match keep(&journal, &[&format!("{kept}{long}")]) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((full, kept), (AppendError::Full { limit: 20_000 }, 3));
    assert!(journal.status().is_full);
    assert_eq!(read(&journal, 0).entries.len(), 3);
    // Asked without a record, as for its health, it says the same until there is room, whoever made it.
    assert_eq!(keep(&journal, &[]), Err(AppendError::Full { limit: 20_000 }));
    open(&nats, "SMALL", 0).release(2).unwrap();
    assert!(journal.status().is_full);
    assert_eq!(keep(&journal, &[]), Ok(3));
    assert!(!journal.status().is_full);
    keep(&journal, &["small"]).unwrap();
}

#[test]
fn passwords_and_certificates_are_needed_and_none_is_told() {
    let nats = Nats::with_tls().unwrap();
    let mut address = address(&nats, "EVENTS");
    let refused = |address: &NatsAddress| NatsJournal::open(address, MAX_BYTES, 0).unwrap_err().to_string();
    let unknown = refused(&address);
    address.authority = Some(nats.authority());
    let without = refused(&address);
    address.certificate = Some(nats.client_certificate());
    let journal = NatsJournal::open(&address, MAX_BYTES, 0).unwrap();
    assert_eq!(keep(&journal, &["a"]).unwrap(), 1);
    address.password = Some("wrong".to_owned());
    let wrong = refused(&address);
    assert!(unknown.contains("certificate") || unknown.contains("TLS"), "{unknown}");
    assert!(wrong.contains("uthorization"), "{wrong}");
    for told in [unknown, without, wrong] {
        assert!(!told.contains("p@ss") && !told.contains("wrong"), "{told}");
    }
}
