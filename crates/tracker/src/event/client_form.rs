//! The form of the telemetry client's own requests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::is_count_name;
use crate::scrub;

/// A request as the telemetry client makes it: these members and no others, with nothing in them to scrub but the later
/// numbers of a version.
///
/// The hash is kept only of such a request: with it the sender can prove later that it sent the event. The hash of any
/// other request would allow guesses at what was scrubbed, such as an address.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only the presence of these members matters")]
pub(super) struct ClientForm {
    anonymous_id: String,
    context: ClientContext,
    event: String,
    properties: IgnoredAny,
    message_id: String,
    timestamp: String,
    sent_at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientContext {
    #[serde(default, rename = "ci_run")]
    _ci_run: bool,
    #[serde(default, rename = "cpu")]
    _cpu: i64,
    #[serde(default)]
    exec_info: Vec<String>,
    #[serde(default)]
    library: ClientPart,
    #[serde(default)]
    os: ClientPart,
    #[serde(default)]
    runtime: ClientPart,
    #[serde(default)]
    python: String,
    #[serde(default)]
    dropped: BTreeMap<String, u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientPart {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

impl ClientForm {
    /// Whether an event has this form.
    pub(super) fn fits(text: &str) -> bool {
        serde_json::from_str::<Self>(text).is_ok_and(|form| {
            let are_times = [form.timestamp, form.sent_at].iter().all(|time| time.parse::<Timestamp>().is_ok());
            are_times && form.context.is_kept()
        })
    }
}

impl ClientContext {
    /// Whether all its texts are kept.
    fn is_kept(&self) -> bool {
        let parts = [&self.library, &self.os, &self.runtime];
        let texts = parts.into_iter().flat_map(|part| [&part.name, &part.version]);
        let mut texts = texts.chain([&self.python]).chain(&self.exec_info);
        texts.all(|text| scrub::context_text(text).as_ref() == Some(text))
            && self.exec_info.len() <= scrub::MAX_CONTEXT_MEMBERS
            && self.dropped.len() <= scrub::MAX_CONTEXT_MEMBERS
            && self.dropped.keys().all(|name| is_count_name(name))
    }
}
