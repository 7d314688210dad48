//! Being deletion: who may ask, what is deleted, and what a crash can't undo.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dlt_telemetry::{DeletionError, Delivery, DeliveryMode, Environment, Setup, Telemetry};
use dlt_tracker::{Error, check};
use serde_json::{Value, json};

use crate::tracker::{Answer, Client, Tracker, example, options, sql};

#[path = "../src/hash.rs"]
mod hash;

/// A request as the telemetry client makes it.
fn body(anonymous_id: &str, message_id: &str) -> String {
    json!({
        "anonymousId": anonymous_id,
        "context": {"library": {"name": "dlt", "version": "0.1.0"}, "runtime": {"name": "rust", "version": "1.95.0"},
            "dropped": {"spool_full": 2}},
        "event": "command_init", "properties": {"success": true}, "messageId": message_id,
        "timestamp": "2026-03-01T12:00:00.000Z", "sentAt": "2026-03-01T12:00:00.000Z",
    })
    .to_string()
}

fn proof(message_id: &str, body: &str) -> Value {
    json!({"messageId": message_id, "digest": hash::shake128(body.as_bytes())})
}

fn forget(client: &mut Client, anonymous_id: &str, proof: &[Value]) -> Answer {
    client.post("/v1/forget", json!({"anonymousId": anonymous_id, "proof": proof}).to_string().as_bytes())
}

fn count(data_dir: &Path, query: &str) -> u64 {
    sql(data_dir, query)[0]["n"].as_u64().unwrap()
}

fn sound(data_dir: &Path) -> dlt_tracker::Ledger {
    let found = check(data_dir).unwrap();
    assert!(found.is_sound() && found.ledger.unaccounted() == 0, "{found}");
    found.ledger
}

fn telemetry(folder: &Path, address: SocketAddr) -> Setup {
    let environment =
        Environment::empty().with("CI", "1").with("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", &format!("http://{address}/"));
    Telemetry::builder("dlt", "0.1.0")
        .environment(environment)
        .data_dir(folder)
        .delivery(Delivery::Always(DeliveryMode::InPlace))
        .notice("", "")
        .load()
}

fn record(setup: &Setup, count: usize) {
    let telemetry = setup.clone().start();
    for _ in 0..count {
        telemetry.record(&dlt_telemetry::events::CommandListSources { elapsed: Duration::ZERO.into(), success: true });
    }
    telemetry.finish();
}

#[test]
fn the_telemetry_client_is_forgotten_and_nobody_else() {
    let (dir, ours, theirs) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tracker = Tracker::start(dir.path());
    let (ours, theirs) =
        (telemetry(ours.path(), tracker.ready.address), telemetry(theirs.path(), tracker.ready.address));
    record(&ours, 7);
    record(&theirs, 2);
    let (id, other) = (ours.status().anonymous_id.unwrap(), theirs.status().anonymous_id.unwrap());
    // One that ends in the quarantine, under the same id.
    let odd = json!({"anonymousId": id, "event": 7, "properties": {}}).to_string();
    assert_eq!(tracker.client().post("/", odd.as_bytes()).status, 204);
    let before = sound(dir.path());
    assert_eq!((before.loaded, before.quarantined, before.deleted), (9, 1, 0));

    // Its owner, and nobody else, is told what is held.
    let held = ours.holdings().unwrap();
    let answer: Value = serde_json::from_str(&held.answers[0]).unwrap();
    let found = &answer["holdings"];
    assert_eq!((&held.ids[0], &found["total"], &found["quarantined"]), (&id, &json!(7), &json!(1)), "{answer:#}");
    assert_eq!(
        (&found["events"][0]["event"], &found["events"][0]["count"]),
        (&json!("command_list_sources"), &json!(7))
    );
    let claim = json!({"anonymousId": other, "proof": [{"messageId": "m", "digest": "0".repeat(64)}]}).to_string();
    let refused = tracker.client().post("/v1/holdings", claim.as_bytes());
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("unproven")));

    let deletion = ours.request_deletion().unwrap();
    assert_eq!(deletion.ids, [id.as_str()]);
    let answer: Value = serde_json::from_str(&deletion.answers[0]).unwrap();
    assert_eq!((&answer["success"], &answer["receipt"]["request"]), (&json!(true), &json!(11)));
    let ledger = sound(dir.path());
    // The request has a number of its own.
    assert_eq!((ledger.accepted, ledger.loaded, ledger.quarantined, ledger.deleted), (11, 2, 0, 9));
    record(&theirs, 1);
    record(&ours, 1);
    let ledger = sound(dir.path());
    assert_eq!((ledger.loaded, ledger.deleted), (4, 9), "what comes afterwards is kept");
    tracker.stop();

    let of = |id: &str| count(dir.path(), &format!("SELECT count(*) AS n FROM events WHERE anonymous_id = '{id}'"));
    assert_eq!((of(&id), of(&other)), (0, 3));
    for folder in ["journal", "work"] {
        let mut folders = vec![dir.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    let is_there = bytes.windows(id.len()).any(|window| window == id.as_bytes());
                    assert!(!is_there, "the id is still in {}", path.display());
                }
            }
        }
    }
}

#[test]
fn without_proof_nothing_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    assert_eq!(forget(&mut client, "ada", &[proof("a1", "x")]).json()["code"], "unproven", "there is nothing yet");
    let (ada, bob) = (body("ada", "a1"), body("bob", "b1"));
    for body in [&ada, &bob] {
        assert_eq!(client.post("/", body.as_bytes()).status, 204);
    }
    // What came in a batch, or with something that is taken off, proves nothing.
    let batched = format!("{{\"batch\":[{}]}}", body("ada", "a2"));
    assert_eq!(client.post("/v1/batch", batched.as_bytes()).status, 200);
    let with_address = body("ada", "a3").replace("\"success\":true", "\"ip\":\"10.0.0.1\"");
    let with_person = body("ada", "a4").replacen('{', "{\"userId\":\"ada\",", 1);
    let with_note = body("ada", "a5").replace("\"spool_full\":2", "\"note\":\"x\"");
    for body in [&with_address, &with_person, &with_note] {
        assert_eq!(client.post("/v1/track", body.as_bytes()).body, r#"{"success":true}"#);
    }
    let claims = [
        json!({}),
        json!({"anonymousId": "ada"}),
        json!({"anonymousId": "ada", "proof": []}),
        json!({"anonymousId": "ada", "proof": [{"messageId": "a1"}]}),
        json!({"anonymousId": "ada", "proof": [proof("a1", &bob)]}),
        json!({"anonymousId": "ada", "proof": [proof("b1", &ada)]}),
        json!({"anonymousId": "ada", "proof": [proof("b1", &bob)]}),
        json!({"anonymousId": "eve", "proof": [proof("a1", &ada)]}),
        json!({"anonymousId": "ada' OR true --", "proof": [proof("a1", &ada)]}),
        json!({"anonymousId": "ada\u{0}", "proof": [proof("a1", &ada)]}),
        json!({"anonymousId": "ada", "proof": [proof("' OR true --", &ada)]}),
        json!({"anonymousId": "ada", "proof": [proof("a2", &batched), proof("a2", &body("ada", "a2"))]}),
        json!({"anonymousId": "ada", "proof": [proof("a3", &with_address), proof("a4", &with_person),
            proof("a5", &with_note)]}),
    ];
    for claim in claims {
        let answer = client.post("/v1/forget", claim.to_string().as_bytes());
        assert_eq!(answer.status, 400, "{claim}: {answer:?}");
        let answer = answer.json();
        assert!(answer["code"].is_string() && answer["message"].is_string(), "{claim}: {answer}");
    }
    assert_eq!(client.post("/v1/forget", b"{").status, 400);
    let ledger = sound(dir.path());
    assert_eq!((ledger.accepted, ledger.loaded, ledger.deleted), (6, 6, 0));
    // Of several, one is enough.
    let answer = forget(&mut client, "ada", &[proof("a9", &bob), proof("a1", &ada)]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let ledger = sound(dir.path());
    assert_eq!((ledger.accepted, ledger.loaded, ledger.deleted), (7, 1, 6));
    tracker.stop();
    let rows = sql(dir.path(), "SELECT message_id, client_dropped, runtime_name, runtime_version FROM events");
    assert_eq!(
        Value::from_iter(rows[0].values().cloned()),
        json!(["b1", "{\"spool_full\":2}", "rust", "1.95"]),
        "what the client says of itself is kept"
    );
}

#[test]
fn what_was_deleted_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    let bodies: Vec<String> = (0..3).map(|number| body("o'ada", &format!("m{number}"))).collect();
    for body in &bodies {
        assert_eq!(client.post("/", body.as_bytes()).status, 204);
    }
    let proof = [proof("m1", &bodies[1])];
    assert_eq!(forget(&mut client, "o'ada", &proof).status, 200);
    // Delivered again, before and after the request was executed; and twice in one load.
    for _ in 0..2 {
        for body in bodies.iter().chain(&bodies) {
            assert_eq!(client.post("/", body.as_bytes()).status, 204);
        }
        let ledger = sound(dir.path());
        assert_eq!((ledger.loaded, ledger.deleted), (0, 4));
    }
    assert_eq!(client.post("/", body("o'ada", "new").as_bytes()).status, 204);
    let ledger = sound(dir.path());
    assert_eq!((ledger.loaded, ledger.deduplicated, ledger.deleted), (1, 12, 4));
    // The answer may have been lost: the same proof holds again, and now covers the new one.
    assert_eq!(forget(&mut client, "o'ada", &proof).status, 200);
    let ledger = sound(dir.path());
    assert_eq!((ledger.accepted, ledger.loaded, ledger.deduplicated, ledger.deleted), (18, 0, 12, 6));
    // Everything was found again, so the journal could let go of it.
    let segments = std::fs::read_dir(dir.path().join("journal")).unwrap().count();
    assert!(segments <= 2, "{segments} segments");
    tracker.stop();
    assert_eq!(sound(dir.path()).deleted, 6);
    let hashed =
        "SELECT count(*) AS n FROM deleted_messages WHERE message_hash LIKE 'p:%' AND length(message_hash) = 66";
    assert_eq!(count(dir.path(), hashed), 4);
}

#[test]
fn what_cannot_be_looked_up_is_not_decided() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    let (old, new) = (body("ada", "old"), body("ada", "new"));
    assert_eq!(client.post("/", old.as_bytes()).status, 204);
    sound(dir.path());
    let destination = dlt_destination_duckdb::DuckDb::at(dir.path().join("tracker.duckdb")).unwrap();
    let reader = (0..400).find_map(|_| {
        std::thread::sleep(Duration::from_millis(25));
        dlt_engine::Destination::connect(&destination, "telemetry", dlt_engine::destination::Access::Read).ok()
    });
    assert!(reader.is_some());
    assert_eq!(client.post("/", new.as_bytes()).status, 204);
    // Not loaded yet, as the file is held: the event may well be there.
    assert_eq!(forget(&mut client, "ada", &[proof("new", &new)]).status, 503);
    assert_eq!(forget(&mut client, "ada", &[proof("old", &old)]).status, 200);
    drop(reader);
    let ledger = sound(dir.path());
    assert_eq!((ledger.accepted, ledger.loaded, ledger.deleted), (3, 0, 3), "both came before the request");
}

/// A tracker in a process of its own that loads only when it is asked something.
fn start(data_dir: &Path) -> (Child, SocketAddr) {
    let mut child =
        Command::new(example()).arg(data_dir).args(["127.0.0.1:0", "600000"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().parse().unwrap_or_else(|error| panic!("{error}: {line:?} {:?}", child.wait()));
    (child, address)
}

#[test]
fn an_acknowledged_request_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut killed_between = 0;
    let mut deleted = 0;
    for round in 0..6 {
        let (mut child, address) = start(dir.path());
        let mut client = Client::connect(address);
        let id = format!("person {round}");
        let first = body(&id, &format!("{round}-first"));
        for body in [&first, &body(&id, &format!("{round}-second")), &body("other", &format!("{round}-other"))] {
            assert_eq!(client.post("/", body.as_bytes()).status, 204);
        }
        let answer = forget(&mut client, &id, &[proof(&format!("{round}-first"), &first)]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let rows = format!("SELECT count(*) AS n FROM events WHERE anonymous_id = '{id}'");
        // Reading what a killed process left needs no more than a reader.
        killed_between += u64::from(count(dir.path(), &rows) == 2);
        deleted += 3;
        let ledger = sound(dir.path());
        assert_eq!((ledger.deleted, ledger.loaded, ledger.in_journal), (deleted, round + 1, 0));
        assert_eq!(count(dir.path(), &rows), 0);
    }
    assert!(killed_between > 0, "it was never killed between the answer and the deletion");
    // And after one more start it is as it was.
    let ledger = Tracker::with(options(dir.path())).stop().ledger;
    assert_eq!((ledger.deleted, ledger.unaccounted()), (deleted, 0));
}

#[test]
fn a_client_that_sent_nothing_asks_nobody() {
    let (dir, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tracker = Tracker::start(dir.path());
    assert!(matches!(
        telemetry(ours.path(), tracker.ready.address).request_deletion(),
        Err(DeletionError::NothingSent)
    ));
    assert_eq!(tracker.stop().requests, 0);
}

#[test]
fn the_operator_deletes_without_a_proof() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    let send = |client: &mut Client, message: &str, id: &str| {
        let event = json!({"messageId": message, "anonymousId": id, "event": "e"});
        assert_eq!(client.post("/", event.to_string().as_bytes()).status, 204);
    };
    for number in 0..5 {
        send(&mut client, &format!("m{number}"), "ada & bob");
        send(&mut client, &format!("n{number}"), "other");
    }
    client.post("/v1/track", br#"{"anonymousId":"ada & bob"}"#);
    // Not for those without the key of the folder.
    assert_eq!(client.post("/forget.json?id=other", b"").status, 401);
    let forgotten = dlt_tracker::forget(dir.path(), "ada & bob").unwrap();
    assert_eq!((forgotten.events, forgotten.quarantined), (5, 1));
    send(&mut client, "m0", "ada & bob");
    drop(client);
    tracker.stop();
    assert_eq!(dlt_tracker::forget(dir.path(), "ada & bob").unwrap().events, 0);
    assert_eq!(dlt_tracker::forget(dir.path(), "other").unwrap().events, 5);
    assert!(matches!(dlt_tracker::forget(dir.path(), ""), Err(Error::NoId)));
    let counted = check(dir.path()).unwrap();
    assert!(counted.is_sound(), "{counted}");
    assert_eq!(counted.ledger.loaded, 0, "{counted}");
}

#[test]
fn a_command_says_why_the_journal_takes_no_request() {
    let dir = tempfile::tempdir().unwrap();
    Tracker::start(dir.path()).stop();
    let mut place = options(dir.path()).place();
    place.journal_bytes = Some(1);
    let refused = dlt_tracker::forget(place, "ada").unwrap_err();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(matches!(refused, Error::Journal { .. }) && why.contains("limit of 1 bytes"), "{refused}: {why}");
}
