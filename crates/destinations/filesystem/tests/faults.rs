//! What a load leaves when something fails.

use crate::suite::credentials;
use dlt_destination_compliance::jobs::{chain, user_file, users};
use dlt_destination_compliance::rows;
use dlt_destination_filesystem::{FileFormat, Filesystem};
use dlt_engine::destination::{Access, Connection, Destination, LoadRecord, Write};
use dlt_engine::{ErrorKind, Result};
use dlt_testkit::{Fault, Front, S3};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One load of `users`.
fn load(
    connection: &mut dyn Connection,
    jobs: &Path,
    load_id: &str,
    ids: &[i64],
    name: &str,
    way: Write,
) -> Result<()> {
    let schema = users();
    let file = [user_file(&jobs.join(format!("{load_id}.parquet")), ids, name)];
    let mut transaction = connection.begin()?;
    transaction.evolve(&schema)?;
    transaction.write(&chain(&schema.tables["users"], &file, way))?;
    transaction.commit(&LoadRecord { load_id, schema: &schema, state: None })
}

fn on(url: &str) -> Filesystem {
    Filesystem::at("s3://lake/p").unwrap().format(FileFormat::Parquet).credentials(credentials(url))
}

const ALL: &str = "SELECT id, name FROM users ORDER BY id";

/// Data files of `users` in the bucket, whoever may see them.
fn files(server: &S3) -> usize {
    let listed = String::from_utf8(server.request("GET", "/lake?list-type=2&prefix=p/data/users/").unwrap()).unwrap();
    listed.matches("<Key>").count()
}

/// Each request of a load that replaces fails in turn, in three ways; then the load is tried again, and is as if nothing had failed.
#[test]
fn a_load_that_fails_at_any_request_is_whole_when_it_is_tried_again() {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    let jobs = tempfile::tempdir().unwrap();
    let mut kinds = [0; 2];
    for (round, fault) in
        [Fault::Answer(403, "AccessDenied"), Fault::Answer(404, "NoSuchBucket")].into_iter().enumerate()
    {
        for at in 0.. {
            let first = format!("17000{round}0000.{at}");
            let second = format!("17000{round}0001.{at}");
            let good = on(&server.url());
            let mut whole = good.connect("data", Access::Write).unwrap();
            load(&mut *whole, jobs.path(), &first, &[1, 2], "old", Write::Replace).unwrap();
            let (count, failed) = (AtomicUsize::new(0), std::sync::Arc::new(AtomicBool::new(false)));
            let (front_fault, flag) = (fault.clone(), std::sync::Arc::clone(&failed));
            let front = Front::before(server.address(), move |_, _| match count.fetch_add(1, Ordering::SeqCst) {
                number if number >= at => {
                    flag.store(true, Ordering::SeqCst);
                    front_fault.clone()
                }
                _ => Fault::None,
            })
            .unwrap();
            let through = on(&front.url());
            let mut connection = through.connect("data", Access::Write).unwrap();
            let result = load(&mut *connection, jobs.path(), &second, &[2, 3, 4], "new", Write::Replace);
            if !failed.load(Ordering::SeqCst) {
                result.unwrap();
                assert_eq!(rows(&mut *whole, ALL), ["2|new", "3|new", "4|new"]);
                break;
            }
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
            assert!(error.advice().is_some(), "{error}");
            // All of it, or nothing.
            let is_loaded = whole.is_loaded(&second).unwrap();
            kinds[usize::from(is_loaded)] += 1;
            let expected: &[&str] = if is_loaded { &["2|new", "3|new", "4|new"] } else { &["1|old", "2|old"] };
            assert_eq!(rows(&mut *whole, ALL), expected, "failed at request {at}");
            if !is_loaded {
                load(&mut *whole, jobs.path(), &second, &[2, 3, 4], "new", Write::Replace).unwrap();
            }
            assert_eq!(rows(&mut *whole, ALL), ["2|new", "3|new", "4|new"], "failed at request {at}");
            assert_eq!(files(&server), 1, "failed at request {at}");
        }
    }
    assert!(kinds[0] > 5 && kinds[1] > 0, "failures before and after the commit: {kinds:?}");
}

#[test]
fn a_store_that_is_busy_is_waited_for() {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    let jobs = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    let front = Front::before(server.address(), move |_, _| match count.fetch_add(1, Ordering::SeqCst) % 3 {
        0 => Fault::Answer(503, "SlowDown"),
        1 => Fault::LoseAnswer,
        _ => Fault::None,
    })
    .unwrap();
    let destination = on(&front.url());
    let mut connection = destination.connect("data", Access::Write).unwrap();
    load(&mut *connection, jobs.path(), "1.5", &[1, 2], "a", Write::Append).unwrap();
    load(&mut *connection, jobs.path(), "2.5", &[3], "b", Write::Append).unwrap();
    assert_eq!(rows(&mut *connection, ALL), ["1|a", "2|a", "3|b"]);
}

#[test]
fn two_loads_at_once_are_both_there() {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    let jobs = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let local = Filesystem::at(folder.path().to_str().unwrap()).unwrap();
    for destination in [local, on(&server.url())] {
        let failures = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for number in 0..4 {
                let (destination, jobs, failures) = (&destination, jobs.path(), &failures);
                scope.spawn(move || {
                    let mut connection = destination.connect("data", Access::Write).unwrap();
                    for turn in 0..3 {
                        let load_id = format!("17000000{number}{turn}.5");
                        let loaded = load(&mut *connection, jobs, &load_id, &[number * 10 + turn], "x", Write::Append);
                        failures.lock().unwrap().extend(loaded.err());
                    }
                });
            }
        });
        assert!(failures.lock().unwrap().is_empty(), "{failures:?}");
        let mut connection = destination.connect("data", Access::Read).unwrap();
        assert_eq!(rows(&mut *connection, "SELECT count(*), count(DISTINCT id) FROM users"), ["12|12"]);
    }
}

#[test]
fn a_folder_that_cannot_be_written_leaves_what_was_there() {
    let jobs = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let destination = Filesystem::at(folder.path().to_str().unwrap()).unwrap().format(FileFormat::Parquet);
    let mut connection = destination.connect("data", Access::Write).unwrap();
    load(&mut *connection, jobs.path(), "1.5", &[1], "old", Write::Append).unwrap();
    // The table's folder becomes a file: nothing can be written into it.
    let users = folder.path().join("data/users");
    let aside = folder.path().join("aside");
    std::fs::rename(&users, &aside).unwrap();
    std::fs::write(&users, "").unwrap();
    let error = load(&mut *connection, jobs.path(), "2.5", &[2], "new", Write::Append).unwrap_err();
    assert!(error.to_string().contains("is a file and no folder"), "{error}");
    assert!(!connection.is_loaded("2.5").unwrap());
    std::fs::remove_file(&users).unwrap();
    std::fs::rename(&aside, &users).unwrap();
    assert_eq!(rows(&mut *connection, ALL), ["1|old"]);
    load(&mut *connection, jobs.path(), "2.5", &[2], "new", Write::Append).unwrap();
    assert_eq!(rows(&mut *connection, ALL), ["1|old", "2|new"]);
}
