//! The envelope of an event: id, context, timestamps.

use serde_json::{Map, Value as Json, json};

use crate::clock::{parse_timestamp, timestamp, uuid7};
use crate::context;
use crate::environment::Environment;
use crate::event::Event;
use crate::loss::Losses;

/// `,"sentAt":"…"}`: the end of every body, in which the sender sets the time.
const STAMP_BEFORE: &str = "\"sentAt\":\"";
const STAMP_LENGTH: usize = 24;
const STAMP_AFTER: &str = "\"}";
/// How far a time of sending may be off.
const FRESH_MS: u64 = 5 * 60 * 1000;

/// What the messages of one process have in common.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    members: Map<String, Json>,
    /// Whether a continuous-integration system runs the process.
    pub(crate) is_ci: bool,
    /// Whether no next run is to be expected on these files.
    pub(crate) is_container: bool,
}

/// Name and version of the host, and of what it runs on.
#[derive(Debug, Clone)]
pub(crate) struct Software {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The version of the Python that the host is loaded into, if it is.
    pub(crate) python: Option<String>,
    pub(crate) also_running_in: Vec<&'static str>,
}

impl Context {
    pub(crate) fn new(environment: &Environment, software: &Software) -> Self {
        let machine = environment.machine();
        let is_ci = context::is_ci(environment);
        let mut execution = context::execution(environment, &machine);
        let is_container = context::is_container(environment, &execution);
        for name in &software.also_running_in {
            if !execution.contains(name) {
                execution.push(name);
            }
        }
        let mut members = Map::new();
        members.insert("ci_run".to_owned(), is_ci.into());
        members.insert("cpu".to_owned(), machine.cores.into());
        members.insert("exec_info".to_owned(), execution.into());
        members.insert("library".to_owned(), json!({"name": software.name, "version": software.version}));
        members.insert("os".to_owned(), json!({"name": machine.os_name, "version": machine.os_version}));
        if let Some(version) = &software.python {
            members.insert("python".to_owned(), version.as_str().into());
        }
        members.insert("runtime".to_owned(), json!({"name": "rust", "version": env!("DLT_TELEMETRY_RUSTC")}));
        Self { members, is_ci, is_container }
    }

    fn with_losses(&self, losses: &Losses) -> Json {
        let mut members = self.members.clone();
        if !losses.is_empty() {
            members.insert("dropped".to_owned(), losses.to_json());
        }
        Json::Object(members)
    }
}

/// The request body for one event, as it is kept in the spool.
pub(crate) fn compose<E: Event>(
    event: &E,
    anonymous_id: &str,
    context: &Context,
    losses: &Losses,
    now_ms: u64,
    random: [u8; 16],
) -> String {
    let declaration = E::DECLARATION;
    let mut properties = event.properties().0;
    properties.insert("event_category".to_owned(), declaration.category.into());
    properties.insert("event_name".to_owned(), declaration.name.into());
    let now = timestamp(now_ms);
    format!(
        "{{\"anonymousId\":{},\"context\":{},\"event\":{},\"properties\":{},\"messageId\":\"{}\",\"timestamp\":\"{now}\",{STAMP_BEFORE}{now}{STAMP_AFTER}",
        Json::from(anonymous_id),
        context.with_losses(losses),
        Json::from(declaration.event()),
        Json::Object(properties),
        uuid7(now_ms, random),
    )
}

/// Whether a body ends with a time that can be set.
pub(crate) fn is_stampable(body: &str) -> bool {
    slot(body).is_some()
}

/// The body with a `sentAt` that is at most five minutes off. An older one is replaced; a newer one is kept, so that what
/// a preview has just shown is sent unchanged.
pub(crate) fn freshly_stamped(body: &str, now_ms: u64) -> String {
    let mut body = body.to_owned();
    if let Some(slot) = slot(&body) {
        let stamp = parse_timestamp(&body[slot.clone()]);
        if stamp.is_none_or(|stamp| stamp.abs_diff(now_ms) > FRESH_MS) {
            body.replace_range(slot, &timestamp(now_ms));
        }
    }
    body
}

fn slot(body: &str) -> Option<std::ops::Range<usize>> {
    let end = body.len().checked_sub(STAMP_AFTER.len())?;
    let start = end.checked_sub(STAMP_LENGTH)?;
    let formed = body.get(end..)? == STAMP_AFTER && body.get(..start)?.ends_with(STAMP_BEFORE);
    formed.then_some(start..end)
}
