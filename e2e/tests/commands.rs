//! State and schema as the commands of both tools see and change them, each on what the other wrote.

use std::path::Path;

use anyhow::Result;
use dlt_testkit::{PythonDlt, Sandbox};
use serde_json::Value;

/// What Python dlt is asked to do with the pipeline `shop`; the database is in the environment.
const SCRIPT: &str = r#"
import json, sys, dlt, yaml
from dlt.common.schema import Schema
from dlt.pipeline.helpers import pipeline_drop

what, database = sys.argv[1], sys.argv[2]

@dlt.source(name="shop")
def shop(users=1):
    @dlt.resource
    def orders():
        dlt.current.resource_state()["seen"] = 1
        yield [{"id": 1, "items": [{"sku": "a: #b"}]}, {"id": 2}]
    @dlt.resource(name="users")
    def people():
        dlt.current.source_state()["top"] = {"a": 1}
        yield [{"id": number} for number in range(users)]
    return orders, people

def pipeline(**options):
    return dlt.pipeline("shop", destination=dlt.destinations.duckdb(database), dataset_name="raw", **options)

answer = None
if what == "load":
    pipeline(export_schema_path="python-export").run(shop())
elif what == "look":
    found = pipeline()
    found.sync_destination()
    answer = {
        "tables": sorted(found.default_schema.data_table_names()), "schema": found.default_schema_name,
        "rows": dict(found.dataset().row_counts().fetchall()), "state": found.state.get("sources", {}).get("shop", {}),
    }
elif what == "drop":
    found = pipeline()
    found.sync_destination()
    pipeline_drop(found, resources=sys.argv[3])()
elif what == "read":
    schema = Schema.from_dict(yaml.safe_load(open(sys.argv[3])))
    answer = {"hash": schema.version_hash, "stored": schema.stored_version_hash, "tables": schema.data_table_names()}
elif what == "import":
    found = pipeline(import_schema_path=sys.argv[3])
    found.run(shop())
    answer = {"type": found.default_schema.tables["orders"]["columns"]["id"]["data_type"],
              "imported": found.default_schema._imported_version_hash}
print(json.dumps(answer))
"#;

struct Place {
    sandbox: Sandbox,
}

impl Place {
    fn new() -> Self {
        Self { sandbox: Sandbox::new().unwrap() }
    }

    fn python(&self, arguments: &[&str]) -> Value {
        self.python_in("python-memory", "shop.duckdb", arguments).unwrap()
    }

    fn python_in(&self, memory: &str, database: &str, arguments: &[&str]) -> Result<Value> {
        let run = PythonDlt::shared()?.script(&self.sandbox, SCRIPT).arg(arguments[0]).arg(self.sandbox.path(database));
        let output = run.args(&arguments[1..]).env("DLT_DATA_DIR", self.sandbox.path(memory)).succeed()?;
        Ok(serde_json::from_str(output.stdout.lines().last().unwrap_or("null"))?)
    }

    /// Our program with the words of a line.
    fn ours(&self, line: &str) -> String {
        self.sandbox.dlt(line.split(' ')).unwrap().succeed().unwrap().stdout
    }

    fn sync(&self) {
        let database = self.sandbox.path("shop.duckdb");
        let place = format!("--destination duckdb:{} --dataset-name raw --yes", database.display());
        self.ours(&format!("pipeline shop sync {place}"));
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.sandbox.path(name)).unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn ours_restores_shows_and_drops_what_python_wrote_and_python_goes_on() {
    let place = Place::new();
    place.python(&["load"]);
    place.sync();
    let tree = place.ours("pipeline shop schema");
    assert!(tree.contains("orders__items  1 row") && tree.contains("users  1 row"), "{tree}");
    let info = place.ours("-v pipeline shop info");
    assert!(info.contains("1 entry") && info.contains("\"top\""), "{info}");
    let package = place.ours("pipeline shop load-package");
    assert!(package.contains("orders") && package.contains("users"), "{package}");
    place.ours("pipeline shop drop orders --state-paths top --yes");
    let seen = place.python_in("elsewhere", "shop.duckdb", &["look"]).unwrap();
    assert_eq!(seen["tables"], serde_json::json!(["users"]));
    assert_eq!(seen["rows"], serde_json::json!({"users": 1}));
    assert_eq!(seen["state"], serde_json::json!({"resources": {}}));
    // Both go on: Python with a memory of its own that knows nothing of the drop, and we after it.
    place.python(&["load"]);
    let seen = place.python_in("elsewhere", "shop.duckdb", &["look"]).unwrap();
    assert_eq!(seen["rows"], serde_json::json!({"users": 2, "orders": 2, "orders__items": 1}));
    place.ours("pipeline shop drop re:user --yes");
    // With an empty memory, for the state did not change.
    let seen = place.python_in("nowhere", "shop.duckdb", &["look"]).unwrap();
    assert_eq!(seen["rows"], serde_json::json!({"orders": 2, "orders__items": 1}));
}

#[test]
fn python_drops_what_ours_wrote_and_ours_goes_on() {
    let place = Place::new();
    let rows = place.sandbox.write("rows.jsonl", "{\"id\":1,\"items\":[{\"sku\":\"a\"}]}\n").unwrap();
    let database = place.sandbox.path("shop.duckdb");
    let load = |table: &str| {
        let line = format!("--to duckdb:{} --dataset raw --pipeline shop --table {table}", database.display());
        place.ours(&format!("ingest {} {line}", text(&rows)));
    };
    load("orders");
    load("users");
    place.python(&["drop", "orders"]);
    let tree = place.ours("pipeline shop schema");
    assert!(!tree.contains("orders") && tree.contains("users__items  1 row"), "{tree}");
    load("orders");
    // With an empty memory: its own does not learn of tables that came without a change of the state.
    let seen = place.python_in("elsewhere", "shop.duckdb", &["look"]).unwrap();
    assert_eq!(seen["rows"], serde_json::json!({"orders": 1, "orders__items": 1, "users": 1, "users__items": 1}));
}

#[test]
fn the_command_line_of_python_works_on_what_ours_wrote() {
    let place = Place::new();
    let rows = place.sandbox.write("rows.jsonl", "{\"id\":1,\"items\":[{\"sku\":\"a\"}]}\n").unwrap();
    let database = place.sandbox.path("shop.duckdb");
    let line = format!("--to duckdb:{} --dataset raw --pipeline shop --table orders", database.display());
    place.ours(&format!("ingest {} {line}", text(&rows)));
    // Its own command in its own process, with an empty data folder and with ours.
    let script = "import sys, runpy\nsys.argv = ['dlt', '-y'] + sys.argv[1:]\n\
        from dlt._workspace.cli._dlt import _main\n_main()\n";
    for (memory, words) in [
        ("empty", vec!["pipeline", "shop", "sync", "--destination", "duckdb", "--dataset-name", "raw"]),
        ("empty", vec!["pipeline", "shop", "info"]),
        ("empty", vec!["pipeline", "shop", "schema"]),
        ("ours", vec!["pipeline", "shop", "info"]),
        ("ours", vec!["pipeline", "shop", "schema"]),
    ] {
        let data = if memory == "ours" { place.sandbox.data_dir() } else { place.sandbox.path(memory) };
        let run = PythonDlt::shared().unwrap().script(&place.sandbox, script).args(&words);
        let run = run.env("DLT_DATA_DIR", data).env("DESTINATION__DUCKDB__CREDENTIALS", text(&database));
        let output = run.succeed().unwrap();
        match words[2] {
            "info" => assert!(output.stdout.contains("orders with 2 table(s)"), "{output}"),
            "schema" => assert!(output.stdout.contains("orders__items:"), "{output}"),
            _ => {}
        }
    }
}

#[test]
fn schema_files_go_both_ways() {
    let place = Place::new();
    place.python(&["load"]);
    place.sync();
    // Python reads what we write, and finds its own hash in it.
    let ours = place.sandbox.path("ours.schema.yaml");
    std::fs::write(&ours, place.ours("pipeline shop schema --format yaml")).unwrap();
    let read = place.python(&["read", text(&ours)]);
    assert_eq!(read["hash"], read["stored"]);
    // We read what Python writes, and both files say the same.
    let python = place.sandbox.path("python-export/shop.schema.yaml");
    let again = place.ours(&format!("schema {} --format yaml", text(&python)));
    let hash =
        |yaml: &str| yaml.lines().find(|line| line.starts_with("version_hash")).map(|line| line.replace('"', ""));
    assert_eq!(hash(&again), hash(&place.file("python-export/shop.schema.yaml")));
    assert_eq!(hash(&again), hash(&place.file("ours.schema.yaml")));
}

#[test]
fn an_import_means_the_same_to_both() {
    let place = Place::new();
    place.python(&["load"]);
    place.sync();
    let bare = place.ours("pipeline shop schema --format yaml --remove-processing-hints");
    let edited = bare.replacen("      id:\n        data_type: bigint", "      id:\n        data_type: text", 1);
    assert_ne!(bare, edited);
    let folder = place.sandbox.path("import");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("shop.schema.yaml"), &edited).unwrap();
    let python = place.python_in("fresh", "python.duckdb", &["import", text(&folder)]).unwrap();
    assert_eq!(python["type"], "text");

    let rows = place.sandbox.write("data/orders.jsonl", "{\"id\":1,\"items\":[{\"sku\":\"a\"}]}\n").unwrap();
    let file = format!(
        "[pipeline]\nname = \"shop\"\ndataset = \"raw\"\nimport_schema_path = {folder:?}\n\n[destination]\ntype = \"duckdb\"\n\
         path = {:?}\n\n[source]\ntype = \"filesystem\"\npaths = [{rows:?}]\n",
        place.sandbox.path("ours.duckdb")
    );
    let file = place.sandbox.write("shop_pipeline.toml", file).unwrap();
    let data = place.sandbox.path("fresh-ours");
    let run = place.sandbox.dlt(["run"]).unwrap().arg(&file).env("DLT_DATA_DIR", &data);
    run.succeed().unwrap();
    let run = place.sandbox.dlt(["pipeline", "shop", "schema", "--format", "json"]).unwrap().env("DLT_DATA_DIR", &data);
    let schema: Value = serde_json::from_str(&run.succeed().unwrap().stdout).unwrap();
    assert_eq!(schema["tables"]["orders"]["columns"]["id"]["data_type"], "text");
    assert_eq!(schema["imported_version_hash"], python["imported"]);
}
