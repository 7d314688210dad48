//! Tables as Parquet files, in a folder or an object store: Delta tables that this process alone writes.
//!
//! A change of several tables is made as a whole ([`together`](dlt_destination_filesystem::together)): rows of events, quarantine and
//! lists are written as files, then one object decides that they belong to the tables, and the logs of the tables say so. A process
//! that was killed before that object was written has changed nothing; what one left behind it, the next one finishes.
//!
//! What is asked is answered by a database in memory (`mirror`): events, quarantine and lists are views over the files, all other tables
//! are small and held as tables. Statements that write are done there, in a transaction, and what they changed is then written
//! as files (`change`); loads come through the engine, which sees a destination (`destination`). Small files become larger ones as
//! they come (`upkeep`).
//!
//! Files have no lock. An object names the data folder whose tracker writes; another one is refused.

mod change;
mod destination;
mod mirror;
mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dlt_destination_duckdb::in_memory::InMemory;
use dlt_destination_filesystem::Filesystem;
use dlt_engine::destination::{Access, Row};
use dlt_engine::{Destination, Error, ErrorKind, relabel_utc, rows_of};

use super::database::{Database, Session};
use super::duckdb::DuckDbDialect;
use super::guard;
use crate::store::schema::{DATASET, EVENTS, LISTS, QUARANTINE};
use crate::store::{Dialect, OnBatch, Role};
use change::Change;
use destination::FilesDestination;
use mirror::Mirror;

/// The object that names who writes.
const OWNER: &str = "_owner.json";

/// Tables in files.
pub(super) struct FilesDatabase {
    shared: Arc<Shared>,
    destination: Arc<dyn Destination>,
}

/// What the store, the engine's destination and their sessions have in common.
pub(super) struct Shared {
    place: Filesystem,
    location: String,
    /// What is kept on this machine: copies of files of other machines, and what does not fit into memory.
    local: PathBuf,
    /// By what the data folder is known.
    owner: String,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    mirror: Option<Mirror>,
    /// A change may have been made or not: the store is to be asked.
    is_stale: bool,
    /// Whether this data folder is known to be the one that writes.
    is_owner: bool,
}

/// Whether the rows of a table stay in files, and are not held in memory.
fn is_in_files(table: &str) -> bool {
    table == EVENTS || table == QUARANTINE || table.starts_with(LISTS)
}

impl FilesDatabase {
    /// Opens nothing yet but DuckDB's library. `local` is a folder of this process, `owner` what the data folder is known by.
    pub(super) fn new(place: Filesystem, local: &Path, owner: &str) -> Result<Self, Error> {
        dlt_destination_duckdb::open_library()?;
        let shared = Arc::new(Shared {
            location: Destination::location(&place),
            place,
            local: local.to_owned(),
            owner: owner.to_owned(),
            state: Mutex::new(State::default()),
        });
        let destination = Arc::new(FilesDestination::new(Arc::clone(&shared)));
        Ok(Self { shared, destination })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tables as the store has them, locked for a change.
    fn current(&self) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.lock();
        if state.mirror.is_none() || state.is_stale {
            state.mirror = Some(Mirror::open(&self.place, &self.local)?);
            state.is_stale = false;
        }
        Ok(state)
    }

    /// A connection for questions. While the store is away they are answered by what was known before.
    fn reader(&self) -> Result<InMemory, Error> {
        let state = self.current();
        let state = match state {
            Ok(state) => state,
            Err(error) => {
                let state = self.lock();
                if state.mirror.is_none() {
                    return Err(error);
                }
                state
            }
        };
        match &state.mirror {
            Some(mirror) => mirror.reader(),
            None => Err(Error::new(ErrorKind::Internal, "the tables are not open")),
        }
    }

    /// Whether this data folder's tracker is the one that writes; it is from now on if nobody was.
    fn is_owner(&self) -> Result<bool, Error> {
        let mut state = self.current()?;
        if !state.is_owner
            && let Some(mirror) = &state.mirror
        {
            let own = serde_json::json!({ "data_folder": self.owner }).to_string();
            state.is_owner = mirror.tables.claim(OWNER, &own)? == own;
        }
        Ok(state.is_owner)
    }

    fn change(&self) -> Result<Change<'_>, Error> {
        Change::begin(self.current()?)
    }
}

impl Database for FilesDatabase {
    fn location(&self) -> String {
        self.shared.location.clone()
    }

    /// A store can only be asked; a folder that is missing has no tables.
    fn exists(&self) -> bool {
        self.shared.place.is_there()
    }

    fn destination(&self) -> &Arc<dyn Destination> {
        &self.destination
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &DuckDbDialect
    }

    fn open(&self, _access: Access) -> Result<Box<dyn Session + '_>, Error> {
        Ok(Box::new(Open { shared: &self.shared, reader: self.shared.reader()? }))
    }

    fn lead(&self) -> Result<Role, Error> {
        match self.shared.is_owner()? {
            true => Ok(Role::Leads { is_new: false }),
            false => Ok(Role::Follows),
        }
    }

    fn settles_loads(&self) -> bool {
        true
    }

    fn upkeep(&self) -> Result<(), Error> {
        upkeep::when_due(&self.shared)
    }
}

/// A session: questions beside loads, and changes one after the other.
struct Open<'a> {
    shared: &'a Shared,
    reader: InMemory,
}

impl Session for Open<'_> {
    fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.reader.query(sql, &mut |_, batch| {
            rows.extend(rows_of(&relabel_utc(&batch)?)?);
            Ok(())
        })?;
        Ok(rows)
    }

    fn batches(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error> {
        self.reader.query(sql, &mut |_, batch| on_batch(batch))
    }

    fn ask(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error> {
        guard::check(sql, &mut |sql| self.rows(sql))?;
        self.reader.query(sql, &mut |_, batch| on_batch(batch))
    }

    fn execute(&mut self, sql: &str) -> Result<(), Error> {
        self.transaction("", &[sql.to_owned()])
    }

    fn is_begun(&mut self) -> Result<bool, Error> {
        let sql = format!("SELECT 1 AS one FROM information_schema.tables WHERE table_schema = '{DATASET}' LIMIT 1");
        Ok(!self.rows(&sql)?.is_empty())
    }

    fn hold_still(&mut self) -> Result<(), Error> {
        self.reader.execute("read the tables", "BEGIN TRANSACTION READ ONLY")
    }

    fn transaction(&mut self, _unless: &str, statements: &[String]) -> Result<(), Error> {
        let mut change = self.shared.change()?;
        statements.iter().try_for_each(|sql| change.run(sql))?;
        change.commit()
    }
}
