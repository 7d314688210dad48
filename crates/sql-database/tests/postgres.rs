//! Postgres.

use crate::reading::{drain, failure, open, read, read_one, told};
use dlt_engine::incremental::{Incremental, OnMissing};
use dlt_engine::source::{ExtractContext, Source as _};
use dlt_source_sql_database::{SqlTable, sql_database};
use dlt_testkit::Postgres;

fn server(sql: &str) -> Postgres {
    let server = Postgres::start().unwrap();
    server.create_database("shop").unwrap();
    server.sql("shop", sql).unwrap();
    server
}

#[test]
fn types_keys_and_odd_values() {
    let server = server(
        "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN cents AS numeric(12,2);
         CREATE TABLE parent(a int, b int, PRIMARY KEY (a, b)); INSERT INTO parent VALUES (1, 2);
         CREATE TABLE t(id bigint PRIMARY KEY, small smallint, f real, d double precision, n numeric, n2 numeric(10,2), c cents,
            x text NOT NULL, v varchar(20), b bytea, ok boolean, da date, ti time, ts timestamp, tz timestamptz, j jsonb, u uuid,
            l int[], m mood, i interval, pb int, pa int, FOREIGN KEY (pb, pa) REFERENCES parent(b, a) NOT VALID);
         ALTER TABLE parent DROP CONSTRAINT parent_pkey CASCADE; ALTER TABLE parent ADD PRIMARY KEY (b, a);
         ALTER TABLE t ADD FOREIGN KEY (pb, pa) REFERENCES parent(b, a);
         INSERT INTO t VALUES (1, 2, 0.1, 1e300, 1.5, 1.10, 7, 'é', 'v', '\\x00ff', true, '2024-02-29', '03:04:05.5',
            '2024-01-02 03:04:05.678', '2024-01-02 03:04:05+02', '{\"a\": [1]}', '00112233-4455-6677-8899-aabbccddeeff',
            '{1,null,3}', 'happy', '1 day 2 hours', 2, 1);
         INSERT INTO t(id, n, x) VALUES (2, 0.00000000000123, ''), (3, 'NaN', '')",
    );
    let source = sql_database(&server.url("shop")).table_names(["t"]).resolve_foreign_keys(true);
    let resources = open(&source).unwrap();
    let hints = &resources[0].hints;
    let told = |name: &str| {
        let column = hints.columns.iter().find(|column| column.name == name).unwrap();
        format!("{} {} {}", column.data_type.unwrap(), column.nullable, serde_json::Value::Object(column.hints.clone()))
    };
    assert_eq!(told("id"), "bigint false {\"primary_key\":true}");
    assert_eq!(told("n"), "decimal true {}");
    assert_eq!(told("c"), "decimal true {\"precision\":12,\"scale\":2}");
    assert_eq!(told("x"), "text false {}");
    assert_eq!(
        (told("ts").as_str(), told("tz").as_str()),
        ("timestamp true {\"timezone\":false}", "timestamp true {\"timezone\":true}")
    );
    assert_eq!((told("l").as_str(), told("u").as_str()), ("json true {}", "text true {}"));
    assert_eq!(
        (hints.references[0].columns.join(","), hints.references[0].referenced_columns.join(",")),
        ("pb,pa".into(), "b,a".into())
    );
    let found = read_one(&source);
    assert_eq!(found.column("n"), ["1.500000000", "0.00000000000123", "NaN"]);
    let row = &found.rows()[0];
    for part in [
        "\"small\":2,\"f\":0.1,\"d\":1e+300",
        "\"n2\":\"1.10\",\"c\":\"7.00\",\"x\":\"é\",\"v\":\"v\",\"b\":\"00ff\",\"ok\":true,\"da\":\"2024-02-29\"",
        "\"ts\":\"2024-01-02T03:04:05.678\",\"tz\":\"2024-01-02T01:04:05Z\"",
        "\"u\":\"00112233-4455-6677-8899-aabbccddeeff\"",
        "\"m\":\"happy\",\"i\":\"1 day 02:00:00\"",
    ] {
        assert!(row.contains(part), "{part}\n{row}");
    }
}

#[test]
fn schemas_views_partitions_and_queries() {
    let server = server(
        "CREATE SCHEMA \"Other\"; CREATE TABLE \"Other\".\"Order\"(\"select\" int); INSERT INTO \"Other\".\"Order\" VALUES (9);
         CREATE TABLE p(id int, at date) PARTITION BY RANGE (at);
         CREATE TABLE p_2024 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         INSERT INTO p VALUES (1, '2024-05-05'); CREATE VIEW v AS SELECT 1 AS one; CREATE MATERIALIZED VIEW mv AS SELECT 2 AS two;
         CREATE TABLE empty(id int)",
    );
    let names = |source| -> Vec<String> { read(&source).unwrap().into_iter().map(|found| found.name).collect() };
    let source = sql_database(&server.url("shop"));
    assert_eq!(names(source.clone()), ["empty", "p"]);
    assert_eq!(names(source.clone().include_views(true)), ["empty", "mv", "p", "v"]);
    assert_eq!(read_one(&source.clone().schema("Other")).rows(), ["{\"select\":9}"]);
    assert_eq!(read_one(&source.clone().table_names(["empty"])).types(), [["Int32"]]);
    let query = "WITH x AS (SELECT 1 AS id) SELECT id, now() AS at FROM x -- end\n;";
    assert_eq!(read_one(&source.clone().table(SqlTable::query("q", query).filtered("id = 1"))).column("id"), ["1"]);
    let error = told(&failure(&source.clone().table(SqlTable::query("q", "DELETE FROM p RETURNING id"))));
    assert!(error.contains("read-only") || error.contains("cannot"), "{error}");
    assert_eq!(server.sql("shop", "SELECT count(*) FROM p").unwrap(), "1");
}

/// Also those tables whose connections begin when others have written.
#[test]
fn all_tables_of_a_run_are_seen_in_one_state() {
    let tables: String = (0..6).map(|number| format!("CREATE TABLE t{number} AS SELECT 1 AS id; ")).collect();
    let server = server(&tables);
    let resources = open(&sql_database(&server.url("shop"))).unwrap();
    let mut rows = Vec::new();
    for resource in resources {
        let more: String = (0..6).map(|number| format!("INSERT INTO t{number} VALUES (2); ")).collect();
        server.sql("shop", &more).unwrap();
        rows.extend(drain(resource).unwrap().rows());
    }
    assert_eq!(rows, [r#"{"id":1}"#; 6]);
    let open_now = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND state = 'idle in transaction'";
    // The server hears of the end a little later.
    let is_over = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        server.sql("shop", open_now).unwrap() == "0"
    });
    assert!(is_over, "no transaction stays open");
}

#[test]
fn what_is_new_is_asked_for() {
    let server = server(
        "CREATE TABLE t(id int PRIMARY KEY, n numeric, name text, at timestamptz);
         INSERT INTO t VALUES (1, 9, 'Z', '2024-01-01'), (2, 10, 'a''', '2024-01-02 00:00:00.5+00'), (3, NULL, 'é', NULL), (4, 11.5, 'b', '2024-02-01')",
    );
    let read = |cursor: &str, last: &str, missing| {
        let incremental = Incremental::new(cursor).on_cursor_value_missing(missing);
        let mut source = sql_database(&server.url("shop")).table(SqlTable::new("t").incremental(incremental));
        let state = serde_json::json!({"t": {"incremental": {cursor: {"initial_value": null, "last_value": last, "unique_hashes": []}}}});
        let context = ExtractContext::default();
        context.state.set("resources", state);
        drain(source.resources(&context).unwrap().remove(0)).unwrap().column("id")
    };
    assert_eq!(read("n", "\u{f026}10", OnMissing::Exclude), ["2", "4"]);
    assert_eq!(read("n", "\u{f026}10", OnMissing::Include), ["2", "3", "4"]);
    assert_eq!(read("name", "a'", OnMissing::Raise), ["2", "3", "4"]);
    assert_eq!(read("at", "\u{f027}2024-01-02T00:00:00.500000+00:00", OnMissing::Exclude), ["2", "4"]);
}

#[test]
fn failures_are_told_without_the_password() {
    let mut server = server("CREATE TABLE t(id int); CREATE ROLE weak LOGIN PASSWORD 'w'");
    let port = server.port();
    let said = |url: &str| told(&failure(&sql_database(url)));
    let wrong = said(&format!("postgres://loader:not-the-word@127.0.0.1:{port}/shop"));
    assert!(wrong.contains("password") && !wrong.contains("not-the-word"), "{wrong}");
    let denied = said(&format!("postgres://weak:w@127.0.0.1:{port}/shop"));
    assert!(denied.contains("permission denied for table t"), "{denied}");
    let table = told(&failure(&sql_database(&server.url("shop")).table_names(["tt"])));
    assert!(table.contains("did you mean `t`?"), "{table}");

    // A server that goes while rows are read.
    server
        .sql("shop", "CREATE TABLE many AS SELECT id, repeat('x', 2000) AS x FROM generate_series(1, 30000) AS id")
        .unwrap();
    let source = sql_database(&server.url("shop")).table_names(["many"]).chunk_size(1000);
    let mut reader = open(&source).unwrap().remove(0).reader;
    assert!(reader.next_chunk().unwrap().is_some());
    server.crash().unwrap();
    let lost = loop {
        match reader.next_chunk() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("an end that is none"),
            Err(error) => break told(&error),
        }
    };
    assert!(lost.contains("`many`"), "{lost}");
    server.resume().unwrap();
    assert_eq!(read_one(&source).batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 30_000);
}
