//! Requests in all ways in which HTTP lets them be written: the direct way for events in the usual form, and the library for the rest.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::tracker::{Answer, Client, Tracker, options};
use dlt_tracker::report;

/// A body that is one event.
const EVENT: &[u8] = br#"{"event":"e"}"#;

/// Path, headers and body of a request, and the status that it gets.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [u8], u16);

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// What of an answer does not depend on the moment.
fn lasting(mut answer: Answer) -> Answer {
    answer.headers.retain(|(name, _)| name != "date" && name != "x-ratelimit-reset");
    answer.headers.sort();
    answer
}

#[test]
fn the_direct_way_and_the_library_answer_alike() {
    let dir = tempfile::tempdir().unwrap();
    let mut limited = options(dir.path());
    limited.limits.request_bytes = 10_000;
    limited.limits.event_bytes = 2_000;
    limited.rates.by_key = Some(2);
    let tracker = Tracker::with(limited);
    let long = format!(r#"{{"event":"{}"}}"#, "e".repeat(3_000)).into_bytes();
    let packed = gzip(EVENT);
    let bomb = gzip(&vec![b' '; 100_000]);
    let key = |key| [("authorization", key)];
    let cases: [Case<'_>; 18] = [
        ("/", &[], EVENT, 204),
        ("/v1/track", &[], EVENT, 200),
        ("/v1/identify?x=1", &[], br#"{"userId":"u"}"#, 200),
        ("/v1/batch", &[], br#"{"batch":[{"type":"track","event":"e"},{"type":"page"}]}"#, 200),
        ("/v1/batch", &[], br#"{"batch":[]}"#, 200),
        ("/v1/batch", &[], b"{}", 400),
        ("/v1/track", &[("content-encoding", "gzip")], &packed, 200),
        ("/v1/track", &[("content-encoding", "gzip")], EVENT, 400),
        ("/v1/track", &[("content-encoding", "gzip")], &bomb, 400),
        ("/v1/track", &[("Content-Encoding", "br")], EVENT, 400),
        ("/v1/track", &[], b"", 400),
        ("/v1/track", &[], b"not JSON", 400),
        ("/v1/track", &[], b"[1]", 400),
        ("/v1/track", &[], &long, 200),
        ("/v1/track", &[], &[b' '; 20_000], 400),
        ("/v1/track", &[("Connection", "Keep-Alive")], EVENT, 200),
        ("/v1/track", &[("cookie", "a=b"), ("user-agent", "c"), ("origin", "http://d")], EVENT, 200),
        ("/v1/track", &key("Basic !"), EVENT, 200),
    ];
    for (path, headers, body, status) in cases {
        let direct = tracker.client().send("POST", path, headers, body).unwrap();
        let mut client = tracker.client();
        // From the first request on that is another, the library has the connection.
        assert_eq!(client.get("/healthz").status, 200);
        let other = client.send("POST", path, headers, body).unwrap();
        assert_eq!(direct.status, status, "{path} {headers:?}: {direct:?}");
        assert!(direct.header("date").is_some_and(|date| date.ends_with(" GMT") && date.len() == 29), "{direct:?}");
        assert_eq!(lasting(direct), lasting(other), "{path} {headers:?}");
    }
    let limits = |is_direct: bool| {
        let mut client = tracker.client();
        if !is_direct {
            client.get("/healthz");
        }
        // Keys of their own, as each may bring two.
        let key = if is_direct { "Basic YTo=" } else { "Basic Yjo=" };
        let mut answers = (0..3).map(|_| client.send("POST", "/", &[("authorization", key)], EVENT).unwrap());
        answers.by_ref().take(2).for_each(|answer| assert_eq!(answer.status, 204));
        answers.next().unwrap()
    };
    let (direct, other) = (limits(true), limits(false));
    assert_eq!(direct.status, 429);
    assert_eq!(lasting(direct), lasting(other));
    assert!(report(dir.path()).is_ok());
}

fn written(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The statuses of the answers on a connection to its end.
fn statuses(stream: &mut TcpStream) -> Vec<u16> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let lines = text.split("HTTP/1.1 ").skip(1);
    lines.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn requests_in_pieces_are_the_same_requests() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let event = |id: &str| written("/v1/track", &format!(r#"{{"event":"e","messageId":"{id}"}}"#));
    let text = [
        event("one"),
        event("two"),
        // The end of one is the beginning of the next; the library takes over in the middle, and ends the connection.
        written("/", r#"{"event":"POST / HTTP/1.1\r\n","messageId":"three"}"#),
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2c\r\n{\"event\":\"e\",\"messageId\":\"four\"}            \r\n0\r\n\r\n".to_owned(),
        written("/v1/track", r#"{"event":"e","messageId":"five"}"#).replacen("Host", "Connection: close\r\nHost", 1),
    ]
    .concat();
    let expected = [200, 200, 204, 204, 200];
    let send = |pieces: &[&[u8]]| {
        let mut stream = TcpStream::connect(tracker.ready.address).unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in pieces {
            stream.write_all(piece).unwrap();
            if pieces.len() == 2 {
                std::thread::sleep(Duration::from_micros(500));
            }
        }
        statuses(&mut stream)
    };
    let bytes = text.as_bytes();
    assert_eq!(send(&[bytes]), expected);
    for cut in 1..bytes.len() {
        assert_eq!(send(&[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}");
    }
    assert_eq!(send(&bytes.chunks(1).collect::<Vec<_>>()), expected);
    assert_eq!(send(&bytes.chunks(7).collect::<Vec<_>>()), expected);
    let report = report(dir.path()).unwrap();
    assert_eq!(report.total, 5, "each once: the ids are the same");
    assert_eq!(report.ledger.accepted, 5 * (bytes.len() as u64 + 2));
}

#[test]
fn a_request_has_one_length_or_none_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let hidden = written("/v1/track", r#"{"event":"hidden"}"#);
    for head in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: 5\r\nTransfer-Encoding: gzip",
        "Content-Length : 5",
        "Content-Length: +5",
        "Content-Length: 5\r\n\tfolded",
        "Content-Length: 99999999999999999999999",
    ] {
        let mut stream = TcpStream::connect(tracker.ready.address).unwrap();
        stream.write_all(format!("POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n12345{hidden}").as_bytes()).unwrap();
        let answers = statuses(&mut stream);
        assert_eq!(answers, [400], "{head}");
    }
    assert_eq!(report(dir.path()).unwrap().ledger.accepted, 0);
}

#[test]
fn who_sends_now_and_then_is_kept_and_who_is_idle_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut hasty = options(dir.path());
    hasty.idle_timeout = Duration::from_secs(3);
    let tracker = Tracker::with(hasty);
    let mut stream = TcpStream::connect(tracker.ready.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = [0; 512];
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(7) {
        stream.write_all(written("/", r#"{"event":"e"}"#).as_bytes()).unwrap();
        let length = stream.read(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 204"));
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(stream.read(&mut answer).unwrap(), 0, "the end of the connection");
}

#[test]
fn a_body_that_is_not_read_to_its_end_is_not_the_next_request() {
    let dir = tempfile::tempdir().unwrap();
    let mut hasty = options(dir.path());
    hasty.body_timeout = Duration::from_millis(200);
    let tracker = Tracker::with(hasty);
    let mut stream = TcpStream::connect(tracker.ready.address).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{\"event\":").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    // The body goes on, and is a request. The connection may be closed by then.
    let _ = stream.write_all(written("/", r#"{"event":"hidden"}"#).as_bytes());
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("connection: close\r\n") && !rest.contains("HTTP/1.1"), "{rest}");
    assert_eq!(report(dir.path()).unwrap().ledger.accepted, 0);
    assert_eq!(Client::connect(tracker.ready.address).post("/", EVENT).status, 204);
}

#[test]
fn who_is_idle_does_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut patient = options(dir.path());
    patient.drain = Duration::from_secs(60);
    let tracker = Tracker::with(patient);
    let (mut direct, mut other) = (tracker.client(), tracker.client());
    assert_eq!((direct.post("/", EVENT).status, other.get("/healthz").status), (204, 200));
    let started = Instant::now();
    tracker.stop();
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(direct.send("POST", "/", &[], EVENT).is_err() && other.send("POST", "/", &[], EVENT).is_err());
}

#[test]
fn what_was_read_ahead_is_not_lost_when_the_library_takes_over() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let event = format!(r#"{{"type":"track","event":"{}"}}"#, "e".repeat(200));
    let batch = format!(r#"{{"batch":[{}]}}"#, vec![event; 500].join(","));
    let chunked = |number: usize| {
        let body = format!(r#"{{"event":"e","messageId":"{number}"}}"#);
        format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    };
    let last = written("/v1/track", r#"{"event":"e"}"#).replacen("Host", "Connection: close\r\nHost", 1);
    let text = written("/v1/batch", &batch) + &(0..1000).map(chunked).collect::<String>() + &last;
    let mut stream = TcpStream::connect(tracker.ready.address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let expected = [vec![200], vec![204; 1000], vec![200]].concat();
    assert_eq!(statuses(&mut stream), expected);
    assert_eq!(report(dir.path()).unwrap().total, 1_501);
}

#[test]
fn a_request_that_is_under_way_at_the_end_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut patient = options(dir.path());
    patient.drain = Duration::from_secs(60);
    let tracker = Tracker::with(patient);
    let mut streams: Vec<TcpStream> = ["", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"]
        .map(|first| {
            let mut stream = TcpStream::connect(tracker.ready.address).unwrap();
            stream.write_all((first.to_owned() + &written("/", r#"{"event":"e"}"#)[..60]).as_bytes()).unwrap();
            stream
        })
        .into();
    std::thread::sleep(Duration::from_millis(300));
    tracker.ready.stop.stop();
    std::thread::sleep(Duration::from_millis(300));
    let answers = streams.iter_mut().map(|stream| {
        stream.write_all(&written("/", r#"{"event":"e"}"#).as_bytes()[60..]).unwrap();
        statuses(stream)
    });
    assert_eq!(answers.collect::<Vec<_>>(), [vec![204], vec![200, 204]]);
    assert_eq!(tracker.stop().ledger.accepted, 2);
}
