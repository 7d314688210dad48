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
use crate::secret::random_hex;
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
    /// By what this process is.
    process: String,
    /// Who makes a change holds it, while files are written.
    state: Mutex<State>,
    /// What connections for questions are made of, beside changes.
    readers: Mutex<Readers>,
}

#[derive(Default)]
pub(super) struct State {
    mirror: Option<Mirror>,
    /// A change may have been made or not: the store is to be asked.
    is_stale: bool,
    /// Whether this process was the one that writes.
    has_led: bool,
    /// Whether it still was when that was asked.
    is_writer: bool,
}

#[derive(Default)]
struct Readers {
    database: Option<InMemory>,
    /// How often the tables were read from the store.
    generation: u64,
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
            process: random_hex::<8>()
                .map_err(|error| Error::new(ErrorKind::Internal, "the system has no random numbers").because(error))?,
            state: Mutex::new(State::default()),
            readers: Mutex::new(Readers::default()),
        });
        let destination = Arc::new(FilesDestination::new(Arc::clone(&shared)));
        Ok(Self { shared, destination })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tables as the store has them, locked for a change.
    fn current(&self) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.lock();
        self.refresh(&mut state)?;
        Ok(state)
    }

    /// Reads the tables from the store, where it is not known what they are.
    fn refresh(&self, state: &mut State) -> Result<(), Error> {
        if state.mirror.is_none() || state.is_stale {
            let mirror = Mirror::open(&self.place, &self.local)?;
            let mut readers = self.readers();
            readers.database = Some(mirror.reader()?);
            readers.generation += 1;
            (state.mirror, state.is_stale) = (Some(mirror), false);
        }
        Ok(())
    }

    /// A connection for questions, which waits for no change; and the generation of what it shows. While the store is away it shows what
    /// was known before.
    fn reader(&self) -> Result<(InMemory, u64), Error> {
        let is_known = self.readers().database.is_some();
        let refreshed = match self.state.try_lock() {
            Ok(mut state) => self.refresh(&mut state),
            Err(_) if is_known => Ok(()),
            Err(_) => self.current().map(drop),
        };
        if !is_known {
            refreshed?;
        }
        let readers = self.readers();
        let database = readers.database.as_ref().map(mirror::reader);
        let database = database.unwrap_or_else(|| Err(Error::new(ErrorKind::Internal, "the tables are not open")))?;
        Ok((database, readers.generation))
    }

    /// Who writes the tables: this process from now on, if it is the newest of the data folder that has them.
    fn writer(&self) -> Result<Writer, Error> {
        let mut state = self.current()?;
        let Some(mirror) = &state.mirror else { return Ok(Writer::Another) };
        let own = serde_json::json!({ "data_folder": self.owner, "process": self.process }).to_string();
        let mut named = mirror.tables.note(OWNER)?;
        if named.is_none() {
            named = Some(mirror.tables.claim(OWNER, &own)?);
        }
        let named = named.unwrap_or_default();
        let is_of_folder = named.contains(&serde_json::json!(self.owner).to_string());
        let writer = match (named == own, is_of_folder, state.has_led) {
            (true, _, _) => Writer::This,
            (false, true, false) => {
                mirror.tables.set_note(OWNER, &own)?;
                Writer::This
            }
            (false, true, true) => Writer::Copy,
            (false, false, _) => Writer::Another,
        };
        state.has_led |= writer == Writer::This;
        state.is_writer = writer == Writer::This;
        Ok(writer)
    }

    fn taken(&self) -> Error {
        let message = format!("the tables in {} are written by another process", self.location);
        Error::new(ErrorKind::DestinationBusy, message)
            .hint("stop the tracker of the copied data folder, and start this one anew; or give one of them a place of its own")
    }

    fn change(&self) -> Result<Change<'_>, Error> {
        let mut state = self.current()?;
        if !state.has_led {
            drop(state);
            self.writer()?;
            state = self.current()?;
        }
        match state.is_writer {
            true => Change::begin(state),
            false => Err(self.taken()),
        }
    }
}

/// Who writes the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    This,
    /// A process that began later, of a data folder with the same name.
    Copy,
    /// That of another data folder.
    Another,
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
        let (reader, generation) = self.shared.reader()?;
        Ok(Box::new(Open { shared: &self.shared, reader, generation, is_still: false }))
    }

    fn lead(&self) -> Result<Role, Error> {
        match self.shared.writer()? {
            Writer::This => Ok(Role::Leads { is_new: false }),
            Writer::Copy => Err(self.shared.taken()),
            Writer::Another => Ok(Role::Follows),
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
    generation: u64,
    is_still: bool,
}

impl Open<'_> {
    /// What a change left that failed is read anew from the store; then there is another database.
    fn follow(&mut self) -> Result<(), Error> {
        if !self.is_still && self.shared.readers().generation != self.generation {
            (self.reader, self.generation) = self.shared.reader()?;
        }
        Ok(())
    }
}

impl Session for Open<'_> {
    fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        self.follow()?;
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
        self.follow()?;
        self.is_still = true;
        self.reader.execute("read the tables", "BEGIN TRANSACTION READ ONLY")
    }

    fn transaction(&mut self, _unless: &str, statements: &[String]) -> Result<(), Error> {
        let mut change = self.shared.change()?;
        statements.iter().try_for_each(|sql| change.run(sql))?;
        change.commit()
    }
}
