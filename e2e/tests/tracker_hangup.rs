//! A terminal is closed under a tracker: it ends in order, or goes on where it was started so.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use dlt_testkit::{Client, Sandbox, Tracker, dlt_binary};
use serde_json::{Value, json};

const EVENTS: usize = 300;

fn hang_up(process: u32) {
    assert!(Command::new("kill").args(["-HUP", &process.to_string()]).status().unwrap().success());
}

fn send(client: &mut Client, first: usize) {
    let event = |number: usize| json!({"type": "track", "event": "e", "messageId": format!("m{number}")});
    let batch: Vec<Value> = (first..first + EVENTS).map(event).collect();
    assert_eq!(client.post("/v1/batch", json!({ "batch": batch }).to_string().as_bytes()).unwrap().0, 200);
}

#[test]
fn it_ends_as_if_it_were_stopped() {
    let sandbox = Sandbox::new().unwrap();
    // It loads seldom, so that what arrived waits.
    let seldom = ["--set", "load.interval=60 s"].map(str::to_owned);
    let tracker = Tracker::start_as(&sandbox, "serve", &sandbox.path("tracker"), &seldom).unwrap();
    send(&mut Client::connect(tracker.address()).unwrap(), 0);
    hang_up(tracker.id());
    // SIGTERM on top of it changes nothing.
    let output = tracker.stop().unwrap();
    assert!(!sandbox.path("tracker/server.json").exists(), "it took its file away\n{output}");
    let told = sandbox.dlt(["tracker", "check", "--data", "tracker"]).unwrap().succeed().unwrap();
    assert!(told.stdout.contains(&format!("loaded {EVENTS} ")), "{told}");
}

#[test]
fn nohup_keeps_it() {
    let sandbox = Sandbox::new().unwrap();
    let data = sandbox.path("tracker");
    let running = sandbox
        .command("nohup")
        .arg(dlt_binary().unwrap())
        .args(["tracker", "serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .limit(Duration::from_secs(120))
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let address = loop {
        let told = fs::read_to_string(data.join("server.json")).unwrap_or_default();
        let told: Value = serde_json::from_str(&told).unwrap_or_default();
        if let Some(address) = told["address"].as_str() {
            break address.parse().unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not begin");
        thread::sleep(Duration::from_millis(20));
    };
    let mut client = Client::connect(address).unwrap();
    send(&mut client, 0);
    hang_up(running.id());
    thread::sleep(Duration::from_millis(500));
    send(&mut client, EVENTS);
    let output = running.terminate().unwrap();
    assert_eq!(output.code, Some(0), "{output}");
    let told = sandbox.dlt(["tracker", "check", "--data", "tracker"]).unwrap().succeed().unwrap();
    assert!(told.stdout.contains(&format!("loaded {} ", 2 * EVENTS)), "{told}");
}
