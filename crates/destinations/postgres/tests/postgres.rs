//! What is Postgres' own: the layout of the contract, odd values, names.

use dlt_destination_compliance::{self as compliance, Fresh};
use dlt_destination_postgres::Postgres;
use dlt_testkit::Postgres as Server;
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn it_does_what_every_destination_must() {
    let server = Rc::new(Server::start().unwrap());
    let count = Cell::new(0);
    compliance::check(|| {
        let database = format!("case {}", count.replace(count.get() + 1));
        server.create_database(&database).unwrap();
        let destination = Postgres::from_url(&server.url(&database.replace(' ', "%20"))).unwrap();
        // The cases load rows again that have the same ids.
        let destination = destination.create_indexes(false);
        Fresh { destination: Box::new(destination), _keep: Box::new(Rc::clone(&server)) }
    });
}
