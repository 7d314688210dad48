//! Journal, store and loader of a data folder: here they are chosen and opened.

use std::io;
use std::sync::Arc;

use dlt_engine::destination::Access;

use super::options::Duty;
use super::owner::{alone, belongs};
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::journal::Journal;
use crate::journal::nats::NatsJournal;
use crate::journal::segments::{self, OsFilesystem, SegmentJournal, SegmentOptions};
use crate::loader::{Loader, LoaderState};
use crate::place::{FilesAddress, NatsAddress, Place, Records, Tables};
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
    pub(super) fn open(place: &Place, duty: Duty, options: SegmentOptions) -> Result<Self, Error> {
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
pub(super) fn open_files(dir: &DataDir, address: &FilesAddress) -> Result<dlt_engine::Result<SqlStore>, Error> {
    let file = dir.owner();
    let owner = secret(&file).map_err(|source| Error::folder("keep what the folder is known by in", file, source))?;
    Ok(address.open().and_then(|place| SqlStore::files(place, &dir.local(), &owner, &dir.work())))
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
