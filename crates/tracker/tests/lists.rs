//! Lists of objects that a contract names: tables of their own, whose rows come, stay and go with their event.

use std::path::Path;
use std::time::Duration;

use dlt_engine::rows_of;
use dlt_testkit::Postgres;
use dlt_tracker::{
    Place, Retain, Retention, Selection, ServeOptions, StoreAddress, add_key, check, forget, learn_contract,
    move_tables, replay, retain,
};
use serde_json::{Value, json};

use crate::contracts::{send, write};
use crate::retention::{execute, keeping, older};
use crate::tracker::{Tracker, options};

const SHOP: &str = r#"
[events.Ordered.fields]
total = { type = "number", privacy = "measure" }
[events.Ordered.fields.products]
type = "array"
privacy = "public"
[events.Ordered.fields.products.items]
type = "object"
[events.Ordered.fields.products.items.fields]
sku = { type = "string", privacy = "public" }
price = { type = "number", privacy = "measure" }
tags = { type = "array", items = "string", privacy = "public" }
[events.Ordered.fields.shipping]
type = "object"
privacy = "public"
[events.Ordered.fields.shipping.fields]
way = { type = "string", privacy = "public" }
[events.Ordered.fields.shipping.fields.parcels]
type = "array"
privacy = "public"
items = { type = "object", fields = { grams = { type = "integer", privacy = "measure" } } }
"#;

fn ordered(message: &str, id: &str, skus: &[&str]) -> Value {
    let product =
        |sku: &&str| json!({"sku": sku, "price": sku.len(), "tags": ["new", sku], "user_email": "ada@example.org"});
    json!({"event": "Ordered", "messageId": message, "anonymousId": id, "properties": {
        "total": 1, "products": skus.iter().map(product).collect::<Vec<_>>(),
        "shipping": {"way": "post", "parcels": [{"grams": 5.0}, null]},
    }})
}

fn asked(place: &Place, query: &str) -> Value {
    let batches = dlt_tracker::sql(place.clone(), query, None).unwrap();
    batches.iter().flat_map(|batch| rows_of(batch).unwrap()).map(Value::Object).collect()
}

/// The items with the message that brought each.
fn items(place: &Place) -> Value {
    let query = "SELECT event.message_id, sku, price, tag.value, tag._dlt_list_idx AS place FROM events AS event \
                 JOIN events__products AS product ON product._dlt_root_id = event._dlt_id AND product._dlt_parent_id = event._dlt_id \
                 JOIN events__products__tags AS tag ON tag._dlt_parent_id = product._dlt_id AND tag._dlt_root_id = event._dlt_id \
                 ORDER BY message_id, product._dlt_list_idx, place";
    asked(place, query)
}

fn counts(place: &Place) -> Value {
    asked(
        place,
        "SELECT (SELECT count(*) FROM events__products) AS products, (SELECT count(*) FROM events__products__tags) AS tags, \
                (SELECT count(*) FROM events__shipping__parcels) AS parcels, (SELECT CAST(sum(grams) AS BIGINT) FROM events__shipping__parcels) AS grams",
    )
}

fn item(message: &str, sku: &str) -> [Value; 2] {
    let tag = |value: &str, at: u32| json!({"message_id": message, "sku": sku, "price": sku.len() as f64, "value": value, "place": at});
    [tag("new", 0), tag(sku, 1)]
}

fn all(items: &[(&str, &str)]) -> Value {
    items.iter().flat_map(|(message, sku)| item(message, sku)).collect()
}

/// Sends, replays and forgets, and looks at the tables after each.
fn come_stay_and_go(options: ServeOptions) {
    let (dir, place) = (options.data_dir.clone(), options.place());
    let key = add_key(&dir, "shop", None, None).unwrap().secret;
    write(&dir, "shop", SHOP);
    let tracker = Tracker::with(options.clone());
    let client = &mut tracker.client();
    // The first price has no fraction, and the first text looks like a moment: both are as the contract says.
    send(client, &key, "/v1/track", &ordered("m1", "ada", &["2026-01-02T03:04:05Z", "b"]));
    // A message comes once, with what is in it: within a batch, and in a later one.
    let batch = json!({"batch": [ordered("m2", "bob", &["c"]), ordered("m1", "ada", &["again"]), ordered("m2", "bob", &["twice", "d"])], "writeKey": key});
    assert_eq!(client.post("/v1/batch", batch.to_string().as_bytes()).status, 200);
    assert!(check(place.clone()).unwrap().is_sound());
    let batch = json!({"batch": [ordered("m2", "bob", &["later"]), ordered("m3", "eve", &[])], "writeKey": key});
    assert_eq!(client.post("/v1/batch", batch.to_string().as_bytes()).status, 200);
    let found = check(place.clone()).unwrap();
    assert_eq!((found.ledger.loaded, found.ledger.deduplicated, found.is_sound()), (3, 3, true), "{found}");
    let first = [("m1", "2026-01-02T03:04:05Z"), ("m1", "b"), ("m2", "c")];
    assert_eq!(items(&place), all(&first));
    assert_eq!(counts(&place), json!([{"products": 3, "tags": 6, "parcels": 3, "grams": 15}]));
    let kept = asked(&place, "SELECT properties FROM events WHERE message_id = 'm2'");
    let kept: Value = serde_json::from_str(kept[0]["properties"].as_str().unwrap()).unwrap();
    assert_eq!(
        kept["products"],
        json!([{"sku": "c", "price": 1, "tags": ["new", "c"]}]),
        "and it is with the properties"
    );

    // What is proposed of it knows the lists.
    let learned = learn_contract(place.clone(), "shop").unwrap();
    assert!(learned.contains("[events.Ordered]  # 3 events\n"), "{learned}");
    let sku = "sku = { type = \"string\", privacy = \"public\" }  # in 100 % of objects\n";
    assert!(learned.contains(sku), "{learned}");

    // What a contract names later is replayed with its items.
    let sold = |message: &str| {
        let mut event = ordered(message, "ada", &["e"]);
        event["event"] = "Sold".into();
        event
    };
    send(client, &key, "/v1/track", &sold("m4"));
    send(client, &key, "/v1/track", &sold("m4"));
    assert_eq!(check(place.clone()).unwrap().ledger.quarantined, 2);
    write(&dir, "shop", &format!("{SHOP}{}", SHOP.replace("events.Ordered", "events.Sold")));
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(replay(place.clone(), &Selection::default()).unwrap().replayed, 2);
    let found = check(place.clone()).unwrap();
    assert_eq!((found.ledger.loaded, found.ledger.replayed, found.ledger.deduplicated), (4, 2, 4), "{found}");
    assert!(found.is_sound(), "{found}");
    assert_eq!(items(&place), all(&[first.as_slice(), &[("m4", "e")]].concat()));

    // What goes takes its items with it, and does not come back.
    let gone = forget(place.clone(), "ada").unwrap();
    assert_eq!(gone.events, 2);
    send(client, &key, "/v1/track", &ordered("m1", "ada", &["back"]));
    let found = check(place.clone()).unwrap();
    assert_eq!((found.ledger.loaded, found.is_sound()), (2, true), "{found}");
    assert_eq!(items(&place), all(&[("m2", "c")]));
    assert_eq!(counts(&place), json!([{"products": 1, "tags": 2, "parcels": 2, "grams": 10}]));
    tracker.stop();
}

fn in_postgres(postgres: &Postgres, dir: &Path) -> ServeOptions {
    let mut options = options(dir);
    options.store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
    options
}

#[test]
fn items_of_lists_come_stay_and_go_with_their_event() {
    let dir = tempfile::tempdir().unwrap();
    come_stay_and_go(options(dir.path()));
    // An item whose event is not there is told.
    let connection = dlt_destination_duckdb::DuckDb::at(dir.path().join("tracker.duckdb")).unwrap();
    let mut connection =
        dlt_engine::Destination::connect(&connection, "telemetry", dlt_engine::destination::Access::Write).unwrap();
    connection.query("UPDATE events__products SET _dlt_root_id = 'nobody'", &mut |_, _| Ok(())).unwrap();
    drop(connection);
    let found = check(dir.path()).unwrap();
    assert_eq!(found.problems, ["1 items of lists belong to no event"]);
}

#[test]
fn items_of_lists_are_in_postgres_too_and_are_moved_there() {
    let postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    come_stay_and_go(in_postgres(&postgres, dir.path()));

    let postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    come_stay_and_go(options(dir.path()));
    let place = options(dir.path()).place();
    // A list of an event whose name looks like one of an item.
    let odd = "[events.Odd.fields.products__tags]\ntype = \"array\"\nprivacy = \"public\"\n\
               items = { type = \"object\", fields = { value = { type = \"string\", privacy = \"public\" } } }\n";
    write(dir.path(), "default", odd);
    let tracker = Tracker::start(dir.path());
    let event = r#"{"event":"Odd","properties":{"products__tags":[{"value":"of the event"}]}}"#;
    assert_eq!(tracker.client().post("/", event.as_bytes()).status, 204);
    tracker.stop();
    let (before, numbers) = (items(&place), counts(&place));
    let moved = in_postgres(&postgres, dir.path());
    move_tables(dir.path(), &moved.store).unwrap();
    assert_eq!((items(&moved.place()), counts(&moved.place())), (before, numbers));
    let of_event = "SELECT value FROM events__products__tags WHERE _dlt_parent_id = _dlt_root_id";
    assert_eq!(asked(&moved.place(), of_event), json!([{"value": "of the event"}]));
    let tracker = Tracker::with(moved.clone());
    // It knows the message, and takes another.
    let client = &mut tracker.client();
    let key = add_key(dir.path(), "shop", Some("another"), None).unwrap().secret;
    send(client, &key, "/v1/track", &ordered("m2", "bob", &["again"]));
    send(client, &key, "/v1/track", &ordered("m5", "bob", &["f"]));
    assert!(check(moved.place()).unwrap().is_sound());
    assert_eq!(items(&moved.place()), all(&[("m2", "c"), ("m5", "f")]));
    tracker.stop();
}

#[test]
fn items_go_with_an_event_that_is_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let key = add_key(dir.path(), "shop", None, None).unwrap().secret;
    write(dir.path(), "shop", SHOP);
    let options = keeping(dir.path());
    let place = options.place();
    let tracker = Tracker::with(options);
    let client = &mut tracker.client();
    for (message, skus) in [("m1", &["a", "b"][..]), ("m2", &["c"])] {
        send(client, &key, "/v1/track", &ordered(message, "ada", skus));
    }
    tracker.stop();
    execute(dir.path(), &older("events", 100, "message_id = 'm1'"));
    assert_eq!(retain(dir.path(), &Retention::default(), Retain::Carefully).unwrap().events(), 1);
    assert_eq!(items(&place), all(&[("m2", "c")]));
    assert_eq!(counts(&place), json!([{"products": 1, "tags": 2, "parcels": 1, "grams": 5}]));
    let found = check(place).unwrap();
    assert!(found.is_sound() && found.ledger.expired == 1, "{found}");
}
