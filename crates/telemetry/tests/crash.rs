//! kill -9 before each system call that touches a file or the network: what was recorded is sent once, or counted.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::host::Machine;
use crate::tracker::Tracker;

/// Every call by which spool, receipts, id and requests come about.
const CALLS: [&str; 12] = [
    "write",
    "openat",
    "close",
    "rename",
    "ftruncate",
    "flock",
    "statx,fstat",
    "sendto",
    "recvfrom",
    "connect",
    "linkat,link",
    "unlink,unlinkat",
];

/// Runs the host until it is killed before the `number`-th such call of one of its threads. False once it gets through.
fn run_killed(machine: &Machine, calls: &str, number: usize, arguments: &[&str]) -> bool {
    let inject = format!("inject={calls}:signal=SIGKILL:when={number}");
    let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
    let output = machine.wrapped(&wrapper, arguments).output().expect("strace is needed: apt-get install strace");
    !output.status.success()
}

fn spooled(machine: &Machine) -> Vec<String> {
    machine.read("spool.jsonl").lines().filter_map(message_id).collect()
}

fn message_id(line: &str) -> Option<String> {
    serde_json::from_str::<Json>(line).ok()?.get("messageId")?.as_str().map(str::to_owned)
}

/// The sum of what events report as dropped.
fn dropped<'a>(bodies: impl Iterator<Item = &'a str>) -> u64 {
    bodies
        .filter_map(|body| {
            serde_json::from_str::<Json>(body).ok()?.get("context")?.get("dropped")?.as_object().cloned()
        })
        .flat_map(|counts| counts.values().filter_map(Json::as_u64).collect::<Vec<_>>())
        .sum()
}

#[test]
fn killed_anywhere_every_event_is_sent_once_or_counted() {
    let mut kills = 0;
    for calls in CALLS {
        for number in 1..200 {
            let (tracker, machine) = new_machine("in_place");
            let killed = run_killed(&machine, calls, number, &["records", "2", "finish"]);
            let sent_before = tracker.received().len();
            let at = format!("{calls}, call {number}");
            let counted = reconcile(&tracker, &machine, &at);
            if !killed {
                assert_eq!((sent_before, counted), (2, 0), "{at}: an undisturbed run");
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= 60, "only {kills} crash points were met");
}

/// The same for a sender of its own; here the host and the sender die at their own such call.
#[test]
fn a_detached_sender_killed_anywhere_loses_nothing_uncounted() {
    for calls in ["write", "openat", "rename", "sendto", "recvfrom"] {
        for number in 1..20 {
            let (tracker, machine) = new_machine("detached");
            run_killed(&machine, calls, number, &["records", "2", "finish"]);
            let machine = machine.with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "in_place");
            reconcile(&tracker, &machine, &format!("{calls}, call {number}"));
        }
    }
}

fn new_machine(mode: &str) -> (Tracker, Machine) {
    let tracker = Tracker::well_behaved();
    let machine =
        Machine::new().not_new().with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", mode).with_endpoint(&tracker.url("/"));
    (tracker, machine)
}

/// After a kill, two ordinary runs: the first clears up and sends, the second reports what the first has counted.
/// Returns how many events are counted as lost.
fn reconcile(tracker: &Tracker, machine: &Machine, at: &str) -> u64 {
    let waiting = spooled(machine);
    machine.run(&["record", "finish"]);
    // A run that a busy machine held up for longer than its budget leaves its own count to the next.
    for _ in 0..5 {
        machine.run(&["record", "finish"]);
        if machine.read("spool.jsonl").is_empty() {
            break;
        }
    }
    let received = tracker.received();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for request in &received {
        *times.entry(message_id(&request.body).unwrap()).or_default() += 1;
    }
    assert!(times.values().all(|count| *count == 1), "{at}: something came twice: {times:?}");
    let counted = dropped(received.iter().map(|request| request.body.as_str()));
    let missing = waiting.iter().filter(|id| !times.contains_key(*id)).count() as u64;
    assert!(counted >= missing, "{at}: {missing} of {waiting:?} are missing, {counted} are counted");
    assert!(counted <= 2, "{at}: {counted} are counted");
    assert_eq!(machine.read("spool.jsonl"), "", "{at}: something is left");
    counted
}

/// The id and its secret are whole after a kill at any point of the first run.
#[test]
fn killed_in_the_first_run_the_id_is_whole_or_not_there() {
    for calls in ["write", "openat", "link,linkat", "unlink,unlinkat", "mkdir,mkdirat"] {
        for number in 1..200 {
            let machine = Machine::new();
            let killed = run_killed(&machine, calls, number, &["record", "finish"]);
            let id = std::fs::read_to_string(machine.data().join(".anonymous_id")).ok();
            assert!(id.as_ref().is_none_or(|id| id.len() == 32), "{calls}, call {number}: {id:?}");
            let later = machine.stdout(&["record", "id"]);
            assert_eq!(later.trim().len(), 32, "{calls}, call {number}");
            assert!(id.is_none_or(|id| id == later.trim()), "{calls}, call {number}: the id changed");
            if !killed {
                break;
            }
        }
    }
}

/// A disk that is full, or a file system that turned read-only, in the middle of things.
#[test]
fn a_disk_that_fails_is_no_concern_of_the_host() {
    for error in ["ENOSPC", "EROFS", "EIO", "EDQUOT"] {
        for calls in ["write", "openat", "rename", "flock", "mkdir,mkdirat", "link,linkat", "ftruncate"] {
            for when in ["1+", "2+", "3+", "5+", "8+"] {
                let machine = Machine::new().with("HOST_QUIET", "1");
                // Opening fails for the loader too if it fails from the start.
                let when = if calls == "openat" { format!("{}+", 12 + when.len()) } else { when.to_owned() };
                let inject = format!("inject={calls}:error={error}:when={when}");
                let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
                let output = machine.wrapped(&wrapper, &["records", "3", "finish"]).output().unwrap();
                assert!(output.status.success(), "{error} in {calls} from {when}: {output:?}");
                assert!(output.stdout.is_empty(), "{error} in {calls} from {when}: {output:?}");
            }
        }
    }
}
