//! One event: what is stored of it, or why it is quarantined.
//!
//! The row in the journal is the row that will be in the table. It is made here, before the sender is answered. Nothing
//! else of the event is stored.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Number, Value};

use crate::journal::{Kind, NewRecord};
use crate::message_id;
use crate::outcome::Reason;
use crate::scrub;

mod client_form;
mod incoming;
mod quarantine;
mod tree;

use client_form::ClientForm;
use incoming::Incoming;
pub(crate) use quarantine::lost_row;
use quarantine::quarantine;
use tree::{Members, Tree};

/// Longest id of a message or of a person's installation, in characters.
const MAX_ID_CHARS: usize = 100;
/// Longest name of an event, in characters.
const MAX_NAME_CHARS: usize = 200;
/// An earlier timestamp comes from a clock that was never set (2000-01-01).
const EARLIEST: Timestamp = Timestamp::constant(946_684_800, 0);

/// What is known about a request and not in its events.
#[derive(Debug, Clone)]
pub(crate) struct Arrival<'a> {
    /// When it arrived.
    pub(crate) received_at: Timestamp,
    /// The call that the path names (`identify`, `page` …); `None` where each event names its own.
    pub(crate) call: Option<Call>,
    /// The batch's context, for events that have none of their own.
    pub(crate) context: Option<Value>,
    /// The batch's `sentAt`.
    pub(crate) sent_at: Option<Value>,
    /// Longest event, in bytes of JSON.
    pub(crate) max_event_bytes: usize,
    /// The hash of the request, where it brought one event.
    pub(crate) hash: Option<String>,
    /// The key by which ids of users are hashed.
    pub(crate) id_key: &'a str,
    /// The project that it belongs to; `None` for the default one.
    pub(crate) project: Option<&'a str>,
}

/// The calls of the tracking protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Track,
    Identify,
    Page,
    Screen,
    Group,
    Alias,
}

impl Call {
    /// By the name or the one letter that paths and the `type` of an event have.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "track" | "t" => Self::Track,
            "identify" | "i" => Self::Identify,
            "page" | "p" => Self::Page,
            "screen" | "s" => Self::Screen,
            "group" | "g" => Self::Group,
            "alias" | "a" => Self::Alias,
            _ => return None,
        })
    }

    /// The name of the event where the call itself is the event.
    fn event(self) -> Option<&'static str> {
        match self {
            Self::Track => None,
            Self::Identify => Some("identify"),
            Self::Page => Some("page"),
            Self::Screen => Some("screen"),
            Self::Group => Some("group"),
            Self::Alias => Some("alias"),
        }
    }
}

/// A row of the table of events. The journal adds `journal_seq` when it is loaded.
#[derive(Debug, Default, Serialize)]
pub(crate) struct EventRow {
    message_id: String,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<String>,
    timestamp: String,
    received_at: String,
    #[serde(flatten)]
    context: ContextColumns,
    #[serde(flatten)]
    known: KnownColumns,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties_dropped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct ContextColumns {
    #[serde(skip_serializing_if = "Option::is_none")]
    library_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    library_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    python_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_run: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_dropped: Option<String>,
}

/// Properties that have a column of their own.
#[derive(Debug, Default, Serialize)]
struct KnownColumns {
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline_name_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_name_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_schema_name_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_schema_name_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
}

/// What was decided about an event.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The record for the journal.
    pub(crate) record: NewRecord,
    /// Why it is quarantined; `None` for a good one.
    pub(crate) reason: Option<Reason>,
}

/// Decides whether an event, given as JSON text, is stored or quarantined, and makes its row.
pub(crate) fn judge(text: &str, arrival: &Arrival<'_>) -> Judged {
    if text.len() > arrival.max_event_bytes {
        return quarantine(text, Reason::TooLarge, arrival);
    }
    if !text.starts_with('{') {
        return quarantine(text, Reason::NotAnObject, arrival);
    }
    let Ok(incoming) = serde_json::from_str::<Incoming<'_>>(text) else {
        return quarantine(text, Reason::Unreadable, arrival);
    };
    let is_own = arrival.hash.is_some() && ClientForm::fits(text);
    match row(incoming, is_own, arrival) {
        Ok(row) => match serde_json::to_vec(&row) {
            Ok(payload) => Judged { record: NewRecord { kind: Kind::Event, payload }, reason: None },
            Err(_) => quarantine(text, Reason::Unreadable, arrival),
        },
        Err(reason) => quarantine(text, reason, arrival),
    }
}

fn row(incoming: Incoming<'_>, is_own: bool, arrival: &Arrival<'_>) -> Result<EventRow, Reason> {
    let message_id = match incoming.message_id {
        Tree::Null => message_id::new(arrival.received_at),
        Tree::Text(id) if id.is_empty() => message_id::new(arrival.received_at),
        Tree::Text(id) if is_id(&id) => id.into_owned(),
        _ => return Err(Reason::BadMessageId),
    };
    let anonymous_id = match incoming.anonymous_id {
        Tree::Null => hashed_id(&incoming.user_id, arrival.id_key),
        Tree::Text(id) if id.is_empty() => hashed_id(&incoming.user_id, arrival.id_key),
        Tree::Text(id) if is_id(&id) => Some(id.into_owned()),
        _ => return Err(Reason::BadAnonymousId),
    };
    let call = arrival.call.or_else(|| incoming.call.as_str().and_then(Call::named)).unwrap_or(Call::Track);
    let event = match (incoming.event, call.event()) {
        (_, Some(name)) => name.to_owned(),
        (Tree::Text(name), None) if !name.is_empty() && is_name(&name) => name.into_owned(),
        (Tree::Null, None) => return Err(Reason::NoEventName),
        (_, None) => return Err(Reason::BadEventName),
    };
    let mut properties = match incoming.properties {
        Tree::Null => Members::default(),
        Tree::Object(properties) => properties,
        _ => return Err(Reason::PropertiesNotAnObject),
    };
    let of_batch = arrival.context.as_ref().and_then(Value::as_object);
    let context = match &incoming.context {
        Tree::Object(own) => context_columns(Some(own), of_batch),
        Tree::Null => context_columns(None, of_batch),
        _ => return Err(Reason::ContextNotAnObject),
    };
    let sent_at = match &incoming.sent_at {
        Tree::Null => arrival.sent_at.as_ref().and_then(Value::as_str),
        own => own.as_str(),
    };
    let original =
        if incoming.original_timestamp.is_null() { &incoming.timestamp } else { &incoming.original_timestamp };
    let timestamp = corrected(arrival.received_at, timestamp(original.as_str()), timestamp(sent_at));
    let received_at = formatted(arrival.received_at);
    let timestamp = if timestamp == arrival.received_at { received_at.clone() } else { formatted(timestamp) };

    let event_category = take_text(&mut properties, "event_category");
    let event_name = take_text(&mut properties, "event_name").or_else(|| match call {
        Call::Page | Call::Screen => incoming.name.as_str().filter(|name| is_name(name)).map(str::to_owned),
        _ => None,
    });
    let known = known_columns(&mut properties);
    let (properties, properties_dropped) = rest(properties);
    let body_digest = if is_own && properties_dropped.is_none() { arrival.hash.clone() } else { None };
    Ok(EventRow {
        message_id,
        event,
        event_category,
        event_name,
        anonymous_id,
        timestamp,
        received_at,
        context,
        known,
        properties,
        properties_dropped,
        body_digest,
        project: arrival.project.map(str::to_owned),
    })
}

/// What stands for an installation where only the id of a user is told, which may be a mail address: its hash by the
/// tracker's own key. The same user has the same in this tracker, and another one in every other.
fn hashed_id(user_id: &Tree<'_>, key: &str) -> Option<String> {
    let id = match user_id {
        Tree::Text(id) if !id.is_empty() => id.clone(),
        Tree::Number(id) => id.to_string().into(),
        _ => return None,
    };
    Some(format!("user-{}", &crate::hash::shake128(format!("user id\0{key}\0{id}").as_bytes())[..32]))
}

/// Whether a text can be the id of a message or of an installation: an address is none.
fn is_id(id: &str) -> bool {
    id.chars().count() <= MAX_ID_CHARS && !scrub::is_personal(id)
}

/// Whether a text can be the name of an event.
fn is_name(name: &str) -> bool {
    name.chars().count() <= MAX_NAME_CHARS && !scrub::is_personal(name)
}

/// Whether a text can be the name of a count of the client's.
fn is_count_name(name: &str) -> bool {
    name.chars().count() <= MAX_ID_CHARS && !scrub::is_forbidden_name(name)
}

/// Removes a property that is a string. One of another type, or one that must be scrubbed, stays with the other
/// properties.
fn take_text(properties: &mut Members<'_>, name: &str) -> Option<String> {
    if properties.get(name)?.as_str().is_none_or(scrub::is_personal) {
        return None;
    }
    match properties.take(name)? {
        Tree::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn known_columns(properties: &mut Members<'_>) -> KnownColumns {
    let success = properties.get("success").and_then(Tree::as_bool);
    if success.is_some() {
        properties.take("success");
    }
    let elapsed = properties.get("elapsed").and_then(Tree::as_number).and_then(Number::as_f64);
    if elapsed.is_some() {
        properties.take("elapsed");
    }
    KnownColumns {
        success,
        elapsed,
        destination_name: take_text(properties, "destination_name"),
        destination_type: take_text(properties, "destination_type"),
        destination_fingerprint: take_text(properties, "destination_fingerprint"),
        pipeline_name_hash: take_text(properties, "pipeline_name_hash"),
        dataset_name_hash: take_text(properties, "dataset_name_hash"),
        default_schema_name_hash: take_text(properties, "default_schema_name_hash"),
        requested_schema_name_hash: take_text(properties, "requested_schema_name_hash"),
        transaction_id: take_text(properties, "transaction_id"),
    }
}

/// The other properties: scalars as JSON, and the names of those that are not kept.
fn rest(properties: Members<'_>) -> (Option<String>, Option<String>) {
    let mut dropped = Vec::new();
    let is_kept = |(name, value): &(Cow<'_, str>, Tree<'_>)| {
        if value.is_null() {
            return false;
        }
        let is_dropped =
            value.is_nested() || scrub::is_forbidden_name(name) || value.as_str().is_some_and(scrub::is_personal);
        if is_dropped {
            dropped.push(if scrub::is_personal(name) { "address".to_owned() } else { name.clone().into_owned() });
        }
        !is_dropped
    };
    let kept: Members<'_> = properties.into_members().filter(is_kept).collect();
    dropped.sort_unstable();
    dropped.dedup();
    (as_text(&kept), if dropped.is_empty() { None } else { Some(dropped.join(",")) })
}

/// Members as JSON; `None` where there are none.
fn as_text(members: &Members<'_>) -> Option<String> {
    // Members of a tree always serialise.
    if members.iter().next().is_none() { None } else { serde_json::to_string(members).ok() }
}

fn context_columns(own: Option<&Members<'_>>, batch: Option<&Map<String, Value>>) -> ContextColumns {
    let member = |name: &str| match own.and_then(|own| own.get(name)) {
        Some(value) => Some(Cow::Borrowed(value)),
        None => batch.and_then(|batch| batch.get(name)).map(|value| Cow::Owned(Tree::from(value))),
    };
    let part = |name: &str| member(name).unwrap_or_default();
    let text = |part: &Tree<'_>, inner: &str, cleaned: fn(&str) -> Option<String>| {
        part.get(inner).and_then(Tree::as_str).and_then(cleaned)
    };
    let (library, os, runtime) = (part("library"), part("os"), part("runtime"));
    ContextColumns {
        library_name: text(&library, "name", scrub::context_text),
        library_version: text(&library, "version", scrub::library_version),
        os_name: text(&os, "name", scrub::context_text),
        os_version: text(&os, "version", scrub::system_version),
        python_version: part("python").as_str().and_then(scrub::system_version),
        runtime_name: text(&runtime, "name", scrub::context_text),
        runtime_version: text(&runtime, "version", scrub::system_version),
        cpu: part("cpu").as_number().and_then(Number::as_i64),
        ci_run: part("ci_run").as_bool(),
        exec_info: part("exec_info").as_list().map(|names| {
            let mut names: Vec<String> =
                names.iter().filter_map(Tree::as_str).filter_map(scrub::context_text).collect();
            names.sort_unstable();
            names.dedup();
            names.truncate(scrub::MAX_CONTEXT_MEMBERS);
            names.join(",")
        }),
        client_dropped: part("dropped").as_object().and_then(counts),
    }
}

/// What a client reports as lost, by reason: numbers only.
fn counts(members: &Members<'_>) -> Option<String> {
    let is_count = |(name, count): &&(Cow<'_, str>, Tree<'_>)| {
        count.as_number().is_some_and(Number::is_u64) && is_count_name(name)
    };
    as_text(&members.iter().filter(is_count).take(scrub::MAX_CONTEXT_MEMBERS).cloned().collect())
}

fn timestamp(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

/// When an event happened, by the tracker's clock. The sender's clock is trusted only for the time between event and
/// sending. Never later than now. An event without a timestamp, or with an impossible one, happened when it arrived.
fn corrected(received_at: Timestamp, original: Option<Timestamp>, sent_at: Option<Timestamp>) -> Timestamp {
    let Some(original) = original else { return received_at };
    let happened = match sent_at {
        Some(sent_at) => {
            let waited: SignedDuration = sent_at.duration_since(original).max(SignedDuration::ZERO);
            received_at.checked_sub(waited).unwrap_or(original)
        }
        None => original,
    };
    if happened < EARLIEST { received_at } else { happened.min(received_at) }
}

/// A timestamp as rows have it: ISO 8601, microseconds, UTC.
pub(crate) fn formatted(timestamp: Timestamp) -> String {
    format!("{timestamp:.6}")
}

#[cfg(test)]
mod tests;
