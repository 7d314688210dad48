//! Job files become files of the dataset.

mod cells;
mod csv;
mod jsonl;
pub(crate) mod parquet;

use crate::settings::FileFormat;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType as ArrowType;
use dlt_engine::schema::{Column, Table};
use dlt_engine::{Error, ErrorKind, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Rows that are in memory at once.
const ROWS: usize = 8_192;

/// Why rows could not be written: reading them, or the place where they go.
pub(crate) enum Stop {
    Rows(Error),
    Place(std::io::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Rows(error)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Place(error)
    }
}

/// Writes all rows of job files of a table, with all columns of the table; `out` is flushed and not closed.
pub(crate) fn write(
    format: FileFormat,
    is_compressed: bool,
    table: &Table,
    files: &[PathBuf],
    out: &mut (dyn Write + Send),
) -> Result<(), Stop> {
    let rows = Rows::new(table, files);
    match format {
        FileFormat::Parquet => parquet::write(rows, out),
        text if is_compressed => {
            let mut out = GzEncoder::new(BufWriter::with_capacity(1 << 16, out), Compression::new(4));
            write_text(text, rows, &mut out)?;
            Ok(out.finish()?.flush()?)
        }
        text => {
            let mut out = BufWriter::with_capacity(1 << 16, out);
            write_text(text, rows, &mut out)?;
            Ok(out.flush()?)
        }
    }
}

fn write_text(format: FileFormat, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), Stop> {
    match format {
        FileFormat::Csv => csv::write(rows, out),
        _ => jsonl::write(rows, out),
    }
}

/// Rows of a job file.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if it is no Parquet file.
pub(crate) fn row_count(file: &Path) -> Result<u64> {
    let rows = open(file)?.metadata().file_metadata().num_rows();
    Ok(u64::try_from(rows).unwrap_or(0))
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|error| Error::storage("read", path, error))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the job file {} cannot be read", path.display())).because(cause)
}

/// Rows of several job files, batch by batch, each with all columns of the table in its order and types.
pub(crate) struct Rows<'a> {
    pub(crate) columns: Vec<(&'a Column, ArrowType)>,
    files: std::slice::Iter<'a, PathBuf>,
    open: Option<(&'a Path, ::parquet::arrow::arrow_reader::ParquetRecordBatchReader)>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(table: &'a Table, files: &'a [PathBuf]) -> Self {
        let columns = table.complete_columns().filter_map(|(column, _)| Some((column, column.arrow_type()?)));
        Self { columns: columns.collect(), files: files.iter(), open: None }
    }

    /// The next rows, with their count.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Vec<ArrayRef>)>> {
        loop {
            if let Some((path, reader)) = &mut self.open {
                match reader.next() {
                    Some(Ok(batch)) => {
                        let arrays =
                            self.columns.iter().map(|(column, wanted)| match batch.column_by_name(&column.name) {
                                None => Ok(new_null_array(wanted, batch.num_rows())),
                                Some(array) if array.data_type() == wanted => Ok(array.clone()),
                                Some(array) => {
                                    arrow::compute::cast(array, wanted).map_err(|error| unreadable(path, error))
                                }
                            });
                        return Ok(Some((batch.num_rows(), arrays.collect::<Result<_>>()?)));
                    }
                    Some(Err(error)) => return Err(unreadable(path, error)),
                    None => self.open = None,
                }
            }
            let Some(path) = self.files.next() else { return Ok(None) };
            let reader = open(path)?.with_batch_size(ROWS).build().map_err(|error| unreadable(path, error))?;
            self.open = Some((path, reader));
        }
    }
}
