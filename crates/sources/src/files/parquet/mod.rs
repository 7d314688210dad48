//! Parquet files: flat rows as Arrow, rows with nested values as JSON, so that the engine splits them into tables.

mod known;
mod text;

pub(crate) use known::known_columns;

use super::columns::columns;
use super::open::open_file;
use arrow::datatypes::{DataType as ArrowType, Fields, Schema};
use arrow::json::writer::{LineDelimited, WriterBuilder};
use arrow::record_batch::RecordBatch;
use dlt_engine::source::{Chunk, JsonChunk, Reader};
use dlt_engine::{Error, ErrorKind, Result};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use text::ExactText;

/// A batch has about this many bytes …
const BATCH_BYTES: u64 = 8 << 20;
/// … and at most this many rows.
const BATCH_ROWS: u64 = 64 << 10;

/// Reads one file.
pub(crate) struct ParquetReader {
    name: Arc<str>,
    batches: ParquetRecordBatchReader,
    /// Indexes of the columns that are handed over.
    columns: Vec<usize>,
    is_nested: bool,
    row: u64,
}

impl ParquetReader {
    /// Opens the file; `None` if it is empty.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let name: Arc<str> = path.to_string_lossy().into();
        let Some(builder) = read_footer(path, &name)? else { return Ok(None) };
        let rows = builder.metadata().file_metadata().num_rows().max(1).unsigned_abs();
        let bytes: i64 = builder.metadata().row_groups().iter().map(|group| group.total_byte_size()).sum();
        let batch_rows = BATCH_BYTES.saturating_mul(rows) / bytes.max(1).unsigned_abs();
        let schema = Arc::clone(builder.schema());
        let columns = schema.fields().iter().enumerate();
        // A column that never holds a value has no type: it makes no column in the table.
        let columns = columns.filter(|(_, field)| *field.data_type() != ArrowType::Null).map(|(index, _)| index);
        let columns = columns.collect();
        let batches = builder
            .with_batch_size(batch_rows.clamp(256, BATCH_ROWS) as usize)
            .build()
            .map_err(|cause| damaged(&name, cause))?;
        Ok(Some(Self { name, batches, columns, is_nested: is_nested(&schema), row: 1 }))
    }

    /// Rows as JSON lines, null values left out.
    fn json(&mut self, batch: &RecordBatch) -> Result<Chunk> {
        let first_line = self.row;
        self.row += batch.num_rows() as u64;
        let mut writer =
            WriterBuilder::new().with_encoder_factory(Arc::new(ExactText)).build::<_, LineDelimited>(Vec::new());
        writer.write(batch).and_then(|()| writer.finish()).map_err(|cause| {
            Error::new(ErrorKind::Data, "the rows cannot be split into tables").at(&*self.name, None).because(cause)
        })?;
        Ok(Chunk::Json(JsonChunk { bytes: writer.into_inner(), input: self.name.clone(), first_line }))
    }
}

impl Reader for ParquetReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let batch = batch.and_then(|batch| batch.project(&self.columns)).map_err(|cause| damaged(&self.name, cause))?;
        if self.is_nested { self.json(&batch).map(Some) } else { Ok(Some(Chunk::Arrow(batch))) }
    }
}

fn read_footer(path: &Path, name: &Arc<str>) -> Result<Option<ParquetRecordBatchReaderBuilder<File>>> {
    let file = open_file(path)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0) {
        return Ok(None);
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|cause| damaged(name, cause))?;
    check_names(builder.schema().fields()).map_err(|what| {
        Error::new(ErrorKind::Data, what)
            .at(&**name, None)
            .hint("write the file again with another name for one of them, or without it")
    })?;
    Ok(Some(builder))
}

/// Columns that would meet in one name, also within structs: only the last of them would be left.
fn check_names(fields: &Fields) -> Result<(), String> {
    let with_values = fields.iter().filter(|field| *field.data_type() != ArrowType::Null);
    columns(with_values.map(|field| field.name().as_str()))?;
    fields.iter().try_for_each(|field| match field.data_type() {
        ArrowType::Struct(inner) => check_names(inner),
        ArrowType::List(item) | ArrowType::LargeList(item) | ArrowType::FixedSizeList(item, _) => {
            check_names(&Fields::from(vec![Arc::clone(item)]))
        }
        _ => Ok(()),
    })
}

fn damaged(name: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Data, "is damaged or no Parquet file")
        .at(name, None)
        .because(cause)
        .hint("fetch or write the file again")
}

fn is_nested(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| is_nested_type(field.data_type()))
}

fn is_nested_type(data_type: &ArrowType) -> bool {
    match data_type {
        ArrowType::Dictionary(_, values) => is_nested_type(values),
        ArrowType::RunEndEncoded(_, values) => is_nested_type(values.data_type()),
        other => other.is_nested(),
    }
}
