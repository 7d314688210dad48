//! What telemetry costs a host, counted in system calls, which do not depend on how busy the machine is.

use crate::host::Machine;
use crate::tracker::{Behaviour, Tracker};

/// One event and a finish: reading the configuration, id, secret and spool, one append, one child.
const LIMIT: usize = 110;

/// The system calls of the host alone, without those of its sender.
fn calls(machine: &Machine, arguments: &[&str]) -> usize {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let wrapper = ["strace", "-qq", "-o", trace.path().to_str().unwrap()];
    let status = machine.wrapped(&wrapper, arguments).status().expect("strace is needed: apt-get install strace");
    assert!(status.success());
    std::fs::read_to_string(trace.path()).unwrap().lines().count()
}

#[test]
fn the_cost_is_small_and_the_same_whatever_the_tracker_does() {
    let off = Machine::new().with("DO_NOT_TRACK", "1");
    let without = calls(&off, &["record", "finish"]);
    let close = "Connection: close\r\n";
    let trackers = [
        Tracker::well_behaved(),
        Tracker::start(vec![Behaviour::Silent]),
        Tracker::start(vec![Behaviour::Close]),
        Tracker::start(vec![Behaviour::Endless]),
        Tracker::start(vec![Behaviour::status(429, "Retry-After: 9\r\nConnection: close\r\n", "")]),
        Tracker::start(vec![Behaviour::status(500, close, "oops")]),
    ];
    let mut costs = Vec::new();
    for tracker in &trackers {
        let machine = Machine::new().not_new().with_endpoint(&tracker.url("/"));
        machine.run(&["id"]);
        costs.push(calls(&machine, &["record", "finish"]) - without);
    }
    let nobody = Machine::new().not_new().with_endpoint("http://127.0.0.1:9/");
    costs.push(calls(&nobody, &["record", "finish"]) - without);
    assert!(costs.iter().all(|cost| *cost <= LIMIT), "{without} calls without, and on top: {costs:?}");
    let (least, most) = (costs.iter().min().unwrap(), costs.iter().max().unwrap());
    assert!(most - least <= 3, "it depends on the tracker: {costs:?}");
}

/// A second event of the same process costs its append and no more.
#[test]
fn one_more_event_is_one_more_append() {
    let machine = Machine::new().not_new();
    let (one, eleven) = (calls(&machine, &["records", "1"]), calls(&machine, &["records", "11"]));
    let each = (eleven - one) / 10;
    assert!(each <= 12, "{each} calls for each event");
}
