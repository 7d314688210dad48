//! Iceberg tables, together with Python dlt and pyiceberg.

use std::fs;
use std::path::{Path, PathBuf};

use dlt_testkit::{S3, Sandbox};
use serde_json::{Value, json};

use super::Lake;

/// What Python dlt loads into a lake, and what pyiceberg reads of it. Prints JSON.
const PYTHON: &str = r#"
import json, os, sys, dlt, datetime, decimal, fsspec
from dlt.common.libs.pyiceberg import get_iceberg_tables
from dlt.destinations.adapters import iceberg_adapter, iceberg_partition
from pyiceberg.table import StaticTable
task = json.loads(sys.argv[1])
place = task["bucket_url"] + "/raw/"
options, files = {}, fsspec.filesystem("file")
if task["endpoint"]:
    options = {"s3.endpoint": task["endpoint"], "s3.access-key-id": "key", "s3.secret-access-key": "very-secret",
               "s3.region": "us-east-1"}
    files = fsspec.filesystem("s3", key="key", secret="very-secret", client_kwargs={
        "endpoint_url": task["endpoint"], "region_name": "us-east-1"})
pipeline = dlt.pipeline("shop", destination=dlt.destinations.filesystem(task["bucket_url"]), dataset_name="raw")
if task.get("rows") is not None:
    @dlt.resource(name="items", table_format="iceberg", write_disposition=task["disposition"], **task.get("hints", {}))
    def items():
        for row in task["rows"]:
            kinds = {"day": datetime.date.fromisoformat, "time": datetime.time.fromisoformat, "bytes": str.encode,
                     "at": datetime.datetime.fromisoformat, "local": datetime.datetime.fromisoformat,
                     "price": decimal.Decimal, "wei": dlt.common.wei.Wei}
            yield {key: kinds.get(key, lambda value: value)(value) for key, value in row.items()}
    resource = items()
    if task.get("adapter"):
        resource = iceberg_adapter(resource, partition=eval(task["adapter"]))
    pipeline.run(resource)
pipeline.sync_destination()
shown_before = []
for command in task.get("commands", []):
    table = get_iceberg_tables(pipeline)["items"]
    eval(command)
def shown_rows(scan):
    rows = [{k: v for k, v in row.items() if v is not None and not k.startswith("_dlt")} for row in scan.to_arrow().to_pylist()]
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))
shown = {"before": shown_before}
for name in task["tables"]:
    # The newest metadata, as Python dlt finds it.
    newest = sorted(f for f in files.ls(place + name + "/metadata", detail=False, refresh=True) if f.endswith(".json"))[-1]
    table = StaticTable.from_metadata(files.unstrip_protocol(newest) if task["endpoint"] else newest, options)
    shown[name] = shown_rows(table.scan())
    shown[name + ".schema"] = {field.name: str(field.field_type) for field in table.schema().fields}
    shown[name + ".snapshots"] = [s.summary.operation.value for s in table.metadata.snapshots]
    total = table.current_snapshot().summary["total-records"]
    assert int(total) == len(shown[name]), (total, shown)
    if task.get("hint"):
        # As other tools find it that are given the folder.
        hinted = StaticTable.from_metadata(place + name, options)
        assert hinted.metadata_location.endswith(newest.rsplit("/")[-1]), (hinted.metadata_location, newest)
    assert shown_rows(get_iceberg_tables(pipeline)[name].scan()) == shown[name]
    for number, query in enumerate(task.get("filters", [])):
        scan = table.scan(row_filter=query)
        shown[f"filter.{number}"] = [len(list(scan.plan_files())), shown_rows(scan)]
print(json.dumps(shown, default=str, sort_keys=True), flush=True)
# Threads of libraries may end badly with the interpreter.
os._exit(0)
"#;

/// Python dlt does not find Iceberg tables in folders with a space.
fn lake(sandbox: &Sandbox) -> Lake<'_> {
    Lake::in_folder(sandbox, "lake", PYTHON)
}

fn metadata(lake: &Lake<'_>) -> Vec<PathBuf> {
    let files = fs::read_dir(Path::new(&lake.url).join("raw/items/metadata")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    files
}

fn by_turns(lake: &Lake<'_>) {
    let seen = |rows: Value, tags: usize, seen: &Value| {
        assert_eq!(seen["items"], rows, "{seen}");
        assert_eq!(seen["items__tags"].as_array().unwrap().len(), tags, "{seen}");
    };
    let tables = json!(["items", "items__tags"]);
    // We begin.
    lake.load("{\"id\":1,\"name\":\"A\",\"tags\":[\"x\",\"y\"]}\n", &["--table-format", "iceberg"]);
    let first = lake.python(json!({"tables": tables, "hint": true}));
    seen(json!([{"id": 1, "name": "A"}]), 2, &first);
    // Python goes on with a new column.
    let rows = json!([{"id": 2, "name": "B", "ratio": 1.5, "tags": ["z"]}]);
    let both = json!([{"id": 1, "name": "A"}, {"id": 2, "name": "B", "ratio": 1.5}]);
    seen(both.clone(), 3, &lake.python(json!({"rows": rows, "disposition": "append", "tables": tables})));
    assert_eq!(
        lake.query("SELECT id, ratio FROM items ORDER BY id"),
        [json!({"id":1,"ratio":null}), json!({"id":2,"ratio":1.5})]
    );
    // We go on with another new column; the format is known.
    lake.load("{\"id\":3,\"extra\":7,\"tags\":[\"t\"]}\n", &[]);
    let three = json!([{"extra": 7, "id": 3}, {"id": 1, "name": "A"}, {"id": 2, "name": "B", "ratio": 1.5}]);
    seen(three, 4, &lake.python(json!({"tables": tables, "hint": true})));
    // We replace: nothing of the others is there any more, and the snapshots before are.
    lake.load("{\"id\":9}\n", &["--write-disposition", "replace"]);
    let replaced = lake.python(json!({"tables": tables, "hint": true}));
    seen(json!([{"id": 9}]), 0, &replaced);
    assert_eq!(replaced["items.snapshots"], json!(["append", "append", "append", "overwrite"]));
    assert_eq!(lake.query("SELECT count(*) AS n FROM items__tags"), [json!({"n": 0})]);
    // Python replaces and appends.
    let task = json!({"rows": [{"id": 10, "tags": ["u"]}], "disposition": "replace", "tables": tables});
    seen(json!([{"id": 10}]), 1, &lake.python(task));
    assert_eq!(lake.query("SELECT id FROM items"), [json!({"id": 10})]);
    lake.load("{\"id\":11}\n", &["--write-disposition", "append"]);
    seen(json!([{"id": 10}, {"id": 11}]), 1, &lake.python(json!({"tables": tables})));
    assert_eq!(lake.query("SELECT count(*) AS n FROM _dlt_loads"), [json!({"n": 6})]);
}

#[test]
fn an_iceberg_table_is_continued_by_turns() {
    let sandbox = Sandbox::new().unwrap();
    by_turns(&lake(&sandbox));
}

#[test]
fn an_iceberg_table_is_continued_by_turns_on_s3() {
    let server = S3::start().unwrap();
    server.make_bucket("shop").unwrap();
    let sandbox = Sandbox::new().unwrap();
    by_turns(&lake(&sandbox).on_s3(&server));
}

/// A row of all types, whoever begins the table: the other finds the same types, and both the values.
#[test]
fn types_are_those_of_python() {
    let columns = json!({
        "local": {"data_type": "timestamp", "timezone": false}, "small": {"data_type": "bigint", "precision": 32},
        "data": {"data_type": "json"}, "time": {"data_type": "time"}, "wei": {"data_type": "wei"},
        "bytes": {"data_type": "binary"}, "price": {"data_type": "decimal", "precision": 10, "scale": 2},
    });
    let row = json!({
        "id": 1, "at": "2024-01-02T03:04:05.000006+00:00", "local": "2024-01-02T03:04:05", "day": "2024-01-02",
        "time": "03:04:05.000006", "price": "12.50", "wei": "70000000000000000000000", "bytes": "ab", "yes": true,
        "ratio": 0.1, "small": 5, "data": {"a": [1]}, "name": "é",
    });
    let kinds = json!({
        "id": "long", "at": "timestamptz", "local": "timestamp", "day": "date", "time": "time",
        "price": "decimal(10, 2)", "wei": "string", "bytes": "binary", "yes": "boolean", "ratio": "double",
        "small": "int", "data": "string", "name": "string", "_dlt_id": "string", "_dlt_load_id": "string",
    });
    let ours = "SELECT \"at\"::VARCHAR AS a, \"local\"::VARCHAR AS l, \"day\"::VARCHAR AS d, \"time\"::VARCHAR AS t, \
                price::VARCHAR AS p, wei::VARCHAR AS w, bytes::VARCHAR AS b, yes, ratio, small, data::VARCHAR AS j, name \
                FROM items ORDER BY id";
    let expected = json!({
        "a": "2024-01-02 03:04:05.000006+00", "l": "2024-01-02 03:04:05", "d": "2024-01-02", "t": "03:04:05.000006",
        "p": "12.50", "w": "70000000000000000000000", "b": "ab", "yes": true, "ratio": 0.1, "small": 5,
        "j": "{\"a\":[1]}", "name": "é",
    });
    let sandbox = Sandbox::new().unwrap();
    let lake = lake(&sandbox);
    let seen = lake.python(json!({"rows": [row], "disposition": "append", "hints": {"columns": columns}}));
    assert_eq!(seen["items.schema"], kinds);
    assert_eq!(lake.query(ours), std::slice::from_ref(&expected));
    // The same row by us: by what the schema says, its values have the same types.
    let mut text = row.clone();
    text["id"] = 2.into();
    text["bytes"] = "YWI=".into();
    lake.load(&format!("{text}\n"), &[]);
    // Python reads both, and goes on.
    let mut third = row.clone();
    third["id"] = 3.into();
    let filters =
        json!(["id > 2", "price > 12.49 and at >= '2024-01-02T03:04:05.000006+00:00' and id = 2", "name = 'f'"]);
    let task = json!({"rows": [third], "disposition": "append", "hints": {"columns": columns}, "filters": filters});
    let seen = lake.python(task);
    assert_eq!(seen["items.schema"], kinds);
    let rows = seen["items"].as_array().unwrap();
    let without_id = |row: &Value| {
        let mut row = row.clone();
        row["id"] = 0.into();
        row
    };
    assert_eq!(rows.len(), 3, "{seen}");
    assert!(rows.iter().all(|row| without_id(row) == without_id(&rows[0])), "{seen}");
    // Files are passed over by their bounds, and none that has such a row.
    assert_eq!((&seen["filter.0"][0], seen["filter.0"][1].as_array().unwrap().len()), (&json!(1), 1), "{seen}");
    assert_eq!((&seen["filter.1"][0], seen["filter.1"][1].as_array().unwrap().len()), (&json!(1), 1), "{seen}");
    assert_eq!(seen["filter.2"], json!([0, []]), "{seen}");
    assert_eq!(lake.query(ours), [expected.clone(), expected.clone(), expected]);
}

/// Python begins a table that is divided by columns; values of all kinds, and none.
#[test]
fn divided_tables_are_continued() {
    let sandbox = Sandbox::new().unwrap();
    let lake = lake(&sandbox);
    let hints = json!({"columns": {"day": {"partition": true}, "place": {"partition": true}}});
    let rows = json!([{"id": 1, "day": "2024-01-02", "place": "a/b c%=é:+"}, {"id": 2, "day": "2024-01-03"}]);
    lake.python(json!({"rows": rows, "disposition": "append", "hints": hints}));
    let text = "{\"id\":3,\"day\":\"2024-01-02\",\"place\":\"a/b c%=é:+\"}\n{\"id\":4,\"place\":\"x'y\"}\n{\"id\":5}\n";
    lake.load(text, &[]);
    let all = json!([
        {"day": "2024-01-02", "id": 1, "place": "a/b c%=é:+"}, {"day": "2024-01-02", "id": 3, "place": "a/b c%=é:+"},
        {"day": "2024-01-03", "id": 2}, {"id": 4, "place": "x'y"}, {"id": 5},
    ]);
    let filters = json!(["day = '2024-01-02'", "place is null", "place = 'x''y'"]);
    let seen = lake.python(json!({"filters": filters}));
    assert_eq!(seen["items"], all);
    assert_eq!(seen["filter.0"], json!([2, [all[0], all[1]]]), "{seen}");
    assert_eq!(seen["filter.1"], json!([2, [all[2], all[4]]]), "{seen}");
    assert_eq!(seen["filter.2"], json!([1, [all[3]]]), "{seen}");
    let ours = lake.query("SELECT id, \"day\"::VARCHAR AS d, place FROM items ORDER BY id");
    let expected = [
        json!({"id": 1, "d": "2024-01-02", "place": "a/b c%=é:+"}),
        json!({"id": 2, "d": "2024-01-03", "place": null}),
        json!({"id": 3, "d": "2024-01-02", "place": "a/b c%=é:+"}),
        json!({"id": 4, "d": null, "place": "x'y"}),
        json!({"id": 5, "d": null, "place": null}),
    ];
    assert_eq!(ours, expected);
    // Replaced by us, with what was written for each part gone; and continued by Python.
    lake.load("{\"id\":6,\"day\":\"2024-01-03\"}\n", &["--write-disposition", "replace"]);
    let task =
        json!({"rows": [{"id": 7, "day": "2024-01-03"}], "disposition": "append", "hints": hints, "filters": filters});
    let seen = lake.python(task);
    assert_eq!(seen["items"], json!([{"day": "2024-01-03", "id": 6}, {"day": "2024-01-03", "id": 7}]));
    assert_eq!(seen["filter.0"], json!([0, []]), "{seen}");
}

/// Tables that Python's adapter divides by what is made of values; readers pass files over by that.
#[test]
fn tables_are_divided_by_what_is_made_of_values() {
    let sandbox = Sandbox::new().unwrap();
    for (adapter, filter) in [
        ("iceberg_partition.year('at')", "at >= '2024-01-01T00:00:00+00:00'"),
        ("iceberg_partition.month('at')", "at >= '2024-01-01T00:00:00+00:00'"),
        ("iceberg_partition.day('at')", "at >= '2024-01-01T00:00:00+00:00'"),
        ("iceberg_partition.hour('at', 'of_the_hour')", "at >= '2024-01-01T00:00:00+00:00'"),
        ("iceberg_partition.bucket(16, 'name')", "name = 'new'"),
        ("iceberg_partition.bucket(16, 'id')", "id = 2"),
        ("iceberg_partition.truncate(2, 'name')", "name = 'new'"),
        ("[iceberg_partition.truncate(10, 'id'), 'name']", "name = 'new'"),
    ] {
        let mut lake = lake(&sandbox);
        lake.url = sandbox.path(format!("lake-{}", adapter.len())).display().to_string();
        let _ = fs::remove_dir_all(&lake.url);
        let old = json!({"id": 1, "at": "2023-12-31T23:59:59.999999+00:00", "name": "old"});
        lake.python(json!({"rows": [old], "disposition": "append", "adapter": adapter}));
        lake.load("{\"id\":2,\"at\":\"2024-01-01T00:00:00Z\",\"name\":\"new\"}\n{\"id\":3,\"name\":null}\n", &[]);
        let seen = lake.python(json!({"filters": [filter]}));
        assert_eq!(seen["items"].as_array().unwrap().len(), 3, "{adapter}: {seen}");
        assert_eq!(seen["filter.0"][0], 1, "{adapter}: {seen}");
        assert_eq!(seen["filter.0"][1][0]["id"], 2, "{adapter}: {seen}");
        assert_eq!(lake.query("SELECT count(*) AS n FROM items"), [json!({"n": 3})]);
    }
}

/// Upsert and insert-only by turns with Python; nested rows go with their roots.
#[test]
fn rows_are_merged_by_turns() {
    let sandbox = Sandbox::new().unwrap();
    let lake = lake(&sandbox);
    let by = |strategy: &'static str| {
        let merge = ["--table-format", "iceberg", "--write-disposition", "merge", "--primary-key", "id"];
        merge.into_iter().chain(["--merge-strategy", strategy]).collect::<Vec<_>>()
    };
    let tables = json!(["items", "items__tags"]);
    let text = "{\"id\":1,\"name\":\"A\",\"tags\":[\"x\",\"y\"]}\n{\"id\":2,\"name\":\"B\",\"tags\":[\"z\"]}\n";
    lake.load(text, &by("upsert"));
    // Where nothing is named it is upsert, as with Python.
    let merge = ["--write-disposition", "merge", "--primary-key", "id"];
    lake.load("{\"id\":2,\"name\":\"b\",\"tags\":[\"q\",\"r\",\"s\"]}\n{\"id\":3,\"name\":\"C\"}\n", &merge);
    let seen = lake.python(json!({"tables": tables}));
    let three = json!([{"id": 1, "name": "A"}, {"id": 2, "name": "b"}, {"id": 3, "name": "C"}]);
    assert_eq!(seen["items"], three, "{seen}");
    assert_eq!(seen["items__tags"].as_array().unwrap().len(), 5, "{seen}");
    // Python updates rows that we wrote, by the same ids. A new column it could not bring with that, nor to tables of its own.
    let rows = json!([{"id": 1, "name": "a", "tags": ["x", "y"]}, {"id": 4, "name": "D"}]);
    let upsert = json!({"disposition": "merge", "strategy": "upsert"});
    let task = json!({"rows": rows, "disposition": upsert, "hints": {"primary_key": "id"}, "tables": tables});
    let seen = lake.python(task);
    assert_eq!(seen["items"].as_array().unwrap().len(), 4, "{seen}");
    assert_eq!(seen["items__tags"].as_array().unwrap().len(), 5, "{seen}");
    // And we those that Python wrote.
    lake.load("{\"id\":4,\"name\":\"d\",\"extra\":1}\n{\"id\":1,\"name\":\"A\"}\n", &by("upsert"));
    let rows = lake.query("SELECT id, name, extra FROM items ORDER BY id");
    let row = |id: i64, name: &str, extra: Value| json!({"id": id, "name": name, "extra": extra});
    let none = Value::Null;
    assert_eq!(rows, [row(1, "A", none.clone()), row(2, "b", none.clone()), row(3, "C", none), row(4, "d", 1.into())]);
    assert_eq!(lake.query("SELECT count(*) AS n FROM items__tags"), [json!({"n": 3})], "those of 2 alone");
    let output = lake.ours("{\"id\":4,\"name\":\"other\"}\n{\"id\":5,\"name\":\"E\"}\n", &by("insert-only")).unwrap();
    assert!(output.stderr.contains("1 row of table `items` was left out"), "{output}");
    let seen = lake.python(json!({"tables": tables, "hint": true}));
    assert_eq!(seen["items"].as_array().unwrap().len(), 5, "{seen}");
    assert!(seen["items"].as_array().unwrap().contains(&json!({"extra": 1, "id": 4, "name": "d"})), "{seen}");
    for strategy in ["cdc", "delete-insert", "scd2"] {
        let output = lake.ours("{not json", &by(strategy)).unwrap();
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains(&format!("by {strategy}, which filesystem cannot do")), "{output}");
        assert!(output.stderr.contains("upsert or insert-only"), "{output}");
    }
}

/// What a table asks for and is not known is refused by its name, in reading and in writing.
#[test]
fn what_is_not_known_is_refused() {
    let sandbox = Sandbox::new().unwrap();
    let lake = lake(&sandbox);
    lake.load("{\"id\":1,\"name\":\"A\"}\n", &["--table-format", "iceberg"]);
    let newest = metadata(&lake).pop().unwrap();
    let text = fs::read_to_string(&newest).unwrap();
    let refused = |message: &str, code: i32, reads: bool| {
        let before = metadata(&lake).len();
        let output = lake.ours("{\"id\":2}\n", &[]).unwrap();
        assert_eq!(output.code, Some(code), "{output}");
        assert!(output.stderr.contains(message), "{output}");
        assert_eq!(metadata(&lake).len(), before);
        let place = format!("filesystem:{}", lake.url);
        let query = ["dataset", "raw", "--from", &place, "--sql", "SELECT id FROM items"];
        let output = lake.sandbox.dlt(query).unwrap().run().unwrap();
        assert_eq!(output.code == Some(0), reads, "{output}");
        assert!(reads || output.stderr.contains(message), "{output}");
        // Other tables can be read all the same.
        assert_eq!(lake.query("SELECT count(*) AS n FROM _dlt_loads"), [json!({"n": 1})]);
        lake.sandbox.dlt(["pipeline", "shop", "drop-pending-packages"]).unwrap().run().unwrap();
        fs::write(&newest, &text).unwrap();
    };
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        fs::write(&newest, text.replace(from, to)).unwrap();
    };
    change("\"format-version\":2", "\"format-version\":3");
    refused("version 3 of the format, which dlt cannot read", 1, false);
    change("\"format-version\":2", "\"format-version\":1");
    refused("version 1 of the format, which dlt cannot write", 1, true);
    change("\"properties\":{}", "\"properties\":{\"write.data.path\":\"s3://elsewhere\"}");
    refused("the property `write.data.path`", 1, true);
    fs::write(&newest, &text[..text.len() / 2]).unwrap();
    refused("cannot be understood: it is no JSON", 1, false);
    fs::write(&newest, "{}").unwrap();
    refused("cannot be understood", 1, false);
    // A manifest that is gone.
    let manifests: Vec<PathBuf> =
        fs::read_dir(newest.parent().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    let list = manifests.iter().find(|file| file.to_string_lossy().ends_with("-list.avro")).unwrap();
    let kept = fs::read(list).unwrap();
    fs::remove_file(list).unwrap();
    refused("-list.avro cannot be understood: it is missing", 1, false);
    fs::write(list, &kept[..kept.len() - 5]).unwrap();
    refused("-list.avro cannot be understood", 1, false);
    fs::write(list, kept).unwrap();
    assert_eq!(lake.query("SELECT id FROM items"), [json!({"id": 1})]);
    // A column that another tool renamed: its old files have it under the old name.
    let before = lake.python(json!({"commands": ["table.update_schema().rename_column('name', 'label').commit()"]}));
    assert_eq!(before["items"], json!([{"id": 1, "label": "A"}]));
    let place = format!("filesystem:{}", lake.url);
    let output = lake.sandbox.dlt(["dataset", "raw", "--from", &place, "--sql", "SELECT id FROM items"]).unwrap();
    let output = output.run().unwrap();
    assert_eq!(output.code, Some(1), "{output}");
    assert!(
        output.stderr.contains("a column that was renamed or replaced (`name`), which dlt cannot read"),
        "{output}"
    );
}

/// A table that begins anew has other columns under the same names; what was before can still be read by its snapshots.
#[test]
fn a_table_begins_anew() {
    let sandbox = Sandbox::new().unwrap();
    let lake = lake(&sandbox);
    lake.load("{\"id\":1,\"name\":\"A\"}\n{\"id\":2}\n", &["--table-format", "iceberg"]);
    lake.load("{\"id\":\"x\",\"other\":true}\n", &["--table-format", "iceberg", "--refresh", "drop_resources"]);
    let seen = lake.python(json!({"hint": true, "commands": [
        "shown_before.append(table.scan(snapshot_id=table.metadata.snapshots[0].snapshot_id).to_arrow().num_rows)"
    ]}));
    assert_eq!(seen["items"], json!([{"id": "x", "other": true}]), "{seen}");
    assert_eq!(seen["before"], json!([2]), "{seen}");
    assert_eq!(lake.query("SELECT id, other FROM items"), [json!({"id": "x", "other": true})]);
    let seen = lake.python(json!({"rows": [{"id": "y"}], "disposition": "append"}));
    assert_eq!(seen["items"], json!([{"id": "x", "other": true}, {"id": "y"}]), "{seen}");
    lake.load("{\"id\":\"z\"}\n", &[]);
    assert_eq!(lake.query("SELECT count(*) AS n FROM items"), [json!({"n": 3})]);
}

/// Versions that are compressed, as other tools write them.
#[test]
fn compressed_metadata_is_read() {
    let sandbox = Sandbox::new().unwrap();
    let lake = lake(&sandbox);
    lake.load("{\"id\":1}\n", &["--table-format", "iceberg"]);
    lake.load("{\"id\":2}\n", &[]);
    let newest = metadata(&lake).pop().unwrap();
    let name = newest.to_string_lossy().replace(".metadata.json", ".gz.metadata.json");
    sandbox.command("gzip").arg(&newest).succeed().unwrap();
    fs::rename(format!("{}.gz", newest.display()), &name).unwrap();
    assert_eq!(lake.query("SELECT id FROM items ORDER BY id"), [json!({"id": 1}), json!({"id": 2})]);
    assert_eq!(lake.python(json!({}))["items"], json!([{"id": 1}, {"id": 2}]));
    lake.load("{\"id\":3}\n", &[]);
    assert_eq!(lake.python(json!({"hint": true}))["items"].as_array().unwrap().len(), 3);
    fs::write(&name, "no gzip").unwrap();
    fs::remove_file(metadata(&lake).pop().unwrap()).unwrap();
    let output = lake.ours("{\"id\":4}\n", &[]).unwrap();
    assert!(output.stderr.contains("it is not compressed as its name says"), "{output}");
}
