//! `DLT_TELEMETRY_DEBUG=1` shows, and does nothing else.

use serde_json::Value as Json;

use crate::host::Machine;
use crate::tracker::Tracker;

#[test]
fn debugging_prints_each_event_and_leaves_nothing_behind() {
    let tracker = Tracker::well_behaved();
    for mode in ["detached", "in_place", "thread"] {
        let machine = Machine::new()
            .with("DLT_TELEMETRY_DEBUG", "1")
            .with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", mode)
            .with_endpoint(&tracker.url("/"));
        let output = machine.run(&["records", "2", "finish"]);
        let printed = String::from_utf8(output.stderr).unwrap();
        let events: Vec<Json> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.len(), 2, "{mode}: {printed}");
        for event in &events {
            assert_eq!(event["event"], "command_init", "{mode}");
            assert_eq!(event["anonymousId"].as_str().unwrap().len(), 32, "{mode}");
        }
        assert_eq!(events[0]["anonymousId"], events[1]["anonymousId"], "one process is one machine");
        assert_eq!(std::fs::read_dir(machine.home()).unwrap().count(), 0, "{mode}: no id, no spool, no folder");
    }
    assert_eq!(tracker.connections(), 0);
}

/// What waited from earlier runs goes on waiting.
#[test]
fn debugging_leaves_a_spool_as_it_is() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new().not_new();
    machine.run(&["records", "2", "finish"]);
    let before = machine.read("spool.jsonl");
    assert_eq!(before.lines().count(), 2);
    let machine = machine.with("DLT_TELEMETRY_DEBUG", "1").with_endpoint(&tracker.url("/"));
    machine.run(&["record", "finish"]);
    assert_eq!(machine.read("spool.jsonl"), before);
    assert_eq!(tracker.connections(), 0);
}
