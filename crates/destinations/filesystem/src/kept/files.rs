//! Data files of a table.

use super::names;
use super::values::{Form, converted};
use crate::encode::Stop;
use crate::encode::parquet::properties;
use crate::failure::failed;
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Store, StoreError, Writer};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Files that are written at the same time, where a table is divided.
const OPEN: usize = 128;

/// Bytes of a row group that are in memory before it is written, of all open files together.
const BYTES: usize = 64 << 20;

/// Where the rows of one piece of a table go.
pub(crate) struct Place<'a> {
    /// The table's folder.
    pub(crate) store: &'a Store,
    /// What names of files begin with: no other piece has the same.
    pub(crate) stem: &'a str,
    pub(crate) compression: Compression,
}

/// A file that was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// Its key below the table's folder.
    pub(crate) key: String,
    pub(crate) size: u64,
    /// The values of what the table is divided by, which all rows of the file have.
    pub(crate) values: Vec<Option<String>>,
    pub(crate) metadata: ParquetMetaData,
}

/// Writes rows into files of a table; `next` gives them batch by batch, and `None` at the end.
///
/// # Errors
/// [`ErrorKind::Data`] if the table has no room for a value; if the store fails, or what `next` returned.
pub(crate) fn write(
    place: &Place<'_>,
    form: &Form,
    mut next: impl FnMut() -> Result<Option<Vec<ArrayRef>>>,
) -> Result<Vec<Written>> {
    let mut files = DataFiles::new(place, form);
    while let Some(arrays) = next()? {
        files.add(&arrays)?;
    }
    files.finish()
}

/// Data files that are being written.
pub(crate) struct DataFiles<'a> {
    place: &'a Place<'a>,
    form: &'a Form,
    schema: SchemaRef,
    /// By the values of what the table is divided by.
    open: HashMap<Vec<Option<String>>, Open>,
    count: usize,
    written: Vec<Written>,
}

struct Open {
    key: String,
    writer: ArrowWriter<Shared>,
    object: Shared,
}

/// The object that is written: Parquet's writer tells its statistics only where it keeps what it writes to.
#[derive(Clone)]
struct Shared(Arc<Mutex<Writer>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> DataFiles<'a> {
    pub(crate) fn new(place: &'a Place<'a>, form: &'a Form) -> Self {
        let fields: Vec<_> = form.columns.iter().map(|column| column.field.clone()).collect();
        let schema = Arc::new(Schema::new(fields));
        Self { place, form, schema, open: HashMap::new(), count: 0, written: Vec::new() }
    }

    /// Adds rows, column by column.
    pub(crate) fn add(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let rows = arrays.first().map_or(0, |array| array.len());
        let form = self.form;
        for column in &form.columns {
            if form.required.contains(&column.at) && arrays[column.at].null_count() > 0 {
                let message =
                    format!("column `{}` of {} must have a value, and a row has none", column.field.name(), form.title);
                return Err(Error::new(ErrorKind::Data, message).hint("load into another dataset or table"));
            }
        }
        let kept = form
            .columns
            .iter()
            .map(|column| converted(&arrays[column.at], column.field.data_type(), &form.title, column.field.name()));
        let kept = kept.collect::<Result<Vec<_>>>()?;
        if form.divisions.is_empty() {
            return self.write(Vec::new(), rows, kept);
        }
        for (values, rows) in self.divided(arrays, rows)? {
            let taken = kept.iter().map(|array| take(array, &rows, None)).collect::<Result<Vec<_>, _>>();
            let taken =
                taken.map_err(|error| Error::new(ErrorKind::Internal, "rows cannot be divided").because(error))?;
            self.write(values, rows.len(), taken)?;
        }
        Ok(())
    }

    /// The rows of each value of what the table is divided by, in order of their first row.
    fn divided(&self, arrays: &[ArrayRef], rows: usize) -> Result<Vec<(Vec<Option<String>>, UInt32Array)>> {
        let mut texts = Vec::new();
        for division in &self.form.divisions {
            texts.push(match division.at.and_then(|at| arrays.get(at)) {
                Some(array) => (division.texts)(array)?,
                None => vec![None; rows],
            });
        }
        let mut groups: Vec<(Vec<Option<String>>, Vec<u32>)> = Vec::new();
        let mut known: HashMap<Vec<Option<String>>, usize> = HashMap::new();
        for row in 0..rows {
            let values: Vec<Option<String>> = texts.iter().map(|column| column[row].clone()).collect();
            let group = *known.entry(values).or_insert_with_key(|values| {
                groups.push((values.clone(), Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        Ok(groups.into_iter().map(|(values, rows)| (values, UInt32Array::from(rows))).collect())
    }

    fn write(&mut self, values: Vec<Option<String>>, rows: usize, arrays: Vec<ArrayRef>) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(|error| {
            Error::new(ErrorKind::Internal, "rows do not have the columns of their table").because(error)
        })?;
        if !self.open.contains_key(&values) {
            if self.open.len() >= OPEN {
                self.close_all()?;
            }
            let parts = self.form.divisions.iter().zip(&values).map(|(division, value)| {
                (division.name.as_str(), value.as_deref().map(|value| (division.label)(value)))
            });
            let folder = names::folder(parts);
            let number = if self.count == 0 { String::new() } else { format!("-{}", self.count) };
            self.count += 1;
            let key = format!("{}{folder}{}{number}.parquet", self.form.below, self.place.stem);
            let object = Shared(Arc::new(Mutex::new(self.place.store.writer(&key).map_err(failed)?)));
            let writer = ArrowWriter::try_new(
                object.clone(),
                Arc::clone(&self.schema),
                Some(properties(self.place.compression)),
            )
            .map_err(|error| stopped(&key, error.into()))?;
            self.open.insert(values.clone(), Open { key, writer, object });
        }
        if let Some(open) = self.open.get_mut(&values) {
            open.writer.write(&batch).map_err(|error| stopped(&open.key, error.into()))?;
        }
        let held: usize = self.open.values().map(|open| open.writer.in_progress_size()).sum();
        if held > BYTES {
            for open in self.open.values_mut() {
                open.writer.flush().map_err(|error| stopped(&open.key, error.into()))?;
            }
        }
        Ok(())
    }

    fn close_all(&mut self) -> Result<()> {
        for (values, open) in std::mem::take(&mut self.open) {
            let metadata = open.writer.close().map_err(|error| stopped(&open.key, error.into()))?;
            let object = Arc::into_inner(open.object.0)
                .ok_or_else(|| Error::new(ErrorKind::Internal, "a file is still being written"))?
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner);
            let size = object.written();
            object.finish().map_err(failed)?;
            self.written.push(Written { key: open.key, size, values, metadata });
        }
        Ok(())
    }

    /// Closes the files.
    pub(crate) fn finish(mut self) -> Result<Vec<Written>> {
        self.close_all()?;
        self.written.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(self.written)
    }
}

fn stopped(key: &str, stop: Stop) -> Error {
    match stop {
        Stop::Rows(error) => error,
        Stop::Place(error) => match StoreError::of_io(&error) {
            Some(store) => failed(store.clone()),
            None => Error::new(ErrorKind::Destination, format!("cannot write {key}")).because(error),
        },
    }
}
