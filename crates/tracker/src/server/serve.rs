//! A tracker's life, from the data folder's lock to the last load.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::Signal;
use tokio::sync::{Semaphore, watch};

use super::options::{Duty, FILES_INTERVAL, LOAD_INTERVAL, ServeOptions};
use super::parts::{Opening, Parts};
use super::secrets::{id_key, token_of};
use super::signals::Signals;
use crate::contract::Contracts;
use crate::data_dir::{DataDir, ServerFile};
use crate::descriptors;
use crate::error::Error;
use crate::http::{self, App, Bounds, Dashboard, PublicPages, Rates, Tls};
use crate::journal::segments::SegmentOptions;
use crate::ledger::Ledger;
use crate::loader::LoaderThread;
use crate::metrics::Metrics;
use crate::projects::{KeyRing, Projects};
use crate::secret::{self, random_hex};
use crate::survey::Surveyor;

/// A tracker that is ready: events are taken.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ready {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS there.
    pub is_tls: bool,
    /// Its data folder.
    pub data_dir: PathBuf,
    /// The database with the tables: a file, or an address without its password.
    pub database: String,
    /// The ledger as it was found.
    pub ledger: Ledger,
    /// Stops it from another thread, as SIGTERM does.
    pub stop: StopHandle,
}

/// Stops a running tracker.
#[derive(Debug, Clone)]
pub struct StopHandle(Arc<watch::Sender<bool>>);

impl StopHandle {
    /// Asks it to stop: it finishes requests in progress and loads what arrived.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// What a tracker did from start to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Requests that were answered with success.
    pub requests: u64,
    /// The ledger at the end.
    pub ledger: Ledger,
}

/// Runs a tracker until SIGINT, SIGTERM or [`StopHandle::stop`].
///
/// Calls `on_ready` once, when it takes events. Blocks; starts its own threads.
///
/// # Errors
///
/// When the folder can't be used or is in use, or the address can't be listened on; or when tables that are new to the folder can't be
/// reached. Once it is ready, no failure of disk or database ends it: senders are asked to retry, and loading is retried. Tables that do
/// not answer are not waited for at its end either: what is not loaded is by the next start.
pub fn serve(options: ServeOptions, on_ready: impl FnOnce(&Ready)) -> Result<Summary, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .thread_name("tracker-http")
        .enable_all()
        .build()
        .map_err(Error::Start)?;
    let tls = options.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
    // Binds before it writes anything: a port in use must not leave a folder behind.
    let listener = runtime
        .block_on(TcpListener::bind(&options.listen))
        .map_err(|source| Error::Listen { address: options.listen.clone(), source })?;
    let address = listener.local_addr().map_err(Error::Start)?;
    // Commands of this machine have no certificate to trust.
    let local =
        tls.as_ref().map(|_| runtime.block_on(TcpListener::bind("127.0.0.1:0"))).transpose().map_err(Error::Start)?;
    let local_address = local.as_ref().map_or(Ok(address), TcpListener::local_addr).map_err(Error::Start)?;
    let dir = DataDir::new(&options.data_dir);
    dir.is_whole()?;
    dir.create()?;
    let lock = dir.lock_or_refuse()?;
    dir.withdraw();
    let mut signals = runtime.block_on(async { Signals::install(tls.is_some()) }).map_err(Error::Start)?;

    let connections = descriptors::room_for(options.connections);
    let journal_options = SegmentOptions {
        segment_bytes: options.segment_bytes,
        max_bytes: options.journal_bytes,
        ..SegmentOptions::default()
    };
    let token = match &options.token {
        Some(token) if token.len() < secret::MIN_CHARS => {
            return Err(Error::ShortToken { least: secret::MIN_CHARS });
        }
        Some(token) => token.clone(),
        None => token_of(&dir)?,
    };
    let projects = Projects::new(KeyRing::open(dir.keys())?, options.unknown_key);
    let contracts = Arc::new(Contracts::open(dir.contracts())?);
    let id_key = id_key(&options.place())?;
    let opening = Opening::begin(&options.place(), options.duty, journal_options)?;
    let Some((mut parts, is_over)) = open(opening, &runtime, &mut signals)? else {
        return Ok(Summary { requests: 0, ledger: Ledger::default() });
    };
    parts.loader.keep(options.retention);
    let database = parts.store.location();
    let usual = if options.store.is_in_files() { FILES_INTERVAL } else { LOAD_INTERVAL };
    let interval = options.load_interval.unwrap_or(usual);
    let loader = LoaderThread::start(parts.loader, interval).map_err(Error::Start)?;
    let app = Arc::new(App {
        journal: parts.journal,
        loader,
        loader_state: parts.state,
        metrics: Metrics::default(),
        limits: options.limits,
        memory: Semaphore::new((options.memory_bytes / 1024).min(Semaphore::MAX_PERMITS)),
        proof: Arc::new(Semaphore::new(1)),
        reports: Arc::new(Semaphore::new(http::REPORTS)),
        kept_reports: http::KeptReports::default(),
        body_timeout: options.body_timeout,
        id_key,
        receives: options.duty != Duty::Load,
        projects,
        contracts,
        key: random_hex::<32>().map_err(Error::Start)?,
        dashboard: Dashboard::new(parts.store, token),
        rates: Rates::new(options.rates).map_err(Error::Start)?,
        tls: tls.clone(),
        public: PublicPages::new(options.public),
    });
    if let (Some(tls), Some(hangup)) = (&tls, signals.reload.take()) {
        runtime.spawn(keep_certificate(Arc::clone(tls), hangup, options.certificate_interval));
    }
    runtime.spawn(rest(Arc::clone(&app.dashboard.surveyor)));
    dir.announce(&ServerFile { address: local_address, pid: std::process::id(), key: app.key.clone() })?;

    let (stop, mut stopped) = watch::channel(is_over);
    on_ready(&Ready {
        address,
        is_tls: tls.is_some(),
        data_dir: dir.path().to_owned(),
        database,
        ledger: app.ledger(),
        stop: StopHandle(Arc::new(stop)),
    });
    let bounds = Bounds {
        connections,
        head_timeout: options.idle_timeout,
        answer_timeout: options.body_timeout,
        drain: options.drain,
    };
    let until = async move {
        tokio::select! {
            () = signals.received() => {}
            // A dropped handle can't stop it any more.
            () = async { if stopped.wait_for(|stop| *stop).await.is_err() { std::future::pending().await } } => {}
        }
    };
    let (end, ending) = watch::channel(false);
    let ended = |mut ending: watch::Receiver<bool>| async move { drop(ending.wait_for(|is_over| *is_over).await) };
    let paths = http::paths(&app);
    runtime.block_on(async {
        let everybody = http::serve(listener, paths.clone(), bounds, tls, ended(ending.clone()));
        let commands = async {
            if let Some(local) = local {
                http::serve(local, paths, bounds, None, ended(ending)).await;
            }
        };
        let stop = async {
            until.await;
            end.send_replace(true);
        };
        tokio::join!(everybody, commands, stop)
    });
    app.journal.close();
    app.loader.stop();
    dir.withdraw();
    let summary = Summary { requests: app.metrics.accepted.load(Ordering::Relaxed), ledger: app.ledger() };
    runtime.shutdown_timeout(Duration::from_secs(1));
    drop(lock);
    Ok(summary)
}

/// How long the tables may take to answer before a tracker goes on without them.
const TABLES_ANSWER: Duration = Duration::from_secs(2);

/// What came first.
enum First<T> {
    Answer(T),
    /// A signal to stop.
    Stop,
    Late,
}

/// Opens the parts. Where the tables do not answer soon, and are not needed to take events, it goes on without them. Also tells whether it
/// was told to stop meanwhile; returns nothing where that was before events could be taken.
fn open(opening: Opening, runtime: &Runtime, signals: &mut Signals) -> Result<Option<(Parts, bool)>, Error> {
    let mut answer = opening.ask()?;
    let mut first = |limit: Option<Duration>| {
        let late = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        runtime.block_on(async {
            tokio::select! {
                biased;
                said = &mut answer => First::Answer(said),
                () = signals.received() => First::Stop,
                () = late => First::Late,
            }
        })
    };
    let ended = || Error::Start(io::Error::other("the thread that asks the tables has ended"));
    let location = opening.location();
    let (said, is_over) = match first(Some(TABLES_ANSWER)) {
        First::Answer(said) => (Some(said.map_err(|_| ended())?), false),
        First::Stop if opening.can_wait()? => (None, true),
        First::Late if opening.can_wait()? => {
            tracing::warn!(location, "the tables do not answer yet: events wait in the journal until they do");
            (None, false)
        }
        First::Stop => return Ok(None),
        First::Late => {
            tracing::warn!(
                location,
                "the tables do not answer yet: the journal of this data folder can't begin without them"
            );
            match first(None) {
                First::Answer(said) => (Some(said.map_err(|_| ended())?), false),
                First::Stop | First::Late => return Ok(None),
            }
        }
    };
    opening.finish(said).map(|parts| Some((parts, is_over)))
}

/// How often it is looked for what nobody asks for any more.
const RESTS: Duration = Duration::from_secs(60);

/// Lets go what was counted from, when nobody has asked in a while.
async fn rest(surveyor: Arc<Surveyor>) {
    let mut looks = tokio::time::interval(RESTS);
    loop {
        looks.tick().await;
        surveyor.rest();
    }
}

/// Reads certificate and key anew at each SIGHUP, and when one of the files has changed.
async fn keep_certificate(tls: Arc<Tls>, mut hangup: Signal, interval: Duration) {
    let mut looks = tokio::time::interval(interval.max(Duration::from_millis(1)));
    loop {
        tokio::select! {
            signal = hangup.recv() => if signal.is_none() { return },
            _ = looks.tick() => if !tls.has_changed() { continue },
        }
        match tls.reload() {
            Ok(()) => tracing::info!("certificate and key were read anew"),
            Err(error) => tracing::error!(%error, "the certificate that was read before is shown on"),
        }
    }
}
