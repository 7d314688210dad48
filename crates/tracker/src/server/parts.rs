//! Journal, store and loader of a data folder: how they are opened, and what the tables must have said before they are used.
//!
//! Tables in a server or a bucket may be away, or answer late. Where the folder has a journal of its own that is begun, nothing
//! that they could say is needed to take events: whose they are is then asked before the first load.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::options::Duty;
use super::owner::{Asked, Said};
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::journal::Journal;
use crate::journal::nats::NatsJournal;
use crate::journal::segments::{OsFilesystem, SegmentJournal, SegmentOptions};
use crate::loader::{self, Loader, LoaderState};
use crate::place::{FilesAddress, Place, Records, Tables};
use crate::secret::secret;
use crate::store::sql::SqlStore;
use crate::store::{Counts, STREAM, Store};

/// Journal, store and loader of a data folder.
pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) loader: Loader,
    pub(super) state: Arc<LoaderState>,
}

impl Parts {
    /// Opens them; waits until the tables have answered.
    pub(super) fn open(place: &Place, duty: Duty, options: SegmentOptions) -> Result<Self, Error> {
        let opening = Opening::begin(place, duty, options)?;
        let said = opening.asked.look();
        opening.finish(Some(said))
    }
}

/// Parts that are not open yet: the store is known, and was asked nothing.
pub(super) struct Opening {
    asked: Asked,
    duty: Duty,
    options: SegmentOptions,
}

impl Opening {
    /// Asks nobody.
    pub(super) fn begin(place: &Place, duty: Duty, options: SegmentOptions) -> Result<Self, Error> {
        let (is_shared_store, is_shared_journal) =
            (matches!(place.store.0, Tables::Postgres(_)), place.journal.0 != Records::Segments);
        if is_shared_journal && !is_shared_store || duty != Duty::All && !is_shared_journal {
            return Err(Error::NotShared);
        }
        let dir = DataDir::new(&place.data_dir);
        let store = open_store(&dir, place)?;
        store.discard_unfinished().map_err(|source| Error::folder("clear", dir.work(), source))?;
        Ok(Self { asked: Asked { dir, place: place.clone(), store }, duty, options })
    }

    /// Where the tables are, without a password.
    pub(super) fn location(&self) -> String {
        self.asked.store.location()
    }

    /// Asks the tables. What is on another machine may take its time to answer, and is asked in a thread of its own.
    pub(super) fn ask(&self) -> Result<oneshot::Receiver<Said>, Error> {
        let (sender, receiver) = oneshot::channel();
        let asked = self.asked.clone();
        let look = move || drop(sender.send(asked.look()));
        match self.asked.place.store.0 {
            Tables::File => look(),
            Tables::Postgres(_) | Tables::Files(_) => {
                let thread = std::thread::Builder::new().name("tracker-tables".to_owned());
                thread.spawn(look).map_err(Error::Start)?;
            }
        }
        Ok(receiver)
    }

    /// Whether events can be taken before the tables have answered: they belong to the folder, and the journal knows its newest number
    /// without them.
    pub(super) fn can_wait(&self) -> Result<bool, Error> {
        self.asked.can_wait()
    }

    /// Opens the parts with what the tables said; nothing where they have not answered.
    pub(super) fn finish(self, said: Option<Said>) -> Result<Parts, Error> {
        let Self { asked, duty, options } = self;
        let place = &asked.place;
        // Tables that are away are no reason not to take events.
        let (loaded, away) = match said {
            Some(Ok(counts)) => (Some(counts), None),
            Some(Err(error @ Error::Tables { .. })) => (None, Some(error)),
            Some(Err(error)) => return Err(error),
            None => (None, None),
        };
        let is_asked = loaded.is_some();
        let loaded = match (loaded, away) {
            (Some(counts), _) => counts,
            (None, away) if asked.can_wait()? => {
                if let Some(error) = away {
                    let why = crate::error::in_full(&error);
                    tracing::warn!(why, "the tables can't be reached: events wait in the journal until they can");
                }
                Counts::default()
            }
            (None, away) => return Err(asked.needed(away)),
        };
        let (store, dir) = (Arc::clone(&asked.store), asked.dir.clone());
        let journal: Arc<dyn Journal> = match &place.journal.0 {
            Records::Segments => {
                let folder = dir.journal();
                let open = |loaded| {
                    let journal = SegmentJournal::open(Arc::new(OsFilesystem), &folder, options, loaded);
                    journal.map_err(|source| Error::folder("open the journal in", &folder, source))
                };
                if let Some(begun) = dir.begun_without_tables()?.filter(|begun| is_asked && loaded.position > *begun) {
                    // What was taken since has numbers by which the tables know other events: opened behind them, it would be
                    // released, and is in no table.
                    let journal = open(0)?;
                    if journal.durable() > begun {
                        let source = loader::another_journal(loaded.position, begun);
                        return Err(Error::Journal { location: journal.location(), source });
                    }
                }
                Arc::new(open(loaded.position)?)
            }
            Records::Nats(address) => {
                // Who only receives may not be allowed to write; and where the database is away, the next one says so.
                if is_asked && duty != Duty::Receive && !matches!(store.own(STREAM, true), Ok(true)) {
                    tracing::debug!("the tables could not be marked as those of a stream");
                }
                let journal = NatsJournal::open(address, options.max_bytes, loaded.position);
                Arc::new(journal.map_err(|source| Error::Journal { location: address.shown(), source })?)
            }
        };
        let state = Arc::new(LoaderState::default());
        state.set(loaded);
        let mut loader = Loader::new(dir, Arc::clone(&store), Arc::clone(&journal), Arc::clone(&state));
        loader.may_load(duty != Duty::Receive);
        // Of a stream the numbers are asked for at each load, and others may have given out newer ones.
        if !journal.is_shared() {
            if is_asked {
                asked.dir.tables_answered()?;
            } else {
                let newest = journal.durable();
                let begun = asked.dir.begun_without_tables()?.map_or(newest, |begun| begun.min(newest));
                asked.dir.begin_without_tables(begun)?;
                loader.ask_before(Box::new(move || asked.are_ours()), begun);
            }
        }
        Ok(Parts { store, journal, loader, state })
    }
}

/// The store of a data folder, which is asked nothing yet.
fn open_store(dir: &DataDir, place: &Place) -> Result<Arc<dyn Store>, Error> {
    let (location, store) = match &place.store.0 {
        Tables::File => {
            let database = dir.database();
            (database.display().to_string(), SqlStore::duckdb(&database, &dir.work()))
        }
        Tables::Postgres(address) => (place.store.shown(), SqlStore::postgres(address, &dir.work())),
        Tables::Files(address) => (place.store.shown(), open_files(dir, address)?),
    };
    Ok(Arc::new(store.map_err(|source| Error::tables(location, source))?))
}

/// Tables in files, which this data folder writes.
pub(super) fn open_files(dir: &DataDir, address: &FilesAddress) -> Result<dlt_engine::Result<SqlStore>, Error> {
    let file = dir.owner();
    let owner = secret(&file).map_err(|source| Error::folder("keep what the folder is known by in", file, source))?;
    Ok(address.open().and_then(|place| SqlStore::files(place, &dir.local(), &owner, &dir.work())))
}
