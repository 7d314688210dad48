//! Contracts of projects over HTTP: what they let pass, what goes into the quarantine, and when they change.

use std::fs;
use std::path::Path;
use std::time::Duration;

use dlt_tracker::{Error, add_key, check, serve, show_contract};
use serde_json::{Value, json};

use crate::tracker::{Client, Tracker, options, sql};

pub(crate) const CONTRACT: &str = r#"
[events."Order Completed".fields]
total = { type = "number", privacy = "measure", optional = false }
tags = { type = "array", items = "string", privacy = "public" }
[events."Order Completed".fields.address]
type = "object"
privacy = "public"
fields = { city = { type = "string", privacy = "public" } }
[events.page.fields]
title = { type = "string", privacy = "public" }
"#;

pub(crate) fn write(dir: &Path, project: &str, text: &str) {
    fs::create_dir_all(dir.join("contracts")).unwrap();
    fs::write(dir.join("contracts").join(format!("{project}.toml")), text).unwrap();
}

pub(crate) fn send(client: &mut Client, key: &str, path: &str, event: &Value) {
    let mut event = event.clone();
    event["writeKey"] = key.into();
    assert_eq!(client.post(path, event.to_string().as_bytes()).status, 200);
}

#[test]
fn what_a_contract_does_not_name_is_put_aside_whole_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let key = add_key(dir.path(), "shop", None, None).unwrap().secret;
    write(dir.path(), "shop", CONTRACT);
    let tracker = Tracker::start(dir.path());
    let client = &mut tracker.client();
    let order = |properties: Value| json!({"event": "Order Completed", "messageId": "m", "anonymousId": "a", "properties": properties});
    send(
        client,
        &key,
        "/v1/track",
        &order(json!({"total": 1.5, "tags": ["new"], "address": {"city": "Bern", "ip": "1"}})),
    );
    send(client, &key, "/v1/page", &json!({"name": "Home", "properties": {"title": "x"}}));
    // dlt's own events are built in.
    send(client, &key, "/v1/track", &json!({"event": "command_init", "properties": {"elapsed": 1, "success": true}}));
    let breaches = [
        (json!({"event": "Other"}), "undeclared_event", "event"),
        (order(json!({"total": 1, "coupon": "x"})), "undeclared_property", "coupon"),
        (order(json!({"total": 1, "address": {"zip": "3000"}})), "undeclared_property", "address.zip"),
        (order(json!({"total": "1"})), "wrong_type", "total"),
        (order(json!({"total": 1, "tags": [1]})), "wrong_type", "tags[]"),
        (order(json!({})), "missing_property", "total"),
    ];
    for (event, _, _) in &breaches {
        send(client, &key, "/v1/track", event);
    }
    // Another project is not held to it.
    assert_eq!(client.post("/", br#"{"event":"Other","properties":{"x":1,"y":[1]}}"#).status, 204);
    let long = "x".repeat(20_000);
    send(
        client,
        &key,
        "/v1/track",
        &json!({"event": "Order Completed", "messageId": "long", "userId": "ada@example.org",
        "timestamp": "2026-01-02T03:04:05Z", "context": {"ip": "10.0.0.1", "os": {"name": "Linux", "version": "6.1.2"}},
        "properties": {"total": 1, "note": long, "email": "x", "of": {"ip": "10.0.0.1", "n": 1}}}),
    );
    assert!(check(dir.path()).unwrap().is_sound());
    let metrics = client.get("/metrics").body;
    assert!(metrics.contains("dlt_tracker_put_aside_total{reason=\"undeclared_property\"} 3\n"), "{metrics}");
    tracker.stop();

    let rows =
        sql(dir.path(), "SELECT event, project, properties, properties_dropped FROM events ORDER BY journal_seq");
    let kept = json!([
        {"event": "Order Completed", "project": "shop",
         "properties": "{\"total\":1.5,\"tags\":[\"new\"],\"address\":{\"city\":\"Bern\"}}", "properties_dropped": "address.ip"},
        {"event": "page", "project": "shop", "properties": "{\"title\":\"x\"}", "properties_dropped": null},
        {"event": "command_init", "project": "shop", "properties": null, "properties_dropped": null},
        {"event": "Other", "project": null, "properties": "{\"x\":1}", "properties_dropped": "y"},
    ]);
    assert_eq!(json!(rows), kept);
    let aside = sql(dir.path(), "SELECT reason, path, project FROM quarantine ORDER BY journal_seq");
    let mut expected: Vec<Value> = Vec::new();
    for (_, reason, path) in breaches {
        expected.push(json!({"reason": reason, "path": path, "project": "shop"}));
    }
    expected.push(json!({"reason": "undeclared_property", "path": "note", "project": "shop"}));
    assert_eq!(json!(aside), json!(expected));
    // The whole event, and nothing of what is never kept.
    let whole = &sql(dir.path(), "SELECT payload FROM quarantine ORDER BY journal_seq DESC LIMIT 1")[0]["payload"];
    let whole: Value = serde_json::from_str(whole.as_str().unwrap()).unwrap();
    assert_eq!(whole["properties"], json!({"total": 1, "note": long, "of": {"n": 1}}));
    assert_eq!(
        (&whole["timestamp"], &whole["dropped"]),
        (&json!("2026-01-02T03:04:05.000000Z"), &json!(["email", "of.ip"]))
    );
    assert!(whole["anonymousId"].as_str().unwrap().starts_with("user-"));
    assert!(!whole.to_string().contains("10.0.0.1") && !whole.to_string().contains("ada"), "{whole}");
}

#[test]
fn a_changed_contract_counts_a_second_later_and_a_wrong_one_never() {
    let dir = tempfile::tempdir().unwrap();
    let key = add_key(dir.path(), "shop", None, None).unwrap().secret;
    let tracker = Tracker::start(dir.path());
    let client = &mut tracker.client();
    let later = || std::thread::sleep(Duration::from_millis(1100));
    let one = json!({"event": "one"});
    send(client, &key, "/v1/track", &one);
    write(dir.path(), "shop", "[events.two]\n");
    later();
    send(client, &key, "/v1/track", &one);
    write(dir.path(), "shop", "[event.one]\n");
    later();
    send(client, &key, "/v1/track", &one);
    write(dir.path(), "shop", "[events.one]\n");
    later();
    send(client, &key, "/v1/track", &one);
    let shown = show_contract(dir.path(), "shop").unwrap();
    assert!(shown.contains("[events.one]") && shown.contains("[events.pipeline_load]"), "{shown}");
    assert!(show_contract(dir.path(), "default").unwrap().contains("There is no file"));
    assert!(matches!(show_contract(dir.path(), "shpo"), Err(Error::NoProject { .. })));
    assert_eq!(check(dir.path()).unwrap().ledger.quarantined, 2);
    tracker.stop();

    write(dir.path(), "shop", "[event.one]\n");
    let error = serve(options(dir.path()), |_| ()).unwrap_err();
    let Error::Contract(source) = error else { panic!("{error}") };
    assert!(source.to_string().contains("shop.toml:1: unknown key: `event`"), "{source}");
}
