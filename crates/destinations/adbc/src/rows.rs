//! Staged rows, into their table.

use crate::dataset::Dataset;
use crate::dialect::{Dialect, quote};
use crate::failure::{explain_refusal, is_of_data};
use crate::link::Link;
use adbc_core::error::{Error as AdbcError, Result as AdbcResult};
use dlt_engine::schema::Table;
use dlt_engine::sql::Staged;
use dlt_engine::{Error, ErrorKind, Result};

/// Adds all staged rows, and returns how many.
pub(crate) fn insert_all(link: &Link, dataset: &Dataset, table: &Table, rows: &Staged) -> Result<u64> {
    let columns: Vec<String> = rows.columns.iter().map(|column| quote(column)).collect();
    let columns = columns.join(", ");
    let sql =
        format!("INSERT INTO {} ({columns}) SELECT {columns} FROM {} AS s", dataset.table(&table.name), rows.relation);
    insert(link, dataset, table, rows, &sql)
}

/// Runs an `INSERT` of staged rows, and returns how many were added; says which column refused its values, if that is why
/// it fails.
pub(crate) fn insert(link: &Link, dataset: &Dataset, table: &Table, rows: &Staged, sql: &str) -> Result<u64> {
    let doing = format!("add rows to table `{}`", table.name);
    let refused = |error: AdbcError| explain_refusal(&doing, &error, dataset.dialect);
    match dataset.dialect {
        Dialect::Sqlite => Ok(link.run(sql).map_err(refused)?.unwrap_or_default()),
        Dialect::Ansi => {
            // Not every driver tells how many rows a statement changed.
            let count = format!("SELECT count(*) FROM {}", dataset.table(&table.name));
            let before = link.number(&doing, &count)?;
            link.run(sql).map_err(refused)?;
            Ok((link.number(&doing, &count)? - before).unsigned_abs())
        }
        Dialect::Postgres => {
            link.run("SAVEPOINT dlt_rows").map_err(refused)?;
            match link.run(sql) {
                Ok(added) => {
                    link.run("RELEASE SAVEPOINT dlt_rows").map_err(refused)?;
                    Ok(added.unwrap_or_default())
                }
                Err(error) if is_of_data(&error) => {
                    Err(column_at_fault(link, dataset, table, rows).ok().flatten().unwrap_or_else(|| refused(error)))
                }
                Err(error) => Err(refused(error)),
            }
        }
    }
}

/// The column whose values cannot be cast, if one is found. Called after a failed insert, behind its savepoint.
fn column_at_fault(link: &Link, dataset: &Dataset, table: &Table, rows: &Staged) -> AdbcResult<Option<Error>> {
    for column in &rows.columns {
        link.run("ROLLBACK TO SAVEPOINT dlt_rows")?;
        let wanted = dataset.dialect.sql_type(table, &table.columns[column.as_str()]);
        let wanted = wanted.ok().flatten().unwrap_or_default();
        let name = quote(column);
        // What is too long is no matter of casts.
        let length = wanted.strip_prefix("character varying(").and_then(|rest| rest.strip_suffix(')'));
        let condition = length.map_or_else(String::new, |length| {
            format!(" WHERE 1 / CAST(coalesce(char_length({name}), 0) <= {length} AS integer) = 1")
        });
        if link.run(&format!("SELECT count({name}) FROM {} AS s{condition}", rows.relation)).is_ok() {
            continue;
        }
        let what =
            format!("column `{column}` of table `{}` is {wanted} and cannot hold a value of the new rows", table.name);
        return Ok(Some(
            Error::new(ErrorKind::Data, what)
                .hint("give the column a wider type, correct the rows, or load into another table"),
        ));
    }
    Ok(None)
}
