//! Rust values as a source: an iterator of anything serialisable, written as JSON lines while it is pulled.

use dlt_engine::incremental::Incremental;
use dlt_engine::source::{Chunk, ExtractContext, JsonChunk, Reader, Resource, Source, TableHints};
use dlt_engine::{Error, ErrorKind, Result};
use serde::Serialize;
use std::sync::Arc;

/// Bytes after which a piece is handed over; a piece ends with the row that reaches it.
const CHUNK_BYTES: usize = 4 << 20;

/// A source of one table from an iterator of serialisable values.
///
/// The iterator is pulled while the run goes on and never collected. It can be read once: a second run of the same
/// value is an error. Values that serialise to JSON objects become rows; anything else becomes a row with the one
/// column `value`; a value that serialises to `null` is no row.
///
/// ```
/// #[derive(serde::Serialize)]
/// struct User {
///     id: u32,
///     name: &'static str,
/// }
/// let source = dlt_sources::rows("users", [User { id: 1, name: "Alice" }, User { id: 2, name: "Bob" }]);
/// # let _ = source;
/// ```
pub fn rows<I>(table: impl Into<String>, items: I) -> Rows<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Serialize,
    I::IntoIter: Send + 'static,
{
    Rows {
        schema: "rows".to_owned(),
        table: table.into(),
        hints: TableHints::default(),
        incremental: None,
        items: Some(items.into_iter()),
        chunk_bytes: CHUNK_BYTES,
    }
}

/// See [`rows`].
#[derive(Clone, Debug)]
pub struct Rows<I> {
    schema: String,
    table: String,
    hints: TableHints,
    incremental: Option<Incremental>,
    items: Option<I>,
    chunk_bytes: usize,
}

impl<I> Rows<I> {
    /// Sets the name of the schema; default `rows`. A pipeline gives its own name here.
    #[must_use]
    pub fn named(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Sets what is known of the table beforehand: write disposition, primary key, nesting, types.
    #[must_use]
    pub fn with_hints(mut self, hints: TableHints) -> Self {
        self.hints = hints;
        self
    }

    /// The hints, to change one of them.
    pub fn hints_mut(&mut self) -> &mut TableHints {
        &mut self.hints
    }

    /// Loads only rows that are new since the last run.
    ///
    /// ```
    /// use dlt_engine::incremental::Incremental;
    ///
    /// let orders = [serde_json::json!({"id": 1, "updated_at": "2024-01-02"})];
    /// let by_change = Incremental::new("updated_at").initial_value("2024-01-01");
    /// let source = dlt_sources::rows("orders", orders).incremental(by_change);
    /// # let _ = source;
    /// ```
    #[must_use]
    pub fn incremental(mut self, incremental: Incremental) -> Self {
        self.incremental = Some(incremental);
        self
    }

    /// Sets the bytes after which a piece is handed over to the engine; default 4 MiB.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = bytes.max(1);
        self
    }
}

impl<I> Source for Rows<I>
where
    I: Iterator + Send + 'static,
    I::Item: Serialize,
{
    fn name(&self) -> &str {
        &self.schema
    }

    fn identity(&self) -> String {
        let hints = serde_json::to_string(&self.hints).unwrap_or_default();
        match &self.incremental {
            Some(incremental) => format!("rows of {} with {hints} by {incremental:?}", self.table),
            None => format!("rows of {} with {hints}", self.table),
        }
    }

    fn is_replayable(&self) -> bool {
        false
    }

    fn resource_names(&mut self) -> Result<Option<Vec<String>>> {
        Ok(Some(vec![self.table.clone()]))
    }

    fn resources(&mut self, _context: &ExtractContext) -> Result<Vec<Resource>> {
        let items = self.items.take().ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("the rows of `{}` were read already", self.table))
                .hint("an iterator can be read once: make the rows anew for every run")
        })?;
        let reader = RowReader {
            items,
            input: format!("<rows of {}>", self.table).into(),
            row: 0,
            chunk_bytes: self.chunk_bytes,
            ended: false,
        };
        let resource = Resource::new(&self.table, reader).with_hints(self.hints.clone());
        Ok(vec![resource.with_incremental(self.incremental.clone())])
    }
}

struct RowReader<I> {
    items: I,
    input: Arc<str>,
    row: u64,
    chunk_bytes: usize,
    ended: bool,
}

impl<I> Reader for RowReader<I>
where
    I: Iterator + Send,
    I::Item: Serialize,
{
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        if self.ended {
            return Ok(None);
        }
        let first_line = self.row + 1;
        let mut bytes = Vec::new();
        while bytes.len() < self.chunk_bytes {
            let Some(item) = self.items.next() else {
                self.ended = true;
                break;
            };
            self.row += 1;
            serde_json::to_writer(&mut bytes, &item).map_err(|cause| {
                Error::new(ErrorKind::Data, "the row cannot be written as JSON")
                    .at(&*self.input, Some(self.row))
                    .because(cause)
            })?;
            bytes.push(b'\n');
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Chunk::Json(JsonChunk { bytes, input: Arc::clone(&self.input), first_line })))
    }
}
