//! Pipelines as a Rust program runs them, and what telemetry learns of them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use dlt::telemetry::{Delivery, DeliveryMode, Environment, Telemetry};
use serde_json::Value;

#[derive(serde::Serialize)]
struct User {
    id: u32,
    name: &'static str,
}

fn users() -> [User; 2] {
    [User { id: 1, name: "Alice" }, User { id: 2, name: "Bob" }]
}

fn builder(folder: &Path, telemetry: Telemetry) -> dlt::Builder {
    dlt::pipeline("quick_start")
        .destination(dlt::duckdb_at(folder.join("shop.duckdb")))
        .data_dir(folder.join("data"))
        .telemetry(telemetry)
}

#[test]
fn rows_in_and_out() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = builder(folder.path(), Telemetry::off()).dataset("mydata");
    assert!(pipeline.info().unwrap().is_none() && pipeline.trace().unwrap().is_none());
    let info = pipeline.run(dlt::rows("users", users())).unwrap();
    assert_eq!((info.tables, info.resumed), (vec![("users".to_owned(), 2)], false));
    let names: Vec<_> =
        pipeline.dataset().unwrap().table("users").unwrap().rows().unwrap().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["Alice", "Bob"]);
    let known = pipeline.info().unwrap().unwrap();
    assert_eq!((known.schema.as_str(), known.dataset.as_str()), ("quick_start", "mydata"));
    assert!(pipeline.trace().unwrap().unwrap().success);
    assert_eq!(dlt::local_pipelines(&folder.path().join("data")).unwrap(), [known]);
    assert!(!folder.path().join("data/telemetry").exists(), "off means no file");
}

#[test]
fn files_and_dispositions() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.jsonl");
    std::fs::write(&file, "{\"id\":1,\"tags\":[1,2]}\n{\"id\":2}\n").unwrap();
    let pipeline = builder(folder.path(), Telemetry::off()).workers(1).build();
    for _ in 0..2 {
        pipeline.run(dlt::files([&file]).disposition(dlt::WriteDisposition::Replace)).unwrap();
    }
    let counts = pipeline.dataset().unwrap().row_counts().unwrap();
    assert_eq!(counts, [("users".to_owned(), 2), ("users__tags".to_owned(), 2)]);
    assert_eq!(pipeline.dataset_name(), "quick_start_dataset");
}

#[test]
fn what_the_destination_refuses_does_not_stand_in_the_way_of_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    builder(folder.path(), Telemetry::off()).dataset("mydata").run(dlt::rows("users", users())).unwrap();
    let other = dlt::pipeline("other")
        .destination(dlt::duckdb_at(folder.path().join("shop.duckdb")))
        .data_dir(folder.path().join("data"))
        .telemetry(Telemetry::off())
        .dataset("mydata");
    let error = other.run(dlt::rows("users", [serde_json::json!({"id": "one"})])).unwrap_err();
    assert_eq!(error.kind(), dlt::ErrorKind::Data, "{error}");
    let info = other.run(dlt::rows("visits", [serde_json::json!({"id": "one"})])).unwrap();
    assert_eq!((info.tables, info.resumed), (vec![("visits".to_owned(), 1)], false));
    let counts = other.dataset().unwrap().row_counts().unwrap();
    assert_eq!(counts, [("users".to_owned(), 2), ("visits".to_owned(), 1)]);
}

#[test]
fn a_destination_that_is_none_is_reported_at_first_use() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = builder(folder.path(), Telemetry::off()).destination("duckbd:x").dataset("mydata");
    let error = pipeline.run(dlt::rows("users", users())).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.advice()),
        ("unknown destination `duckbd`", Some("did you mean `duckdb`?"))
    );
    assert!(pipeline.dataset().is_err());
}

/// Takes requests on a free port of this machine and hands their bodies over.
fn recorder() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) && !line.trim().is_empty() {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_ok() && length > 0 {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
                let _ = sender.send(serde_json::from_slice(&body).unwrap());
            }
        }
    });
    (url, receiver)
}

/// A handle as a program on an ordinary machine has it, after its first run.
fn telemetry(folder: &Path, url: &str) -> Telemetry {
    let started = || {
        Telemetry::builder("dlt", "0.0.0")
            .environment(Environment::empty().with("DLT_DATA_DIR", &folder.join("data").to_string_lossy()))
            .default_endpoint(url)
            .delivery(Delivery::Always(DeliveryMode::Thread))
            .start()
    };
    drop(started());
    started()
}

#[test]
fn telemetry_hears_of_steps_and_access() {
    let folder = tempfile::tempdir().unwrap();
    let (url, events) = recorder();
    let telemetry = telemetry(folder.path(), &url);
    let pipeline = builder(folder.path(), telemetry.clone()).dataset("mydata");
    pipeline.run(dlt::rows("users", users())).unwrap();
    pipeline.dataset().unwrap();
    pipeline.dataset().unwrap();
    telemetry.finish();
    let heard: Vec<Value> = (0..5).map(|_| events.recv_timeout(Duration::from_secs(10)).unwrap()).collect();
    let names: Vec<_> = heard.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["pipeline_extract", "pipeline_normalize", "pipeline_load", "pipeline_run", "data_access_connect"]
    );
    for step in &heard[..4] {
        let properties = &step["properties"];
        assert_eq!(properties["transaction_id"], heard[0]["properties"]["transaction_id"]);
        assert_eq!(properties["destination_name"], "duckdb");
        assert_eq!(properties["destination_fingerprint"], "");
        assert_eq!(properties["pipeline_name_hash"], telemetry.hash("quick_start").as_str());
        assert_eq!(properties["dataset_name_hash"], telemetry.hash("mydata").as_str());
        assert_eq!(properties["default_schema_name_hash"], telemetry.hash("quick_start").as_str());
        assert_eq!(properties["success"], true);
        assert!(properties["elapsed"].as_f64().unwrap() < 60.0);
    }
    let access = &heard[4]["properties"];
    assert_eq!(access["destination_type"], "duckdb");
    assert_eq!(access["requested_schema_name_hash"], telemetry.hash("quick_start").as_str());
    assert!(events.recv_timeout(Duration::from_millis(200)).is_err(), "a pipeline's access is told of once");
}

#[test]
fn telemetry_hears_of_failures() {
    let folder = tempfile::tempdir().unwrap();
    let (url, events) = recorder();
    let telemetry = telemetry(folder.path(), &url);
    let pipeline = builder(folder.path(), telemetry.clone()).dataset("mydata");
    assert!(pipeline.dataset().is_err());
    assert!(pipeline.run(dlt::files([folder.path().join("nope.jsonl")])).is_err());
    telemetry.finish();
    let mut heard = Vec::new();
    while let Ok(event) = events.recv_timeout(Duration::from_secs(if heard.len() < 3 { 10 } else { 0 })) {
        heard.push((event["event"].as_str().unwrap().to_owned(), event["properties"]["success"].as_bool().unwrap()));
    }
    let expected = ["data_access_connect", "pipeline_extract", "pipeline_run"].map(|name| (name.to_owned(), false));
    assert_eq!(heard, expected);
}
