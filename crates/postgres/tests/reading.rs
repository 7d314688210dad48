//! Rows of queries as Arrow: every type, odd values, bounded batches.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::display::array_value_to_string;
use dlt_engine::{ErrorKind, JSON_EXTENSION};
use dlt_postgres::{Address, Batches, Client, Lost, Query, ReadOptions};
use dlt_testkit::Postgres;

fn address(server: &Postgres) -> Address {
    Address::from_url(&server.url("postgres")).unwrap().completed(&|_| None).unwrap()
}

fn read(client: &mut Client, sql: &str, options: ReadOptions) -> (Query, Vec<RecordBatch>, Vec<Lost>) {
    let query = Query::prepare(client, sql, options).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let mut batches = Vec::new();
    let lost = query.run(client, &mut |batch| {
        batches.push(batch);
        Ok(())
    });
    (query, batches, lost.unwrap_or_else(|error| panic!("{sql}: {error}")))
}

/// A value and NULL of a type: how the value is shown, and the column's type. Zones are left out.
fn shown(client: &mut Client, value: &str) -> (String, DataType) {
    // The outer side of a join is NULL, and keeps its type with all of its digits.
    let sql =
        format!("SELECT a FROM (SELECT {value} AS a) AS q RIGHT JOIN generate_series(1, 2) AS n ON n = 1 ORDER BY n");
    let (query, batches, _) = read(client, &sql, ReadOptions::default());
    let data_type = query.schema().field(0).data_type().clone();
    let column = batches[0].column(0);
    assert!(column.is_null(1), "{value}");
    let column = match &data_type {
        DataType::Timestamp(unit, _) => arrow::compute::cast(column, &DataType::Timestamp(*unit, None)).unwrap(),
        _ => column.clone(),
    };
    let is_json = query.schema().field(0).metadata().contains_key(JSON_EXTENSION.0);
    let text = array_value_to_string(&column, 0).unwrap();
    (if is_json { format!("JSON {text}") } else { text }, data_type)
}

#[test]
fn every_type() {
    let server = Postgres::start().unwrap();
    let mut client = Client::connect(&address(&server)).unwrap();
    client
        .batch(
            "prepare",
            "CREATE TYPE mood AS ENUM ('sad', 'ok''ay'); CREATE DOMAIN cents AS numeric(10, 2); CREATE DOMAIN label AS text;
             CREATE TYPE pair AS (a int, b text)",
        )
        .unwrap();
    for (value, expected) in [
        ("true", "true"),
        ("(-32768)::int2", "-32768"),
        ("2147483647::int4", "2147483647"),
        ("(-9223372036854775808)::int8", "-9223372036854775808"),
        ("4294967295::oid", "4294967295"),
        ("0.1::float4", "0.1"),
        ("0.1::float8", "0.1"),
        ("'NaN'::float8", "NaN"),
        ("'-Infinity'::float4", "-inf"),
        ("1.50::numeric(10,2)", "1.50"),
        ("(-12345678901234567890123456789.123456789)::numeric(38,9)", "-12345678901234567890123456789.123456789"),
        ("0::numeric(38,38)", "0.00000000000000000000000000000000000000"),
        ("1.500::numeric", "1.5"),
        ("'NaN'::numeric", "NaN"),
        ("1e70::numeric(156,78)", &format!("1{}", "0".repeat(70))),
        ("'-Infinity'::numeric", "-Infinity"),
        ("sum(1::int8)", "1"),
        ("'$1,234.50'::money", "1234.5"),
        ("'ä€'::text", "ä€"),
        ("'x'::varchar(3)", "x"),
        ("'x'::char(3)", "x  "),
        ("'x'::name", "x"),
        ("'x'::\"char\"", "x"),
        ("'\\x00ff'::bytea", "00ff"),
        ("'2020-02-29'::date", "2020-02-29"),
        ("'0001-01-01'::date", "0001-01-01"),
        ("'23:59:59.999999'::time", "23:59:59.999999"),
        ("'23:59:59+05:30'::timetz", "23:59:59+05:30"),
        ("'2020-01-02 03:04:05.678901'::timestamp", "2020-01-02T03:04:05.678901"),
        ("'2020-01-02 03:04:05+02'::timestamptz", "2020-01-02T01:04:05"),
        ("'1 year 2 mons 3 days 04:05:06.7'::interval", "1 year 2 mons 3 days 04:05:06.7"),
        ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("'{\"b\": 1,  \"a\": [1.0]}'::json", "JSON {\"b\": 1,  \"a\": [1.0]}"),
        ("'{\"b\": 1,  \"a\": [1.0]}'::jsonb", "JSON {\"a\": [1.0], \"b\": 1}"),
        ("ARRAY[1, NULL, 3]", "JSON [1,null,3]"),
        ("ARRAY[['a', 'b']]", "JSON [[\"a\",\"b\"]]"),
        ("'ok''ay'::mood", "ok'ay"),
        ("2.50::cents", "2.50"),
        ("'x'::label", "x"),
        ("(1, 'x')::pair", "JSON {\"a\":1,\"b\":\"x\"}"),
        ("'10.0.0.1/8'::inet", "10.0.0.1/8"),
        ("'10.0.0.0/8'::cidr", "10.0.0.0/8"),
        ("'08:00:2b:01:02:03'::macaddr", "08:00:2b:01:02:03"),
        ("'[1,5)'::int4range", "[1,5)"),
        ("B'101'", "101"),
        ("'(1,2)'::point", "(1,2)"),
        ("'<a/>'::xml", "<a/>"),
        ("'a fat cat'::tsvector", "'a' 'cat' 'fat'"),
        ("'pg_class'::regclass", "pg_class"),
    ] {
        assert_eq!(shown(&mut client, value).0, expected, "{value}");
    }
    assert_eq!(shown(&mut client, "1::numeric(10,2)").1, DataType::Decimal128(10, 2));
    assert_eq!(shown(&mut client, "now()").1.to_string(), "Timestamp(µs, \"UTC\")");
}

#[test]
fn values_that_arrow_lacks_are_counted() {
    let server = Postgres::start().unwrap();
    let mut client = Client::connect(&address(&server)).unwrap();
    let sql = "SELECT day, moment, money::numeric(5, 1) AS money, clock, late FROM (VALUES
        ('infinity'::date, '-infinity'::timestamp, 'NaN'::numeric, '24:00'::time, '294276-12-31'::timestamptz),
        ('2020-01-01', '2020-01-01', 1.5, '12:00', '2020-01-01')) AS v(day, moment, money, clock, late)";
    let (_, batches, lost) = read(
        &mut client,
        sql,
        ReadOptions { keeps_ends_of_time: false, unbounded: Some((38, 9)), ..Default::default() },
    );
    let names: Vec<_> = lost.iter().map(|lost| (lost.column.as_str(), lost.values)).collect();
    assert_eq!(names, [("day", 1), ("moment", 1), ("money", 1), ("clock", 1), ("late", 1)]);
    assert!(batches[0].columns().iter().all(|column| column.is_null(0) && column.is_valid(1)));
    let (_, batches, lost) = read(&mut client, sql, ReadOptions::default());
    assert_eq!(lost.iter().map(|lost| lost.column.as_str()).collect::<Vec<_>>(), ["money", "clock", "late"]);
    assert_eq!(batches[0].column(0).as_primitive::<arrow::datatypes::Date32Type>().value(0), i32::MAX);
    // Too many digits are no loss but an error.
    let options = ReadOptions { unbounded: Some((38, 9)), ..Default::default() };
    let query = Query::prepare(&mut client, "SELECT 1e-10::numeric AS tiny", options).unwrap();
    let error = query.run(&mut client, &mut |_| Ok(())).unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("`tiny`")), (ErrorKind::Data, true), "{error}");
    client.batch("go on", "SELECT 1").unwrap();
}

#[test]
fn batches_are_bounded_and_ahead_of_nobody() {
    let server = Postgres::start().unwrap();
    let options = ReadOptions { batch_rows: 1000, batch_bytes: 20_000, ..Default::default() };
    let sql = "SELECT n, repeat('x', 10) AS t, NULL::int AS nothing FROM generate_series(1, 50000::int8) AS n";
    let mut batches = Batches::read(&address(&server), "SET work_mem = '1MB'", sql, options).unwrap();
    assert_eq!(batches.schema().fields().len(), 3);
    let (mut rows, mut sum) = (0, 0);
    while let Some(batch) = batches.next_batch().unwrap() {
        assert!(batch.num_rows() <= 1000);
        rows += batch.num_rows();
        sum += batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>();
    }
    assert_eq!((rows, sum), (50_000, 50_000 * 50_001 / 2));
    // Large values end a batch early.
    let mut large =
        Batches::read(&address(&server), "", "SELECT repeat('x', 15000) FROM generate_series(1, 20)", options).unwrap();
    assert_eq!(large.next_batch().unwrap().unwrap().num_rows(), 2);
    // An error in the middle of the rows comes after them.
    let mut failing =
        Batches::read(&address(&server), "", "SELECT 1 / (30000 - n) FROM generate_series(1, 40000) AS n", options)
            .unwrap();
    let error = loop {
        match failing.next_batch() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no error"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("division by zero"), "{error}");
}

#[test]
fn queries_of_every_form() {
    let server = Postgres::start().unwrap();
    let mut client = Client::connect(&address(&server)).unwrap();
    for (sql, rows) in [
        ("SELECT 1 AS a, 2 AS a, 3", 1),
        ("SELECT '1 day'::interval AS a, 2 AS a; ", 1),
        ("SELECT 1 -- end", 1),
        ("WITH a AS (SELECT 1) SELECT * FROM a", 1),
        ("VALUES (1), (2)", 2),
        ("(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1", 2),
        ("SELECT 1 WHERE false", 0),
        ("SELECT", 1),
        ("SHOW server_version", 1),
        ("EXPLAIN SELECT 1", 1),
        ("/* x */ TABLE pg_am LIMIT 2", 2),
    ] {
        let (_, batches, _) = read(&mut client, sql, ReadOptions::default());
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), rows, "{sql}");
    }
    for (sql, kind) in [
        ("", ErrorKind::Config),
        (";", ErrorKind::Config),
        ("CREATE TABLE x (a int)", ErrorKind::Config),
        ("SELECT 1; SELECT 2", ErrorKind::Config),
        ("SELEC 1", ErrorKind::Destination),
        ("SELECT * FROM missing", ErrorKind::Destination),
    ] {
        let error = Query::prepare(&mut client, sql, ReadOptions::default()).unwrap_err();
        assert_eq!(error.kind(), kind, "{sql}: {error}");
    }
    // What a cell holds is told to nobody.
    let query = Query::prepare(&mut client, "SELECT ('sec' || 'ret')::int", ReadOptions::default()).unwrap();
    let error = query.run(&mut client, &mut |_| Ok(())).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}
