//! SQLite.

use crate::reading::{drain, failure, open, read, read_one, told};
use dlt_engine::incremental::{Incremental, OnMissing};
use dlt_engine::schema::WriteDisposition;
use dlt_engine::source::{ExtractContext, Source as _, TableHints};
use dlt_source_sql_database::{Level, SqlDatabase, SqlTable, sql_database};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

struct Db {
    folder: TempDir,
}

impl Db {
    fn new(sql: &str) -> Self {
        let db = Self { folder: tempfile::tempdir().unwrap() };
        db.run(sql);
        db
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shop.db")
    }

    fn run(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    fn source(&self) -> SqlDatabase {
        sql_database(&format!("sqlite:{}", self.path().display()))
    }
}

#[test]
fn all_tables_are_loaded_and_views_where_asked() {
    let db = Db::new(
        "CREATE TABLE b(x INT); CREATE TABLE \"a \"\"Table\"\"\"(\"select\" INT); CREATE VIEW v AS SELECT 1 AS one;
         CREATE TABLE _dlt_loads(x INT); CREATE TABLE empty(id INTEGER PRIMARY KEY, t TEXT);
         INSERT INTO b VALUES (1); INSERT INTO \"a \"\"Table\"\"\" VALUES (2)",
    );
    let names =
        |source: &SqlDatabase| -> Vec<String> { read(source).unwrap().into_iter().map(|found| found.name).collect() };
    assert_eq!(names(&db.source()), ["a \"Table\"", "b", "empty"]);
    assert_eq!(names(&db.source().include_views(true)), ["a \"Table\"", "b", "empty", "v"]);
    assert_eq!(names(&db.source().table_names(["v", "B"])), ["v", "b"]);
    assert_eq!(names(&db.source().table_names(["b", "*"])), ["b", "a \"Table\"", "empty"]);
    let empty = read_one(&db.source().table_names(["empty"]));
    assert_eq!((empty.rows().len(), empty.types()), (0, vec![vec!["Int64".to_owned(), "Utf8".to_owned()]]));
}

#[test]
fn declared_types_become_arrow_types() {
    let db = Db::new(
        "CREATE TABLE t(i INTEGER, d DECIMAL(10,2), n NUMERIC, r REAL, x TEXT, b BLOB, f BOOLEAN, da DATE, ti TIME,
            ts DATETIME, j JSON, a);
         INSERT INTO t VALUES (1, 1.1, 2.5, 1, 'é', x'00ff', 1, '2024-02-29', '03:04:05.5', '2024-01-02 03:04:05',
            '{\"a\": [1]}', 'any');
         INSERT INTO t(i) VALUES (9223372036854775807)",
    );
    let found = read_one(&db.source());
    assert_eq!(
        found.types(),
        [[
            "Int64",
            "Decimal128(10, 2)",
            "Decimal128(38, 9)",
            "Float64",
            "Utf8",
            "Binary",
            "Boolean",
            "Date32",
            "Time64(µs)",
            "Timestamp(µs)",
            "Utf8",
            "Utf8"
        ]]
    );
    assert_eq!(found.column("d"), ["1.10", "null"]);
    assert_eq!(found.column("da"), ["2024-02-29", "null"]);
    assert_eq!(found.column("i"), ["1", "9223372036854775807"]);
    let minimal = read_one(&db.source().reflection_level(Level::Minimal));
    assert!(minimal.types()[0].contains(&"Timestamp(µs, \"UTC\")".to_owned()), "{:?}", minimal.types());
}

#[test]
fn values_of_other_types_keep_their_own() {
    let db = Db::new(
        "CREATE TABLE t(i INT, d DATE);
         INSERT INTO t VALUES (1, '2024-01-01'), ('many', '2024-01-02'), (1.5, 'soon'), (2, 20240103)",
    );
    let found = read_one(&db.source());
    let mut values = found.column("i");
    values.sort_unstable();
    assert_eq!(values, ["1", "1.5", "2", "many"]);
    assert!(found.column("d").contains(&"soon".to_owned()) && found.column("d").contains(&"20240103".to_owned()));
}

#[test]
fn keys_nullability_and_lengths_are_hints() {
    let db = Db::new(
        "CREATE TABLE p(a INT, b INT, PRIMARY KEY (b, a));
         CREATE TABLE t(id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, s SMALLINT, pa INT, pb INT,
            FOREIGN KEY (pb, pa) REFERENCES p(b, a))",
    );
    let source = db.source().table_names(["t"]).reflection_level(Level::FullWithPrecision).resolve_foreign_keys(true);
    let resources = open(&source).unwrap();
    let hints = &resources[0].hints;
    let column = |name: &str| hints.columns.iter().find(|column| column.name == name).unwrap();
    assert!(column("id").is("primary_key") && column("id").nullable);
    assert!(!column("name").nullable);
    assert_eq!((column("name").number("precision"), column("s").number("precision")), (Some(20), Some(32)));
    let reference = &hints.references[0];
    assert_eq!((reference.columns.join(","), reference.referenced_table.as_str()), ("pb,pa".to_owned(), "p"));
    assert_eq!(reference.referenced_columns, ["b", "a"]);
    let plain = open(&db.source().table_names(["p"])).unwrap();
    assert!(plain[0].hints.columns.iter().all(|column| column.is("primary_key")));
}

#[test]
fn columns_are_chosen_and_keys_stay() {
    let db = Db::new("CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b INT, c INT); INSERT INTO t VALUES (1, 2, 3, 4)");
    let mut hints = TableHints::default();
    hints.choice.included = vec!["b".into()];
    let found = read_one(&db.source().table(SqlTable::new("t").with_hints(hints)));
    assert_eq!(found.rows(), ["{\"id\":1,\"b\":3}"]);
    let mut hints = TableHints::default();
    hints.choice.excluded = vec!["c".into(), "b".into()];
    assert_eq!(read_one(&db.source().with_hints(hints)).rows(), ["{\"id\":1,\"a\":2}"]);
    let mut hints = TableHints::default();
    hints.choice.included = vec!["bb".into()];
    let error = failure(&db.source().table(SqlTable::new("t").with_hints(hints)));
    assert_eq!(told(&error), "`t` has no column `bb`; did you mean `b`?");
}

#[test]
fn queries_and_conditions() {
    let db = Db::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at DATETIME); INSERT INTO t VALUES (1, '2024-01-01'), (2, NULL)",
    );
    let found = read_one(&db.source().table(SqlTable::new("t").filtered("at IS NULL -- none")));
    assert_eq!(found.column("id"), ["2"]);
    let query = SqlTable::query("q", "SELECT id * 2 AS twice, at FROM t -- all\n;").filtered("twice > 2");
    let found = read_one(&db.source().table(query));
    assert_eq!((found.name.as_str(), found.column("twice")), ("q", vec!["4".to_owned()]));
    for (sql, expected) in [
        ("SELEC 1", "the query is refused: near \"SELEC\""),
        ("DELETE FROM t", "the query gives no rows to load"),
        ("SELECT x FROM t", "no such column: x"),
    ] {
        let said = told(&failure(&db.source().table(SqlTable::query("q", sql))));
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(read_one(&db.source().table_names(["t"])).rows().len(), 2, "nothing was deleted");
}

#[test]
fn batches_are_bounded() {
    let db = Db::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO t SELECT i FROM n",
    );
    let found = read_one(&db.source().chunk_size(300));
    let sizes: Vec<_> = found.batches.iter().map(|batch| batch.num_rows()).collect();
    assert_eq!(sizes, [300, 300, 300, 100]);
}

/// The position that a first run would leave.
fn context(cursor: &str, last: serde_json::Value) -> ExtractContext {
    let state =
        serde_json::json!({"incremental": {cursor: {"initial_value": null, "last_value": last, "unique_hashes": []}}});
    let resources = serde_json::json!({"t": state});
    let context = ExtractContext::default();
    context.state.set("resources", resources);
    context
}

#[test]
fn the_database_is_asked_for_what_is_new() {
    let db = Db::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at DATETIME);
         INSERT INTO t VALUES (1, '2024-01-01 00:00:00'), (2, '2024-03-01T00:00:00'), (3, NULL), (4, 'soon')",
    );
    let read = |cursor: &str, last: serde_json::Value, missing| {
        let incremental = Incremental::new(cursor).on_cursor_value_missing(missing);
        let mut source = db.source().table(SqlTable::new("t").incremental(incremental));
        let mut resources = source.resources(&context(cursor, last)).unwrap();
        let mut ids = drain(resources.remove(0)).unwrap().column("id");
        ids.sort_unstable();
        ids
    };
    assert_eq!(read("id", 3.into(), OnMissing::Raise), ["3", "4"]);
    let moment = "\u{f027}2024-02-15T00:00:00";
    // What is no moment is the engine's to judge, and so are nulls unless they are left out.
    assert_eq!(read("at", moment.into(), OnMissing::Raise), ["2", "3", "4"]);
    assert_eq!(read("at", moment.into(), OnMissing::Exclude), ["2", "4"]);
    let source = db.source().table(SqlTable::new("t").incremental(Incremental::new("att")));
    assert_eq!(told(&failure(&source)), "`t` has no column `att`, which is to be its cursor; did you mean `at`?");
}

#[test]
fn a_merge_takes_the_key_of_the_database() {
    let db = Db::new("CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE u(id INT)");
    let hints = TableHints { disposition: Some(WriteDisposition::Merge), ..TableHints::default() };
    assert!(open(&db.source().table_names(["t"]).with_hints(hints.clone())).is_ok());
    let said = told(&failure(&db.source().table_names(["u"]).with_hints(hints)));
    assert!(said.starts_with("`u` is to be merged, and the database knows no primary key of it"), "{said}");
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let db = Db::new("CREATE TABLE t(id INT)");
    let at = |path: &Path| told(&failure(&sql_database(&format!("sqlite:{}", path.display()))));
    assert!(at(&db.folder.path().join("none.db")).contains("cannot be opened; No such file"));
    assert!(at(db.folder.path()).contains("is a folder"));
    let text = db.folder.path().join("text.db");
    std::fs::write(&text, "this is a text, and longer than the header of a database would be".repeat(20)).unwrap();
    assert!(at(&text).contains("no SQLite database"), "{}", at(&text));
    let nothing = Db::new("CREATE VIEW v AS SELECT 1 AS x");
    assert!(told(&failure(&nothing.source())).contains("`include_views` loads views"));
    assert!(!nothing.folder.path().join("none.db").exists());
}

#[test]
fn a_database_that_is_locked_is_waited_for_and_told() {
    let db = Db::new("CREATE TABLE t(id INT)");
    let other = Connection::open(db.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)").unwrap();
    let source = |query: &str| sql_database(&format!("sqlite:{}{query}", db.path().display()));
    let said = told(&failure(&source("?timeout=0.05")));
    assert!(said.contains("has locked the database"), "{said}");
    assert!(told(&failure(&source("?timeout=soon"))).contains("no number of seconds"));
    assert!(told(&failure(&source("?mode=rw"))).contains("unknown option `mode`"));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(read_one(&source("?timeout=0.05")).column("id"), ["1"]);
}

#[test]
fn a_database_that_others_write_is_read_as_it_was() {
    let db = Db::new("PRAGMA journal_mode = WAL; CREATE TABLE t(id INT); INSERT INTO t VALUES (1), (2), (3)");
    let other = Connection::open(db.path()).unwrap();
    other.execute_batch("INSERT INTO t VALUES (4)").unwrap();
    let mut reader = open(&db.source().chunk_size(1)).unwrap().remove(0).reader;
    assert!(reader.next_chunk().unwrap().is_some());
    other.execute_batch("DELETE FROM t").unwrap();
    let mut rows = 1;
    while reader.next_chunk().unwrap().is_some() {
        rows += 1;
    }
    assert_eq!(rows, 4);
}

#[test]
fn a_reader_that_is_left_ends_and_readers_work_ahead() {
    let db = Db::new(
        "CREATE TABLE a(x INT); CREATE TABLE b(x INT); CREATE TABLE c(x INT); CREATE TABLE d(x INT);
        INSERT INTO a VALUES (1); INSERT INTO b VALUES (2); INSERT INTO c VALUES (3); INSERT INTO d VALUES (4)",
    );
    let mut resources = open(&db.source()).unwrap();
    // One that nobody reads, and the others in another order.
    drop(resources.remove(1));
    resources.reverse();
    let found: Vec<_> = resources.into_iter().map(|resource| drain(resource).unwrap().column("x").concat()).collect();
    assert_eq!(found, ["4", "3", "1"]);
}
