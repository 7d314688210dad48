//! Runs that begin anew, resources that are dropped, and working folders that are made anew.

use std::path::Path;

use dlt::telemetry::Telemetry;
use dlt::{ErrorKind, Refresh, Selection};
use serde_json::{Value, json};

fn builder(folder: &Path) -> dlt::Builder {
    dlt::pipeline("shop")
        .destination(dlt::duckdb_at(folder.join("shop.duckdb")))
        .data_dir(folder.join("data"))
        .telemetry(Telemetry::off())
}

fn orders() -> dlt::Rows<impl Iterator<Item = Value> + Send> {
    dlt::rows("orders", vec![json!({"id": 1, "items": [{"sku": "a"}]}), json!({"id": 2})])
}

fn users() -> dlt::Rows<impl Iterator<Item = Value> + Send> {
    dlt::rows("users", vec![json!({"id": 1})])
}

fn counts(folder: &Path) -> Vec<(String, u64)> {
    let mut counts = builder(folder).dataset("raw").dataset().unwrap().row_counts().unwrap();
    counts.sort();
    counts
}

fn rows(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect()
}

/// Both resources, loaded twice.
fn loaded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        builder(folder.path()).dataset("raw").run(orders()).unwrap();
        builder(folder.path()).dataset("raw").run(users()).unwrap();
    }
    folder
}

fn of(resource: &str) -> Selection {
    Selection { resources: vec![resource.to_owned()], ..Selection::default() }
}

#[test]
fn each_mode_replaces_its_own() {
    for (mode, expected) in [
        (Refresh::DropResources, vec![("orders", 4), ("orders__items", 2), ("users", 1)]),
        (Refresh::DropData, vec![("orders", 4), ("orders__items", 2), ("users", 1)]),
        (Refresh::DropSources, vec![("users", 1)]),
    ] {
        let folder = loaded();
        builder(folder.path()).refresh(mode).dataset("raw").run(users()).unwrap();
        assert_eq!(counts(folder.path()), rows(&expected), "{mode:?}");
        // The next run adds again.
        builder(folder.path()).dataset("raw").run(users()).unwrap();
        assert_eq!(counts(folder.path()).last(), rows(&[("users", 2)]).last(), "{mode:?}");
        let loads = dlt::loaded_packages(&folder.path().join("data"), "shop").unwrap();
        assert_eq!((loads.len(), loads[1].refresh, loads[0].refresh), (6, Some(mode), None));
        assert_eq!(loads[1].tables, rows(&[("users", 1)]));
    }
}

#[test]
fn a_refresh_lets_a_column_have_another_type() {
    let folder = loaded();
    let words = || dlt::rows("users", [json!({"id": "one"})]);
    builder(folder.path()).refresh(Refresh::DropResources).dataset("raw").run(words()).unwrap();
    let pipeline = builder(folder.path()).dataset("raw");
    let schema = pipeline.stored_schema(None).unwrap().unwrap();
    assert_eq!(schema.tables["users"].columns["id"].data_type, Some(dlt::DataType::Text));
    assert_eq!(pipeline.dataset().unwrap().rows("select id from users").unwrap()[0]["id"], "one");
}

#[test]
fn a_load_that_fails_drops_nothing() {
    let folder = loaded();
    // A table that another pipeline made, whose column takes no text.
    let other = dlt::pipeline("other")
        .destination(dlt::duckdb_at(folder.path().join("shop.duckdb")))
        .data_dir(folder.path().join("data"))
        .telemetry(Telemetry::off())
        .dataset("raw");
    other.run(dlt::rows("days", [json!({"day": 1})])).unwrap();
    let before = counts(folder.path());
    let stored = builder(folder.path()).dataset("raw").stored_schema(None).unwrap();
    for mode in Refresh::ALL {
        let run = builder(folder.path()).refresh(mode).dataset("raw");
        let error = run.run(dlt::rows("days", [json!({"day": "monday"})])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert_eq!(counts(folder.path()), before, "{mode:?}");
        assert_eq!(builder(folder.path()).dataset("raw").stored_schema(None).unwrap(), stored);
        dlt::drop_pending_packages(&folder.path().join("data"), "shop").unwrap();
    }
}

#[test]
fn dropped_resources_leave_tables_schema_and_history() {
    let folder = loaded();
    let pipeline = builder(folder.path()).dataset("raw");
    let plan = pipeline.plan_drop(None, &of("orders")).unwrap();
    assert_eq!(plan.selected.tables_with_data, ["orders__items", "orders"]);
    assert_eq!(counts(folder.path()).len(), 3, "a plan changes nothing");
    let load_id = pipeline.drop_selected(&plan).unwrap();
    assert_eq!(counts(folder.path()), rows(&[("users", 2)]));
    let schema = pipeline.stored_schema(None).unwrap().unwrap();
    assert!(!schema.tables.contains_key("orders") && schema.tables.contains_key("users"));
    assert_eq!(pipeline.dataset().unwrap().load_row_counts(&load_id).unwrap(), Some(Vec::new()));
    let newest = &dlt::loaded_packages(&folder.path().join("data"), "shop").unwrap()[0];
    assert_eq!((&newest.load_id, &newest.dropped[..]), (&load_id, &["orders__items".to_owned(), "orders".into()][..]));
    // As if they had never been there; and once more, so that a version comes back that was there before.
    for _ in 0..2 {
        builder(folder.path()).dataset("raw").run(orders()).unwrap();
        assert_eq!(counts(folder.path()), rows(&[("orders", 2), ("orders__items", 1), ("users", 2)]));
        let pipeline = builder(folder.path()).dataset("raw");
        pipeline.drop_selected(&pipeline.plan_drop(None, &of("orders")).unwrap()).unwrap();
        assert!(!pipeline.stored_schema(None).unwrap().unwrap().tables.contains_key("orders"));
    }
}

#[test]
fn a_plan_is_for_the_dataset_as_it_was() {
    let folder = loaded();
    let pipeline = builder(folder.path()).dataset("raw");
    let plan = pipeline.plan_drop(None, &of("orders")).unwrap();
    pipeline.run(dlt::rows("more", [json!({"id": 1})])).unwrap();
    let error = pipeline.drop_selected(&plan).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert_eq!(counts(folder.path()).len(), 4);
    let error = pipeline.plan_drop(Some("nope"), &of("orders")).unwrap_err();
    assert!(error.to_string().contains("no schema `nope`"), "{error}");
}

#[test]
fn a_working_folder_is_made_anew() {
    let folder = loaded();
    let data = folder.path().join("data");
    let known = builder(folder.path()).dataset("raw").info().unwrap();
    std::fs::write(data.join("pipelines/shop/schemas/stale.schema.json"), "{}").unwrap();
    let synced = builder(folder.path()).dataset("raw").sync().unwrap();
    assert_eq!((synced.schemas, synced.has_state), (vec!["shop".to_owned()], true));
    assert_eq!(builder(folder.path()).dataset("raw").info().unwrap(), known);
    assert!(!data.join("pipelines/shop/schemas/stale.schema.json").exists());
    assert!(dlt::local_copy(&data, "shop", "shop").unwrap().schema.unwrap().tables.contains_key("orders__items"));
    // Another machine, and then a destination that knows nothing.
    std::fs::remove_dir_all(&data).unwrap();
    builder(folder.path()).dataset("raw").sync().unwrap();
    assert_eq!(builder(folder.path()).dataset("raw").info().unwrap(), known);
    let synced = builder(folder.path()).dataset("nothing").sync().unwrap();
    assert!(synced.schemas.is_empty() && !synced.has_state);
    assert_eq!(builder(folder.path()).dataset("raw").info().unwrap(), None);
}

#[test]
fn nothing_is_dropped_while_a_package_waits() {
    let folder = loaded();
    let pipeline = builder(folder.path()).dataset("raw");
    let plan = pipeline.plan_drop(None, &of("orders")).unwrap();
    let other = dlt::pipeline("other")
        .destination(dlt::duckdb_at(folder.path().join("shop.duckdb")))
        .data_dir(folder.path().join("data"))
        .telemetry(Telemetry::off())
        .dataset("raw");
    other.run(dlt::rows("days", [json!({"day": 1})])).unwrap();
    pipeline.run(dlt::rows("days", [json!({"day": "monday"})])).unwrap_err();
    let error = pipeline.drop_selected(&plan).unwrap_err();
    assert!(error.to_string().contains("1 load package waits"), "{error}");
    assert_eq!(counts(folder.path()).len(), 4);
}
