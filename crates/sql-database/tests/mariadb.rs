//! MariaDB, as MySQL's protocol has it.

use crate::reading::{drain, failure, open, read, read_one, told};
use dlt_engine::incremental::{Incremental, RowOrder};
use dlt_engine::source::{ExtractContext, Source as _};
use dlt_source_sql_database::{SqlTable, sql_database};
use dlt_testkit::MariaDb;

fn server(sql: &str) -> MariaDb {
    let server = MariaDb::start().unwrap();
    server.create_database("shop").unwrap();
    server.sql("shop", sql).unwrap();
    server
}

/// A server that takes nobody without TLS.
#[test]
fn tls_as_ssl_mode_says() {
    let server = MariaDb::with_tls().unwrap();
    server.create_database("shop").unwrap();
    server.sql("shop", "CREATE TABLE t AS SELECT 1 AS id").unwrap();
    let authority = server.authority().display().to_string();
    let by_address = server.url("shop");
    let by_name = by_address.replace("127.0.0.1", "localhost");
    for url in [
        format!("{by_address}?ssl_mode=REQUIRED"),
        format!("{by_address}?ssl_mode=VERIFY_CA&ssl_ca={authority}"),
        format!("{by_name}?ssl_mode=VERIFY_IDENTITY&ssl_ca={authority}"),
    ] {
        assert_eq!(read_one(&sql_database(&url)).column("id"), ["1"], "{url}");
    }
    server
        .sql(
            "mysql",
            "CREATE USER known@'%' IDENTIFIED BY 'w' REQUIRE X509; GRANT SELECT ON shop.* TO known@'%';
             CREATE USER other@'%' IDENTIFIED BY 'w'; GRANT SELECT ON shop.* TO other@'%'",
        )
        .unwrap();
    let folder = server.authority().parent().unwrap().display().to_string();
    let certificate = format!("ssl_cert={folder}/client.crt&ssl_key={folder}/client.key");
    let known = format!("mysql://known:w@127.0.0.1:{}/shop?{certificate}", server.port());
    for url in [
        known.clone(),
        format!("{by_name}?ssl_ca={authority}"),
        format!("{by_address}?ssl_ca={authority}&ssl_check_hostname=false"),
    ] {
        assert_eq!(read_one(&sql_database(&url)).column("id"), ["1"], "{url}");
    }
    for (url, why, what_to_do) in [
        (by_address.clone(), "Access denied", "then add ssl_mode=REQUIRED"),
        (
            format!("{by_address}?ssl_mode=VERIFY_IDENTITY&ssl_ca={authority}"),
            "is not for this host, but for localhost",
            "use the host name that it is for",
        ),
        // As Python's driver has it.
        (format!("{by_address}?ssl_ca={authority}"), "is not for this host", "ssl_mode=VERIFY_CA"),
        (format!("{by_name}?ssl_mode=VERIFY_IDENTITY"), "by an authority that is not known", "ssl_ca=FILE"),
        (format!("{by_name}?ssl_ca={folder}/none.crt"), "`ssl_ca`: ", "a path on this machine"),
        (
            format!("{by_name}?ssl_ca={folder}/server.key"),
            "does not hold what it should",
            "-----BEGIN CERTIFICATE-----",
        ),
        (known.replace("client.key", "server.crt"), "`ssl_key`: ", "a file in PEM"),
        (known.split("&ssl_key").next().unwrap().to_owned(), "there is only one", "ssl_cert=FILE&ssl_key=FILE"),
        (known.replace(&certificate, "ssl_mode=REQUIRED"), "Access denied", "needs ssl_cert=FILE and ssl_key=FILE"),
    ] {
        let error = told(&failure(&sql_database(&url)));
        assert!(error.contains(why) && error.contains(what_to_do), "{url}\n{error}");
        assert!(!error.contains(MariaDb::PASSWORD) && !error.contains("gone"), "{error}");
    }
}

#[test]
fn what_speaks_no_tls_is_told_so() {
    let server = server("CREATE TABLE t(id INT)");
    let without = told(&failure(&sql_database(&format!("{}?ssl_mode=REQUIRED", server.url("shop")))));
    assert!(without.contains("the server has no TLS") && without.contains("ssl_mode=DISABLED"), "{without}");

    // What listens there ends the connection at once.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let other = told(&failure(&sql_database(&format!("mysql://loader@127.0.0.1:{port}/shop"))));
    assert!(other.contains("does MySQL or MariaDB listen at this host and port?"), "{other}");
}

#[test]
fn types_keys_and_odd_values() {
    let server = server(
        "SET sql_mode = ''; SET time_zone = '+02:00';
         CREATE TABLE parent(id INT PRIMARY KEY);
         CREATE TABLE t(id INT AUTO_INCREMENT PRIMARY KEY, tiny TINYINT(1), small SMALLINT, big BIGINT UNSIGNED, f FLOAT,
            d DOUBLE, price DECIMAL(10,2), huge DECIMAL(65,30), c CHAR(3), v VARCHAR(20) CHARACTER SET latin1, x LONGTEXT,
            b VARBINARY(4), bits BIT(3), da DATE, ti TIME(6), dt DATETIME(3), ts TIMESTAMP(6) NULL, y YEAR,
            e ENUM('a','b'), s SET('x','y'), j JSON, g POINT, u UUID, parent INT NOT NULL, FOREIGN KEY (parent) REFERENCES parent(id));
         INSERT INTO parent VALUES (1);
         INSERT INTO t VALUES (1, 1, -5, 18446744073709551615, 3.14, 1e300, 1.10, 0.5, 'abc', 'é', '日本', x'00ff', b'101',
            '2024-02-29', '03:04:05.5', '2024-01-02 03:04:05.678', '2024-01-02 03:04:05', 2024, 'b', 'x,y', '{\"a\": 1}',
            POINT(1, 2), '00112233-4455-6677-8899-aabbccddeeff', 1);
         INSERT INTO t(id, big, huge, da, dt, ti, parent) VALUES (2, 7, 12345678901234567890123456789012345.5, '0000-00-00', '0000-00-00 00:00:00', '-26:00:00', 1)",
    );
    let source = sql_database(&server.url("shop")).table_names(["t"]).resolve_foreign_keys(true);
    let resources = open(&source).unwrap();
    let hints = &resources[0].hints;
    let told = |name: &str| {
        let column = hints.columns.iter().find(|column| column.name == name).unwrap();
        format!("{} {} {}", column.data_type.unwrap(), column.nullable, serde_json::Value::Object(column.hints.clone()))
    };
    assert_eq!(told("id"), "bigint false {\"primary_key\":true}");
    assert_eq!(told("price"), "decimal true {\"precision\":10,\"scale\":2}");
    assert_eq!(told("ts"), "timestamp true {\"timezone\":false}");
    assert_eq!(told("bits"), "binary true {}");
    assert_eq!(hints.references[0].referenced_table, "parent");
    let found = read_one(&source);
    assert_eq!(found.batches.len(), 2, "the odd row is apart");
    let row = &found.rows()[0];
    // The moment was written two hours ahead of UTC.
    for part in [
        "\"tiny\":1,\"small\":-5,\"big\":18446744073709551615,\"f\":3.14,\"d\":1e+300,\"price\":\"1.10\"",
        "\"c\":\"abc\",\"v\":\"é\",\"x\":\"日本\",\"b\":\"00ff\",\"bits\":\"05\",\"da\":\"2024-02-29\"",
        "\"ti\":\"03:04:05.500\",\"dt\":\"2024-01-02T03:04:05.678\",\"ts\":\"2024-01-02T01:04:05\",\"y\":2024",
        "\"e\":\"b\",\"s\":\"x,y\"",
        "\"u\":\"00112233-4455-6677-8899-aabbccddeeff\"",
    ] {
        assert!(row.contains(part), "{part}\n{row}");
    }
    let odd = found.rows().concat();
    for part in ["0000-00-00 00:00:00", "\"-26:00:00\"", "12345678901234567890123456789012345.5"] {
        assert!(odd.contains(part), "{part}\n{odd}");
    }
}

#[test]
fn queries_schemas_and_names() {
    let server = server(
        "CREATE TABLE `Order``s`(`select` INT, `a b` TEXT); INSERT INTO `Order``s` VALUES (1, 'x'); CREATE VIEW v AS SELECT 1 AS one;
         CREATE DATABASE other; CREATE TABLE other.t(x INT); INSERT INTO other.t VALUES (9)",
    );
    let source = sql_database(&server.url("shop"));
    assert_eq!(read_one(&source).rows(), ["{\"select\":1,\"a b\":\"x\"}"]);
    assert_eq!(read(&source.clone().include_views(true)).unwrap().len(), 2);
    assert_eq!(read_one(&source.clone().schema("other")).rows(), ["{\"x\":9}"]);
    let query = "SELECT 1 + 1 AS two, 0.5 AS half, 'a\\\\b' AS text, NULL AS nothing, CURRENT_DATE() AS today -- all";
    let found = read_one(&source.clone().table(SqlTable::query("q", query).filtered("two > 1")));
    assert_eq!(
        (found.column("two"), found.column("half"), found.column("text")),
        (vec!["2".into()], vec!["0.5".into()], vec!["a\\\\b".into()])
    );
}

#[test]
fn what_is_new_is_asked_for_in_the_order_of_bytes() {
    let server = server(
        "CREATE TABLE t(id INT PRIMARY KEY, name VARCHAR(20), at DATETIME(6));
         INSERT INTO t VALUES (1, 'Z', '2024-01-01'), (2, 'a', '2024-01-02 00:00:00.5'), (3, 'é', NULL), (4, 'a\\\\', '2024-02-01')",
    );
    let read = |cursor: &str, last: &str| {
        let incremental = Incremental::new(cursor).row_order(RowOrder::Asc);
        let mut source = sql_database(&server.url("shop")).table(SqlTable::new("t").incremental(incremental));
        let state = serde_json::json!({"t": {"incremental": {cursor: {"initial_value": null, "last_value": last, "unique_hashes": []}}}});
        let context = ExtractContext::default();
        context.state.set("resources", state);
        drain(source.resources(&context).unwrap().remove(0)).unwrap().column("id")
    };
    assert_eq!(read("name", "a"), ["2", "4", "3"]);
    assert_eq!(read("name", "a\\"), ["4", "3"]);
    assert_eq!(read("at", "\u{f027}2024-01-02T00:00:00.500000"), ["3", "2", "4"], "null first");
}

#[test]
fn failures_are_told_without_the_password() {
    let mut server =
        server("CREATE TABLE t(id INT); CREATE USER weak@'%' IDENTIFIED BY 'w'; GRANT USAGE ON *.* TO weak@'%'");
    let port = server.port();
    let said = |url: &str| told(&failure(&sql_database(url)));
    let wrong = said(&format!("mysql://loader:not-the-word@127.0.0.1:{port}/shop"));
    assert!(wrong.contains("user or password is wrong") && !wrong.contains("not-the-word"), "{wrong}");
    let none = said(&server.url("none"));
    assert!(none.contains("Unknown database 'none'"), "{none}");
    let denied = said(&format!("mysql://weak:w@127.0.0.1:{port}/shop"));
    assert!(denied.contains("GRANT SELECT"), "{denied}");
    let option = said(&format!("{}?ssl_mod=x", server.url("shop")));
    assert!(option.contains("did you mean `ssl_mode`?"), "{option}");
    let table = told(&failure(&sql_database(&server.url("shop")).table_names(["tt"])));
    assert!(table.contains("did you mean `t`?"), "{table}");
    let nothing = said("mysql://loader@127.0.0.1:1/shop");
    assert!(nothing.contains("does the server run"), "{nothing}");

    // A server that goes while rows are read.
    server.sql("shop", "CREATE TABLE many AS SELECT seq AS id, repeat('x', 2000) AS x FROM seq_1_to_30000").unwrap();
    let source = sql_database(&server.url("shop")).table_names(["many"]).chunk_size(1000);
    let mut resources = open(&source).unwrap();
    let mut reader = resources.remove(0).reader;
    assert!(reader.next_chunk().unwrap().is_some());
    server.crash().unwrap();
    let lost = loop {
        match reader.next_chunk() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("an end that is none"),
            Err(error) => break told(&error),
        }
    };
    assert!(lost.contains("cannot read `many`") && lost.contains("run it again"), "{lost}");
    server.resume().unwrap();
    assert_eq!(read_one(&source).batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 30_000);
}
