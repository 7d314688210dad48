//! The paths that take events.
//!
//! Only the body of a request goes further: no address, no header. A key (HTTP Basic, or `writeKey` in the body) says
//! which project the events belong to, and is not kept.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Request, Response, header};
use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;

use super::answer::{self, Failure};
use super::memory::Reservation;
use super::{App, body};
use crate::decode::{self, Delivery, Refusal};
use crate::event::{self, Arrival, Call};
use crate::journal::{AppendError, NewRecord};
use crate::metrics::Metrics;

/// Most bytes of all rows of a request, as a multiple of the limit on a request.
pub(crate) const ROWS_FACTOR: usize = 4;
/// Most bytes that one byte of gzip inflates to.
const GZIP_FACTOR: usize = 1032;

/// How the events of a request are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One event, by this call.
    Single(Call),
    /// A batch.
    Batch,
    /// One event that names its own call, or a batch.
    Any,
}

impl Form {
    /// What comes to a path: `/`, `/v1/track` and the other calls, also by one letter and without the version.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path.strip_prefix('/')? {
            "" => Some(Self::Any),
            call => Self::of(call.strip_prefix("v1/").unwrap_or(call)),
        }
    }

    fn of(call: &str) -> Option<Self> {
        match call {
            "batch" | "import" | "b" => Some(Self::Batch),
            other => Call::named(other).map(Self::Single),
        }
    }
}

/// Takes the events of a request, and answers it.
pub(super) async fn answer<B>(app: &App, request: Request<B>, form: Form) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    match (take(app, request, form).await, form) {
        (Ok(()), Form::Any) => answer::no_content(),
        (Ok(()), _) => answer::success(),
        (Err(failure), _) => answer::failure(&failure),
    }
}

/// A call whose path is written in another way, with `%` for instance.
pub(crate) async fn call(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Response<Body> {
    // A name that is not UTF-8 is unknown.
    match name.ok().and_then(|Path(name)| Form::of(&name)) {
        Some(form) => self::answer(&app, request, form).await,
        None => unknown_path(State(app), request).await,
    }
}

/// Any other path.
pub(crate) async fn unknown_path(State(app): State<Arc<App>>, request: Request<Body>) -> Response<Body> {
    // Events of a client with a wrong address: it must see the answer, or it sends them again and again.
    body::discard(request.into_body(), app.body_timeout).await;
    absent(&app)
}

/// The answer for a path that is not there, where no body comes.
pub(super) fn absent(app: &App) -> Response<Body> {
    refuse(app, Failure::UnknownPath)
}

/// A method that the path does not take.
pub(crate) async fn unknown_method(State(app): State<Arc<App>>, request: Request<Body>) -> Response<Body> {
    body::discard(request.into_body(), app.body_timeout).await;
    refuse(&app, Failure::UnknownMethod)
}

fn refuse(app: &App, failure: Failure) -> Response<Body> {
    let response = answer::failure(&failure);
    count::<()>(app, &Err(failure));
    response
}

/// What a browser asks before it sends events from a page of another origin.
pub(crate) async fn preflight() -> Response<Body> {
    let mut response = answer::no_content();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    // Any, for none is kept: Segment's library adds one when it sends again, and a browser that may not send it drops the
    // events. The key's is not among "any".
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*, authorization"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// Takes the events of a request; returns when they are durable.
pub(super) async fn take<B>(app: &App, request: Request<B>, form: Form) -> Result<(), Failure>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let taken = take_uncounted(app, request, form).await;
    count(app, &taken);
    taken
}

/// Counts how a request ended.
pub(super) fn count<T>(app: &App, taken: &Result<T, Failure>) {
    let metrics = &app.metrics;
    if let Err(Failure::KeyRefused(refusal)) = taken {
        metrics.count_refused_key(*refusal);
    }
    if let Err(Failure::TooOften { by, .. }) = taken {
        metrics.count_rate_limited(*by);
    }
    Metrics::count(match taken {
        Ok(_) => &metrics.accepted,
        Err(
            Failure::Overloaded
            | Failure::TooOften { .. }
            | Failure::Journal(AppendError::Busy | AppendError::Full { .. } | AppendError::Away { .. }),
        ) => &metrics.overloaded,
        Err(
            Failure::Journal(AppendError::Storage { .. } | AppendError::Closed) | Failure::Undecided | Failure::NotHere,
        ) => &metrics.failed,
        Err(
            Failure::Refused(_)
            | Failure::KeyRefused(_)
            | Failure::DeletionRefused(_)
            | Failure::UnknownPath
            | Failure::UnknownMethod
            | Failure::Incomplete,
        ) => &metrics.refused,
    });
}

async fn take_uncounted<B>(app: &App, request: Request<B>, form: Form) -> Result<(), Failure>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (request, mut memory) = admitted(app, request).await?;
    let basic = basic_user(request.headers());
    let (encoding, body) = read(app, request, &mut memory).await?;
    let received_at = Timestamp::now();
    let mut row_bytes = 0;
    let (records, reasons) = {
        let body = decode::inflate(&body, encoding.as_deref(), &app.limits)?;
        let (delivery, call) = unwrap(&body, form, app)?;
        // A batch can hold events of several senders, so its body proves nothing; nor does one without what the telemetry
        // client always says.
        let may_prove = !delivery.is_batch && memchr::memmem::find(&body, b"\"sentAt\"").is_some();
        let hash = may_prove.then(|| crate::hash::shake128(&body));
        let basic = basic.as_deref();
        let other = delivery.write_key.as_deref().filter(|key| basic != Some(key));
        let keys = [basic, other].into_iter().flatten().filter(|key| !key.is_empty());
        let found = app.projects.of(keys.clone());
        match &found {
            Ok(Some((key, _))) => app.rates.take_key(key)?,
            // None counts, so each does: another beside it would make it a new one.
            _ => keys.into_iter().try_for_each(|key| app.rates.take_key(key))?,
        }
        let project = found?.map(|(_, project)| project);
        let contract = app.contracts.of(project.as_deref());
        let arrival = Arrival {
            received_at,
            call,
            context: delivery.context,
            sent_at: delivery.sent_at,
            max_event_bytes: app.limits.event_bytes,
            hash,
            id_key: &app.id_key,
            project: project.as_deref(),
            contract: &contract,
        };
        let mut records = Vec::with_capacity(delivery.events.len());
        let mut reasons = Vec::new();
        // Each event of a batch gets the batch's context, so a short batch can make long rows.
        let limit = app.limits.request_bytes.saturating_mul(ROWS_FACTOR);
        for event in delivery.events {
            let judged = event::judge(event.get(), &arrival);
            let bytes = size_of::<NewRecord>() + judged.record.payload.capacity();
            memory.take(bytes)?;
            row_bytes += bytes;
            if row_bytes > limit {
                return Err(Refusal::TooMuch { limit }.into());
            }
            reasons.extend(judged.reason);
            records.push(judged.record);
        }
        (records, reasons)
    };
    drop(body);
    memory.shrink_to(row_bytes);
    if records.is_empty() {
        return Ok(());
    }
    let durable = app.journal.append(records)?;
    match durable.await {
        Ok(Ok(_)) => {
            reasons.into_iter().for_each(|reason| app.metrics.count_quarantined(reason));
            Ok(())
        }
        Ok(Err(error)) => Err(error.into()),
        // The writer is gone.
        Err(_) => Err(AppendError::Closed.into()),
    }
}

/// A request that may be read, with the memory for it.
///
/// # Errors
/// When this process takes none, or there are too many. Its body is discarded then, so that the sender sees the answer.
pub(super) async fn admitted<B>(app: &App, request: Request<B>) -> Result<(Request<B>, Reservation<'_>), Failure>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    match admit(app, &request) {
        Ok(memory) => Ok((request, memory)),
        Err(failure) => {
            body::discard(request.into_body(), app.body_timeout).await;
            Err(failure)
        }
    }
}

fn admit<'a, B>(app: &'a App, request: &Request<B>) -> Result<Reservation<'a>, Failure> {
    if !app.receives {
        return Err(Failure::NotHere);
    }
    let memory = Reservation::begin(&app.memory)?;
    app.rates.take_address(request.extensions().get().copied(), request.headers())?;
    Ok(memory)
}

/// The user of HTTP Basic, which is the key of clients of the protocol; some send no colon after it.
fn basic_user(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = given.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD_FORGIVING.decode(encoded.trim()).ok()?).ok()?;
    Some(text.split_once(':').map_or(text.as_str(), |(user, _)| user).to_owned())
}

/// Base64 with or without the signs that fill it up.
const STANDARD_FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads the body of a request. Returns its encoding too. Takes memory also for what the body inflates to.
pub(super) async fn read<B>(
    app: &App,
    request: Request<B>,
    memory: &mut Reservation<'_>,
) -> Result<(Option<String>, Bytes), Failure>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (parts, body) = request.into_parts();
    let encoding = parts.headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").to_owned());
    drop(parts);
    let body = body::read(body, app.limits.request_bytes, app.body_timeout, memory).await?;
    if encoding.is_some() {
        // Held only until the body is decoded, which does not wait for anything.
        memory.take(body.len().saturating_mul(GZIP_FACTOR).min(app.limits.request_bytes))?;
    }
    Ok((encoding, body))
}

fn unwrap<'a>(body: &'a [u8], form: Form, app: &App) -> Result<(Delivery<'a>, Option<Call>), Failure> {
    Ok(match form {
        Form::Single(call) => (decode::single(body)?, Some(call)),
        Form::Batch => (decode::batch(body, &app.limits)?, None),
        Form::Any => match memchr::memmem::find(body, b"\"batch\"").map(|_| decode::batch(body, &app.limits)) {
            Some(Err(Refusal::NoBatch)) | None => (decode::single(body)?, None),
            Some(batch) => (batch?, None),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_by_their_paths() {
        for (path, form) in [
            ("/", Some(Form::Any)),
            ("/v1/track", Some(Form::Single(Call::Track))),
            ("/t", Some(Form::Single(Call::Track))),
            ("/v1/b", Some(Form::Batch)),
            ("/import", Some(Form::Batch)),
            ("/v1/", None),
            ("/v1", None),
            ("/v1/v1/track", None),
            ("/v1/forget", None),
            ("/login", None),
            // The router decides what is written in another way.
            ("/v1/tr%61ck", None),
            ("/v1/track/", None),
            ("*", None),
        ] {
            assert_eq!(Form::at(path), form, "{path}");
        }
    }
}
