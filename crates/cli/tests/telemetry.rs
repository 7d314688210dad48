//! `dlt telemetry` and the two switches.

use std::fs;
use std::process::Command;

use crate::assert_seen;
use crate::load::EVENTS;
use crate::sandbox::{Sandbox, exists};
use crate::tracker::Server;

/// A command with telemetry as a person has it who never said anything.
fn on(sandbox: &Sandbox, line: &str) -> Command {
    let mut command = sandbox.command(line);
    command.env_remove("RUNTIME__DLTHUB_TELEMETRY").env("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "in_place");
    command
}

#[test]
fn status() {
    let sandbox = Sandbox::new();
    assert_seen!("status_off_by_variable", sandbox.run("telemetry"));
    assert!(!exists(sandbox.data()), "off means no file");
    assert_seen!("status_on", {
        let mut seen = sandbox.see(on(&sandbox, "telemetry"));
        seen.stdout = seen.stdout.replace("by a process of its own after the command", "[DELIVERY]");
        seen
    });
    let mut command = on(&sandbox, "telemetry");
    command.env("DO_NOT_TRACK", "1");
    assert_seen!("status_do_not_track", sandbox.see(command));
    let mut command = on(&sandbox, "telemetry");
    command.env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", "ftp://nowhere");
    let seen = sandbox.see(command).ok();
    assert!(seen.stdout.contains("invalid, nothing is sent"), "{}", seen.stdout);
}

#[test]
fn nothing_was_sent_yet() {
    let sandbox = Sandbox::new();
    assert_seen!("log_of_nothing", sandbox.run("telemetry log"));
    assert_seen!("verify_of_nothing", sandbox.run("telemetry verify"));
    assert_seen!("show_of_nothing", sandbox.run("telemetry show"));
    assert_seen!("show_unknown_event", sandbox.run("telemetry show command_innit"));
    assert_seen!("forget_nothing", sandbox.run("telemetry forget"));
    assert_seen!("reset_id_while_off", sandbox.run("telemetry reset-id"));
}

#[test]
fn the_contract_names_every_event() {
    let seen = Sandbox::new().run("telemetry contract").ok();
    for event in ["command_init", "pipeline_load", "data_access_connect", "destination_fingerprint"] {
        assert!(seen.stdout.contains(event), "{event}");
    }
}

#[test]
fn the_switches() {
    let sandbox = Sandbox::new();
    sandbox.write(".dlt/config.toml", "[runtime]\nlog_level = \"INFO\" # mine\n");
    // Something waits to be sent, and goes with the word.
    sandbox.see(on(&sandbox, "pipeline --list")).ok();
    let waiting = sandbox.see(on(&sandbox, "telemetry show")).ok();
    assert_eq!(waiting.stdout.lines().count(), 1, "{}", waiting.text());
    assert_seen!("disable", sandbox.see(on(&sandbox, "--disable-telemetry")));
    assert_eq!(
        fs::read_to_string(sandbox.data().join("config.toml")).unwrap(),
        "[runtime]\ndlthub_telemetry = false\n"
    );
    assert_eq!(sandbox.read(".dlt/config.toml"), "[runtime]\nlog_level = \"INFO\" # mine\ndlthub_telemetry = false\n");
    assert_seen!("status_disabled", sandbox.see(on(&sandbox, "telemetry")));
    assert_seen!("enable", sandbox.see(on(&sandbox, "--enable-telemetry")));
    let seen = sandbox.see(on(&sandbox, "telemetry")).ok();
    assert!(seen.stdout.starts_with("Telemetry is ENABLED, decided by "), "{}", seen.stdout);
    // Before a command, the command is done too.
    assert_seen!("disable_and_init", sandbox.see(on(&sandbox, "--disable-telemetry init filesystem duckdb")));
    let broken = Sandbox::new();
    fs::create_dir_all(broken.data()).unwrap();
    fs::write(broken.data().join("config.toml"), "[runtime\n").unwrap();
    let seen = broken.see(on(&broken, "pipeline --list --disable-telemetry"));
    assert_seen!("disable_where_it_cannot_be_written", seen);
    assert!(!exists(broken.data().join("telemetry")));
}

/// Names, steps and results of events, in the order of the spool.
fn told(text: &str) -> Vec<String> {
    let field = |line: &str, name: &str| {
        let rest = line.split_once(&format!("\"{name}\":")).map(|(_, rest)| rest)?;
        rest.split([',', '}']).next().map(|value| value.trim_matches('"').to_owned())
    };
    text.lines().map(|line| format!("{} {}", field(line, "event").unwrap(), field(line, "success").unwrap())).collect()
}

#[test]
fn a_run_is_recorded_and_reaches_a_tracker() {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    sandbox.see(on(&sandbox, "ingest events.jsonl --to duckdb:s.duckdb --dataset raw")).ok();
    sandbox.see(on(&sandbox, "ingest nope.jsonl --to duckdb:s.duckdb --dataset raw"));
    sandbox.see(on(&sandbox, "dataset raw")).ok();
    let shown = sandbox.see(on(&sandbox, "telemetry show")).ok().stdout;
    assert_eq!(
        told(&shown),
        [
            "pipeline_extract true",
            "pipeline_normalize true",
            "pipeline_load true",
            "pipeline_run true",
            "command_ingest true",
            "pipeline_extract false",
            "pipeline_run false",
            "command_ingest false",
            "data_access_connect true",
            "command_dataset true",
        ]
    );
    let ids: std::collections::BTreeSet<_> =
        shown.lines().take(4).map(|line| line.split_once("\"transaction_id\":").unwrap().1[..34].to_owned()).collect();
    assert_eq!(ids.len(), 1, "one transaction id a run");

    let server = Server::start(&sandbox);
    let mut command = on(&sandbox, "pipeline raw trace");
    command.env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", format!("http://{}", server.address)).env("CI", "1");
    sandbox.see(command).ok();
    let check = sandbox.run("tracker check --data tracker").ok();
    // What waited, `telemetry show` itself, and this command.
    assert!(
        check.stdout.starts_with("accepted 12 = loaded 12 + "),
        "{}\n{}",
        check.stdout,
        sandbox.run("telemetry").stdout
    );
    let log = sandbox.run("telemetry log").ok();
    assert_eq!(log.stdout.matches("  sent 204").count(), 12, "{}", log.stdout);
    assert!(sandbox.run("telemetry verify").ok().stdout.starts_with("The chain is whole: 24 receipts"));

    let mut command = on(&sandbox, "telemetry forget");
    command.env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", format!("http://{}", server.address));
    let forgotten = sandbox.see(command).ok().stdout;
    assert!(forgotten.starts_with("The tracker deletes what it has of "), "{forgotten}");
    let check = sandbox.run("tracker check --data tracker").ok();
    // The request to be forgotten has a number of its own.
    assert!(check.stdout.starts_with("accepted 13 = loaded 0 + "), "{}", check.stdout);
    assert!(!exists(sandbox.data().join(".anonymous_id")), "the id is thrown away");
    assert!(server.stop());
}
