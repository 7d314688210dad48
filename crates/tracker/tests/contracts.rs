//! Contracts of projects over HTTP: what they let pass, what goes into the quarantine, and when they change.

use std::fs;
use std::path::Path;
use std::time::Duration;

use dlt_tracker::{
    Error, Selection, add_key, check, check_contract, forget, forget_user, learn_contract, quarantined,
    quarantined_event, replay, serve, show_contract,
};
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
    let mut whole: Value = serde_json::from_str(whole.as_str().unwrap()).unwrap();
    assert_eq!(whole["properties"], json!({"total": 1, "note": long, "of": {"n": 1}}));
    assert_eq!(
        (&whole["timestamp"], &whole["dropped"]),
        (&json!("2026-01-02T03:04:05.000000Z"), &json!(["email", "of.ip"]))
    );
    // What is made by lot may have the letters of any name.
    let id = whole["anonymousId"].take();
    assert!(id.as_str().unwrap().starts_with("user-"));
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

/// Events that break the contract each in its way, as different clients send them.
fn odd_events(prefix: &str) -> Vec<(&'static str, Value)> {
    let long = "x".repeat(20_000);
    let id = |number: usize| format!("{prefix}-{number}");
    vec![
        (
            "/v1/track",
            json!({"event": "New", "messageId": id(0), "userId": "ada@example.org", "timestamp": "2026-01-02T03:04:05Z",
            "context": {"os": {"name": "Linux", "version": "6.1.2"}, "exec_info": ["b", "a"], "cpu": 2, "ci_run": false,
                "library": {"name": "l", "version": "10.0.0.1"}, "dropped": {"full": 2}, "ip": "10.0.0.1"},
            "properties": {"email": "x", "n": 1, "text": long, "of": {"ip": "10.0.0.1", "parts": [{"sku": "a", "at": "1.2.3.4"}]}}}),
        ),
        (
            "/v1/page",
            json!({"name": "Home", "messageId": id(1), "anonymousId": "b", "properties": {"url": "x", "elapsed": 2}}),
        ),
        // As the telemetry client sends it: its hash proves it later.
        (
            "/",
            json!({"anonymousId": "c", "context": {"cpu": 1}, "event": "New", "messageId": id(2),
            "properties": {"event_category": "c", "event_name": "n", "success": true, "n": 2},
            "timestamp": "2026-01-02T03:04:05Z", "sentAt": "2026-01-02T03:04:06Z"}),
        ),
    ]
}

const EXTENDED: &str = r#"
[events.New.fields]
n = { type = "integer", privacy = "measure" }
text = { type = "string", privacy = "public" }
success = { type = "boolean", privacy = "measure" }
[events.New.fields.of]
type = "object"
privacy = "public"
[events.New.fields.of.fields.parts]
type = "array"
privacy = "public"
items = { type = "object", fields = { sku = { type = "string", privacy = "public" }, at = { type = "string", privacy = "public" } } }
[events.page.fields]
url = { type = "string", privacy = "public" }
elapsed = { type = "number", privacy = "measure" }
"#;

#[test]
fn what_is_replayed_is_stored_as_if_it_had_been_named_at_once() {
    for is_running in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let key = add_key(dir.path(), "shop", None, None).unwrap().secret;
        write(dir.path(), "shop", "[events.other]\n");
        let tracker = Tracker::start(dir.path());
        let client = &mut tracker.client();
        let basic = format!("Basic {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &key));
        let mut deliver = |path: &str, event: &Value| {
            let answer = client.send("POST", path, &[("authorization", &basic)], event.to_string().as_bytes()).unwrap();
            assert!(answer.status < 300, "{answer:?}");
        };
        odd_events("aside").iter().for_each(|(path, event)| deliver(path, event));
        deliver("/v1/track", &json!({"event": "Unnamed", "properties": {"a": 1}}));
        deliver("/v1/track", &json!({"event": 7}));

        let groups = quarantined(dir.path(), &Selection::default()).unwrap();
        let shown: Vec<_> = groups
            .iter()
            .map(|group| (group.count, group.reason.as_str(), group.event.as_deref(), group.path.as_deref()))
            .collect();
        assert!(shown.contains(&(2, "undeclared_event", Some("New"), Some("event"))), "{shown:?}");
        assert!(shown.contains(&(1, "bad_event_name", None, None)), "{shown:?}");
        let event = quarantined_event(dir.path(), 1).unwrap();
        assert_eq!((event.project.as_str(), &event.kept["properties"]["n"]), ("shop", &json!(1)));
        assert!(matches!(quarantined_event(dir.path(), 99), Err(Error::NotQuarantined { number: 99 })));
        assert!(matches!(Selection::new(None, Some("undeclared")), Err(Error::NoReason { .. })));

        // Nothing can be stored yet.
        let none = replay(dir.path(), &Selection::default()).unwrap();
        assert_eq!((none.replayed, none.stays.iter().map(|stay| stay.count).sum::<u64>()), (0, 4));
        write(dir.path(), "shop", EXTENDED);
        let other = Selection::new(Some("default"), None).unwrap();
        assert_eq!(replay(dir.path(), &other).unwrap().replayed, 0);
        let tracker = if is_running {
            tracker
        } else {
            tracker.stop();
            // As a command does where no tracker runs.
            let all = Selection::new(Some("shop"), Some("undeclared_event")).unwrap();
            assert_eq!(replay(dir.path(), &all).unwrap().replayed, 3);
            assert_eq!(check(dir.path()).unwrap().ledger.in_journal, 0);
            Tracker::start(dir.path())
        };
        if is_running {
            let done = replay(dir.path(), &Selection::default()).unwrap();
            assert_eq!(done.replayed, 3);
            let stay = (done.stays[0].event.as_str(), done.stays[0].reason.as_str(), done.stays[0].count);
            assert_eq!(stay, ("Unnamed", "undeclared_event", 1));
        }
        assert_eq!(replay(dir.path(), &Selection::default()).unwrap().replayed, 0, "once");

        // The same at once, now that they are named.
        std::thread::sleep(Duration::from_millis(1100));
        let client = &mut tracker.client();
        for (path, event) in odd_events("named") {
            let answer = client.send("POST", path, &[("authorization", &basic)], event.to_string().as_bytes()).unwrap();
            assert!(answer.status < 300, "{answer:?}");
        }
        let found = check(dir.path()).unwrap();
        assert!(found.is_sound(), "{found}");
        let ledger = found.ledger;
        assert_eq!((ledger.accepted, ledger.loaded, ledger.quarantined, ledger.replayed), (11, 6, 2, 3));
        assert!(client.get("/metrics").body.contains("dlt_tracker_ledger_replayed 3\n"));
        let (_, proof) = &odd_events("aside")[2];
        tracker.stop();
        assert!(hash(dir.path(), "aside-2").is_some(), "its sender can prove it");
        let columns = "* EXCLUDE (message_id, journal_seq, received_at, timestamp, body_digest, _dlt_id, _dlt_load_id), \
                       epoch_us(timestamp) < 1767323046000000 AS is_old";
        let rows = |prefix: &str| {
            json!(sql(
                dir.path(),
                &format!("SELECT {columns} FROM events WHERE message_id LIKE '{prefix}-%' ORDER BY message_id")
            ))
        };
        assert_eq!(rows("aside"), rows("named"));
        assert_eq!(rows("aside").as_array().unwrap().len(), 3);
        assert_eq!(sql(dir.path(), "SELECT replayed_seq FROM replays").len(), 3);
        // And it is deleted as any other.
        assert_eq!(forget(dir.path(), proof["anonymousId"].as_str().unwrap()).unwrap().events, 2);
        assert!(check(dir.path()).unwrap().is_sound());
    }
}

/// The hash of the request that brought an event.
fn hash(dir: &Path, message: &str) -> Option<String> {
    let rows = sql(dir, &format!("SELECT body_digest FROM events WHERE message_id = '{message}'"));
    rows[0]["body_digest"].as_str().map(str::to_owned)
}

/// A line of a proposal.
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
}

#[test]
fn a_contract_is_proposed_from_names_and_types_and_without_values() {
    let dir = tempfile::tempdir().unwrap();
    let key = add_key(dir.path(), "shop", None, None).unwrap().secret;
    let tracker = Tracker::start(dir.path());
    let client = &mut tracker.client();
    // Before there is a contract, and behind one that names little.
    for number in 0..40 {
        let event = json!({"event": "Order Completed", "properties": {
            "total": f64::from(number) + 0.5, "count": number, "gift": number % 2 == 0, "elapsed": 1.5, "parts": [1],
            "plan": format!("value-{}", number % 3), "note": format!("secret words {number}"), "cart": format!("4f3c2b1a-0000-4000-8000-{number:012}"),
            "order_id": number, "os": format!("system {number}"), "name_hash": format!("secret{number}"),
            "mixed": if number % 2 == 0 { json!(1) } else { json!("x") }, "user_email": "secret"}});
        send(client, &key, "/v1/track", &event);
    }
    assert!(check(dir.path()).unwrap().is_sound());
    let contract = r#"
        [events.page]
        meaning = "Seen."
        [events.page.fields]
        title = { type = "string", privacy = "public", optional = false, meaning = "Its \"title\"" }
        [events.page.fields.of]
        type = "object"
        privacy = "public"
        fields = { id = { type = "integer", privacy = "random" } }
    "#;
    write(dir.path(), "shop", contract);
    std::thread::sleep(Duration::from_millis(1100));
    let quarantined = [
        (
            "/v1/track",
            json!({"event": "Order Completed", "properties": {
            "of": {"id": "secret-id", "n": 1, "none": null, "deep": {"list": [[1.5], [2]]}},
            "parts": [{"sku": "secret-sku"}, {"sku": "b", "rest": null}], "empty": [], "nothing": {}, "odd \" name": true}}),
        ),
        ("/v1/page", json!({"properties": {"title": 7, "of": {"id": 1, "more": [{"a": "secret"}]}}})),
        ("/v1/track", json!({"event": "pipeline_load", "properties": {"elapsed": 1, "new": 2}})),
        // Names that are data.
        (
            "/v1/track",
            json!({"event": "Map", "properties": {"of": (0..60).map(|number| (format!("secret-{number}"), json!(1))).collect::<serde_json::Map<_, _>>()}}),
        ),
    ];
    for (path, event) in &quarantined {
        send(client, &key, path, event);
    }
    // Another project's events are not looked at.
    assert_eq!(client.post("/", br#"{"event":"Other","properties":{"x":1}}"#).status, 204);
    let running = learn_contract(dir.path(), "shop").unwrap();
    let text = learn_contract(dir.path(), "default").unwrap();
    has(&text, "[events.Other]  # 1 event");
    assert!(!text.contains("Order"), "{text}");
    tracker.stop();
    let text = learn_contract(dir.path(), "shop").unwrap();
    assert_eq!(text, running, "the same when it is stopped");
    for line in [
        "[events.\"Order Completed\"]  # 41 events, 1 of them in the quarantine",
        "total = { type = \"number\", privacy = \"measure\" }  # in 98 % of events",
        "count = { type = \"integer\", privacy = \"measure\" }  # in 98 % of events",
        "gift = { type = \"boolean\", privacy = \"measure\" }  # in 98 % of events",
        "elapsed = { type = \"number\", privacy = \"measure\" }  # in 98 % of events",
        "plan = { type = \"string\", privacy = \"public\" }  # in 98 % of events; 3 different texts",
        "note = { type = \"string\", privacy = \"random\" }  # in 98 % of events; LOOK: many different texts in 40; does a person write them?",
        "cart = { type = \"string\", privacy = \"random\" }  # in 98 % of events; they look drawn by lot",
        "order_id = { type = \"integer\", privacy = \"random\" }  # in 98 % of events; by its name: it may tell who or where",
        "os = { type = \"string\", privacy = \"system\" }  # in 98 % of events; by its name",
        "name_hash = { type = \"string\", privacy = \"hash\" }  # in 98 % of events; by its name",
        "empty = { type = \"array\", items = \"string\", privacy = \"random\" }  # in 2 % of events; always empty",
        "\"odd \\\" name\" = { type = \"boolean\", privacy = \"measure\" }  # in 2 % of events",
        "# mixed has no one type: string (20), integer (20)",
        "[events.\"Order Completed\".fields.parts]  # in 2 % of events",
        "[events.\"Order Completed\".fields.parts.items.fields]",
        "sku = { type = \"string\", privacy = \"random\" }  # in 100 % of objects; LOOK: 2 different texts in 2; does a person write them?",
        "[events.\"Order Completed\".fields.of.fields.deep.fields.list.items]",
        // What the contract says stays, and what arrived otherwise stands beside.
        "meaning = \"Seen.\"",
        "title = { type = \"string\", privacy = \"public\", optional = false, meaning = \"Its \\\"title\\\"\" }  # in 100 % of events; also integer (1)",
        "id = { type = \"integer\", privacy = \"random\" }  # in 100 % of objects",
        "[events.page.fields.of.fields.more.items.fields]",
        "new = { type = \"number\", privacy = \"measure\" }  # in 100 % of events",
        "# 60 more names, which look like data and not like words of a program: name what is to be kept",
    ] {
        has(&text, line);
    }
    for absent in ["secret", "value-1", "email", "transaction_id", "[events.Other"] {
        assert!(!text.contains(absent), "{absent} in\n{text}");
    }
    // It is a contract, and names what it was made of; what it says to be in doubt stays.
    let file = dir.path().join("proposed.toml");
    fs::write(&file, &text).unwrap();
    assert_eq!(check_contract(&file).unwrap().events, 4);
    write(dir.path(), "shop", &text);
    let done = replay(dir.path(), &Selection::default()).unwrap();
    let stays: Vec<_> = done.stays.iter().map(|stay| (stay.event.as_str(), stay.path.as_str())).collect();
    assert_eq!((done.replayed, stays), (2, vec![("Map", "of.secret-0"), ("page", "title")]));
    assert!(check(dir.path()).unwrap().is_sound());
    assert_eq!(learn_contract(dir.path(), "shop").unwrap().matches("mixed").count(), 1, "asked again");
    assert!(matches!(learn_contract(dir.path(), "shpo"), Err(Error::NoProject { .. })));
    write(dir.path(), "shop", "[event.x]\n");
    let Err(Error::Contract(source)) = learn_contract(dir.path(), "shop") else { panic!("told with its place") };
    assert!(source.to_string().contains("shop.toml:1: "), "{source}");
    assert!(learn_contract(dir.path(), "default").is_ok(), "the contract of another project is no matter");
}

#[test]
fn a_broken_contract_is_told_with_its_place_and_keeps_nobody_else_from_replaying() {
    for is_running in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let keys = ["shop", "web"].map(|project| add_key(dir.path(), project, None, None).unwrap().secret);
        ["shop", "web"].iter().for_each(|project| write(dir.path(), project, "[events.other]\n"));
        let tracker = Tracker::start(dir.path());
        keys.iter().for_each(|key| send(&mut tracker.client(), key, "/v1/track", &json!({"event": "New"})));
        let tracker = if is_running {
            Some(tracker)
        } else {
            tracker.stop();
            None
        };
        write(dir.path(), "shop", "[events.New]\nfeilds = 1\n");
        write(dir.path(), "web", "[events.New]\n");
        let of_shop = Selection::new(Some("shop"), None).unwrap();
        let Err(Error::Contract(source)) = replay(dir.path(), &of_shop) else { panic!("told with its place") };
        assert!(source.to_string().contains("shop.toml:2: unknown key"), "{source}");
        let done = replay(dir.path(), &Selection::default()).unwrap();
        assert_eq!((done.replayed, done.stays.len(), done.unread.len()), (1, 0, 1), "{done:?}");
        assert!(done.unread[0].contains("shop.toml:2: unknown key"), "{done:?}");
        drop(tracker);
        let ledger = check(dir.path()).unwrap().ledger;
        assert_eq!((ledger.replayed, ledger.quarantined), (1, 1));
    }
}

#[test]
fn names_that_a_contract_hashes_are_in_no_table_also_after_a_replay() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "default", "[events.other]\n");
    let tracker = Tracker::start(dir.path());
    let client = &mut tracker.client();
    let event = |message: &str| {
        json!({"event": "Loaded", "messageId": message, "userId": "ada@example.org", "properties": {"table": "payroll"}}).to_string()
    };
    assert_eq!(client.post("/", event("before").as_bytes()).status, 204);
    write(
        dir.path(),
        "default",
        "[events.Loaded.fields]\ntable = { type = \"string\", privacy = \"hash\", hashed = true }\n",
    );
    assert_eq!(replay(dir.path(), &Selection::default()).unwrap().replayed, 1);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(client.post("/", event("at once").as_bytes()).status, 204);
    // dlt's own names of sources and resources, which nobody has to say anything about.
    let data = json!([{"name": "payroll", "data_type": "resource"}]);
    let own = json!({"event": "pipeline_extract", "properties": {"extract_data": data}}).to_string();
    assert_eq!(client.post("/", own.as_bytes()).status, 204);
    assert!(check(dir.path()).unwrap().is_sound());
    // Who asks for it names a user by the id that was sent.
    assert!(matches!(forget_user(dir.path(), ""), Err(Error::NoId)));
    tracker.stop();
    let properties = sql(dir.path(), "SELECT properties FROM events ORDER BY journal_seq");
    assert_eq!(properties[0], properties[1], "replayed as if it had been named at once");
    assert!(properties[0]["properties"].as_str().unwrap().starts_with("{\"table\":\"name-"), "{properties:?}");
    assert!(!json!(properties).to_string().contains("payroll"), "{properties:?}");
    let names = sql(dir.path(), "SELECT name FROM events__extract_data");
    assert!(names[0]["name"].as_str().unwrap().starts_with("name-"), "{names:?}");
    assert_eq!(forget(dir.path(), "ada@example.org").unwrap().events, 0);
    assert_eq!(forget_user(dir.path(), "ada@example.org").unwrap().events, 2);
}
