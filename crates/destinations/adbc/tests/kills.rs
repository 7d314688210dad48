//! kill -9 at any moment: what was committed is there, what was not has left no trace.

use crate::places;
use crate::processes::{Second, child_file};
use dlt_destination_adbc::Adbc;
use dlt_destination_compliance::jobs::{chain, user_file, users};
use dlt_destination_compliance::rows;
use dlt_engine::destination::{Access, Destination, LoadRecord, Write};
use dlt_testkit::Postgres;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const PER_LOAD: i64 = 300;

/// Loads until this process is killed.
fn load_for_ever(destination: &Adbc, folder: &Path) -> ! {
    for round in 0..10_000 {
        // Closed between loads as between runs, so that kills also fall into opening and closing.
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        if round == 0 {
            println!("open");
        }
        let done: i64 = match connection.tables() {
            Ok(_) => rows(&mut *connection, "SELECT count(*) FROM _dlt_loads")[0].parse().unwrap(),
            Err(_) => 0,
        };
        let ids: Vec<i64> = (done * PER_LOAD..(done + 1) * PER_LOAD).collect();
        let schema = users();
        let file = user_file(&folder.join(format!("{}.parquet", std::process::id())), &ids, "name");
        let mut transaction = connection.begin().unwrap();
        transaction.evolve(&schema).unwrap();
        transaction.write(&chain(&schema.tables["users"], &[file], Write::Append)).unwrap();
        let load_id = format!("{}.0", 1_000_000_000 + done);
        transaction.commit(&LoadRecord { load_id: &load_id, schema: &schema, state: None }).unwrap();
        println!("committed {done}");
    }
    panic!("nobody killed this process");
}

/// Kills the second process of a test again and again, and looks what is there.
fn kill_again_and_again(test: &str, told: &Path, destination: &Adbc) {
    let mut known = 0;
    for round in 0..15_u64 {
        let mut second = Second::start(test, told, &[]);
        second.wait_for("open").unwrap();
        // Spread over the time of a few loads, a different moment each round.
        std::thread::sleep(Duration::from_millis(20 + (round * 37) % 190));
        second.kill();
        let mut acknowledged = known;
        while let Some(last) = second.wait_for("committed ") {
            acknowledged = last.parse::<i64>().unwrap() + 1;
        }
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        if connection.tables().is_err() {
            assert_eq!(acknowledged, 0);
            continue;
        }
        // A server may still be ending what the killed process had begun.
        drop(connection.begin().unwrap());
        let counts = rows(&mut *connection, "SELECT count(*) FROM _dlt_loads UNION ALL SELECT count(*) FROM users");
        let loads: i64 = counts[0].parse().unwrap();
        assert_eq!(counts[1].parse::<i64>().unwrap(), loads * PER_LOAD, "a load came in part (round {round})");
        assert!(
            loads == acknowledged || loads == acknowledged + 1,
            "{acknowledged} loads were acknowledged and {loads} are there (round {round})"
        );
        let distinct = rows(&mut *connection, "SELECT count(DISTINCT id) FROM users");
        assert_eq!(distinct[0].parse::<i64>().unwrap(), loads * PER_LOAD, "round {round}");
        known = loads;
    }
    assert!(known > 3, "the kills fell before anything was loaded");
}

#[test]
fn loads_into_sqlite_are_whole_or_absent() {
    if let Some(file) = child_file() {
        load_for_ever(&places::sqlite(&file), file.parent().unwrap());
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.db");
    kill_again_and_again("kills::loads_into_sqlite_are_whole_or_absent", &file, &places::sqlite(&file));
}

#[test]
fn loads_into_postgres_are_whole_or_absent() {
    if let Some(file) = child_file() {
        let uri = std::fs::read_to_string(&file).unwrap();
        load_for_ever(&places::postgres_at(&uri), file.parent().unwrap());
    }
    let server = Postgres::start().unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("uri");
    std::fs::write(&file, server.url("postgres")).unwrap();
    let destination = places::postgres(&server, "postgres");
    kill_again_and_again("kills::loads_into_postgres_are_whole_or_absent", &file, &destination);
}
