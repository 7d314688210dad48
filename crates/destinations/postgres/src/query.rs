//! Queries of the user.

use crate::ddl;
use crate::names::Place;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_engine::destination::Access;
use dlt_engine::{Error, ErrorKind, Result};
use dlt_postgres::postgres::types::Type;
use dlt_postgres::{Client, Lost, Query, READ_ONLY, ReadOptions};

/// Tables of the dataset, oldest first; none of a dataset that is not there.
pub(crate) fn list(client: &mut Client, place: &Place) -> Result<Vec<String>> {
    let sql = "SELECT c.relname::text FROM pg_catalog.pg_class AS c \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f') ORDER BY c.oid";
    let rows = client.query("list the tables", sql, &[(&place.dataset(), Type::TEXT)])?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Tables of the dataset, oldest first.
pub(crate) fn tables(client: &mut Client, place: &Place) -> Result<Vec<String>> {
    require_dataset(client, place)?;
    list(client, place)
}

/// Runs `sql`; a reader's cannot change anything.
pub(crate) fn run(
    client: &mut Client,
    place: &Place,
    access: Access,
    sql: &str,
    on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>,
) -> Result<()> {
    require_dataset(client, place)?;
    let mode = if access == Access::Read { "READ ONLY" } else { "READ WRITE" };
    // Types and functions of extensions are in `public`.
    let begin = format!("BEGIN TRANSACTION {mode}; SET LOCAL search_path TO {}, public", place.schema());
    client.batch("run the query", &begin)?;
    let result = stream(client, sql, on_batch);
    let end = if result.is_ok() && access == Access::Write { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch("end the query", end);
    result.and(ended)
}

fn stream(
    client: &mut Client,
    sql: &str,
    on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>,
) -> Result<()> {
    let query = Query::prepare(client, sql, ReadOptions::default())?;
    let schema = query.schema().clone();
    let mut is_empty = true;
    let lost = query.run(client, &mut |batch| {
        is_empty = false;
        on_batch(&schema, batch)
    });
    let lost = lost.map_err(|error| match error.to_string().ends_with(READ_ONLY) {
        true => Error::new(ErrorKind::Config, "a dataset is only read here")
            .hint("write one query that begins with SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN"),
        false => error,
    })?;
    if let Some(Lost { column, .. }) = lost.first() {
        // Shown as NULL they would be taken for what is not there.
        return Err(Error::new(
            ErrorKind::Data,
            format!("column `{column}` holds a value that cannot be shown as its type: NaN, or a time after the last"),
        )
        .hint(format!("ask for it as text: \"{column}\"::text")));
    }
    if is_empty {
        on_batch(&schema, RecordBatch::new_empty(schema.clone()))?;
    }
    Ok(())
}

fn require_dataset(client: &mut Client, place: &Place) -> Result<()> {
    if ddl::has_dataset(client, place)? {
        return Ok(());
    }
    let sql = "SELECT DISTINCT n.nspname::text AS name FROM pg_catalog.pg_namespace AS n \
         JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid WHERE c.relname = '_dlt_loads' ORDER BY name LIMIT 20";
    let names: Vec<String> = client.query("list the datasets", sql, &[])?.iter().map(|row| row.get(0)).collect();
    let error = Error::new(ErrorKind::Destination, format!("there is no dataset `{}`", place.dataset()));
    Err(match names.as_slice() {
        [] => error.hint("the database holds no dataset yet: load something first"),
        names => error.hint(format!("the database holds {}", names.join(", "))),
    })
}
