//! A dataset begun by Python dlt is continued by us, and by Python dlt again; and the other way round.

use std::path::{Path, PathBuf};

use anyhow::Result;
use dlt_testkit::{PythonDlt, Sandbox};
use serde_json::Value;

use crate::cases::Case;
use crate::judge::{Request, differences};

/// Three loads: the second evolves the schema, the third changes nothing of it.
const LOADS: [&str; 3] = [
    "{\"id\":1,\"name\":\"A\",\"v\":1,\"tags\":[\"x\"]}\n{\"id\":2,\"name\":\"B\",\"v\":2}\n",
    "{\"id\":3,\"v\":\"text\",\"at\":\"2024-01-02T03:04:05Z\",\"orders\":[{\"sku\":\"s\",\"parts\":[1,2]}],\"address\":{\"city\":\"C\"}}\n",
    "{\"id\":4,\"name\":\"D\",\"v\":4,\"tags\":[\"y\",\"z\"],\"orders\":[{\"sku\":\"t\"}]}\n",
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tool {
    Python,
    Ours,
}

/// Where a tool keeps what it knows of the pipeline.
#[derive(Clone, Copy, Debug)]
enum Memory {
    /// One folder for both tools and all runs.
    Shared,
    /// Each tool has its own, and finds it again as it left it.
    Own,
    /// Each run begins with an empty one, as on another machine.
    Fresh,
}

#[test]
fn begun_by_python_continued_by_us_and_by_python_again() {
    compare_with_python_alone([Tool::Python, Tool::Ours, Tool::Python]);
}

#[test]
fn begun_by_us_continued_by_python_and_by_us_again() {
    compare_with_python_alone([Tool::Ours, Tool::Python, Tool::Ours]);
}

#[test]
fn begun_by_us_and_continued_by_python_for_good() {
    compare_with_python_alone([Tool::Ours, Tool::Python, Tool::Python]);
}

#[test]
fn begun_by_python_and_continued_by_us_for_good() {
    compare_with_python_alone([Tool::Python, Tool::Ours, Tool::Ours]);
}

/// Compares with what Python dlt makes of it in both roles.
///
/// A Python dlt that finds its own memory again does not learn of tables and columns that came meanwhile without a change
/// of the state, whoever brought them, and stores a schema without them: two machines with Python dlt show the same. We
/// begin each run with what the destination has, so where we come last nothing is forgotten.
fn compare_with_python_alone(tools: [Tool; 3]) {
    let sandbox = Sandbox::new().unwrap();
    let mut request = Request::default();
    for memory in [Memory::Shared, Memory::Own, Memory::Fresh] {
        for alone in [true, false] {
            let name = name_of(memory, alone);
            let database = run_all(&sandbox, &name, tools, memory, alone).unwrap();
            request.describe(&name, "shop", &database);
        }
    }
    let verdict = request.ask(&sandbox).unwrap();
    for memory in [Memory::Shared, Memory::Own, Memory::Fresh] {
        let expected = match tools[2] {
            Tool::Python => &verdict.descriptions[&name_of(memory, true)],
            Tool::Ours => &verdict.descriptions[&name_of(Memory::Shared, true)],
        };
        assert_eq!(expected["loads"].as_array().map(Vec::len), Some(3), "{expected:#}");
        let different: Vec<_> = differences(&verdict.descriptions[&name_of(memory, false)], expected)
            .into_iter()
            // How often a schema changed on its way follows from batches, not from data.
            .filter(|it| it.place != "/version")
            .map(|it| it.to_string())
            .collect();
        assert!(different.is_empty(), "{tools:?}, {memory:?}, is not as Python dlt alone:\n{}", different.join("\n"));
    }
}

fn name_of(memory: Memory, alone: bool) -> String {
    format!("{memory:?}_{}", if alone { "alone" } else { "mixed" })
}

/// Loads all three into one DuckDB file, each by its tool, or all by Python dlt; the file.
fn run_all(sandbox: &Sandbox, name: &str, tools: [Tool; 3], memory: Memory, alone: bool) -> Result<PathBuf> {
    let database = sandbox.path(format!("{name}.duckdb"));
    for (number, (role, text)) in tools.into_iter().zip(LOADS).enumerate() {
        let data_dir = sandbox.path(match memory {
            Memory::Shared => format!("{name}-memory"),
            Memory::Own => format!("{name}-memory-of-{role:?}"),
            Memory::Fresh => format!("{name}-memory-{number}"),
        });
        match role {
            Tool::Ours if !alone => load_with_ours(sandbox, &data_dir, &database, text)?,
            _ => load_with_python(sandbox, &data_dir, &database, text)?,
        }
    }
    Ok(database)
}

fn load_with_python(sandbox: &Sandbox, data_dir: &Path, database: &Path, text: &str) -> Result<()> {
    let mut case = Case::of_one_run("shop", text);
    case.dataset = "shop".into();
    let mut request = Request::default();
    let verdict = request.load(&case, database)?.ask_with_memory(sandbox, data_dir)?;
    let error: &Option<String> = &verdict.errors["shop"];
    anyhow::ensure!(error.is_none(), "Python dlt could not continue: {error:?}");
    Ok(())
}

fn load_with_ours(sandbox: &Sandbox, data_dir: &Path, database: &Path, text: &str) -> Result<()> {
    let file = sandbox.write("ours.jsonl", text)?;
    let run = sandbox.dlt(["ingest"])?.arg(file).env("DLT_DATA_DIR", data_dir);
    let run = run.args(["--to", &format!("duckdb:{}", database.display()), "--dataset", "shop"]);
    run.args(["--table", "items", "--pipeline", "case_shop"]).succeed()?;
    Ok(())
}

/// Python dlt reads our stored state as its own: it keeps what it finds there.
#[test]
fn python_finds_our_schema_and_state() {
    let sandbox = Sandbox::new().unwrap();
    let database = sandbox.path("ours.duckdb");
    load_with_ours(&sandbox, &sandbox.data_dir(), &database, LOADS[0]).unwrap();
    let script = r#"
import json, sys, dlt
pipeline = dlt.pipeline("case_shop", destination=dlt.destinations.duckdb(sys.argv[1]), dataset_name="shop")
pipeline.sync_destination()
dataset = pipeline.dataset()
print(json.dumps({
    "first_run": pipeline.first_run, "schema": pipeline.default_schema_name, "schemas": list(pipeline.schemas),
    "tables": sorted(pipeline.default_schema.data_table_names()), "rows": dataset["items"].arrow().num_rows,
    "row_counts": dict(dataset.row_counts().fetchall()),
}))
"#;
    let run = PythonDlt::shared().unwrap().script(&sandbox, script).arg(&database);
    let output = run.env("DLT_DATA_DIR", sandbox.path("empty")).succeed().unwrap();
    let found: Value = serde_json::from_str(&output.stdout).unwrap();
    let expected = serde_json::json!({
        "first_run": false, "schema": "case_shop", "schemas": ["case_shop"], "tables": ["items", "items__tags"],
        "rows": 2, "row_counts": {"items": 2, "items__tags": 1},
    });
    assert_eq!(differences(&found, &expected), []);
}

/// Rules that a schema has of its own: detections, types and hints that go with names.
const BEGIN_WITH_RULES: &str = r#"
import json, sys, dlt
schema = dlt.Schema("case_shop")
for detection in ["timestamp", "iso_date", "large_integer"]:
    schema.add_type_detection(detection)
schema.update_preferred_types({"re:_price$": "decimal", "code": "text"})
schema.merge_hints({"not_null": ["id"], "cluster": ["re:^c_"]})
pipeline = dlt.pipeline("case_shop", destination=dlt.destinations.duckdb(sys.argv[1]), dataset_name="shop")
pipeline.run([{"id": 1}], table_name="items", schema=schema)
"#;

#[test]
fn rules_of_a_schema_are_obeyed() {
    let sandbox = Sandbox::new().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let rows = format!(
        r#"{{"id":2,"at":{now},"seconds":{now}.25,"day":"2024-02-29","no_day":"2024-02-30","count":17,"big":18446744073709551615,"unit_price":12,"code":7,"c_one":"x","code2":7,"nested":[{{"at":{now},"code":8}}]}}
{{"id":3,"at":"2024-01-02T03:04:05Z","day":"no day","unit_price":1.5,"code":"z","at_same":5}}
"#
    );
    let mut request = Request::default();
    for role in [Tool::Python, Tool::Ours] {
        let database = sandbox.path(format!("{role:?}.duckdb"));
        let data_dir = sandbox.path(format!("memory-of-{role:?}"));
        let begin = PythonDlt::shared().unwrap().script(&sandbox, BEGIN_WITH_RULES).arg(&database);
        begin.env("DLT_DATA_DIR", sandbox.path(format!("begin-{role:?}"))).succeed().unwrap();
        match role {
            Tool::Python => load_with_python(&sandbox, &data_dir, &database, &rows).unwrap(),
            Tool::Ours => load_with_ours(&sandbox, &data_dir, &database, &rows).unwrap(),
        }
        request.describe(&format!("{role:?}"), "shop", &database);
    }
    let verdict = request.ask(&sandbox).unwrap();
    let (python, ours) = (&verdict.descriptions["Python"], &verdict.descriptions["Ours"]);
    assert_eq!(python["loads"].as_array().map(Vec::len), Some(2), "{python:#}");
    let different: Vec<_> = differences(ours, python).into_iter().map(|it| it.to_string()).collect();
    assert!(different.is_empty(), "{}\n{ours:#}", different.join("\n"));
}
