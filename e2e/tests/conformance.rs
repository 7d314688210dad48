//! Clients of others, unchanged, at the tracker, through everything that happens to a request on its way: each event that they
//! send is there exactly once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dlt_testkit::{Browser, Fault, Front, Invocation, NodeClient, PythonClient, PythonDlt, Sandbox, Tracker};
use serde_json::Value;

/// Events of a run.
const COUNT: u64 = 5;

/// What happens to the first request.
const TROUBLES: [Fault; 7] = [
    Fault::None,
    Fault::Delay(Duration::from_millis(800)),
    Fault::Answer(503, "SlowDown"),
    Fault::Answer(429, "SlowDown"),
    Fault::Answer(500, "InternalError"),
    Fault::LoseAnswer,
    Fault::CutAnswer(3),
];

/// What is in the tables after a run.
struct Arrived {
    total: u64,
    deduplicated: u64,
    quarantined: u64,
}

/// Runs a client against a tracker whose first request has this trouble. `client` gets the address of the tracker.
fn run(trouble: &Fault, client: impl FnOnce(&Sandbox, &str) -> Invocation) -> Arrived {
    let sandbox = Sandbox::new().unwrap();
    let tracker = Tracker::start(&sandbox, &sandbox.path("tracker")).unwrap();
    let (seen, trouble) = (AtomicUsize::new(0), trouble.clone());
    let front = Front::before(tracker.address(), move |method, _| {
        // A preflight is no request of the client's.
        let is_first = method == "POST" && seen.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first { trouble.clone() } else { Fault::None }
    });
    let front = front.unwrap();
    client(&sandbox, &front.url()).limit(Duration::from_secs(120)).succeed().unwrap();
    let ask = |words: &[&str]| {
        let told = sandbox.dlt([&["tracker"], words].concat()).unwrap().arg("--data").arg(tracker.data());
        serde_json::from_str::<Value>(&told.succeed().unwrap().stdout).unwrap()
    };
    let mut report = ask(&["report", "--format", "json"]);
    let until = Instant::now() + Duration::from_secs(60);
    // A report does not wait for long for what is not loaded yet.
    while report.pointer("/ledger/in_journal") != Some(&0.into()) && Instant::now() < until {
        report = ask(&["report", "--format", "json"]);
    }
    let number =
        |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {report:#}"));
    let arrived = Arrived {
        total: number("/total"),
        deduplicated: number("/ledger/deduplicated"),
        quarantined: number("/ledger/quarantined"),
    };
    tracker.stop().unwrap();
    arrived
}

/// All events, once, in each of these troubles.
fn arrives_once(troubles: &[Fault], client: impl Fn(&Sandbox, &str) -> Invocation) {
    for trouble in troubles {
        let arrived = run(trouble, &client);
        assert_eq!((arrived.total, arrived.quarantined), (COUNT, 0), "{trouble:?}");
        match trouble {
            // What was done and not told is sent again, and counted as what it is.
            Fault::LoseAnswer => assert!(arrived.deduplicated > 0, "{trouble:?}"),
            // Some clients read no further than the status.
            Fault::CutAnswer(_) => {}
            _ => assert_eq!(arrived.deduplicated, 0, "{trouble:?}"),
        }
    }
}

fn python(package: &str, version: &str, script: &'static str) -> impl Fn(&Sandbox, &str) -> Invocation {
    let client = PythonClient::package(package, version).unwrap();
    move |sandbox, tracker| client.script(sandbox, script).args([tracker, &COUNT.to_string()])
}

fn node(package: &str, version: &str, script: &'static str) -> impl Fn(&Sandbox, &str) -> Invocation {
    let client = NodeClient::package(package, version).unwrap();
    move |sandbox, tracker| client.script(sandbox, script).args([tracker, &COUNT.to_string()])
}

const SEGMENT_PYTHON: &str = include_str!("../clients/segment_python.py");
const SEGMENT_NODE: &str = include_str!("../clients/segment_node.js");

#[test]
fn segment_for_python_2_3() {
    arrives_once(&TROUBLES, python("segment-analytics-python", "2.3.4", SEGMENT_PYTHON));
}

#[test]
fn segment_for_python_2_4() {
    arrives_once(&TROUBLES, python("segment-analytics-python", "2.4.0", SEGMENT_PYTHON));
}

#[test]
fn rudderstack_for_python() {
    arrives_once(&TROUBLES, python("rudder-sdk-python", "2.1.9", include_str!("../clients/rudder_python.py")));
}

#[test]
fn segment_for_node_2() {
    arrives_once(&TROUBLES, node("@segment/analytics-node", "2.1.3", SEGMENT_NODE));
}

#[test]
fn segment_for_node_3() {
    arrives_once(&TROUBLES, node("@segment/analytics-node", "3.1.0", SEGMENT_NODE));
}

#[test]
fn rudderstack_for_node() {
    // Its process ends by an error that nobody catches when an answer is cut, and what it had not sent is lost with it.
    let troubles: Vec<Fault> = TROUBLES.into_iter().filter(|trouble| !matches!(trouble, Fault::CutAnswer(_))).collect();
    arrives_once(&troubles, node("@rudderstack/rudder-sdk-node", "3.0.13", include_str!("../clients/rudder_node.js")));
}

#[test]
fn segment_in_a_browser() {
    let library = NodeClient::package("@segment/analytics-next", "1.84.3").unwrap();
    let library = library.modules().join("@segment/analytics-next/dist/umd");
    arrives_once(&TROUBLES, |sandbox, tracker| {
        let page = Browser::shared().unwrap().script(sandbox, include_str!("../clients/page.py"));
        page.args([tracker, &COUNT.to_string()]).arg(&library)
    });
}

/// Python dlt sends each event once and never again: what a server refuses is lost, and nothing is there twice.
#[test]
fn python_dlt() {
    let load = "import dlt\ndlt.pipeline('shop', destination='duckdb').run([{'id': 1}], table_name='t')";
    let mut whole = 0;
    for trouble in TROUBLES {
        let arrived = run(&trouble, |sandbox, tracker| {
            let run = PythonDlt::shared().unwrap().script(sandbox, load);
            run.env("RUNTIME__DLTHUB_TELEMETRY", "true")
                .env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", format!("{tracker}/"))
        });
        assert_eq!((arrived.quarantined, arrived.deduplicated), (0, 0), "{trouble:?}");
        match trouble {
            Fault::None => whole = arrived.total,
            Fault::Answer(..) => assert_eq!(arrived.total, whole - 1, "{trouble:?}"),
            _ => assert_eq!(arrived.total, whole, "{trouble:?}"),
        }
    }
    assert!(whole >= 4, "extract, normalize, load and run are reported, and {whole} came");
}
