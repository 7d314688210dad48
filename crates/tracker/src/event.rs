//! One event: what is stored of it, or why it is quarantined.
//!
//! The row in the journal is the row that will be in the table. It is made here, before the sender is answered. Nothing
//! else of the event is stored.

use jiff::Timestamp;
use serde_json::Value;

use crate::contract::{Breach, Contract};
use crate::journal::{Kind, NewRecord};
use crate::outcome::Reason;
use crate::scrub;
use crate::tree::Members;

mod client_form;
pub(crate) mod columns;
mod incoming;
pub(crate) mod lists;
mod parts;
mod quarantine;
mod row;

use client_form::ClientForm;
use incoming::Incoming;
#[cfg(test)]
pub(crate) use parts::EARLIEST;
use parts::Parts;
pub(crate) use parts::user_id;
#[cfg(test)]
pub(crate) use quarantine::MAX_QUARANTINED_BYTES;
pub(crate) use quarantine::lost_row;
use quarantine::quarantine;

/// Longest id of a message or of a person's installation, in characters.
pub(crate) const MAX_ID_CHARS: usize = 100;
/// Longest name of an event, in characters.
pub(crate) const MAX_NAME_CHARS: usize = 200;

/// What a row may have more than its event, without being made longer on the way: two times, a hash, a project.
const ROW_MORE: usize = 160;

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
    /// The key by which ids of users, and names, are hashed.
    pub(crate) id_key: &'a str,
    /// The project that it belongs to; `None` for the default one.
    pub(crate) project: Option<&'a str>,
    /// What that project may send.
    pub(crate) contract: &'a Contract,
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
    let mut parts = match parts::take(incoming, is_own, arrival) {
        Ok(parts) => parts,
        Err(reason) => return quarantine(text, reason, arrival),
    };
    let declared = arrival.contract.event(&parts.event);
    parts.hash(declared, arrival.id_key);
    if let Err(breach) = arrival.contract.judge(&parts.event, &parts.properties) {
        return quarantine::undeclared(parts, &breach, text.len(), arrival.project);
    }
    // About as long as what came.
    let mut payload = Vec::with_capacity(text.len() + ROW_MORE);
    match serde_json::to_writer(&mut payload, &row::row(parts, declared, arrival.project)) {
        Ok(()) => Judged { record: NewRecord { kind: Kind::Event, payload }, reason: None },
        Err(_) => quarantine(text, Reason::Unreadable, arrival),
    }
}

/// Why an event of the quarantine stays there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stays {
    /// Its contract does not name it, still.
    Breach(Breach),
    /// It was not kept as an event that can be stored.
    Unreadable,
}

/// The row of an event that was quarantined because its contract did not name it, from what the quarantine keeps of it.
/// `key` is the one by which names are hashed.
pub(crate) fn again(payload: &str, project: Option<&str>, contract: &Contract, key: &str) -> Result<Vec<u8>, Stays> {
    let mut parts: Parts<'_> = serde_json::from_str(payload).map_err(|_| Stays::Unreadable)?;
    let declared = contract.event(&parts.event);
    parts.hash(declared, key);
    contract.judge(&parts.event, &parts.properties).map_err(Stays::Breach)?;
    serde_json::to_vec(&row::row(parts, declared, project)).map_err(|_| Stays::Unreadable)
}

/// The message id of an event that was quarantined because its contract did not name it: what [`again`] makes of it has that id.
pub(crate) fn id_of_kept(payload: &str) -> Option<String> {
    serde_json::from_str::<Parts<'_>>(payload).ok().map(|parts| parts.message_id)
}

/// Whether a text can be the id of a message or of an installation: an address is none.
pub(crate) fn is_id(id: &str) -> bool {
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

/// Members as JSON; `None` where there are none.
fn as_text(members: &Members<'_>) -> Option<String> {
    // Members of a tree always serialise.
    if members.iter().next().is_none() { None } else { serde_json::to_string(members).ok() }
}

/// A timestamp as rows have it: ISO 8601, microseconds, UTC.
pub(crate) fn formatted(timestamp: Timestamp) -> String {
    format!("{timestamp:.6}")
}

#[cfg(test)]
mod tests;
