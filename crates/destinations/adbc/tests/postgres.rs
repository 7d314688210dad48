//! What is PostgreSQL's own: who is let in, which column refuses a value, two loads at once.

use crate::places;
use crate::sqlite::load_users;
use arrow::array::{ArrayRef, StringArray};
use dlt_destination_compliance::jobs::{self, chain, user_file, users, values};
use dlt_destination_compliance::rows;
use dlt_engine::ErrorKind;
use dlt_engine::destination::{Access, Destination, LoadRecord, Write};
use dlt_engine::schema::{Column, DataType};
use dlt_testkit::Postgres;
use std::sync::Arc;
use tempfile::TempDir;

#[test]
fn types_are_those_of_python_dlt() {
    let server = Postgres::start().unwrap();
    let folder = TempDir::new().unwrap();
    let destination = places::postgres(&server, "postgres");
    let mut connection = destination.connect("shop_data", Access::Write).unwrap();
    let file = user_file(&folder.path().join("1.parquet"), &[1], "Ann");
    load_users(&mut *connection, "1.0", file).unwrap();
    let types = server
        .sql(
            "postgres",
            "SELECT string_agg(data_type, ',' ORDER BY ordinal_position) FROM information_schema.columns \
             WHERE table_schema = 'shop_data' AND table_name = '_dlt_loads'",
        )
        .unwrap();
    assert_eq!(types, "character varying,character varying,bigint,timestamp with time zone,character varying");
}

#[test]
fn a_column_that_refuses_a_value_is_named_and_the_value_is_not() {
    let server = Postgres::start().unwrap();
    let folder = TempDir::new().unwrap();
    let destination = places::postgres(&server, "postgres");
    let mut connection = destination.connect("shop_data", Access::Write).unwrap();
    let mut schema = users();
    let table = &mut schema.tables["users"];
    table.add(Column::inferred("code", DataType::Text).with("precision", 3));
    table.add(Column::inferred("doc", DataType::Json));
    schema.bump_version();
    for (name, text, column) in [
        ("name", "a\0secret", "column `name` of table `users` has text with the character U+0000"),
        ("code", "secret", "column `code` of table `users` is character varying(3)"),
        ("doc", "{secret", "column `doc` of table `users` is jsonb and cannot hold"),
        ("doc", "{\"secret\": \"\\u0000\"}", "column `doc` of table `users` is jsonb and cannot hold"),
    ] {
        let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let ids: ArrayRef = Arc::new(StringArray::from(vec!["r1"]));
        let columns = &schema.tables["users"].columns;
        let file = jobs::write(
            &folder.path().join("1.parquet"),
            vec![
                values(&columns[name], array),
                values(&columns["_dlt_id"], Arc::clone(&ids)),
                values(&columns["_dlt_load_id"], ids),
            ],
        );
        let mut transaction = connection.begin().unwrap();
        transaction.evolve(&schema).unwrap();
        let error = transaction.write(&chain(&schema.tables["users"], &[file], Write::Append)).unwrap_err();
        let record = LoadRecord { load_id: "1.0", schema: &schema, state: None };
        assert!(transaction.commit(&record).is_err(), "a half of a load was committed");
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert!(error.to_string().contains(column) && !error.to_string().contains("secret"), "{error}");
        assert!(error.advice().is_some());
    }
    let file = user_file(&folder.path().join("2.parquet"), &[1], "Ann");
    assert_eq!(load_users(&mut *connection, "2.0", file).unwrap(), 1, "the connection goes on");
}

#[test]
fn who_is_not_let_in_is_told_why_without_secrets() {
    let server = Postgres::start().unwrap();
    let port = server.port();
    for (uri, reason) in [
        (format!("postgresql://{}:hunter2@127.0.0.1:{port}/postgres", Postgres::USER), "user or password is refused"),
        (server.url("nowhere"), "the database does not exist"),
        ("postgresql://u:hunter2@127.0.0.1:1/db".to_owned(), "no server answers there"),
        ("postgresql://u:hunter2@nowhere.invalid/db".to_owned(), "no host of that name is known"),
        ("hunter2".to_owned(), "the driver refuses the connection"),
        ("postgresql://u:hunter2 x@h:y/db".to_owned(), "the driver refuses the connection"),
    ] {
        let destination = places::postgres_at(&uri);
        let error = destination.connect("shop_data", Access::Write).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Destination);
        assert!(error.to_string().contains(reason), "{uri}: {error}");
        let shown = format!("{error} {:?} {} {destination:?}", error.advice(), destination.location());
        assert!(!shown.contains("hunter2") && !shown.contains(Postgres::PASSWORD_IN_URL), "{shown}");
    }
}

#[test]
fn two_loads_at_once_both_come_in() {
    let server = Postgres::start().unwrap();
    let folder = TempDir::new().unwrap();
    let destination = places::postgres(&server, "postgres");
    std::thread::scope(|scope| {
        for load in 0..4_i64 {
            let (destination, folder) = (&destination, folder.path());
            scope.spawn(move || {
                let mut connection = destination.connect("shop_data", Access::Write).unwrap();
                let file = user_file(&folder.join(format!("{load}.parquet")), &[load], "Ann");
                load_users(&mut *connection, &format!("{load}.0"), file).unwrap();
            });
        }
    });
    let mut reader = destination.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT count(*) FROM users UNION ALL SELECT count(*) FROM _dlt_loads"), ["4", "4"]);
}

#[test]
fn a_reader_changes_nothing() {
    let server = Postgres::start().unwrap();
    let folder = TempDir::new().unwrap();
    let destination = places::postgres(&server, "postgres");
    let file = user_file(&folder.path().join("1.parquet"), &[1], "Ann");
    load_users(&mut *destination.connect("shop_data", Access::Write).unwrap(), "1.0", file).unwrap();
    let mut reader = destination.connect("shop_data", Access::Read).unwrap();
    for sql in ["WITH a AS (DELETE FROM users RETURNING id) SELECT * FROM a", "SELECT * INTO x FROM users"] {
        let error = reader.query(sql, &mut |_, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{sql}: {error}");
    }
    assert_eq!(rows(&mut *reader, "SELECT count(*) FROM users"), ["1"]);
}

#[test]
fn a_table_that_somebody_locks_is_busy() {
    let server = Postgres::start().unwrap();
    let folder = TempDir::new().unwrap();
    let url = format!("{}?options=-c%20lock_timeout%3D200", server.url("postgres"));
    let destination = places::postgres_at(&url);
    let schema = users();
    let file = user_file(&folder.path().join("1.parquet"), &[1], "Ann");
    let mut first = destination.connect("shop_data", Access::Write).unwrap();
    load_users(&mut *first, "1.0", file.clone()).unwrap();
    let mut loading = first.begin().unwrap();
    loading.write(&chain(&schema.tables["users"], std::slice::from_ref(&file), Write::Replace)).unwrap();
    let mut second = destination.connect("shop_data", Access::Write).unwrap();
    let error = load_users(&mut *second, "2.0", file.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DestinationBusy, "{error}");
    loading.commit(&LoadRecord { load_id: "3.0", schema: &schema, state: None }).unwrap();
    assert_eq!(load_users(&mut *second, "2.0", file).unwrap(), 1);
}
