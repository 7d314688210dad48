//! A tracker whose tables are in a database or bucket that takes connections and says nothing: it takes events, says what it waits for,
//! ends when it is told to, and loads what came when the tables are there.

use std::cell::RefCell;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dlt_testkit::{Client, Fault, Front, Postgres, S3, Sandbox, Tracker};
use serde_json::json;

/// Longer than any test may take: who waits for the tables fails it.
const HOUR: Duration = Duration::from_secs(3600);

fn send(tracker: &Tracker, ids: std::ops::Range<u32>) {
    let mut client = Client::connect(tracker.address()).unwrap();
    for id in ids {
        let event = json!({"event": "e", "messageId": format!("m{id}"), "anonymousId": "a"}).to_string();
        assert_eq!(client.post("/v1/track", event.as_bytes()).unwrap().0, 200);
    }
}

fn wait_until_loaded(tracker: &Tracker, events: u32) {
    let started = Instant::now();
    loop {
        let (_, page) = Client::connect(tracker.address()).unwrap().get("/metrics").unwrap();
        let page = String::from_utf8(page).unwrap();
        if page.lines().any(|line| line == format!("dlt_tracker_ledger_loaded {events}")) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(120), "{events} events are not loaded\n{page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a tracker goes through whose tables come and go.
fn come_and_go(sandbox: &Sandbox, store: &[String], go: impl FnOnce(), come: impl FnOnce()) {
    let data = sandbox.path("tracker");
    let start = |data: &Path| Tracker::start_as(sandbox, "serve", data, store).unwrap();
    let tracker = start(&data);
    send(&tracker, 0..5);
    wait_until_loaded(&tracker, 5);
    go();
    send(&tracker, 5..10);
    tracker.stop().unwrap();

    // They do not answer at the start either.
    let tracker = start(&data);
    send(&tracker, 10..15);
    let told = tracker.stop().unwrap().stderr;
    assert!(told.contains("the tables do not answer yet: events wait in the journal"), "{told}");

    // The tables may be those of another folder, so a new one waits for them; and ends when it is told to.
    let another = sandbox.path("another");
    let waiting = sandbox.dlt(["tracker", "serve", "--listen", "127.0.0.1:0", "--data"]).unwrap().arg(&another);
    let waiting = waiting.args(store).limit(Duration::from_secs(120)).spawn().unwrap();
    let started = Instant::now();
    // It obeys signals before it makes this file, and asks the tables after it.
    while !another.join("id-key").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "it does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = waiting.terminate().unwrap();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!output.stdout.contains("Listening"), "{output}");

    come();
    let tracker = start(&data);
    send(&tracker, 15..20);
    wait_until_loaded(&tracker, 20);
    tracker.stop().unwrap();
    let check = sandbox.dlt(["tracker", "check", "--data"]).unwrap().arg(&data).args(&store[..2]).succeed().unwrap();
    assert!(check.stdout.contains("accepted 20 = loaded 20 "), "{check}");
}

#[test]
fn a_database_that_does_not_answer_is_not_waited_for() {
    let postgres = RefCell::new(Postgres::start().unwrap());
    let sandbox = Sandbox::new().unwrap();
    let port = postgres.borrow().port();
    let url = format!("{}?connect_timeout={}", postgres.borrow().url("postgres"), HOUR.as_secs());
    // It takes connections, and says nothing.
    let silent = RefCell::new(None);
    come_and_go(
        &sandbox,
        &["--store".to_owned(), url],
        || {
            postgres.borrow_mut().crash().unwrap();
            *silent.borrow_mut() = Some(TcpListener::bind(("127.0.0.1", port)).unwrap());
        },
        || {
            drop(silent.borrow_mut().take());
            postgres.borrow_mut().resume().unwrap();
        },
    );
    let ids = "SELECT count(*), count(DISTINCT message_id) FROM telemetry.events";
    assert_eq!(postgres.borrow().sql("postgres", ids).unwrap(), "20|20");
}

#[test]
fn a_bucket_that_does_not_answer_is_not_waited_for() {
    let server = S3::start().unwrap();
    server.make_bucket("telemetry").unwrap();
    let is_silent = Arc::new(AtomicBool::new(false));
    let silent = Arc::clone(&is_silent);
    let front = Front::before(server.address(), move |_, _| match silent.load(Ordering::SeqCst) {
        true => Fault::Delay(HOUR),
        false => Fault::None,
    })
    .unwrap();
    let mut sandbox = Sandbox::new().unwrap();
    for (name, value) in [
        ("ENDPOINT_URL", front.url()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "very-secret".to_owned()),
        ("REGION_NAME", "us-east-1".to_owned()),
    ] {
        sandbox.set_env(&format!("DLT_TRACKER_STORE__CREDENTIALS__{name}"), value);
    }
    come_and_go(
        &sandbox,
        &["--store", "s3://telemetry/of-dlt", "--set", "load.interval=200 ms"].map(str::to_owned),
        || is_silent.store(true, Ordering::SeqCst),
        || is_silent.store(false, Ordering::SeqCst),
    );
}
