//! New rows, from job files into a temporary table of the database.
//!
//! The driver takes a stream of record batches, in which every value has a form that the database keeps exactly; the casts
//! to the types of the columns are SQL's. One batch is in memory at a time.

use crate::dialect::{Dialect, quote};
use crate::exact;
use crate::link::Link;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatchReader, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType as ArrowType, Field, Float64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use dlt_engine::schema::{DataType, Table};
use dlt_engine::sql::Staged;
use dlt_engine::{Error, ErrorKind, Result};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows of a batch.
const BATCH_ROWS: usize = 2_048;

/// Makes the temporary table `name` of the rows of job files, and returns how they are read with the types of their columns.
///
/// # Errors
/// [`ErrorKind::Data`] for a value that the database has no form for; otherwise if a file or the database fails.
pub(crate) fn stage(link: &Link, table: &Table, files: &[PathBuf], name: &str) -> Result<Staged> {
    let dialect = link.dialect();
    let columns = columns(table, files)?;
    let position = position_name(&columns);
    let failure = Failure::default();
    let rows = JobRows::new(table, files, &columns, &position, dialect, &failure);
    let ingested = link.ingest(&format!("stage the new rows of table `{}`", table.name), name, Box::new(rows));
    if let Some(error) = failure.take() {
        return Err(error);
    }
    ingested?;
    let raw = dialect.temporary(name);
    let position = quote(&position);
    let relation = match dialect {
        Dialect::Sqlite => raw,
        Dialect::Postgres | Dialect::Ansi => {
            let mut selected = Vec::with_capacity(columns.len() + 1);
            for column in &columns {
                let quoted = quote(column);
                let wanted = dialect.sql_type(table, &table.columns[column.as_str()])?.unwrap_or_default();
                selected.push(format!("{} AS {quoted}", dialect.cast(&quoted, &wanted)));
            }
            selected.push(position.clone());
            format!("(SELECT {} FROM {raw})", selected.join(", "))
        }
    };
    Ok(Staged { relation, columns, position: vec![position] })
}

/// Columns that any of the files has, in the order of the table.
fn columns(table: &Table, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut found = std::collections::HashSet::new();
    for file in files {
        for field in open(file)?.schema().fields() {
            if table.columns.get(field.name().as_str()).and_then(|column| column.data_type).is_none() {
                let what = format!("a job file has the column `{}`, which table `{}` lacks", field.name(), table.name);
                return Err(Error::new(ErrorKind::Internal, what));
            }
            found.insert(field.name().clone());
        }
    }
    Ok(table.columns.keys().filter(|name| found.contains(*name)).cloned().collect())
}

/// A name for the number of a row that no column has.
fn position_name(columns: &[String]) -> String {
    let mut name = "_dlt_position".to_owned();
    while columns.iter().any(|column| column.eq_ignore_ascii_case(&name)) {
        name.push('_');
    }
    name
}

fn open(file: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let opened = File::open(file).map_err(|cause| Error::storage("read", file, cause))?;
    ParquetRecordBatchReaderBuilder::try_new(opened).map_err(|cause| unreadable(file).because(cause))
}

fn unreadable(file: &Path) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the job file {} cannot be read", file.display()))
}

/// Why the rows ended early: a driver that reads them tells only that they did.
#[derive(Clone, Default)]
struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, error: Error) -> ArrowError {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        ArrowError::ExternalError("the rows cannot be read".into())
    }
}

/// A column as it is staged.
struct Form {
    name: String,
    data_type: DataType,
    arrow_type: ArrowType,
    is_text: bool,
}

/// The rows of job files, with a number each.
struct JobRows {
    table: String,
    dialect: Dialect,
    forms: Vec<Form>,
    schema: SchemaRef,
    files: std::vec::IntoIter<PathBuf>,
    current: Option<(PathBuf, ParquetRecordBatchReader)>,
    position: i64,
    failure: Failure,
}

impl JobRows {
    fn new(
        table: &Table,
        files: &[PathBuf],
        columns: &[String],
        position: &str,
        dialect: Dialect,
        failure: &Failure,
    ) -> Self {
        let known = columns.iter().filter_map(|name| {
            let column = &table.columns[name.as_str()];
            let (data_type, arrow_type) = (column.data_type?, column.arrow_type()?);
            Some(Form { name: name.clone(), data_type, arrow_type, is_text: dialect.stages_as_text(data_type) })
        });
        let forms: Vec<Form> = known.collect();
        let mut fields: Vec<Field> = forms
            .iter()
            .map(|form| {
                let staged = if form.is_text { &ArrowType::Utf8 } else { &form.arrow_type };
                Field::new(&form.name, staged.clone(), true)
            })
            .collect();
        fields.push(Field::new(position, ArrowType::Int64, true));
        Self {
            table: table.name.clone(),
            dialect,
            forms,
            schema: Arc::new(Schema::new(fields)),
            files: Vec::from(files).into_iter(),
            current: None,
            position: 0,
            failure: failure.clone(),
        }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some((path, reader)) = &mut self.current {
                match reader.next() {
                    Some(Ok(batch)) => return self.staged(&batch).map(Some),
                    Some(Err(cause)) => return Err(unreadable(path).because(cause)),
                    None => self.current = None,
                }
            }
            let Some(path) = self.files.next() else { return Ok(None) };
            let reader = open(&path)?.with_batch_size(BATCH_ROWS).build();
            let reader = reader.map_err(|cause| unreadable(&path).because(cause))?;
            self.current = Some((path, reader));
        }
    }

    fn staged(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut arrays = Vec::with_capacity(self.forms.len() + 1);
        for (form, field) in self.forms.iter().zip(self.schema.fields()) {
            arrays.push(match batch.column_by_name(&form.name) {
                None => new_null_array(field.data_type(), rows),
                Some(values) => self.value(form, values)?,
            });
        }
        let first = self.position;
        self.position += i64::try_from(rows).unwrap_or(i64::MAX);
        arrays.push(Arc::new(Int64Array::from_iter_values(first..self.position)));
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|cause| Error::new(ErrorKind::Internal, "staged rows do not fit their columns").because(cause))
    }

    fn value(&self, form: &Form, values: &ArrayRef) -> Result<ArrayRef> {
        let failed = |cause: ArrowError| self.refused(form, "a value that has no exact text").because(cause);
        let values = match values.data_type() == &form.arrow_type {
            true => Arc::clone(values),
            false => cast(values, &form.arrow_type).map_err(failed)?,
        };
        if self.dialect == Dialect::Sqlite && form.data_type == DataType::Double {
            let has_nan = values.as_primitive::<Float64Type>().iter().flatten().any(f64::is_nan);
            if has_nan {
                return Err(self
                    .refused(form, "NaN, which SQLite would keep as NULL")
                    .hint("leave NaN out of the data, or declare the column as text"));
            }
        }
        if self.dialect == Dialect::Postgres && form.arrow_type == ArrowType::Utf8 {
            let has_nul = values.as_string::<i32>().value_data().contains(&0)
                && values.as_string::<i32>().iter().flatten().any(|text| text.contains('\0'));
            if has_nul {
                return Err(self
                    .refused(form, "text with the character U+0000, which PostgreSQL has not")
                    .hint("take the character out of the data, or declare the column as binary"));
            }
        }
        if form.is_text { exact::texts(&values).map_err(failed) } else { Ok(values) }
    }

    fn refused(&self, form: &Form, what: &str) -> Error {
        let what = format!("column `{}` of table `{}` has {what}", form.name, self.table);
        Error::new(ErrorKind::Data, what)
    }
}

impl Iterator for JobRows {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().map_err(|error| self.failure.keep(error)).transpose()
    }
}

impl RecordBatchReader for JobRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
