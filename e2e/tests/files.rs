//! Datasets of files, together with Python dlt.

use std::path::Path;

use anyhow::Result;
use dlt_testkit::{PythonDlt, S3, Sandbox};
use serde_json::Value;

use crate::differential::{seed, times};
use crate::documents;
use crate::turns::{Place, compare};

/// What Python dlt loads into a folder, or reads of it. Prints JSON.
const PYTHON: &str = r#"
import json, os, sys, dlt
task = json.loads(sys.argv[1])
pipeline = dlt.pipeline("shop", destination=dlt.destinations.filesystem(task["bucket_url"]), dataset_name="raw")
if task.get("rows") is not None:
    @dlt.resource(name="items", write_disposition=task["disposition"], file_format=task.get("file_format"))
    def items():
        state = dlt.current.resource_state()
        state["runs"] = state.get("runs", 0) + 1
        yield task["rows"]
    pipeline.run(items(), **task.get("options", {}))
else:
    pipeline.sync_destination()
dataset = pipeline.dataset()
tables = sorted(pipeline.default_schema.data_table_names())
columns = {table: list(pipeline.default_schema.get_table_columns(table)) for table in tables}
shown = {}
for table in tables:
    names = [name for name in columns[table] if not name.startswith("_dlt")]
    rows = dataset[table].select(*names).arrow().to_pylist() if names else []
    shown[table] = sorted((json.dumps({k: v for k, v in row.items() if v is not None}, default=str, sort_keys=True) for row in rows))
loads = [row[0] for row in dataset(f"SELECT load_id FROM _dlt_loads").fetchall()]
print(json.dumps({"tables": shown, "loads": len(loads), "state": pipeline.state["sources"] if "sources" in pipeline.state else None}))
"#;

fn python(sandbox: &Sandbox, data: &str, task: &Value) -> Result<Value> {
    let run = PythonDlt::shared()?.script(sandbox, PYTHON).arg(task.to_string());
    let run = run.env("DLT_DATA_DIR", sandbox.path(data)).env("RUNTIME__DLTHUB_TELEMETRY", "false");
    let output = run.limit(std::time::Duration::from_secs(120)).succeed()?;
    let last = output.stdout.lines().last().unwrap_or_default().to_owned();
    Ok(serde_json::from_str(&last)?)
}

fn ours(sandbox: &Sandbox, place: &str, format: &str, text: &str, disposition: &str) -> Result<()> {
    let file = sandbox.write("items.jsonl", text)?;
    let run = sandbox.dlt(["ingest"])?.arg(file).args(["--to", place, "--dataset", "raw", "--table", "items"]);
    let run = run.args(["--pipeline", "shop", "--write-disposition", disposition]);
    run.env("DESTINATION__FILESYSTEM__LOADER_FILE_FORMAT", format).succeed()?;
    Ok(())
}

fn query(sandbox: &Sandbox, place: &str, sql: &str) -> Vec<Value> {
    let run = sandbox.dlt(["dataset", "raw", "--from", place, "--format", "json", "--sql", sql]).unwrap();
    run.succeed().unwrap().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Append, new columns, replace: by turns, in every format, and each reads what the other wrote.
#[test]
fn a_folder_is_continued_by_turns() {
    for format in ["jsonl", "parquet", "csv"] {
        let sandbox = Sandbox::new().unwrap();
        let lake = sandbox.path("a lake");
        let place = format!("filesystem:{}", lake.display());
        let task = |rows: Option<Value>, disposition: &str| {
            let options = serde_json::json!({"loader_file_format": format});
            serde_json::json!({"bucket_url": lake, "rows": rows, "disposition": disposition, "options": options})
        };
        // Python begins.
        let first =
            serde_json::json!([{"id": 1, "name": "A", "at": "2024-01-02T03:04:05Z", "tags": ["x", "y"], "ok": true}]);
        python(&sandbox, "python", &task(Some(first), "append")).unwrap();
        // We go on with a new column and another type.
        ours(&sandbox, &place, format, "{\"id\":2,\"name\":\"B\",\"price\":1.5,\"tags\":[\"z\"]}\n", "append").unwrap();
        let rows = query(
            &sandbox,
            &place,
            "SELECT id, name, price, ok, epoch(\"at\")::BIGINT AS seconds FROM items ORDER BY id",
        );
        let expected = serde_json::json!([
            {"id": 1, "name": "A", "price": null, "ok": true, "seconds": 1_704_164_645_i64},
            {"id": 2, "name": "B", "price": 1.5, "ok": null, "seconds": null}
        ]);
        assert_eq!(Value::Array(rows), expected, "{format}");
        // Python on another machine finds schema and state, reads all, and goes on.
        let seen = python(&sandbox, "another", &task(None, "append")).unwrap();
        assert_eq!(seen["tables"]["items"].as_array().unwrap().len(), 2, "{format}: {seen}");
        assert_eq!(seen["tables"]["items__tags"].as_array().unwrap().len(), 3, "{format}: {seen}");
        assert_eq!(seen["loads"], 2, "{format}");
        let third = serde_json::json!([{"id": 3, "extra": 7}]);
        let seen = python(&sandbox, "another", &task(Some(third), "append")).unwrap();
        assert!(seen["state"].to_string().contains("\"runs\":2"), "{format}: the state went on: {seen}");
        let rows = query(&sandbox, &place, "SELECT count(*) AS n, sum(extra)::BIGINT AS extra FROM items");
        assert_eq!(rows, [serde_json::json!({"n": 3, "extra": 7})], "{format}");
        // We replace: old files go, those of nested tables too.
        ours(&sandbox, &place, format, "{\"id\":9}\n", "replace").unwrap();
        assert_eq!(names_in(&lake.join("raw/items")).len(), 1, "{format}");
        assert!(names_in(&lake.join("raw/items__tags")).is_empty(), "{format}");
        assert!(names_in(&lake.join("raw/_dlt_intents")).is_empty(), "{format}");
        let fourth = serde_json::json!([{"id": 10, "tags": ["t"]}]);
        let seen = python(&sandbox, "another", &task(Some(fourth), "replace")).unwrap();
        assert_eq!(seen["tables"]["items"], serde_json::json!(["{\"id\": 10}"]), "{format}: {seen}");
        assert_eq!(query(&sandbox, &place, "SELECT id FROM items"), [serde_json::json!({"id": 10})], "{format}");
        assert_eq!(query(&sandbox, &place, "SELECT count(*) AS n FROM _dlt_loads"), [serde_json::json!({"n": 5})]);
    }
}

#[test]
fn generated_documents_are_as_with_python() {
    let mut cases = documents::small_cases(seed(201), times(12));
    cases.extend(documents::large_cases(seed(203), times(1)));
    compare(&Place::Folders, &cases, None);
}

#[test]
fn generated_documents_in_turns() {
    for turn in [0, 1] {
        compare(&Place::Folders, &documents::large_cases(seed(209 + turn), times(4)), Some(turn as usize));
    }
}

/// A resource of Python dlt may say in which format its table is kept; what we load of it later has that format, too.
#[test]
fn the_format_that_a_table_asks_for_is_obeyed() {
    let sandbox = Sandbox::new().unwrap();
    let lake = sandbox.path("lake");
    let place = format!("filesystem:{}", lake.display());
    let rows = |id: u8| serde_json::json!([{"id": id, "tags": ["x"]}]);
    let task = |id: u8| serde_json::json!({"bucket_url": lake, "rows": rows(id), "disposition": "append", "file_format": "parquet"});
    python(&sandbox, "python", &task(1)).unwrap();
    ours(&sandbox, &place, "jsonl", "{\"id\":2,\"tags\":[\"y\"]}\n", "append").unwrap();
    for table in ["items", "items__tags"] {
        let names = names_in(&lake.join("raw").join(table));
        assert!(names.len() == 2 && names.iter().all(|name| name.ends_with(".parquet")), "{names:?}");
    }
    let found = python(&sandbox, "python", &task(3)).unwrap();
    assert_eq!(found["tables"]["items"].as_array().unwrap().len(), 3, "{found}");
    assert_eq!(query(&sandbox, &place, "SELECT count(*) AS n FROM items__tags")[0]["n"], 3);
}

/// Names and forms of files are those of Python dlt.
#[test]
fn a_load_leaves_the_files_that_python_leaves() {
    let sandbox = Sandbox::new().unwrap();
    let (python_lake, our_lake) = (sandbox.path("python-lake"), sandbox.path("our-lake"));
    let rows = serde_json::json!([{"id": 1, "tags": ["x"]}]);
    let task = serde_json::json!({"bucket_url": python_lake, "rows": rows, "disposition": "append"});
    python(&sandbox, "python", &task).unwrap();
    let text = "{\"id\":1,\"tags\":[\"x\"]}\n";
    ours(&sandbox, &format!("filesystem:{}", our_lake.display()), "jsonl", text, "append").unwrap();
    let mut names = names_in(&our_lake.join("raw"));
    // Intents are gone; their folder stays.
    names.retain(|name| name != "_dlt_intents");
    assert_eq!(names, names_in(&python_lake.join("raw")));
    let shape = |name: &str| -> String { name.chars().map(|c| if c.is_ascii_hexdigit() { '0' } else { c }).collect() };
    let collapse = |name: &str| {
        let mut shape = shape(name);
        while shape.contains("00") {
            shape = shape.replace("00", "0");
        }
        shape
    };
    for folder in ["items", "items__tags", "_dlt_loads", "_dlt_version", "_dlt_pipeline_state"] {
        let of = |lake: &Path| {
            names_in(&lake.join("raw").join(folder)).iter().map(|name| collapse(name)).collect::<Vec<_>>()
        };
        assert_eq!(of(&our_lake), of(&python_lake), "{folder}");
    }
    let init = |lake: &Path| std::fs::read_to_string(lake.join("raw/init")).unwrap();
    assert_eq!(init(&our_lake), init(&python_lake));
}

/// On S3: environment variables, secrets.toml, wrong ones.
#[test]
fn a_bucket_is_a_place_like_a_folder() {
    let sandbox = Sandbox::new().unwrap();
    let server = S3::start().unwrap();
    server.make_bucket("shop").unwrap();
    let file = sandbox.write("items.jsonl", "{\"id\":1}\n{\"id\":2}\n").unwrap();
    let run = |arguments: &[&str]| {
        let run = sandbox.dlt(arguments.iter().copied()).unwrap();
        run.env("DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL", server.url())
            .env("DESTINATION__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID", "key")
            .env("DESTINATION__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "very-secret")
    };
    let file = file.to_str().unwrap();
    run(&["ingest", file, "--to", "s3://shop/lake", "--dataset", "raw"]).succeed().unwrap();
    run(&["ingest", file, "--to", "s3://shop/lake", "--dataset", "raw"]).succeed().unwrap();
    let read = run(&[
        "dataset",
        "raw",
        "--from",
        "s3://shop/lake",
        "--format",
        "json",
        "--sql",
        "SELECT sum(id)::BIGINT AS s FROM items",
    ]);
    assert_eq!(read.succeed().unwrap().stdout.trim(), "{\"s\":6}");
    let missing = run(&["ingest", file, "--to", "s3://none/lake", "--dataset", "raw"]).run().unwrap();
    assert_eq!(missing.code, Some(1), "{missing}");
    assert!(missing.stderr.contains("there is no such bucket") && !missing.stderr.contains("very-secret"), "{missing}");
    let merged = run(&[
        "ingest",
        file,
        "--to",
        "s3://shop/lake",
        "--dataset",
        "raw",
        "--primary-key",
        "id",
        "--write-disposition",
        "merge",
    ]);
    let merged = merged.run().unwrap();
    assert_eq!(merged.code, Some(2), "{merged}");
    assert!(merged.stderr.contains("filesystem cannot do") && merged.stderr.contains("append or replace"), "{merged}");
}
