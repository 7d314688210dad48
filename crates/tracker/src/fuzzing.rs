//! What must hold for any body of a request, and any damage to a journal. Called by the targets `tracker` and `journal` in `fuzz/` and by a
//! test that replays their corpus; no part of the API.
//!
//! It panics where a promise is broken, and else returns nothing.

use jiff::Timestamp;
use serde_json::Value;

use crate::contract::Contract;
use crate::decode::{self, Limits};
use crate::event::{self, Arrival, Call, Judged};
use crate::outcome::Reason;
use crate::scrub;

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
