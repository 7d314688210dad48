//! Opening connections.

use crate::address::{Address, Driver};
use crate::databases;
use crate::session::Session;
use dlt_engine::Result;

/// A new connection to the database.
pub(crate) fn connect(address: &Address) -> Result<Box<dyn Session>> {
    match address.driver {
        Driver::Sqlite => databases::sqlite::connect(address),
        Driver::Mysql => databases::mysql::connect(address),
        Driver::DuckDb => databases::duckdb::connect(address),
        Driver::Postgres => databases::postgres::connect(address),
    }
}
