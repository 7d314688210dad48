//! The result of a query, handed on piece by piece.

use crate::dialect::Dialect;
use crate::failure::explain_stream;
use arrow::array::RecordBatchReader;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_engine::Result;

/// What is done, for messages.
pub(crate) const DOING: &str = "run the query";

/// Who takes the pieces of a result.
pub(crate) type OnBatch<'a> = &'a mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>;

/// Hands on a result, which is one empty piece at least.
pub(crate) fn give(reader: Box<dyn RecordBatchReader + Send>, dialect: Dialect, on_batch: OnBatch<'_>) -> Result<()> {
    let schema = reader.schema();
    let mut is_empty = true;
    for batch in reader {
        let batch = batch.map_err(|error| explain_stream(DOING, &error, dialect))?;
        is_empty = false;
        on_batch(&schema, batch)?;
    }
    if is_empty {
        on_batch(&schema, RecordBatch::new_empty(schema.clone()))?;
    }
    Ok(())
}
