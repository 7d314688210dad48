//! `dlt pipeline NAME schema`, `load-package`, `failed-jobs`, `sync` and `drop`, `dlt schema`, `dlt run --refresh`.

use crate::assert_seen;
use crate::sandbox::{Sandbox, exists};

const PIPELINE: &str = "[pipeline]\nname = \"shop\"\ndataset = \"raw\"\nexport_schema_path = \"schemas\"\n\n\
    [destination]\ntype = \"duckdb\"\n\n[source]\ntype = \"filesystem\"\npaths = [\"data/*.jsonl\"]\n";

fn loaded() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("shop_pipeline.toml", PIPELINE);
    sandbox.write("data/orders.jsonl", "{\"id\":1,\"items\":[{\"sku\":\"a\",\"tags\":[1,2]}]}\n{\"id\":2}\n");
    sandbox.write("data/users.jsonl", "{\"id\":1,\"name\":\"Alice\"}\n");
    sandbox.run("run").ok();
    sandbox
}

/// The tables of the dataset with their rows.
fn tables(sandbox: &Sandbox) -> String {
    let listed = sandbox.run("dataset raw --format csv").ok().stdout;
    let mut tables: Vec<_> = listed.lines().skip(1).collect();
    tables.sort_unstable();
    tables.iter().map(|table| format!("{table} ")).collect()
}

#[test]
fn a_schema_in_every_form() {
    let sandbox = loaded();
    assert_seen!("tree", sandbox.run("pipeline shop schema"));
    assert_seen!("tree_of_one_table", sandbox.run("pipeline shop schema --tables users"));
    assert_seen!("unknown_table", sandbox.run("pipeline shop schema --tables usres"));
    assert_seen!("unknown_schema", sandbox.run("pipeline shop schema --schema nope"));
    let yaml = sandbox.run("pipeline shop schema --format yaml").ok().stdout;
    assert_eq!(yaml, sandbox.read("schemas/shop.schema.yaml"));
    for (format, word) in [
        ("json", "\"name\": \"shop\""),
        ("dbml", "Table \"orders__items\""),
        ("dot", "digraph \"shop\""),
        ("mermaid", "orders__items }|--|| orders"),
    ] {
        let seen = sandbox.run(&format!("pipeline shop schema --format {format}")).ok().stdout;
        assert!(seen.contains(word), "{seen}");
        // A file of it says the same.
        assert_eq!(sandbox.run(&format!("schema schemas/shop.schema.yaml --format {format}")).ok().stdout, seen);
    }
    let bare = sandbox.run("pipeline shop schema --format yaml --remove-processing-hints").ok().stdout;
    assert!(yaml.contains("x-normalizer") && !bare.contains("x-normalizer"));
    std::fs::remove_file(sandbox.project().join("shop.duckdb")).unwrap();
    assert_seen!("tree_of_a_destination_that_is_gone", sandbox.run("pipeline shop schema --tables users"));
    assert_eq!(sandbox.run("pipeline shop schema --format yaml").ok().stdout, yaml);
}

#[test]
fn wrong_schema_files() {
    let sandbox = loaded();
    sandbox.write("broken.yaml", "name: [shop\n");
    sandbox.write("other.json", "{\"name\": 1}");
    assert_seen!("schema_file_missing", sandbox.run("schema nope.yaml"));
    assert_seen!("schema_file_broken", sandbox.run("schema broken.yaml"));
    assert_seen!("schema_file_of_another_kind", sandbox.run("schema other.json"));
    assert_seen!("schema_file_without_ending", sandbox.run("schema shop_pipeline.toml"));
}

#[test]
fn what_a_load_brought() {
    let sandbox = loaded();
    let mut seen = sandbox.run("pipeline shop load-package");
    // Cut to a length that the name of the temporary folder has a part in.
    seen.stdout =
        seen.stdout.lines().filter(|line| !line.starts_with("  input")).map(|line| format!("{line}\n")).collect();
    assert_seen!("load_package", seen);
    assert_seen!("no_failed_jobs", sandbox.run("pipeline shop failed-jobs"));
    assert_seen!("load_package_unknown", sandbox.run("pipeline shop load-package 17.5"));
    sandbox.run("run").ok();
    let first = sandbox.run("dataset raw --sql select(min(load_id))from\"_dlt_loads\" --format csv").ok().stdout;
    let first = first.lines().last().unwrap().to_owned();
    assert!(sandbox.run(&format!("pipeline shop load-package {first}")).ok().stdout.contains("new table"));
    assert_seen!("load_package_rows", sandbox.run(&format!("pipeline shop load-package {first} row-counts")));
    // What this machine does not remember, the dataset does.
    sandbox.run("pipeline shop sync --yes").ok();
    assert_seen!("load_package_of_a_dataset", sandbox.run("pipeline shop load-package"));
}

#[test]
fn a_run_begins_anew() {
    let sandbox = loaded();
    sandbox.run("run").ok();
    sandbox.write("data/users.jsonl", "");
    std::fs::remove_file(sandbox.project().join("data/orders.jsonl")).unwrap();
    sandbox.write("data/users.jsonl", "{\"id\":\"one\"}\n");
    assert_eq!(tables(&sandbox), "orders,4 orders__items,2 orders__items__tags,4 users,2 ");
    sandbox.run("run --refresh drop_resources").ok();
    assert_eq!(tables(&sandbox), "orders,4 orders__items,2 orders__items__tags,4 users,1 ");
    assert!(sandbox.run("pipeline shop load-package").ok().stdout.contains("drop_resources"));
    sandbox
        .write("shop_pipeline.toml", PIPELINE.replace("[destination]", "refresh = \"drop_sources\"\n\n[destination]"));
    sandbox.run("run").ok();
    assert_eq!(tables(&sandbox), "users,1 ");
    assert_seen!("unknown_refresh", sandbox.run("run --refresh drop"));
    sandbox
        .write("shop_pipeline.toml", PIPELINE.replace("[destination]", "refresh = \"drop_source\"\n\n[destination]"));
    assert_seen!("unknown_refresh_in_a_file", sandbox.run("run"));
}

#[test]
fn resources_are_dropped() {
    let sandbox = loaded();
    assert_seen!("drop_nothing_named", sandbox.run("pipeline shop drop"));
    assert_seen!("drop_unknown_resource", sandbox.run("pipeline shop drop ordrs --yes"));
    assert_seen!("drop_unknown_path", sandbox.run("pipeline shop drop --yes --state-paths a.b"));
    assert_seen!("drop_wrong_pattern", sandbox.run("pipeline shop drop re:( --yes"));
    assert_seen!("drop_unknown_schema", sandbox.run("pipeline shop drop users --schema nope --yes"));
    assert_seen!("drop_unknown_pipeline", sandbox.run("pipeline shpo drop users --yes"));
    assert_seen!("drop_without_a_terminal", sandbox.run("pipeline shop drop orders"));
    assert_eq!(tables(&sandbox), "orders,2 orders__items,1 orders__items__tags,2 users,1 ");
    assert_seen!("drop", sandbox.run("pipeline shop drop orders --yes"));
    assert_eq!(tables(&sandbox), "users,1 ");
    sandbox.run("run").ok();
    assert_eq!(tables(&sandbox), "orders,2 orders__items,1 orders__items__tags,2 users,2 ");
    assert_seen!("drop_all", sandbox.run("pipeline shop drop --drop-all -y"));
}

#[test]
fn a_working_folder_is_restored() {
    let sandbox = loaded();
    let folder = sandbox.data().join("pipelines/shop");
    assert_seen!("sync_without_a_terminal", sandbox.run("pipeline shop sync"));
    assert!(exists(folder.join("trace.json")));
    assert_seen!("sync", sandbox.run("pipeline shop sync --yes"));
    assert!(!exists(folder.join("trace.json")) && exists(folder.join("schemas/shop.schema.json")));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_seen!("sync_of_nowhere", sandbox.run("pipeline shop sync --yes"));
    assert_seen!(
        "sync_from_a_place",
        sandbox.run("pipeline shop sync --destination duckdb:shop.duckdb --dataset-name raw")
    );
    assert_seen!("sync_of_another_place", sandbox.run("pipeline shop sync --destination duckdb:other.duckdb --yes"));
    assert_seen!("sync_from_nothing", sandbox.run("pipeline other sync --destination duckdb:shop.duckdb"));
    assert_seen!("sync_from_a_missing_file", sandbox.run("pipeline other sync --destination duckdb:nope.duckdb"));
    assert!(!exists(sandbox.project().join("nope.duckdb")));
    sandbox.run("run").ok();
    assert_eq!(tables(&sandbox), "orders,4 orders__items,2 orders__items__tags,4 users,2 ");
}

#[test]
fn two_at_once_are_refused() {
    let sandbox = loaded();
    let lock = std::fs::File::options().write(true).open(sandbox.data().join("pipelines/shop/lock")).unwrap();
    lock.lock().unwrap();
    assert_seen!("drop_while_a_run_is_under_way", sandbox.run("pipeline shop drop orders --yes"));
    assert_seen!("sync_while_a_run_is_under_way", sandbox.run("pipeline shop sync --yes"));
    drop(lock);
    sandbox.run("pipeline shop sync --yes").ok();
    assert_seen!("the_name_is_missing", sandbox.run("pipeline schema"));
}
