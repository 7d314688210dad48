//! Hints of columns in a pipeline file are those of Python dlt's resources: what is stored of them, and what becomes of rows.

use std::path::Path;

use anyhow::Result;
use dlt_testkit::{PythonDlt, Sandbox};
use serde_json::{Map, Value, json};

use crate::judge::{Request, differences};

const SCRIPT: &str = r#"
import json, sys, dlt
database, file, disposition, keys, columns = sys.argv[1:]
rows = [json.loads(line) for line in open(file)]
pipeline = dlt.pipeline("case_shop", destination=dlt.destinations.duckdb(database), dataset_name="shop")
pipeline.run(dlt.resource(rows, name="items", write_disposition=disposition, columns=json.loads(columns), **json.loads(keys)))
"#;

struct Declared {
    disposition: &'static str,
    keys: Value,
    columns: Value,
    loads: [&'static str; 2],
}

fn cases() -> [(&'static str, Declared); 6] {
    let merge =
        |columns: Value, loads| Declared { disposition: "merge", keys: json!({"primary_key": "id"}), columns, loads };
    let append = |columns: Value, loads| Declared { disposition: "append", keys: json!({}), columns, loads };
    [
        (
            "hard_delete",
            merge(
                json!({"gone": {"hard_delete": true}}),
                [
                    "{\"id\":1,\"gone\":false,\"l\":[1]}\n{\"id\":2,\"gone\":false,\"l\":[2]}\n",
                    "{\"id\":1,\"gone\":true}\n{\"id\":3,\"gone\":true}\n{\"id\":4,\"gone\":null,\"l\":[3]}\n",
                ],
            ),
        ),
        (
            "hard_delete_by_a_moment",
            merge(
                json!({"gone_at": {"hard_delete": true, "data_type": "timestamp"}}),
                ["{\"id\":1}\n{\"id\":2}\n", "{\"id\":1,\"gone_at\":\"2024-01-02T03:04:05Z\"}\n{\"id\":2,\"v\":1}\n"],
            ),
        ),
        (
            "dedup_sort",
            merge(
                json!({"at": {"dedup_sort": "desc"}}),
                [
                    "{\"id\":1,\"at\":3,\"v\":\"new\"}\n{\"id\":1,\"at\":1,\"v\":\"old\"}\n",
                    "{\"id\":1,\"at\":5,\"v\":\"a\"}\n{\"id\":1,\"at\":9,\"v\":\"b\"}\n{\"id\":2,\"at\":1}\n",
                ],
            ),
        ),
        (
            "dedup_sort_the_other_way",
            merge(
                json!({"at": {"dedup_sort": "asc"}}),
                [
                    "{\"id\":1,\"at\":3}\n{\"id\":1,\"at\":1}\n",
                    "{\"id\":1,\"at\":5,\"l\":[1]}\n{\"id\":1,\"at\":4,\"l\":[2,3]}\n",
                ],
            ),
        ),
        (
            "without_a_zone",
            append(
                json!({"at": {"data_type": "timestamp", "timezone": false}, "s": {"data_type": "timestamp", "precision": 3}}),
                [
                    "{\"id\":1,\"at\":\"2024-01-02T03:04:05\",\"s\":\"2024-01-02T03:04:05.678Z\"}\n",
                    "{\"id\":2,\"at\":\"2024-01-02T03:04:05+02:00\"}\n",
                ],
            ),
        ),
        (
            "hints_of_databases",
            append(
                json!({"id": {"nullable": false, "unique": true, "description": "Number of the item"},
                    "day": {"data_type": "date", "partition": true}, "c": {"cluster": true, "sort": true}}),
                ["{\"id\":1,\"day\":\"2024-01-02\",\"c\":1}\n", "{\"id\":2,\"c\":2,\"d\":1}\n"],
            ),
        ),
    ]
}

#[test]
fn hints_in_a_file_are_those_of_a_resource() {
    let sandbox = Sandbox::new().unwrap();
    let mut request = Request::default();
    for (name, case) in &cases() {
        for (number, load) in case.loads.iter().enumerate() {
            sandbox.write(format!("{name}_{number}.jsonl"), load).unwrap();
        }
        for (way, turns) in [("python", [true, true]), ("ours", [false, false]), ("in_turns", [false, true])] {
            let database = sandbox.path(format!("{name}_{way}.duckdb"));
            for (number, by_python) in turns.into_iter().enumerate() {
                let file = sandbox.path(format!("{name}_{number}.jsonl"));
                let memory = sandbox.path(format!("memory_{name}_{way}_{number}"));
                let run = if by_python { with_python } else { with_ours };
                run(&sandbox, case, &file, &database, &memory).unwrap();
            }
            request.describe(&format!("{name}_{way}"), "shop", &database);
        }
    }
    let verdict = request.ask(&sandbox).unwrap();
    let mut wrong = Vec::new();
    for (name, _) in &cases() {
        let expected = &verdict.descriptions[&format!("{name}_python")];
        assert_eq!(expected["loads"].as_array().map(Vec::len), Some(2), "{expected:#}");
        for way in ["ours", "in_turns"] {
            let different = differences(&verdict.descriptions[&format!("{name}_{way}")], expected);
            wrong.extend(different.into_iter().map(|it| format!("{name}, {way}: {it}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn with_python(sandbox: &Sandbox, case: &Declared, file: &Path, database: &Path, memory: &Path) -> Result<()> {
    let run = PythonDlt::shared()?.script(sandbox, SCRIPT).arg(database).arg(file).arg(case.disposition);
    let run = run.arg(case.keys.to_string()).arg(case.columns.to_string());
    run.env("DLT_DATA_DIR", memory).succeed().map(drop)
}

fn with_ours(sandbox: &Sandbox, case: &Declared, file: &Path, database: &Path, memory: &Path) -> Result<()> {
    let nothing = Map::new();
    let objects = |value: &Value| value.as_object().cloned().unwrap_or_else(|| nothing.clone());
    let mut toml = format!(
        "[pipeline]\nname = \"case_shop\"\ndataset = \"shop\"\n[destination]\ntype = \"duckdb\"\npath = {:?}\n\
         [source]\ntype = \"filesystem\"\npaths = [{:?}]\ntable = \"items\"\nwrite_disposition = {:?}\n",
        database, file, case.disposition
    );
    // Texts, numbers and truth values are written alike in JSON and in TOML.
    let lines = |members: Map<String, Value>| {
        members.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()
    };
    toml.push_str(&lines(objects(&case.keys)));
    for (column, hints) in objects(&case.columns) {
        toml.push_str(&format!("[source.columns.{column}]\n{}", lines(objects(&hints))));
    }
    let pipeline = sandbox.write("case_pipeline.toml", toml)?;
    sandbox.dlt(["run"])?.arg(pipeline).env("DLT_DATA_DIR", memory).succeed().map(drop)
}
