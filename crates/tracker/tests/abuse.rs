//! Peers that ask for too much, or take nothing: what they cost, and that others do not notice.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use dlt_testkit::Postgres;
use dlt_tracker::{StoreAddress, add_key, check, report};
use serde_json::json;

use crate::tracker::{Client, Tracker, example, options};

/// Memory of this process, in MiB; the tracker is a thread of it.
fn resident_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().split(' ').next().unwrap().parse::<usize>().unwrap() / 1024
}

#[test]
fn a_sender_that_comes_too_often_waits_and_others_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut limited = options(dir.path());
    limited.rates.by_address = Some(12);
    limited.rates.by_key = Some(3);
    limited.rates.forwarded = Some("x-real-address".try_into().unwrap());
    let tracker = Tracker::with(limited);
    let mut client = tracker.client();
    let mut send = |address: &str, key: &str| {
        let body = format!(r#"{{"event":"e","writeKey":"{key}"}}"#);
        client.send("POST", "/v1/track", &[("x-real-address", address)], body.as_bytes()).unwrap()
    };
    // While these are sent some of the limit comes back.
    let many = (0..20).map(|_| send("198.51.100.77", "key-of-a")).find(|answer| answer.status == 429).unwrap();
    assert_eq!(many.json()["code"], "rate_limited");
    let wait = many.header("retry-after").unwrap().parse::<u64>().unwrap();
    assert!((1..=21).contains(&wait), "{wait}");
    assert_eq!(send("198.51.100.77", "key-of-b").status, 200);
    let many = (0..60).map(|_| send("198.51.100.77", "")).find(|answer| answer.status == 429).unwrap();
    assert!(many.header("retry-after").unwrap().parse::<u64>().unwrap() <= 6);
    assert_eq!(send("198.51.100.78", "").status, 200);
    let metrics = client.get("/metrics").body;
    for line in ["dlt_tracker_rate_limited_total{by=\"key\"} 1", "dlt_tracker_rate_limited_total{by=\"address\"} 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
    assert_eq!(client.get("/healthz").status, 200, "only events are counted");
}

#[test]
fn the_key_that_counts_is_counted_whatever_is_named_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    add_key(dir.path(), "web", None, Some("key-of-web")).unwrap();
    let mut limited = options(dir.path());
    limited.rates.by_key = Some(3);
    let tracker = Tracker::with(limited);
    let mut client = tracker.client();
    let mut number = 0;
    let mut send = |key: &str| {
        // Another one in front of it each time.
        number += 1;
        let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("unknown-{number}:")));
        let body = format!(r#"{{"event":"e","writeKey":"{key}"}}"#);
        client.send("POST", "/v1/track", &[("authorization", &basic)], body.as_bytes()).unwrap().status
    };
    for key in ["key-of-web", "of-nobody"] {
        assert!((0..20).map(|_| send(key)).any(|status| status == 429), "{key}");
    }
}

#[test]
fn who_asks_on_and_on_and_reads_nothing_is_let_go_and_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut hasty = options(dir.path());
    hasty.body_timeout = Duration::from_millis(500);
    let tracker = Tracker::with(hasty);
    assert_eq!(tracker.client().get("/metrics").status, 200);
    let before = resident_mib();
    let mut deaf = TcpStream::connect(tracker.ready.address).unwrap();
    deaf.set_nonblocking(true).unwrap();
    let requests = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    let mut room = 10_usize << 20;
    let deadline = Instant::now() + Duration::from_secs(20);
    let error = loop {
        assert!(Instant::now() < deadline, "it still has its connection");
        let written = if room == 0 { Ok(0) } else { deaf.write(&requests) };
        match written {
            Ok(0) => std::thread::sleep(Duration::from_millis(20)),
            Ok(bytes) => room = room.saturating_sub(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => break error,
        }
        if let Some(error) = deaf.take_error().unwrap() {
            break error;
        }
    };
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 100, "{grown} MiB for one connection");
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let event = br#"{"event":"e"}"#;
    let cookies = "c".repeat(20_000);
    assert_eq!(tracker.client().send("POST", "/", &[("cookie", &cookies)], event).unwrap().status, 204);
    let endless = "c".repeat(200_000);
    let answer = tracker.client().send("POST", "/", &[("cookie", &endless)], event);
    assert!(answer.as_ref().map_or(true, |answer| answer.status == 431), "{answer:?}");
    assert_eq!(report(dir.path()).unwrap().ledger.accepted, 1);
}

#[test]
fn who_is_turned_away_gets_to_read_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut few = options(dir.path());
    few.connections = 1;
    let tracker = Tracker::with(few);
    let mut first = tracker.client();
    assert_eq!(first.get("/healthz").status, 200);
    for attempt in 0..5 {
        let mut stream = TcpStream::connect(tracker.ready.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // It is told before it has sent everything, and goes on sending, as most clients do.
        let pieces =
            ["POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 40000\r\n\r\n", &" ".repeat(20_000), &" ".repeat(20_000)];
        for piece in pieces {
            let written = stream.write_all(piece.as_bytes());
            assert!(written.is_ok(), "attempt {attempt}: {written:?}");
            std::thread::sleep(Duration::from_millis(30));
        }
        let mut answer = [0; 12];
        let read = stream.read_exact(&mut answer);
        assert!(read.is_ok() && answer == *b"HTTP/1.1 429", "attempt {attempt}: {read:?}");
    }
}

#[test]
fn who_is_refused_before_the_body_is_read_gets_to_read_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut limited = options(dir.path());
    limited.rates.by_address = Some(1);
    let tracker = Tracker::with(limited);
    // One connection for all: a body that nobody read would close it, and most senders try again then.
    let mut client = tracker.client();
    assert_eq!(client.post("/v1/track", br#"{"event":"e"}"#).status, 200);
    let long = vec![b' '; 1 << 20];
    for (method, path, status) in [
        ("POST", "/v1/batch", 429),
        ("POST", "/v1/forget", 429),
        ("POST", "/v1/tr%61ck", 429),
        ("POST", "/v2/track", 400),
        ("PUT", "/v1/track", 400),
    ] {
        let answer = client.send(method, path, &[], &long).unwrap();
        assert_eq!((answer.status, path), (status, path));
        assert_eq!(client.get("/healthz").status, 200, "{method} {path}");
    }
}

#[test]
fn who_announces_much_and_sends_nothing_keeps_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut small = options(dir.path());
    small.memory_bytes = 1 << 20;
    let tracker = Tracker::with(small);
    let announced = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: 500000\r\n\r\n";
    let waiting: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(tracker.ready.address).unwrap();
            stream.write_all(announced).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(tracker.client().post("/", br#"{"event":"e"}"#).status, 204);
    // What really comes is counted: it is read to its end, refused, and given back.
    let body = format!(r#"{{"event":"e","properties":{{"x":"{}"}}}}"#, "x".repeat(20_000));
    let batch = format!(r#"{{"batch":[{}]}}"#, vec![body.as_str(); 24].join(","));
    let mut client = tracker.client();
    for _ in 0..3 {
        let answer = client.post("/v1/batch", batch.as_bytes());
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
        assert_eq!(client.post("/", body.as_bytes()).status, 204);
    }
    drop(waiting);
    let ledger = tracker.stop().ledger;
    assert_eq!((ledger.accepted, ledger.loaded), (4, 4));
}

#[test]
fn a_small_batch_can_not_make_large_rows() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    let long = "x".repeat(300_000);
    let one = json!({"batch": [{"event": "e"}], "context": {"library": {"name": long}}}).to_string();
    assert_eq!(client.post("/v1/batch", one.as_bytes()).status, 200);
    let texts: Vec<String> = (0..40).map(|number| format!("{number:0200}")).collect();
    let context = json!({"exec_info": texts});
    let many = json!({"batch": vec![json!({"event": "e"}); 2500], "context": context}).to_string();
    let answer = client.post("/v1/batch", many.as_bytes());
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("too_large")), "{answer:?}");
    // As many events with what clients really say about themselves are fine.
    let context = json!({
        "ci_run": false, "cpu": 64, "exec_info": ["kubernetes", "docker", "airflow"], "python": "3.11.7",
        "library": {"name": "dlt", "version": "1.31.0"}, "os": {"name": "Linux", "version": "6.18.44-fc-v657"},
        "runtime": {"name": "rust", "version": "1.95.0"},
    });
    let event = json!({"event": "pipeline_load", "properties": {"success": true, "elapsed": 0.25, "note": "a text"},
        "anonymousId": "5900737068dbc1906b124d87fc984692", "timestamp": "2026-03-01T12:00:00.000Z"});
    let many = json!({"batch": vec![event; 2500], "context": context}).to_string();
    assert!(many.len() < 500 * 1024, "{}", many.len());
    assert_eq!(client.post("/v1/batch", many.as_bytes()).status, 200);
    assert_eq!(report(dir.path()).unwrap().ledger.accepted, 2501);
}

#[test]
fn many_who_want_to_be_forgotten_do_not_keep_the_owner_from_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    assert_eq!(tracker.client().post("/", br#"{"event":"e"}"#).status, 204);
    let address = tracker.ready.address;
    let stop = AtomicBool::new(false);
    let claim = json!({"anonymousId": "a", "proof": [{"messageId": "m", "digest": "0".repeat(64)}]}).to_string();
    let request =
        format!("POST /v1/forget HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{claim}", claim.len()).into_bytes();
    std::thread::scope(|scope| {
        for number in 0..40 {
            let (stop, request, claim) = (&stop, &request, &claim);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // Some wait for the answer, others ask and are gone.
                    if number % 2 == 0 {
                        let mut client = Client::connect(address);
                        let status = client.post("/v1/forget", claim.as_bytes()).status;
                        assert!(status == 400 || status == 429, "{status}");
                    } else {
                        TcpStream::connect(address).unwrap().write_all(request).unwrap();
                        std::thread::sleep(Duration::from_millis(2));
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(500));
        let found: Vec<_> = (0..5).map(|_| report(dir.path()).map(|report| report.total)).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(found.iter().all(|found| matches!(found, Ok(1))), "{found:?}");
    });
    assert!(check(dir.path()).unwrap().is_sound());
}

#[test]
fn who_hangs_up_does_not_have_the_tables_read_once_more() {
    let postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
    options.public.projects = vec!["default".to_owned()];
    let tracker = Tracker::with(options.clone());
    assert_eq!(tracker.client().post("/", br#"{"event":"e"}"#).status, 204);
    assert_eq!(report(options.place()).unwrap().total, 1);
    // The public page reads anew each time until it has been read.
    let mut holding = postgres.psql("postgres").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut statements = holding.stdin.take().unwrap();
    statements.write_all(b"BEGIN; LOCK TABLE telemetry.events IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n").unwrap();
    let mut told = BufReader::new(holding.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line == "held"));

    let waiting = || {
        let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'telemetry.events'::regclass";
        postgres.sql("postgres", sql).unwrap().parse::<usize>().unwrap()
    };
    let described = std::fs::read_to_string(dir.path().join("server.json")).unwrap();
    let key = serde_json::from_str::<serde_json::Value>(&described).unwrap()["key"].as_str().unwrap().to_owned();
    let question = "SELECT count(*) FROM events";
    for request in [
        "GET /public.json HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        format!(
            "POST /sql.arrow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{question}",
            question.len()
        ),
    ] {
        let before = waiting();
        for _ in 0..8 {
            let mut stream = TcpStream::connect(tracker.ready.address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            while waiting() == before {
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let at_a_time = if request.starts_with("GET") { 1 } else { 2 };
        assert!(waiting() <= before + at_a_time, "{} of {before}: {request}", waiting());
    }
    drop(statements);
    holding.wait().unwrap();
    assert_eq!(tracker.client().get("/public.json").status, 200);
}

#[test]
fn more_connections_than_open_files_do_not_end_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -S -n 100 && ulimit -H -n 300 && exec \"$@\"", "sh"])
        .arg(example())
        .arg(dir.path())
        .args(["127.0.0.1:0", "50"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address: SocketAddr = line.trim().parse().unwrap();
    let mut kept = Vec::new();
    let mut turned_away = 0;
    let mut first = Client::connect(address);
    assert_eq!(first.post("/", br#"{"event":"first"}"#).status, 204);
    for _ in 0..400 {
        let Ok(mut client) = Client::try_connect(address) else { continue };
        match client.send("GET", "/healthz", &[], b"") {
            Ok(answer) if answer.status == 200 => kept.push(client),
            _ => turned_away += 1,
        }
    }
    assert!(kept.len() > 80 && turned_away > 80, "{} kept, {turned_away} turned away", kept.len());
    for _ in 0..20 {
        assert_eq!(first.post("/", br#"{"event":"e"}"#).status, 204);
        std::thread::sleep(Duration::from_millis(20));
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while !first.get("/metrics").body.contains("dlt_tracker_ledger_loaded 21") {
        assert!(Instant::now() < deadline, "{}", first.get("/metrics").body);
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
