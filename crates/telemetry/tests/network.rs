//! Every way in which a network or a tracker can misbehave.

use std::time::{Duration, Instant};

use dlt_telemetry::{Delivery, DeliveryMode, Environment, Outcome, Policy, ReceiptKind, Setup, Telemetry, Word};
use tempfile::TempDir;

use crate::host::Machine;
use crate::tracker::{Behaviour, Tracker};

fn setup(folder: &TempDir, url: &str) -> Setup {
    let mut policy = Policy::default();
    policy.request_timeout = Duration::from_millis(700);
    let environment = Environment::empty().with("CI", "1").with("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", url);
    Telemetry::builder("dlt", "0.1.0")
        .environment(environment)
        .data_dir(folder.path())
        .delivery(Delivery::Always(DeliveryMode::InPlace))
        .notice("", "")
        .policy(policy)
        .load()
}

fn record(setup: &Setup) -> Duration {
    let telemetry = setup.clone().start();
    telemetry.record(&dlt_telemetry::events::CommandPipeline {
        operation: Word::new("info"),
        elapsed: Duration::ZERO.into(),
        success: true,
    });
    let started = Instant::now();
    telemetry.finish();
    started.elapsed()
}

/// What the last receipt says.
fn last_outcome(setup: &Setup) -> (Outcome, Option<u16>, String) {
    match setup.receipts().unwrap().pop().unwrap().kind {
        ReceiptKind::Answer { outcome, status, note } => (outcome, status, note),
        other => panic!("{other:?}"),
    }
}

struct Case {
    behaviour: Behaviour,
    outcome: Outcome,
    status: Option<u16>,
    /// What stands in the spool afterwards.
    waiting: usize,
}

fn case(behaviour: Behaviour, outcome: Outcome, status: Option<u16>) -> Case {
    Case { behaviour, outcome, status, waiting: usize::from(outcome == Outcome::Kept) }
}

#[test]
fn every_answer_is_understood_and_the_event_ends_in_one_place() {
    let answer = |status, body| Behaviour::status(status, "Connection: close\r\n", body);
    let cases = [
        case(answer(204, ""), Outcome::Sent, Some(204)),
        case(answer(200, "{\"success\": true}"), Outcome::Sent, Some(200)),
        case(answer(200, "{\"success\": false}"), Outcome::Refused, Some(200)),
        case(answer(200, "<html>sign in</html>"), Outcome::Unconfirmed, Some(200)),
        case(answer(400, "{\"code\": 1, \"message\": \"no\"}"), Outcome::Refused, Some(400)),
        case(answer(401, ""), Outcome::Kept, Some(401)),
        case(answer(413, ""), Outcome::Refused, Some(413)),
        case(answer(429, ""), Outcome::Kept, Some(429)),
        case(answer(500, "oops"), Outcome::Kept, Some(500)),
        case(answer(503, ""), Outcome::Kept, Some(503)),
        case(Behaviour::Answer(b"\x16\x03\x01 not http at all\r\n\r\n".to_vec()), Outcome::Kept, None),
        case(Behaviour::Answer(b"HTTP/1.1 999999 What\r\n\r\n".to_vec()), Outcome::Kept, None),
        case(Behaviour::Answer(vec![b'a'; 1 << 20]), Outcome::Kept, None),
        case(Behaviour::Close, Outcome::Kept, None),
        case(Behaviour::Silent, Outcome::Kept, None),
        case(Behaviour::Endless, Outcome::Unconfirmed, Some(200)),
    ];
    for (index, expected) in cases.into_iter().enumerate() {
        let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::start(vec![expected.behaviour]));
        let setup = setup(&folder, &tracker.url("/"));
        let took = record(&setup);
        let (outcome, status, note) = last_outcome(&setup);
        assert_eq!((outcome, status), (expected.outcome, expected.status), "case {index}: {note}");
        assert!(took < Duration::from_millis(2500), "case {index} took {took:?}");
        let after = setup.status();
        assert_eq!(after.waiting, expected.waiting, "case {index}");
        let lost = u64::from(matches!(outcome, Outcome::Refused | Outcome::Unconfirmed));
        assert_eq!(after.dropped.total(), lost, "case {index}: {:?}", after.dropped);
        assert_eq!(after.last_answer.unwrap().acknowledged, outcome == Outcome::Sent);
        assert_eq!(after.paused_until.is_some(), outcome == Outcome::Kept, "case {index}");
    }
}

#[test]
fn nobody_listens() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(&folder, &format!("http://{unused}/"));
    assert!(record(&setup) < Duration::from_millis(900));
    assert_eq!(last_outcome(&setup).0, Outcome::Kept);
}

#[test]
fn a_name_that_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(&folder, "http://tracker.invalid/");
    assert!(record(&setup) < Duration::from_millis(2500));
    assert_eq!(last_outcome(&setup).0, Outcome::Kept);
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Tracker::well_behaved();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}\r\nConnection: close\r\n", elsewhere.url("/"));
        let tracker = Tracker::start(vec![Behaviour::status(status, &location, "")]);
        let folder = tempfile::tempdir().unwrap();
        let setup = setup(&folder, &tracker.url("/"));
        record(&setup);
        let (outcome, found, note) = last_outcome(&setup);
        assert_eq!((outcome, found), (Outcome::Kept, Some(status)));
        assert!(note.contains("redirect"), "{note}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn what_is_lost_is_reported_by_the_next_event() {
    let no = Behaviour::status(400, "Connection: close\r\n", "{}");
    let yes = Behaviour::status(204, "Connection: close\r\n", "");
    let tracker = Tracker::start(vec![no.clone(), no, yes]);
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(&folder, &tracker.url("/"));
    for _ in 0..4 {
        record(&setup);
    }
    let dropped: Vec<_> = tracker
        .received()
        .iter()
        .map(|request| serde_json::from_str::<serde_json::Value>(&request.body).unwrap()["context"]["dropped"].clone())
        .collect();
    // The second was refused too, and with it the report on the first: both are counted in the third.
    assert_eq!(dropped[1], serde_json::json!({"refused": 1}));
    assert_eq!(dropped[2], serde_json::json!({"refused": 2}));
    assert_eq!(dropped[3], serde_json::Value::Null, "each is reported once");
}

#[test]
fn retry_after_holds_across_processes() {
    let tracker = Tracker::start(vec![Behaviour::status(429, "Retry-After: 3600\r\nConnection: close\r\n", "")]);
    let machine = Machine::new()
        .not_new()
        .with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "in_place")
        .with_endpoint(&tracker.url("/"));
    for _ in 0..5 {
        machine.run(&["record", "finish"]);
    }
    assert_eq!(tracker.connections(), 1, "asked once, then left alone for an hour");
    assert_eq!(machine.read("spool.jsonl").lines().count(), 5, "and nothing was lost");
}

#[test]
fn a_silent_tracker_costs_the_host_nothing_and_the_sender_at_most_ten_seconds() {
    let tracker = Tracker::start(vec![Behaviour::Silent]);
    let machine = Machine::new().not_new().with_endpoint(&tracker.url("/"));
    let started = Instant::now();
    machine.run(&["records", "10", "finish"]);
    let host = started.elapsed();
    assert!(host < Duration::from_millis(900), "the host took {host:?}");
    let lock = machine.telemetry().join("sender.lock");
    while !lock.exists() || std::fs::File::open(&lock).unwrap().try_lock().is_err() || tracker.connections() == 0 {
        assert!(started.elapsed() < Duration::from_secs(11), "the sender outlived its ten seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(machine.read("spool.jsonl").lines().count(), 10, "nothing was lost");
}

/// The name server does not answer: every socket of the sender is held up for a minute.
#[test]
fn a_name_server_that_hangs_holds_nobody_up() {
    let machine = Machine::new().not_new().with_endpoint("http://tracker.invalid/");
    let trace = machine.home().join("trace");
    let wrapper = ["strace", "-f", "-qq", "-o", trace.to_str().unwrap(), "-e", "inject=socket:delay_enter=60000000"];
    let strace = machine.wrapped(&wrapper, &["records", "2", "finish"]).spawn();
    let mut strace = strace.expect("strace is needed: apt-get install strace");
    let lived = life_of_sender(&machine);
    strace.kill().unwrap();
    strace.wait().unwrap();
    assert!(lived > Duration::from_secs(2), "nothing was held up: {lived:?}");
    assert!(lived < Duration::from_secs(11), "{lived:?}");
    assert_eq!(machine.read("spool.jsonl").lines().count(), 2);
}

/// A file that does not answer: the authority's certificate is a pipe that nobody writes to. Only the watchdog can end
/// that.
#[test]
fn a_sender_that_hangs_in_the_system_ends_itself() {
    let machine = Machine::new().not_new().with_endpoint("https://127.0.0.1:9/");
    let pipe = machine.home().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let machine = machine.with("RUNTIME__DLTHUB_TELEMETRY_CA_FILE", pipe.to_str().unwrap());
    let started = Instant::now();
    machine.run(&["record", "finish"]);
    assert!(started.elapsed() < Duration::from_millis(900), "the host took {:?}", started.elapsed());
    let lived = life_of_sender(&machine);
    assert!(lived > Duration::from_secs(8) && lived < Duration::from_secs(11), "{lived:?}");
}

/// Waits for the sender to come and go.
fn life_of_sender(machine: &Machine) -> Duration {
    let lock = machine.telemetry().join("sender.lock");
    let started = Instant::now();
    let mut seen_at_work = false;
    loop {
        let at_work = std::fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_err());
        if seen_at_work && !at_work {
            return started.elapsed();
        }
        seen_at_work |= at_work;
        assert!(started.elapsed() < Duration::from_secs(20), "the sender is still there, or never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The host ends while its request is unanswered: the event is neither lost nor torn.
#[test]
fn a_request_that_is_on_its_way_when_the_host_ends_is_not_torn() {
    for mode in ["in_place", "thread"] {
        let tracker = Tracker::start(vec![Behaviour::Silent]);
        let machine =
            Machine::new().not_new().with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", mode).with_endpoint(&tracker.url("/"));
        let started = Instant::now();
        machine.run(&["records", "3", "wait", "100", "finish"]);
        assert!(started.elapsed() < Duration::from_millis(3000), "{mode}: {:?}", started.elapsed());
        assert_eq!(machine.read("spool.jsonl").lines().count(), 3, "{mode}");
        let receipts = machine.read("receipts.jsonl");
        assert_eq!(receipts.lines().count(), 2, "{mode}: {receipts}");
        assert!(receipts.contains("\"outcome\":\"kept\""), "{mode}: {receipts}");
    }
}

/// Ctrl-C goes to every process of the terminal's group: the host ends, its sender finishes what it began.
#[test]
fn an_interrupt_of_the_host_is_none_of_its_sender() {
    use std::os::unix::process::CommandExt;
    let tracker = Tracker::start(vec![Behaviour::Late(Duration::from_millis(1500))]);
    let machine = Machine::new().not_new().with_endpoint(&tracker.url("/"));
    let mut host = machine.command(&["record", "finish", "wait", "20000"]).process_group(0).spawn().unwrap();
    tracker.wait_for(1);
    let group = format!("-{}", host.id());
    assert!(std::process::Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    assert!(!host.wait().unwrap().success());
    machine.wait_for_sender();
    assert!(machine.read("receipts.jsonl").contains("\"outcome\":\"sent\""));
}

#[test]
fn the_proxy_of_the_environment_is_used_and_its_exceptions_hold() {
    let proxy = Tracker::start(vec![Behaviour::status(502, "Connection: close\r\n", "")]);
    let tracker = Tracker::well_behaved();
    let through = |machine: Machine| machine.not_new().with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "in_place");
    for (variable, endpoint, target) in [
        ("HTTPS_PROXY", "tracker.example", "CONNECT tracker.example:443 "),
        ("https_proxy", "https://tracker.example:8443/x", "CONNECT tracker.example:8443 "),
        ("ALL_PROXY", "tracker.example", "CONNECT tracker.example:443 "),
    ] {
        let before = proxy.received().len();
        let machine = through(Machine::new()).with(variable, &proxy.url("")).with_endpoint(endpoint);
        machine.run(&["record", "finish"]);
        let received = proxy.received();
        assert_eq!(received.len(), before + 1, "{variable}");
        assert!(received[before].head.starts_with(target), "{}", received[before].head);
        assert!(!received[before].head.contains("anonymousId"));
    }
    let machine = through(Machine::new())
        .with("HTTP_PROXY", &proxy.url(""))
        .with("NO_PROXY", "example.org,127.0.0.1")
        .with_endpoint(&tracker.url("/"));
    machine.run(&["record", "finish"]);
    assert_eq!((tracker.received().len(), proxy.received().len()), (1, 3));
}
