//! The example in `examples/dbt`, as its page says.

use std::fs;
use std::path::Path;

use super::{dlt, sandbox};

#[test]
fn the_page_to_the_letter() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/dbt");
    let sandbox = sandbox();
    copy(&example, &sandbox.cwd());
    let page = fs::read_to_string(example.join("README.md")).unwrap();
    let commands = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let mut said = Vec::new();
    for line in commands.lines() {
        let words = line.strip_prefix("dlt ").unwrap_or_else(|| panic!("{line}"));
        said.push(dlt(&sandbox, words).succeed().unwrap());
    }
    let [load, build, customers, test] = said.as_slice() else { panic!("{commands}") };
    assert!(load.stdout.contains("orders__items"), "{load}");
    assert!(build.stdout.contains("success  model  big_orders"), "{build}");
    assert!(build.stdout.contains("success  seed   countries"), "{build}");
    assert!(build.stderr.contains("OK created sql table model marts.customers"), "what dbt prints is seen\n{build}");
    let rows: Vec<_> =
        customers.stdout.lines().skip(2).map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert!(rows.contains(&vec!["1", "Ann", "Germany", "2", "51.0"]), "{customers}");
    assert!(rows.contains(&vec!["3", "Zoë", "Germany", "0", "0.0"]), "{customers}");
    assert!(test.stdout.contains("3 pass"), "{test}");

    // The variable of the pipeline file counts, and that of the command line more.
    let big = |words: &str| {
        dlt(&sandbox, words).succeed().unwrap();
        let sql = [
            "dataset",
            "marts",
            "--from",
            "duckdb:shop.duckdb",
            "--format",
            "csv",
            "--sql",
            "select count(*) from big_orders",
        ];
        sandbox.dlt(sql).unwrap().succeed().unwrap().stdout.lines().last().unwrap().to_owned()
    };
    assert_eq!(big("dbt run --select big_orders"), "2");
    let more = [
        "dbt",
        "run",
        "--select",
        "big_orders",
        "--full-refresh",
        "--vars",
        r#"{"big_order": 30, "said": "it's \"so\" {{ x }}"}"#,
    ];
    sandbox.dlt(more).unwrap().succeed().unwrap();
    assert_eq!(big("dbt compile"), "1");

    // A model that got a column is out of sync, and made anew where nobody forbids it.
    let model = sandbox.path("transform/models/marts/big_orders.sql");
    let text = fs::read_to_string(&model).unwrap();
    fs::write(&model, text.replace("select order_id,", "select 'new' as state, order_id,")).unwrap();
    let refused = dlt(&sandbox, "dbt run --select big_orders --no-auto-full-refresh").run().unwrap();
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.stderr.contains("auto_full_refresh_when_out_of_sync = true does so by itself"), "{refused}");
    let anew = dlt(&sandbox, "dbt run --select big_orders").succeed().unwrap();
    assert!(anew.stdout.contains("dbt run: 1 success, with full refresh"), "{anew}");
    assert!(anew.stderr.contains("out of sync with their tables (big_orders)"), "{anew}");

    // What dbt writes is no matter of loads.
    dlt(&sandbox, "run").succeed().unwrap();
    let all = dlt(&sandbox, "dbt run-all --format json").succeed().unwrap();
    let report: serde_json::Value = serde_json::from_str(&all.stdout).unwrap();
    let steps: Vec<_> =
        report["steps"].as_array().unwrap().iter().map(|step| step["command"].as_str().unwrap()).collect();
    assert_eq!((steps, &report["success"]), (vec!["seed", "run", "test"], &true.into()));
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            // What somebody tried out beside it is not part of it.
            if !["target", "logs", "dbt_packages"].iter().any(|name| entry.file_name() == *name) {
                fs::create_dir_all(&target).unwrap();
                copy(&entry.path(), &target);
            }
        } else if entry.path().extension().is_none_or(|ending| ending != "duckdb") {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
