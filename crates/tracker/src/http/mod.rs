//! HTTP: the paths, and what all requests share.

mod admin;
mod answer;
mod body;
mod collect;
mod connection;
mod dashboard;
mod deletion;
mod direct;
mod edge;
mod front;
mod memory;
mod public;
mod quarantine;
mod rates;
mod report;
mod stream;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::contract::Contracts;
use crate::decode::Limits;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::loader::{LoaderState, LoaderThread};
use crate::metrics::Metrics;
use crate::projects::Projects;

#[cfg(test)]
pub(crate) use body::DISCARDED_BYTES;
#[cfg(test)]
pub(crate) use collect::ROWS_FACTOR;
pub(crate) use connection::{Bounds, serve};
pub(crate) use dashboard::Dashboard;
use front::Front;
pub(crate) use public::PublicPages;
pub use rates::RateLimits;
pub(crate) use rates::Rates;
pub(crate) use report::KeptReports;
pub(crate) use tls::Tls;
pub use tls::TlsFiles;

/// Reports that are read at a time.
pub(crate) const REPORTS: usize = 2;

/// The state that requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) loader: LoaderThread,
    pub(crate) loader_state: Arc<LoaderState>,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    /// Whether events are taken here.
    pub(crate) receives: bool,
    /// Memory that requests in progress may take, in KiB.
    pub(crate) memory: Semaphore,
    /// One deletion request is checked at a time.
    pub(crate) proof: Arc<Semaphore>,
    /// Reports that are read at a time; each may take as much of the cores as a load.
    pub(crate) reports: Arc<Semaphore>,
    /// The last ones, for those who would wait long.
    pub(crate) kept_reports: KeptReports,
    /// How long a body may take to arrive.
    pub(crate) body_timeout: Duration,
    /// The key by which ids of users, and names, are hashed.
    pub(crate) id_key: String,
    /// How many requests a sender may bring.
    pub(crate) rates: Rates,
    /// Whose events a request brings.
    pub(crate) projects: Projects,
    /// What each project may send.
    pub(crate) contracts: Arc<Contracts>,
    /// The bearer token of `report.json` and `check.json`.
    pub(crate) key: String,
    pub(crate) dashboard: Dashboard,
    /// What others than commands of this machine speak with it; plain HTTP where there is none.
    pub(crate) tls: Option<Arc<Tls>>,
    /// What everybody may see.
    pub(crate) public: PublicPages,
}

impl App {
    /// The ledger at this moment.
    pub(crate) fn ledger(&self) -> Ledger {
        self.loader_state.ledger(&*self.journal)
    }
}

/// All paths.
pub(crate) fn paths(app: &Arc<App>) -> Front {
    let router = Router::new()
        .route("/", get(dashboard::overview).options(collect::preflight))
        .route("/dashboard.css", get(dashboard::style))
        .route("/login", post(dashboard::login).get(dashboard::overview))
        .route("/logout", post(dashboard::logout))
        .route("/public", get(public::first))
        .route("/public.json", get(public::first_json))
        .route("/public/{name}", get(public::of_project))
        .route("/healthz", get(admin::health))
        .route("/metrics", get(admin::metrics))
        .route("/report.json", get(report::report))
        .route("/sql.arrow", post(admin::sql))
        .route("/check.json", get(admin::check))
        .route("/backup.json", post(admin::backup))
        .route("/retain.json", post(admin::retain))
        .route("/forget.json", post(admin::forget))
        .route("/quarantine-groups.json", get(quarantine::groups))
        .route("/quarantine-event.json", get(quarantine::event))
        .route("/learned-contract.json", get(quarantine::learned))
        .route("/replay.json", post(quarantine::replay))
        .route("/edge-objects.json", post(edge::objects))
        .route("/edge-take.json", post(edge::take))
        .route("/{call}", post(collect::call).get(dashboard::page).options(collect::preflight))
        .route("/{page}/{table}", get(dashboard::table).fallback(collect::unknown_path))
        .route("/v1/forget", post(deletion::request).options(collect::preflight))
        .route("/v1/holdings", post(deletion::holdings).options(collect::preflight))
        .route("/v1/{call}", post(collect::call).options(collect::preflight))
        .fallback(collect::unknown_path)
        .method_not_allowed_fallback(collect::unknown_method)
        // Bodies are read by `body`, which has a limit of its own.
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(app));
    Front::new(Arc::clone(app), router)
}
