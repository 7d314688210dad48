//! Schema files: what is exported after a load, and what an import does to the next.

use std::fs;
use std::path::Path;

use dlt::telemetry::Telemetry;
use dlt::{DataType, ErrorKind, Schema};
use serde_json::{Value, json};

fn pipeline_of(folder: &Path, database: &str, import: &str, export: &str) -> dlt::Builder {
    dlt::pipeline("shop")
        .destination(dlt::duckdb_at(folder.join(database)))
        .data_dir(folder.join("data"))
        .telemetry(Telemetry::off())
        .import_schema_path(folder.join(import))
        .export_schema_path(folder.join(export))
}

fn pipeline(folder: &Path, database: &str, import: &str, export: &str) -> dlt::Pipeline {
    pipeline_of(folder, database, import, export).dataset("raw")
}

fn users(rows: Value) -> dlt::Rows<impl Iterator<Item = Value> + Send> {
    dlt::rows("users", rows.as_array().unwrap().clone())
}

fn schema_in(folder: &Path, name: &str) -> Schema {
    let file = folder.join(name).join("shop.schema.yaml");
    Schema::from_yaml(&fs::read_to_string(&file).unwrap(), "shop.schema.yaml").unwrap()
}

#[test]
fn the_first_run_writes_what_the_source_declares_and_what_the_data_made_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let shop = pipeline(folder.path(), "shop.duckdb", "import", "export");
    shop.run(users(json!([{"id": 1, "tags": [1]}]))).unwrap();
    let (declared, made) = (schema_in(folder.path(), "import"), schema_in(folder.path(), "export"));
    assert!(declared.tables["users"].columns.is_empty() && !declared.tables.contains_key("users__tags"));
    assert_eq!(made.tables["users"].columns["id"].data_type, Some(DataType::Bigint));
    assert_eq!(made, shop.stored_schema(None).unwrap().unwrap());
    assert_eq!(made.rest["imported_version_hash"], declared.version_hash.as_str());
    // Nothing changed, so nothing is imported.
    let info = shop.run(users(json!([{"id": 2}]))).unwrap();
    assert!(info.trace.notices.is_empty(), "{:?}", info.trace.notices);
    assert_eq!(schema_in(folder.path(), "import"), declared);
}

#[test]
fn an_import_decides_on_types() {
    let folder = tempfile::tempdir().unwrap();
    pipeline(folder.path(), "first.duckdb", "import", "export").run(users(json!([{"id": 1}]))).unwrap();
    let file = folder.path().join("import/shop.schema.yaml");
    let edited = fs::read_to_string(&file)
        .unwrap()
        .replace("  users:\n    columns: {}", "  users:\n    columns:\n      id:\n        data_type: text");
    fs::write(&file, &edited).unwrap();
    // A table that is there keeps its type, and what does not fit it is refused.
    let shop = pipeline(folder.path(), "first.duckdb", "import", "export");
    let error = shop.run(users(json!([{"id": 2}]))).unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("BIGINT"), "{error}");
    let waiting = dlt::drop_pending_packages(&folder.path().join("data"), "shop").unwrap();
    assert_eq!(waiting.len(), 1);
    // Made anew it has the other, and the run tells where that came from.
    let anew = pipeline_of(folder.path(), "first.duckdb", "import", "export").refresh(dlt::Refresh::DropResources);
    let info = anew.dataset("raw").run(users(json!([{"id": 2}]))).unwrap();
    assert!(info.trace.notices[0].message.contains("taken anew"), "{:?}", info.trace.notices);
    assert_eq!(shop.dataset().unwrap().rows("select id from users").unwrap()[0]["id"], "2");
    let again = shop.run(users(json!([{"id": 3}]))).unwrap();
    assert!(again.trace.notices.is_empty(), "{:?}", again.trace.notices);
    // A new dataset begins with the file.
    let fresh = pipeline(folder.path(), "second.duckdb", "import", "export");
    fresh.run(users(json!([{"id": 1}]))).unwrap();
    let schema = fresh.stored_schema(None).unwrap().unwrap();
    assert_eq!(schema.tables["users"].columns["id"].data_type, Some(DataType::Text));
    assert_eq!(fs::read_to_string(&file).unwrap(), edited, "the file is its owner's");
}

#[test]
fn one_folder_may_serve_both() {
    let folder = tempfile::tempdir().unwrap();
    let shop = pipeline(folder.path(), "shop.duckdb", "both", "both");
    for id in 1..4 {
        let info = shop.run(users(json!([{"id": id}]))).unwrap();
        assert!(info.trace.notices.is_empty(), "{:?}", info.trace.notices);
    }
    let text = fs::read_to_string(folder.path().join("both/shop.schema.yaml")).unwrap();
    assert!(text.contains("data_type: bigint") && !text.contains("x-normalizer"), "{text}");
}

#[test]
fn wrong_files_stop_a_run_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let shop = pipeline(folder.path(), "shop.duckdb", "import", "export");
    fs::create_dir_all(folder.path().join("import")).unwrap();
    for (text, word) in [
        ("a: [", "no YAML"),
        ("a: 1\n", "`name` is missing"),
        ("name: other\nversion: 1\nengine_version: 11\ntables: {}\n", "the schema `other`"),
        (
            "name: shop\nversion: 1\nengine_version: 11\ntables: {t: {columns: {a: {data_type: int}}}}\n",
            "unknown variant `int`",
        ),
    ] {
        fs::write(folder.path().join("import/shop.schema.yaml"), text).unwrap();
        let error = shop.run(users(json!([{"id": 1}]))).unwrap_err();
        assert!(error.kind() == dlt::ErrorKind::Config && error.to_string().contains(word), "{error}");
        assert!(error.to_string().contains("shop.schema.yaml"), "{error}");
    }
    assert!(dlt::pending_packages(&folder.path().join("data"), "shop").unwrap().is_empty());
}
