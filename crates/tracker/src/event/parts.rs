//! An event taken apart: ids, name, times and context as they are stored, and the properties that may be kept.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::incoming::Incoming;
use super::{Arrival, Call, as_text, formatted, is_count_name, is_id, is_name};
use crate::contract::Event;
use crate::message_id;
use crate::outcome::Reason;
use crate::scrub;
use crate::tree::{Members, Tree};

/// An earlier timestamp comes from a clock that was never set (2000-01-01).
pub(crate) const EARLIEST: Timestamp = Timestamp::constant(946_684_800, 0);

/// An event taken apart. So is it kept where it breaks a contract: nothing of it is lost but what is never kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parts<'a> {
    pub(super) message_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) anonymous_id: Option<String>,
    pub(super) event: String,
    /// The name of a page or a screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) timestamp: String,
    pub(super) received_at: String,
    #[serde(default)]
    pub(super) context: ContextColumns,
    /// Without what is never kept, save in lists and objects.
    #[serde(default, borrow)]
    pub(super) properties: Members<'a>,
    /// The names of properties that are never kept.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) dropped: BTreeSet<String>,
    /// The hash of the request, where it has the form of the telemetry client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
}

impl Parts<'_> {
    /// Puts hashes in the place of names. The hash of the request would tell whether a name that is tried is the right one.
    pub(super) fn hash(&mut self, declared: Option<&Event>, key: &str) {
        if declared.is_some_and(|event| event.hash(&mut self.properties, key)) {
            self.digest = None;
        }
    }
}

/// What the context tells, as it is stored.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ContextColumns {
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

/// Takes an event apart.
///
/// # Errors
/// When it is no event.
pub(super) fn take<'a>(incoming: Incoming<'a>, is_own: bool, arrival: &Arrival<'_>) -> Result<Parts<'a>, Reason> {
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
    let properties = match incoming.properties {
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

    let name = match call {
        Call::Page | Call::Screen => incoming.name.as_str().filter(|name| is_name(name)).map(str::to_owned),
        _ => None,
    };
    let mut dropped = BTreeSet::new();
    let properties = kept(properties, &mut dropped);
    let digest = if is_own { arrival.hash.clone() } else { None };
    Ok(Parts { message_id, anonymous_id, event, name, timestamp, received_at, context, properties, dropped, digest })
}

/// The properties that may be kept. What is in lists and objects is not looked at.
fn kept<'a>(properties: Members<'a>, dropped: &mut BTreeSet<String>) -> Members<'a> {
    let is_kept = |(name, value): &(Cow<'a, str>, Tree<'a>)| {
        let is_forbidden = !value.is_null() && scrub::is_forbidden_member(name, value);
        if is_forbidden {
            dropped.insert(scrub::shown_name(name).to_owned());
        }
        !value.is_null() && !is_forbidden
    };
    properties.into_members().filter(is_kept).collect()
}

/// What stands for an installation where only the id of a user is told, which may be a mail address: its hash by the
/// tracker's own key. The same user has the same in this tracker, and another one in every other.
fn hashed_id(id: &Tree<'_>, key: &str) -> Option<String> {
    match id {
        Tree::Text(id) => user_id(id, key),
        Tree::Number(id) => user_id(&id.to_string(), key),
        _ => None,
    }
}

/// As [`hashed_id`], of an id as a text; `None` for an empty one.
pub(crate) fn user_id(id: &str, key: &str) -> Option<String> {
    let hash = || format!("user-{}", &crate::hash::shake128(format!("user id\0{key}\0{id}").as_bytes())[..32]);
    (!id.is_empty()).then(hash)
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

pub(super) fn timestamp(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

/// When an event happened, by the tracker's clock. The sender's clock is trusted only for the time between event and
/// sending. Never later than now. An event without a timestamp, or with an impossible one, happened when it arrived.
pub(super) fn corrected(received_at: Timestamp, original: Option<Timestamp>, sent_at: Option<Timestamp>) -> Timestamp {
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
