//! Job files: rows wait until they fill a row group of the destination, then become one Parquet file.
//!
//! A file is written column by column, so that beside its rows only one column of them is there a second time, however
//! many there are. The files live for seconds and are read once, on this machine: values stand plain, without dictionary, statistics or
//! compression, which costs the least time on both sides. Only the load id, the same in every row, has a dictionary.

use super::rows::{Cells, Rows, no_values};
use crate::digest::Summing;
use crate::error::{Error, Result};
use crate::package::JobFile;
use crate::schema::column_names;
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema as ArrowSchema};
use indexmap::IndexMap;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, compute_leaves};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of a job file: half of one of DuckDB's row groups, so that its threads have the last ones to share.
const ROWS_A_FILE: usize = 61_440;
/// Of the memory, what may wait in all; with many tables none of them fills its file soon. The other half is for chunks
/// under way and for files that are being written.
const WAITING: (usize, usize) = (1, 2);
/// Of the memory, what the rows of one file may take: wide rows fill a file earlier.
const A_FILE: (usize, usize) = (3, 16);

#[derive(Default)]
struct Waiting {
    batches: Vec<Rows>,
    rows: usize,
    bytes: usize,
    files: usize,
}

/// Rows that wait for their file, by table.
pub(super) struct PendingRows {
    folder: PathBuf,
    memory: usize,
    tables: IndexMap<String, Waiting>,
    bytes: usize,
}

impl PendingRows {
    /// Rows that take about half of `memory` before they are written.
    pub(super) fn new(folder: PathBuf, memory: usize) -> Self {
        Self { folder, memory, tables: IndexMap::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, table: String, batch: Rows) {
        let waiting = self.tables.entry(table).or_default();
        let bytes = batch.memory_bytes();
        waiting.rows += batch.count;
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
        let a_file = self.memory / A_FILE.1 * A_FILE.0;
        let mut groups = self.take(|waiting| waiting.rows >= ROWS_A_FILE || waiting.bytes >= a_file);
        if self.bytes > self.memory / WAITING.1 * WAITING.0 {
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
    batches: Vec<Rows>,
}

impl RowGroup {
    /// Writes the file.
    pub(super) fn write(self) -> Result<JobFile> {
        let rows = self.batches.iter().map(|batch| batch.count as u64).sum();
        let file = File::create(&self.path).map_err(|error| Error::storage("create", &self.path, error))?;
        let sum = match write_columns(Summing::new(file), self.batches) {
            Ok(written) => written.checksum,
            Err(Stop::Parquet(error)) => return Err(Error::storage("write", &self.path, io_error(error))),
            Err(Stop::Column(error)) => return Err(error),
        };
        Ok(JobFile { table: self.table, name: self.name, rows, bytes: sum.length(), checksum: sum.text() })
    }
}

/// Why a file could not be written.
enum Stop {
    Parquet(ParquetError),
    Column(Error),
}

impl From<ParquetError> for Stop {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

fn io_error(error: ParquetError) -> std::io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast() {
            Ok(io) => *io,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_column_dictionary_enabled(ColumnPath::from(column_names::LOAD_ID), true)
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(None)
        .build()
}

/// Writes the rows as one row group; each column is let go when it is written.
fn write_columns(out: Summing<File>, batches: Vec<Rows>) -> std::result::Result<Summing<File>, Stop> {
    let fields = all_fields(&batches);
    let schema = Arc::new(ArrowSchema::new(fields.clone()));
    let writer = ArrowWriter::try_new(out, schema, Some(properties()))?;
    let (mut file, columns) = writer.into_serialized_writer()?;
    let mut batches: Vec<Batch> = batches.into_iter().map(Batch::from).collect();
    let mut group = file.next_row_group()?;
    for (field, mut column) in fields.iter().zip(columns.create_column_writers(0)?) {
        for batch in &mut batches {
            write_cells(&mut column, field, &batch.take(field).map_err(Stop::Column)?)?;
        }
        column.close()?.append_to_row_group(&mut group)?;
    }
    group.close()?;
    Ok(file.into_inner()?)
}

fn write_cells(
    column: &mut ArrowColumnWriter,
    field: &Field,
    array: &ArrayRef,
) -> std::result::Result<(), ParquetError> {
    for leaf in compute_leaves(field, array)? {
        column.write(&leaf)?;
    }
    Ok(())
}

/// Columns by name.
struct Batch {
    rows: usize,
    columns: HashMap<String, Cells>,
}

impl From<Rows> for Batch {
    fn from(rows: Rows) -> Self {
        let columns = rows.columns.into_iter().map(|(field, cells)| (field.name().clone(), cells)).collect();
        Self { rows: rows.count, columns }
    }
}

impl Batch {
    /// The column, null where there is none of that name; it is not kept.
    fn take(&mut self, field: &Field) -> Result<ArrayRef> {
        match self.columns.remove(field.name()) {
            Some(cells) => cells.array(self.rows),
            None => Ok(no_values(field.data_type(), self.rows)),
        }
    }
}

/// The columns of all batches, each where it came first.
fn all_fields(batches: &[Rows]) -> Vec<Arc<Field>> {
    let mut fields: IndexMap<&str, &Arc<Field>> = IndexMap::new();
    for (field, _) in batches.iter().flat_map(|batch| &batch.columns) {
        fields.entry(field.name()).or_insert(field);
    }
    fields.into_values().cloned().collect()
}
