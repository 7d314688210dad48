//! `--limit`, `--resources` and `--dry-run`.

use crate::sandbox::Sandbox;

const TO: &str = "--to duckdb:shop.duckdb --dataset raw";

#[test]
fn a_dry_run_tells_what_is_new_and_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("users.jsonl", "{\"id\":1,\"tags\":[\"a\"]}\n{\"id\":2}\n");
    let load = format!("ingest users.jsonl {TO} --write-disposition merge --primary-key id");
    let told = sandbox.run(&format!("{load} --dry-run")).ok().stdout;
    for line in [
        "+ new table users: merge, 2 rows",
        "    + id            bigint  not null, primary_key",
        "+ new table users__tags in users: merge, 1 row",
        "    + value           text\n",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!sandbox.project().join("shop.duckdb").exists(), "the database is made by the first load");
    assert!(sandbox.run("pipeline raw --quiet").code != Some(0), "no pipeline ran");

    sandbox.run(&load).ok();
    sandbox.write("users.jsonl", "{\"id\":1}\n{\"id\":3,\"email\":\"e\"}\n");
    let told = sandbox.run(&format!("ingest users.jsonl {TO} --dry-run")).ok().stdout;
    assert!(told.contains("~ table users: merge, 2 rows\n    + email  text\n"), "{told}");
    let told = sandbox.run(&format!("ingest users.jsonl {TO} --dry-run --limit 1")).ok().stdout;
    assert!(told.ends_with("  table users: merge, 1 row\n"), "{told}");
    let rows = sandbox.run("dataset raw --format csv users").ok().stdout;
    assert_eq!(rows.lines().count(), 3, "{rows}");

    sandbox.write("users.jsonl", "{\"id\":1}\n{\"id\":nan}\n");
    let refused = sandbox.run(&format!("ingest users.jsonl {TO} --dry-run")).text();
    assert!(refused.contains("users.jsonl:2"), "{refused}");
}

#[test]
fn the_first_rows_of_some_resources() {
    let sandbox = Sandbox::new();
    sandbox.write("data/users.jsonl", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
    sandbox.write("data/orders.csv", "id,total\n1,5\n2,6\n");
    sandbox.write(
        "shop_pipeline.toml",
        "[pipeline]\nname = \"shop\"\ndataset = \"raw\"\n[destination]\ntype = \"duckdb\"\n[source]\n\
         type = \"filesystem\"\npaths = [\"data/*\"]\n",
    );
    let told = sandbox.run("run --resources users --limit 2").ok().stdout;
    assert!(told.contains("users  2 rows") && !told.contains("orders"), "{told}");
    let refused = sandbox.run("run --resources user,orders").text();
    assert!(
        refused.contains("the source has no resource `user`") && refused.contains("did you mean `users`?"),
        "{refused}"
    );
    let told = sandbox.run("run").ok().stdout;
    assert!(told.contains("users   3 rows") && told.contains("orders  2 rows"), "{told}");
}

#[test]
fn a_load_begins_anew() {
    let sandbox = Sandbox::new();
    sandbox.write("t.jsonl", "{\"id\":1,\"old\":1}\n");
    sandbox.run(&format!("ingest t.jsonl {TO}")).ok();
    sandbox.write("t.jsonl", "{\"id\":2}\n");
    let columns =
        |sandbox: &Sandbox| sandbox.run("dataset raw --format csv t").ok().stdout.lines().next().unwrap().to_owned();
    sandbox.run(&format!("ingest t.jsonl {TO} --refresh drop_data")).ok();
    assert!(columns(&sandbox).starts_with("id,old,"), "{}", columns(&sandbox));
    let told = sandbox.run(&format!("ingest t.jsonl {TO} --full-refresh")).ok().stdout;
    assert!(told.contains("t  1 row"), "{told}");
    assert!(columns(&sandbox).starts_with("id,_dlt"), "{}", columns(&sandbox));
    let rows = sandbox.run("dataset raw --format csv t").ok().stdout;
    assert_eq!(rows.lines().count(), 2, "{rows}");
}
