//! Queries of the user.

use crate::failure::explain;
use crate::json_columns;
use crate::names::DatasetPath;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_engine::destination::Access;
use dlt_engine::{Error, ErrorKind, Result};
use duckdb::Connection;

const DOING: &str = "run the query";

/// Tables of the dataset, oldest first.
pub(crate) fn tables(connection: &Connection, place: &DatasetPath) -> Result<Vec<String>> {
    require_dataset(connection, place)?;
    let sql = "SELECT table_name FROM duckdb_tables() \
         WHERE database_name = ? AND lower(schema_name) = lower(?) ORDER BY table_oid";
    let list = || -> duckdb::Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([place.database(), place.dataset()], |row| row.get(0))?;
        rows.collect()
    };
    list().map_err(|error| explain("list the tables", &error))
}

/// Runs `sql`; a reader's cannot change anything.
pub(crate) fn run(
    connection: &Connection,
    place: &DatasetPath,
    access: Access,
    sql: &str,
    on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>,
) -> Result<()> {
    require_dataset(connection, place)?;
    let batch = |sql: &str| connection.execute_batch(sql).map_err(|error| explain(DOING, &error));
    batch(&format!("USE {}", place.schema()))?;
    match access {
        Access::Write => stream(connection, sql, on_batch),
        Access::Read => {
            check_reads(connection, sql)?;
            // The database may be open for writing in another thread, so it is not enough that a reader opens the file
            // read-only.
            batch("BEGIN TRANSACTION READ ONLY")?;
            let result = stream(connection, sql, on_batch);
            // Fails where the query ended the transaction itself, and then there is nothing to end.
            let _ = connection.execute_batch("ROLLBACK");
            result
        }
    }
}

/// Runs one query that reads; everything else is refused.
pub(crate) fn read(
    connection: &Connection,
    sql: &str,
    on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>,
) -> Result<()> {
    check_reads(connection, sql)?;
    stream(connection, sql, on_batch)
}

fn stream(
    connection: &Connection,
    sql: &str,
    on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>,
) -> Result<()> {
    let failed = |error: duckdb::Error| explain(DOING, &error);
    let mut statement = connection.prepare(sql).map_err(failed)?;
    // The iterator that this returns panics when a later piece fails; the statement's own step tells.
    drop(statement.stream_arrow([]).map_err(failed)?);
    let schema = json_columns::marked(&statement, &statement.schema());
    let mut pieces = 0_u64;
    while let Some(piece) = statement.step().map_err(failed)? {
        pieces += 1;
        let piece = json_columns::in_schema(&schema, piece.columns())
            .map_err(|error| Error::new(ErrorKind::Destination, "cannot read the result").because(error))?;
        on_batch(&schema, piece)?;
    }
    if pieces == 0 {
        on_batch(&schema, RecordBatch::new_empty(schema.clone()))?;
    }
    Ok(())
}

/// Refuses all but one statement that reads. A transaction that is read-only does not keep a statement from files
/// (`COPY`, `EXPORT`), other databases (`ATTACH`) or the network (`INSTALL`).
fn check_reads(connection: &Connection, sql: &str) -> Result<()> {
    let refused = |why: &str| Error::new(ErrorKind::Config, format!("cannot {DOING}: {why}"));
    match parse(connection, sql.trim_start())? {
        Parsed::Reads(1) | Parsed::Wrong => Ok(()),
        Parsed::Reads(0) => Err(refused("there is none").hint("write one, such as: SELECT * FROM table LIMIT 10")),
        Parsed::Reads(count) => {
            Err(refused(&format!("these are {count} queries, and one is run at a time")).hint("run them one by one"))
        }
        Parsed::Other => {
            let hint = if sql.to_lowercase().contains("pivot") {
                "PIVOT has to know its columns: PIVOT table ON column IN ('a', 'b') USING count(*)"
            } else {
                "write one query that begins with SELECT, FROM, WITH, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN"
            };
            Err(refused("a dataset is only read here").hint(hint))
        }
    }
}

/// What DuckDB's own parser makes of a text.
enum Parsed {
    /// So many statements, all of which read.
    Reads(i64),
    /// At least one that does something else.
    Other,
    /// No SQL; preparing it tells why and where.
    Wrong,
}

fn parse(connection: &Connection, sql: &str) -> Result<Parsed> {
    // Only what reads has a form as JSON.
    let as_json = "SELECT json ->> 'error_type', json_array_length(json -> 'statements') \
         FROM (SELECT json_serialize_sql(?::VARCHAR) AS json)";
    let parsed = |sql: &str| {
        let found = connection
            .query_row(as_json, [sql], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?)));
        Ok(match found.map_err(|error| explain(DOING, &error))? {
            (None, Some(count)) => Parsed::Reads(count),
            (Some(kind), _) if kind == "parser" => Parsed::Wrong,
            _ => Parsed::Other,
        })
    };
    // A plan is shown of what reads; ANALYZE runs it as well.
    let explained = after_word(sql, "EXPLAIN").map(|rest| after_word(rest, "ANALYZE").unwrap_or(rest));
    match explained.map(parsed).transpose()? {
        Some(Parsed::Wrong) | None => parsed(sql),
        Some(found) => Ok(found),
    }
}

/// What follows `word` at the beginning of a text.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    (head.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace)).then(|| rest.trim_start())
}

fn require_dataset(connection: &Connection, place: &DatasetPath) -> Result<()> {
    let sql = "SELECT count(*) FROM duckdb_schemas() WHERE database_name = ? AND lower(schema_name) = lower(?)";
    let count: i64 = connection
        .query_row(sql, [place.database(), place.dataset()], |row| row.get(0))
        .map_err(|error| explain("look up the dataset", &error))?;
    if count > 0 {
        return Ok(());
    }
    let names = datasets(connection, place).unwrap_or_default();
    let error = Error::new(ErrorKind::Destination, format!("there is no dataset `{}`", place.dataset()));
    Err(match names.as_slice() {
        [] => error.hint("the database holds no dataset yet: load something first"),
        names => error.hint(format!("the database holds {}", names.join(", "))),
    })
}

fn datasets(connection: &Connection, place: &DatasetPath) -> duckdb::Result<Vec<String>> {
    let sql = "SELECT DISTINCT schema_name FROM duckdb_tables() WHERE database_name = ? ORDER BY schema_name LIMIT 20";
    let mut statement = connection.prepare(sql)?;
    statement.query_map([place.database()], |row| row.get::<_, String>(0))?.collect()
}
