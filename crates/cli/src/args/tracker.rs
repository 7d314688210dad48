//! `dlt tracker` and its commands.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Output, ReportFormat};

/// `dlt tracker`.
#[derive(Debug, Subcommand)]
pub(crate) enum Tracker {
    /// Receive events over HTTP, load them into tables, and show them in a browser
    Serve {
        #[command(flatten)]
        serve: Serve,
        /// Receive events only; another process loads them (`dlt tracker load`)
        #[arg(long)]
        no_load: bool,
    },
    /// Load what others receive, and receive nothing: other trackers of a shared journal, or the edge
    ///
    /// Without --from it runs until it is stopped, for a journal and tables that several processes share. With --from it takes what
    /// the Worker on Cloudflare has stored and was not taken yet, works beside a running server, and ends.
    Load {
        #[command(flatten)]
        serve: Serve,
        /// Take the objects of the edge below this address, each once: s3://BUCKET/events, a folder, or one file
        #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["listen", "show_config"])]
        from: Option<String>,
    },
    /// Print write keys (their hashes) and contracts as the Worker on Cloudflare reads them: its src/settings.js
    Edge {
        #[command(flatten)]
        folder: Folder,
    },
    /// Move the tables of a stopped tracker out of its DuckDB file into Postgres or files
    Move {
        #[command(flatten)]
        folder: Folder,
    },
    /// Print who uses what, and how it goes; works beside a running server
    Report {
        #[command(flatten)]
        folder: Folder,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
        /// Of one project; what came without a key belongs to `default` [default: all]
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
    },
    /// Answer a question in SQL from the tracker's tables; works beside a running server
    Sql {
        /// A query in the words of the database that holds the tables, such as `SELECT event, count(*) FROM events GROUP BY event`
        #[arg(value_name = "SELECT")]
        query: String,
        #[command(flatten)]
        folder: Folder,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Output,
        /// Rows at most, 0 for all [default: 1000 for people, all for other programs]
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
    /// Write keys: which project the events of a sender belong to
    #[command(subcommand)]
    Key(Key),
    /// Contracts: which events a project may send, with which properties
    #[command(subcommand)]
    Contract(Contract),
    /// What was accepted and not stored: why, what it is, and what can be stored now
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Tell whether a server runs on the folder and takes events, for whoever watches it
    Health {
        #[command(flatten)]
        folder: Folder,
    },
    /// Copy everything into a folder that is a data folder again; works beside a running server
    Backup {
        /// A new or empty folder on the tracker's machine
        #[arg(value_name = "DIR")]
        to: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Make a data folder of a backup, in a new or empty folder (`--data`)
    Restore {
        /// The folder of the backup; it stays as it is
        #[arg(value_name = "DIR")]
        from: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Delete what is older than the settings allow (`retain`) and keep counts by the day, as a running server does once a day
    Retain {
        #[command(flatten)]
        folder: Folder,
        /// Tell what would go, and delete nothing
        #[arg(long)]
        dry_run: bool,
        /// Delete also more than half of the rows
        #[arg(long, conflicts_with = "dry_run")]
        force: bool,
    },
    /// Delete every event of an id: from tables, quarantine and journal
    Forget {
        /// The anonymous id, as it is in the tables
        #[arg(value_name = "ID")]
        id: String,
        /// The id is that of a user, as senders tell it: what is in the tables is its hash
        #[arg(long)]
        user: bool,
        #[command(flatten)]
        folder: Folder,
    },
    /// Print the token that opens the dashboard
    Token {
        #[command(flatten)]
        folder: Folder,
    },
    /// Recount from disk: every event that was accepted is accounted for
    Check {
        #[command(flatten)]
        folder: Folder,
    },
}

/// `dlt tracker key`.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key of a project and print it; it is not kept, and cannot be printed again
    Add {
        /// The project; one is there as soon as it has a key
        #[arg(value_name = "PROJECT")]
        project: String,
        /// What the key is for
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// A key that senders have already
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        #[command(flatten)]
        folder: Folder,
    },
    /// Show which keys there are, without the keys themselves
    List {
        #[command(flatten)]
        folder: Folder,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
    },
    /// Print all keys (their hashes) and contracts as one file, for the other receivers of a tracker
    Export {
        #[command(flatten)]
        folder: Folder,
    },
    /// Take keys and contracts of such a file; what is here alone stays. A running tracker knows them a second later
    Import {
        /// What `export` printed
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Refuse what comes with a key from now on
    Revoke {
        /// The key's id, as `list` shows it, or the key itself
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        folder: Folder,
    },
}

/// `dlt tracker contract`.
#[derive(Debug, Subcommand)]
pub(crate) enum Contract {
    /// Look whether a file is a contract
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Propose a contract from what arrived: names, types and how often, and never a value
    Learn {
        /// The project; `default` is that of events without a key
        #[arg(value_name = "PROJECT", default_value = "default")]
        project: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// Print what a project may send
    Show {
        /// The project; `default` is that of events without a key
        #[arg(value_name = "PROJECT")]
        project: String,
        #[command(flatten)]
        folder: Folder,
    },
}

/// `dlt tracker quarantine`.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// Print what is there: by project, reason, event and place
    List {
        #[command(flatten)]
        which: Quarantined,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
        #[command(flatten)]
        folder: Folder,
    },
    /// Print one event
    Show {
        /// Its number, as `list` shows it
        #[arg(value_name = "NUMBER")]
        number: u64,
        #[command(flatten)]
        folder: Folder,
    },
    /// Store those events that their contracts name now
    Replay {
        #[command(flatten)]
        which: Quarantined,
        #[command(flatten)]
        folder: Folder,
    },
}

/// Which quarantined events.
#[derive(Debug, Args)]
pub(crate) struct Quarantined {
    /// Of one project; that of events without a key is `default` [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// With one reason, such as `undeclared_event` [default: all]
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: Option<String>,
}

/// Which tracker.
#[derive(Debug, Default, Args)]
pub(crate) struct Folder {
    /// Folder that keeps everything [default: DLT_TRACKER_DATA, or what the file of settings says]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// File of settings [default: DLT_TRACKER_CONFIG, or tracker.toml in the folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the tables are: postgres://USER@HOST/DATABASE, or files in s3://BUCKET/PREFIX, filesystem:FOLDER [default: tracker.duckdb in
    /// the folder]
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Stream that keeps the journal, such as nats://HOST:4222/STREAM [default: files in the folder]
    #[arg(long, value_name = "URL")]
    pub(crate) journal: Option<String>,
}

/// `dlt tracker serve`.
#[derive(Debug, Default, Args)]
// The command that has it, and more, is a group of the same name.
#[group(skip)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) folder: Folder,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// File with the certificate to speak TLS with, in PEM; read anew when it changes [default: plain HTTP]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// File with the private key of that certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// How it says what happens, on standard error: `text`, or `json`, an object a line [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Show a page to everybody, without a token: of events without a key, or of a project; can be given several times
    #[arg(long, value_name = "PROJECT", num_args = 0..=1, default_missing_value = "default")]
    pub(crate) public: Vec<String>,
    /// Another setting, by its key in the file, such as `limits.request=1MB`; can be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print every setting with its value and where it was said, and start nothing
    #[arg(long)]
    pub(crate) show_config: bool,
}
