//! One open database a file and process.
//!
//! DuckDB guards a file with an advisory lock, which holds between processes but not inside one: two databases opened on
//! the same file by one process would destroy it, and closing any descriptor of it would drop the lock. So all
//! connections of this process to a file share one database, which the last of them closes.

use crate::failure::{explain, needs_memory, not_a_database};
use crate::library::open_library;
use crate::memory;
use dlt_engine::destination::Access;
use dlt_engine::{Error, ErrorKind, Result};
use duckdb::{AccessMode, Config, Connection};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a database is opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    /// Bytes that DuckDB may use before it spills to disk; `None`: what [`memory::default_limit`] says.
    pub(crate) memory_limit: Option<u64>,
    /// Threads of one query; `None`: one a core.
    pub(crate) threads: Option<usize>,
    /// Bytes of the log from which a commit brings it into the file; `None`: DuckDB's own 16 MiB.
    pub(crate) checkpoint_bytes: Option<u64>,
}

impl Settings {
    /// Bytes that DuckDB may use; `None` leaves it to DuckDB.
    pub(crate) fn limit(self) -> Option<u64> {
        self.memory_limit.or_else(memory::default_limit)
    }
}

#[derive(Default)]
struct Slot {
    connections: usize,
    database: Option<(Connection, Access)>,
    /// Threads that the database was opened with.
    threads: u64,
    /// Whether it knows time zones.
    has_zones: bool,
}

type SharedSlot = Arc<Mutex<Slot>>;

static OPEN: Mutex<BTreeMap<PathBuf, SharedSlot>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half-changed when a holder panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection to a database that may have others in this process.
pub(crate) struct Lease {
    connection: Option<Connection>,
    slot: SharedSlot,
    threads: u64,
}

impl Lease {
    /// Opens `file`, or joins those who have it open.
    pub(crate) fn take(file: &Path, access: Access, settings: Settings) -> Result<Self> {
        let slot = Arc::clone(lock(&OPEN).entry(identity(file)).or_default());
        let (connection, threads) = {
            let mut slot = lock(&slot);
            let connection = match &slot.database {
                Some((_, Access::Read)) if access == Access::Write => {
                    return Err(Error::new(
                        ErrorKind::DestinationBusy,
                        format!("cannot open {} for writing: this process is reading it", file.display()),
                    )
                    .hint("close what reads it first"));
                }
                Some((database, _)) => connect(file, database, slot.has_zones)?,
                None => {
                    let database = open(file, access, settings)?;
                    slot.has_zones = has_zones(&database).map_err(|error| explain("open the database", &error))?;
                    let connection = connect(file, &database, slot.has_zones)?;
                    slot.threads = threads(&connection).map_err(|error| explain("open the database", &error))?;
                    slot.database = Some((database, access));
                    connection
                }
            };
            slot.connections += 1;
            (connection, slot.threads)
        };
        Ok(Self { connection: Some(connection), slot, threads })
    }

    pub(crate) fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "the database is closed"))
    }
}

impl Lease {
    /// Threads that the database was opened with, whatever a load has set for a while.
    pub(crate) fn threads(&self) -> u64 {
        self.threads
    }
}

fn threads(connection: &Connection) -> duckdb::Result<u64> {
    connection.query_row("SELECT current_setting('threads')::UBIGINT", [], |row| row.get(0))
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.connection = None;
        let mut slot = lock(&self.slot);
        slot.connections = slot.connections.saturating_sub(1);
        if slot.connections == 0 {
            // Closing writes the log into the database file. It happens under the slot's lock: who opens the file
            // meanwhile waits for it.
            slot.database = None;
        }
    }
}

/// The same for all paths that lead to one file.
fn identity(file: &Path) -> PathBuf {
    let whole = || file.canonicalize().ok();
    let folder = || Some(file.parent()?.canonicalize().ok()?.join(file.file_name()?));
    whole().or_else(folder).unwrap_or_else(|| file.to_owned())
}

fn open(file: &Path, access: Access, settings: Settings) -> Result<Connection> {
    check_place(file, access)?;
    open_library()?;
    let doing = format!("open {}", file.display());
    let attempt = |memory_limit: Option<u64>| -> duckdb::Result<Connection> {
        let mut config = Config::default()
            .access_mode(match access {
                Access::Read => AccessMode::ReadOnly,
                Access::Write => AccessMode::ReadWrite,
            })?
            // JSON, Parquet and time zones are part of the library; anything else would come over the network.
            .enable_autoload_extension(false)?
            .with("autoinstall_known_extensions", "false")?
            .with("allow_community_extensions", "false")?
            // Several would only wait in memory: a group that is full is written at once.
            .with("write_buffer_row_group_count", "1")?;
        if let Some(bytes) = memory_limit {
            config = config.max_memory(&format!("{bytes}B"))?;
        }
        if let Some(bytes) = settings.checkpoint_bytes {
            config = config.with("checkpoint_threshold", format!("{bytes}B"))?;
        }
        if let Some(threads) = settings.threads {
            config = config.threads(i64::try_from(threads).unwrap_or(i64::MAX))?;
        }
        Connection::open_with_flags(file, config)
    };
    let limit = settings.limit();
    let database = match attempt(limit) {
        // A load that widened tables and was killed right after its commit left a log that takes as much memory to read as
        // the load took. DuckDB's own limit, a part of the machine's memory, serves until the log is in the file.
        Err(error) if needs_memory(&error) && limit.is_some() => {
            let database = attempt(None).map_err(|error| explain(&doing, &error))?;
            if access == Access::Write {
                database.execute_batch("CHECKPOINT").map_err(|error| explain(&doing, &error))?;
                // Refused while so much is held, and then the next load sets it.
                let _ = limit.map(|limit| database.execute_batch(&memory_limit(limit)));
            }
            database
        }
        other => other.map_err(|error| explain(&doing, &error))?,
    };
    // What is loaded into memory is lost, and DuckDB would not tell.
    let place = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()";
    let path: Option<String> =
        database.query_row(place, [], |row| row.get(0)).map_err(|error| explain(&doing, &error))?;
    if path.is_none() { Err(not_a_database(&doing)) } else { Ok(database) }
}

/// A statement that sets how much memory the database may use.
fn memory_limit(bytes: u64) -> String {
    format!("SET GLOBAL memory_limit = '{bytes}B'")
}

/// A library without time zones has no such setting, and then UTC is all that it knows.
fn has_zones(database: &Connection) -> duckdb::Result<bool> {
    let zones = "SELECT count(*) FROM duckdb_settings() WHERE name = 'TimeZone'";
    Ok(database.query_row(zones, [], |row| row.get::<_, i64>(0))? > 0)
}

fn connect(file: &Path, database: &Connection, has_zones: bool) -> Result<Connection> {
    let connect = || {
        let connection = database.try_clone()?;
        if has_zones {
            connection.execute_batch("SET TimeZone = 'UTC'")?;
        }
        Ok(connection)
    };
    connect().map_err(|error| explain(&format!("open {}", file.display()), &error))
}

/// Failures that can be told better before DuckDB is asked.
fn check_place(file: &Path, access: Access) -> Result<()> {
    let shown = file.display();
    if file.is_dir() {
        return Err(Error::new(ErrorKind::Destination, format!("cannot open {shown}: it is a folder"))
            .hint("name a file in it, such as shop.duckdb"));
    }
    if access == Access::Read && !file.exists() {
        return Err(Error::new(ErrorKind::Destination, format!("there is no database {shown}"))
            .hint("load something into it first, or check the path"));
    }
    match file.parent() {
        Some(folder) if !folder.is_dir() => {
            let folder = folder.display();
            return Err(Error::new(
                ErrorKind::Destination,
                format!("cannot open {shown}: there is no folder {folder}"),
            )
            .hint(format!("make it: mkdir -p '{folder}'")));
        }
        _ => {}
    }
    if is_something_else(file) { Err(not_a_database(&format!("open {shown}"))) } else { Ok(()) }
}

/// Whether a file holds something, and not a database. DuckDB opens files of data (CSV, JSON, Parquet) too, as views in a
/// database in memory.
///
/// Nobody else in this process has the file open now, who would lose his lock by its being closed here.
fn is_something_else(file: &Path) -> bool {
    if !file.metadata().is_ok_and(|found| found.is_file() && found.len() > 0) {
        return false;
    }
    // A checksum of eight bytes, and the mark. What cannot be read, DuckDB says why.
    let Ok(opened) = File::open(file) else { return false };
    let mut head = Vec::new();
    opened.take(12).read_to_end(&mut head).is_ok() && head.get(8..) != Some(b"DUCK")
}
