//! The paths of the dashboard. They read the tables beside the loader, and never wait for it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use dlt_engine::ErrorKind;
use maud::Markup;
use serde_json::json;
use tokio::sync::Semaphore;

use super::App;
use super::collect;
use crate::dashboard::{self, Around, Filter, Offered, Page, View};
use crate::query::pairs;
use crate::secret::same;
use crate::store::Store;
use crate::survey::Surveyor;

/// Questions that are answered at a time; they share the cores with the loader.
const AT_A_TIME: usize = 2;
/// How long a question may wait for others.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of a form.
const FORM_BYTES: usize = 4096;
/// The cookie's name.
const COOKIE: &str = "dlt_tracker";
/// Nothing comes from elsewhere, and nothing is run.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// What the dashboard needs of a tracker.
pub(crate) struct Dashboard {
    pub(crate) store: Arc<dyn Store>,
    /// Who counts its events, for pages and reports.
    pub(crate) surveyor: Arc<Surveyor>,
    /// What opens it.
    pub(crate) token: String,
    busy: Arc<Semaphore>,
}

impl std::fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dashboard")
    }
}

impl Dashboard {
    pub(crate) fn new(store: Arc<dyn Store>, token: String) -> Self {
        Self { store, surveyor: Arc::default(), token, busy: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    fn is_allowed(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION).and_then(|given| given.strip_prefix("Bearer "));
        let cookies = text(header::COOKIE).into_iter().flat_map(|all| all.split(';'));
        let kept = cookies.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == COOKIE);
        bearer.is_some_and(|given| same(given, &self.token))
            || kept.is_some_and(|(_, value)| same(value, &cookie(&self.token)))
    }
}

/// `GET /`
pub(crate) async fn overview(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    show(&app, &headers, "", query.as_deref().unwrap_or_default()).await
}

/// `GET /versions`, `GET /versions.json` and the like.
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    let known = name.strip_suffix(".json").unwrap_or(&name);
    if view(known).is_none() || name.is_empty() {
        return collect::absent(&app);
    }
    show(&app, &headers, &name, query.as_deref().unwrap_or_default()).await
}

/// `GET /versions/errors.csv` and the like.
pub(crate) async fn table(
    State(app): State<Arc<App>>,
    names: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let (page, file) = names.map(|Path(names)| names).unwrap_or_default();
    let (Some(view), Some(id)) = (view(&page), file.strip_suffix(".csv")) else {
        return collect::absent(&app);
    };
    let filter = match allowed(&app, &headers, query.as_deref().unwrap_or_default(), For::Programs) {
        Ok(filter) => filter,
        Err(refused) => return *refused,
    };
    match ask(&app, view, filter, For::Programs).await {
        Ok((page, _)) => match page.sections.iter().find(|section| section.id == id) {
            Some(section) => respond(StatusCode::OK, "text/csv; charset=utf-8", dashboard::csv(section)),
            None => *For::Programs.told(
                (StatusCode::NOT_FOUND, "not_found"),
                "Not here",
                "There is no such table on this page.",
            ),
        },
        Err(refused) => *refused,
    }
}

/// `GET /dashboard.css`
pub(crate) async fn style() -> Response<Body> {
    let mut response = respond(StatusCode::OK, "text/css; charset=utf-8", dashboard::STYLE.to_owned());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    response
}

/// `POST /login`
pub(crate) async fn login(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let is_secure =
        app.tls.is_some() || request.headers().get("x-forwarded-proto").is_some_and(|protocol| protocol == "https");
    let body = tokio::time::timeout(app.body_timeout, to_bytes(request.into_body(), FORM_BYTES)).await;
    let Ok(Ok(body)) = body else {
        return shown(StatusCode::BAD_REQUEST, &dashboard::login(Some("The form did not arrive.")));
    };
    let fields = pairs(&String::from_utf8_lossy(&body));
    let given = fields.iter().find(|(name, _)| name == "token").map_or("", |(_, value)| value.trim());
    if !same(given, &app.dashboard.token) {
        return shown(StatusCode::FORBIDDEN, &dashboard::login(Some("That is not the token.")));
    }
    let secure = if is_secure { "; Secure" } else { "" };
    sent_to("/", &format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000{secure}", cookie(given)))
}

/// `POST /logout`
pub(crate) async fn logout() -> Response<Body> {
    sent_to("/", &format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"))
}

/// What a browser keeps of a token: who reads it there does not learn the token.
fn cookie(token: &str) -> String {
    crate::hash::shake128(format!("dashboard cookie\0{token}").as_bytes())
}

fn sent_to(place: &'static str, cookie: &str) -> Response<Body> {
    let mut response = respond(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new());
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(place));
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn view(word: &str) -> Option<View> {
    let word = if word == "overview" { "" } else { word };
    View::ALL.into_iter().find(|view| view.word() == word)
}

/// The filter of a request that may see the dashboard.
fn allowed(app: &App, headers: &HeaderMap, query: &str, whom: For) -> Result<Filter, Box<Response<Body>>> {
    if !app.dashboard.is_allowed(headers) {
        let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // A browser is asked for the token, a program is told that it needs one.
        return Err(Box::new(match accepts.contains("text/html") {
            true => shown(StatusCode::OK, &dashboard::login(None)),
            false => {
                let message = "the dashboard needs its token, as a bearer: `dlt tracker token` prints it";
                let text = json!({"code": "unauthorized", "message": message}).to_string();
                respond(StatusCode::UNAUTHORIZED, "application/json", text)
            }
        }));
    }
    Filter::parse(query).map_err(|flaw| {
        whom.told((StatusCode::BAD_REQUEST, "bad_query"), "That address cannot be meant", &flaw.to_string())
    })
}

async fn show(app: &Arc<App>, headers: &HeaderMap, name: &str, query: &str) -> Response<Body> {
    let (word, is_json) = name.strip_suffix(".json").map_or((name, false), |word| (word, true));
    let Some(view) = view(word) else { return collect::absent(app) };
    let whom = if is_json { For::Programs } else { For::People };
    let filter = match allowed(app, headers, query, whom) {
        Ok(filter) => filter,
        Err(refused) => return *refused,
    };
    let (page, offered) = match ask(app, view, filter.clone(), whom).await {
        Ok(answer) => answer,
        Err(refused) => return *refused,
    };
    if is_json {
        return respond(StatusCode::OK, "application/json", dashboard::json(&page));
    }
    let dashboard::Offered { libraries, versions, events, projects } = offered;
    let around = Around { view, filter: &filter, libraries, versions, events, projects };
    shown(StatusCode::OK, &dashboard::html(&page, &around))
}

/// Reads a page, on a thread that may block.
async fn ask(app: &Arc<App>, view: View, filter: Filter, whom: For) -> Result<(Page, Offered), Box<Response<Body>>> {
    // Programs are offered no choices.
    let offers = whom == For::People;
    let waited = tokio::time::timeout(PATIENCE, Arc::clone(&app.dashboard.busy).acquire_owned()).await;
    let Ok(Ok(permit)) = waited else {
        let text = "Others are being answered: try again in a moment.";
        return Err(whom.told((StatusCode::SERVICE_UNAVAILABLE, "overloaded"), "Too many questions", text));
    };
    let (store, surveyor, ledger) =
        (Arc::clone(&app.dashboard.store), Arc::clone(&app.dashboard.surveyor), app.ledger());
    let read = tokio::task::spawn_blocking(move || {
        // It is work for as long, also where nobody waits any more.
        let _permit = permit;
        match store.exists() {
            true => surveyor.ask(&*store, |look| dashboard::read(view, &filter, look, &ledger, offers)),
            false => Ok((Page { title: view.title(), sections: Vec::new() }, Offered::default())),
        }
    });
    match read.await {
        Ok(answer) => answer.map_err(|error| unavailable(Some(error), whom)),
        Err(_) => Err(unavailable(None, whom)),
    }
}

/// Who reads an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    People,
    Programs,
}

impl For {
    /// A message in the place of what was asked for.
    pub(super) fn told(self, (status, code): (StatusCode, &str), title: &str, text: &str) -> Box<Response<Body>> {
        Box::new(match self {
            Self::People => shown(status, &dashboard::message(title, text)),
            Self::Programs => respond(status, "application/json", json!({"code": code, "message": text}).to_string()),
        })
    }
}

/// What is said where tables could not be read, and why, where that is known.
pub(super) fn unavailable(error: Option<dlt_engine::Error>, whom: For) -> Box<Response<Body>> {
    let (title, text) = match error {
        Some(error) if error.kind() == ErrorKind::DestinationBusy => (
            "The tables are in use",
            "Another process holds the database; events wait in the journal meanwhile. Try again in a moment.",
        ),
        Some(error) => {
            tracing::error!(%error, "a page could not be read");
            ("The tables cannot be read", "The tracker's log says why.")
        }
        None => ("The tables cannot be read", "The tracker's log says why."),
    };
    whom.told((StatusCode::SERVICE_UNAVAILABLE, "unavailable"), title, text)
}

pub(super) fn shown(status: StatusCode, page: &Markup) -> Response<Body> {
    respond(status, "text/html; charset=utf-8", page.0.clone())
}

pub(super) fn respond(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let fixed = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
