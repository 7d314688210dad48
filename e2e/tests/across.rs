//! All that sends, at all that receives: Python dlt, the command line, a task of Airflow, a run of dbt and a client of Segment, each
//! at the edge and at the tracker; and one report, which has each event once. The tier `across` runs this.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use dlt_testkit::{Airflow, Dbt, NodeClient, PythonDlt, Sandbox, Tracker, dlt_binary};
use serde_json::Value;

use crate::edge::Worker;

/// Events that the client of Segment sends.
const COUNT: usize = 10;

/// What one round sends, by name. Of runs there are three: by `dlt ingest`, by the task of Airflow, and by Python dlt.
const SENT: [(&str, usize); 10] = [
    ("command_ingest", 1),
    ("command_deploy", 1),
    ("command_run", 1),
    ("helper_airflow_add_run", 1),
    ("helper_dbt_create_runner", 1),
    ("pipeline_extract", 3),
    ("pipeline_normalize", 3),
    ("pipeline_load", 3),
    ("pipeline_run", 3),
    ("Ordered", COUNT),
];

#[test]
fn what_everybody_sends_to_the_edge_and_to_the_tracker_is_in_the_report_once() {
    let home = Sandbox::new().unwrap();
    let data = home.path("tracker");
    let mut worker = Worker::start(&home, &[]);
    let tracker = Tracker::start(&home, &data).unwrap();

    everybody(&worker.url);
    everybody(&tracker.url());

    let of_a_round: usize = SENT.iter().map(|(_, count)| count).sum();
    let bucket = home.path("bucket");
    worker.stored(&bucket, of_a_round);
    drop(worker);
    let load = || home.dlt(["tracker", "load", "--from"]).unwrap().arg(bucket.join("events")).arg("--data").arg(&data);
    load().succeed().unwrap();
    assert!(load().succeed().unwrap().stdout.contains("Took 0 objects"));

    let report = || -> Value {
        let words = ["tracker", "report", "--format", "json", "--data"];
        let told = home.dlt(words).unwrap().arg(&data).succeed().unwrap();
        serde_json::from_str(&told.stdout).unwrap()
    };
    let until = Instant::now() + Duration::from_secs(30);
    let mut found = report();
    while found["total"].as_u64() < Some(2 * of_a_round as u64) && Instant::now() < until {
        thread::sleep(Duration::from_millis(200));
        found = report();
    }
    let counted: BTreeMap<&str, u64> = found["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["event"].as_str().unwrap(), event["count"].as_u64().unwrap()))
        .collect();
    let expected: BTreeMap<&str, u64> = SENT.iter().map(|(name, count)| (*name, 2 * *count as u64)).collect();
    assert_eq!(counted, expected);
    assert_eq!(found["quarantine"], serde_json::json!([]));
    tracker.stop().unwrap();
    home.dlt(["tracker", "check", "--data"]).unwrap().arg(&data).succeed().unwrap();
}

/// Each sends what it sends, to `url`.
fn everybody(url: &str) {
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.set_env("DBT_PACKAGE_RUNNER__EXECUTABLE", Dbt::shared().unwrap().program());
    let folder = dlt_binary().unwrap().canonicalize().unwrap().parent().unwrap().to_owned();
    sandbox.set_env("PATH", format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default()));
    // Where every run is the first one, what it tells is sent at once.
    sandbox.set_env("CI", "true");
    sandbox.telemetry_to(url);

    let orders = "{\"id\": 1, \"customer\": \"ann\"}\n{\"id\": 2, \"customer\": \"bob\"}\n";
    sandbox.write("orders.jsonl", orders).unwrap();
    let dlt = |words: &str| sandbox.dlt(words.split(' ')).unwrap().succeed().unwrap();
    dlt("ingest orders.jsonl --to duckdb:shop.duckdb --dataset raw");

    sandbox.write("transform/dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\n").unwrap();
    let model = "select count(*) as orders from {{ var('source_dataset_name') }}.orders\n";
    sandbox.write("transform/models/totals.sql", model).unwrap();
    dlt("dbt run transform --from duckdb:shop.duckdb --dataset raw");

    let pipeline = "[pipeline]\nname = \"shop\"\ndataset = \"lake\"\n\n[destination]\ntype = \"duckdb\"\npath = \"lake.duckdb\"\n\n\
                    [source]\ntype = \"filesystem\"\nbucket_url = \".\"\nfile_glob = \"orders.jsonl\"\n";
    sandbox.write("shop_pipeline.toml", pipeline).unwrap();
    let airflow = Airflow::shared().unwrap();
    dlt("deploy shop_pipeline.toml airflow");
    let dags = sandbox.path("dags");
    airflow.settle(&mut sandbox, &dags).unwrap();
    airflow.command(&sandbox, &["dags", "test", "shop"]).succeed().unwrap();

    let load = "import dlt\ndlt.pipeline('shop', destination='duckdb').run([{'id': 1}], table_name='t')";
    PythonDlt::shared().unwrap().script(&sandbox, load).succeed().unwrap();

    let segment = NodeClient::package("@segment/analytics-node", "3.1.0").unwrap();
    let segment = segment.script(&sandbox, include_str!("../clients/segment_node.js"));
    segment.args([url, &COUNT.to_string()]).succeed().unwrap();
}
