//! Record batches as a source.

use dlt_engine::source::{ArrowChunk, Chunk, ExtractContext, Reader, Resource, Source, TableHints};
use dlt_engine::{Error, ErrorKind, RecordBatch, Result};
use std::sync::Arc;

/// A source of one table from an iterator of record batches: columns stay columns, nested ones become what their JSON
/// would.
///
/// The iterator is pulled while the run goes on and never collected. It can be read once: a second run of the same value
/// is an error.
pub fn batches<I>(table: impl Into<String>, items: I) -> Batches<I::IntoIter>
where
    I: IntoIterator<Item = RecordBatch>,
    I::IntoIter: Send + 'static,
{
    Batches {
        schema: "rows".to_owned(),
        table: table.into(),
        hints: TableHints::default(),
        items: Some(items.into_iter()),
    }
}

/// See [`batches`].
#[derive(Clone, Debug)]
pub struct Batches<I> {
    schema: String,
    table: String,
    hints: TableHints,
    items: Option<I>,
}

impl<I> Batches<I> {
    /// Sets the name of the schema; default `rows`. A pipeline gives its own name here.
    #[must_use]
    pub fn named(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Sets what is known of the table beforehand: write disposition, primary key, types.
    #[must_use]
    pub fn with_hints(mut self, hints: TableHints) -> Self {
        self.hints = hints;
        self
    }
}

impl<I: Iterator<Item = RecordBatch> + Send + 'static> Source for Batches<I> {
    fn name(&self) -> &str {
        &self.schema
    }

    fn identity(&self) -> String {
        let hints = serde_json::to_string(&self.hints).unwrap_or_default();
        format!("batches of {} with {hints}", self.table)
    }

    fn is_replayable(&self) -> bool {
        false
    }

    fn resources(&mut self, _context: &ExtractContext) -> Result<Vec<Resource>> {
        let items = self.items.take().ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("the batches of `{}` were read already", self.table))
                .hint("an iterator can be read once: make the batches anew for every run")
        })?;
        let reader = BatchReader { items, input: format!("<batches of {}>", self.table).into(), rows: 0 };
        Ok(vec![Resource::new(&self.table, reader).with_hints(self.hints.clone())])
    }
}

struct BatchReader<I> {
    items: I,
    input: Arc<str>,
    rows: u64,
}

impl<I: Iterator<Item = RecordBatch> + Send> Reader for BatchReader<I> {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let Some(batch) = self.items.next() else { return Ok(None) };
        let first_row = self.rows + 1;
        self.rows += batch.num_rows() as u64;
        Ok(Some(Chunk::Arrow(ArrowChunk { batch, input: Arc::clone(&self.input), first_row })))
    }
}
