//! Delimited text: read once for the types of its columns, and once more for the rows.
//!
//! Types are those that all values of a column have, over all files of the table: no value is changed by its type, and
//! memory does not grow with the files.

mod kind;
mod quotes;
mod records;

pub(crate) use records::CsvFile;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, RecordBatchOptions, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use dlt_engine::Result;
use dlt_engine::source::{ArrowChunk, Chunk, Reader};
use kind::{Candidates, Kind, parse_bigint, parse_bool, parse_double, parse_timestamp};
use records::Records;
use std::collections::HashMap;
use std::sync::Arc;

/// A batch ends with this many rows …
const BATCH_ROWS: usize = 64 << 10;
/// … or this many bytes of text.
const BATCH_BYTES: usize = 8 << 20;

/// The types of the columns of a table, by their names in the dataset: headers may spell them differently.
pub(crate) type Types = Arc<HashMap<String, Kind>>;

/// Finds the types of the columns over all of the files. A column without any value has none.
pub(crate) fn infer_types<'a>(files: impl Iterator<Item = &'a CsvFile>) -> Result<Types> {
    let mut types: HashMap<String, Candidates> = HashMap::new();
    let mut record = csv::StringRecord::new();
    for file in files {
        let mut records = file.records()?;
        let mut columns: Vec<Candidates> =
            records.columns().iter().map(|name| types.get(name).copied().unwrap_or_default()).collect();
        while records.next(&mut record)? {
            for (column, value) in columns.iter_mut().zip(&record) {
                if !value.is_empty() {
                    column.see(value);
                }
            }
        }
        types.extend(records.columns().iter().cloned().zip(columns));
    }
    Ok(Arc::new(types.into_iter().filter_map(|(name, seen)| seen.kind().map(|kind| (name, kind))).collect()))
}

/// Reads the rows of one file as Arrow.
pub(crate) struct CsvReader {
    records: Records,
    columns: Vec<Option<ColumnBuilder>>,
    next_row: u64,
    ended: bool,
}

impl CsvReader {
    pub(crate) fn new(file: &CsvFile, types: &Types) -> Result<Self> {
        let records = file.records()?;
        let columns =
            records.columns().iter().map(|name| types.get(name).map(|kind| ColumnBuilder::new(*kind))).collect();
        Ok(Self { records, columns, next_row: 1, ended: false })
    }

    fn changed(&self, record: &csv::StringRecord) -> dlt_engine::Error {
        self.records
            .error("the file was changed while it was read", record.position())
            .hint("run again when nobody writes to it")
    }
}

impl Reader for CsvReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut record = csv::StringRecord::new();
        let (mut rows, mut bytes) = (0, 0);
        while !self.ended && rows < BATCH_ROWS && bytes < BATCH_BYTES {
            if !self.records.next(&mut record)? {
                self.ended = true;
                break;
            }
            rows += 1;
            bytes += record.as_slice().len();
            for (column, value) in self.columns.iter_mut().zip(&record) {
                let fits = match column {
                    Some(column) => column.append(value),
                    None => value.is_empty(),
                };
                if !fits {
                    return Err(self.changed(&record));
                }
            }
        }
        if rows == 0 {
            return Ok(None);
        }
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for (name, column) in self.records.header().iter().zip(&mut self.columns) {
            if let Some(column) = column {
                let array = column.finish();
                fields.push(Field::new(name, array.data_type().clone(), true));
                arrays.push(array);
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|cause| self.records.error("the columns do not fit together", None).because(cause))?;
        let first_row = self.next_row;
        self.next_row += rows as u64;
        Ok(Some(Chunk::Arrow(ArrowChunk { batch, input: self.records.name(), first_row })))
    }
}

enum ColumnBuilder {
    Bigint(Int64Builder),
    Double(Float64Builder),
    Bool(BooleanBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Text(StringBuilder),
}

impl ColumnBuilder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Bigint => Self::Bigint(Int64Builder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Kind::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// Adds a value, an empty one as null; `false` if it is not of the column's type.
    fn append(&mut self, value: &str) -> bool {
        macro_rules! append {
            ($builder:expr, $parse:expr) => {{
                let parsed = if value.is_empty() { None } else { $parse(value) };
                $builder.append_option(parsed);
                parsed.is_some() || value.is_empty()
            }};
        }
        match self {
            Self::Bigint(builder) => append!(builder, parse_bigint),
            Self::Double(builder) => append!(builder, parse_double),
            Self::Bool(builder) => append!(builder, parse_bool),
            Self::Timestamp(builder) => append!(builder, parse_timestamp),
            Self::Text(builder) => append!(builder, Some::<&str>),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bigint(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}
