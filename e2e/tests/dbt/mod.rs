//! `dlt dbt` with real dbt.

mod environment;
mod example;
mod failures;
mod first_package;
mod repositories;
mod secrets;

use dlt_testkit::{Dbt, Invocation, Sandbox};

/// A sandbox in which `dlt dbt` finds the dbt that all tests share.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.set_env("DBT_PACKAGE_RUNNER__EXECUTABLE", Dbt::shared().unwrap().program());
    sandbox
}

/// `dlt` with these words.
fn dlt(sandbox: &Sandbox, words: &str) -> Invocation {
    sandbox.dlt(words.split_whitespace()).unwrap()
}

/// Orders with lists in lists, loaded into `shop.duckdb`.
fn load_orders(sandbox: &Sandbox) {
    let rows = r#"{"id": 1, "customer": "ann", "items": [{"sku": "a", "tags": ["x", "y"]}, {"sku": "b"}]}
{"id": 2, "customer": "bob", "items": [{"sku": "a"}]}
"#;
    sandbox.write("orders.jsonl", rows).unwrap();
    let load = "ingest orders.jsonl --to duckdb:shop.duckdb --dataset raw --write-disposition merge --primary-key id";
    dlt(sandbox, load).succeed().unwrap();
}

/// A package with these models, by name.
fn write_package(sandbox: &Sandbox, folder: &str, models: &[(&str, &str)]) {
    sandbox.write(format!("{folder}/dbt_project.yml"), "name: shop\nversion: '1.0'\nprofile: of_somebody\n").unwrap();
    for (name, sql) in models {
        sandbox.write(format!("{folder}/models/{name}.sql"), sql).unwrap();
    }
}
