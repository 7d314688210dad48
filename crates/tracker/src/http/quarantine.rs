//! The paths of the quarantine, for `dlt tracker quarantine`. They read the tables beside the loader.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
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
    let unkept = |reason: String| Error::Start(std::io::Error::other(reason));
    let mut work = Work::new(selection);
    loop {
        // What an earlier page or an earlier replay brought is in the tables then, and is not replayed again.
        load(app).await;
        let store = Arc::clone(&app.dashboard.store);
        let ended = |_| unkept("the page could not be read: the tracker's log says why".to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let page = loader::ask(&*store, |tables| work.read(tables));
            page.map(|page| (page, work))
        });
        let (page, back) = read.await.map_err(ended)??;
        work = back;
        if page.is_empty() {
            return Ok(work.done());
        }
        let records = work.judge(&page, &app.contracts, &app.id_key);
        if records.is_empty() {
            continue;
        }
        let pending = app.journal.append(records).map_err(|error| unkept(error.to_string()))?;
        match pending.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(unkept(error.to_string())),
            Err(_) => return Err(unkept("the tracker is stopping".to_owned())),
        }
    }
}

/// Has the loader load what waits.
async fn load(app: &App) {
    let (sender, tried) = oneshot::channel();
    if app.loader.ask(Question::Load(sender)) {
        // A loader that has ended answers nothing, and then nothing is loaded.
        let _ = tried.await;
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
