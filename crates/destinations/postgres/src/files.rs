//! Job files, read batch by batch.

use arrow::record_batch::RecordBatch;
use dlt_engine::{Error, ErrorKind, Result};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 4096;

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
pub(crate) fn batches(files: &[PathBuf]) -> impl Iterator<Item = Result<RecordBatch>> + Send + use<> {
    let mut files = files.to_vec().into_iter();
    let mut current: Option<(PathBuf, ParquetRecordBatchReader)> = None;
    std::iter::from_fn(move || {
        loop {
            if let Some((file, reader)) = &mut current {
                match reader.next() {
                    Some(batch) => return Some(batch.map_err(|error| unreadable(file).because(error))),
                    None => current = None,
                }
            }
            let file = files.next()?;
            match reader(&file) {
                Ok(reader) => current = Some((file, reader)),
                Err(error) => return Some(Err(error)),
            }
        }
    })
}

fn reader(path: &Path) -> Result<ParquetRecordBatchReader> {
    open(path)?.with_batch_size(BATCH_ROWS).build().map_err(|error| unreadable(path).because(error))
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|cause| Error::storage("read", path, cause))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(path).because(error))
}

fn unreadable(path: &Path) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the job file {} cannot be read", path.display()))
}
