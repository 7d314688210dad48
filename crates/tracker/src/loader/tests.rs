#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use dlt_engine::source::{ExtractContext, Resource};
use dlt_engine::{Result, Source};

use super::*;
use crate::data_dir::DataDir;
use crate::journal::NewRecord;
use crate::journal::segments::{OsFilesystem, SegmentJournal, SegmentOptions};
use crate::store::Counts;
use crate::store::schema::LOADS;
use crate::store::sql::SqlStore;

/// A data folder with a journal.
struct Folder {
    dir: tempfile::TempDir,
    journal: Arc<SegmentJournal>,
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Small segments, so that what is loaded is trimmed.
        let options = SegmentOptions { segment_bytes: 512, ..SegmentOptions::default() };
        let journal = SegmentJournal::open(Arc::new(OsFilesystem), &dir.path().join("journal"), options, 0).unwrap();
        Self { dir, journal: Arc::new(journal) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, kind: Kind, rows: &[&str]) {
        let records = rows.iter().map(|row| NewRecord { kind, payload: row.as_bytes().to_vec() }).collect();
        self.journal.append(records).unwrap().blocking_recv().unwrap().unwrap();
    }

    /// Events with these message ids.
    fn events(&self, ids: &[&str]) {
        let rows: Vec<String> = ids.iter().map(|id| format!("{{\"message_id\":\"{id}\",\"event\":\"e\"}}")).collect();
        self.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));
    }

    /// A loader as the next process has it.
    fn loader(&self) -> Loader {
        let state = Arc::new(LoaderState::default());
        Loader::new(
            DataDir::new(self.dir.path()),
            Arc::new(self.store()),
            Arc::clone(&self.journal) as Arc<dyn Journal>,
            state,
        )
    }

    /// A loader whose database may take so much memory for loads.
    fn loader_with_memory(&self, bytes: u64) -> Loader {
        let store = SqlStore::duckdb_with_memory(&self.path("tracker.duckdb"), &self.path("work"), bytes).unwrap();
        let journal = Arc::clone(&self.journal) as Arc<dyn Journal>;
        Loader::new(DataDir::new(self.dir.path()), Arc::new(store), journal, Arc::new(LoaderState::default()))
    }

    fn store(&self) -> SqlStore {
        SqlStore::duckdb(&self.path("tracker.duckdb"), &self.path("work")).unwrap()
    }

    fn rows(&self, sql: &str) -> Vec<dlt_engine::destination::Row> {
        self.store().tables(Access::Write).unwrap().rows(sql).unwrap()
    }

    fn deduplicated(&self) -> Vec<Option<u64>> {
        let rows = self.rows(&format!("SELECT deduplicated FROM {LOADS} WHERE first_seq > 0 ORDER BY first_seq"));
        rows.iter().map(|row| row["deduplicated"].as_u64()).collect()
    }

    fn segments(&self) -> usize {
        std::fs::read_dir(self.path("journal")).unwrap().count()
    }
}

#[test]
fn a_row_that_the_tables_refuse_is_put_aside_and_the_others_are_loaded() {
    let folder = Folder::new();
    let rows: Vec<String> = (0..40)
        .map(|number| match number {
            17 => "{\"message_id\":\"broken\",\"event\":}".to_owned(),
            _ => format!("{{\"message_id\":\"m{number}\",\"event\":\"e\"}}"),
        })
        .collect();
    folder.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));

    let mut loader = folder.loader();
    loader.catch_up().unwrap();
    assert_eq!(loader.state.counts(), Counts { position: 40, loaded: 39, quarantined: 1, ..Counts::default() });
    assert_eq!(loader.state.refused.load(Ordering::Relaxed), 1);
    assert_eq!(loader.reader.as_ref().unwrap().position(), 40, "the next load reads on from there");
    assert!(loader.check().unwrap().is_sound());
    assert_eq!(std::fs::read_to_string(folder.path("refused/00000000000000000018.json")).unwrap(), rows[17]);
}

#[test]
fn a_request_is_executed_though_the_database_was_removed_and_clears_refused_rows() {
    let folder = Folder::new();
    let refused = folder.path("refused");
    std::fs::create_dir_all(&refused).unwrap();
    for (name, id) in [("1.json", "ada"), ("2.json", "adam")] {
        std::fs::write(refused.join(name), format!("{{\"anonymous_id\":\"{id}\"}}")).unwrap();
    }
    let request = r#"{"anonymous_id":"ada","requested_at":"2026-03-01T12:00:00.000000Z"}"#;
    folder.append(Kind::Deletion, &[request]);
    folder.append(Kind::Event, &[r#"{"message_id":"m","event":"e","anonymous_id":"ada"}"#]);
    folder.append(Kind::Deletion, &[request]);

    let mut loader = folder.loader();
    loader.catch_up().unwrap();
    let expected = Counts { position: 3, deleted_events: 1, requests: 2, ..Counts::default() };
    assert_eq!(loader.state.counts(), expected);
    let check = loader.check().unwrap();
    assert!(check.is_sound(), "{check}");
    assert!(!refused.join("1.json").exists() && refused.join("2.json").exists());
}

#[test]
fn what_came_again_is_written_down_once_and_a_lost_row_shows() {
    let folder = Folder::new();
    let mut loader = folder.loader();
    for ids in [&["a", "b"][..], &["b", "c", "c"], &["d"]] {
        folder.events(ids);
        loader.catch_up().unwrap();
    }
    assert_eq!(folder.deduplicated(), [Some(0), Some(2), Some(0)]);
    let counts = loader.state.counts();
    assert_eq!((counts.loaded, counts.deduplicated), (4, 2));
    assert!(loader.check().unwrap().is_sound());
    drop(loader);

    folder.rows("DELETE FROM events WHERE message_id = 'c'");
    let mut loader = folder.loader();
    let check = loader.check().unwrap();
    assert_eq!((check.ledger.deduplicated, check.ledger.unaccounted()), (2, 1));
    assert!(check.problems[0].starts_with("1 events that were loaded are not in the table any more"), "{check}");
    // They were looked for before: nothing of what is settled is read again.
    assert!(!folder.path("refused").exists());
    folder.events(&["e"]);
    assert_eq!(loader.report(None).unwrap().ledger.unaccounted(), 1);
}

#[test]
fn a_report_is_read_beside_the_loader_and_tells_what_waits() {
    let folder = Folder::new();
    let store = folder.store();
    assert_eq!(report(&store, &*folder.journal, None).unwrap().ledger, crate::ledger::Ledger::default());
    let mut loader = folder.loader();
    folder.events(&["a", "b"]);
    loader.catch_up().unwrap();
    folder.events(&["c", "d", "a"]);
    let found = report(&store, &*folder.journal, None).unwrap();
    assert_eq!((found.total, found.ledger.in_journal, found.ledger.unaccounted()), (2, 3, 0));

    // Whatever is loaded meanwhile, its numbers are of one moment.
    let done = std::sync::atomic::AtomicBool::new(false);
    let total = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            loop {
                let is_last = done.load(Ordering::Relaxed);
                let found = report(&store, &*folder.journal, None).unwrap();
                assert_eq!((found.ledger.unaccounted(), found.ledger.loaded), (0, found.total));
                if is_last {
                    break found.total;
                }
            }
        });
        for number in 0..12 {
            folder.events(&[&format!("x{number}"), "a", &format!("y{number}")]);
            loader.catch_up().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert_eq!(total, 28);
}

#[test]
fn a_load_that_needs_more_memory_gets_it() {
    let folder = Folder::new();
    folder.events(&["a"]);
    folder.loader().catch_up().unwrap();
    let ids: Vec<String> = (0..30_000).map(|number| format!("{number:090}")).collect();
    folder.events(&Vec::from_iter(ids.iter().map(String::as_str)));
    let mut loader = folder.loader_with_memory(12 << 20);
    let mut tables = loader.store.open(Access::Write).unwrap();
    let batch = folder.journal.reader(1).read(folder.journal.durable(), usize::MAX).unwrap();
    let failed = tables.append(JournalRows::new(&batch, &HashSet::new(), Timestamp::now()));
    assert!(failed.is_err_and(|error| error.kind() == ErrorKind::Destination), "so much fits into less");
    drop(tables);
    loader.catch_up().unwrap();
    assert_eq!(loader.state.counts().loaded, 30_001);
    assert!(loader.check().unwrap().is_sound());
}

#[test]
fn what_is_not_found_is_kept_and_the_rest_goes_on() {
    let folder = Folder::new();
    let mut loader = folder.loader();
    folder.events(&["a", "b", "c"]);
    folder.append(Kind::Quarantine, &[r#"{"message_id":"q","reason":"no_event_name","bytes":2}"#]);
    loader.catch_up().unwrap();
    drop(loader);
    // A kill between the load and the search for it; and then somebody's hand.
    folder.rows(&format!("UPDATE {LOADS} SET deduplicated = NULL"));
    folder.rows("DELETE FROM quarantine");
    folder.rows("DELETE FROM events WHERE message_id = 'b'");
    for number in 0..20 {
        folder.events(&["c", &format!("more{number}")]);
    }

    let mut loader = folder.loader();
    let check = loader.check().unwrap();
    assert_eq!((check.ledger.deduplicated, check.ledger.unaccounted(), check.problems.len()), (20, 2, 3), "{check}");
    assert_eq!(loader.report(None).unwrap().ledger, check.ledger);
    let kept = |number: u64| std::fs::read_to_string(folder.path(&format!("refused/{number:020}.json"))).unwrap();
    assert_eq!(kept(2), r#"{"message_id":"b","event":"e"}"#);
    assert!(kept(4).contains("no_event_name"));
    assert_eq!(std::fs::read_dir(folder.path("refused")).unwrap().count(), 2);
    assert!(folder.segments() <= 2, "{} segments", folder.segments());
}

/// As a tracker of a version before wrote its tables.
struct Before(JournalRows);

impl Source for Before {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn identity(&self) -> String {
        self.0.identity()
    }

    fn is_replayable(&self) -> bool {
        true
    }

    fn resources(&mut self, context: &ExtractContext) -> Result<Vec<Resource>> {
        let mut resources = self.0.resources(context)?;
        for resource in &mut resources {
            resource.hints.columns.retain(|column| column.name != "deduplicated");
        }
        Ok(resources)
    }
}

fn load_as_before(folder: &Folder, after: u64) {
    let batch = folder.journal.reader(after).read(folder.journal.durable(), usize::MAX).unwrap();
    folder.store().pipeline.run(Before(JournalRows::new(&batch, &HashSet::new(), Timestamp::now()))).unwrap();
}

#[test]
fn a_database_of_the_version_before_gains_what_its_loads_took() {
    let folder = Folder::new();
    let mut loader = folder.loader();
    folder.events(&["a", "b", "a"]);
    load_as_before(&folder, 0);
    // The first load was found in the tables and left the journal, the second not yet.
    folder.events(&["c"; 30]);
    folder.journal.release(3).unwrap();
    load_as_before(&folder, 3);
    let store = folder.store();
    let mut tables = store.open(Access::Write).unwrap();
    assert!(!tables.are_current().unwrap());
    assert_eq!(tables.counts().unwrap().deduplicated, 30);
    drop(tables);

    let expected = Counts { position: 33, loaded: 3, deduplicated: 30, ..Counts::default() };
    loader.catch_up().unwrap();
    assert_eq!(loader.state.counts(), expected);
    assert_eq!(folder.deduplicated(), [Some(1), Some(29)]);
    assert!(loader.check().unwrap().is_sound());
    folder.events(&["d", "a"]);
    assert!(loader.check().unwrap().is_sound());
    assert_eq!(folder.deduplicated(), [Some(1), Some(29), Some(1)]);
}
