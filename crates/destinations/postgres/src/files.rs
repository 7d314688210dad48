//! Job files, read batch by batch.

use arrow::record_batch::RecordBatch;
use dlt_engine::{Error, ErrorKind, Result};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Rows that are decoded at once, at most, and bytes of them.
const BATCH_ROWS: i64 = 4096;
const BATCH_BYTES: i64 = 8 << 20;

/// Names of the columns that at least one of the files has.
pub(crate) fn columns(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for file in files {
        for field in open(file)?.schema().fields() {
            if !names.contains(field.name()) {
                names.push(field.name().clone());
            }
        }
    }
    Ok(names)
}

/// The rows of all files, one after the other.
pub(crate) fn batches(files: &[PathBuf]) -> impl Iterator<Item = Result<RecordBatch>> + Send {
    let mut files = files.iter();
    let mut current: Option<(&PathBuf, ParquetRecordBatchReader)> = None;
    std::iter::from_fn(move || {
        loop {
            if let Some((file, reader)) = &mut current {
                match reader.next() {
                    Some(batch) => return Some(batch.map_err(|error| unreadable(file).because(error))),
                    None => current = None,
                }
            }
            let file = files.next()?;
            match reader(file) {
                Ok(reader) => current = Some((file, reader)),
                Err(error) => return Some(Err(error)),
            }
        }
    })
}

fn reader(path: &Path) -> Result<ParquetRecordBatchReader> {
    let builder = open(path)?;
    let groups = builder.metadata().row_groups().iter();
    // Of texts that are all the same a file holds one, and memory many: that is left to the limit of rows.
    let row_bytes = groups.map(|group| group.total_byte_size() / group.num_rows().max(1)).max().unwrap_or(0);
    // Between 1 and 4096.
    let rows = (BATCH_BYTES / row_bytes.max(1)).clamp(1, BATCH_ROWS) as usize;
    builder.with_batch_size(rows).build().map_err(|error| unreadable(path).because(error))
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|cause| Error::storage("read", path, cause))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(path).because(error))
}

fn unreadable(path: &Path) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the job file {} cannot be read", path.display()))
}
