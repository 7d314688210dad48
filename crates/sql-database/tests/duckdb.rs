//! DuckDB.

use crate::reading::{failure, open, read, read_one, told};
use dlt_destination_duckdb::DuckDb;
use dlt_engine::destination::{Access, Destination as _};
use dlt_source_sql_database::{SqlDatabase, SqlTable, sql_database};
use tempfile::TempDir;

fn database(statements: &[&str]) -> (TempDir, SqlDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.duckdb");
    let mut connection = DuckDb::at(&file).unwrap().connect("main", Access::Write).unwrap();
    for sql in statements {
        connection.query(sql, &mut |_, _| Ok(())).unwrap();
    }
    (folder, sql_database(&format!("duckdb:{}", file.display())))
}

#[test]
fn tables_keys_and_types() {
    let (_folder, source) = database(&[
        "CREATE TABLE p(a INT, b INT, PRIMARY KEY (a, b))",
        "CREATE TABLE t(id INT PRIMARY KEY, h HUGEINT, u UBIGINT, n DECIMAL(10,2), x VARCHAR NOT NULL, j JSON, i INTERVAL, l INT[],
            ts TIMESTAMP, tz TIMESTAMPTZ, e ENUM('a', 'b'), id2 UUID, pa INT, pb INT, FOREIGN KEY (pa, pb) REFERENCES p(a, b))",
        "INSERT INTO p VALUES (1, 2)",
        "INSERT INTO t VALUES (1, 170141183460469231731687303715884105727 / 10, 18446744073709551615, 1.10, 'x', '{\"a\": 1}', INTERVAL 1 DAY,
            [1, 2], '2024-01-02 03:04:05', '2024-01-02 03:04:05+00', 'b', '00112233-4455-6677-8899-aabbccddeeff', 1, 2)",
        "CREATE VIEW v AS SELECT 1 AS one",
        "CREATE SCHEMA other",
        "CREATE TABLE other.\"Order\"(\"select\" INT)",
        "INSERT INTO other.\"Order\" VALUES (9)",
    ]);
    let names =
        |source: &SqlDatabase| -> Vec<String> { read(source).unwrap().into_iter().map(|found| found.name).collect() };
    assert_eq!(names(&source), ["p", "t"]);
    assert_eq!(names(&source.clone().include_views(true)), ["p", "t", "v"]);
    assert_eq!(read_one(&source.clone().schema("other")).rows(), ["{\"select\":9}"]);
    let source = source.table_names(["t"]).resolve_foreign_keys(true);
    let resources = open(&source).unwrap();
    let hints = &resources[0].hints;
    let column = |name: &str| hints.columns.iter().find(|column| column.name == name).unwrap();
    assert!(column("id").is("primary_key") && !column("x").nullable && column("j").nullable);
    assert_eq!(
        (hints.references[0].columns.join(","), hints.references[0].referenced_table.as_str()),
        ("pa,pb".into(), "p")
    );
    let row = &read_one(&source).rows()[0];
    for part in
        ["\"u\":18446744073709551615", "\"n\":\"1.10\"", "\"i\":\"1 day\"", "\"e\":\"b\"", "\"id2\":\"00112233-4455"]
    {
        assert!(row.contains(part), "{part}\n{row}");
    }
}

#[test]
fn queries_chunks_and_failures() {
    let (folder, source) = database(&["CREATE TABLE t AS SELECT range AS id FROM range(10000)"]);
    let found = read_one(&source.clone().chunk_size(3000));
    assert_eq!(found.batches.iter().map(|batch| batch.num_rows()).max(), Some(3000));
    assert_eq!(found.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 10_000);
    let query = SqlTable::query("q", "SELECT max(id) AS most FROM t; ").filtered("most > 0");
    assert_eq!(read_one(&source.clone().table(query)).rows(), ["{\"most\":9999}"]);
    let said = told(&failure(&source.clone().table(SqlTable::query("q", "SELECT nothing FROM t"))));
    assert!(said.contains("nothing"), "{said}");
    let said = told(&failure(&sql_database(&format!("duckdb:{}", folder.path().join("none.duckdb").display()))));
    assert!(said.contains("cannot be opened; "), "{said}");
    assert!(!folder.path().join("none.duckdb").exists());
}
