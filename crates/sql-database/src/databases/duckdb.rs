//! duckdb.

use crate::address::Address;
use crate::session::Session;
use dlt_engine::Result;

pub(crate) fn connect(address: &Address) -> Result<Box<dyn Session>> {
    Err(address.wrong("not yet", "not yet"))
}
