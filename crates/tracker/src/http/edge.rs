//! The paths of objects of the edge, for `dlt tracker load --from`. The loader takes them.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::oneshot;

use super::admin::{ask, is_allowed, unauthorized};
use super::{App, answer};
use crate::error::Error;
use crate::loader::Question;

/// Most bytes that are taken at a time: of a group of objects, or one large object, with what JSON adds.
const MAX_BYTES: usize = 256 << 20;

/// `POST /edge-objects.json`: which of these objects were taken before.
pub(crate) async fn objects(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    of_body(&app, request, Question::TakenBefore).await
}

/// `POST /edge-take.json`: takes a group of objects.
pub(crate) async fn take(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    of_body(&app, request, Question::Take).await
}

async fn of_body<B: DeserializeOwned, T: Serialize>(
    app: &App,
    request: Request,
    question: impl FnOnce(B, oneshot::Sender<Result<T, Error>>) -> Question,
) -> Response<Body> {
    // Who may not ask sends nothing.
    if !is_allowed(app, request.headers()) {
        return unauthorized();
    }
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(app.body_timeout, to_bytes(body, MAX_BYTES)).await;
    let body = read.ok().and_then(Result::ok).and_then(|body| serde_json::from_slice(&body).ok());
    match body {
        Some(body) => ask(app, &parts.headers, |sender| question(body, sender)).await,
        None => {
            let text = json!({"code": "bad_objects", "message": "the objects did not arrive, or are none"});
            answer::document(StatusCode::BAD_REQUEST, text.to_string())
        }
    }
}
