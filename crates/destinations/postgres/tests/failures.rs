//! What is said where something fails, and that nothing is left behind.

use crate::postgres::{destination, load_users};
use dlt_destination_compliance::jobs::{chain, user_file, users};
use dlt_destination_compliance::rows;
use dlt_destination_postgres::Postgres;
use dlt_engine::ErrorKind;
use dlt_engine::destination::{Access, Destination, LoadRecord, Write};
use dlt_postgres::{Address, Client};
use dlt_testkit::Postgres as Server;
use tempfile::TempDir;

fn client(url: &str) -> Client {
    Client::connect(&Address::from_url(url).unwrap().completed(&|_| None).unwrap()).unwrap()
}

#[test]
fn a_table_that_another_session_holds_is_busy() {
    let server = Server::start().unwrap();
    load_users(&destination(&server), "1.0", &[1]).unwrap();
    let mut other = client(&server.url("postgres"));
    other.batch("hold", "BEGIN; LOCK TABLE shop_data.users IN ACCESS EXCLUSIVE MODE").unwrap();
    let url = format!("{}?options=-c%20lock_timeout%3D200ms", server.url("postgres"));
    let impatient = Postgres::from_url(&url).unwrap();
    let error = load_users(&impatient, "2.0", &[2]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DestinationBusy);
    assert!(error.to_string().contains("another session holds a lock"), "{error}");
    other.batch("let go", "ROLLBACK").unwrap();
    load_users(&impatient, "2.0", &[2]).unwrap();
}

#[test]
fn what_a_user_may_not_do_is_told_with_what_to_do() {
    let server = Server::start().unwrap();
    server.sql("postgres", "CREATE ROLE weak LOGIN PASSWORD 'weak'").unwrap();
    let weak = Postgres::from_url(&format!("postgresql://weak:weak@127.0.0.1:{}/postgres", server.port())).unwrap();
    let error = load_users(&weak, "1.0", &[1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Destination);
    assert!(error.to_string().contains("make dataset `shop_data`: permission denied"), "{error}");
    assert!(error.advice().unwrap().contains("GRANT CREATE ON DATABASE"));
    // In a dataset that is there, the right to make tables is enough.
    server.sql("postgres", "CREATE SCHEMA shop_data; GRANT USAGE, CREATE ON SCHEMA shop_data TO weak").unwrap();
    load_users(&weak, "1.0", &[1]).unwrap();
    load_users(&weak, "2.0", &[2]).unwrap();
}

#[test]
fn a_server_that_dies_in_a_load_leaves_nothing_of_it() {
    let mut server = Server::start().unwrap();
    let destination = destination(&server);
    load_users(&destination, "1.0", &[1]).unwrap();
    let folder = TempDir::new().unwrap();
    let schema = users();
    let file = user_file(&folder.path().join("1.parquet"), &(10..20_000).collect::<Vec<_>>(), "lost");
    for at in ["write", "commit"] {
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        let mut transaction = connection.begin().unwrap();
        transaction.evolve(&schema).unwrap();
        if at == "commit" {
            transaction.write(&chain(&schema.tables["users"], std::slice::from_ref(&file), Write::Replace)).unwrap();
        }
        server.crash().unwrap();
        let error = match at {
            "write" => {
                let ended =
                    transaction.write(&chain(&schema.tables["users"], std::slice::from_ref(&file), Write::Replace));
                drop(transaction);
                ended.unwrap_err()
            }
            _ => transaction.commit(&LoadRecord { load_id: "2.0", schema: &schema, state: None }).unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Destination, "{at}: {error}");
        assert!(error.advice().unwrap().contains("run the same command again"), "{at}: {error}");
        drop(connection);
        let error = load_users(&destination, "2.0", &[2]).unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
        server.resume().unwrap();
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        assert!(!connection.is_loaded("2.0").unwrap() && connection.is_loaded("1.0").unwrap());
        assert_eq!(rows(&mut *connection, "SELECT id, name FROM users"), ["1|Ann"]);
    }
    load_users(&destination, "2.0", &[2]).unwrap();
}

#[test]
fn a_reader_changes_nothing_and_a_load_is_not_seen_before_its_end() {
    let server = Server::start().unwrap();
    let destination = destination(&server);
    load_users(&destination, "1.0", &[1]).unwrap();
    let folder = TempDir::new().unwrap();
    let schema = users();
    let file = user_file(&folder.path().join("1.parquet"), &[5, 6], "new");
    let mut writer = destination.connect("shop_data", Access::Write).unwrap();
    let mut transaction = writer.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    transaction.write(&chain(&schema.tables["users"], &[file], Write::Replace)).unwrap();
    let mut reader = destination.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT id FROM users"), ["1"], "a reader waits for nobody");
    for sql in
        ["INSERT INTO users (id) VALUES (1) RETURNING id", "WITH d AS (DELETE FROM users RETURNING id) SELECT * FROM d"]
    {
        let error = reader.query(sql, &mut |_, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    transaction.commit(&LoadRecord { load_id: "2.0", schema: &schema, state: None }).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT id FROM users ORDER BY id"), ["5", "6"]);
}
