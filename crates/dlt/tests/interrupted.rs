//! What the next run makes of one that failed: nothing is lost, nothing is loaded twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use dlt::telemetry::Telemetry;
use dlt::{Error, ErrorKind, LoadInfo, MergeStrategy, Result, TableHints, WriteDisposition};
use dlt_engine::destination::{
    Access, Capabilities, ChainLoad, Connection, Destination, LoadRecord, Stored, Transaction,
};
use dlt_engine::schema::{Column, DataType, KEY_WITHIN, Schema};
use serde_json::{Value, json};
use tempfile::TempDir;

const FINE: u8 = 0;
/// The load does not begin.
const REFUSES: u8 = 1;
/// The load is committed, and the process hears of a failure.
const COMMITS_AND_FAILS: u8 = 2;
/// The load of the table `days` fails.
const REFUSES_DAYS: u8 = 3;

/// It merges by insert-only, without keys within columns, and has tables of 4 columns.
const TAKES_LITTLE: u8 = 4;

/// DuckDB with a fault that can be switched.
struct Faulty {
    inner: Arc<dyn Destination>,
    fault: Arc<AtomicU8>,
}

struct FaultyConnection(Box<dyn Connection>, Arc<AtomicU8>);
struct FaultyTransaction<'a>(Box<dyn Transaction + 'a>, u8);

fn failure(what: &str) -> Error {
    Error::new(ErrorKind::Destination, what)
}

impl Destination for Faulty {
    fn type_name(&self) -> &str {
        self.inner.type_name()
    }
    fn stored_type(&self) -> String {
        self.inner.stored_type()
    }
    fn location(&self) -> String {
        self.inner.location()
    }
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        if self.fault.load(Ordering::SeqCst) == TAKES_LITTLE {
            capabilities.merge_strategies = &[MergeStrategy::InsertOnly];
            capabilities.max_columns = 4;
            capabilities.keys_within = false;
        }
        capabilities
    }
    fn connect(&self, dataset: &str, access: Access) -> Result<Box<dyn Connection>> {
        Ok(Box::new(FaultyConnection(self.inner.connect(dataset, access)?, Arc::clone(&self.fault))))
    }
}

impl Connection for FaultyConnection {
    fn stored(&mut self, pipeline: &str, schema: &str) -> Result<Stored> {
        self.0.stored(pipeline, schema)
    }
    fn is_loaded(&mut self, load_id: &str) -> Result<bool> {
        self.0.is_loaded(load_id)
    }
    fn begin<'a>(&'a mut self) -> Result<Box<dyn Transaction + 'a>> {
        match self.1.load(Ordering::SeqCst) {
            REFUSES => Err(failure("it is closed today")),
            fault => Ok(Box::new(FaultyTransaction(self.0.begin()?, fault))),
        }
    }
    fn tables(&mut self) -> Result<Vec<String>> {
        self.0.tables()
    }
    fn query(
        &mut self,
        sql: &str,
        on_batch: &mut dyn FnMut(&arrow::datatypes::SchemaRef, arrow::record_batch::RecordBatch) -> Result<()>,
    ) -> Result<()> {
        self.0.query(sql, on_batch)
    }
    fn quote(&self, identifier: &str) -> String {
        self.0.quote(identifier)
    }
}

impl Transaction for FaultyTransaction<'_> {
    fn drop_tables(&mut self, schema: &str, tables: &[String]) -> Result<()> {
        self.0.drop_tables(schema, tables)
    }
    fn empty_tables(&mut self, tables: &[String]) -> Result<()> {
        self.0.empty_tables(tables)
    }
    fn evolve(&mut self, schema: &Schema) -> Result<()> {
        self.0.evolve(schema)
    }
    fn write(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        if self.1 == REFUSES_DAYS && chain.tables[0].table.name == "days" {
            return Err(failure("it takes no days"));
        }
        self.0.write(chain)
    }
    fn commit(self: Box<Self>, record: &LoadRecord<'_>) -> Result<()> {
        self.0.commit(record)?;
        if self.1 == COMMITS_AND_FAILS { Err(failure("nobody heard of the commit")) } else { Ok(()) }
    }
}

struct Place {
    folder: TempDir,
    fault: Arc<AtomicU8>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), fault: Arc::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The pipeline of one machine: with a working folder of its own, and the database that all share.
    fn pipeline_at(&self, machine: &str) -> dlt::Pipeline {
        let inner = dlt::duckdb_at(self.path("shop.duckdb")).open("shop").unwrap();
        let faulty: Arc<dyn Destination> = Arc::new(Faulty { inner, fault: Arc::clone(&self.fault) });
        dlt::pipeline("shop")
            .telemetry(Telemetry::off())
            .data_dir(self.path(machine))
            .destination(faulty)
            .dataset("raw")
    }

    fn run(&self, source: impl dlt::Source, fault: u8) -> Result<LoadInfo> {
        self.fault.store(fault, Ordering::SeqCst);
        let result = self.pipeline_at("here").run(source);
        self.fault.store(FINE, Ordering::SeqCst);
        result
    }

    fn rows(&self, sql: &str) -> Vec<Value> {
        let rows = self.pipeline_at("here").dataset().unwrap().rows(sql).unwrap();
        rows.into_iter().map(|row| row.into_iter().map(|(_, value)| value).collect()).collect()
    }

    fn pending(&self) -> Vec<dlt::PendingPackage> {
        dlt::pending_packages(&self.path("here"), "shop").unwrap()
    }

    fn packages(&self) -> usize {
        std::fs::read_dir(self.path("here/pipelines/shop/packages")).unwrap().count()
    }
}

fn days(days: &[i64]) -> impl dlt::Source + use<> {
    dlt::rows("days", days.iter().map(|day| json!({"day": day})).collect::<Vec<_>>())
}

const DAYS: &str = "SELECT day FROM days ORDER BY day";

#[test]
fn other_rows_under_the_same_call_are_loaded_after_those_that_waited() {
    let place = Place::new();
    assert!(place.run(days(&[1]), REFUSES).is_err());
    let info = place.run(days(&[2]), FINE).unwrap();
    assert!(!info.resumed);
    assert_eq!(place.rows(DAYS), [json!([1]), json!([2])]);
    assert_eq!(place.packages(), 0);
}

#[test]
fn the_same_rows_are_loaded_once_whatever_was_heard_of_the_commit() {
    for fault in [REFUSES, COMMITS_AND_FAILS] {
        let place = Place::new();
        assert!(place.run(days(&[1, 2]), fault).is_err());
        let info = place.run(days(&[1, 2]), FINE).unwrap();
        assert!(info.resumed);
        assert_eq!(place.rows(DAYS), [json!([1]), json!([2])]);
        // Said again, it is another run.
        assert!(!place.run(days(&[1, 2]), FINE).unwrap().resumed);
        assert_eq!(place.rows(DAYS).len(), 4);
        assert_eq!(place.packages(), 0);
    }
}

#[test]
fn no_rows_at_all_only_finish_what_waited() {
    let place = Place::new();
    assert!(place.run(days(&[1]), REFUSES).is_err());
    assert!(place.run(days(&[]), FINE).unwrap().resumed);
    assert_eq!(place.rows(DAYS), [json!([1])]);
}

#[test]
fn a_file_that_changed_since_is_read_again() {
    let place = Place::new();
    let file = place.path("days.jsonl");
    std::fs::write(&file, "{\"day\":1}\n").unwrap();
    assert!(place.run(dlt::files([&file]), REFUSES).is_err());
    std::fs::write(&file, "{\"day\":1}\n{\"day\":2}\n").unwrap();
    assert!(!place.run(dlt::files([&file]), FINE).unwrap().resumed);
    assert_eq!(place.rows(DAYS), [json!([1]), json!([2])]);
    // What was committed counts as a run of its own.
    assert!(place.run(dlt::files([&file]), COMMITS_AND_FAILS).is_err());
    std::fs::write(&file, "{\"day\":3}\n").unwrap();
    assert!(!place.run(dlt::files([&file]), FINE).unwrap().resumed);
    assert_eq!(place.rows(DAYS).len(), 5);
    assert_eq!(place.packages(), 0);
}

#[test]
fn a_schema_that_grew_meanwhile_is_the_one_that_counts() {
    let place = Place::new();
    assert!(place.run(dlt::rows("days", [json!({"day": 1})]), REFUSES).is_err());
    place.pipeline_at("elsewhere").run(dlt::rows("days", [json!({"day": 2, "note": 7})])).unwrap();
    assert!(place.run(dlt::rows("days", [json!({"day": 1})]), FINE).unwrap().resumed);
    // The newest schema knows `note`, so that text gets a column beside it.
    place.run(dlt::rows("days", [json!({"day": 3, "note": "x"})]), FINE).unwrap();
    let sql = "SELECT day, note, note__v_text FROM days ORDER BY day";
    assert_eq!(place.rows(sql), [json!([1, null, null]), json!([2, 7, null]), json!([3, null, "x"])]);
}

#[test]
fn job_files_that_lost_their_content_are_made_again() {
    for fault in [REFUSES, COMMITS_AND_FAILS] {
        let place = Place::new();
        assert!(place.run(days(&[1, 2]), fault).is_err());
        for file in job_files(&place.path("here/pipelines/shop/packages")) {
            let length = std::fs::metadata(&file).unwrap().len() as usize;
            std::fs::write(&file, vec![0; length]).unwrap();
        }
        assert!(place.run(days(&[1, 2]), FINE).unwrap().resumed);
        assert_eq!(place.rows(DAYS), [json!([1]), json!([2])], "fault {fault}");
    }
}

fn job_files(packages: &Path) -> Vec<PathBuf> {
    let package = std::fs::read_dir(packages).unwrap().next().unwrap().unwrap().path();
    let files: Vec<_> =
        std::fs::read_dir(package.join("normalized")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    files
}

#[test]
fn a_wrong_declaration_is_told_before_rows_are_kept_that_would_be_in_the_way() {
    let place = Place::new();
    let error = place.run(dlt::rows("_dlt_days", [json!({"day": 1})]), FINE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let merge = TableHints { disposition: Some(WriteDisposition::Merge), ..TableHints::default() };
    let error = place.run(dlt::rows("days", [json!({"day": 1})]).with_hints(merge), FINE).unwrap_err();
    assert_eq!(error.to_string(), "table `days` is to be merged and has no primary key");
    assert_eq!(place.packages(), 0);
    place.run(days(&[1]), FINE).unwrap();
}

/// What failed yesterday does not stand in the way of what is asked today: input that can be read again goes, with a word.
#[test]
fn a_failed_load_of_a_file_is_dropped_for_another() {
    let place = Place::new();
    let (first, second) = (place.path("days.jsonl"), place.path("weeks.jsonl"));
    std::fs::write(&first, "{\"day\":1}\n").unwrap();
    std::fs::write(&second, "{\"week\":1}\n").unwrap();
    assert!(place.run(dlt::files([&first]), REFUSES).is_err());
    assert_eq!(place.pending()[0].failure.as_deref(), Some("it is closed today"));
    let info = place.run(dlt::files([&second]), FINE).unwrap();
    let notice = &info.trace.notices[0];
    assert!(notice.message.ends_with("of an earlier run was dropped: it is closed today"), "{notice}");
    assert_eq!(place.rows("SELECT week FROM weeks"), [json!([1])]);
    assert_eq!(place.packages(), 0);
    place.run(dlt::files([&first]), FINE).unwrap();
    assert_eq!(place.rows(DAYS), [json!([1])]);
}

/// Rows that are nowhere else stay, and block nothing.
#[test]
fn input_that_cannot_be_had_again_waits_until_it_is_loaded_or_dropped() {
    let place = Place::new();
    let error = place.run(days(&[1]), REFUSES).unwrap_err();
    assert!(error.advice().unwrap().contains("dlt pipeline shop load-pending"), "{error:?}");
    // The destination takes some tables and not others.
    for expected in [1, 2] {
        place.fault.store(REFUSES_DAYS, Ordering::SeqCst);
        let info = place.pipeline_at("here").run(dlt::rows("weeks", [json!({"week": expected})])).unwrap();
        assert!(info.trace.notices[0].message.contains("still waits: it takes no days"), "{:?}", info.trace.notices);
        assert_eq!(place.rows("SELECT count(*) FROM weeks"), [json!([expected])]);
        assert_eq!(place.pending().len(), 1);
    }
    let pending = place.pending();
    assert_eq!((pending[0].resources.as_slice(), pending[0].is_replayable), (["days".to_owned()].as_slice(), false));
    assert!(place.pipeline_at("here").load_pending().is_err());
    place.fault.store(FINE, Ordering::SeqCst);
    let loaded = place.pipeline_at("here").load_pending().unwrap();
    assert_eq!(loaded[0].tables, [("days".to_owned(), 1)]);
    assert_eq!(place.rows(DAYS), [json!([1])]);
    assert!(place.pending().is_empty());
    // And dropped, where nobody wants it any more.
    assert!(place.run(days(&[2]), REFUSES).is_err());
    let dropped = dlt::drop_pending_packages(&place.path("here"), "shop").unwrap();
    assert_eq!((dropped.len(), dropped[0].rows), (1, 1));
    place.run(dlt::rows("weeks", [json!({"week": 3})]), FINE).unwrap();
    assert_eq!(place.rows(DAYS), [json!([1])]);
}

/// The same rows given again take the place of those that wait, and are not loaded twice later.
#[test]
fn rows_that_wait_and_are_given_again_wait_once() {
    let place = Place::new();
    assert!(place.run(days(&[1]), REFUSES).is_err());
    assert!(place.run(days(&[1]), REFUSES_DAYS).is_err());
    assert_eq!(place.packages(), 1);
    assert!(place.run(days(&[2]), REFUSES_DAYS).is_err());
    assert_eq!(place.packages(), 2);
    place.run(days(&[1]), FINE).unwrap();
    assert_eq!(place.rows(DAYS), [json!([1]), json!([2])]);
}

#[test]
fn a_package_for_another_dataset_or_one_that_is_broken_blocks_nothing() {
    let place = Place::new();
    assert!(place.run(days(&[1]), REFUSES).is_err());
    let inner = dlt::duckdb_at(place.path("shop.duckdb")).open("shop").unwrap();
    let other = dlt::pipeline("shop").telemetry(Telemetry::off()).data_dir(place.path("here")).destination(inner);
    let info = other.dataset("other").run(dlt::rows("weeks", [json!({"week": 1})])).unwrap();
    assert!(info.trace.notices[0].message.contains("still waits: it is for dataset `raw`"), "{:?}", info.trace.notices);
    let folder = place.path("here/pipelines/shop/packages/1.5");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("package.json"), "{").unwrap();
    let info = place.run(dlt::rows("weeks", [json!({"week": 1})]), FINE).unwrap();
    assert!(info.trace.notices[0].message.contains("is left alone"), "{:?}", info.trace.notices);
    assert_eq!(place.rows(DAYS), [json!([1])]);
    assert_eq!(place.pending().len(), 1);
    assert_eq!(dlt::drop_pending_packages(&place.path("here"), "shop").unwrap().len(), 1);
    assert_eq!(place.packages(), 0);
}

fn keyed(rows: Vec<Value>) -> impl dlt::Source {
    let hints = TableHints {
        disposition: Some(WriteDisposition::Merge),
        primary_key: vec!["id".to_owned()],
        ..TableHints::default()
    };
    dlt::rows("items", rows).with_hints(hints)
}

/// A merge goes by the key, also where rows came by other ways and have other ids.
#[test]
fn a_merge_replaces_what_has_its_key_however_it_came() {
    let place = Place::new();
    place.run(dlt::rows("items", [json!({"id": 1, "l": ["a"]}), json!({"id": 2, "l": ["b"]})]), FINE).unwrap();
    place.run(keyed(vec![json!({"id": 1, "l": ["x", "y"]}), json!({"id": 3, "l": ["c"]})]), FINE).unwrap();
    assert_eq!(place.rows("SELECT id FROM items ORDER BY id"), [json!([1]), json!([2]), json!([3])]);
    place.run(keyed(vec![json!({"id": 3, "l": ["p", "q", "r"]}), json!({"id": 3, "l": ["z"]})]), FINE).unwrap();
    // A list belongs to the row that it came with, whole, and none is left over.
    let lists = "SELECT i.id, l.value FROM items__l l LEFT JOIN items i ON i._dlt_id = l._dlt_parent_id ORDER BY 1, 2";
    assert_eq!(place.rows(lists), [json!([1, "x"]), json!([1, "y"]), json!([2, "b"]), json!([3, "z"])]);
}

fn by_strategy(strategy: MergeStrategy, rows: Vec<Value>) -> impl dlt::Source {
    let hints = TableHints {
        disposition: Some(WriteDisposition::Merge),
        merge_strategy: Some(strategy),
        primary_key: vec!["id".to_owned()],
        ..TableHints::default()
    };
    dlt::rows("items", rows).with_hints(hints)
}

#[test]
fn a_key_that_comes_twice_with_nested_rows_is_refused_where_ids_are_made_of_keys() {
    let place = Place::new();
    for strategy in [MergeStrategy::InsertOnly, MergeStrategy::Upsert] {
        let twice = vec![json!({"id": 1, "l": ["a"]}), json!({"id": 1, "l": ["x", "y"]})];
        let error = place.run(by_strategy(strategy, twice), FINE).unwrap_err();
        assert!(error.to_string().starts_with("1 key of table `items` comes more than once in this load"), "{error}");
        // Rows that are nowhere else stay, and are not tried with every run.
        let info = place.run(dlt::rows("days", [json!({"day": 1})]), FINE).unwrap();
        assert!(info.trace.notices[0].message.contains("still waits: 1 key of table"), "{:?}", info.trace.notices);
        assert_eq!(dlt::drop_pending_packages(&place.path("here"), "shop").unwrap().len(), 1);
    }
}

#[test]
fn what_insert_only_leaves_out_is_said() {
    let place = Place::new();
    let rows = |v: i64| vec![json!({"id": 1, "v": v}), json!({"id": 1, "v": v + 1}), json!({"id": v, "v": v})];
    let info = place.run(by_strategy(MergeStrategy::InsertOnly, rows(5)), FINE).unwrap();
    assert_eq!(info.trace.notices[0].message, "1 row of table `items` was left out: its key is in the table already");
    let info = place.run(by_strategy(MergeStrategy::InsertOnly, rows(7)), FINE).unwrap();
    assert_eq!(
        info.trace.notices[0].message,
        "2 rows of table `items` were left out: their keys are in the table already"
    );
    assert_eq!(place.rows("SELECT id, v FROM items ORDER BY id"), [json!([1, 5]), json!([5, 5]), json!([7, 7])]);
}

/// A version begins and ends once, at the time of the load that brought it, however often that had to be tried.
#[test]
fn versions_begin_and_end_once_whatever_failed() {
    for fault in [REFUSES, COMMITS_AND_FAILS] {
        let place = Place::new();
        let rows = |v: i64| vec![json!({"id": 1, "v": v, "l": [v]}), json!({"id": 2, "l": [2]})];
        place.run(by_strategy(MergeStrategy::Scd2, rows(1)), FINE).unwrap();
        assert!(place.run(by_strategy(MergeStrategy::Scd2, rows(2)), fault).is_err());
        assert!(place.run(by_strategy(MergeStrategy::Scd2, rows(2)), FINE).unwrap().resumed);
        let sql = "SELECT id, v, _dlt_valid_to IS NULL, epoch_us(_dlt_valid_from) = round(_dlt_load_id::DOUBLE * 1e6) \
                   FROM items ORDER BY id, v";
        let expected = [json!([1, 1, false, true]), json!([1, 2, true, true]), json!([2, null, true, true])];
        assert_eq!(place.rows(sql), expected, "fault {fault}");
        assert_eq!(place.rows("SELECT count(*) FROM items__l"), [json!([3])]);
    }
}

/// Who says nothing of it leaves the table as it is kept.
#[test]
fn what_is_stored_of_a_table_stays_until_it_is_told_otherwise() {
    let place = Place::new();
    let hints = || {
        let schema = place.rows("SELECT schema FROM _dlt_version ORDER BY version DESC LIMIT 1");
        let schema: Value = serde_json::from_str(schema[0][0].as_str().unwrap()).unwrap();
        let table = &schema["tables"]["items"];
        json!([table["write_disposition"], table["x-merge-strategy"]])
    };
    place.run(keyed(vec![json!({"id": 1, "v": 1})]), FINE).unwrap();
    assert_eq!(hints(), json!(["merge", null]));
    place.run(dlt::rows("items", [json!({"id": 1, "v": 2})]), FINE).unwrap();
    assert_eq!(place.rows("SELECT id, v FROM items"), [json!([1, 2])]);
    place.run(by_strategy(MergeStrategy::InsertOnly, vec![json!({"id": 1, "v": 3})]), FINE).unwrap();
    assert_eq!(hints(), json!(["merge", "insert-only"]));
    place.run(keyed(vec![json!({"id": 1, "v": 4})]), FINE).unwrap();
    assert_eq!(hints(), json!(["merge", "insert-only"]));
    assert_eq!(place.rows("SELECT id, v FROM items"), [json!([1, 2])]);
    let append = TableHints { disposition: Some(WriteDisposition::Append), ..TableHints::default() };
    place.run(dlt::rows("items", [json!({"id": 1, "v": 5})]).with_hints(append), FINE).unwrap();
    assert_eq!(hints(), json!(["append", "insert-only"]));
    assert_eq!(place.rows("SELECT id, v FROM items ORDER BY v"), [json!([1, 2]), json!([1, 5])]);
}

#[test]
fn another_key_takes_the_place_of_the_first() {
    let place = Place::new();
    place.run(keyed(vec![json!({"id": 1, "other": 5})]), FINE).unwrap();
    let hints = TableHints {
        disposition: Some(WriteDisposition::Merge),
        primary_key: vec!["other".to_owned()],
        ..TableHints::default()
    };
    place.run(dlt::rows("items", [json!({"id": 2, "other": 5})]).with_hints(hints), FINE).unwrap();
    assert_eq!(place.rows("SELECT id FROM items"), [json!([2])]);
}

#[test]
fn the_name_of_a_schema_stays_in_its_folder() {
    let place = Place::new();
    for name in ["../../x", "My Blog", "1st", "a.b"] {
        let error = place.run(dlt::rows("days", [json!({"day": 1})]).named(name), FINE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{name}");
    }
}

#[test]
fn what_a_destination_cannot_do_is_refused_before_anything_is_read() {
    let place = Place::new();
    let was_read = Arc::new(AtomicU8::new(0));
    let hints = |strategy: MergeStrategy| TableHints {
        disposition: Some(WriteDisposition::Merge),
        merge_strategy: Some(strategy),
        primary_key: vec!["id".to_owned()],
        ..TableHints::default()
    };
    let rows = |strategy: MergeStrategy| {
        let was_read = Arc::clone(&was_read);
        let items =
            std::iter::from_fn(move || (was_read.fetch_add(1, Ordering::SeqCst) == 0).then(|| json!({"id": 1})));
        dlt::rows("users", items).with_hints(hints(strategy))
    };
    let error = place.run(rows(MergeStrategy::Upsert), TAKES_LITTLE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "table `users` is to be merged by upsert, which duckdb cannot do");
    assert_eq!(error.advice(), Some("set its merge strategy to insert-only"));
    assert_eq!(was_read.load(Ordering::SeqCst), 0, "nothing was read");
    assert!(dlt::pending_packages(&place.path("here"), "shop").unwrap().is_empty(), "and nothing waits");
    assert_eq!(place.run(rows(MergeStrategy::InsertOnly), TAKES_LITTLE).unwrap().tables.len(), 1);
    // Keys within a column are known by some, and by insert-only alone.
    let area = || vec![Column::inferred("area", DataType::Text).with(KEY_WITHIN, true)];
    let within =
        |strategy| dlt::rows("areas", [json!({"id": 1})]).with_hints(TableHints { columns: area(), ..hints(strategy) });
    let error = place.run(within(MergeStrategy::InsertOnly), TAKES_LITTLE).unwrap_err();
    assert_eq!(error.to_string(), "table `areas` has its key within the values of `area`, which duckdb cannot do");
    let error = place.run(within(MergeStrategy::Upsert), FINE).unwrap_err();
    assert_eq!(error.to_string(), "table `areas` has its key within the values of `area`, and is merged by upsert");
    assert_eq!(place.run(within(MergeStrategy::InsertOnly), FINE).unwrap().tables.len(), 1);
    // What was stored by others is looked at as well.
    was_read.store(0, Ordering::SeqCst);
    place.run(rows(MergeStrategy::Upsert), FINE).unwrap();
    let stored = dlt::rows("users", [json!({"id": 2})]);
    assert!(place.run(stored, TAKES_LITTLE).unwrap_err().to_string().contains("merged by upsert"));
}

#[test]
fn a_table_that_is_too_wide_is_refused_before_the_load() {
    let place = Place::new();
    let error = place.run(dlt::rows("wide", [json!({"a": 1, "b": 2, "c": 3})]), TAKES_LITTLE).unwrap_err();
    assert_eq!(error.to_string(), "table `wide` has 5 columns, and a table of duckdb can have 4");
    assert_eq!(place.run(dlt::rows("narrow", [json!({"a": 1, "b": 2})]), TAKES_LITTLE).unwrap().tables.len(), 1);
}
