//! What `dlt dbt init` writes builds at once, whatever the dataset is called and whatever is in it.

use std::fs;

use dlt_testkit::{Postgres, Sandbox};

use super::{dlt, sandbox};

fn write_inputs(sandbox: &Sandbox) {
    let orders = r#"{"id": 1, "Größe": 1.5, "order": "x", "items": [{"sku": "a", "tags": ["x", "y"]}, {"sku": "b"}]}
{"id": 2, "Größe": 2.5, "order": "y", "items": [{"sku": "a"}]}
"#;
    sandbox.write("orders.jsonl", orders).unwrap();
    sandbox
        .write("stock.jsonl", "{\"sku\": \"a\", \"id\": 7, \"n\": 1}\n{\"sku\": \"b\", \"id\": 7, \"n\": 2}\n")
        .unwrap();
}

/// Loads, writes a package, builds it, loads again and builds again.
fn builds(sandbox: &Sandbox, to: &str, dataset: &str, naming: &str) -> String {
    let load = |file: &str, key: &str| {
        let load = format!("ingest {file} --write-disposition merge --primary-key {key} --naming {naming}");
        dlt(sandbox, &load).args(["--to", to, "--dataset", dataset]).succeed().unwrap();
    };
    let from = ["--from", to, "--dataset", dataset];
    load("orders.jsonl", "id");
    load("stock.jsonl", "id,sku");
    let written = dlt(sandbox, "dbt init first").args(from).succeed().unwrap();
    assert!(written.stdout.contains("models/staging/sources.yml"), "{written}");
    let again = dlt(sandbox, "dbt init first").args(from).run().unwrap();
    assert_eq!(again.code, Some(2), "{again}");
    assert!(again.stderr.contains("first is not empty"), "{again}");
    for _ in 0..2 {
        let built = dlt(sandbox, "dbt build first").args(from).succeed().unwrap();
        // Two tests of the id of each row, two of each parent, two of a key of one column, three of one of two.
        assert!(built.stdout.contains("4 success"), "{built}");
        assert!(built.stdout.contains("17 pass") && !built.stdout.contains("warn"), "{built}");
        load("orders.jsonl", "id");
        load("stock.jsonl", "id,sku");
    }
    fs::read_to_string(sandbox.path("first/dbt_project.yml")).unwrap()
}

#[test]
fn in_duckdb() {
    let sandbox = sandbox();
    write_inputs(&sandbox);
    // The dataset is called as the database is, and neither has a name that needs no quotes.
    let project = builds(&sandbox, "duckdb:my shop.v1.duckdb", "my shop", "duck_case");
    assert!(project.contains("+materialized: view"), "{project}");
    let sources = fs::read_to_string(sandbox.path("first/models/staging/sources.yml")).unwrap();
    assert!(sources.contains("schema: \"{{ var('source_dataset_name', 'my shop') }}\""), "{sources}");
    let nested = fs::read_to_string(sandbox.path("first/models/staging/stg_orders__items.sql")).unwrap();
    assert!(nested.contains("parent.\"id\" as \"orders__id\""), "{nested}");
    assert!(sandbox.path("first/tests/stg_stock_key.sql").exists());
    let rows = [
        "dataset",
        "my shop",
        "--from",
        "duckdb:my shop.v1.duckdb",
        "--format",
        "csv",
        "--sql",
        "select orders__id, sku from stg_orders__items order by 1, 2",
    ];
    assert_eq!(sandbox.dlt(rows).unwrap().succeed().unwrap().stdout, "orders__id,sku\n1,a\n1,b\n2,a\n");
}

#[test]
fn in_postgres() {
    let sandbox = sandbox();
    write_inputs(&sandbox);
    let server = Postgres::start().unwrap();
    server.create_database("shop").unwrap();
    let project = builds(&sandbox, &server.url("shop"), "Roh_Daten", "sql_cs_v1");
    assert!(project.contains("+materialized: table"), "a view would stand in the way of loads\n{project}");
    // Keys that the data break get no test, and a table that no schema knows is left out; both are said.
    server.sql("shop", "CREATE TABLE \"Roh_Daten\".by_hand (a int); UPDATE \"Roh_Daten\".stock SET sku = 'a'").unwrap();
    let url = server.url("shop");
    let words = ["dbt", "init", "second", "--from", &url, "--dataset", "Roh_Daten"];
    let written = sandbox.dlt(words).unwrap().succeed().unwrap();
    assert!(
        written.stderr.contains("the key of stock (id, sku) is unique: rows share it")
            || written.stderr.contains("the key of stock (sku, id) is unique"),
        "{written}"
    );
    assert!(
        written.stderr.contains("no schema of the dataset knows them: ") && written.stderr.contains("by_hand"),
        "{written}"
    );
    assert!(!written.stdout.contains(Postgres::PASSWORD_IN_URL) && !sandbox.path("second/tests").exists(), "{written}");
}
