//! `dlt pipeline` and `dlt dataset`: looking at what was loaded.

use crate::assert_seen;
use crate::load::EVENTS;
use crate::sandbox::Sandbox;

fn loaded() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    sandbox.run("ingest events.jsonl --to duckdb:shop.duckdb --dataset raw --pipeline shop").ok();
    sandbox
}

#[test]
fn pipelines() {
    let sandbox = Sandbox::new();
    assert_seen!("no_pipelines", sandbox.run("pipeline --list"));
    let sandbox = loaded();
    assert_seen!("pipelines", sandbox.run("pipeline").squeezed());
    assert_seen!("pipeline_info", sandbox.run("pipeline shop"));
    assert_seen!("pipeline_trace", sandbox.run("pipeline shop trace"));
    let pending = sandbox.data().join("pipelines/shop/packages/1795347104.99");
    std::fs::create_dir_all(&pending).unwrap();
    assert_seen!("pipeline_with_something_pending", sandbox.run("pipeline shop"));
    std::fs::remove_dir(pending).unwrap();
    assert_seen!("pipeline_unknown", sandbox.run("pipeline shpo"));
    assert_seen!("pipeline_unknown_operation", sandbox.run("pipeline shop tarce"));
    std::fs::remove_file(sandbox.project().join("shop.duckdb")).unwrap();
    assert_seen!("pipeline_whose_database_is_gone", sandbox.run("pipeline shop info"));
    sandbox.run("ingest nope.jsonl --to duckdb:shop.duckdb --dataset raw --pipeline shop");
    assert_seen!("pipeline_trace_of_a_failed_run", sandbox.run("pipeline shop trace"));
    assert_seen!("pipelines_with_a_failed_run", sandbox.run("pipeline").squeezed());
    std::fs::write(sandbox.data().join("pipelines/shop/trace.json"), "{").unwrap();
    assert_seen!("pipelines_with_a_broken_trace", sandbox.run("pipeline").squeezed());
    std::fs::create_dir_all(sandbox.data().join("pipelines/first/packages/1795347104.99")).unwrap();
    assert_seen!("pipeline_whose_first_run_was_interrupted", sandbox.run("pipeline first"));
}

#[test]
fn tables() {
    let sandbox = loaded();
    assert_seen!("tables", sandbox.run("dataset raw"));
    assert_seen!("tables_csv", sandbox.run("dataset raw --format csv"));
    assert_seen!("tables_json", sandbox.run("dataset raw --format json"));
    assert_seen!("tables_of_a_place", sandbox.run("dataset raw --from duckdb:shop.duckdb"));
}

#[test]
fn rows() {
    let sandbox = loaded();
    let query = |sql: &str, options: &str| {
        let mut command = sandbox.command(&format!("dataset raw {options}"));
        command.args(["--sql", sql]);
        sandbox.see(command)
    };
    let sql = "select id, type, created, user__name from events order by id";
    assert_seen!("rows", query(sql, ""));
    assert_seen!("rows_csv", query(sql, "--format csv"));
    assert_seen!("rows_json", query(sql, "--format json"));
    assert_seen!("rows_limited", query(sql, "--limit 1"));
    assert_seen!("rows_none", query("select id from events where id > 9", "--format csv"));
    assert_seen!("rows_wrong_query", query("select nothing from events", ""));
    assert_seen!("rows_empty_query", query(" ", ""));
    let join = "select a.id, b.id from events a join events b on b.id = a.id + 1 order by 1";
    assert_seen!("rows_with_names_twice", query(join, "--format csv"));
    assert_seen!("rows_with_names_twice_json", query(join, "--format json"));
    let table = sandbox.run("dataset raw events --format json --limit 2").ok();
    assert_eq!(table.stdout.lines().count(), 2);
    assert!(table.stdout.contains(r#""user__name":"Ann""#), "{}", table.stdout);
}

#[test]
fn data_is_printed_with_every_character() {
    let sandbox = loaded();
    let query = |options: &str| {
        let mut command = sandbox.command(&format!("dataset raw {options}"));
        // Escape, start of heading, delete and backspace.
        let text = "chr(27) || '[31mred' || chr(1) || chr(127) || chr(8) || '|'";
        command.args(["--sql", &format!("select {text} as \"na\u{1b}[1mme\"")]);
        sandbox.see(command).ok().stdout
    };
    assert_eq!(query("--format csv"), "na\u{1b}[1mme\n\u{1b}[31mred\u{1}\u{7f}\u{8}|\n");
    let json = query("--format json");
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(object["na\u{1b}[1mme"], "\u{1b}[31mred\u{1}\u{7f}\u{8}|");
    // A terminal is not driven by data.
    let table = query("");
    assert!(table.contains("na\\u{1b}[1mme") && table.contains("\\u{1b}[31mred\\u{1}\\u{7f}\\u{8}|"), "{table}");
    assert!(!table.contains(|letter: char| letter.is_control() && letter != '\n'), "{table:?}");
}

#[test]
fn a_long_table_ends() {
    let sandbox = loaded();
    let query = |count: u32, options: &str| {
        let mut command = sandbox.command(&format!("dataset raw {options}"));
        command.args(["--sql", &format!("select 1 as one from range({count})")]);
        let seen = sandbox.see(command).ok();
        (seen.stdout.lines().count(), seen.stderr)
    };
    let note = "There are more than these 1,000 rows; --limit 0 shows all of them.\n";
    assert_eq!(query(5_000, ""), (1_002, note.to_owned()));
    assert_eq!(query(1_001, ""), (1_002, note.to_owned()));
    assert_eq!(query(1_000, ""), (1_002, String::new()));
    assert_eq!(query(5_000, "--limit 0"), (5_002, String::new()));
    assert_eq!(query(5_000, "--limit 4"), (6, String::new()));
    assert_eq!(query(5_000, "--format csv"), (5_001, String::new()));
}

#[test]
fn numbers_and_days_of_any_size() {
    let sandbox = loaded();
    let sql = "select sum(id) as sum, 170141183460469231731687303715884105727::hugeint as huge, \
               'infinity'::date as day, '-infinity'::timestamptz as instant, 'infinity'::timestamp_ns as moment from events";
    let mut command = sandbox.command("dataset raw --format json");
    command.args(["--sql", sql]);
    let expected = r#"{"sum":6,"huge":"170141183460469231731687303715884105727","day":"infinity","instant":"-infinity","moment":"infinity"}"#;
    assert_eq!(sandbox.see(command).ok().stdout.trim_end(), expected);
}

#[test]
fn json_is_json_and_nested_values_are_nested() {
    let sandbox = loaded();
    let query = |sql: &str, format: &str| {
        let mut command = sandbox.command(&format!("dataset raw --format {format}"));
        command.args(["--sql", sql]);
        sandbox.see(command).ok().stdout
    };
    let sql = r#"select '{ "k": [1, 12345678901234567890123] }'::json as j, {'a': '{"x":1}'::json, 'f': 'nan'::double} as s,
        [1, null] as l, map {7: [true]} as m, 'a'::blob as b, 1.50 as d, '-inf'::double as i, null as n,
        ['[1]'::json] as lj, map {'k': '{"y":2}'::json} as mj, timestamptz '2024-01-02 03:04:05+01' as t"#;
    let expected = concat!(
        r#"{"j":{"k":[1,12345678901234567890123]},"s":{"a":{"x":1},"f":"NaN"},"l":[1,null],"m":{"7":[true]},"b":"YQ==","#,
        r#""d":"1.50","i":"-Infinity","n":null,"lj":[[1]],"mj":{"k":{"y":2}},"t":"2024-01-02T02:04:05Z"}"#,
        "\n"
    );
    assert_eq!(query(sql, "json"), expected);
    // Other forms keep their text.
    assert_eq!(query("select '{ \"k\": 1 }'::json as j", "csv"), "j\n\"{ \"\"k\"\": 1 }\"\n");
}

#[test]
fn only_a_query_is_run() {
    let sandbox = loaded();
    let query = |sql: &str| {
        let mut command = sandbox.command("dataset raw");
        command.args(["--sql", sql]);
        sandbox.see(command)
    };
    assert_seen!("query_that_writes", query("drop table events"));
    assert_seen!("two_queries", query("select 1; select 2"));
    assert_seen!("query_of_nothing", query(";"));
}

#[test]
fn a_dataset_may_be_named_as_it_was_given() {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    let call = |arguments: &[&str]| {
        let mut command = sandbox.command("");
        command.args(arguments);
        sandbox.see(command).ok()
    };
    call(&["ingest", "events.jsonl", "--to", "duckdb:s.duckdb", "--dataset", "My Data"]);
    assert_eq!(call(&["dataset", "My Data"]).stdout, call(&["dataset", "my_data"]).stdout);
    assert!(sandbox.run("pipeline").stdout.contains("My_Data"));
    let from = call(&["dataset", "My Data", "--from", "duckdb:s.duckdb"]);
    assert_eq!(from.stdout, call(&["dataset", "My Data"]).stdout);
}

#[test]
fn wrong_names() {
    let sandbox = loaded();
    assert_seen!("dataset_unknown", sandbox.run("dataset rwa"));
    assert_seen!("dataset_table_unknown", sandbox.run("dataset raw evnts"));
    let empty = Sandbox::new();
    empty.write("none.jsonl", "");
    empty.run("ingest none.jsonl --to duckdb:none.duckdb --dataset raw").ok();
    assert_seen!("dataset_without_tables", empty.run("dataset raw events --from duckdb:none.duckdb"));
    assert_seen!("dataset_of_a_missing_file", sandbox.run("dataset raw --from duckdb:nope.duckdb"));
    sandbox.run("ingest events.jsonl --to duckdb:second.duckdb --dataset raw --pipeline second").ok();
    assert_seen!("dataset_in_two_places", sandbox.run("dataset raw"));
}

#[test]
fn rows_go_into_files() {
    let sandbox = loaded();
    let read = |name: &str| std::fs::read_to_string(sandbox.project().join(name)).unwrap();
    let told = sandbox.run("dataset raw events --to out/events.csv").ok().stdout;
    assert!(told.contains("out/events.csv") && told.contains('3'), "{told}");
    let whole = read("out/events.csv");
    assert_eq!(whole.lines().count(), 4, "{whole}");
    assert_seen!("export_over_a_file", sandbox.run("dataset raw events --to out/events.csv"));
    let forced = "dataset raw events --limit 1 --to out/events.csv --force";
    sandbox.run(forced).ok();
    assert_eq!(read("out/events.csv").lines().count(), 2);
    sandbox.run("dataset raw --to all/").ok();
    assert!(sandbox.project().join("all/events.parquet").exists());
    sandbox.run("-q dataset raw --sql select(1)one --to one.jsonl").ok();
    assert_eq!(read("one.jsonl"), "{\"one\":1}\n");
    assert_seen!("export_without_a_format", sandbox.run("dataset raw events --to events"));
    assert_seen!("export_of_all_into_one_file", sandbox.run("dataset raw --to all.csv"));
    assert_seen!("export_of_an_unknown_table", sandbox.run("dataset raw evnts --to x.csv"));
    assert!(!sandbox.project().join("x.csv").exists());
}
