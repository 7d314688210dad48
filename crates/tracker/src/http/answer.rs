//! The answers to senders: status, code, and when to retry, all in one place.
//!
//! Clients of the tracking protocol differ in what they treat as final. All of them drop events at 400 with a code and a
//! message, and retry at 429. So there is no 405, 413, 415 or 401 here.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

use crate::decode::Refusal;
use crate::deletion;
use crate::holdings::Holdings;
use crate::journal::AppendError;
use crate::metrics::By;
use crate::projects;

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request is invalid: it must not be retried.
    Refused(Refusal),
    /// Its write key is refused: it must not be retried.
    KeyRefused(projects::Refusal),
    /// A deletion request is malformed or not proven.
    DeletionRefused(deletion::Refusal),
    /// Whether a deletion request is proven can't be found out now.
    Undecided,
    /// There is no such path.
    UnknownPath,
    /// The path takes another method.
    UnknownMethod,
    /// The body did not arrive in time, or the connection broke.
    Incomplete,
    /// This process takes no events.
    NotHere,
    /// Too many requests are in progress.
    Overloaded,
    /// Its sender brings too many requests.
    TooOften {
        /// By what it is told from others.
        by: By,
        /// When it may bring the next one.
        seconds: u64,
    },
    /// The journal did not take the records.
    Journal(AppendError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<projects::Refusal> for Failure {
    fn from(refusal: projects::Refusal) -> Self {
        Self::KeyRefused(refusal)
    }
}

impl From<deletion::Refusal> for Failure {
    fn from(refusal: deletion::Refusal) -> Self {
        Self::DeletionRefused(refusal)
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        Self::Journal(error)
    }
}

/// Success on the paths of the protocol.
pub(crate) fn success() -> Response<Body> {
    let mut response = Response::new(Body::from(r#"{"success":true}"#));
    json_type(&mut response);
    open_to_browsers(&mut response);
    response
}

/// What is held of an id.
pub(crate) fn holdings(held: &Holdings) -> Response<Body> {
    let mut response = success();
    *response.body_mut() = Body::from(json!({"success": true, "holdings": held}).to_string());
    response
}

/// Success of a deletion request: it is durable, and will be executed in its turn.
pub(crate) fn receipt(number: u64, requested_at: &str) -> Response<Body> {
    let mut response = success();
    let receipt = json!({"request": number, "requestedAt": requested_at});
    *response.body_mut() = Body::from(json!({"success": true, "receipt": receipt}).to_string());
    response
}

/// Success on the bare path.
pub(crate) fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    open_to_browsers(&mut response);
    response
}

/// A JSON document.
pub(crate) fn document(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    json_type(&mut response);
    response
}

/// A failure. The message names no file and no address of the tracker.
pub(crate) fn failure(failure: &Failure) -> Response<Body> {
    let (status, code, message, retry_after) = match failure {
        Failure::Refused(refusal) => (StatusCode::BAD_REQUEST, refusal.code(), refusal.to_string(), None),
        Failure::KeyRefused(refusal) => (StatusCode::BAD_REQUEST, refusal.code(), refusal.to_string(), None),
        Failure::DeletionRefused(refusal) => (StatusCode::BAD_REQUEST, refusal.code(), refusal.to_string(), None),
        Failure::Undecided => {
            let message = "the events can't be looked up now: ask again later".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message, Some(5))
        }
        Failure::UnknownPath => {
            let message = "there is no such path: send events to /v1/track, /v1/batch or /".to_owned();
            (StatusCode::BAD_REQUEST, "unknown_path", message, None)
        }
        Failure::UnknownMethod => {
            let message = "this path does not take that method: events are sent by POST".to_owned();
            (StatusCode::BAD_REQUEST, "unknown_method", message, None)
        }
        Failure::Incomplete => {
            (StatusCode::REQUEST_TIMEOUT, "incomplete", "the body did not arrive in time".to_owned(), None)
        }
        Failure::Overloaded | Failure::Journal(AppendError::Busy) => {
            let message = "too many events are under way: send them again later".to_owned();
            (StatusCode::TOO_MANY_REQUESTS, "overloaded", message, Some(1))
        }
        Failure::TooOften { seconds, .. } => {
            let message = "this sender brings too many requests: send them again later".to_owned();
            (StatusCode::TOO_MANY_REQUESTS, "rate_limited", message, Some(u32::try_from(*seconds).unwrap_or(60)))
        }
        Failure::Journal(AppendError::Full { .. }) => {
            let message = "too many events wait to be loaded: send them again later".to_owned();
            (StatusCode::TOO_MANY_REQUESTS, "overloaded", message, Some(30))
        }
        Failure::Journal(AppendError::Storage { .. }) => {
            let message = "the events can't be kept now: send them again later".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message, Some(5))
        }
        Failure::NotHere => {
            let message = "this process only loads events: send them to one that receives".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message, Some(30))
        }
        Failure::Journal(AppendError::Away { .. }) => {
            let message = "the events can't be kept just now: send them again later".to_owned();
            (StatusCode::TOO_MANY_REQUESTS, "unavailable", message, Some(2))
        }
        Failure::Journal(AppendError::Closed) => {
            let message = "the tracker is stopping: send them again later".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message, Some(1))
        }
    };
    let mut response = document(status, json!({"code": code, "message": message}).to_string());
    open_to_browsers(&mut response);
    if let Some(seconds) = retry_after {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        // Scripts of other origins do not see them otherwise.
        let shown = HeaderValue::from_static("retry-after, x-ratelimit-reset");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
        let reset = Timestamp::now().as_second().saturating_add(i64::from(seconds));
        headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    }
    response
}

fn json_type(response: &mut Response<Body>) {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

/// Pages of any origin may send events and read the answer; nothing depends on cookies.
pub(crate) fn open_to_browsers(response: &mut Response<Body>) {
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}
