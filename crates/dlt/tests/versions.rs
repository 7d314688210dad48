//! Tables that keep versions of rows, and those that are replaced: as a program uses them.

use std::path::{Path, PathBuf};

use dlt::telemetry::Telemetry;
use dlt::{Error, ErrorKind, LoadInfo, MergeStrategy, ReplaceStrategy, Result, Scd2, TableHints, WriteDisposition};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn builder(&self) -> dlt::Builder {
        let destination = dlt::duckdb_at(self.path("shop.duckdb"));
        dlt::pipeline("shop").destination(destination).data_dir(self.path("data")).telemetry(Telemetry::off())
    }

    fn run(&self, source: impl dlt::Source) -> Result<LoadInfo> {
        self.builder().dataset("raw").run(source)
    }

    fn rows(&self, sql: &str) -> Vec<Value> {
        let rows = self.builder().dataset("raw").dataset().unwrap().rows(sql).unwrap();
        rows.into_iter().map(|row| row.into_iter().map(|(_, value)| value).collect()).collect()
    }

    /// Rows that ended, rows that are valid, and different ids.
    fn counts(&self) -> Value {
        let sql = "SELECT count(*) FILTER (_dlt_valid_to IS NOT NULL), count(*) FILTER (_dlt_valid_to IS NULL), \
                   count(DISTINCT _dlt_id) FROM items";
        self.rows(sql).remove(0)
    }
}

fn hints(options: Option<Scd2>) -> TableHints {
    TableHints {
        disposition: Some(WriteDisposition::Merge),
        merge_strategy: Some(MergeStrategy::Scd2),
        scd2: options,
        ..TableHints::default()
    }
}

fn versions(rows: Vec<Value>) -> impl dlt::Source {
    dlt::rows("items", rows).with_hints(hints(None))
}

fn file(path: &Path, text: &str, options: Option<Scd2>) -> impl dlt::Source + use<> {
    std::fs::write(path, text).unwrap();
    dlt::files([path]).table("items").with_hints(hints(options))
}

/// A row has one id, whether its columns were known when it was read or not.
#[test]
fn a_row_has_its_id_by_whatever_way_it_was_read() {
    let place = Place::new();
    let row =
        |id: i64| json!({"id": id, "name": format!("\"{id}\" é"), "l": [{"x": id, "w": [1.5, null]}], "none": null});
    place.run(versions((0..100).map(row).collect())).unwrap();
    // Another order, new columns before, and a value that needs a column beside its own.
    let mut rows = vec![json!({"id": 100, "more": {"deep": 1}}), json!({"id": "text"})];
    rows.extend((0..100).rev().map(row));
    place.run(versions(rows)).unwrap();
    assert_eq!(place.counts(), json!([0, 102, 102]));
    assert_eq!(place.rows("SELECT count(*) FROM items__l"), [json!([100])]);
}

#[test]
fn the_same_file_again_ends_nothing_in_any_format() {
    for (name, first, second) in [
        (
            "items.jsonl",
            "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":\"b\"}\n",
            "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":\"c\"}\n",
        ),
        (
            "items.json",
            "[{\"id\":1,\"v\":\"a\"},{\"id\":2,\"v\":\"b\"}]",
            "[{\"id\":2,\"v\":\"c\"},{\"id\":1,\"v\":\"a\"}]",
        ),
        ("items.csv", "id,v\n1,a\n2,b\n", "id,v\n2,c\n1,a\n"),
    ] {
        let place = Place::new();
        for _ in 0..2 {
            place.run(file(&place.path(name), first, None)).unwrap();
            assert_eq!(place.counts(), json!([0, 2, 2]), "{name}");
        }
        place.run(file(&place.path(name), second, None)).unwrap();
        assert_eq!(place.counts(), json!([1, 2, 3]), "{name}");
    }
}

#[test]
fn what_is_stored_is_obeyed_by_a_load_that_says_nothing() {
    let place = Place::new();
    let options = Scd2::default().row_version_column("v").active_record_timestamp("9999-12-31");
    place.run(dlt::rows("items", [json!({"id": 1, "v": 1})]).with_hints(hints(Some(options)))).unwrap();
    place.run(dlt::rows("items", [json!({"id": 1, "v": 2})])).unwrap();
    let sql = "SELECT v, year(_dlt_valid_to AT TIME ZONE 'UTC') = 9999 FROM items ORDER BY v";
    assert_eq!(place.rows(sql), [json!([1, false]), json!([2, true])]);
}

fn config_error(result: Result<LoadInfo>) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    error
}

#[test]
fn options_that_cannot_be_meant_are_refused_before_anything_is_made() {
    let place = Place::new();
    let by = |options: Scd2| dlt::rows("items", [json!({"id": 1, "v": 1})]).with_hints(hints(Some(options)));
    let error = config_error(place.run(by(Scd2::default().boundary_timestamp("soon"))));
    assert_eq!(error.to_string(), "`boundary_timestamp` is no timestamp: `soon`");
    let without_strategy = TableHints { merge_strategy: None, ..hints(Some(Scd2::default())) };
    let error = config_error(place.run(dlt::rows("items", [json!({"id": 1})]).with_hints(without_strategy)));
    assert_eq!(error.to_string(), "options of scd2 are given for table `items`, and not the strategy");
    assert!(place.builder().dataset("raw").dataset().is_err(), "nothing was made");
    place.run(by(Scd2::default())).unwrap();
    let error = config_error(place.run(by(Scd2::default().validity_columns("a", "b"))));
    assert!(error.to_string().contains("by column `_dlt_valid_from`, not by `a`"), "{error}");
}

#[test]
fn a_version_needs_a_value_in_every_row() {
    let place = Place::new();
    let options = Scd2::default().row_version_column("version");
    for rows in [vec![json!({"id": 1, "version": 1}), json!({"id": 2, "version": null})], vec![json!({"id": 1})]] {
        let error = place.run(dlt::rows("items", rows).with_hints(hints(Some(options.clone())))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains("has no value in `version`"), "{error}");
        let _ = dlt::drop_pending_packages(&place.path("data"), "shop").unwrap();
    }
}

fn replaced(rows: Vec<Value>) -> impl dlt::Source {
    let hints = TableHints { disposition: Some(WriteDisposition::Replace), ..TableHints::default() };
    dlt::rows("items", rows).with_hints(hints)
}

#[test]
fn each_way_to_replace_does_the_same_or_is_refused() {
    for strategy in [ReplaceStrategy::TruncateAndInsert, ReplaceStrategy::InsertFromStaging] {
        let place = Place::new();
        let run = |rows| place.builder().replace_strategy(strategy).dataset("raw").run(replaced(rows)).unwrap();
        run(vec![json!({"id": 1, "l": [1, 2]}), json!({"id": 2, "l": [3]})]);
        run(vec![json!({"id": 3})]);
        assert_eq!(place.rows("SELECT id FROM items"), [json!([3])]);
        assert_eq!(place.rows("SELECT count(*) FROM items__l"), [json!([0])]);
        run(vec![]);
        assert_eq!(place.rows("SELECT count(*) FROM items"), [json!([0])]);
    }
    let place = Place::new();
    let builder = place.builder().replace_strategy(ReplaceStrategy::StagingOptimized);
    let error = config_error(builder.dataset("raw").run(replaced(vec![json!({"id": 1})])));
    assert_eq!(error.to_string(), "a table of duckdb cannot be replaced by the strategy `staging-optimized`");
    assert!(error.advice().unwrap().contains("`insert-from-staging`"));
}
