//! SQLite.
//!
//! The file is opened for reading alone. A statement sees the database as it was when it began, also while others write.

mod types;

use crate::address::Address;
use crate::failure::{config, reading};
use crate::fit::Cell;
use crate::rows::Rows;
use crate::session::{Reading, Session};
use crate::statement::{Dialect, plain};
use crate::table::{ForeignKey, Listed, Reflected, SqlColumn};
use dlt_engine::{Error, ErrorKind, Notice, RecordBatch, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::time::Duration;

/// How long to wait for a program that writes, unless `?timeout=SECONDS` says it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the file.
pub(crate) fn connect(address: &Address) -> Result<Box<dyn Session>> {
    let place = address.to_string();
    let mut patience = PATIENCE;
    for (option, value) in &address.query {
        let seconds = value.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match (option.as_str(), seconds) {
            ("timeout", Some(seconds)) => patience = seconds,
            ("timeout", None) => return Err(address.wrong("`timeout` is no number of seconds", "write ?timeout=60")),
            _ => return Err(address.wrong(&format!("unknown option `{option}`"), "known is `timeout`, in seconds")),
        }
    }
    let path = address.path();
    match path.metadata() {
        Err(cause) => return Err(Error::new(ErrorKind::Source, format!("{place} cannot be opened")).because(cause)),
        Ok(found) if found.is_dir() => {
            return Err(config(format!("{place} is a folder"), "name the file of the database"));
        }
        Ok(_) => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(patience)?;
        // A file that is no database shows here.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    let connection = open().map_err(|cause| failed(&place, "open it", &cause))?;
    Ok(Box::new(Sqlite { connection, place }))
}

struct Sqlite {
    connection: Connection,
    place: String,
}

fn failed(place: &str, doing: &str, cause: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as Code;
    let (kind, hint) = match cause.sqlite_error_code() {
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => (
            ErrorKind::Source,
            "another program writes, and has locked the database: run again later, or wait longer with ?timeout=SECONDS",
        ),
        Some(Code::NotADatabase) => (ErrorKind::Source, "the file is no SQLite database, or it is encrypted"),
        Some(Code::DatabaseCorrupt) => (ErrorKind::Source, "look at it with: sqlite3 FILE 'PRAGMA integrity_check'"),
        Some(Code::CannotOpen | Code::PermissionDenied | Code::ReadOnly) => {
            (ErrorKind::Source, "let this user read the file, and write in its folder if other programs use it (WAL)")
        }
        _ => return reading(&format!("cannot {doing}"), place, cause),
    };
    Error::new(kind, format!("{place}: cannot {doing}")).because(crate::failure::Said(cause.to_string())).hint(hint)
}

impl Sqlite {
    fn pragma(&self, schema: Option<&str>, pragma: &str, table: &str) -> String {
        let schema = schema.map(|schema| format!("{}.", Dialect::Sqlite.quote(schema))).unwrap_or_default();
        format!("PRAGMA {schema}{pragma}({})", Dialect::Sqlite.quote(table))
    }

    fn columns(&self, schema: Option<&str>, table: &str) -> rusqlite::Result<(Vec<SqlColumn>, Vec<String>)> {
        let mut statement = self.connection.prepare(&self.pragma(schema, "table_xinfo", table))?;
        let mut rows = statement.query([])?;
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let hidden: i64 = row.get("hidden")?;
            // Those of virtual tables that `*` leaves out; generated ones are columns.
            if hidden == 1 {
                continue;
            }
            let mut column = types::column(&row.get::<_, String>("name")?, &row.get::<_, String>("type")?);
            column.is_nullable = row.get::<_, i64>("notnull")? == 0;
            let place: i64 = row.get("pk")?;
            if place > 0 {
                key.push((place, column.name.clone()));
            }
            columns.push(column);
        }
        key.sort_unstable();
        Ok((columns, key.into_iter().map(|(_, name)| name).collect()))
    }

    fn foreign_keys(&self, schema: Option<&str>, table: &str) -> rusqlite::Result<Vec<ForeignKey>> {
        let mut statement = self.connection.prepare(&self.pragma(schema, "foreign_key_list", table))?;
        let mut rows = statement.query([])?;
        let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
        while let Some(row) = rows.next()? {
            let id: i64 = row.get("id")?;
            if keys.last().is_none_or(|(last, _)| *last != id) {
                let key = ForeignKey { columns: Vec::new(), table: row.get("table")?, referenced: Vec::new() };
                keys.push((id, key));
            }
            if let Some((_, key)) = keys.last_mut() {
                key.columns.push(row.get("from")?);
                // Not written down where it is the primary key of the other table.
                key.referenced.extend(row.get::<_, Option<String>>("to")?);
            }
        }
        let mut found = Vec::new();
        for (_, mut key) in keys {
            if key.referenced.is_empty() {
                key.referenced = self.columns(schema, &key.table)?.1;
            }
            found.push(key);
        }
        Ok(found)
    }
}

impl Session for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn list(&mut self, schema: Option<&str>) -> Result<Vec<Listed>> {
        let list = || -> rusqlite::Result<Vec<Listed>> {
            let schema = schema.map(|schema| format!("{}.", Dialect::Sqlite.quote(schema))).unwrap_or_default();
            let sql = format!(
                "SELECT name, type FROM {schema}sqlite_schema WHERE type IN ('table', 'view') \
                 AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"
            );
            let mut statement = self.connection.prepare(&sql)?;
            let rows = statement
                .query_map([], |row| Ok(Listed { name: row.get(0)?, is_view: row.get::<_, String>(1)? == "view" }))?;
            rows.collect()
        };
        list().map_err(|cause| match schema {
            Some(schema) => failed(&self.place, &format!("list the tables of `{schema}`"), &cause)
                .hint("SQLite's own schema is `main`: leave `schema` out"),
            None => failed(&self.place, "list the tables", &cause),
        })
    }

    fn reflect(&mut self, schema: Option<&str>, table: &str) -> Result<Reflected> {
        let reflect = || -> rusqlite::Result<Reflected> {
            let (columns, primary_key) = self.columns(schema, table)?;
            Ok(Reflected { columns, primary_key, foreign_keys: self.foreign_keys(schema, table)? })
        };
        reflect().map_err(|cause| failed(&self.place, &format!("look up the columns of `{table}`"), &cause))
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<SqlColumn>> {
        let describe = || -> rusqlite::Result<Option<Vec<SqlColumn>>> {
            let statement = self.connection.prepare(plain(sql))?;
            if !statement.readonly() || statement.column_count() == 0 {
                return Ok(None);
            }
            let columns = statement.columns();
            Ok(Some(columns.map(|column| types::column(column.name(), column.decl_type().unwrap_or(""))).collect()))
        };
        let found = describe().map_err(|cause| {
            config(
                format!("{}: the query is refused: {}", self.place, crate::failure::first_line(&cause.to_string())),
                "try it in sqlite3 first",
            )
        })?;
        found.ok_or_else(|| config(format!("{}: the query gives no rows to load", self.place), "write a SELECT"))
    }

    fn read(&mut self, wanted: &Reading, take: &mut dyn FnMut(RecordBatch) -> Result<bool>) -> Result<()> {
        let doing = format!("read `{}`", wanted.name);
        let broken = |cause: rusqlite::Error| failed(&self.place, &doing, &cause);
        let mut statement = self.connection.prepare(&wanted.sql).map_err(broken)?;
        if statement.column_count() != wanted.columns.len() {
            return Err(changed(&self.place, &wanted.name));
        }
        let mut gathered = Rows::new(&wanted.columns, wanted.chunk_size, wanted.keeps_order);
        let mut rows = statement.query([]).map_err(broken)?;
        let mut has_flaw = false;
        while let Some(row) = rows.next().map_err(broken)? {
            let mut cells = Vec::with_capacity(wanted.columns.len());
            for at in 0..wanted.columns.len() {
                cells.push(match row.get_ref(at).map_err(broken)? {
                    ValueRef::Null => Cell::Null,
                    ValueRef::Integer(value) => Cell::Int(value),
                    ValueRef::Real(value) => Cell::Double(value),
                    ValueRef::Blob(bytes) => Cell::Binary(bytes),
                    ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                        Ok(text) => Cell::Text(text.into()),
                        Err(_) => {
                            has_flaw = true;
                            Cell::Binary(bytes)
                        }
                    },
                });
            }
            if gathered.push(&mut cells) {
                for batch in gathered.take(false)? {
                    if !take(batch)? {
                        return Ok(());
                    }
                }
            }
        }
        if has_flaw {
            let told =
                format!("`{}` has texts that are not UTF-8: they are loaded as bytes, in text as Base64", wanted.name);
            wanted.notices.say(Notice::new(told));
        }
        for batch in gathered.take(true)? {
            take(batch)?;
        }
        Ok(())
    }
}

/// A table that was altered between the look at it and its reading.
fn changed(place: &str, table: &str) -> Error {
    Error::new(ErrorKind::Source, format!("{place}: `{table}` was altered while it was read")).hint("run it again")
}
