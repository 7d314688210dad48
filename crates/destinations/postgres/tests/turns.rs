//! Several loads at once.

use crate::postgres::{destination, load_users};
use dlt_destination_compliance::rows;
use dlt_destination_postgres::Postgres;
use dlt_engine::ErrorKind;
use dlt_engine::destination::{Access, Destination, LoadRecord};
use dlt_testkit::Postgres as Server;
use std::thread;

#[test]
fn loads_into_one_dataset_take_turns_from_its_first_on() {
    let server = Server::start().unwrap();
    let destination = destination(&server);
    thread::scope(|scope| {
        let loads = |who: i64| {
            let destination = &destination;
            move || {
                for load in 0..8_i64 {
                    let id = who * 100 + load;
                    load_users(destination, &format!("{}.0", 1000 + id), &[id]).unwrap();
                }
            }
        };
        scope.spawn(loads(1));
        scope.spawn(loads(2));
        scope.spawn(loads(3));
    });
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    let counts =
        "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM _dlt_loads), (SELECT count(*) FROM _dlt_version)";
    assert_eq!(rows(&mut *connection, counts), ["24|24|1"]);
}

#[test]
fn a_load_that_waits_in_vain_is_busy_and_other_datasets_do_not_wait() {
    let server = Server::start().unwrap();
    let destination = destination(&server);
    load_users(&destination, "1.0", &[1]).unwrap();
    let mut first = destination.connect("shop_data", Access::Write).unwrap();
    let transaction = first.begin().unwrap();
    let url = format!("{}?options=-c%20lock_timeout%3D200ms", server.url("postgres"));
    let impatient = Postgres::from_url(&url).unwrap();
    let error = load_users(&impatient, "2.0", &[2]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DestinationBusy);
    assert!(error.to_string().contains("another load into dataset `shop_data` is under way"), "{error}");
    impatient.connect("other_data", Access::Write).unwrap().begin().unwrap();
    drop(transaction);
    load_users(&impatient, "2.0", &[2]).unwrap();
}

#[test]
fn rows_that_were_made_for_what_is_no_longer_stored_are_not_loaded() {
    let server = Server::start().unwrap();
    let destination = destination(&server);
    let mut slow = destination.connect("shop_data", Access::Write).unwrap();
    slow.stored("quick_start", "shop").unwrap();
    load_users(&destination, "1.0", &[1]).unwrap();
    let error = slow.begin().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("another run changed dataset `shop_data`"), "{error}");
    // Who looks again goes on.
    slow.stored("quick_start", "shop").unwrap();
    let schema = dlt_destination_compliance::jobs::users();
    let mut transaction = slow.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    transaction.commit(&LoadRecord { load_id: "2.0", schema: &schema, state: None }).unwrap();
}
