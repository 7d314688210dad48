//! Queries of the user.

use crate::dataset::{Dataset, files_of};
use crate::dialect::Dialect;
use crate::failure::explain;
use crate::link::Link;
use crate::reads;
use crate::result::{DOING, OnBatch, give};
use crate::sqlite_query;
use dlt_engine::destination::Access;
use dlt_engine::{Error, ErrorKind, Result};
use std::path::Path;

/// Tables of the dataset; `file` is that of the database, where it is one.
pub(crate) fn tables(link: &Link, dataset: &Dataset, file: Option<&Path>) -> Result<Vec<String>> {
    require_dataset(link, dataset, file)?;
    list(link, dataset)
}

fn list(link: &Link, dataset: &Dataset) -> Result<Vec<String>> {
    let rows = link.rows("list the tables", &dataset.dialect.tables_sql(&dataset.name))?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Runs `sql`; a reader's cannot change anything.
pub(crate) fn run(
    link: &Link,
    dataset: &Dataset,
    file: Option<&Path>,
    access: Access,
    sql: &str,
    on_batch: OnBatch<'_>,
) -> Result<()> {
    require_dataset(link, dataset, file)?;
    if dataset.dialect == Dialect::Ansi {
        // Again for each query: the schema may have been made since the connection was opened.
        link.set_schema(&dataset.name);
    }
    let statement = reads::one(sql)?;
    if access == Access::Read && !statement.reads() {
        // What is misspelt, the database says best. PostgreSQL does when it is run, which changes nothing there.
        match (statement.does_something_else(), dataset.dialect) {
            (true, _) => return Err(reads::only_read()),
            (false, Dialect::Postgres) => {}
            (false, Dialect::Sqlite | Dialect::Ansi) => {
                link.check(statement.text).map_err(|error| explain(DOING, &error, dataset.dialect))?;
                return Err(reads::only_read());
            }
        }
    }
    match (dataset.dialect, access) {
        // A reader's connection refuses changes by itself.
        (Dialect::Sqlite, _) => sqlite_query::run(link, &statement, on_batch),
        (_, Access::Write) => stream(link, statement.text, on_batch),
        (dialect, Access::Read) => {
            let failed = |error| explain(DOING, &error, dialect);
            link.autocommit(false).map_err(failed)?;
            let read_only = match dialect {
                Dialect::Postgres => link.run("SET TRANSACTION READ ONLY").map(drop).map_err(failed),
                Dialect::Sqlite | Dialect::Ansi => Ok(()),
            };
            let result = read_only.and_then(|()| stream(link, statement.text, on_batch));
            // What a database without transactions that only read has changed is undone.
            let ended = link.rollback().and_then(|()| link.autocommit(true)).map_err(failed);
            result.and(ended)
        }
    }
}

fn stream(link: &Link, sql: &str, on_batch: OnBatch<'_>) -> Result<()> {
    let reader = link.stream(sql, &[]).map_err(|error| explain(DOING, &error, link.dialect()))?;
    give(reader, link.dialect(), on_batch)
}

fn require_dataset(link: &Link, dataset: &Dataset, file: Option<&Path>) -> Result<()> {
    let names = match dataset.dialect.datasets_sql(&dataset.name) {
        Some((count, names)) => {
            if link.number("look up the dataset", &count)? > 0 {
                return Ok(());
            }
            let rows = link.rows("list the datasets", names).unwrap_or_default();
            rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
        }
        None => {
            if !list(link, dataset)?.is_empty() {
                return Ok(());
            }
            file.map(files_of).unwrap_or_default()
        }
    };
    let others: Vec<String> = names.into_iter().filter(|name| *name != dataset.name).collect();
    let error = Error::new(ErrorKind::Destination, format!("there is no dataset `{}`", dataset.name));
    Err(match others.as_slice() {
        [] => error.hint("the database holds no dataset yet: load something first"),
        names => error.hint(format!("the database holds {}", names.join(", "))),
    })
}
