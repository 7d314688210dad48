//! Rows of a query as Arrow, by binary COPY.
//!
//! The query is prepared, which tells its columns; what has no form in Arrow is asked for as text or JSON, by a query around
//! it. Rows are then streamed and gathered into batches of bounded size.

mod columns;
mod copy;
mod decode;
mod stream;

pub use stream::Batches;

use crate::client::Client;
use crate::failure::explain;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use columns::{Asked, ReadColumn};
use dlt_engine::{Error, ErrorKind, Result};
use std::sync::Arc;

/// How a query is read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Rows of a batch at most. Default: 32768.
    pub batch_rows: usize,
    /// Bytes of values after which a batch ends. Default: 8 MiB.
    pub batch_bytes: usize,
    /// Digits and decimals of a `numeric` that says none itself. Default: none, and it becomes text.
    pub unbounded: Option<(u8, i8)>,
    /// Whether `infinity` and `-infinity` of dates and timestamps become the largest numbers, as other databases have them;
    /// else they are NULL, and counted. Default: true.
    pub keeps_ends_of_time: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { batch_rows: 32_768, batch_bytes: 8 << 20, unbounded: None, keeps_ends_of_time: true }
    }
}

/// Values of a column that Arrow has no form for, and that are NULL in the batches: `NaN` of a decimal, times after the last,
/// `24:00`, and infinite dates where they are not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The column.
    pub column: String,
    /// How many.
    pub values: u64,
}

/// A query that was prepared.
#[derive(Clone, Debug)]
pub struct Query {
    sql: String,
    columns: Vec<ReadColumn>,
    schema: SchemaRef,
    /// Whether COPY takes it; `SHOW` and `EXPLAIN` it does not.
    by_copy: bool,
    options: ReadOptions,
}

impl Query {
    /// Asks the server what a query gives.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it gives no rows, or is several; else what the server says of it.
    pub fn prepare(client: &mut Client, sql: &str, options: ReadOptions) -> Result<Self> {
        let statement = client.inner.prepare(sql).map_err(|error| match error.as_db_error() {
            Some(said) if said.message().contains("multiple commands") => {
                Error::new(ErrorKind::Config, "these are several statements, and one is run at a time")
                    .hint("run them one by one")
            }
            _ => explain(DOING, &error),
        })?;
        if statement.columns().is_empty() && !gives_rows(sql) {
            return Err(Error::new(ErrorKind::Config, "this statement gives no rows")
                .hint("write one query that begins with SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN"));
        }
        let columns: Vec<ReadColumn> = statement
            .columns()
            .iter()
            .map(|column| ReadColumn::new(column.name(), column.type_(), column.type_modifier(), options.unbounded))
            .collect();
        let fields: Vec<_> = columns.iter().map(ReadColumn::field).collect();
        let by_copy =
            !matches!(first_word(sql).to_ascii_uppercase().as_str(), "SHOW" | "EXPLAIN" | "FETCH" | "EXECUTE" | "CALL");
        Ok(Self { sql: sql.to_owned(), columns, schema: Arc::new(Schema::new(fields)), by_copy, options })
    }

    /// The columns of its batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Runs it; `on_batch` gets the rows piece by piece, and an error of it ends the query. Nothing is called where there are
    /// no rows. Returns what was lost.
    ///
    /// # Errors
    /// What the server says, or what `on_batch` returned; [`ErrorKind::Data`] with the column, for a value that its batch cannot
    /// hold.
    pub fn run(&self, client: &mut Client, on_batch: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<Vec<Lost>> {
        if self.by_copy {
            return copy::run(self, client, on_batch);
        }
        self.run_as_text(client, on_batch)?;
        Ok(Vec::new())
    }

    /// COPY of the query, with what the server is to do with its columns.
    fn copy_sql(&self) -> String {
        // A comment at the end must not take the bracket with it.
        let inner = self.sql.trim().trim_end_matches(|last: char| last == ';' || last.is_whitespace());
        if self.columns.iter().all(|column| column.asked == Asked::Plain) {
            return format!("COPY ({inner}\n) TO STDOUT (FORMAT binary)");
        }
        // Names may come twice, or be empty.
        let names: Vec<String> = (0..self.columns.len()).map(|at| format!("c{at}")).collect();
        let selected: Vec<String> =
            self.columns.iter().zip(&names).map(|(column, name)| column.asked.sql(name)).collect();
        format!(
            "COPY (SELECT {} FROM ({inner}\n) AS q({})) TO STDOUT (FORMAT binary)",
            selected.join(", "),
            names.join(", ")
        )
    }

    /// What COPY does not take: its few rows, each value as text.
    fn run_as_text(&self, client: &mut Client, on_batch: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        use arrow::array::{ArrayRef, StringArray};
        let messages = client.inner.simple_query(&self.sql).map_err(|error| explain(DOING, &error))?;
        let rows: Vec<_> = messages
            .iter()
            .filter_map(|message| match message {
                postgres::SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .collect();
        let columns: Vec<ArrayRef> = (0..self.columns.len())
            .map(|at| Arc::new(rows.iter().map(|row| row.get(at)).collect::<StringArray>()) as ArrayRef)
            .zip(self.schema.fields())
            .map(|(texts, field)| arrow::compute::cast(&texts, field.data_type()))
            .collect::<Result<_, _>>()
            .map_err(|error| Error::new(ErrorKind::Internal, "a result cannot be read").because(error))?;
        if rows.is_empty() {
            return Ok(());
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| Error::new(ErrorKind::Internal, "a result cannot be read").because(error))?;
        on_batch(batch)
    }
}

/// What all of this is for, in messages.
const DOING: &str = "run the query";

/// `SELECT` without columns gives rows of none.
fn gives_rows(sql: &str) -> bool {
    matches!(first_word(sql).to_ascii_uppercase().as_str(), "SELECT" | "WITH" | "TABLE" | "VALUES" | "")
        && !sql.trim_matches(|c: char| c == ';' || c.is_whitespace()).is_empty()
}

fn first_word(sql: &str) -> &str {
    let mut rest = sql.trim_start_matches(|first: char| first == '(' || first == ';' || first.is_whitespace());
    // Comments may come first.
    loop {
        let after = match rest {
            line if line.starts_with("--") => line.split_once('\n').map_or("", |(_, after)| after),
            block if block.starts_with("/*") => block.split_once("*/").map_or("", |(_, after)| after),
            _ => break,
        };
        rest = after.trim_start_matches(|first: char| first == '(' || first.is_whitespace());
    }
    rest.split(|next: char| !next.is_ascii_alphabetic()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word() {
        assert_eq!(first_word(" -- x\n /* y */ (Select 1)"), "Select");
        assert_eq!(first_word("explain analyze"), "explain");
        assert_eq!(first_word(""), "");
        assert!(!gives_rows(" ; ") && gives_rows("SELECT"));
    }
}
