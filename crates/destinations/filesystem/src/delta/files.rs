//! Data files of a table.

use super::action::Add;
use super::types::{Field, Shape, arrow_type, converted};
use super::{paths, stats};
use crate::encode::Stop;
use crate::encode::parquet::properties;
use crate::failure::failed;
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, Field as ArrowField, Schema, SchemaRef, TimestampMicrosecondType,
};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::array_value_to_string;
use dlt_engine::value::{date_text, time_text};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Store, StoreError, Writer};
use parquet::arrow::ArrowWriter;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Files that are written at the same time, where a table is divided.
const OPEN: usize = 128;

/// Bytes of a row group that are in memory before it is written, of all open files together.
const BYTES: usize = 64 << 20;

/// Where the rows of one piece of a table go.
pub(crate) struct Place<'a> {
    pub(crate) store: &'a Store,
    pub(crate) table: &'a str,
    /// What names of files begin with: no other piece has the same.
    pub(crate) stem: &'a str,
}

/// A column that goes into the files.
struct Kept {
    /// Which column of the batches it is.
    at: usize,
    kind: ArrowType,
}

/// Writes rows into files of a table; `next` gives them batch by batch, and `None` at the end.
///
/// # Errors
/// [`ErrorKind::Data`] if the table has no room for a value; if the store fails, or what `next` returned.
pub(crate) fn write(
    place: &Place<'_>,
    shape: &Shape,
    columns: &[String],
    mut next: impl FnMut() -> Result<Option<Vec<ArrayRef>>>,
) -> Result<Vec<Add>> {
    let mut files = DataFiles::new(place, shape, columns)?;
    while let Some(arrays) = next()? {
        files.add(&arrays)?;
    }
    files.finish()
}

/// Data files that are being written.
pub(crate) struct DataFiles<'a> {
    place: &'a Place<'a>,
    shape: &'a Shape,
    columns: &'a [String],
    kept: Vec<Kept>,
    fields: Vec<&'a Field>,
    schema: SchemaRef,
    /// By the values of the columns by which the table is divided.
    open: HashMap<Vec<Option<String>>, Open>,
    count: usize,
    adds: Vec<Add>,
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
    pub(crate) fn new(place: &'a Place<'a>, shape: &'a Shape, columns: &'a [String]) -> Result<Self> {
        let (mut kept, mut fields, mut arrow_fields) = (Vec::new(), Vec::new(), Vec::new());
        for (at, column) in columns.iter().enumerate() {
            let Some(field) = shape.field(column) else { continue };
            if shape.partition.contains(column) {
                continue;
            }
            let kind = arrow_type(field).ok_or_else(|| {
                Error::new(ErrorKind::Data, format!("column `{column}` of the Delta table `{}` is nested", place.table))
                    .hint("load into another table")
            })?;
            arrow_fields.push(ArrowField::new(column, kind.clone(), true));
            kept.push(Kept { at, kind });
            fields.push(field);
        }
        let schema = Arc::new(Schema::new(arrow_fields));
        Ok(Self { place, shape, columns, kept, fields, schema, open: HashMap::new(), count: 0, adds: Vec::new() })
    }

    /// Adds rows, column by column.
    pub(crate) fn add(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let rows = arrays.first().map_or(0, |array| array.len());
        for (column, array) in self.columns.iter().zip(arrays) {
            if array.null_count() > 0 && self.shape.field(column).is_some_and(|field| !field.nullable) {
                let message = format!(
                    "column `{column}` of the Delta table `{}` must have a value, and a row has none",
                    self.place.table
                );
                return Err(Error::new(ErrorKind::Data, message).hint("load into another dataset or table"));
            }
        }
        let kept = self
            .kept
            .iter()
            .map(|kept| converted(&arrays[kept.at], &kept.kind, self.place.table, &self.columns[kept.at]));
        let kept = kept.collect::<Result<Vec<_>>>()?;
        if self.shape.partition.is_empty() {
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

    /// The rows of each value of the columns by which the table is divided, in order of their first row.
    fn divided(&self, arrays: &[ArrayRef], rows: usize) -> Result<Vec<(Vec<Option<String>>, UInt32Array)>> {
        let mut texts = Vec::new();
        for name in &self.shape.partition {
            let at = self.columns.iter().position(|column| column == name);
            let array = at.and_then(|at| arrays.get(at));
            texts.push(match array {
                Some(array) => partition_texts(array, self.place.table, name, self.shape)?,
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
            let folder = paths::folder(&self.shape.partition, &values);
            let number = if self.count == 0 { String::new() } else { format!("-{}", self.count) };
            self.count += 1;
            let key = format!("{folder}{}{number}.parquet", self.place.stem);
            let object = Shared(Arc::new(Mutex::new(self.place.store.writer(&key).map_err(failed)?)));
            let writer = ArrowWriter::try_new(object.clone(), Arc::clone(&self.schema), Some(properties()))
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
            self.adds.push(Add {
                path: paths::encoded(&open.key),
                partition_values: self.shape.partition.iter().cloned().zip(values).collect(),
                size,
                modification_time: now_millis(),
                data_change: true,
                stats: Some(stats::of(&metadata, &self.fields)),
                ..Add::default()
            });
        }
        Ok(())
    }

    /// Closes the files.
    pub(crate) fn finish(mut self) -> Result<Vec<Add>> {
        self.close_all()?;
        self.adds.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(self.adds)
    }
}

/// Values of a column by which a table is divided, as the log writes them.
fn partition_texts(array: &ArrayRef, table: &str, column: &str, shape: &Shape) -> Result<Vec<Option<String>>> {
    let kind = shape.field(column).and_then(arrow_type).unwrap_or(ArrowType::Utf8);
    let array = converted(array, &kind, table, column)?;
    let text = |row: usize| -> Result<String> {
        Ok(match array.data_type() {
            ArrowType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
            ArrowType::Date32 => date_text(array.as_primitive::<Date32Type>().value(row)),
            ArrowType::Timestamp(..) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                let day = i32::try_from(micros.div_euclid(86_400_000_000)).unwrap_or(i32::MAX);
                let time = micros.rem_euclid(86_400_000_000);
                // Always with six decimals.
                let whole = time_text(time - time % 1_000_000);
                format!("{} {whole}.{:06}", date_text(day), time % 1_000_000)
            }
            ArrowType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
            _ => array_value_to_string(&array, row)
                .map_err(|error| Error::new(ErrorKind::Internal, "a value cannot be written as text").because(error))?,
        })
    };
    (0..array.len()).map(|row| if array.is_null(row) { Ok(None) } else { text(row).map(Some) }).collect()
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

pub(super) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
