//! The three messages that the documentation shows, field by field.

use std::sync::Arc;
use std::time::Duration;

use dlt_telemetry::events::{CommandInit, DataAccessConnect, PipelineLoad};
use dlt_telemetry::{
    Answer, Environment, Event, Machine, Request, Setup, Telemetry, TransactionId, Transport, TransportError, Word,
};
use serde_json::{Value as Json, json};

/// Nobody sends anything here: the messages are read from the spool.
struct Nowhere;

impl Transport for Nowhere {
    fn post(&self, _: &Request<'_>) -> Result<Answer, TransportError> {
        Err(TransportError("there is no network here".to_owned()))
    }
}

fn setup(folder: &std::path::Path, version: &str, cores: usize, os: (&str, &str), python: &str) -> Setup {
    let machine = Machine {
        dockerenv: false,
        cgroup: String::new(),
        cores,
        os_name: os.0.to_owned(),
        os_version: os.1.to_owned(),
    };
    let environment = Environment::empty().on_machine(machine).with("RUNTIME__DLTHUB_TELEMETRY_HASH", "plain");
    Telemetry::builder("dlt", version)
        .environment(environment)
        .data_dir(folder)
        .python(python)
        .transport(Arc::new(Nowhere))
        .load()
}

fn message<E: Event>(setup: &Setup, make: impl FnOnce(&Telemetry) -> E) -> Json {
    let telemetry = setup.clone().start();
    telemetry.record(&make(&telemetry));
    telemetry.finish();
    serde_json::from_str(&setup.pending().unwrap().pop().unwrap().body).unwrap()
}

/// Takes out what the messages carry beyond the page, after a look at its form.
fn as_on_the_page(mut message: Json) -> Json {
    let members = message.as_object_mut().unwrap();
    assert_eq!(members.remove("messageId").unwrap().as_str().unwrap().len(), 36);
    let recorded = members.remove("timestamp").unwrap();
    assert_eq!(members.remove("sentAt").unwrap(), recorded);
    assert_eq!(members["anonymousId"].as_str().unwrap().len(), 32);
    let runtime = members["context"].as_object_mut().unwrap().remove("runtime").unwrap();
    assert_eq!(runtime["name"], "rust");
    message
}

#[test]
fn init() {
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(folder.path(), "0.2.0a25", 8, ("Linux", "4.19.128-microsoft-standard"), "3.8.11");
    let found = message(&setup, |_| CommandInit {
        destination_name: Some(Word::new("bigquery")),
        pipeline_name: Some(Word::new("pipedrive")),
        elapsed: Duration::from_micros(3_172_038).into(),
        success: true,
    });
    let found = as_on_the_page(found);
    let expected = json!({
        "anonymousId": found["anonymousId"],
        "context": {
            "ci_run": false,
            "cpu": 8,
            "exec_info": [],
            "library": {"name": "dlt", "version": "0.2.0a25"},
            "os": {"name": "Linux", "version": "4.19.128-microsoft-standard"},
            "python": "3.8.11"
        },
        "event": "command_init",
        "properties": {
            "destination_name": "bigquery",
            "elapsed": 3.172038,
            "event_category": "command",
            "event_name": "init",
            "pipeline_name": "pipedrive",
            "success": true
        }
    });
    assert_eq!(found, expected);
}

#[test]
fn load() {
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(folder.path(), "0.2.0a26", 3, ("Darwin", "21.6.0"), "3.10.10");
    let transaction = TransactionId::random();
    let found = message(&setup, |telemetry| PipelineLoad {
        destination_name: Some(Word::new("duckdb")),
        destination_fingerprint: telemetry.hash(""),
        pipeline_name_hash: telemetry.hash("chess_pipeline"),
        dataset_name_hash: telemetry.hash("chess_data"),
        default_schema_name_hash: telemetry.hash("chess"),
        elapsed: Duration::from_micros(2_234_885).into(),
        success: true,
        transaction_id: transaction.clone(),
    });
    let found = as_on_the_page(found);
    let expected = json!({
        "anonymousId": found["anonymousId"],
        "context": {
            "ci_run": false,
            "cpu": 3,
            "exec_info": [],
            "library": {"name": "dlt", "version": "0.2.0a26"},
            "os": {"name": "Darwin", "version": "21.6.0"},
            "python": "3.10.10"
        },
        "event": "pipeline_load",
        "properties": {
            "destination_name": "duckdb",
            "destination_fingerprint": "",
            "pipeline_name_hash": "e/2IAxdylTbRo4fF1j56",
            "dataset_name_hash": "/cv01Cetl9bjYmZcWw0l",
            "default_schema_name_hash": "VGcpsyzUDR9unxxVNVE/",
            "elapsed": 2.234885,
            "event_category": "pipeline",
            "event_name": "load",
            "success": true,
            "transaction_id": transaction.as_str()
        }
    });
    assert_eq!(found, expected);
    assert_eq!(transaction.as_str().len(), 32);
}

#[test]
fn data_access() {
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(folder.path(), "1.15.0", 3, ("Darwin", "21.6.0"), "3.10.10");
    let found = message(&setup, |telemetry| DataAccessConnect {
        destination_name: Some(Word::new("duckdb")),
        destination_type: Some(Word::new("duckdb")),
        dataset_name_hash: telemetry.hash("chess_data"),
        default_schema_name_hash: telemetry.hash("chess"),
        requested_schema_name_hash: telemetry.hash("chess"),
        success: true,
    });
    let found = as_on_the_page(found);
    let expected = json!({
        "anonymousId": found["anonymousId"],
        "context": {
            "ci_run": false,
            "cpu": 3,
            "exec_info": [],
            "library": {"name": "dlt", "version": "1.15.0"},
            "os": {"name": "Darwin", "version": "21.6.0"},
            "python": "3.10.10"
        },
        "event": "data_access_connect",
        "properties": {
            "destination_name": "duckdb",
            "destination_type": "duckdb",
            "dataset_name_hash": "/cv01Cetl9bjYmZcWw0l",
            "default_schema_name_hash": "VGcpsyzUDR9unxxVNVE/",
            "requested_schema_name_hash": "VGcpsyzUDR9unxxVNVE/",
            "event_category": "data_access",
            "event_name": "connect",
            "success": true
        }
    });
    assert_eq!(found, expected);
}
