//! From a recording to the tracker, in each way there is.

use dlt_telemetry::{Contract, events};
use serde_json::Value as Json;

use crate::host::Machine;
use crate::tracker::{Behaviour, Tracker};

#[test]
fn nothing_is_sent_in_the_first_run_and_all_in_the_second() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new().with_endpoint(&tracker.url("/"));
    let first = machine.run(&["record", "finish"]);
    let notice = String::from_utf8(first.stderr).unwrap();
    assert!(notice.contains("anonymous usage data") && notice.lines().count() == 1, "{notice}");
    assert!(first.stdout.is_empty());
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(tracker.connections(), 0);

    let second = machine.run(&["record", "finish"]);
    assert!(second.stderr.is_empty(), "the notice comes once");
    let received = tracker.wait_for(2);
    machine.wait_for_sender();
    assert_eq!(received.len(), 2);
    for request in &received {
        Contract::of("dlt", events::ALL).check(&request.body).unwrap();
    }
}

#[test]
fn what_is_shown_is_what_is_sent() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new().not_new();
    machine.run(&["records", "3", "finish"]);
    let shown = machine.stdout(&["show"]);
    assert_eq!(shown.lines().count(), 3);
    machine.run(&["show"]);
    let machine = machine.with_endpoint(&tracker.url("/"));
    machine.run(&["record", "finish"]);
    let received = tracker.wait_for(4);
    machine.wait_for_sender();
    let sent: Vec<_> = received.iter().map(|request| request.body.as_str()).collect();
    assert_eq!(sent[..3], shown.lines().collect::<Vec<_>>(), "byte for byte, in order");

    let receipts = machine.read("receipts.jsonl");
    let kept: Vec<String> = receipts
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).unwrap()["body"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(kept, sent, "the receipts hold the same bytes");
}

#[test]
fn the_request_is_what_trackers_expect() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new().not_new().with_endpoint(&tracker.url("/v1/track?source=a"));
    machine.run(&["record", "finish"]);
    let request = &tracker.wait_for(1)[0];
    assert!(request.head.starts_with("POST /v1/track?source=a HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("user-agent"), Some("dlt/0.1.0"));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
    for header in ["cookie", "referer", "x-forwarded-for", "accept-language"] {
        assert_eq!(request.header(header), None);
    }
}

#[test]
fn a_write_key_is_sent_as_segment_wants_it() {
    let tracker = Tracker::start(vec![Behaviour::status(200, "Connection: close\r\n", "{\"success\": true}")]);
    let machine = Machine::new()
        .not_new()
        .with_endpoint(&tracker.url("/v1/track"))
        .with("RUNTIME__DLTHUB_TELEMETRY_SEGMENT_WRITE_KEY", "a_write_key");
    machine.run(&["record", "finish"]);
    assert_eq!(tracker.wait_for(1)[0].header("authorization"), Some("Basic YV93cml0ZV9rZXk6"));
    machine.wait_for_sender();
}

#[test]
fn in_ci_everything_leaves_in_the_same_run() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new()
        .with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "in_place")
        .with("CI", "true")
        .with_endpoint(&tracker.url("/"));
    let run = machine.run(&["records", "2", "finish"]);
    assert_eq!(String::from_utf8(run.stderr).unwrap().lines().count(), 1, "one plain line");
    let received = tracker.received();
    assert_eq!(received.len(), 2, "the process has ended and everything is there");
    let message: Json = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(message["context"]["ci_run"], true);
}

#[test]
fn a_thread_sends_while_the_host_goes_on() {
    let tracker = Tracker::well_behaved();
    let machine =
        Machine::new().not_new().with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "thread").with_endpoint(&tracker.url("/"));
    let mut child = machine.command(&["record", "wait", "20000"]).spawn().unwrap();
    let received = tracker.wait_for(1);
    assert_eq!(received.len(), 1, "sent although nobody called finish");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn without_a_disk_a_ci_run_still_reports() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new()
        .with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "in_place")
        .with("CI", "true")
        .with("DLT_DATA_DIR", "/dev/null/nowhere")
        .with_endpoint(&tracker.url("/"));
    machine.run(&["record", "finish"]);
    let received = tracker.received();
    assert_eq!(received.len(), 1);
    let message: Json = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(message["anonymousId"].as_str().unwrap().len(), 32, "an id for this process alone");
}

#[cfg(unix)]
#[test]
fn without_a_disk_a_person_is_left_alone() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new().with("DLT_DATA_DIR", "/dev/null/nowhere").with_endpoint(&tracker.url("/"));
    for _ in 0..2 {
        let run = machine.run(&["record", "finish"]);
        assert!(run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");
    }
    assert_eq!(tracker.connections(), 0);
}

#[test]
fn debugging_prints_and_keeps_nothing() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new().not_new().with("DLT_TELEMETRY_DEBUG", "1").with_endpoint(&tracker.url("/"));
    let run = machine.run(&["record", "finish"]);
    let printed = String::from_utf8(run.stderr).unwrap();
    Contract::of("dlt", events::ALL).check(printed.trim()).unwrap();
    assert_eq!(machine.read("spool.jsonl"), "");
    assert_eq!(tracker.connections(), 0);
}

#[test]
fn without_an_endpoint_events_stay_and_the_notice_comes_again_with_one() {
    let machine = Machine::new();
    let first = String::from_utf8(machine.run(&["record", "finish"]).stderr).unwrap();
    assert!(first.contains("stays on this machine"), "{first}");
    assert!(machine.run(&["record", "finish"]).stderr.is_empty());
    assert_eq!(machine.read("spool.jsonl").lines().count(), 2);

    let tracker = Tracker::well_behaved();
    let machine = machine.with_endpoint(&tracker.url("/"));
    let again = String::from_utf8(machine.run(&["record", "finish"]).stderr).unwrap();
    assert!(again.contains(&tracker.url("/")), "{again}");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(tracker.connections(), 0, "nothing is sent before the user was told where to");
    machine.run(&["record", "finish"]);
    tracker.wait_for(4);
}
