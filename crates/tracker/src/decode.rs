//! From the bytes of a request to events: bounded inflating, JSON, one event or a batch.
//!
//! A request that can't be read is refused as a whole. A request that can be split into events is accepted, and an
//! invalid event is quarantined alone (see [`crate::event`]).

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;
use std::str::Utf8Error;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Limits on what is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request, as sent and after inflating. Clients send batches of at most 480 KB.
    pub request_bytes: usize,
    /// Bytes of one event as JSON; a larger one is quarantined.
    pub event_bytes: usize,
    /// Events of one batch.
    pub batch_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { request_bytes: 500 * 1024, event_bytes: 32 * 1024, batch_events: 2500 }
    }
}

/// Why a request is refused for good: sending it again would not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Longer than allowed, as sent or inflated.
    #[error("the request is longer than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// What is to be stored of its events is longer than allowed.
    #[error("what is to be stored of its events is longer than {limit} bytes: send fewer at once")]
    TooMuch {
        /// The limit.
        limit: usize,
    },
    /// `Content-Encoding` names something else than gzip.
    #[error("the content encoding {encoding:?} is not known: send gzip or nothing")]
    Encoding {
        /// What was named.
        encoding: String,
    },
    /// Said to be gzip, and is not, or ends early.
    #[error("the body can't be inflated: {reason}")]
    Gzip {
        /// What the decoder said.
        reason: String,
    },
    /// Not JSON.
    #[error("the body is not JSON: {reason}")]
    Json {
        /// What the parser said: line and column, never contents.
        reason: String,
    },
    /// JSON, but no object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// A batch without its list.
    #[error("a batch needs a list of events named \"batch\"")]
    NoBatch,
    /// More events than allowed.
    #[error("the batch has {count} events, {limit} are allowed")]
    TooMany {
        /// Events in it.
        count: usize,
        /// The limit.
        limit: usize,
    },
}

impl Refusal {
    /// A stable word for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::TooMuch { .. } => "too_large",
            Self::Encoding { .. } => "unknown_encoding",
            Self::Gzip { .. } => "invalid_gzip",
            Self::Json { .. } => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::NoBatch => "no_batch",
            Self::TooMany { .. } => "too_many_events",
        }
    }
}

/// What came in one request, still in its own words.
#[derive(Debug)]
pub(crate) struct Delivery<'a> {
    /// Its events, each a JSON value.
    pub(crate) events: Vec<&'a RawValue>,
    /// Whether it came as a batch.
    pub(crate) is_batch: bool,
    /// What a batch says about all its events.
    pub(crate) context: Option<Value>,
    /// When the sender's clock said that it sent this.
    pub(crate) sent_at: Option<Value>,
    /// The key that a batch names.
    pub(crate) write_key: Option<String>,
}

/// Inflates a body where its encoding says so.
pub(crate) fn inflate<'a>(body: &'a [u8], encoding: Option<&str>, limits: &Limits) -> Result<Cow<'a, [u8]>, Refusal> {
    let limit = limits.request_bytes;
    if body.len() > limit {
        return Err(Refusal::TooLarge { limit });
    }
    match encoding.map(str::trim) {
        None | Some("" | "identity") => Ok(Cow::Borrowed(body)),
        Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
            let mut inflated = Vec::with_capacity(limit.min(body.len().saturating_mul(4)));
            // One byte more than allowed tells a body at the limit from one above it.
            let decoder = flate2::read::MultiGzDecoder::new(body);
            decoder
                .take(limit as u64 + 1)
                .read_to_end(&mut inflated)
                .map_err(|error| Refusal::Gzip { reason: error.to_string() })?;
            if inflated.len() > limit { Err(Refusal::TooLarge { limit }) } else { Ok(Cow::Owned(inflated)) }
        }
        Some(other) => Err(Refusal::Encoding { encoding: other.chars().take(40).collect() }),
    }
}

/// Takes a single event.
pub(crate) fn single(body: &[u8]) -> Result<Delivery<'_>, Refusal> {
    let event: &RawValue = serde_json::from_str(text(body)?).map_err(|error| not_json(&error))?;
    if !event.get().starts_with('{') {
        return Err(Refusal::NotAnObject);
    }
    Ok(Delivery { events: vec![event], is_batch: false, context: None, sent_at: None, write_key: write_key(event) })
}

/// The key that an event names. Most name none, and are not looked through for it.
fn write_key(event: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "writeKey")]
        write_key: Option<Value>,
    }
    memchr::memmem::find(event.get().as_bytes(), b"\"writeKey\"")?;
    serde_json::from_str::<Named>(event.get()).ok()?.write_key.and_then(text_of)
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[derive(Deserialize)]
struct BatchBody<'a> {
    #[serde(borrow)]
    batch: Option<Listed<'a>>,
    context: Option<Value>,
    #[serde(rename = "sentAt")]
    sent_at: Option<Value>,
    #[serde(rename = "writeKey")]
    write_key: Option<Value>,
}

/// What a batch has in the place of its events.
enum Listed<'a> {
    Events(Vec<&'a RawValue>),
    NoList,
}

impl<'de: 'a, 'a> Deserialize<'de> for Listed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// Takes a list apart on the one pass that also finds whether all of it is JSON.
struct ListVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ListVisitor<'a> {
    type Value = Listed<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Listed<'a>, A::Error> {
        let mut events = Vec::new();
        while let Some(event) = list.next_element::<&'de RawValue>()? {
            events.push(event);
        }
        Ok(Listed::Events(events))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Listed<'a>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Listed::NoList)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Listed<'a>, E> {
        Ok(Listed::NoList)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Listed<'a>, E> {
        Ok(Listed::NoList)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Listed<'a>, E> {
        Ok(Listed::NoList)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Listed<'a>, E> {
        Ok(Listed::NoList)
    }

    fn visit_str<E>(self, _: &str) -> Result<Listed<'a>, E> {
        Ok(Listed::NoList)
    }
}

/// Takes a batch apart, without looking into its events.
pub(crate) fn batch<'a>(body: &'a [u8], limits: &Limits) -> Result<Delivery<'a>, Refusal> {
    let body = text(body)?;
    if !body.trim_start().starts_with('{') {
        let whole: Result<&RawValue, _> = serde_json::from_str(body);
        return Err(whole.map_or_else(|error| not_json(&error), |_| Refusal::NotAnObject));
    }
    let parts: BatchBody<'a> = serde_json::from_str(body).map_err(|error| not_json(&error))?;
    let Some(Listed::Events(events)) = parts.batch else { return Err(Refusal::NoBatch) };
    if events.len() > limits.batch_events {
        return Err(Refusal::TooMany { count: events.len(), limit: limits.batch_events });
    }
    let write_key = parts.write_key.and_then(text_of);
    Ok(Delivery { events, is_batch: true, context: parts.context, sent_at: parts.sent_at, write_key })
}

/// All of a body as text, looked through once.
fn text(body: &[u8]) -> Result<&str, Refusal> {
    let no_text = |error: Utf8Error| Refusal::Json { reason: format!("no UTF-8 from byte {} on", error.valid_up_to()) };
    std::str::from_utf8(body).map_err(no_text)
}

fn not_json(error: &serde_json::Error) -> Refusal {
    Refusal::Json { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_bomb_is_refused_at_the_limit() {
        let limits = Limits { request_bytes: 10_000, ..Limits::default() };
        let bomb = gzip(&vec![b' '; 50 << 20]);
        assert_eq!(inflate(&bomb[..9_999], Some("gzip"), &limits), Err(Refusal::TooLarge { limit: 10_000 }));
        assert_eq!(inflate(&gzip(&[b'x'; 10_000]), Some("gzip"), &limits).unwrap().len(), 10_000);
        assert_eq!(inflate(&gzip(&[b'x'; 10_001]), Some("gzip"), &limits), Err(Refusal::TooLarge { limit: 10_000 }));
    }

    #[test]
    fn encodings_are_named_in_any_case_and_unknown_ones_refused() {
        let limits = Limits::default();
        assert_eq!(&*inflate(&gzip(b"{}"), Some("GZIP"), &limits).unwrap(), b"{}");
        assert_eq!(&*inflate(b"{}", Some("identity"), &limits).unwrap(), b"{}");
        assert_eq!(inflate(b"{}", Some("br"), &limits).unwrap_err().code(), "unknown_encoding");
        assert_eq!(inflate(b"{}", Some("gzip"), &limits).unwrap_err().code(), "invalid_gzip");
        let whole = gzip(b"{\"event\":\"cut short\"}");
        assert_eq!(inflate(&whole[..whole.len() - 9], Some("gzip"), &limits).unwrap_err().code(), "invalid_gzip");
    }

    #[test]
    fn a_batch_is_taken_apart_even_when_an_event_is_nonsense() {
        let body =
            br#"{"writeKey":"k","sentAt":"now","context":{"os":1},"batch":[{"event":"a"}, 7, {"event":"\ud800"}]}"#;
        let delivery = batch(body, &Limits::default()).unwrap();
        assert_eq!(
            delivery.events.iter().map(|event| event.get()).collect::<Vec<_>>(),
            [r#"{"event":"a"}"#, "7", r#"{"event":"\ud800"}"#]
        );
        assert!(delivery.context.is_some() && delivery.sent_at.is_some());
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let limits = Limits { batch_events: 2, ..Limits::default() };
        let code = |body: &str| batch(body.as_bytes(), &limits).map(|_| ()).unwrap_err().code();
        assert_eq!(code("{}"), "no_batch");
        assert_eq!(code(r#"{"batch":{}}"#), "no_batch");
        assert_eq!(code("[]"), "not_an_object");
        assert_eq!(code(r#"{"batch":["#), "invalid_json");
        assert_eq!(code(r#"{"batch":[1,2,3]}"#), "too_many_events");
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let code = |body: &[u8]| single(body).map(|_| ()).unwrap_err().code();
        assert_eq!(code(b""), "invalid_json");
        assert_eq!(code(b"{\"event\":"), "invalid_json");
        assert_eq!(code(b"\"event\""), "not_an_object");
        assert_eq!(code(b"{\"event\":\"\xff\"}"), "invalid_json");
        // Deeply nested JSON is JSON; it neither overflows the stack nor fails the request.
        let deep = format!("{{\"event\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(single(deep.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..400), encoding in prop::option::of("gzip|br|")) {
            let limits = Limits::default();
            if let Ok(body) = inflate(&body, encoding.as_deref(), &limits) {
                drop(single(&body));
                drop(batch(&body, &limits));
            }
        }
    }
}
