//! What telemetry costs a command: system calls, which do not depend on how busy the machine is.

use std::fs;

use anyhow::{Context, Result};
use dlt_testkit::{Recorder, Sandbox, dlt_binary};

/// More with telemetry than without, for the shortest command there is: 83 when this was written, where the command itself
/// made 143.
const MOST: usize = 100;

#[test]
fn a_command_makes_few_calls_more_with_telemetry_than_without() {
    let recorder = Recorder::start().unwrap();
    let mut sandbox = Sandbox::new().unwrap();
    let off = calls(&sandbox).unwrap();
    sandbox.telemetry_to(&recorder.url());
    sandbox.set_env("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "detached");
    // The first run shows its notice and makes the id.
    calls(&sandbox).unwrap();
    let on = calls(&sandbox).unwrap();
    recorder.wait_for(2, std::time::Duration::from_secs(20)).unwrap();
    assert!(on > off, "{on} with telemetry, {off} without: it did nothing");
    assert!(on - off <= MOST, "{on} with telemetry, {off} without: {} more", on - off);
}

/// Of the command alone, not of its sender.
fn calls(sandbox: &Sandbox) -> Result<usize> {
    let log = sandbox.root().join("calls.log");
    let run =
        sandbox.command("strace").args(["-qq", "-o"]).arg(&log).arg(dlt_binary()?).args(["init", "--list-sources"]);
    run.succeed().context("hint: this test needs strace (on Debian: apt-get install strace)")?;
    Ok(fs::read_to_string(&log)?.lines().count())
}
