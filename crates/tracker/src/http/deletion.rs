//! The paths of those who ask for what is held of an id: to know it, or to have it deleted.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::answer::{self, Failure};
use super::{App, collect};
use crate::decode;
use crate::deletion::{Claim, Refusal, Request as DeletionRequest};
use crate::error::in_full;
use crate::event;
use crate::holdings::{Holdings, of as held_of};
use crate::journal::AppendError;
use crate::loader::{self, Question};

/// How long a request waits for those before it.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// `POST /v1/forget`
pub(crate) async fn request(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let taken = take(&app, request).await;
    collect::count(&app, &taken);
    match taken {
        Ok(receipt) => answer::receipt(receipt.number, &receipt.requested_at),
        Err(failure) => answer::failure(&failure),
    }
}

/// `POST /v1/holdings`
pub(crate) async fn holdings(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let found = held(&app, request).await;
    collect::count(&app, &found);
    match found {
        Ok(found) => answer::holdings(&found),
        Err(failure) => answer::failure(&failure),
    }
}

async fn held(app: &App, request: Request) -> Result<Holdings, Failure> {
    let claim = proven(app, request).await?;
    let turn = turn(app).await?;
    let store = Arc::clone(&app.dashboard.store);
    let read = tokio::task::spawn_blocking(move || {
        // Until it is read, also where nobody waits any more.
        let _turn = turn;
        loader::ask(&*store, |tables| held_of(tables, &claim.anonymous_id))
    });
    match read.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => {
            tracing::warn!(error = in_full(&error), "what is held of an id could not be read");
            Err(Failure::Undecided)
        }
        Err(_) => Err(Failure::Undecided),
    }
}

struct Receipt {
    number: u64,
    requested_at: String,
}

/// Takes a request. Returns when it is durable.
async fn take(app: &App, request: Request) -> Result<Receipt, Failure> {
    let requested_at = event::formatted(Timestamp::now());
    let anonymous_id = proven(app, request).await?.anonymous_id;
    let request = DeletionRequest { anonymous_id, requested_at };
    let durable = app.journal.append(vec![request.record().ok_or(Failure::Undecided)?])?;
    match durable.await {
        Ok(Ok(number)) => Ok(Receipt { number, requested_at: request.requested_at }),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(AppendError::Closed.into()),
    }
}

/// Reads a claim, and looks whether it is proven.
async fn proven(app: &App, request: Request) -> Result<Claim, Failure> {
    let (request, mut memory) = collect::admitted(app, request).await?;
    let (encoding, body) = collect::read(app, request, &mut memory).await?;
    let claim = Claim::parse(&decode::inflate(&body, encoding.as_deref(), &app.limits)?)?;
    drop(body);
    memory.shrink_to(0);
    match is_proven(app, claim.clone()).await? {
        true => Ok(claim),
        false => Err(Refusal::Unproven.into()),
    }
}

/// One request is worked on at a time: anyone may send one.
async fn turn(app: &App) -> Result<OwnedSemaphorePermit, Failure> {
    let turn = tokio::time::timeout(MAX_WAIT, Arc::clone(&app.proof).acquire_owned()).await;
    turn.ok().and_then(Result::ok).ok_or(Failure::Overloaded)
}

/// Has the loader look up the events, after it has loaded what waits: work for its thread, which report and check need, too.
async fn is_proven(app: &App, claim: Claim) -> Result<bool, Failure> {
    let turn = turn(app).await?;
    let (sender, answer) = oneshot::channel();
    if !app.loader.ask(Question::Proof(claim, sender)) {
        return Err(Failure::Overloaded);
    }
    // A client that disconnects leaves its question in the queue, so the turn must not end with the connection.
    let looked_up = tokio::spawn(async move {
        let found = answer.await;
        drop(turn);
        found
    });
    match looked_up.await {
        Ok(Ok(Ok(is_proven))) => Ok(is_proven),
        Ok(Ok(Err(error))) => {
            tracing::warn!(error = in_full(&error), "a deletion request could not be checked");
            Err(Failure::Undecided)
        }
        Ok(Err(_)) | Err(_) => Err(AppendError::Closed.into()),
    }
}
