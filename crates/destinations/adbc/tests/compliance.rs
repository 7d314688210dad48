//! What every destination must do.

use crate::places;
use dlt_destination_compliance::{Fresh, check, check_except};
use dlt_testkit::Postgres;
use std::cell::Cell;

#[test]
fn sqlite() {
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let destination = Box::new(places::sqlite(&folder.path().join("shop.db")));
        Fresh { destination, _keep: Box::new(folder) }
    };
    check_except(
        make,
        &[(
            "a value that cannot be cast ends a query and stays out of the message",
            "a CAST of SQLite never fails: it makes 0 of a text that is no number",
        )],
    );
}

#[test]
fn postgres() {
    let server = Postgres::start().unwrap();
    let made = Cell::new(0);
    check(|| {
        made.set(made.get() + 1);
        let database = format!("case_{}", made.get());
        server.create_database(&database).unwrap();
        Fresh { destination: Box::new(places::postgres(&server, &database)), _keep: Box::new(()) }
    });
}

/// The common dialect, by a database that nothing here knows.
#[test]
fn duckdb_in_the_common_dialect() {
    check(|| {
        let folder = tempfile::tempdir().unwrap();
        Fresh { destination: Box::new(places::duckdb(folder.path())), _keep: Box::new(folder) }
    });
}

/// The same by way of files.
#[test]
fn duckdb_by_way_of_files() {
    check(|| {
        let folder = tempfile::tempdir().unwrap();
        let staged = folder.path().join("it's staged");
        Fresh { destination: Box::new(places::staged(places::duckdb(folder.path()), &staged)), _keep: Box::new(folder) }
    });
}
