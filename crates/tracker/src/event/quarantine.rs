//! Quarantined events and their rows.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::parts::Parts;
use super::{Arrival, Judged, MAX_NAME_CHARS, formatted, is_id};
use crate::contract::Breach;
use crate::journal::{Kind, NewRecord};
use crate::message_id;
use crate::outcome::Reason;
use crate::scrub;

/// Most of a quarantined event that is kept, in bytes.
pub(crate) const MAX_QUARANTINED_BYTES: usize = 4096;

/// A row of the quarantine.
#[derive(Debug, Serialize)]
struct QuarantineRow<'a> {
    message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<&'a str>,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    received_at: String,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
}

/// Quarantines an event, given as JSON text.
pub(super) fn quarantine(text: &str, reason: Reason, arrival: &Arrival<'_>) -> Judged {
    let parsed = serde_json::from_str::<Value>(text).ok();
    let member = |name: &str| parsed.as_ref().and_then(|event| event.get(name)).and_then(Value::as_str);
    let event = member("event").filter(|name| !scrub::is_personal(name)).map(clipped_name);
    let anonymous_id = member("anonymousId").filter(|id| is_id(id)).map(str::to_owned);
    let payload = parsed.and_then(scrub::for_quarantine).map(|event| {
        let mut payload = event.to_string();
        if payload.len() > MAX_QUARANTINED_BYTES {
            payload.truncate(payload.floor_char_boundary(MAX_QUARANTINED_BYTES));
        }
        payload
    });
    let row = QuarantineRow {
        message_id: message_id::new(arrival.received_at),
        anonymous_id: anonymous_id.as_deref(),
        reason: reason.code(),
        path: None,
        event: event.as_deref(),
        received_at: formatted(arrival.received_at),
        bytes: text.len(),
        payload,
        project: arrival.project,
    };
    // A struct of texts and numbers always serialises; an empty row would still be counted.
    let payload = serde_json::to_vec(&row).unwrap_or_else(|_| b"{}".to_vec());
    Judged { record: NewRecord { kind: Kind::Quarantine, payload }, reason: Some(reason) }
}

/// Quarantines an event that its contract does not name. It is kept whole, so that it can be stored when it is named.
pub(super) fn undeclared(mut parts: Parts<'_>, breach: &Breach, bytes: usize, project: Option<&str>) -> Judged {
    let Parts { properties, dropped, digest, .. } = &mut parts;
    properties.retain(|name, value| {
        scrub::clean(value, name, dropped);
        true
    });
    if !dropped.is_empty() {
        // It would tell whether a value that is tried is the one that was removed.
        *digest = None;
    }
    let row = QuarantineRow {
        message_id: message_id::new(Timestamp::now()),
        anonymous_id: parts.anonymous_id.as_deref(),
        reason: breach.reason.code(),
        path: Some(&breach.path),
        event: Some(&parts.event),
        received_at: parts.received_at.clone(),
        bytes,
        payload: serde_json::to_string(&parts).ok(),
        project,
    };
    let payload = serde_json::to_vec(&row).unwrap_or_else(|_| b"{}".to_vec());
    Judged { record: NewRecord { kind: Kind::Quarantine, payload }, reason: Some(breach.reason) }
}

fn clipped_name(name: &str) -> String {
    name.chars().take(MAX_NAME_CHARS).collect()
}

/// The quarantine's row for an event that was accepted and can't be loaded. It holds nothing of the event's contents.
pub(crate) fn lost_row(sequence: u64, reason: Reason, found_at: Timestamp) -> Vec<u8> {
    let row = QuarantineRow {
        message_id: format!("{}-{sequence}", reason.code()),
        anonymous_id: None,
        reason: reason.code(),
        path: None,
        event: None,
        received_at: formatted(found_at),
        bytes: 0,
        payload: None,
        project: None,
    };
    serde_json::to_vec(&row).unwrap_or_else(|_| b"{}".to_vec())
}
