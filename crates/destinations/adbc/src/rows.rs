//! Staged rows, into their table.

use crate::dataset::Dataset;
use crate::dialect::{Dialect, quote};
use crate::failure::{explain_refusal, is_of_data};
use crate::link::Link;
use crate::staging::stage;
use adbc_core::error::Error as AdbcError;
use dlt_engine::schema::Table;
use dlt_engine::sql::Staged;
use dlt_engine::{Error, ErrorKind};
use std::path::PathBuf;

/// SQL that adds all staged rows to their table.
pub(crate) fn insert_all(dataset: &Dataset, table: &Table, rows: &Staged) -> String {
    let columns: Vec<String> = rows.columns.iter().map(|column| quote(column)).collect();
    let columns = columns.join(", ");
    format!("INSERT INTO {} ({columns}) SELECT {columns} FROM {} AS s", dataset.table(&table.name), rows.relation)
}

/// Runs an `INSERT` of staged rows, and returns how many were added.
///
/// # Errors
/// [`Refused::Rows`] if values are why it fails.
pub(crate) fn insert(link: &Link, dataset: &Dataset, table: &Table, sql: &str) -> Result<u64, Refused> {
    let doing = format!("add rows to table `{}`", table.name);
    let refused = |error: AdbcError| {
        let explained = explain_refusal(&doing, &error, dataset.dialect);
        if is_of_data(&error) { Refused::Rows(explained) } else { Refused::Otherwise(explained) }
    };
    match dataset.dialect {
        Dialect::Sqlite | Dialect::Postgres => Ok(link.run(sql).map_err(refused)?.unwrap_or_default()),
        Dialect::Ansi => {
            // Not every driver tells how many rows a statement changed.
            let count = format!("SELECT count(*) FROM {}", dataset.table(&table.name));
            let before = link.number(&doing, &count).map_err(Refused::Otherwise)?;
            link.run(sql).map_err(refused)?;
            let after = link.number(&doing, &count).map_err(Refused::Otherwise)?;
            Ok((after - before).unsigned_abs())
        }
    }
}

/// Why rows were not added.
pub(crate) enum Refused {
    /// Their values.
    Rows(Error),
    /// Something else.
    Otherwise(Error),
}

impl Refused {
    /// The error, as it is known so far.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Rows(error) | Self::Otherwise(error) => error,
        }
    }
}

/// The column whose values a server cannot take, if one is found. The transaction is lost by then, with its temporary
/// tables: the rows are staged once more, and cast column by column.
pub(crate) fn column_at_fault(link: &Link, dataset: &Dataset, table: &Table, files: &[PathBuf]) -> Option<Error> {
    if dataset.dialect == Dialect::Sqlite {
        return None;
    }
    link.rollback().ok()?;
    let rows = stage(link, table, files, "_dlt_refused").ok()?;
    for column in &rows.columns {
        let wanted =
            dataset.dialect.sql_type(table, &table.columns[column.as_str()]).ok().flatten().unwrap_or_default();
        let name = quote(column);
        // What is too long is no matter of casts.
        let length = wanted.strip_prefix("character varying(").and_then(|rest| rest.strip_suffix(')'));
        let fits = match length {
            Some(length) => {
                let longer =
                    format!("SELECT count(*) FROM {} AS s WHERE char_length({name}) > {length}", rows.relation);
                link.number("look for the column", &longer).ok()? == 0
            }
            None => link
                .batches("look for the column", &format!("SELECT count({name}) FROM {} AS s", rows.relation))
                .is_ok(),
        };
        if !fits {
            let what = format!(
                "column `{column}` of table `{}` is {wanted} and cannot hold a value of the new rows",
                table.name
            );
            let error = Error::new(ErrorKind::Data, what);
            return Some(error.hint("give the column a wider type, correct the rows, or load into another table"));
        }
    }
    None
}
