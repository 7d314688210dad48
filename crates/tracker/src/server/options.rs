//! What a tracker is told when it starts.

use std::path::PathBuf;
use std::time::Duration;

use crate::dashboard::Public;
use crate::decode::Limits;
use crate::http::{RateLimits, TlsFiles};
use crate::journal::segments::SegmentOptions;
use crate::place::{JournalAddress, Place, StoreAddress};
use crate::projects::UnknownKey;
use crate::retention::Retention;

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
            journal_bytes: Some(self.journal_bytes),
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
pub(super) const LOAD_INTERVAL: Duration = Duration::from_secs(1);

/// The same into files: each load makes some.
pub(super) const FILES_INTERVAL: Duration = Duration::from_secs(60);
