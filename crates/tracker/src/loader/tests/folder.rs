//! What the tests of the loader have: a data folder with a journal, and one of the databases.

use std::path::PathBuf;
use std::sync::{Mutex, Weak};

use dlt_destination_filesystem::Filesystem;

use crate::data_dir::DataDir;
use crate::journal::NewRecord;
use crate::journal::segments::{OsFilesystem, SegmentJournal, SegmentOptions};
use crate::loader::*;
use crate::store::schema::LOADS;
use crate::store::sql::SqlStore;

/// What holds the tables in a test.
#[derive(Clone, Copy)]
pub(in crate::loader) enum Database {
    DuckDb,
    Postgres,
    Files,
}

/// A data folder with a journal.
pub(in crate::loader) struct Folder {
    pub(in crate::loader) dir: tempfile::TempDir,
    pub(in crate::loader) journal: Arc<SegmentJournal>,
    pub(in crate::loader) database: Database,
    pub(in crate::loader) postgres: Option<dlt_testkit::Postgres>,
    /// The store of a process, as long as anything of it lives.
    pub(in crate::loader) store: Mutex<Weak<SqlStore>>,
}

impl Folder {
    pub(in crate::loader) fn new(database: Database) -> Self {
        let postgres = match database {
            Database::DuckDb | Database::Files => None,
            Database::Postgres => Some(dlt_testkit::Postgres::start().unwrap()),
        };
        let dir = tempfile::tempdir().unwrap();
        // Small segments, so that what is loaded is trimmed.
        let options = SegmentOptions { segment_bytes: 512, ..SegmentOptions::default() };
        let journal = SegmentJournal::open(Arc::new(OsFilesystem), &dir.path().join("journal"), options, 0).unwrap();
        Self { dir, journal: Arc::new(journal), database, postgres, store: Mutex::default() }
    }

    pub(in crate::loader) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(in crate::loader) fn append(&self, kind: Kind, rows: &[&str]) {
        let records = rows.iter().map(|row| NewRecord { kind, payload: row.as_bytes().to_vec() }).collect();
        self.journal.append(records).unwrap().blocking_recv().unwrap().unwrap();
    }

    /// Events with these message ids.
    pub(in crate::loader) fn events(&self, ids: &[&str]) {
        let rows: Vec<String> = ids.iter().map(|id| format!("{{\"message_id\":\"{id}\",\"event\":\"e\"}}")).collect();
        self.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));
    }

    /// A loader as the next process has it.
    pub(in crate::loader) fn loader(&self) -> Loader {
        let state = Arc::new(LoaderState::default());
        Loader::new(DataDir::new(self.dir.path()), self.store(), Arc::clone(&self.journal) as Arc<dyn Journal>, state)
    }

    /// Ends a loader, as its process ends, so that the next one leads. A server of Postgres may notice a moment later that the one is gone.
    pub(in crate::loader) fn end(&self, loader: Loader) {
        drop(loader);
        let Some(postgres) = &self.postgres else { return };
        let leads = || postgres.sql("postgres", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").unwrap();
        let begun = Instant::now();
        while leads().trim() != "0" {
            assert!(begun.elapsed() < Duration::from_secs(60), "somebody else leads");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A loader whose database may take so much memory for loads.
    pub(in crate::loader) fn loader_with_memory(&self, bytes: u64) -> Loader {
        let store = SqlStore::duckdb_with_memory(&self.path("tracker.duckdb"), &self.path("work"), bytes).unwrap();
        let journal = Arc::clone(&self.journal) as Arc<dyn Journal>;
        Loader::new(DataDir::new(self.dir.path()), Arc::new(store), journal, Arc::new(LoaderState::default()))
    }

    pub(in crate::loader) fn store(&self) -> Arc<SqlStore> {
        let mut known = self.store.lock().unwrap();
        if let Some(store) = known.upgrade() {
            return store;
        }
        let work = self.path("work");
        let store = match (self.database, &self.postgres) {
            (Database::Files, _) => {
                let place = Filesystem::at(self.path("lake").to_str().unwrap()).unwrap();
                SqlStore::files(place, &self.path("tables"), "this folder", &work)
            }
            (_, None) => SqlStore::duckdb(&self.path("tracker.duckdb"), &work),
            (_, Some(postgres)) => {
                let address = dlt_postgres::Address::from_url(&postgres.url("postgres")).unwrap();
                SqlStore::postgres(&address, &work)
            }
        };
        let store = Arc::new(store.unwrap());
        *known = Arc::downgrade(&store);
        store
    }

    pub(in crate::loader) fn rows(&self, sql: &str) -> Vec<dlt_engine::destination::Row> {
        self.store().tables(Access::Write).unwrap().rows(sql).unwrap()
    }

    pub(in crate::loader) fn execute(&self, sql: &str) {
        self.store().tables(Access::Write).unwrap().execute(sql).unwrap();
    }

    pub(in crate::loader) fn deduplicated(&self) -> Vec<Option<u64>> {
        let rows = self.rows(&format!("SELECT deduplicated FROM {LOADS} WHERE first_seq > 0 ORDER BY first_seq"));
        rows.iter().map(|row| row["deduplicated"].as_u64()).collect()
    }

    pub(in crate::loader) fn segments(&self) -> usize {
        let files = std::fs::read_dir(self.path("journal")).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "seg")).count()
    }
}
