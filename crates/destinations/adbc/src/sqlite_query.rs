//! Queries of SQLite.
//!
//! A column of a result has no type there, and the driver takes it from the rows that it reads first: where a column is
//! NULL for long, or its numbers begin to have decimals late, it fails in the middle. A result of more rows than are read at
//! first is therefore asked for its types, and read again with them.

use crate::dialect::quote;
use crate::failure::explain;
use crate::link::Link;
use crate::reads::Statement;
use crate::result::{DOING, OnBatch, give};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchReader};
use dlt_engine::Result;

/// Rows that the driver reads at once.
const BATCH_ROWS: (&str, &str) = ("adbc.sqlite.query.batch_rows", "16384");

pub(crate) fn run(link: &Link, statement: &Statement<'_>, on_batch: OnBatch<'_>) -> Result<()> {
    let mut reader = ask(link, statement.text)?;
    let schema = reader.schema();
    let first = reader.next();
    let second = if first.is_some() { reader.next() } else { None };
    let can_be_wrapped = matches!(statement.word.as_str(), "SELECT" | "WITH" | "VALUES");
    if second.is_some() && can_be_wrapped && schema.fields().len() < MAX_COLUMNS {
        drop((first, second, reader));
        let typed = typed(link, statement.text, &schema)?;
        let reader = ask(link, &typed)?;
        let schema = reader.schema();
        return give(Box::new(WithoutFirst { schema, reader, is_begun: false }), link.dialect(), on_batch);
    }
    let pieces = first.into_iter().chain(second).chain(reader);
    give(Box::new(Pieces { schema, pieces: Box::new(pieces) }), link.dialect(), on_batch)
}

/// Columns of a result that are asked for their types.
const MAX_COLUMNS: usize = 2_000;

fn ask(link: &Link, sql: &str) -> Result<Box<dyn RecordBatchReader + Send>> {
    link.stream(sql, &[BATCH_ROWS]).map_err(|error| explain(DOING, &error, link.dialect()))
}

/// The query with a row before its own whose values have the types of the columns, and with all values cast to these.
fn typed(link: &Link, sql: &str, schema: &SchemaRef) -> Result<String> {
    let places: Vec<String> = (0..schema.fields().len()).map(|at| format!("c{at}")).collect();
    // A comment may end the text. Rows keep their order where they are written down.
    let rows = format!("WITH _dlt_rows({}) AS MATERIALIZED ({sql}\n)", places.join(", "));
    let kinds = places.iter().map(|place| {
        format!("max(CASE typeof({place}) WHEN 'blob' THEN 3 WHEN 'text' THEN 2 WHEN 'real' THEN 1 ELSE 0 END)")
    });
    let asked = format!("{rows} SELECT {} FROM _dlt_rows", kinds.collect::<Vec<_>>().join(", "));
    let kinds = link.rows(DOING, &asked)?.into_iter().next().unwrap_or_default();
    let mut examples = Vec::with_capacity(places.len());
    let mut values = Vec::with_capacity(places.len());
    for ((place, kind), field) in places.iter().zip(kinds).zip(schema.fields()) {
        let (example, value) = match kind.as_deref() {
            Some("3") => ("x''", format!("CAST({place} AS BLOB)")),
            Some("2") => ("''", format!("CAST({place} AS TEXT)")),
            Some("1") => ("0.0", format!("CAST({place} AS REAL)")),
            _ => ("0", place.clone()),
        };
        examples.push(format!("{example} AS {}", quote(field.name())));
        values.push(value);
    }
    Ok(format!("{rows} SELECT {} UNION ALL SELECT {} FROM _dlt_rows", examples.join(", "), values.join(", ")))
}

struct Pieces {
    schema: SchemaRef,
    pieces: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
}

impl Iterator for Pieces {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pieces.next()
    }
}

impl RecordBatchReader for Pieces {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// A result without its first row.
struct WithoutFirst {
    schema: SchemaRef,
    reader: Box<dyn RecordBatchReader + Send>,
    is_begun: bool,
}

impl Iterator for WithoutFirst {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.reader.next()?;
        if std::mem::replace(&mut self.is_begun, true) {
            return Some(piece);
        }
        Some(piece.map(|piece| piece.slice(1, piece.num_rows().saturating_sub(1))))
    }
}

impl RecordBatchReader for WithoutFirst {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
