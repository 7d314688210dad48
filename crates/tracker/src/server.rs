//! The lifecycle of a tracker, from the data folder's lock to the last load.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::backup::{self, Backup};
use crate::check::Check;
use crate::contract::{self, Contracts};
use crate::dashboard::Public;
use crate::data_dir::{Answer, DataDir, Lock, Reached, ServerFile};
use crate::decode::Limits;
use crate::deletion::{Forgotten, Request};
use crate::descriptors;
use crate::error::Error;
use crate::event;
use crate::http::{self, App, Bounds, Dashboard, PublicPages, RateLimits, Rates, Tls, TlsFiles};
use crate::journal::Journal;
use crate::journal::nats::NatsJournal;
use crate::journal::segments::{self, OsFilesystem, SegmentJournal, SegmentOptions};
use crate::ledger::Ledger;
use crate::loader::{Loader, LoaderState, LoaderThread};
use crate::metrics::Metrics;
use crate::place::{FilesAddress, JournalAddress, NatsAddress, Place, Records, StoreAddress, Tables};
use crate::projects::{self, Key, KeyRing, NewKey, Projects, UnknownKey};
use crate::query;
use crate::question::{self, Unanswered};
use crate::report::Report;
use crate::retention::{Retain, Retained, Retention};
use crate::secret::{self, random_hex, secret};
use crate::store::sql::SqlStore;
use crate::store::{Counts, Role, STREAM, Store};
use dlt_engine::destination::Access;

mod edge;
mod quarantine;
mod shared;

pub use edge::load_objects;
pub use quarantine::{learn_contract, quarantined, quarantined_event, replay};
pub use shared::{export_projects, import_projects};

/// How a tracker runs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeOptions {
    /// Address to listen on, `host:port`; port 0 takes a free one.
    pub listen: String,
    /// The data folder. It is made if missing.
    pub data_dir: PathBuf,
    /// Where the tables are. Default: a DuckDB file in the data folder.
    pub store: StoreAddress,
    /// Where the journal is. Default: segments in the data folder.
    pub journal: JournalAddress,
    /// What this process does of a tracker's work. Default: all.
    pub duty: Duty,
    /// Limits on requests. Default: 500 KB a request, 32 KB an event, 2,500 events a batch.
    pub limits: Limits,
    /// How often events are loaded into the tables; many that wait are loaded before. Default: 1 s, and a minute into files.
    pub load_interval: Option<Duration>,
    /// Memory that all requests in progress may take, in bytes; requests beyond it get 429. Default: 128 MiB.
    pub memory_bytes: usize,
    /// Connections at a time; more get 429. The process's limit on open files is raised for them; where that fails,
    /// there are fewer. Default: 4,096.
    pub connections: usize,
    /// Most bytes in the journal; when the loader is further behind, requests get 429. Default: 8 GiB.
    pub journal_bytes: u64,
    /// Size of one segment of the journal, in bytes. Default: 16 MiB.
    pub segment_bytes: u64,
    /// Threads that serve requests. Default: one per core.
    pub threads: usize,
    /// How long a body may take to arrive, and the peer to read an answer. Default: 10 s.
    pub body_timeout: Duration,
    /// How long a connection may take to send the head of its next request. Default: 75 s.
    pub idle_timeout: Duration,
    /// How long requests in progress may take when the tracker stops. Default: 5 s.
    pub drain: Duration,
    /// How the program that runs it is to write what it tells by `tracing`; the tracker itself writes nothing. Default: as text.
    pub log_format: LogFormat,
    /// How many requests a sender may bring in a minute. Default: any number.
    pub rates: RateLimits,
    /// Certificate and key to speak TLS with. Default: none, and it speaks plain HTTP. Commands of the same machine reach it on a port of
    /// their own then, on 127.0.0.1.
    pub tls: Option<TlsFiles>,
    /// How long rows of events and of the quarantine stay. Default: 90 days.
    pub retention: Retention,
    /// What becomes of events that name no key of this tracker. Default: they belong to the default project.
    pub unknown_key: UnknownKey,
    /// What opens the dashboard, 16 characters at least. Default: the token of the data folder, which [`dashboard_token`]
    /// tells.
    pub token: Option<String>,
    /// The key by which ids of users, and names, are hashed, 16 characters at least: one for all trackers whose events meet in the same
    /// tables. Default: the key of the data folder.
    pub id_key: Option<String>,
    /// What everybody may see. Default: nothing.
    pub public: Public,
    /// How often it is looked whether certificate or key have changed. Default: a minute.
    pub certificate_interval: Duration,
}

impl ServeOptions {
    /// The defaults for an address and a data folder.
    pub fn new(listen: impl Into<String>, data_dir: impl Into<PathBuf>) -> Self {
        let journal = SegmentOptions::default();
        Self {
            listen: listen.into(),
            data_dir: data_dir.into(),
            store: StoreAddress::default(),
            journal: JournalAddress::default(),
            duty: Duty::All,
            limits: Limits::default(),
            load_interval: None,
            memory_bytes: 128 << 20,
            connections: 4096,
            journal_bytes: journal.max_bytes,
            segment_bytes: journal.segment_bytes,
            threads: std::thread::available_parallelism().map_or(2, usize::from),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            drain: Duration::from_secs(5),
            log_format: LogFormat::default(),
            rates: RateLimits::default(),
            tls: None,
            retention: Retention::default(),
            unknown_key: UnknownKey::Default,
            token: None,
            id_key: None,
            public: Public::default(),
            certificate_interval: Duration::from_secs(60),
        }
    }

    /// Where it keeps what it has: for [`report`], [`check`] and [`forget`].
    pub fn place(&self) -> Place {
        Place {
            data_dir: self.data_dir.clone(),
            store: self.store.clone(),
            journal: self.journal.clone(),
            id_key: self.id_key.clone(),
        }
    }
}

/// What a process does of a tracker's work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Duty {
    /// It receives events and loads them.
    #[default]
    All,
    /// It receives events, and another process loads them.
    Receive,
    /// It loads what others receive.
    Load,
}

/// How a program writes what the tracker has to tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object of JSON a line.
    Json,
}

/// How often events are loaded, where nothing else is said.
const LOAD_INTERVAL: Duration = Duration::from_secs(1);
/// The same into files: each load makes some.
const FILES_INTERVAL: Duration = Duration::from_secs(60);

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
/// When the folder can't be used or is in use, or the address can't be listened on. Once it is ready, no failure of disk
/// or database ends it: senders are asked to retry, and loading is retried.
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
    let in_use = || Error::InUse { folder: dir.path().to_owned(), pid: dir.server().map(|server| server.pid) };
    let lock = dir.lock()?.ok_or_else(in_use)?;
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
    let mut parts = Parts::open(&options.place(), options.duty, journal_options)?;
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
    dir.announce(&ServerFile { address: local_address, pid: std::process::id(), key: app.key.clone() })?;

    let (stop, mut stopped) = watch::channel(false);
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

/// The token that opens the dashboard of a data folder; made where there is none yet, and the folder too.
///
/// # Errors
///
/// When the folder can't be used.
pub fn dashboard_token(data_dir: impl AsRef<Path>) -> Result<String, Error> {
    let dir = DataDir::new(data_dir.as_ref());
    dir.create()?;
    token_of(&dir)
}

fn token_of(dir: &DataDir) -> Result<String, Error> {
    let file = dir.token();
    secret(&file).map_err(|source| Error::folder("keep the dashboard's token in", file, source))
}

/// The key by which ids of users, and names, are hashed.
fn id_key(place: &Place) -> Result<String, Error> {
    match &place.id_key {
        Some(key) if key.len() < secret::MIN_CHARS => Err(Error::ShortToken { least: secret::MIN_CHARS }),
        Some(key) => Ok(key.clone()),
        None => {
            let file = DataDir::new(&place.data_dir).id_key();
            secret(&file).map_err(|source| Error::folder("keep the key for ids in", file, source))
        }
    }
}

/// Reads the report of a data folder, whether a tracker runs on it or not. What is in the journal is loaded first.
///
/// # Errors
///
/// When there is no data, or the tables can't be read.
pub fn report(place: impl Into<Place>) -> Result<Report, Error> {
    read(&place.into(), "GET", "/report.json", |parts| parts.loader.report(None))
}

/// As [`report`], of one project; the default one is named `default`. The ledger is that of all projects.
///
/// # Errors
///
/// As [`report`], and when no key and no event is of such a project.
pub fn report_of(place: impl Into<Place>, project: &str) -> Result<Report, Error> {
    let place = place.into();
    let path = format!("/report.json?project={}", query::encode(project));
    let report = read(&place, "GET", &path, |parts| parts.loader.report(Some(project)))?;
    if report.total == 0 && report.quarantine.is_empty() {
        known_project(&place.data_dir, project)?;
    }
    Ok(report)
}

/// Whether a project that has no events yet has a key at least.
fn known_project(data_dir: &Path, project: &str) -> Result<(), Error> {
    let mut known: Vec<String> = DataDir::new(data_dir).keys().read()?.into_iter().map(|key| key.project).collect();
    known.push(projects::DEFAULT.to_owned());
    known.sort_unstable();
    known.dedup();
    match known.iter().any(|name| name == project) {
        true => Ok(()),
        false => Err(Error::NoProject { name: project.to_owned(), known }),
    }
}

/// Adds a write key to a project: one that senders have already, or a new one. `name` says what it is for. A running
/// tracker takes it at once. The data folder is made where there is none.
///
/// # Errors
///
/// When the project or the key can't be one, the key is there already, or the folder can't be written.
pub fn add_key(
    data_dir: impl AsRef<Path>,
    project: &str,
    name: Option<&str>,
    given: Option<&str>,
) -> Result<NewKey, Error> {
    let dir = DataDir::new(data_dir.as_ref());
    dir.create()?;
    dir.keys().add(project, name, given)
}

/// The write keys of a data folder, the oldest first.
///
/// # Errors
///
/// When there is no such folder, or the keys can't be read.
pub fn keys(data_dir: impl AsRef<Path>) -> Result<Vec<Key>, Error> {
    folder(data_dir.as_ref())?.keys().read()
}

/// Revokes a write key, which is named by its id or by itself: a running tracker refuses it a second later. What it
/// brought stays.
///
/// # Errors
///
/// When there is no such folder or key, or the folder can't be written.
pub fn revoke_key(data_dir: impl AsRef<Path>, named: &str) -> Result<Key, Error> {
    folder(data_dir.as_ref())?.keys().revoke(named)
}

/// The contract of a project as TOML, as its file says it now; of one that has none, what is built in.
///
/// # Errors
///
/// When there is no such folder or project, or its file is no contract.
pub fn show_contract(data_dir: impl AsRef<Path>, project: &str) -> Result<String, Error> {
    let dir = folder(data_dir.as_ref())?;
    let contracts = Contracts::open(dir.contracts())?;
    let file = contracts.file(project);
    if !file.exists() {
        known_project(dir.path(), project)?;
    }
    let kept = match file.exists() {
        true => format!(
            "# {}, and dlt's own events, which are built in. What is not named goes into the quarantine.
",
            file.display()
        ),
        false => {
            "# There is no file: dlt's own events are named; of others texts, numbers and truth values are kept, too.
"
            .to_owned()
        }
    };
    Ok(kept + &contract::to_toml(&*contracts.fresh(project)?))
}

/// A data folder that is there.
fn folder(path: &Path) -> Result<DataDir, Error> {
    match path.is_dir() {
        true => Ok(DataDir::new(path)),
        false => Err(Error::NoData { folder: path.to_owned() }),
    }
}

/// Whether a tracker runs on a folder and takes events.
///
/// # Errors
///
/// When none runs there, or it says why it takes none.
pub fn health(data_dir: impl AsRef<Path>) -> Result<(), Error> {
    let dir = folder(data_dir.as_ref())?;
    let server = dir.server().ok_or_else(|| Error::NotRunning { folder: dir.path().to_owned() })?;
    let answer = server.ask("GET", "/healthz", b"").map_err(|error| server.no_answer(error.to_string()))?;
    if answer.status == 200 {
        return Ok(());
    }
    let told = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    let reason = told.as_ref().and_then(|told| told.get("reason")).and_then(serde_json::Value::as_str);
    Err(match reason {
        Some(reason) => server.failed(reason),
        None => server.no_answer(format!("status {}", answer.status)),
    })
}

/// Makes a backup in a new or empty folder, which is a data folder then; whether a tracker runs on it or not. What was acknowledged
/// before is in it. A tracker that runs takes events meanwhile, and loads them when the backup is done. Of a stream it holds what waits
/// there as files of a journal.
///
/// # Errors
///
/// When there is no data, something is in `folder`, or a file can't be read or written; then no
/// backup is left.
pub fn backup(place: impl Into<Place>, folder: impl AsRef<Path>) -> Result<Backup, Error> {
    let given = folder.as_ref();
    let failed = |source| Error::folder("write to the folder", given, source);
    let folder = std::path::absolute(given).map_err(failed)?;
    let name = folder.to_str().ok_or_else(|| failed(io::Error::other("the path is no UTF-8")))?;
    let path = format!("/backup.json?folder={}", query::encode(name));
    read(&place.into(), "POST", &path, |parts| parts.loader.back_up(&folder))
}

/// Makes a data folder of a backup, in a new or empty folder. Where the tables are in it they are recounted, and what waits is loaded.
///
/// # Errors
///
/// When there is no whole backup, something is in `data_dir`, or a file can't be read or written; then nothing is left.
pub fn restore(backup: impl AsRef<Path>, data_dir: impl AsRef<Path>) -> Result<Option<Check>, Error> {
    let data_dir = data_dir.as_ref();
    backup::restore(backup.as_ref(), data_dir)?;
    match DataDir::new(data_dir).elsewhere().exists() {
        true => Ok(None),
        false => check(data_dir).map(Some),
    }
}

/// Deletes what is too old, and counts it by the day before. What is in the journal is loaded first. A tracker that runs on the folder
/// does it, by the limits that it was started with; where none runs, `retention` counts.
///
/// # Errors
///
/// When there is no data, another process loads into the tables, they can't be written, or more than half of many rows would go and
/// `how` does not allow it.
pub fn retain(place: impl Into<Place>, retention: &Retention, how: Retain) -> Result<Retained, Error> {
    let path = format!("/retain.json?how={}", how.word());
    read(&place.into(), "POST", &path, |parts| {
        parts.loader.keep(retention.clone());
        parts.loader.retain(how)
    })
}

/// Answers a question in the SQL of the database that holds the tables, whether a tracker runs on the folder or not: one statement that reads the
/// tracker's tables. What is in the journal is loaded first, where that is little. Where `rows` is said, there are no more than that.
///
/// # Errors
///
/// [`Error::Question`] when the question is no such statement, fails, or its answer has more than 64 MiB; else when there is no
/// data, or the tables can't be read.
pub fn sql(place: impl Into<Place>, question: &str, rows: Option<u64>) -> Result<Vec<RecordBatch>, Error> {
    let place = place.into();
    let path = rows.map_or_else(|| "/sql.arrow".to_owned(), |rows| format!("/sql.arrow?rows={rows}"));
    let bytes = match reach(&place, "POST", &path, question.as_bytes())? {
        Reached::Free(lock) => stopped(&place, lock, |parts| parts.loader.answer(question, rows)),
        Reached::Answered(answer, _) if answer.status == 200 => Ok(answer.body),
        Reached::Answered(answer, server) => match serde_json::from_slice::<Unanswered>(&answer.body) {
            Ok(told) => Err(told.into()),
            Err(_) => answered::<()>(&answer, &server).map(|()| Vec::new()),
        },
    }?;
    question::batches(&bytes)
}

/// Recounts a data folder from tables and journal, whether a tracker runs on it or not. What is in the journal is
/// loaded first.
///
/// # Errors
///
/// When there is no data, or the tables can't be read. A ledger that does not add up is no error: see
/// [`Check::is_sound`].
pub fn check(place: impl Into<Place>) -> Result<Check, Error> {
    read(&place.into(), "GET", "/check.json", |parts| parts.loader.check())
}

/// Deletes every event of an id, whether a tracker runs on the folder or not: from the tables, the quarantine, and what waits
/// in the journal. It is recorded as a deletion request is, without the id.
///
/// # Errors
///
/// When the id is empty or over 100 characters, there is no data, or the journal or the tables can't be written.
pub fn forget(place: impl Into<Place>, id: &str) -> Result<Forgotten, Error> {
    let request = Request::of(id, event::formatted(jiff::Timestamp::now())).ok_or(Error::NoId)?;
    let path = format!("/forget.json?id={}", query::encode(id));
    read(&place.into(), "POST", &path, |parts| {
        let stopped = || Error::Start(io::Error::other("the journal takes no records"));
        let record = request.record().ok_or_else(stopped)?;
        let pending = parts.journal.append(vec![record]).map_err(|_| stopped())?;
        match pending.blocking_recv() {
            Ok(Ok(sequence)) => parts.loader.forgotten(sequence),
            _ => Err(stopped()),
        }
    })
}

/// As [`forget`], of the id that senders tell of a user: what is kept in its place is a hash, and that is what is deleted.
///
/// # Errors
///
/// As [`forget`], and when the key for ids can't be read.
pub fn forget_user(place: impl Into<Place>, user: &str) -> Result<Forgotten, Error> {
    let place = place.into();
    folder(&place.data_dir)?;
    let id = event::user_id(user, &id_key(&place)?).ok_or(Error::NoId)?;
    forget(place, &id)
}

/// Moves the tables of a stopped tracker out of the DuckDB file of its data folder into a Postgres database, which has none
/// of a tracker yet. What waits in the journal stays there, and is loaded by the tracker that is then started with
/// [`ServeOptions::store`]. The file stays as `tracker.duckdb.moved`.
///
/// # Errors
///
/// When a tracker runs on the folder, there are no tables, or one of the databases can't be used. Nothing is changed then in the
/// data folder; it can be repeated when the database was emptied.
pub fn move_tables(data_dir: impl AsRef<Path>, to: &StoreAddress) -> Result<Ledger, Error> {
    let dir = folder(data_dir.as_ref())?;
    let in_use = || Error::InUse { folder: dir.path().to_owned(), pid: dir.server().map(|server| server.pid) };
    let lock = dir.lock()?.ok_or_else(in_use)?;
    let (database, work) = (dir.database(), dir.work());
    if !database.exists() {
        return Err(Error::NoData { folder: dir.path().to_owned() });
    }
    let failed = |location: &str| {
        let location = location.to_owned();
        move |source| Error::tables(location, source)
    };
    let from = SqlStore::duckdb(&database, &work).map_err(failed(&database.display().to_string()))?;
    from.discard_unfinished().map_err(|source| Error::folder("clear", &work, source))?;
    // What the engine knows of the old database is nothing of the new one.
    let moving = dir.path().join("moving");
    let store = match &to.0 {
        Tables::File => return Err(Error::NoTarget),
        Tables::Postgres(address) => SqlStore::postgres(address, &moving),
        Tables::Files(address) => open_files(&dir, address)?,
    };
    let store = store.map_err(failed(&to.shown()))?;
    let counts = store.take_over(&Arc::new(from)).map_err(failed(&to.shown()))?;
    let owner = secret(&dir.owner()).map_err(|source| Error::folder("write", dir.owner(), source))?;
    store.own(&owner, true).map_err(failed(&to.shown()))?;
    let note = dir.elsewhere();
    std::fs::write(&note, store.location()).map_err(|source| Error::folder("write", &note, source))?;
    let kept = dir.path().join("tracker.duckdb.moved");
    std::fs::rename(&database, &kept).map_err(|source| Error::folder("rename", &database, source))?;
    for folder in [&moving, &work] {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::folder("clear", folder, error)),
            _ => {}
        }
    }
    drop(lock);
    Ok(counts.ledger(counts.position))
}

/// Asks the tracker that runs on a folder, or does its work where none runs.
fn read<T: serde::de::DeserializeOwned>(
    place: &Place,
    method: &str,
    path: &str,
    work: impl FnOnce(&mut Parts) -> Result<T, Error>,
) -> Result<T, Error> {
    match reach(place, method, path, b"")? {
        Reached::Free(lock) => stopped(place, lock, work),
        Reached::Answered(answer, server) => answered(&answer, &server),
    }
}

/// Asks the tracker that runs on a folder, or locks the folder.
fn reach(place: &Place, method: &str, path: &str, body: &[u8]) -> Result<Reached, Error> {
    let dir = DataDir::new(&place.data_dir);
    if place.journal.0 != Records::Segments {
        dir.create()?;
    } else if !dir.exists() {
        return Err(Error::NoData { folder: dir.path().to_owned() });
    }
    dir.is_whole()?;
    dir.reach(method, path, body)
}

fn stopped<T>(place: &Place, lock: Lock, work: impl FnOnce(&mut Parts) -> Result<T, Error>) -> Result<T, Error> {
    // No events arrive, so the new segment needs no room for any.
    let options = SegmentOptions { segment_bytes: 4096, ..SegmentOptions::default() };
    let mut parts = Parts::open(place, Duty::All, options)?;
    let found = work(&mut parts);
    parts.journal.close();
    drop(lock);
    found
}

fn answered<T: serde::de::DeserializeOwned>(answer: &Answer, server: &ServerFile) -> Result<T, Error> {
    if answer.status == 200 {
        return serde_json::from_slice(&answer.body).map_err(|error| server.no_answer(error.to_string()));
    }
    let told = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    match told.as_ref().and_then(|told| told.get("message")).and_then(serde_json::Value::as_str) {
        Some(message) => Err(server.failed(message)),
        None => Err(server.no_answer(format!("status {}", answer.status))),
    }
}

/// Journal, store and loader of a data folder.
struct Parts {
    store: Arc<dyn Store>,
    journal: Arc<dyn Journal>,
    loader: Loader,
    state: Arc<LoaderState>,
}

impl Parts {
    fn open(place: &Place, duty: Duty, options: SegmentOptions) -> Result<Self, Error> {
        let (is_shared_store, is_shared_journal) =
            (matches!(place.store.0, Tables::Postgres(_)), place.journal.0 != Records::Segments);
        if is_shared_journal && !is_shared_store || duty != Duty::All && !is_shared_journal {
            return Err(Error::NotShared);
        }
        let dir = &DataDir::new(&place.data_dir);
        let store = open_store(dir, place)?;
        store.discard_unfinished().map_err(|source| Error::folder("clear", dir.work(), source))?;
        let (journal, loaded) = match &place.journal.0 {
            Records::Segments => open_segments(dir, &*store, options)?,
            Records::Nats(address) => {
                // Who only receives may not be allowed to write; and where the database is away, the next one says so.
                if duty != Duty::Receive && !matches!(store.own(STREAM, true), Ok(true)) {
                    tracing::debug!("the tables could not be marked as those of a stream");
                }
                open_stream(address, &*store, options.max_bytes)?
            }
        };
        let state = Arc::new(LoaderState::default());
        state.set(loaded);
        let mut loader = Loader::new(dir.clone(), Arc::clone(&store), Arc::clone(&journal), Arc::clone(&state));
        loader.may_load(duty != Duty::Receive);
        Ok(Self { store, journal, loader, state })
    }
}

/// The journal in the data folder, and what the tables hold.
fn open_segments(
    dir: &DataDir,
    store: &dyn Store,
    options: SegmentOptions,
) -> Result<(Arc<dyn Journal>, Counts), Error> {
    let (filesystem, folder) = (Arc::new(OsFilesystem), dir.journal());
    let failed = |source: io::Error| Error::folder("open the journal in", &folder, source);
    let loaded = match loaded(store) {
        Ok(counts) => counts,
        // The journal knows its own newest number; without it the number would be unknown.
        Err(_) if segments::is_begun(&*filesystem, &folder).map_err(failed)? => Counts::default(),
        Err(source) => return Err(Error::JournalGone { folder, source: Box::new(source) }),
    };
    let journal = SegmentJournal::open(filesystem, &folder, options, loaded.position).map_err(failed)?;
    Ok((Arc::new(journal), loaded))
}

/// The journal as a stream, and what the tables hold.
fn open_stream(address: &NatsAddress, store: &dyn Store, max_bytes: u64) -> Result<(Arc<dyn Journal>, Counts), Error> {
    let failed = |source: io::Error| Error::Journal { location: address.shown(), source };
    let loaded = match loaded(store) {
        Ok(counts) => counts,
        Err(_) if NatsJournal::is_begun(address).map_err(failed)? => Counts::default(),
        // A new stream would not know where its numbers begin.
        Err(source) => return Err(source),
    };
    let journal = NatsJournal::open(address, max_bytes, loaded.position).map_err(failed)?;
    Ok((Arc::new(journal), loaded))
}

/// The store of a data folder.
fn open_store(dir: &DataDir, place: &Place) -> Result<Arc<dyn Store>, Error> {
    let (location, store) = match &place.store.0 {
        Tables::File => {
            let database = dir.database();
            (database.display().to_string(), SqlStore::duckdb(&database, &dir.work()))
        }
        Tables::Postgres(address) => (place.store.shown(), SqlStore::postgres(address, &dir.work())),
        Tables::Files(address) => (place.store.shown(), open_files(dir, address)?),
    };
    let store = store.map_err(|source| Error::tables(location, source))?;
    if place.journal.0 == Records::Segments && place.store.0 != Tables::File {
        alone(&store)?;
    }
    belongs(dir, place, &store)?;
    Ok(Arc::new(store))
}

/// Tables in files, which this data folder writes.
fn open_files(dir: &DataDir, address: &FilesAddress) -> Result<dlt_engine::Result<SqlStore>, Error> {
    let file = dir.owner();
    let owner = secret(&file).map_err(|source| Error::folder("keep what the folder is known by in", file, source))?;
    Ok(address.open().and_then(|place| SqlStore::files(place, &dir.local(), &owner, &dir.work())))
}

/// How long the lead of a tracker that was killed is waited for.
const LEAD_WAITS: Duration = Duration::from_secs(5);

/// Whether nobody else loads into the tables of a journal that nobody shares: the numbers of another journal would be taken
/// for its own, and what they stand for never be loaded. A database that is away is no reason not to take events.
fn alone(store: &dyn Store) -> Result<(), Error> {
    let until = Instant::now() + LEAD_WAITS;
    while let Ok(Role::Follows) = store.lead() {
        // The session of a process that was killed may take a moment to end.
        if Instant::now() >= until {
            return Err(Error::TablesTaken { named: store.location() });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Whether the events of a data folder go into these tables. Those that the journal has released would be missing in others,
/// and no ledger would tell.
fn belongs(dir: &DataDir, place: &Place, store: &dyn Store) -> Result<(), Error> {
    let note = dir.elsewhere();
    let other = |owner: String, advice: String| Error::OtherTables {
        folder: dir.path().to_owned(),
        owner,
        named: store.location(),
        advice,
    };
    match &place.store.0 {
        Tables::File if note.exists() => {
            let named = std::fs::read_to_string(&note).unwrap_or_default();
            let advice = format!("name it with --store; to begin new tables here, remove {}", note.display());
            Err(other(if named.is_empty() { "tables elsewhere".to_owned() } else { named }, advice))
        }
        Tables::File => Ok(()),
        Tables::Postgres(_) | Tables::Files(_) if note.exists() => match owns(dir, place, store) {
            // A database that is away is no reason not to take events.
            Err(Error::Tables { .. }) => Ok(()),
            owns => owns,
        },
        Tables::Postgres(_) | Tables::Files(_) if dir.database().exists() => {
            let advice = "move them first: `dlt tracker move`; or give this tracker a data folder of its own";
            Err(other(dir.database().display().to_string(), advice.to_owned()))
        }
        Tables::Postgres(_) | Tables::Files(_) => {
            if place.journal.0 == Records::Segments {
                let counts = store.open(Access::Read).and_then(|mut tables| tables.counts());
                let counts = counts.map_err(|source| Error::tables(store.location(), source))?;
                // Of a folder that is new here, or was lost: its journal begins anew, and the tables know its numbers already.
                if counts.position > 0 {
                    return Err(Error::TablesTaken { named: store.location() });
                }
            }
            owns(dir, place, store)?;
            std::fs::write(&note, store.location()).map_err(|source| Error::folder("write", &note, source))
        }
    }
}

/// Whether the tables are of this folder's journal, which they are from now on where they were of none. Two folders that are begun
/// one after the other with empty tables are told apart by it.
fn owns(dir: &DataDir, place: &Place, store: &dyn Store) -> Result<(), Error> {
    if place.journal.0 != Records::Segments {
        return Ok(());
    }
    let file = dir.owner();
    let owner = secret(&file).map_err(|source| Error::folder("write", &file, source))?;
    match store.own(&owner, false).map_err(|source| Error::tables(store.location(), source))? {
        true => Ok(()),
        false => Err(Error::TablesTaken { named: store.location() }),
    }
}

/// What the tables hold.
fn loaded(store: &dyn Store) -> Result<Counts, Error> {
    if !store.exists() {
        return Ok(Counts::default());
    }
    let read = |access| store.open(access)?.counts();
    // After a crash only a writer can recover what the database had not written to its file.
    read(Access::Write).or_else(|_| read(Access::Read)).map_err(|source| Error::tables(store.location(), source))
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

/// The signals that a tracker obeys.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// SIGHUP ends it as SIGTERM does: a terminal was closed. Not where whoever started it wants it to go on then.
    hangup: Option<Signal>,
    /// SIGHUP where there is a certificate to read.
    reload: Option<Signal>,
}

impl Signals {
    fn install(has_certificate: bool) -> io::Result<Self> {
        let ends = !has_certificate && !ignores_hangup();
        let hangup = |is_wanted: bool| is_wanted.then(|| signal(SignalKind::hangup())).transpose();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup(ends)?,
            reload: hangup(has_certificate)?,
        })
    }

    async fn received(self) {
        let Self { mut interrupt, mut terminate, hangup, .. } = self;
        let hangup = async {
            match hangup {
                Some(mut hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hangup => {}
        }
    }
}

/// Whether the process was started with SIGHUP ignored, as `nohup` does. Only Linux tells.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
