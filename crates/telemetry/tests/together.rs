//! Many processes at once.

use std::collections::BTreeSet;
use std::process::Stdio;

use dlt_telemetry::{Environment, Telemetry};
use serde_json::Value as Json;

use crate::host::Machine;
use crate::tracker::Tracker;

const PROCESSES: usize = 8;

#[test]
fn eight_first_runs_agree_on_one_id() {
    for round in 0..200 {
        let machine = Machine::new();
        let children: Vec<_> = (0..PROCESSES)
            .map(|_| machine.command(&["record", "id"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
            .collect();
        let ids: BTreeSet<String> = children
            .into_iter()
            .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned())
            .collect();
        assert_eq!(ids.len(), 1, "round {round}: {ids:?}");
        assert_eq!(ids.first().unwrap().len(), 32, "round {round}: {ids:?}");
        let spool = machine.read("spool.jsonl");
        let mut events = spool.lines().filter(|line| line.contains("anonymousId"));
        assert!(events.all(|line| line.contains(ids.first().unwrap())), "round {round}: {spool}");
    }
}

/// Whoever records while others do waits for a few milliseconds at most, and again at the end; an event that found no
/// room even then is counted, and none is counted or kept twice.
#[test]
fn every_event_of_many_writers_is_kept_or_counted() {
    let machine = Machine::new().not_new();
    let children: Vec<_> =
        (0..PROCESSES).map(|_| machine.command(&["records", "50", "finish"]).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let setup = Telemetry::builder("dlt", "0.1.0").environment(Environment::empty()).data_dir(machine.data()).load();
    let pending = setup.pending().unwrap();
    let kept = pending.iter().map(|pending| &pending.message_id).collect::<BTreeSet<_>>().len() as u64;
    assert_eq!(kept, pending.len() as u64, "none stands there twice");
    let lost = setup.status().dropped.total() + pending.iter().map(|pending| lost(&pending.body)).sum::<u64>();
    // A count that found no room before its process ended is the only thing that may be missing.
    assert!(kept + lost <= 400, "{kept} kept, {lost} lost");
    assert!(kept >= 300, "{kept} kept, {lost} lost");
}

#[test]
fn one_sender_at_a_time_and_each_event_once() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new().not_new().with_endpoint(&tracker.url("/"));
    let children: Vec<_> =
        (0..PROCESSES).map(|_| machine.command(&["records", "5", "finish"]).spawn().unwrap()).collect();
    for mut child in children {
        child.wait().unwrap();
    }
    machine.run(&["record", "finish"]);
    machine.wait_for_sender();
    let received = tracker.received();
    let ids: Vec<_> = received.iter().filter_map(|request| message_id(&request.body)).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "none came twice");
    let lost: u64 = received.iter().map(|request| lost(&request.body)).sum();
    assert!(ids.len() as u64 + lost <= 41 && ids.len() >= 30, "{} came, {lost} are counted", ids.len());
}

fn message_id(line: &str) -> Option<String> {
    Some(serde_json::from_str::<Json>(line).unwrap().get("messageId")?.as_str().unwrap().to_owned())
}

/// What an event says was lost.
fn lost(body: &str) -> u64 {
    let body: Json = serde_json::from_str(body).unwrap();
    let counts = body["context"].get("dropped").and_then(Json::as_object);
    counts.map_or(0, |counts| counts.values().map(|count| count.as_u64().unwrap()).sum())
}
