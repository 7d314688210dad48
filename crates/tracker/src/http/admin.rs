//! The paths for operators.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::{App, answer};
use crate::deletion::Request;
use crate::error::Error;
use crate::event;
use crate::journal::Journal;
use crate::loader::{self, Question};
use crate::metrics;
use crate::query::pairs;
use crate::question;
use crate::retention::Retain;
use crate::secret::same;

/// How long the journal may take to show that it can be written again.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a report waits for what is not loaded yet, where that is little.
const LOAD_FIRST: Duration = Duration::from_secs(5);

/// `GET /healthz`: whether events are taken and loaded.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response<Body> {
    let journal = app.journal.status();
    let reason = if !app.loader.is_running() {
        "the loader has ended: start the tracker again"
    } else if journal.is_full && !(app.journal.is_shared() && can_write(&*app.journal).await) {
        "the journal is at its limit, because events can't be loaded"
    } else if journal.failure.is_some() && !can_write(&*app.journal).await {
        "the journal can't be written"
    } else {
        return answer::document(StatusCode::OK, json!({"status": "ok"}).to_string());
    };
    let text = json!({"status": "failing", "reason": reason}).to_string();
    answer::document(StatusCode::SERVICE_UNAVAILABLE, text)
}

/// Whether the journal can be written again after a failure. Tries it without a record: events may stay away as long as
/// the tracker is reported as failing. Of a shared one, others may have made room.
async fn can_write(journal: &dyn Journal) -> bool {
    let Ok(written) = journal.append(Vec::new()) else { return false };
    matches!(tokio::time::timeout(PROBE_TIMEOUT, written).await, Ok(Ok(Ok(_))))
}

/// `GET /metrics`: counts only, nothing of any event.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    let mut page = app.metrics.page(&app.ledger(), &app.journal.status(), &app.loader_state);
    if let Some(ends) = app.tls.as_ref().and_then(|tls| tls.ends()) {
        metrics::add_certificate(&mut page, ends);
    }
    let mut response = Response::new(Body::from(page));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// How reading the tables begins: who may not is told so, and what waits is loaded.
///
/// In most moments little waits, and then it is in the answer, too. While many come, there is always something that waits, and nobody
/// waits for it.
pub(super) async fn ready_to_read(app: &App, headers: &HeaderMap) -> Result<(), Box<Response<Body>>> {
    if !is_allowed(app, headers) {
        return Err(Box::new(unauthorized()));
    }
    load_first(app).await;
    Ok(())
}

async fn load_first(app: &App) {
    let (sender, tried) = oneshot::channel();
    let is_crowd = app.ledger().in_journal > loader::CROWD || app.loader_state.was_crowded();
    if !is_crowd && app.loader.ask(Question::Load(sender)) {
        let _ = tokio::time::timeout(LOAD_FIRST, tried).await;
    }
}

/// `POST /sql.arrow?rows=N`, for `dlt tracker sql`: a question as body, answered beside the loader with Arrow's stream.
pub(crate) async fn sql(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    request: HttpRequest,
) -> Response<Body> {
    if !is_allowed(&app, request.headers()) {
        return unauthorized();
    }
    let read = tokio::time::timeout(app.body_timeout, to_bytes(request.into_body(), question::MAX_QUESTION)).await;
    let Some(sql) = read.ok().and_then(Result::ok).and_then(|body| String::from_utf8(body.into()).ok()) else {
        let text = json!({"code": "bad_question", "message": "a question is a text of at most 256 KiB"}).to_string();
        return answer::document(StatusCode::BAD_REQUEST, text);
    };
    load_first(&app).await;
    let Ok(permit) = Arc::clone(&app.reports).try_acquire_owned() else { return overloaded() };
    let (store, rows) = (Arc::clone(&app.dashboard.store), value(query.as_deref(), "rows"));
    let rows = rows.and_then(|rows| rows.parse().ok());
    let asked = tokio::task::spawn_blocking(move || {
        // It is work for as long, also where nobody waits any more.
        let _permit = permit;
        question::answer(&*store, &sql, rows)
    });
    match asked.await {
        Ok(Ok(bytes)) => Response::new(Body::from(bytes)),
        Ok(Err(told)) => answer::document(StatusCode::BAD_REQUEST, json!(told).to_string()),
        Err(_) => failed("the question could not be answered: the tracker's log says why".to_owned()),
    }
}

/// `GET /check.json`, for `dlt tracker check`.
pub(crate) async fn check(State(app): State<Arc<App>>, headers: HeaderMap) -> Response<Body> {
    ask(&app, &headers, Question::Check).await
}

/// `POST /backup.json?folder=PATH`, for `dlt tracker backup`.
pub(crate) async fn backup(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let folder = PathBuf::from(value(query.as_deref(), "folder").unwrap_or_default());
    ask(&app, &headers, |sender| Question::Backup(folder, sender)).await
}

/// `POST /retain.json?how=preview|carefully|anyway`, for `dlt tracker retain`.
pub(crate) async fn retain(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let how = value(query.as_deref(), "how").and_then(|word| Retain::of(&word)).unwrap_or(Retain::Preview);
    ask(&app, &headers, |sender| Question::Retain(how, sender)).await
}

/// `POST /forget.json?id=ID`, for `dlt tracker forget`.
pub(crate) async fn forget(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let id = value(query.as_deref(), "id").unwrap_or_default();
    // Who may not ask is told so below, before anything is kept.
    let sequence = match Request::of(&id, event::formatted(Timestamp::now())).filter(|_| is_allowed(&app, &headers)) {
        None => 0,
        Some(request) => match keep(&*app.journal, &request).await {
            Some(sequence) => sequence,
            None => {
                let text = json!({"code": "unavailable", "message": "the journal takes no records now"}).to_string();
                return answer::document(StatusCode::SERVICE_UNAVAILABLE, text);
            }
        },
    };
    ask(&app, &headers, |sender| Question::Forgotten(sequence, sender)).await
}

/// A value of a query.
pub(super) fn value(query: Option<&str>, name: &str) -> Option<String> {
    pairs(query.unwrap_or_default()).into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Puts a request into the journal; its number when it is durable.
async fn keep(journal: &dyn Journal, request: &Request) -> Option<u64> {
    let pending = journal.append(vec![request.record()?]).ok()?;
    pending.await.ok()?.ok()
}

pub(super) fn is_allowed(app: &App, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given.and_then(|given| given.strip_prefix("Bearer ")).is_some_and(|key| same(key, &app.key))
}

pub(super) async fn ask<T: Serialize>(
    app: &App,
    headers: &HeaderMap,
    question: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Question,
) -> Response<Body> {
    if !is_allowed(app, headers) {
        return unauthorized();
    }
    let (sender, answer) = oneshot::channel();
    if !app.loader.ask(question(sender)) {
        return overloaded();
    }
    match answer.await {
        Ok(found) => found_or_failed(found),
        Err(_) => failed("the tracker is stopping".to_owned()),
    }
}

pub(super) fn found_or_failed<T: Serialize>(found: Result<T, Error>) -> Response<Body> {
    match found {
        Ok(found) => match serde_json::to_string(&found) {
            Ok(text) => answer::document(StatusCode::OK, text),
            Err(error) => failed(error.to_string()),
        },
        Err(error) => answer::document(StatusCode::SERVICE_UNAVAILABLE, error.to_json().to_string()),
    }
}

pub(super) fn unauthorized() -> Response<Body> {
    let text = json!({"code": "unauthorized", "message": "the key is in server.json in the data folder"});
    answer::document(StatusCode::UNAUTHORIZED, text.to_string())
}

pub(super) fn overloaded() -> Response<Body> {
    let text = json!({"code": "overloaded", "message": "too many ask for reports: ask again later"});
    answer::document(StatusCode::TOO_MANY_REQUESTS, text.to_string())
}

pub(super) fn failed(message: String) -> Response<Body> {
    let text = json!({"code": "unavailable", "message": message}).to_string();
    answer::document(StatusCode::SERVICE_UNAVAILABLE, text)
}
