//! kill -9 at any moment: what was committed is there, what was not has left no trace.

use crate::duckdb::load_users;
use crate::processes::{Second, child_file, wait_to_be_killed};
use dlt_destination_compliance::jobs::{chain, user_file};
use dlt_destination_compliance::rows;
use dlt_destination_duckdb::DuckDb;
use dlt_engine::destination::{Access, Connection, Destination, LoadRecord, Write};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const ROWS: i64 = 50_000;

fn commit(connection: &mut dyn Connection, jobs: &Path, load_id: &str, ids: &[i64]) {
    let schema = dlt_destination_compliance::jobs::users();
    let file = user_file(&jobs.join(format!("{load_id}.parquet")), ids, "name");
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    transaction.write(&chain(&schema.tables["users"], &[file], Write::Append)).unwrap();
    transaction.commit(&LoadRecord { load_id, schema: &schema, state: None }).unwrap();
}

#[test]
fn a_commit_outlives_a_kill_before_the_file_is_closed() {
    if let Some(file) = child_file() {
        let destination = DuckDb::at(&file).unwrap();
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        let ids: Vec<i64> = (0..ROWS).collect();
        commit(&mut *connection, file.parent().unwrap(), "1.0", &ids);
        commit(&mut *connection, file.parent().unwrap(), "2.0", &[-1]);
        println!("committed");
        wait_to_be_killed();
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    let mut second = Second::start("kills::a_commit_outlives_a_kill_before_the_file_is_closed", &file, &[]);
    second.wait_for("committed").unwrap();
    second.kill();
    assert!(folder.path().join("shop.duckdb.wal").exists(), "nothing was left to the log");
    let destination = DuckDb::at(&file).unwrap();
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    assert!(connection.is_loaded("1.0").unwrap() && connection.is_loaded("2.0").unwrap());
    assert_eq!(
        rows(&mut *connection, "SELECT count(*), min(id), max(id), count(name) FROM users"),
        [format!("{}|-1|{}|{}", ROWS + 1, ROWS - 1, ROWS + 1)]
    );
}

#[test]
fn loads_are_whole_or_absent_after_kills_at_any_moment() {
    const PER_LOAD: i64 = 300;
    if let Some(file) = child_file() {
        let destination = DuckDb::at(&file).unwrap();
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
            commit(&mut *connection, file.parent().unwrap(), &format!("{}.0", 1_000_000_000 + done), &ids);
            println!("committed {done}");
        }
        panic!("nobody killed this process");
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    let destination = DuckDb::at(&file).unwrap();
    let mut known = 0;
    for round in 0..25_u64 {
        let mut second = Second::start("kills::loads_are_whole_or_absent_after_kills_at_any_moment", &file, &[]);
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
    assert!(known > 5, "the kills fell before anything was loaded");
}

#[test]
fn a_reader_opens_what_a_killed_writer_left() {
    if let Some(file) = child_file() {
        load_users(&DuckDb::at(&file).unwrap(), "1.0", user_file(&file.with_extension("1"), &[1], "Ann"));
        let destination = DuckDb::at(&file).unwrap();
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        commit(&mut *connection, file.parent().unwrap(), "2.0", &[2]);
        let schema = dlt_destination_compliance::jobs::users();
        let more = user_file(&file.with_extension("3"), &(3..100_000).collect::<Vec<_>>(), "lost");
        let mut transaction = connection.begin().unwrap();
        transaction.evolve(&schema).unwrap();
        transaction.write(&chain(&schema.tables["users"], &[more], Write::Replace)).unwrap();
        println!("half way");
        wait_to_be_killed();
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    let mut second = Second::start("kills::a_reader_opens_what_a_killed_writer_left", &file, &[]);
    second.wait_for("half way").unwrap();
    second.kill();
    let destination = DuckDb::at(&file).unwrap();
    let mut reader = destination.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT id FROM users ORDER BY id"), ["1", "2"]);
}
