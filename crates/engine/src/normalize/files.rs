//! Job files: rows wait until they fill a row group of the destination, then become one Parquet file.
//!
//! The files live for seconds and are read once, on this machine: values stand plain, without dictionary, statistics or
//! compression, which costs the least time on both sides. Only the load id, the same in every row, has a dictionary.

use crate::error::{Error, ErrorKind, Result};
use crate::package::JobFile;
use crate::schema::column_names;
use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::{Field, Schema as ArrowSchema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use indexmap::IndexMap;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of a job file: the size of DuckDB's row groups, so that one reader fills one of them.
const ROWS_A_FILE: usize = 122_880;
/// Wide rows fill a file earlier.
const BYTES_A_FILE: usize = 48 << 20;
/// Bytes that may wait in all; with many tables none of them fills its file soon.
const BYTES_WAITING: usize = 128 << 20;

#[derive(Default)]
struct Waiting {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    files: usize,
}

/// Rows that wait for their file, by table.
pub(super) struct PendingRows {
    folder: PathBuf,
    tables: IndexMap<String, Waiting>,
    bytes: usize,
}

impl PendingRows {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, tables: IndexMap::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, table: String, batch: RecordBatch) {
        let waiting = self.tables.entry(table).or_default();
        let bytes = batch.get_array_memory_size();
        waiting.rows += batch.num_rows();
        waiting.bytes += bytes;
        self.bytes += bytes;
        waiting.batches.push(batch);
    }

    #[cfg(test)]
    pub(super) fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    /// Groups that are large enough; the largest others too where too much waits in all.
    pub(super) fn full_groups(&mut self) -> Vec<RowGroup> {
        let mut groups = self.take(|waiting| waiting.rows >= ROWS_A_FILE || waiting.bytes >= BYTES_A_FILE);
        if self.bytes > BYTES_WAITING {
            // The upper half of them: one at a time would mean to come back with every chunk.
            let mut sizes: Vec<usize> =
                self.tables.values().map(|waiting| waiting.bytes).filter(|bytes| *bytes > 0).collect();
            sizes.sort_unstable();
            let middle = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
            groups.extend(self.take(|waiting| waiting.rows > 0 && waiting.bytes >= middle));
        }
        groups
    }

    /// Everything.
    pub(super) fn all_groups(&mut self) -> Vec<RowGroup> {
        self.take(|waiting| waiting.rows > 0)
    }

    fn take(&mut self, is_due: impl Fn(&Waiting) -> bool) -> Vec<RowGroup> {
        let mut groups = Vec::new();
        for (at, (table, waiting)) in self.tables.iter_mut().enumerate().filter(|(_, (_, waiting))| is_due(waiting)) {
            // By number: the name of a table may be longer than that of a file.
            let name = format!("{at:05}.{:06}.parquet", waiting.files);
            waiting.files += 1;
            self.bytes -= waiting.bytes;
            (waiting.rows, waiting.bytes) = (0, 0);
            let batches = std::mem::take(&mut waiting.batches);
            groups.push(RowGroup { table: table.clone(), path: self.folder.join(&name), name, batches });
        }
        groups
    }
}

/// Rows of one table that become one file.
pub(super) struct RowGroup {
    table: String,
    name: String,
    path: PathBuf,
    batches: Vec<RecordBatch>,
}

impl RowGroup {
    /// Writes the file.
    pub(super) fn write(self) -> Result<JobFile> {
        let broken = |error| {
            let error: std::io::Error = match error {
                parquet::errors::ParquetError::External(inner) => match inner.downcast() {
                    Ok(io) => *io,
                    Err(other) => std::io::Error::other(other),
                },
                other => std::io::Error::other(other),
            };
            Error::storage("write", &self.path, error)
        };
        let schema = all_columns(&self.batches);
        let file = File::create(&self.path).map_err(|error| Error::storage("create", &self.path, error))?;
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_column_dictionary_enabled(ColumnPath::from(column_names::LOAD_ID), true)
            .set_compression(Compression::UNCOMPRESSED)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_max_row_group_row_count(None)
            .build();
        let mut writer = ArrowWriter::try_new(&file, schema.clone(), Some(properties)).map_err(broken)?;
        let mut rows = 0;
        for batch in &self.batches {
            rows += batch.num_rows() as u64;
            writer.write(&widen(batch, &schema)?).map_err(broken)?;
        }
        writer.close().map_err(broken)?;
        let bytes = file.metadata().map_err(|error| Error::storage("read", &self.path, error))?.len();
        Ok(JobFile { table: self.table, name: self.name, rows, bytes })
    }
}

/// The columns of all batches, each where it came first.
fn all_columns(batches: &[RecordBatch]) -> SchemaRef {
    let mut fields: IndexMap<String, Arc<Field>> = IndexMap::new();
    for field in batches.iter().flat_map(|batch| batch.schema_ref().fields()) {
        fields.entry(field.name().clone()).or_insert_with(|| field.clone());
    }
    Arc::new(ArrowSchema::new(fields.into_values().collect::<Vec<_>>()))
}

/// The batch with all columns of `schema`, null where it has none.
fn widen(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let column = |field: &Arc<Field>| -> ArrayRef {
        match batch.column_by_name(field.name()) {
            Some(array) => array.clone(),
            None => new_null_array(field.data_type(), batch.num_rows()),
        }
    };
    let columns = schema.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|error| Error::new(ErrorKind::Internal, "rows of one table do not match").because(error))
}
