//! MySQL and MariaDB.
//!
//! Rows come unbuffered, by prepared statements, whose values have types. A connection reads within a transaction that sees
//! one state and may not write. Moments are read in UTC; text as UTF-8, whatever its column is encoded in.

mod failure;
mod options;
mod reflect;
mod types;

use crate::address::Address;
use crate::failure::config;
use crate::rows::Rows;
use crate::session::{Reading, Session};
use crate::statement::{Dialect, plain};
use crate::table::{Listed, Reflected, SqlColumn};
use dlt_engine::{Error, ErrorKind, RecordBatch, Result};
use failure::{failed, not_connected};
use mysql::Conn;
use mysql::prelude::Queryable as _;

/// Connects.
pub(crate) fn connect(address: &Address) -> Result<Box<dyn Session>> {
    let place = address.to_string();
    let options = options::of(address)?;
    let is_encrypted = options.get_ssl_opts().is_some();
    let open = || -> mysql::Result<Conn> {
        let mut connection = Conn::new(options)?;
        connection.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        connection.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")?;
        Ok(connection)
    };
    let connection = open().map_err(|cause| not_connected(&place, is_encrypted, &cause))?;
    Ok(Box::new(MySql { connection, place }))
}

struct MySql {
    connection: Conn,
    place: String,
}

impl Session for MySql {
    fn dialect(&self) -> Dialect {
        Dialect::Mysql
    }

    fn list(&mut self, schema: Option<&str>) -> Result<Vec<Listed>> {
        reflect::list(&mut self.connection, &self.place, schema)
    }

    fn reflect(&mut self, schema: Option<&str>, table: &str) -> Result<Reflected> {
        reflect::table(&mut self.connection, &self.place, schema, table)
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<SqlColumn>> {
        let statement =
            self.connection.prep(plain(sql)).map_err(|cause| failed(&self.place, "run the query", &cause))?;
        let columns: Vec<SqlColumn> = statement.columns().iter().map(types::of_result).collect();
        if columns.is_empty() {
            return Err(config(format!("{}: the query gives no rows to load", self.place), "write a SELECT"));
        }
        Ok(columns)
    }

    fn read(&mut self, wanted: &Reading, take: &mut dyn FnMut(RecordBatch) -> Result<bool>) -> Result<()> {
        let doing = format!("read `{}`", wanted.name);
        let place = self.place.clone();
        let broken = |cause: mysql::Error| failed(&place, &doing, &cause);
        let result = self.connection.exec_iter(wanted.sql.as_str(), ()).map_err(broken)?;
        if result.columns().as_ref().len() != wanted.columns.len() {
            let message = format!("{place}: `{}` was altered while it was read", wanted.name);
            return Err(Error::new(ErrorKind::Source, message).hint("run it again"));
        }
        let mut gathered = Rows::new(&wanted.columns, wanted.chunk_size, wanted.keeps_order);
        for row in result {
            let values = row.map_err(broken)?.unwrap();
            let cells = values.iter().zip(&wanted.columns).map(|(value, column)| types::cell(value, column.kind));
            if gathered.push(&mut cells.collect::<Vec<_>>()) {
                for batch in gathered.take(false)? {
                    if !take(batch)? {
                        return Ok(());
                    }
                }
            }
        }
        for batch in gathered.take(true)? {
            take(batch)?;
        }
        Ok(())
    }
}
