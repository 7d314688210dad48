//! What a reader may ask for.

use crate::duckdb::load_users;
use dlt_destination_compliance::jobs::user_file;
use dlt_destination_compliance::rows;
use dlt_destination_duckdb::DuckDb;
use dlt_engine::ErrorKind;
use dlt_engine::destination::{Access, Destination};
use tempfile::TempDir;

#[test]
fn a_reader_runs_one_query_that_reads() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    load_users(&destination, "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    let before = std::fs::read_dir(folder.path()).unwrap().count();
    let out = folder.path().join("out");
    let out = out.display();
    let only_read = "a dataset is only read here; write one query";
    for (sql, why) in [
        (String::new(), "there is none"),
        (" ; -- nothing".to_owned(), "there is none"),
        ("SELECT 1; SELECT 2".to_owned(), "these are 2 queries, and one is run at a time"),
        (format!("SELECT 1; COPY users TO '{out}'"), only_read),
        ("DELETE FROM users".to_owned(), only_read),
        ("WITH x AS (SELECT 1) DELETE FROM users".to_owned(), only_read),
        (format!("COPY users TO '{out}'"), only_read),
        (format!("EXPLAIN ANALYZE COPY users TO '{out}'"), only_read),
        (format!("explain (ANALYZE) COPY users TO '{out}'"), only_read),
        (format!("EXPORT DATABASE '{out}'"), only_read),
        (format!("ATTACH '{out}'"), only_read),
        ("INSTALL httpfs".to_owned(), only_read),
        ("LOAD httpfs".to_owned(), only_read),
        ("SET memory_limit = '1GB'".to_owned(), only_read),
        ("PIVOT users ON name USING count(*)".to_owned(), "PIVOT has to know its columns"),
    ] {
        let error = connection.query(&sql, &mut |_, _| Ok(())).expect_err(&sql);
        assert_eq!(error.kind(), ErrorKind::Config, "{sql}");
        let told = format!("{error}; {}", error.advice().unwrap());
        assert!(told.starts_with("cannot run the query: ") && told.contains(why), "{sql}: {told}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before, "something was written");
    for sql in [
        "SELECT id FROM users; -- the only one",
        "FROM users SELECT id",
        "WITH x AS (SELECT id FROM users) FROM x",
        "DESCRIBE users",
        "SHOW TABLES",
        "SUMMARIZE users",
        "VALUES (1)",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE FROM users",
        "PIVOT users ON name IN ('Ann') USING count(*)",
    ] {
        assert!(!rows(&mut *connection, sql).is_empty(), "{sql}");
    }
    let error = connection.query("EXPLAIN SELEC 1", &mut |_, _| Ok(())).unwrap_err();
    assert!(error.to_string().contains("syntax error"), "{error}");
    let network = "SELECT value FROM duckdb_settings() WHERE name IN ('autoload_known_extensions', \
                   'autoinstall_known_extensions', 'allow_community_extensions')";
    assert_eq!(rows(&mut *connection, network), ["false"; 3]);
}
