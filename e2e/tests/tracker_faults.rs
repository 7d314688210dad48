//! A tracker whose disk is full, and one whose clock jumps: no event that was acknowledged is lost, none is there twice.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use dlt_testkit::{Client, Disk, Sandbox, Tracker};
use serde_json::{Value, json};

/// Events of a request.
const BATCH: usize = 500;

fn events(batch: usize) -> Vec<u8> {
    let event = |number: usize| {
        let text = format!("{:x}", (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(20);
        json!({"type": "track", "event": "e", "messageId": format!("m{number}"), "anonymousId": "a", "properties": {"text": text}})
    };
    let events: Vec<Value> = (batch * BATCH..(batch + 1) * BATCH).map(event).collect();
    json!({ "batch": events }).to_string().into_bytes()
}

/// Sends a batch; none where the connection broke.
fn send(tracker: &Tracker, batch: usize) -> Option<u16> {
    let mut client = Client::connect(tracker.address()).ok()?;
    client.post("/v1/batch", &events(batch)).ok().map(|(status, _)| status)
}

/// Sends until it is acknowledged, as clients do.
fn send_until_taken(tracker: &Tracker, batch: usize) {
    let begun = Instant::now();
    while send(tracker, batch) != Some(200) {
        assert!(begun.elapsed() < Duration::from_secs(60), "batch {batch} is not taken");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// All is there once.
fn reconcile(sandbox: &Sandbox, data: &str, batches: usize) {
    let told = sandbox.dlt(["tracker", "check", "--data", data]).unwrap().succeed().unwrap();
    let ids = "SELECT count(*) AS rows, count(DISTINCT message_id) AS ids FROM events";
    let run = sandbox.dlt(["tracker", "sql", ids, "--format", "json", "--data", data]).unwrap().succeed().unwrap();
    let row: Value = serde_json::from_str(&run.stdout).unwrap();
    let row = row.get(0).unwrap_or(&row);
    assert_eq!((&row["rows"], &row["ids"]), (&json!(batches * BATCH), &json!(batches * BATCH)), "{told}");
}

#[test]
#[expect(clippy::print_stderr, reason = "what is not tested is not passed over in silence")]
fn a_full_disk_loses_no_acknowledged_event() {
    if !Disk::is_allowed() {
        eprintln!("NOT TESTED: only root can mount a small disk");
        return;
    }
    let disk = Disk::mount(40).unwrap();
    let sandbox = Sandbox::new().unwrap();
    let data = disk.path().join("tracker");
    let tracker = Tracker::start(&sandbox, &data).unwrap();
    let mut refused = Vec::new();
    let mut sent = 0;
    while refused.is_empty() || sent < 20 {
        assert!(sent < 1_000, "the disk is never full");
        match send(&tracker, sent) {
            Some(200) => {}
            Some(429 | 503) => refused.push(sent),
            other => panic!("answered {other:?}"),
        }
        sent += 1;
    }
    // It says so, and goes on by itself when there is room again.
    disk.resize(600).unwrap();
    for batch in refused {
        send_until_taken(&tracker, batch);
    }
    send_until_taken(&tracker, sent);
    tracker.stop().unwrap();
    reconcile(&sandbox, data.to_str().unwrap(), sent + 1);
}

/// A library by which the clock of a process is wrong by as many seconds as a file says.
fn clock(sandbox: &Sandbox) -> (PathBuf, PathBuf) {
    let offset = sandbox.write("offset", "0").unwrap();
    let source = format!(
        r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *at) {{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, at);
    if (id == CLOCK_REALTIME) {{
        char text[32] = {{0}};
        int file = open("{}", O_RDONLY);
        if (file >= 0) {{ if (read(file, text, 31) > 0) at->tv_sec += atol(text); close(file); }}
    }}
    return done;
}}
"#,
        offset.display()
    );
    let file = sandbox.write("clock.c", source).unwrap();
    let library = sandbox.path("clock.so");
    assert!(Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &file]).status().unwrap().success());
    (library, offset)
}

#[test]
fn a_clock_that_jumps_loses_and_doubles_nothing() {
    let mut sandbox = Sandbox::new().unwrap();
    let (library, offset) = clock(&sandbox);
    sandbox.set_env("LD_PRELOAD", library.as_os_str());
    let data = sandbox.path("tracker");
    let mut tracker = Tracker::start(&sandbox, &data).unwrap();
    let day = 86_400_i64;
    let jumps = [0, 40 * day, -40 * day, 3, -3, 400 * day, 0];
    for (batch, seconds) in jumps.into_iter().enumerate() {
        std::fs::write(&offset, seconds.to_string()).unwrap();
        send_until_taken(&tracker, batch);
        // What was sent before is known, whatever the clock says.
        send_until_taken(&tracker, batch / 2);
        if batch % 3 == 2 {
            tracker.kill().unwrap();
            tracker = Tracker::start(&sandbox, &data).unwrap();
        }
    }
    tracker.stop().unwrap();
    sandbox.remove_env("LD_PRELOAD");
    reconcile(&sandbox, "tracker", jumps.len());
    let moments = "SELECT count(*) AS rows, count(DISTINCT date_trunc('day', received_at)) AS days FROM events";
    let run =
        sandbox.dlt(["tracker", "sql", moments, "--format", "json", "--data", "tracker"]).unwrap().succeed().unwrap();
    let row: Value = serde_json::from_str(&run.stdout).unwrap();
    let row = row.get(0).unwrap_or(&row);
    assert!(row["days"].as_u64().is_some_and(|days| days >= 4), "the clock did jump: {row}");
}
