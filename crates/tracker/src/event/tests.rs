#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Map, json};

use super::quarantine::MAX_QUARANTINED_BYTES;
use super::*;
use parts::{corrected, timestamp};

fn arrival() -> Arrival<'static> {
    Arrival {
        received_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        call: None,
        context: None,
        sent_at: None,
        max_event_bytes: 32 * 1024,
        hash: None,
        project: None,
        contract: crate::contract::Contract::built_in(),
        id_key: "0123456789abcdef",
    }
}

fn stored(event: &Value) -> Value {
    let judged = judge(&event.to_string(), &arrival());
    assert_eq!(judged.reason, None, "{event}");
    serde_json::from_slice(&judged.record.payload).unwrap()
}

fn refused(event: &str) -> (Reason, Value) {
    let judged = judge(event, &arrival());
    assert_eq!(judged.record.kind, Kind::Quarantine);
    let row: Value = serde_json::from_slice(&judged.record.payload).unwrap();
    let reason = judged.reason.unwrap();
    assert_eq!(row["reason"], reason.code());
    (reason, row)
}

#[test]
fn the_id_of_a_user_is_hashed_where_there_is_no_other() {
    let id = |event: Value| stored(&event)["anonymous_id"].as_str().map(str::to_owned);
    let ada = id(json!({"event": "e", "userId": "ada@example.org"})).unwrap();
    assert!(ada.starts_with("user-") && ada.len() == 37 && !ada.contains("ada"), "{ada}");
    assert_eq!(id(json!({"event": "e", "userId": "ada@example.org", "anonymousId": ""})).unwrap(), ada);
    assert_ne!(id(json!({"event": "e", "userId": "bob"})).unwrap(), ada);
    assert_eq!(id(json!({"event": "e", "userId": 7})), id(json!({"event": "e", "userId": "7"})));
    assert_eq!(id(json!({"event": "e", "userId": "ada", "anonymousId": "a1"})).unwrap(), "a1");
    assert_eq!(id(json!({"event": "e", "userId": ["ada"]})), None);
    let other = Arrival { id_key: "another key here", ..arrival() };
    let judged = judge(&json!({"event": "e", "userId": "ada@example.org"}).to_string(), &other);
    assert!(!String::from_utf8(judged.record.payload).unwrap().contains(&ada));
}

#[test]
fn a_pipeline_event_fills_its_columns() {
    let row = stored(&json!({
        "anonymousId": "570816b273a41d16caacc26a797204d9",
        "messageId": "m1",
        "context": {
            "ci_run": false, "cpu": 3, "exec_info": ["docker", "airflow", "docker"],
            "library": {"name": "dlt", "version": "0.2.0a26"},
            "os": {"name": "Darwin", "version": "21.6.0"}, "python": "3.10.10",
            "ip": "10.0.0.1", "userAgent": "curl",
        },
        "event": "pipeline_load",
        "properties": {
            "destination_name": "duckdb", "destination_fingerprint": "", "pipeline_name_hash": "OpVShb3cX7qQAmOZSbV8",
            "elapsed": 2, "event_category": "pipeline", "event_name": "load", "success": true,
            "transaction_id": "39c3", "host": "dlt", "ip": "10.0.0.1", "nothing": null,
            "extract_data": [{"name": "secret"}],
        },
    }));
    assert_eq!(
        row,
        json!({
            "message_id": "m1", "event": "pipeline_load", "event_category": "pipeline", "event_name": "load",
            "anonymous_id": "570816b273a41d16caacc26a797204d9",
            "timestamp": "2026-03-01T12:00:00.000000Z", "received_at": "2026-03-01T12:00:00.000000Z",
            "library_name": "dlt", "library_version": "0.2.0a26", "os_name": "Darwin", "os_version": "21.6",
            "python_version": "3.10", "cpu": 3, "ci_run": false, "exec_info": "airflow,docker",
            "success": true, "elapsed": 2.0, "destination_name": "duckdb", "destination_fingerprint": "",
            "pipeline_name_hash": "OpVShb3cX7qQAmOZSbV8", "transaction_id": "39c3",
            "properties": "{\"host\":\"dlt\"}", "properties_dropped": "extract_data,ip",
        })
    );
}

#[test]
fn no_address_and_no_secret_is_in_any_column() {
    let row = stored(&json!({
        "event": "e", "messageId": "m",
        "context": {
            "library": {"name": "ada@example.org", "version": "10.0.0.1"}, "os": {"name": "10.0.0.1:80", "version": "[::1]:80"},
            "runtime": {"name": "::1", "version": "ada@example.org"}, "python": "ada.lovelace@example.org",
            "exec_info": ["docker", "10.0.0.1"], "dropped": {"10.0.0.1": 1, "ada@example.org": 2, "too_old": 3, "api_key": 4},
        },
        "properties": {
            "event_category": "10.0.0.1", "event_name": "ada@example.org", "destination_name": "http://10.0.0.1/",
            "transaction_id": "10.0.0.1:80", "10.0.0.1": true, "ada@example.org": 1, "user_id": 7, "api_key": "k",
            "access_token": "t", "kept": "here",
        },
    }));
    assert_eq!(
        row,
        json!({
            "message_id": "m", "event": "e",
            "timestamp": "2026-03-01T12:00:00.000000Z", "received_at": "2026-03-01T12:00:00.000000Z",
            "library_version": "10.0", "exec_info": "docker", "client_dropped": "{\"too_old\":3}",
            "properties": "{\"kept\":\"here\"}",
            "properties_dropped":
                "access_token,address,api_key,destination_name,event_category,event_name,transaction_id,user_id",
        })
    );
    for (member, reason) in
        [("event", Reason::BadEventName), ("messageId", Reason::BadMessageId), ("anonymousId", Reason::BadAnonymousId)]
    {
        let mut event = json!({"event": "e", "anonymousId": "a"});
        event[member] = json!("ada@example.org");
        let (found, row) = refused(&event.to_string());
        assert_eq!(found, reason);
        assert!(!row.to_string().contains("ada"), "{row}");
    }
}

#[test]
fn what_a_sender_says_about_itself_is_kept_short() {
    let long = "x".repeat(1000);
    let names: Vec<String> = (0..50).map(|number| format!("{number}{}", &long[..300])).collect();
    let counts: Map<String, Value> = (0..50).map(|number| (format!("reason {number}"), json!(1))).collect();
    let row = stored(&json!({"event": "e", "context": {
        "library": {"name": long, "version": long}, "os": {"name": long, "version": long}, "python": "1".repeat(1000),
        "runtime": {"name": long, "version": long}, "exec_info": names, "dropped": counts,
    }}));
    assert!(row.to_string().len() < 10_000, "{row}");
    assert_eq!(row["library_name"].as_str().unwrap().len(), 200);
    assert_eq!(row["exec_info"].as_str().unwrap().split(',').count(), 30);
    assert_eq!(serde_json::from_str::<Map<String, Value>>(row["client_dropped"].as_str().unwrap()).unwrap().len(), 30);
}

#[test]
fn only_what_is_kept_as_a_whole_has_a_digest() {
    let own = json!({
        "anonymousId": "a", "messageId": "m", "event": "e", "properties": {"success": true},
        "timestamp": "2026-03-01T12:00:00.000Z", "sentAt": "2026-03-01T12:00:00.000Z",
        "context": {"ci_run": false, "cpu": 2, "exec_info": ["docker"], "library": {"name": "dlt", "version": "0.1.0"},
            "os": {"name": "Linux", "version": "6.18.44-fc-v657"}, "runtime": {"name": "rust", "version": "1.95.0"},
            "python": "3.11.7", "dropped": {"too_old": 1}},
    });
    let digest = |event: &Value| {
        let arrival = Arrival { hash: Some("d".to_owned()), ..arrival() };
        let row: Value = serde_json::from_slice(&judge(&event.to_string(), &arrival).record.payload).unwrap();
        row.get("body_digest").cloned()
    };
    // The client sends its whole version of the system, which is shortened.
    assert_eq!(digest(&own), Some(json!("d")));
    for (pointer, value) in [
        ("/context/os", json!({"name": "Linux", "version": "6", "hostname": "ada"})),
        ("/context/library", json!({"name": "ada@example.org", "version": "1"})),
        ("/context/runtime", json!("10.0.0.1")),
        ("/context/python", json!("3.11.7 /home/ada".repeat(20))),
        ("/context/exec_info", json!(["docker", 7])),
        ("/context/exec_info", json!(["10.0.0.1"])),
        ("/context/dropped", json!({"too_old": "ada"})),
        ("/context/dropped", json!({"10.0.0.1": 1})),
        ("/context/cpu", json!("ada")),
        ("/context", json!({"run_context": {"cwd": "/home/ada"}})),
        ("/properties", json!({"ip": "10.0.0.1"})),
        ("/timestamp", json!("ada")),
    ] {
        let mut event = own.clone();
        *event.pointer_mut(pointer).unwrap() = value.clone();
        assert_eq!(digest(&event), None, "{pointer} {value}");
    }
    // Nor what has a name of which only a hash is kept.
    let mut event = own.clone();
    event["event"] = json!("pipeline_extract");
    event["properties"] = json!({"extract_data": [{"name": "github", "data_type": "source"}]});
    assert_eq!(digest(&event), Some(json!("d")));
    event["properties"] = json!({"extract_data": [{"name": "payroll", "data_type": "resource"}]});
    assert_eq!(digest(&event), None);
    // The quarantine keeps it of what is whole, too, and so does a replay.
    let contract = |text: &str| crate::contract::Contract::parse(text, std::path::Path::new("c.toml")).unwrap();
    let (closed, open) = (
        contract("[events.other]\n"),
        contract("[events.e.fields]\nnote = { type = \"string\", privacy = \"hash\", hashed = true }\n"),
    );
    let kept = |properties: Value| {
        let mut event = own.clone();
        event["properties"] = properties;
        let arrival = Arrival { hash: Some("d".to_owned()), contract: &closed, ..arrival() };
        let row: Value = serde_json::from_slice(&judge(&event.to_string(), &arrival).record.payload).unwrap();
        let payload = row["payload"].as_str().unwrap().to_owned();
        let replayed: Value = serde_json::from_slice(&again(&payload, None, &open, "key").unwrap()).unwrap();
        let kept: Value = serde_json::from_str(&payload).unwrap();
        (kept.get("digest").cloned(), replayed.get("body_digest").cloned())
    };
    assert_eq!(kept(json!({})), (Some(json!("d")), Some(json!("d"))));
    assert_eq!(kept(json!({"ip": "10.0.0.1"})), (None, None));
    assert_eq!(kept(json!({"note": "payroll"})), (Some(json!("d")), None), "nothing is hashed until it is named");
}

#[test]
fn a_property_of_an_unexpected_type_is_kept_with_the_others() {
    let row = stored(&json!({"event": "e", "properties": {"success": "yes", "elapsed": true, "transaction_id": 7}}));
    assert_eq!(row["properties"], r#"{"success":"yes","elapsed":true,"transaction_id":7}"#);
    assert_eq!(row.get("success"), None);
}

#[test]
fn an_event_without_an_id_gets_one() {
    for id in [Value::Null, json!("")] {
        let row = stored(&json!({"event": "e", "messageId": id, "anonymousId": null}));
        assert_eq!(row["message_id"].as_str().unwrap().len(), 36);
        assert_eq!(row.get("anonymous_id"), None);
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (event, reason) in [
        ("7".to_owned(), Reason::NotAnObject),
        (r#"{"properties":{}}"#.to_owned(), Reason::NoEventName),
        (r#"{"event":""}"#.to_owned(), Reason::BadEventName),
        (r#"{"event":7}"#.to_owned(), Reason::BadEventName),
        (json!({"event": "e".repeat(201)}).to_string(), Reason::BadEventName),
        (json!({"event": "e", "messageId": "m".repeat(101)}).to_string(), Reason::BadMessageId),
        (r#"{"event":"e","anonymousId":{}}"#.to_owned(), Reason::BadAnonymousId),
        (r#"{"event":"e","properties":[]}"#.to_owned(), Reason::PropertiesNotAnObject),
        (r#"{"event":"e","context":"x"}"#.to_owned(), Reason::ContextNotAnObject),
        (r#"{"event":"\ud800"}"#.to_owned(), Reason::Unreadable),
        (r#"{"event":"a","event":"b"}"#.to_owned(), Reason::Unreadable),
        (format!(r#"{{"event":{}{}}}"#, "[".repeat(300), "]".repeat(300)), Reason::Unreadable),
        (json!({"event": "e", "properties": {"long": "x".repeat(40_000)}}).to_string(), Reason::TooLarge),
    ] {
        assert_eq!(refused(&event).0, reason, "{event:.80}");
    }
}

#[test]
fn the_quarantine_keeps_a_clean_and_short_copy() {
    let (_, row) = refused(
        &json!({"event": "big", "userId": "ada", "properties": {"ip": "1.2.3.4", "é": "é".repeat(20_000)}}).to_string(),
    );
    let payload = row["payload"].as_str().unwrap();
    assert!(payload.len() <= MAX_QUARANTINED_BYTES && payload.len() > 4000);
    assert!(!payload.contains("ada") && !payload.contains("1.2.3.4"));
    assert_eq!((&row["event"], &row["bytes"]), (&json!("big"), &json!(40_068)));
}

#[test]
fn times_are_corrected_by_the_senders_clock_and_never_in_the_future() {
    let cases = [
        // The sender's clock is a day ahead; the event waited ten seconds.
        (Some("2026-03-02T12:00:00Z"), Some("2026-03-02T12:00:10Z"), "2026-03-01T11:59:50Z"),
        (Some("2026-03-01T11:00:00+00:00"), None, "2026-03-01T11:00:00Z"),
        (Some("2030-01-01T00:00:00Z"), None, "2026-03-01T12:00:00Z"),
        // Sent before it happened: a clock that was set back.
        (Some("2026-03-02T12:00:00Z"), Some("2026-03-01T12:00:00Z"), "2026-03-01T12:00:00Z"),
        (Some("yesterday"), Some("2026-03-01T12:00:00Z"), "2026-03-01T12:00:00Z"),
        (Some("1970-01-01T00:00:00Z"), None, "2026-03-01T12:00:00Z"),
        (Some("-000044-03-15T12:00:00Z"), None, "2026-03-01T12:00:00Z"),
        (None, Some("2020-03-01T12:00:00Z"), "2026-03-01T12:00:00Z"),
    ];
    for (original, sent, expected) in cases {
        let received: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let expected: Timestamp = expected.parse().unwrap();
        assert_eq!(corrected(received, timestamp(original), timestamp(sent)), expected, "{original:?} {sent:?}");
    }
}

#[test]
fn a_batch_lends_its_context_and_time() {
    let arrival = Arrival {
        context: Some(json!({"library": {"name": "batch"}, "cpu": 4})),
        sent_at: Some(json!("2026-03-01T12:00:00Z")),
        ..arrival()
    };
    let text = r#"{"event":"e","timestamp":"2026-03-01T11:00:00Z","context":{"library":{"name":"own"}}}"#;
    let row: Value = serde_json::from_slice(&judge(text, &arrival).record.payload).unwrap();
    assert_eq!((&row["library_name"], &row["cpu"]), (&json!("own"), &json!(4)));
    assert_eq!(row["timestamp"], "2026-03-01T11:00:00.000000Z");
}

#[test]
fn calls_other_than_track_are_their_own_event() {
    let page = Arrival { call: Some(Call::Page), ..arrival() };
    let row: Value = serde_json::from_slice(&judge(r#"{"name":"Docs","userId":"ada"}"#, &page).record.payload).unwrap();
    assert_eq!((&row["event"], &row["event_name"]), (&json!("page"), &json!("Docs")));
    assert!(!row.to_string().contains("ada"));
    let row = stored(&json!({"type": "identify", "traits": {"email": "a@b"}}));
    assert_eq!(row["event"], "identify");
    assert!(!row.to_string().contains("a@b"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// JSON with addresses in it, as values and as names.
fn any_personal_json() -> impl Strategy<Value = Value> {
    let personal = || prop::sample::select(vec!["192.0.2.7", "[2001:db8::7]:80", "ada@example.org"]);
    let name = prop_oneof![
        prop::sample::select(vec!["name", "version", "os", "library", "python", "exec_info", "dropped", "event_name"]),
        personal(),
    ];
    let leaf = prop_oneof![personal().prop_map(Value::from), any::<bool>().prop_map(Value::from), Just(json!(1))];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..4).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_address_gets_into_a_row(
        name in prop_oneof![Just(json!("e")), any_personal_json()], id in prop_oneof![Just(json!("a")), any_personal_json()],
        properties in any_personal_json(), context in any_personal_json(), other in any_personal_json(),
    ) {
        let event = json!({"event": name, "anonymousId": id, "properties": properties, "context": context,
            "name": other, "other": other, "type": "page"});
        for text in [event.to_string(), other.to_string()] {
            let arrival = Arrival { context: Some(context.clone()), hash: Some("d".to_owned()), ..arrival() };
            let row = String::from_utf8(judge(&text, &arrival).record.payload).unwrap();
            for personal in ["192.0.2.7", "2001:db8", "ada@"] {
                prop_assert!(!row.contains(personal), "{} in {}", personal, row);
            }
        }
    }

    #[test]
    fn every_object_ends_in_one_row(
        event in any_json(), properties in any_json(), context in any_json(), id in any_json(), when in any_json(),
    ) {
        let text = json!({"event": event, "properties": properties, "context": context, "messageId": id,
            "timestamp": when, "sentAt": when, "anonymousId": id}).to_string();
        let judged = judge(&text, &arrival());
        let row: Value = serde_json::from_slice(&judged.record.payload).unwrap();
        prop_assert!(row["message_id"].as_str().is_some_and(|id| !id.is_empty()));
        prop_assert_eq!(judged.reason.is_some(), judged.record.kind == Kind::Quarantine);
        prop_assert!(row.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_array()));
    }
}

#[test]
fn lists_and_objects_that_are_named_are_kept_without_what_is_never_kept() {
    let data = json!([{"name": "payroll", "data_type": "resource"}, {"name": "github", "data_type": "source"}, {"name": "of ada@example.org"}]);
    let row = stored(&json!({"event": "pipeline_extract", "properties": {"extract_data": data, "other": [1], "n": 1}}));
    // What a person called it is a hash, and what has an address in it another one: it is none any more.
    let properties: Value = serde_json::from_str(row["properties"].as_str().unwrap()).unwrap();
    let name = |at: usize| properties["extract_data"][at]["name"].as_str().unwrap_or_default();
    assert!(name(0).starts_with("name-") && name(2).starts_with("name-") && name(0) != name(2), "{row}");
    assert_eq!((name(1), &properties["n"]), ("github", &json!(1)));
    assert_eq!(row["extract_data"], properties["extract_data"], "and it is a table");
    assert_eq!(row["properties_dropped"], "other");
    assert!(!row.to_string().contains("payroll") && !row.to_string().contains("ada"), "{row}");
    // What is not of the form that is named is dropped as before.
    let row = stored(&json!({"event": "pipeline_extract", "properties": {"extract_data": [{"name": "x", "rows": 1}]}}));
    assert_eq!((&row["properties"], &row["properties_dropped"]), (&json!(null), &json!("extract_data")));
}
