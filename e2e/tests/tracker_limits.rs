//! A client of others that sends faster than the tracker's limit allows loses nothing.

use dlt_testkit::{Client, PythonClient, Sandbox, Tracker};
use serde_json::Value;

/// Events, two in a request: more requests than the limit at once.
const COUNT: u64 = 140;

#[test]
fn segment_for_python_waits_and_loses_nothing() {
    let sandbox = Sandbox::new().unwrap();
    let limits = ["--set", "limits.requests_by_key=60", "--set", "limits.requests_by_address=1000"].map(str::to_owned);
    let tracker = Tracker::start_as(&sandbox, "serve", &sandbox.path("tracker"), &limits).unwrap();
    let client = PythonClient::package("segment-analytics-python", "2.4.0").unwrap();
    let script = include_str!("../clients/segment_python.py");
    client.script(&sandbox, script).args([&tracker.url(), &COUNT.to_string()]).succeed().unwrap();
    let (_, metrics) = Client::connect(tracker.address()).unwrap().get("/metrics").unwrap();
    let metrics = String::from_utf8(metrics).unwrap();
    let limited = metrics.lines().find_map(|line| line.strip_prefix("dlt_tracker_rate_limited_total{by=\"key\"} "));
    assert!(limited.is_some_and(|count| count != "0"), "it was never too fast\n{metrics}");
    tracker.stop().unwrap();
    let told = sandbox.dlt(["tracker", "report", "--format", "json", "--data", "tracker"]).unwrap().succeed().unwrap();
    let report: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&report["total"], &report["ledger"]["deduplicated"]), (&COUNT.into(), &0.into()), "{report:#}");
}
