//! kill -9 at any moment, of the loader and of the server: what was committed is there, what was not has left no trace.

use crate::postgres::{destination, load_users};
use dlt_destination_compliance::rows;
use dlt_destination_postgres::Postgres;
use dlt_engine::destination::{Access, Destination};
use dlt_testkit::Postgres as Server;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const PER_LOAD: i64 = 300;
/// The URL of the server, for the second process.
const ROLE: &str = "DLT_TEST_CHILD_URL";

fn load(destination: &dyn Destination, number: i64) -> dlt_engine::Result<()> {
    let ids: Vec<i64> = (number * PER_LOAD..(number + 1) * PER_LOAD).collect();
    load_users(destination, &load_id(number), &ids)
}

fn load_id(number: i64) -> String {
    format!("{}.0", 1_000_000_000 + number)
}

/// How many loads are there, each of them whole.
fn whole_loads(destination: &dyn Destination) -> i64 {
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    if connection.tables().is_err() {
        return 0;
    }
    let counts =
        rows(&mut *connection, "SELECT (SELECT count(*) FROM _dlt_loads), count(*), count(DISTINCT id) FROM users");
    let counts: Vec<i64> = counts[0].split('|').map(|count| count.parse().unwrap()).collect();
    assert_eq!(counts[1..], [counts[0] * PER_LOAD; 2], "a load came in part");
    counts[0]
}

#[test]
fn loads_are_whole_or_absent_after_kills_of_the_loader() {
    if let Ok(url) = std::env::var(ROLE) {
        let destination = Postgres::from_url(&url).unwrap();
        println!("open");
        loop {
            // Read anew, as by a run that begins.
            let done = whole_loads(&destination);
            load(&destination, done).unwrap();
            println!("committed {done}");
        }
    }
    let server = Server::start().unwrap();
    let destination = destination(&server);
    let mut known = 0;
    for round in 0..15_u64 {
        let mut second = Command::new(std::env::current_exe().unwrap())
            .args(["kills::loads_are_whole_or_absent_after_kills_of_the_loader", "--exact", "--nocapture"])
            .env(ROLE, server.url("postgres"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(second.stdout.take().unwrap()).lines().map_while(Result::ok);
        lines.find(|line| line.contains("open")).unwrap();
        // Spread over the time of a few loads, a different moment each round.
        thread::sleep(Duration::from_millis(40 + (round * 37) % 190));
        second.kill().unwrap();
        second.wait().unwrap();
        let last = lines.filter_map(|line| line.split_once("committed ")?.1.trim().parse::<i64>().ok()).last();
        let acknowledged = last.map_or(known, |last| last + 1);
        // The server goes on with what it was told last, and undoes what it was not told to commit.
        let running =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dlt' AND pid <> pg_backend_pid()";
        while server.sql("postgres", running).unwrap() != "0" {
            thread::sleep(Duration::from_millis(5));
        }
        let loads = whole_loads(&destination);
        assert!(
            loads == acknowledged || loads == acknowledged + 1,
            "{acknowledged} loads were acknowledged and {loads} are there (round {round})"
        );
        known = loads;
    }
    assert!(known > 3, "the kills fell before anything was loaded");
}

#[test]
fn loads_are_whole_or_absent_after_crashes_of_the_server() {
    let mut server = Server::start().unwrap();
    let destination = destination(&server);
    let mut known = 0;
    for round in 0..8_u64 {
        let is_over = AtomicBool::new(false);
        let acknowledged = thread::scope(|scope| {
            let loading = scope.spawn(|| {
                let mut next = known;
                while !is_over.load(Ordering::Relaxed) && load(&destination, next).is_ok() {
                    next += 1;
                }
                next
            });
            thread::sleep(Duration::from_millis(30 + (round * 53) % 210));
            server.crash().unwrap();
            is_over.store(true, Ordering::Relaxed);
            loading.join().unwrap()
        });
        server.resume().unwrap();
        let loads = whole_loads(&destination);
        // The answer to a commit may be lost: then the load tells by its id that it is there.
        assert!(loads == acknowledged || loads == acknowledged + 1, "{acknowledged} and {loads} (round {round})");
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        assert_eq!(connection.is_loaded(&load_id(acknowledged)).unwrap(), loads > acknowledged);
        known = loads;
    }
    assert!(known > 3, "the crashes fell before anything was loaded");
}
