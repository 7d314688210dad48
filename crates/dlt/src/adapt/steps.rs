//! Rows that go through a function on their way.

use dlt_engine::source::{ArrowChunk, Chunk, JsonChunk, Reader};
use dlt_engine::{Error, ErrorKind, RecordBatch, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::items::{Item, Rewritten, each_item, unfit};

/// The rows that `change` makes of each row.
pub(super) fn changed<T, U, I>(
    reader: Box<dyn Reader>,
    change: impl Fn(T) -> Option<I> + Send + 'static,
) -> Box<dyn Reader>
where
    T: DeserializeOwned,
    U: Serialize,
    I: IntoIterator<Item = U>,
{
    let step = move |chunk: &JsonChunk, item: &Item<'_>, out: &mut Rewritten| {
        for row in change(row_of(chunk, item)?).into_iter().flatten() {
            out.add(item.line, &json_of(chunk, item, &row)?);
        }
        Ok(())
    };
    Box::new(Stepped { reader, step })
}

/// The rows that `keep` returns true for.
pub(super) fn filtered<T: DeserializeOwned>(
    reader: Box<dyn Reader>,
    keep: impl Fn(&T) -> bool + Send + 'static,
) -> Box<dyn Reader> {
    let step = move |chunk: &JsonChunk, item: &Item<'_>, out: &mut Rewritten| {
        if keep(&row_of(chunk, item)?) {
            out.add(item.line, item.text.as_bytes());
        }
        Ok(())
    };
    Box::new(Stepped { reader, step })
}

/// A row as the step takes it.
pub(super) fn row_of<T: DeserializeOwned>(chunk: &JsonChunk, item: &Item<'_>) -> Result<T> {
    serde_json::from_str(item.text).map_err(|cause| unfit(chunk, item.line, &cause))
}

/// A row that a step has made.
pub(super) fn json_of(chunk: &JsonChunk, item: &Item<'_>, row: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(row).map_err(|cause| {
        Error::new(ErrorKind::Data, "what a step made of the row cannot be written as JSON")
            .at(&*chunk.input, Some(item.line))
            .because(cause)
    })
}

struct Stepped<F> {
    reader: Box<dyn Reader>,
    step: F,
}

impl<F> Reader for Stepped<F>
where
    F: Fn(&JsonChunk, &Item<'_>, &mut Rewritten) -> Result<()> + Send,
{
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let chunk = match self.reader.next_chunk()? {
            None => return Ok(None),
            Some(Chunk::Arrow(chunk)) => return Err(in_columns(&chunk, "add_batch_map")),
            Some(Chunk::Json(chunk)) => chunk,
        };
        let mut out = Rewritten::new(&chunk);
        let broken = each_item(&chunk, |item| (self.step)(&chunk, item, &mut out).map(|()| true))?;
        if let Some(broken) = &broken {
            out.add_rest(&chunk, broken);
        }
        Ok(Some(Chunk::Json(out.into_chunk(chunk))))
    }
}

/// The rows came in columns, and a step wants them one by one.
pub(super) fn in_columns(chunk: &ArrowChunk, instead: &str) -> Error {
    Error::new(ErrorKind::Config, "the step takes rows of JSON, and these rows come in columns")
        .at(&*chunk.input, None)
        .hint(format!("use {instead} for CSV, Parquet and record batches"))
}

/// The columns that `change` makes of each piece.
pub(super) fn changed_columns(
    reader: Box<dyn Reader>,
    change: impl Fn(RecordBatch) -> Result<RecordBatch> + Send + 'static,
) -> Box<dyn Reader> {
    Box::new(Columns { reader, change })
}

struct Columns<F> {
    reader: Box<dyn Reader>,
    change: F,
}

impl<F: Fn(RecordBatch) -> Result<RecordBatch> + Send> Reader for Columns<F> {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        Ok(match self.reader.next_chunk()? {
            None => None,
            Some(Chunk::Json(chunk)) => {
                let error = Error::new(ErrorKind::Config, "the step takes columns, and these rows are JSON");
                return Err(error.at(&*chunk.input, None).hint("use add_map or add_filter for JSON"));
            }
            Some(Chunk::Arrow(chunk)) => {
                let ArrowChunk { batch, input, first_row } = chunk;
                Some(Chunk::Arrow(ArrowChunk { batch: (self.change)(batch)?, input, first_row }))
            }
        })
    }
}
