//! What senders and those who run a tracker get to see.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use dlt_tracker::{check, report};
use serde_json::json;

use crate::tracker::{Client, Tracker, options, sql};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_report_equals_what_was_sent_while_it_runs_and_when_it_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    for number in 0..20 {
        let event = json!({
            "messageId": format!("m{number}"), "anonymousId": format!("id{}", number % 3), "event": "pipeline_load",
            "properties": {"success": number % 4 != 0, "elapsed": f64::from(number), "destination_name": "duckdb"},
            "context": {"ci_run": number % 2 == 0, "exec_info": if number < 5 { vec!["docker"] } else { vec![] },
                "os": {"name": "Linux", "version": "6.1.2"}, "library": {"name": "dlt", "version": "1.31.0"}},
        });
        assert_eq!(client.post("/", event.to_string().as_bytes()).status, 204);
    }
    // The same again, and something that is put aside.
    client.post("/", json!({"messageId": "m7", "event": "pipeline_load"}).to_string().as_bytes());
    client.post("/v1/track", b"{}");

    let running = report(dir.path()).unwrap();
    assert_eq!((running.total, running.active_ids), (20, 3));
    assert_eq!(running.active_by_window, [3, 3, 3]);
    let event = &running.events[0];
    assert_eq!((event.event.as_str(), event.count, event.active_ids), ("pipeline_load", 20, 3));
    assert_eq!((event.success_share, event.p50_seconds), (Some(0.75), Some(9.5)));
    assert!((event.p95_seconds.unwrap() - 18.05).abs() < 1e-9);
    assert_eq!((running.ci_share, running.container_share), (Some(0.5), Some(0.25)));
    assert_eq!(running.versions[0].version.as_deref(), Some("1.31.0"));
    assert_eq!((running.platforms[0].value.as_deref(), running.platforms[0].share), (Some("Linux"), 1.0));
    assert_eq!(running.quarantine[0].value.as_deref(), Some("no_event_name"));
    assert_eq!(
        running.ledger.to_string(),
        "accepted 22 = loaded 20 + quarantined 1 + deduplicated 1 + deleted 0 + in journal 0"
    );
    let metrics = client.get("/metrics").body;
    for line in [
        "dlt_tracker_ledger_accepted 22",
        "dlt_tracker_ledger_unaccounted 0",
        "dlt_tracker_requests_total{outcome=\"accepted\"} 22",
        "dlt_tracker_put_aside_total{reason=\"no_event_name\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
    let sound = check(dir.path()).unwrap();
    assert!(sound.is_sound(), "{sound}");

    let summary = tracker.stop();
    assert_eq!((summary.requests, summary.ledger), (22, running.ledger));
    assert_eq!(report(dir.path()).unwrap(), running);
    assert!(check(dir.path()).unwrap().is_sound());
    assert!(running.to_string().contains("pipeline_load     20    3   75.0 %  9.500 s  18.050 s"), "{running}");
}

#[test]
fn the_ledger_is_right_before_the_first_load() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    for number in 0..3 {
        tracker.client().post("/v1/track", format!(r#"{{"event":"e{number}"}}"#).as_bytes());
    }
    let before = tracker.stop().ledger;
    assert_eq!((before.accepted, before.loaded), (3, 3));
    // Somebody reads the file, so that nothing can be loaded.
    let destination = dlt_destination_duckdb::DuckDb::at(dir.path().join("tracker.duckdb")).unwrap();
    let reader = dlt_engine::Destination::connect(&destination, "telemetry", dlt_engine::destination::Access::Read);
    let tracker = Tracker::start(dir.path());
    assert_eq!(tracker.ready.ledger, before);
    let metrics = tracker.client().get("/metrics").body;
    assert!(metrics.lines().any(|line| line == "dlt_tracker_ledger_loaded 3"), "{metrics}");
    assert_eq!(tracker.stop().ledger, before);
    drop(reader.unwrap());
}

#[test]
fn events_are_in_the_tables_within_two_seconds_and_strangers_may_query_them() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    tracker.client().post("/v1/track", br#"{"event":"seen","messageId":"one"}"#);
    let metrics = || tracker.client().get("/metrics").body;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !metrics().contains("dlt_tracker_ledger_loaded 1") {
        assert!(Instant::now() < deadline, "{}", metrics());
        std::thread::sleep(Duration::from_millis(20));
    }
    let rows = sql(dir.path(), "SELECT event, message_id, journal_seq FROM events");
    assert_eq!(serde_json::to_value(rows).unwrap(), json!([{"event": "seen", "message_id": "one", "journal_seq": 1}]));
}

#[test]
fn both_ways_of_naming_an_owner_are_accepted_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    let event = br#"{"event":"e","writeKey":"verysecret","context":{"ip":"192.0.2.7"}}"#;
    // "verysecret" without its colon, and with it.
    for basic in ["Basic dmVyeXNlY3JldA==", "Basic dmVyeXNlY3JldDo=", "nonsense"] {
        let headers = [("authorization", basic), ("user-agent", "agent-of-ada"), ("x-forwarded-for", "192.0.2.8")];
        let answer = client.send("POST", "/v1/track", &headers, event).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"success":true}"#));
    }
    tracker.stop();
    for entry in walk(dir.path()) {
        let bytes = std::fs::read(&entry).unwrap();
        for secret in ["verysecret", "dmVyeXNlY3JldA", "192.0.2", "agent-of-ada"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", entry.display());
        }
    }
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn gzip_text_and_single_letters_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    let batch = gzip(br#"{"batch":[{"event":"a"},{"event":"b"}]}"#);
    let headers = [("content-encoding", "gzip"), ("content-type", "application/json")];
    assert_eq!(client.send("POST", "/v1/batch", &headers, &batch).unwrap().status, 200);
    let text = [("content-type", "text/plain")];
    for path in ["/v1/t", "/t", "/v1/p", "/s", "/v1/i", "/g", "/a", "/v1/identify", "/page"] {
        let answer = client.send("POST", path, &text, br#"{"event":"c"}"#).unwrap();
        assert_eq!((path, answer.status), (path, 200));
    }
    for path in ["/b", "/v1/import"] {
        assert_eq!(client.post(path, br#"{"batch":[{"event":"d"}]}"#).status, 200);
    }
    assert_eq!(client.post("/", br#"{"batch":[{"event":"e"}]}"#).status, 204);
    let counted = report(dir.path()).unwrap();
    let count = |name: &str| counted.events.iter().find(|event| event.event == name).map_or(0, |event| event.count);
    assert_eq!(["a", "b", "c", "d", "e", "page", "identify"].map(count), [1, 1, 2, 2, 1, 2, 2]);
    let preflight = client.send("OPTIONS", "/v1/track", &[("origin", "https://x")], b"").unwrap();
    assert_eq!(preflight.header("access-control-allow-headers"), Some("*, authorization"));
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, Some("*")));
}

#[test]
fn refusals_are_400_with_a_code_and_the_connection_lives_on() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    let long = format!(r#"{{"event":"{}"}}"#, "x".repeat(600_000));
    for (path, body, code) in [
        ("/v1/track", "not json", "invalid_json"),
        ("/", "[]", "not_an_object"),
        ("/v1/batch", "{}", "no_batch"),
        ("/v1/track", long.as_str(), "too_large"),
        ("/v2/track", "{}", "unknown_path"),
        ("/v1/nonsense", "{}", "unknown_path"),
        ("/v1/%ff", "{}", "unknown_path"),
        ("/%ff", "{}", "unknown_path"),
        ("/healthz", "{}", "unknown_method"),
    ] {
        let answer = client.post(path, body.as_bytes());
        let told = answer.json();
        assert_eq!((answer.status, told["code"].as_str()), (400, Some(code)), "{path}");
        assert!(told["message"].as_str().is_some_and(|message| message.len() > 10));
    }
    let many = format!(r#"{{"batch":[{}1]}}"#, "1,".repeat(2500));
    assert_eq!(client.post("/v1/batch", many.as_bytes()).json()["code"], "too_many_events");
    let answer = client.get("/v1/track");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("unknown_method")));
    assert_eq!(client.get("/healthz").json()["status"], "ok");
    assert_eq!(report(dir.path()).unwrap().ledger.accepted, 0);
    let metrics = client.get("/metrics").body;
    assert!(metrics.contains("dlt_tracker_requests_total{outcome=\"refused\"} 11"), "{metrics}");
}

#[test]
fn overload_is_a_fast_429_that_says_when_to_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut small = options(dir.path());
    small.memory_bytes = 8 << 10;
    let tracker = Tracker::with(small);
    let mut client = tracker.client();
    let body = format!(r#"{{"event":"e","properties":{{"x":"{}"}}}}"#, "x".repeat(20_000));
    let answer = client.post("/v1/track", body.as_bytes());
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    assert!(answer.header("x-ratelimit-reset").unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    assert_eq!(answer.json()["code"], "overloaded");
    let mut client = tracker.client();
    assert_eq!(client.post("/v1/track", br#"{"event":"small"}"#).status, 200);
    drop(tracker);

    let mut few = options(dir.path());
    few.connections = 1;
    let tracker = Tracker::with(few);
    let mut first = tracker.client();
    assert_eq!(first.get("/healthz").status, 200);
    let mut second = Client::connect(tracker.ready.address);
    assert_eq!(second.get("/healthz").status, 429);
    assert_eq!(first.get("/healthz").status, 200);
}

#[test]
fn health_tells_of_the_disk_and_of_its_recovery() {
    let dir = tempfile::tempdir().unwrap();
    let mut small = options(dir.path());
    small.segment_bytes = 4096;
    let tracker = Tracker::with(small);
    let mut client = tracker.client();
    let event = format!(r#"{{"event":"e","properties":{{"x":"{}"}}}}"#, "x".repeat(5000));
    assert_eq!(client.post("/", event.as_bytes()).status, 204);
    assert_eq!(client.get("/healthz").status, 200);
    // Where there is no folder, no segment can be begun.
    let (folder, away) = (dir.path().join("journal"), dir.path().join("away"));
    std::fs::rename(&folder, &away).unwrap();
    assert_eq!(client.post("/", event.as_bytes()).status, 503);
    let told = client.get("/healthz");
    assert_eq!((told.status, told.json()["reason"].as_str()), (503, Some("the journal can't be written")));
    std::fs::rename(&away, &folder).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.get("/healthz").status != 200 {
        assert!(Instant::now() < deadline, "it is still said to fail");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(client.post("/", event.as_bytes()).status, 204);
    let ledger = tracker.stop().ledger;
    assert_eq!((ledger.accepted, ledger.loaded), (2, 2));
    assert!(check(dir.path()).unwrap().is_sound());

    let mut full = options(dir.path());
    full.journal_bytes = 1;
    let tracker = Tracker::with(full);
    assert_eq!(tracker.client().post("/", br#"{"event":"e"}"#).status, 429);
    let told = tracker.client().get("/healthz");
    assert_eq!(told.status, 503, "{told:?}");
    assert!(told.json()["reason"].as_str().unwrap().contains("limit"), "{told:?}");
}

#[test]
fn reports_are_for_the_owner_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    assert_eq!(client.get("/report.json").status, 401);
    let headers = [("authorization", "Bearer 0000")];
    assert_eq!(client.send("GET", "/check.json", &headers, b"").unwrap().status, 401);
    // Without the key no file is opened for whoever asks: this one would be told as no contract.
    std::fs::write(dir.path().join("secrets.toml"), "[key]\n").unwrap();
    let elsewhere = format!("/learned-contract.json?project={}", dir.path().join("secrets").display());
    assert_eq!(client.get(&elsewhere).status, 401);
    let file = dir.path().join("server.json");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    tracker.stop();
    assert!(!file.exists());
    // The tables are read without a key by whoever gets at the file.
    let made = dir.path().join("made");
    Tracker::start(&made).stop();
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&made).unwrap());
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn what_stands_in_the_way_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = report(dir.path()).unwrap_err().to_string();
    assert!(error.contains("there is no tracker data"), "{error}");
    let tracker = Tracker::start(dir.path());
    let again = dlt_tracker::serve(options(dir.path()), |_| panic!("two on one folder")).unwrap_err().to_string();
    assert!(again.contains("another process uses the data folder"), "{again}");
    let other = tempfile::tempdir().unwrap();
    let mut same_port = options(other.path());
    same_port.listen = tracker.ready.address.to_string();
    same_port.data_dir = other.path().join("new");
    let taken = dlt_tracker::serve(same_port, |_| panic!("two on one port")).unwrap_err().to_string();
    assert!(taken.contains("can't listen on 127.0.0.1"), "{taken}");
    assert!(!other.path().join("new").exists(), "it left a trace");
    std::fs::write(other.path().join("lock"), "").unwrap();
    let empty = report(other.path()).unwrap_err().to_string();
    assert!(empty.contains("there is no tracker data"), "a lock is no data: {empty}");
    let file = other.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let no_folder = dlt_tracker::serve(options(&file), |_| panic!("a file")).unwrap_err().to_string();
    assert!(no_folder.contains("can't make the folder"), "{no_folder}");
}

#[test]
fn several_may_read_a_stopped_trackers_folder_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    tracker.client().post("/v1/track", br#"{"event":"e"}"#);
    tracker.stop();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(report(dir.path()).unwrap().total, 1));
        }
    });
}

#[test]
fn who_sends_nothing_or_only_half_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut hasty = options(dir.path());
    hasty.idle_timeout = Duration::from_millis(200);
    hasty.body_timeout = Duration::from_millis(200);
    let tracker = Tracker::with(hasty);
    let mut idle = TcpStream::connect(tracker.ready.address).unwrap();
    idle.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    idle.write_all(b"POST / HTTP/1.1\r\nhost:").unwrap();
    let mut rest = Vec::new();
    // The end of the stream, or a reset: either way the connection is gone before the time-out of this side.
    let started = Instant::now();
    let _ = idle.read_to_end(&mut rest);
    assert!(started.elapsed() < Duration::from_secs(15));

    let mut half = TcpStream::connect(tracker.ready.address).unwrap();
    half.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    half.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{\"event\":").unwrap();
    let mut answer = [0; 12];
    half.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert_eq!(report(dir.path()).unwrap().ledger.accepted, 0);
}

#[test]
fn what_is_under_way_when_it_stops_is_answered_and_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let address = tracker.ready.address;
    let stop = tracker.ready.stop.clone();
    let acknowledged: usize = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(move || {
                    let mut client = Client::connect(address);
                    let mut kept = 0;
                    while let Ok(answer) = client.send("POST", "/", &[], br#"{"event":"e"}"#) {
                        kept += usize::from(answer.status == 204);
                    }
                    kept
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        stop.stop();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    let ledger = tracker.stop().ledger;
    assert!(acknowledged > 0);
    assert_eq!((ledger.accepted, ledger.loaded), (acknowledged as u64, acknowledged as u64));
}
