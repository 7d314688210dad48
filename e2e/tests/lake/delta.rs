//! Delta tables, together with Python dlt and delta-rs.

use std::path::Path;

use dlt_testkit::{S3, Sandbox};
use serde_json::{Value, json};

use super::Lake;

/// What Python dlt loads into a lake, and what delta-rs reads of it. Prints JSON.
const PYTHON: &str = r#"
import json, os, sys, dlt, datetime
from deltalake import DeltaTable
task = json.loads(sys.argv[1])
options = task["endpoint"] and {
    "AWS_ENDPOINT_URL": task["endpoint"], "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "very-secret",
    "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true",
}
if task.get("rows") is not None:
    pipeline = dlt.pipeline("shop", destination=dlt.destinations.filesystem(task["bucket_url"]), dataset_name="raw")
    @dlt.resource(name="items", table_format="delta", write_disposition=task["disposition"], **task.get("hints", {}))
    def items():
        for row in task["rows"]:
            if "day" in row:
                row["day"] = datetime.date.fromisoformat(row["day"])
            yield row
    pipeline.run(items())
for command in task.get("commands", []):
    table = DeltaTable(task["bucket_url"] + "/raw/items", storage_options=options)
    eval(command)
shown = {}
for name in task["tables"]:
    table = DeltaTable(f"{task['bucket_url']}/raw/{name}", storage_options=options)
    rows = table.to_pyarrow_table().to_pylist()
    rows = [{k: v for k, v in row.items() if v is not None and not k.startswith("_dlt")} for row in rows]
    shown[name] = sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))
    shown[name + ".version"] = table.version()
print(json.dumps(shown, default=str, sort_keys=True), flush=True)
# Threads of libraries may end badly with the interpreter.
os._exit(0)
"#;

fn lake(sandbox: &Sandbox) -> Lake<'_> {
    Lake::in_folder(sandbox, "a lake", PYTHON)
}

fn by_turns(lake: &Lake<'_>) {
    let seen = |rows: Value, tags: usize, seen: &Value| {
        assert_eq!(seen["items"], rows, "{seen}");
        assert_eq!(seen["items__tags"].as_array().unwrap().len(), tags, "{seen}");
    };
    let tables = json!(["items", "items__tags"]);
    // We begin.
    lake.load("{\"id\":1,\"name\":\"A\",\"tags\":[\"x\",\"y\"]}\n", &["--table-format", "delta"]);
    // Python goes on with a new column, and with a checkpoint.
    let rows = json!([{"id": 2, "name": "B", "price": 1.5, "tags": ["z"]}]);
    let both = json!([{"id": 1, "name": "A"}, {"id": 2, "name": "B", "price": 1.5}]);
    let commands = json!(["table.create_checkpoint()"]);
    let task = json!({"rows": rows, "disposition": "append", "tables": tables, "commands": commands});
    seen(both.clone(), 3, &lake.python(task));
    assert_eq!(
        lake.query("SELECT id, price FROM items ORDER BY id"),
        [json!({"id":1,"price":null}), json!({"id":2,"price":1.5})]
    );
    // We go on after the checkpoint, with another new column; the format is known.
    lake.load("{\"id\":3,\"extra\":7,\"tags\":[\"t\"]}\n", &[]);
    let three = json!([{"extra": 7, "id": 3}, {"id": 1, "name": "A"}, {"id": 2, "name": "B", "price": 1.5}]);
    seen(three, 4, &lake.python(json!({"tables": tables})));
    // We replace: nothing of the others is there any more, and the version before is.
    lake.load("{\"id\":9}\n", &["--write-disposition", "replace"]);
    seen(json!([{"id": 9}]), 0, &lake.python(json!({"tables": tables})));
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
fn a_delta_table_is_continued_by_turns() {
    let sandbox = Sandbox::new().unwrap();
    by_turns(&lake(&sandbox));
}

#[test]
fn a_delta_table_is_continued_by_turns_on_s3() {
    let server = S3::start().unwrap();
    server.make_bucket("shop").unwrap();
    let sandbox = Sandbox::new().unwrap();
    by_turns(&lake(&sandbox).on_s3(&server));
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
    assert_eq!(lake.python(json!({}))["items"], all);
    let ours = lake.query("SELECT id, \"day\"::VARCHAR AS d, place FROM items ORDER BY id");
    let expected = [
        json!({"id": 1, "d": "2024-01-02", "place": "a/b c%=é:+"}),
        json!({"id": 2, "d": "2024-01-03", "place": null}),
        json!({"id": 3, "d": "2024-01-02", "place": "a/b c%=é:+"}),
        json!({"id": 4, "d": null, "place": "x'y"}),
        json!({"id": 5, "d": null, "place": null}),
    ];
    assert_eq!(ours, expected);
    // Files of equal values are in one folder, whoever wrote them.
    let folder = Path::new(&lake.url).join("raw/items/day=2024-01-02");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(folder.join("place=a%2Fb%20c%25%3D%C3%A9%3A%2B")).unwrap().count(), 2);
}

/// What a table asks for and is not known is refused by its name; nothing is written then.
#[test]
fn what_is_not_known_is_refused() {
    let sandbox = Sandbox::new().unwrap();
    let lake = lake(&sandbox);
    lake.load("{\"id\":1}\n", &["--table-format", "delta"]);
    let fed = "table.alter.set_table_properties({'delta.enableChangeDataFeed': 'true'})";
    let before = lake.python(json!({"commands": [fed]}));
    let output = lake.ours("{\"id\":2}\n", &[]).unwrap();
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stderr.contains("the feature `changeDataFeed`, which dlt cannot write"), "{output}");
    assert_eq!(lake.python(json!({})), before);
    assert_eq!(lake.query("SELECT id FROM items"), [json!({"id": 1})]);
    // Formats and merges that are not there, before anything is read.
    for (options, message) in [
        (
            &["--write-disposition", "merge", "--primary-key", "id", "--merge-strategy", "delete-insert"][..],
            "by delete-insert, which filesystem cannot do",
        ),
        (&["--table-format", "native"][..], "table format"),
    ] {
        let output = lake.ours("{not json", options).unwrap();
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains(message), "{output}");
    }
}

/// Upsert, insert-only and cdc by turns with Python, which sees what we see; nested rows go with their roots.
#[test]
fn rows_are_merged_by_turns() {
    let sandbox = Sandbox::new().unwrap();
    let lake = lake(&sandbox);
    let by = |strategy: &'static str| {
        let merge = ["--table-format", "delta", "--write-disposition", "merge", "--primary-key", "id"];
        merge.into_iter().chain(["--merge-strategy", strategy]).collect::<Vec<_>>()
    };
    let hints = |strategy: &str| json!({"disposition": "merge", "strategy": strategy});
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
    // Python updates rows that we wrote, by the same ids.
    let rows = json!([{"id": 1, "name": "a", "tags": ["x"]}, {"id": 4, "name": "D", "extra": 1}]);
    let task = json!({"rows": rows, "disposition": hints("upsert"), "hints": {"primary_key": "id"}, "tables": tables});
    let seen = lake.python(task);
    assert_eq!(seen["items"].as_array().unwrap().len(), 4, "{seen}");
    // And we those that Python wrote.
    lake.load("{\"id\":4,\"name\":\"d\"}\n{\"id\":1,\"name\":\"A\"}\n", &by("upsert"));
    let rows = lake.query("SELECT id, name, extra FROM items ORDER BY id");
    let row = |id: i64, name: &str| json!({"id": id, "name": name, "extra": null});
    assert_eq!(rows, [row(1, "A"), row(2, "b"), row(3, "C"), row(4, "d")]);
    assert_eq!(lake.query("SELECT count(*) AS n FROM items__tags"), [json!({"n": 3})], "those of 2 alone");
    let output = lake.ours("{\"id\":4,\"name\":\"other\"}\n{\"id\":5,\"name\":\"E\"}\n", &by("insert-only")).unwrap();
    assert!(output.stderr.contains("1 row of table `items` was left out"), "{output}");
    let rows = lake.query("SELECT id, name FROM items WHERE id > 3 ORDER BY id");
    assert_eq!(rows, [json!({"id": 4, "name": "d"}), json!({"id": 5, "name": "E"})]);
    lake.load("{\"id\":2,\"name\":\"two\",\"tags\":[\"q\"]}\n{\"id\":6,\"name\":\"F\"}\n", &by("cdc"));
    let seen = lake.python(json!({"tables": tables}));
    assert_eq!(seen["items"], json!([{"id": 2, "name": "two"}, {"id": 6, "name": "F"}]), "{seen}");
    assert_eq!(seen["items__tags"], json!([{"value": "q"}]), "{seen}");
}

/// After many versions there are checkpoints, by which delta-rs and we find the table, also without the versions before.
#[test]
fn checkpoints_tell_what_was_before() {
    let sandbox = Sandbox::new().unwrap();
    let lake = lake(&sandbox);
    lake.load("{\"id\":0,\"n\":null,\"place\":\"é\"}\n", &["--table-format", "delta"]);
    lake.load("{\"id\":0,\"place\":\"é\"}\n", &["--write-disposition", "replace"]);
    for id in 1..11 {
        lake.load(&format!("{{\"id\":{id}}}\n"), &["--write-disposition", "append"]);
    }
    let log = Path::new(&lake.url).join("raw/items/_delta_log");
    assert!(log.join("00000000000000000010.checkpoint.parquet").is_file());
    for version in 0..10 {
        std::fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
    }
    let seen = lake.python(json!({}));
    assert_eq!((seen["items"].as_array().unwrap().len(), &seen["items.version"]), (11, &json!(11)), "{seen}");
    assert_eq!(lake.query("SELECT count(*) AS n, max(place) AS p FROM items"), [json!({"n": 11, "p": "é"})]);
    lake.load("{\"id\":12}\n", &[]);
    assert_eq!(lake.python(json!({}))["items"].as_array().unwrap().len(), 12);
}
