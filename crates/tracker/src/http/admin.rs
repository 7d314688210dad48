//! The paths for operators.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::{App, answer};
use crate::dashboard::same;
use crate::error::{Error, in_full};
use crate::journal::Journal;
use crate::loader::Question;

/// How long the journal may take to show that it can be written again.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// `GET /healthz`: whether events are taken and loaded.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response<Body> {
    let journal = app.journal.status();
    let reason = if !app.loader.is_running() {
        "the loader has ended: start the tracker again"
    } else if journal.is_full {
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
/// the tracker is reported as failing.
async fn can_write(journal: &dyn Journal) -> bool {
    let Ok(written) = journal.append(Vec::new()) else { return false };
    matches!(tokio::time::timeout(PROBE_TIMEOUT, written).await, Ok(Ok(Ok(_))))
}

/// `GET /metrics`: counts only, nothing of any event.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    let page = app.metrics.page(&app.ledger(), &app.journal.status(), &app.loader_state);
    let mut response = Response::new(Body::from(page));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// `GET /report.json`, for `dlt tracker report`.
pub(crate) async fn report(State(app): State<Arc<App>>, headers: HeaderMap) -> Response<Body> {
    ask(&app, &headers, Question::Report).await
}

/// `GET /check.json`, for `dlt tracker check`.
pub(crate) async fn check(State(app): State<Arc<App>>, headers: HeaderMap) -> Response<Body> {
    ask(&app, &headers, Question::Check).await
}

async fn ask<T: Serialize>(
    app: &App,
    headers: &HeaderMap,
    question: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Question,
) -> Response<Body> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !given.and_then(|given| given.strip_prefix("Bearer ")).is_some_and(|key| same(key, &app.key)) {
        let text = json!({"code": "unauthorized", "message": "the key is in server.json in the data folder"});
        return answer::document(StatusCode::UNAUTHORIZED, text.to_string());
    }
    let (sender, answer) = oneshot::channel();
    if !app.loader.ask(question(sender)) {
        let text = json!({"code": "overloaded", "message": "too many ask for reports: ask again later"});
        return answer::document(StatusCode::TOO_MANY_REQUESTS, text.to_string());
    }
    let failed = |message: String| {
        let text = json!({"code": "unavailable", "message": message}).to_string();
        answer::document(StatusCode::SERVICE_UNAVAILABLE, text)
    };
    match answer.await {
        Ok(Ok(found)) => match serde_json::to_string(&found) {
            Ok(text) => answer::document(StatusCode::OK, text),
            Err(error) => failed(error.to_string()),
        },
        Ok(Err(error)) => failed(in_full(&error)),
        Err(_) => failed("the tracker is stopping".to_owned()),
    }
}
