//! What must hold for whatever comes from elsewhere: bodies and queries of requests, objects of the edge, files of contracts, and a journal
//! with any damage. Called by the targets in `fuzz/` and by a test that replays their corpus; no part of the API.
//!
//! It panics where a promise is broken, and else returns nothing.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::contract::{self, Contract};
use crate::dashboard::Filter;
use crate::decode::{self, Limits};
use crate::edge::object::{self, Record};
use crate::event::{self, Arrival, Call, Judged};
use crate::outcome::Reason;
use crate::{query, scrub};

/// Small, so that what is beyond them is found soon.
const LIMITS: Limits = Limits { request_bytes: 64 << 10, event_bytes: 8 << 10, batch_events: 50 };

/// By which ids of users, and names, are hashed.
const KEY: &str = "a key of the fuzzer";

/// A body is refused, or each of its events becomes one line of JSON in which no text is an address.
pub fn body(bytes: &[u8]) {
    let closed = Contract { is_closed: true, ..Contract::default() };
    for encoding in [None, Some("gzip")] {
        let Ok(body) = decode::inflate(bytes, encoding, &LIMITS) else { continue };
        assert!(body.len() <= LIMITS.request_bytes);
        for delivery in [decode::single(&body), decode::batch(&body, &LIMITS)].into_iter().flatten() {
            assert!(delivery.events.len() <= LIMITS.batch_events);
            for (contract, call) in [(Contract::built_in(), None), (&closed, Some(Call::Identify)), (&closed, None)] {
                let arrival = Arrival {
                    received_at: Timestamp::UNIX_EPOCH,
                    call,
                    context: delivery.context.clone(),
                    sent_at: delivery.sent_at.clone(),
                    max_event_bytes: LIMITS.event_bytes,
                    hash: None,
                    id_key: KEY,
                    project: None,
                    contract,
                };
                delivery.events.iter().for_each(|text| check(&event::judge(text.get(), &arrival)));
            }
        }
    }
}

/// Whatever becomes of the bytes of a segment, a record is read as it was written or told as missing.
pub fn journal(bytes: &[u8]) {
    crate::journal::segments::fuzzing::segment(bytes);
}

/// An object of the edge is refused, or each of its records is the row of an event or of the quarantine.
pub fn edge(bytes: &[u8]) {
    let taken = |bytes: &[u8]| {
        for line in object::records(bytes).unwrap_or_default() {
            match Record::parse(line) {
                Ok(record) => {
                    let row = row(&record.row);
                    assert_eq!(row["message_id"], *record.message.id, "{line}");
                    assert_eq!(row.get("project").and_then(Value::as_str), record.message.project.as_deref(), "{line}");
                }
                Err(reason) => panic!("a record that was taken is none: {reason}: {line}"),
            }
        }
    };
    taken(bytes);
    // Behind a first line that is right, which nobody comes upon by chance.
    let lines = std::str::from_utf8(bytes).map_or(0, |text| text.lines().count());
    let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let head = format!(
        "{{\"format\":\"dlt-edge\",\"version\":1,\"lines\":{lines},\"bytes\":{},\"sha256\":\"{sum}\"}}\n",
        bytes.len()
    );
    taken(&[head.as_bytes(), bytes].concat());
}

/// The file of a contract is refused, or says the same when it is written anew.
pub fn contract_file(bytes: &[u8]) {
    let file = Path::new("contract.toml");
    let Ok(contract) = Contract::parse(&String::from_utf8_lossy(bytes), file) else { return };
    let text = contract::to_toml(&contract);
    match Contract::parse(&text, file) {
        Ok(again) => assert_eq!(again, contract, "{text}"),
        Err(error) => panic!("{error}: {text}"),
    }
}

/// The query of an address is refused, or asks for the same when it is written anew; and any text can be a part of one.
pub fn query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(query::unescaped(&query::encode(&text)), text);
    assert_eq!(query::pairs(&format!("x={}", query::encode(&text))), [("x".to_owned(), text.clone().into_owned())]);
    let Ok(filter) = Filter::parse(&text) else { return };
    let again = filter.query();
    assert_eq!(Filter::parse(again.strip_prefix('?').unwrap_or_default()), Ok(filter), "{again}");
}

fn check(judged: &Judged) {
    let row = row(&judged.record.payload);
    if judged.reason != Some(Reason::UndeclaredEvent) {
        return;
    }
    // What is kept whole can be stored as soon as it is named.
    let kept = row.get("payload").and_then(Value::as_str).unwrap_or_default();
    match event::again(kept, None, Contract::built_in(), KEY) {
        Ok(payload) => drop(self::row(&payload)),
        Err(stays) => panic!("{stays:?}: {kept}"),
    }
}

/// The row of a record: one line, one object.
fn row(payload: &[u8]) -> Value {
    assert!(payload.ends_with(b"}") && !payload.contains(&b'\n'), "{}", String::from_utf8_lossy(payload));
    let row: Value = match serde_json::from_slice(payload) {
        Ok(row) => row,
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(payload)),
    };
    assert!(row.get("message_id").is_some_and(Value::is_string), "{row}");
    for (name, value) in row.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            // JSON of its own; cut at its limit it is none, and only looked through as far as it goes.
            ("properties" | "payload", Value::String(text)) => {
                if let Ok(inner) = serde_json::from_str(text) {
                    no_address(&inner);
                }
            }
            (_, value) => no_address(value),
        }
    }
    row
}

fn no_address(value: &Value) {
    match value {
        Value::String(text) => assert!(!scrub::is_personal(text), "{text}"),
        Value::Array(values) => values.iter().for_each(no_address),
        Value::Object(members) => members.values().for_each(no_address),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
