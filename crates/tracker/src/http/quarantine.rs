//! The paths of the quarantine, for `dlt tracker quarantine`. They read the tables beside the loader.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use dlt_engine::ErrorKind;
use serde::Serialize;
use tokio::sync::oneshot;

use super::App;
use super::admin::{failed, found_or_failed, is_allowed, ready_to_read, unauthorized, value};
use crate::error::{Error, in_full};
use crate::learn;
use crate::loader::{self, Question};
use crate::quarantine::{self, Replayed, Selection, Work};
use crate::store::Tables;

/// `GET /quarantine-groups.json?project=…&reason=…`
pub(crate) async fn groups(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    read(&app, &headers, move |tables| {
        // The command has read it before.
        let selection = Selection::parse(query.as_deref().unwrap_or_default()).unwrap_or_default();
        quarantine::groups(tables, &selection)
    })
    .await
}

/// `GET /quarantine-event.json?number=…`
pub(crate) async fn event(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let number = value(query.as_deref(), "number").and_then(|number| number.parse().ok()).unwrap_or(0);
    read(&app, &headers, move |tables| quarantine::one(tables, number)).await
}

/// `GET /learned-contract.json?project=…`
pub(crate) async fn learned(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    if !is_allowed(&app, &headers) {
        return unauthorized();
    }
    let project = value(query.as_deref(), "project").unwrap_or_default();
    match app.contracts.own(&project) {
        Ok(own) => read(&app, &headers, move |tables| learn::learn(tables, &project, &own)).await,
        Err(error) => failed(in_full(&error)),
    }
}

/// `POST /replay.json?project=…&reason=…`
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    if !is_allowed(&app, &headers) {
        return unauthorized();
    }
    match Selection::parse(query.as_deref().unwrap_or_default()) {
        Ok(selection) => found_or_failed(replay_all(&app, selection).await),
        Err(error) => failed(error.to_string()),
    }
}

async fn replay_all(app: &Arc<App>, selection: Selection) -> Result<Replayed, Error> {
    let work = {
        let app = Arc::clone(app);
        move || {
            let store = &*app.dashboard.store;
            Work::new(selection).run(store, &*app.journal, &app.contracts, &app.id_key, || {
                load(&app);
                Ok(())
            })
        }
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => {
            let ended = "it could not be replayed: the tracker's log says why";
            Err(Error::tables(app.dashboard.store.location(), dlt_engine::Error::new(ErrorKind::Internal, ended)))
        }
    }
}

/// Has the loader load what waits.
fn load(app: &App) {
    let (sender, tried) = oneshot::channel();
    if app.loader.ask(Question::Load(sender)) {
        // A loader that has ended answers nothing, and then nothing is loaded.
        let _ = tried.blocking_recv();
    }
}

async fn read<T: Serialize + Send + 'static>(
    app: &Arc<App>,
    headers: &HeaderMap,
    question: impl FnOnce(&mut dyn Tables) -> Result<T, dlt_engine::Error> + Send + 'static,
) -> Response<Body> {
    if let Err(refused) = ready_to_read(app, headers).await {
        return *refused;
    }
    let store = Arc::clone(&app.dashboard.store);
    match tokio::task::spawn_blocking(move || loader::ask(&*store, question)).await {
        Ok(found) => found_or_failed(found),
        Err(_) => failed("the quarantine could not be read: the tracker's log says why".to_owned()),
    }
}
