//! What does not go well is said in words that help, and the exit code tells.

use std::time::{Duration, Instant};

use dlt_testkit::{Output, Recorder};
use serde_json::Value;

use super::{dlt, load_orders, sandbox, write_package};

const FROM: &str = "--from duckdb:shop.duckdb --dataset raw";

fn assert_failed(output: &Output, code: i32, said: &[&str]) {
    assert_eq!(output.code, Some(code), "{output}");
    for text in said {
        assert!(output.stderr.contains(text), "{text:?} is not said\n{output}");
    }
    assert!(!output.stderr.contains("panicked"), "{output}");
}

#[test]
fn models_and_tests_that_fail() {
    let sandbox = sandbox();
    load_orders(&sandbox);
    write_package(
        &sandbox,
        "tränsform it",
        &[
            ("good", "select id from {{ source('raw', 'orders') }}"),
            ("bad", "select nope from {{ ref('good') }}"),
            ("after", "select * from {{ ref('bad') }}"),
        ],
    );
    let yml = "version: 2\nsources:\n  - name: raw\n    tables: [{name: orders}]\nmodels:\n  - name: good\n    columns:\n      - name: id\n        data_tests:\n          - accepted_values: {arguments: {values: [1]}}\n";
    sandbox.write("tränsform it/models/all.yml", yml).unwrap();
    let words = |words: &str| {
        let words = words.split_whitespace().chain(FROM.split_whitespace());
        sandbox.dlt(words.map(|word| word.replace('%', "tränsform it"))).unwrap()
    };
    let run = words("-q dbt run %").run().unwrap();
    assert_failed(&run, 1, &["dbt run failed: 1 of 3"]);
    for text in
        ["success  model  good", "error    model  bad", "skipped  model  after", "compiled/shop/models/bad.sql", "nope"]
    {
        assert!(run.stdout.contains(text), "{text}\n{run}");
    }
    let test = words("dbt test % --format json").run().unwrap();
    assert_failed(&test, 1, &["dbt test failed: 1 of 1"]);
    let report: Value = serde_json::from_str(&test.stdout).unwrap();
    let result = &report["steps"][0]["results"][0];
    assert_eq!(
        (&result["status"], &result["failures"], &report["success"]),
        (&"fail".into(), &1.into(), &false.into())
    );
    assert!(result["file"].as_str().unwrap().ends_with(".sql") && result["time"].is_number(), "{result}");

    // What stood there from the last run is not told again where dbt does not get so far.
    sandbox.write("tränsform it/models/bad.sql", "select {{ nope( }}").unwrap();
    let broken = words("-q dbt run %").run().unwrap();
    assert_failed(&broken, 1, &["Compilation Error in model bad (models/bad.sql)", "logs/dbt.log"]);
    assert_eq!(broken.stdout, "", "{broken}");
}

#[test]
fn what_is_asked_for_and_cannot_be() {
    let sandbox = sandbox();
    write_package(&sandbox, "transform", &[]);
    let run = |words: &str| dlt(&sandbox, words).run().unwrap();
    assert_failed(
        &run("dbt run transform"),
        2,
        &["there is no *_pipeline.toml in this folder", "--from duckdb:FILE --dataset NAME"],
    );
    assert_failed(&run(&format!("dbt run transform {FROM}")), 1, &["shop.duckdb", "hint"]);
    assert!(!sandbox.path("shop.duckdb").exists(), "nothing is made by looking");
    load_orders(&sandbox);
    assert_failed(&run("dbt run transform --from duckdb:shop.duckdb --dataset rwa"), 1, &["rwa"]);
    assert_failed(
        &run(&format!("dbt run {FROM}")),
        2,
        &["no dbt package is named", "package_location", "dlt dbt init"],
    );
    assert_failed(&run(&format!("dbt run nowhere {FROM}")), 2, &["there is no dbt package nowhere"]);
    assert_failed(&run(&format!("dbt run transform {FROM} --profiles-dir .")), 2, &["there is no profiles.yml"]);
    assert_failed(
        &run(&format!("dbt run transform {FROM} --dbt nowhere/dbt")),
        2,
        &["there is no program nowhere/dbt"],
    );
    assert_failed(&run(&format!("dbt run transform {FROM} -- --vars x")), 2, &["`--vars` is set for dbt already"]);
    assert_failed(&run(&format!("dbt run transform {FROM} --vars [1]")), 2, &["--vars must be a JSON object"]);
    assert_failed(
        &run("dbt run transform --from filesystem:lake --dataset raw"),
        2,
        &["dbt needs a database, and `filesystem` is files"],
    );
    assert_failed(&run("dbt init new --from filesystem:lake --dataset raw"), 2, &["dbt needs a database"]);
    assert_failed(
        &run("dbt run transform --from adbc:sqlite:x.db --dataset raw"),
        2,
        &["dbt has no adapter for the drivers of `adbc`"],
    );
    sandbox.write("a#b/x.jsonl", "{\"id\": 1}\n").unwrap();
    dlt(&sandbox, "ingest a#b/x.jsonl --to duckdb:a#b/shop.duckdb --dataset raw").succeed().unwrap();
    assert_failed(
        &run("dbt run transform --from duckdb:a#b/shop.duckdb --dataset raw"),
        2,
        &["dbt-duckdb cannot open", "`#`"],
    );

    let file = "[pipeline]\nname = \"shop\"\n[destination]\ntype = \"duckdb\"\n[source]\ntype = \"filesystem\"\npaths = [\"*.jsonl\"]\n[dbt]\npackage_locaton = \"x\"\n";
    sandbox.write("shop_pipeline.toml", file).unwrap();
    assert_failed(
        &run("dbt run"),
        2,
        &["shop_pipeline.toml:9", "unknown key in [dbt]: `package_locaton`", "did you mean `package_location`?"],
    );
    sandbox.write("shop_pipeline.toml", file.replace("package_locaton", "package_location")).unwrap();
    let variable = dlt(&sandbox, "dbt run").env("DBT_PACKAGE_RUNNER__THREADS", "many").run().unwrap();
    assert_failed(&variable, 2, &["DBT_PACKAGE_RUNNER__THREADS"]);
    dlt(&sandbox, "run").env("DBT_PACKAGE_RUNNER__THREADS", "many").succeed().unwrap();
}

#[test]
fn telemetry_hears_once_of_each_preparation() {
    let recorder = Recorder::start().unwrap();
    let mut sandbox = sandbox();
    load_orders(&sandbox);
    write_package(&sandbox, "transform", &[("one", "select 1 as one")]);
    let run = |sandbox: &dlt_testkit::Sandbox, package: &str| {
        dlt(sandbox, &format!("-q dbt run {package} {FROM}")).run().unwrap()
    };
    run(&sandbox, "transform");
    assert!(recorder.requests().is_empty() && !sandbox.data_dir().join("telemetry").exists(), "off is off");
    sandbox.telemetry_to(&recorder.url());
    sandbox.set_env("CI", "true");
    assert_eq!(run(&sandbox, "transform").code, Some(0));
    assert_eq!(run(&sandbox, "nowhere").code, Some(2));
    let told: Vec<_> = recorder
        .messages()
        .unwrap()
        .into_iter()
        .filter(|message| message["event"] == "helper_dbt_create_runner")
        .collect();
    let success: Vec<_> = told.iter().map(|message| &message["properties"]["success"]).collect();
    assert_eq!(success, [&Value::from(true), &Value::from(false)], "{told:?}");
    let hash = told[0]["properties"]["package_profile_name_hash"].as_str().unwrap();
    assert!(!hash.is_empty() && hash != "duckdb" && told[0]["properties"]["elapsed"].is_number(), "{told:?}");
}

#[test]
fn dbt_ends_with_us_and_leaves_the_database_free() {
    let sandbox = sandbox();
    load_orders(&sandbox);
    let endless = "{{ config(materialized='table') }}\nselect count(*) as n from range(2000000) a(r), range(2000000) b(r) where (a.r * b.r) % 7 = 3";
    write_package(&sandbox, "transform", &[("endless", endless), ("one", "select 1 as one")]);
    let running = dlt(&sandbox, &format!("dbt run transform {FROM} --select endless")).spawn().unwrap();
    let log = sandbox.path("transform/logs/dbt.log");
    let started = Instant::now();
    while !std::fs::read_to_string(&log).unwrap_or_default().contains("1 of 1 START") {
        assert!(started.elapsed() < Duration::from_secs(100), "dbt did not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    let busy = dlt(&sandbox, &format!("dbt run transform {FROM}")).run().unwrap();
    assert_failed(&busy, 1, &["has the file open"]);
    // This process alone, and not its group: nothing else is there to end dbt.
    let killed = std::process::Command::new("kill").args(["-9", &running.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let started = Instant::now();
    loop {
        let next = dlt(&sandbox, &format!("dbt run transform {FROM} --select one")).run().unwrap();
        if next.code == Some(0) {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "dbt goes on\n{next}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
