//! The path by which people are forgotten.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, header};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::answer::{self, Failure};
use super::{App, body, collect};
use crate::decode;
use crate::error::in_full;
use crate::event;
use crate::forget::{self, Claim, Refusal};
use crate::journal::{AppendError, Kind, NewRecord};
use crate::loader::Question;

/// `POST /v1/forget`
pub(crate) async fn forget(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let taken = take(&app, request).await;
    collect::count(&app, &taken);
    match taken {
        Ok(receipt) => answer::receipt(receipt.number, &receipt.requested_at),
        Err(failure) => answer::failure(&failure),
    }
}

struct Receipt {
    number: u64,
    requested_at: String,
}

/// Takes a request; returns when it is durable.
async fn take(app: &App, request: Request) -> Result<Receipt, Failure> {
    let (parts, body) = request.into_parts();
    let encoding = parts.headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").to_owned());
    let _memory = collect::reserve(app, &parts.headers, encoding.is_some())?;
    drop(parts);
    let body = body::read(body, app.limits.request_bytes, app.body_timeout).await?;
    let claim = Claim::parse(&decode::inflate(&body, encoding.as_deref(), &app.limits)?)?;
    drop(body);
    let requested_at = event::written(Timestamp::now());
    let anonymous_id = claim.anonymous_id.clone();
    if !is_proven(app, claim).await? {
        return Err(Refusal::Unproven.into());
    }
    let request = forget::Request { anonymous_id, requested_at };
    let payload = serde_json::to_vec(&request).map_err(|_| Failure::Undecided)?;
    let durable = app.journal.append(vec![NewRecord { kind: Kind::Forget, payload }])?;
    match durable.await {
        Ok(Ok(number)) => Ok(Receipt { number, requested_at: request.requested_at }),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(AppendError::Closed.into()),
    }
}

/// Has the loader look the events up, after it has loaded what waits.
async fn is_proven(app: &App, claim: Claim) -> Result<bool, Failure> {
    let (sender, answer) = oneshot::channel();
    if !app.loader.ask(Question::Proof(claim, sender)) {
        return Err(Failure::Overloaded);
    }
    match answer.await {
        Ok(Ok(is_proven)) => Ok(is_proven),
        Ok(Err(error)) => {
            tracing::warn!(error = in_full(&error), "a request to be forgotten could not be looked into");
            Err(Failure::Undecided)
        }
        Err(_) => Err(AppendError::Closed.into()),
    }
}
