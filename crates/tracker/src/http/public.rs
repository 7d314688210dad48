//! The pages that everybody may see. Each is read once a day: it does not change before the next.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use dlt_engine::destination::Access;
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::App;
use super::dashboard::{For, respond, shown, unavailable};
use crate::dashboard::{self, InPublic, Page, Public, public};
use crate::store::Store;

/// How long a browser may keep a page.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=600");

/// By project, with the day on which it was read.
type Read = HashMap<String, (i64, Arc<Page>)>;

/// The pages, and what they show today.
#[derive(Debug)]
pub(crate) struct PublicPages {
    settings: Public,
    /// Whoever reads one lets the others wait.
    read: Arc<Mutex<Read>>,
}

impl PublicPages {
    pub(crate) fn new(settings: Public) -> Self {
        Self { settings, read: Arc::default() }
    }
}

/// `GET /public`
pub(crate) async fn first(State(app): State<Arc<App>>) -> Response<Body> {
    show(&app, None, false).await
}

/// `GET /public.json`
pub(crate) async fn first_json(State(app): State<Arc<App>>) -> Response<Body> {
    show(&app, None, true).await
}

/// `GET /public/web`, `GET /public/web.json`
pub(crate) async fn of_project(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
) -> Response<Body> {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    let (project, is_json) = name.strip_suffix(".json").map_or((name.as_str(), false), |project| (project, true));
    show(&app, Some(project), is_json).await
}

async fn show(app: &Arc<App>, project: Option<&str>, is_json: bool) -> Response<Body> {
    let Public { projects, least_ids } = &app.public.settings;
    let known = projects.iter().find(|known| project.is_none_or(|project| project == known.as_str()));
    let whom = if is_json { For::Programs } else { For::People };
    let Some(project) = known else {
        // Whether there is such a project or not.
        let text = "No project has a public page by this name.";
        return *whom.told((StatusCode::NOT_FOUND, "not_found"), "Not here", text);
    };
    let page = match page(app, project, *least_ids, whom).await {
        Ok(page) => page,
        Err(refused) => return *refused,
    };
    let around = InPublic { project, projects, least: *least_ids };
    let mut response = match is_json {
        true => respond(StatusCode::OK, "application/json", dashboard::public_json(&page, &around)),
        false => shown(StatusCode::OK, &dashboard::public_html(&page, &around)),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, KEPT);
    response
}

async fn page(app: &App, project: &str, least: u64, whom: For) -> Result<Arc<Page>, Box<Response<Body>>> {
    let mut held = Arc::clone(&app.public.read).lock_owned().await;
    let now = Timestamp::now();
    let today = now.as_second().div_euclid(86_400);
    if let Some((_, page)) = held.get(project).filter(|(day, _)| *day == today) {
        return Ok(Arc::clone(page));
    }
    let (store, name) = (Arc::clone(&app.dashboard.store), project.to_owned());
    // Whoever hangs up meanwhile lets nobody read it again.
    let read = tokio::task::spawn_blocking(move || {
        let page = Arc::new(read(&*store, &name, least, now)?);
        held.insert(name, (today, Arc::clone(&page)));
        Ok(page)
    });
    read.await.map_err(|_| unavailable(None, whom))?.map_err(|error| unavailable(Some(error), whom))
}

fn read(store: &dyn Store, project: &str, least: u64, now: Timestamp) -> Result<Page, dlt_engine::Error> {
    if !store.exists() {
        return Ok(public::nothing());
    }
    // As the loader opens it: a database that this process has open for reading alone could not be loaded.
    let mut tables = store.open(Access::Write)?;
    tables.hold_still()?;
    public::read(&mut *tables, project, least, now)
}
