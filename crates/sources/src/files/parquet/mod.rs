//! Parquet files: rows as Arrow, nested ones too, with the types that the files give them.
//!
//! A few types are brought to a form that all files of a table share: see [`Plan`].

mod bytes;
mod footer;
mod leaves;
mod nanos;
mod plan;

pub(crate) use plan::Plan;

use super::open::Place;
use arrow::array::ArrayRef;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use bytes::Bytes;
use dlt_engine::source::{ArrowChunk, Chunk, Reader};
use dlt_engine::{Error, ErrorKind, Result};
use footer::Footer;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use std::sync::Arc;

/// A batch has about this many bytes …
const BATCH_BYTES: u64 = 8 << 20;
/// … and at most this many rows.
const BATCH_ROWS: u64 = 64 << 10;

/// Reads one file.
pub(crate) struct ParquetReader {
    name: Arc<str>,
    batches: ParquetRecordBatchReader,
    /// The columns as they are handed over.
    schema: SchemaRef,
    /// Of the next row, from 1.
    row: u64,
    /// A file without rows still gives its columns, once.
    is_empty: bool,
}

impl ParquetReader {
    /// Opens the file.
    pub(crate) fn open(place: &Place, plan: &Plan) -> Result<Self> {
        let footer = Footer::read(place, Bytes::open(place)?)?;
        let schema = plan.schema(&footer);
        let (name, rows) = (footer.name.clone(), footer.rows());
        let batch_rows = BATCH_BYTES.saturating_mul(rows.max(1)) / footer.bytes().max(1);
        let batches = plan
            .builder(footer)?
            .with_batch_size(batch_rows.clamp(256, BATCH_ROWS) as usize)
            .build()
            .map_err(|cause| footer::damaged(&name, cause))?;
        Ok(Self { name, batches, schema, row: 1, is_empty: rows == 0 })
    }

    fn chunk(&mut self, batch: RecordBatch) -> Chunk {
        let first_row = self.row;
        self.row += batch.num_rows() as u64;
        Chunk::Arrow(ArrowChunk { batch, input: self.name.clone(), first_row })
    }

    /// The batch with the types of the plan.
    fn planned(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let columns = self.schema.fields().iter().zip(batch.columns());
        let column = |(field, array): (&Arc<arrow::datatypes::Field>, &ArrayRef)| {
            if array.data_type() == field.data_type() {
                return Ok(array.clone());
            }
            // The cause would quote the value.
            cast_with_options(array, field.data_type(), &options).map_err(|_| {
                let what = format!("column `{}` has a value that {} cannot hold", field.name(), field.data_type());
                Error::new(ErrorKind::Data, what)
                    .at(&*self.name, None)
                    .hint("write the column again with a type that all of its values fit")
            })
        };
        let columns = columns.map(column).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|cause| footer::damaged(&self.name, cause))
    }
}

impl Reader for ParquetReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        if std::mem::take(&mut self.is_empty) {
            let columns = RecordBatch::new_empty(self.schema.clone());
            return Ok(Some(self.chunk(columns)));
        }
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let batch = batch.map_err(|cause| footer::damaged(&self.name, cause))?;
        let batch = self.planned(&batch)?;
        Ok(Some(self.chunk(batch)))
    }
}
