//! Names and values that are not lost: what a person sees of it.

use crate::sandbox::Sandbox;

const TO: &str = "--to duckdb:shop.duckdb --dataset raw";

/// The cells of a table as CSV, without those of the engine.
fn table(sandbox: &Sandbox, name: &str) -> String {
    let mut command = sandbox.command("dataset raw --format csv");
    command.args([
        "--sql",
        &format!("select columns(c -> c not like '\\_dlt\\_%' escape '\\') from \"{name}\" order by all"),
    ]);
    sandbox.see(command).ok().stdout
}

#[test]
fn names_that_meet_are_named_apart_and_told() {
    let sandbox = Sandbox::new();
    sandbox.write("日本.jsonl", "{\"名前\":1,\"年齢\":2}\n");
    sandbox.write("中国.jsonl", "{\"id\":1,\"ID\":2}\n");
    let load = format!("ingest 日本.jsonl 中国.jsonl {TO}");
    let said = sandbox.run(&format!("{load} -v")).ok().stderr;
    for part in
        ["a table has a name with a tag", "2 keys have a name with a tag", "`ID` in table `x_", "--naming duck_case"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    sandbox.run(&load).ok();
    assert_eq!(table(&sandbox, "x"), "x,x_glevqa\n1,2\n1,2\n");
    assert_eq!(table(&sandbox, "x_vamhqq"), "id,id_h1zhzg\n1,2\n1,2\n");
}

#[test]
fn a_key_that_an_object_has_twice_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("t.jsonl", "{\"a\":1}\n{\"a\":2,\"b\":{\"c\":1,\"c\":2},\"a\":3}\n");
    let said = sandbox.run(&format!("ingest t.jsonl {TO}")).ok().stderr;
    let told = "note: an object has the key `c` twice (t.jsonl, line 2; 2 such keys in all): the last value is kept";
    assert!(said.contains(told), "{said}");
    assert_eq!(table(&sandbox, "t"), "a,b__c\n1,\n3,2\n");
}

#[test]
fn a_merge_goes_by_the_key_that_was_named_and_not_by_another_spelling() {
    let sandbox = Sandbox::new();
    sandbox.write("t.jsonl", "{\"id\":\"a\",\"ID\":1}\n");
    let load = format!("ingest t.jsonl {TO} --write-disposition merge --primary-key ID");
    sandbox.run(&load).ok();
    sandbox.write("t.jsonl", "{\"id\":\"b\",\"ID\":1}\n");
    sandbox.run(&load).ok();
    let mut rows = sandbox.command("dataset raw --format csv --sql");
    rows.arg("select count(*) n, max(id) id from t");
    assert_eq!(sandbox.see(rows).ok().stdout, "n,id\n1,1\n");
}

#[test]
fn a_csv_file_of_a_header_alone_makes_its_columns_and_says_that_there_were_no_rows() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", "id,name\n");
    let said = sandbox.run(&format!("ingest t.csv {TO}")).ok().stderr;
    assert!(said.contains("no rows"), "{said}");
    assert_eq!(table(&sandbox, "t"), "id,name\n");
}

#[test]
fn a_convention_that_keeps_all_letters() {
    let sandbox = Sandbox::new();
    sandbox.write("日本.jsonl", "{\"名前\":1,\"Id\":2}\n");
    sandbox.run(&format!("ingest 日本.jsonl {TO} --naming duck_case")).ok();
    // What is stored goes on without being said.
    sandbox.run(&format!("ingest 日本.jsonl {TO}")).ok();
    assert_eq!(table(&sandbox, "日本"), "名前,Id\n1,2\n1,2\n");
    let refused = sandbox.run(&format!("ingest 日本.jsonl {TO} --naming snake_case")).text();
    assert!(refused.contains("names its tables and columns by `duck_case`"), "{refused}");
    let mut command = sandbox.command(&format!("ingest 日本.jsonl {TO}"));
    command.env("SCHEMA__NAMING", "snake_case");
    let refused = sandbox.see(command).text();
    assert!(refused.contains("this run asks for `snake_case`"), "{refused}");
}

#[test]
fn values_that_a_column_would_change_stand_beside_it() {
    let sandbox = Sandbox::new();
    sandbox.write("a.jsonl", "{\"zip\":10001,\"price\":1.5,\"at\":\"2024-01-02T03:04:05Z\"}\n");
    sandbox.write("b.csv", "zip,price,at\n02134,1234567890123456789,2024\n10002,2.50,2024-01-02 03:04:05.123456789\n");
    let said = sandbox.run(&format!("ingest a.jsonl b.csv {TO} --table t")).ok().stderr;
    let told =
        "note: values that their column cannot hold unchanged are in `at__v_text` in table `t` and 2 other columns";
    assert!(said.contains(told), "{said}");
    let rows = table(&sandbox, "t");
    let expected = [
        "zip,price,at,zip__v_text,price__v_text,at__v_text",
        "10001,1.5,2024-01-02 03:04:05+00:00,,,",
        "10002,2.5,,,,2024-01-02 03:04:05.123456789",
        ",,,02134,1234567890123456789,2024",
    ];
    for cell in expected.iter().flat_map(|row| row.split(',')).filter(|cell| !cell.contains(':') || cell.contains('.'))
    {
        assert!(rows.contains(cell), "{cell}: {rows}");
    }
}

#[test]
fn half_a_surrogate_pair_is_refused_or_replaced() {
    let sandbox = Sandbox::new();
    sandbox.write("t.jsonl", "{\"a\":\"x\\ud800y\"}\n");
    let refused = sandbox.run(&format!("ingest t.jsonl {TO}")).text();
    assert!(refused.contains("t.jsonl:1:8: a string holds half a surrogate pair"), "{refused}");
    sandbox.run(&format!("ingest t.jsonl {TO} --lone-surrogates replace")).ok();
    assert_eq!(table(&sandbox, "t"), "a\nx\u{fffd}y\n");
}
