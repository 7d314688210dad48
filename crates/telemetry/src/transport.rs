//! How a request leaves the machine, and what its answer means.

use std::fmt;
use std::time::Duration;

use serde_json::Value as Json;

use crate::receipt::Outcome;

/// One request, ready to be sent.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Request<'a> {
    /// The address.
    pub url: &'a str,
    /// The value of `User-Agent`.
    pub user_agent: &'a str,
    /// The value of `Authorization`, where a write key is set.
    pub authorization: Option<&'a str>,
    /// JSON.
    pub body: &'a [u8],
    /// The whole of it, from the name's resolution to the answer's last byte, takes no longer than this.
    pub timeout: Duration,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        url: &'a str,
        user_agent: &'a str,
        authorization: Option<&'a str>,
        body: &'a [u8],
        timeout: Duration,
    ) -> Self {
        Self { url, user_agent, authorization, body, timeout }
    }
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Retry-After`, as it was sent.
    pub retry_after: Option<String>,
    /// The body's beginning: 64 KiB are more than enough.
    pub body: Vec<u8>,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError(pub String);

impl fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for TransportError {}

/// Sends requests. Called by one thread at a time, once for each attempt; must not follow redirects, must not retry,
/// and must return within the request's timeout.
pub trait Transport: Send + Sync {
    /// Posts the request and waits for its answer.
    ///
    /// # Errors
    /// If no complete HTTP answer arrived in time.
    fn post(&self, request: &Request<'_>) -> Result<Answer, TransportError>;
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) outcome: Outcome,
    /// How long the tracker asks to wait.
    pub(crate) pause: Option<Duration>,
    pub(crate) note: String,
}

/// 204 acknowledges the event, and so does a 200 whose JSON has `"success": true`. Too early, too many and the server's
/// own faults are retried; so are a redirect, which is not followed, and a wrong address or key, which the user can
/// correct. Any other 4xx refuses this event.
pub(crate) fn judge(answer: &Answer) -> Judgement {
    let (outcome, note) = match answer.status {
        204 => (Outcome::Sent, String::new()),
        200..=203 => match success(&answer.body) {
            Some(true) => (Outcome::Sent, String::new()),
            Some(false) => (Outcome::Refused, "the tracker says `success: false`".to_owned()),
            None => (Outcome::Unconfirmed, "the answer does not say whether the event was taken".to_owned()),
        },
        300..=399 => (Outcome::Kept, "a redirect, which is not followed".to_owned()),
        408 | 425 | 429 | 500..=599 => (Outcome::Kept, "the tracker asks for a later try".to_owned()),
        401 | 403 | 404 | 405 | 407 => (Outcome::Kept, "the address or the write key is wrong".to_owned()),
        400..=499 => (Outcome::Refused, "the tracker refuses it".to_owned()),
        _ => (Outcome::Kept, "not an answer to a POST".to_owned()),
    };
    let pause = answer.retry_after.as_deref().filter(|_| outcome == Outcome::Kept).and_then(seconds);
    Judgement { outcome, pause, note }
}

fn success(body: &[u8]) -> Option<bool> {
    let parsed: Json = serde_json::from_slice(body).ok()?;
    parsed.get("success")?.as_bool()
}

/// The seconds of `Retry-After`. A date, which the header may hold instead, is ignored.
fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Outcome {
        judge(&Answer { status, retry_after: None, body: body.as_bytes().to_vec() }).outcome
    }

    #[test]
    fn yes_no_and_later() {
        assert_eq!(of(204, ""), Outcome::Sent);
        assert_eq!(of(200, "{\"success\": true}"), Outcome::Sent);
        assert_eq!(of(202, "{\"success\": true}"), Outcome::Sent);
        assert_eq!(of(200, "{\"success\": false}"), Outcome::Refused);
        for body in ["", "ok", "<html>", "[]", "{\"success\": 1}", "{\"success\":"] {
            assert_eq!(of(200, body), Outcome::Unconfirmed, "{body}");
        }
        for status in [400, 410, 413, 415, 422] {
            assert_eq!(of(status, "{\"success\": true}"), Outcome::Refused, "{status}");
        }
        for status in [100, 301, 302, 307, 308, 401, 403, 404, 405, 407, 408, 425, 429, 500, 502, 503, 504, 599, 600] {
            assert_eq!(of(status, ""), Outcome::Kept, "{status}");
        }
    }

    #[test]
    fn retry_after_in_seconds() {
        let pause =
            |status, text: &str| judge(&Answer { status, retry_after: Some(text.to_owned()), body: vec![] }).pause;
        assert_eq!(pause(429, "120"), Some(Duration::from_secs(120)));
        assert_eq!(pause(503, " 7 "), Some(Duration::from_secs(7)));
        assert_eq!(pause(429, "Fri, 31 Dec 2027 23:59:59 GMT"), None);
        assert_eq!(pause(429, "-1"), None);
        assert_eq!(pause(400, "120"), None);
    }
}
