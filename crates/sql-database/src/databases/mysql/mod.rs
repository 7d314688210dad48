//! MySQL and MariaDB.
//!
//! Rows come unbuffered, by prepared statements, whose values have types. A connection reads within a transaction that sees
//! one state and may not write. Moments are read in UTC; text as UTF-8, whatever its column is encoded in.

mod options;
mod reflect;
mod types;

use crate::address::Address;
use crate::failure::{Said, config, first_line};
use crate::rows::Rows;
use crate::session::{Reading, Session};
use crate::statement::{Dialect, plain};
use crate::table::{Listed, Reflected, SqlColumn};
use dlt_engine::{Error, ErrorKind, RecordBatch, Result};
use mysql::prelude::Queryable as _;
use mysql::{Conn, DriverError};

/// Connects.
pub(crate) fn connect(address: &Address) -> Result<Box<dyn Session>> {
    let place = address.to_string();
    let options = options::of(address)?;
    let open = || -> mysql::Result<Conn> {
        let mut connection = Conn::new(options)?;
        connection.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        connection.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")?;
        Ok(connection)
    };
    let connection = open().map_err(|cause| failed(&place, "connect", &cause))?;
    Ok(Box::new(MySql { connection, place }))
}

struct MySql {
    connection: Conn,
    place: String,
}

/// What went wrong, without what an error of the driver may hold of values.
pub(super) fn failed(place: &str, doing: &str, cause: &mysql::Error) -> Error {
    let told = |kind, said: &str, hint: &str| {
        let error = Error::new(kind, format!("{place}: cannot {doing}")).because(Said(first_line(said)));
        if hint.is_empty() { error } else { error.hint(hint) }
    };
    match cause {
        mysql::Error::MySqlError(said) => {
            let (kind, hint) = match said.code {
                1045 | 1698 => {
                    (ErrorKind::Source, "user or password is wrong; in a URL, `@` is %40, `/` is %2F and `%` is %25")
                }
                1044 | 1142 | 1143 | 1227 => {
                    (ErrorKind::Source, "let the user read it: GRANT SELECT ON database.* TO user")
                }
                1049 => {
                    (ErrorKind::Config, "the address ends with the name of the database: mysql://USER@HOST/DATABASE")
                }
                1054 | 1064 | 1146 | 1305 => (ErrorKind::Config, ""),
                1053 | 1927 | 3024 => (ErrorKind::Source, "nothing of this run is kept: run it again"),
                _ => (ErrorKind::Source, ""),
            };
            told(kind, &said.message, hint)
        }
        mysql::Error::DriverError(DriverError::CouldNotConnect(_) | DriverError::ConnectTimeout) => {
            let said = cause.to_string();
            let said = said.trim_start_matches("DriverError { ").trim_end_matches(" }");
            told(ErrorKind::Source, said, "does the server run, and is it reached at this host and port?")
        }
        mysql::Error::IoError(lost) => {
            told(ErrorKind::Source, &lost.to_string(), "the server is gone; nothing of this run is kept: run it again")
        }
        mysql::Error::CodecError(_) => {
            let said = "the connection ended within a row";
            told(ErrorKind::Source, said, "the server is gone; nothing of this run is kept: run it again")
        }
        mysql::Error::FromValueError(_) | mysql::Error::FromRowError(_) => {
            told(ErrorKind::Internal, "a value has another type", "")
        }
        other => told(ErrorKind::Source, &other.to_string(), ""),
    }
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
