//! Delimited text: read once for the types of its columns, and once more for the rows.
//!
//! Types are those that all values of a column have, over all files of the table: no value is changed by its type, and
//! memory does not grow with the files.

mod dialect;
mod file;
mod flaws;
mod header;
mod kind;
mod layout;
mod quotes;
mod records;
mod said;
mod shape;
mod text;
mod values;

pub(crate) use file::CsvFile;
pub(crate) use said::files;

use super::date_format::Day;
use super::options::TextOptions;
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, RecordBatchOptions, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use dlt_engine::source::{ArrowChunk, Chunk, Reader};
use dlt_engine::{Notice, Result};
use kind::{Kind, parse_bigint, parse_bool, parse_double, parse_timestamp};
use records::Records;
use said::Said;
use std::collections::HashMap;
use std::sync::Arc;
use values::{ColumnKind, Seen, Values};

/// A batch ends with this many rows …
const BATCH_ROWS: usize = 64 << 10;
/// … or this many bytes of text.
const BATCH_BYTES: usize = 8 << 20;

/// The types of the columns of a table, by their names in the dataset: headers may spell them differently.
pub(crate) type Types = Arc<HashMap<String, ColumnKind>>;

/// Finds the types of the columns over all of the files. A column without any value has none.
pub(crate) fn infer_types<'a>(files: impl Iterator<Item = &'a mut CsvFile>, options: &TextOptions) -> Result<Types> {
    let values = Values::new(&options.csv);
    let mut types: HashMap<String, Seen> = HashMap::new();
    let mut said = Said::default();
    let mut record = csv::StringRecord::new();
    for file in files {
        let mut records = Records::new(file.clone())?;
        let names = records.names().keys.clone();
        let mut columns: Vec<Seen> =
            names.iter().map(|name| types.get(name).copied().unwrap_or_else(|| values.begin(name))).collect();
        while records.next(&mut record)? {
            for (column, field) in columns.iter_mut().zip(&record) {
                values.see(column, field);
            }
        }
        said.note(file.name(), &records, &options.csv, |column| columns[column].kind().is_some());
        file.keep_layout(records.layout().clone());
        types.extend(names.into_iter().zip(columns));
    }
    said.say(&options.notices);
    let known: Vec<&str> = types.keys().map(String::as_str).collect();
    let unknown: Vec<&str> = values.unknown_text_columns(&known).collect();
    if !unknown.is_empty() {
        let message = format!("there is no column `{}` to keep as text", unknown.join("`, `"));
        options.notices.say(Notice::new(message).hint("check `--text-columns` (`text_columns`)"));
    }
    Ok(Arc::new(types.into_iter().filter_map(|(name, seen)| seen.kind().map(|kind| (name, kind))).collect()))
}

/// Whether a text looks like a table of delimited fields.
pub(crate) fn looks_delimited(sample: &[u8], is_whole: bool, options: &TextOptions) -> bool {
    dialect::is_table(sample, is_whole, &options.csv)
}

/// Reads the rows of one file as Arrow.
pub(crate) struct CsvReader {
    records: Records,
    values: Values,
    columns: Vec<Option<ColumnBuilder>>,
    next_row: u64,
    ended: bool,
}

impl CsvReader {
    pub(crate) fn new(file: &CsvFile, types: &Types, options: &TextOptions) -> Result<Self> {
        let records = Records::new(file.clone())?;
        let names = &records.names().keys;
        let columns = names.iter().map(|name| types.get(name).map(|kind| ColumnBuilder::new(*kind))).collect();
        Ok(Self { records, values: Values::new(&options.csv), columns, next_row: 1, ended: false })
    }

    /// The columns as text, without a row: what is known of a file that has none.
    pub(crate) fn no_rows(&self) -> ArrowChunk {
        let names = self.records.names().names.iter();
        let fields: Vec<Field> = names.map(|name| Field::new(name, DataType::Utf8, true)).collect();
        let batch = RecordBatch::new_empty(Arc::new(Schema::new(fields)));
        ArrowChunk { batch, input: self.records.name(), first_row: 1 }
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
            // What a short row lacks is null.
            let fields = record.iter().chain(std::iter::repeat(""));
            for (column, field) in self.columns.iter_mut().zip(fields) {
                let is_null = self.values.is_null(field);
                let fits = match column {
                    Some(column) => column.append((!is_null).then_some(field), &self.values),
                    None => is_null,
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
        for (name, column) in self.records.names().names.iter().zip(&mut self.columns) {
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
    Date(Date32Builder),
    Moment(TimestampMicrosecondBuilder),
}

impl ColumnBuilder {
    fn new(kind: ColumnKind) -> Self {
        let moments = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
        match kind {
            ColumnKind::Plain(Kind::Bigint) => Self::Bigint(Int64Builder::new()),
            ColumnKind::Plain(Kind::Double) => Self::Double(Float64Builder::new()),
            ColumnKind::Plain(Kind::Bool) => Self::Bool(BooleanBuilder::new()),
            ColumnKind::Plain(Kind::Timestamp) => Self::Timestamp(moments()),
            ColumnKind::Plain(Kind::Text) => Self::Text(StringBuilder::new()),
            ColumnKind::Date => Self::Date(Date32Builder::new()),
            ColumnKind::Moment => Self::Moment(moments()),
        }
    }

    /// Adds a field or a null; `false` if it is not of the column's type.
    fn append(&mut self, field: Option<&str>, values: &Values) -> bool {
        macro_rules! append {
            ($builder:expr, $parse:expr) => {{
                let parsed = field.and_then($parse);
                $builder.append_option(parsed);
                parsed.is_some() == field.is_some()
            }};
        }
        match self {
            Self::Bigint(builder) => append!(builder, |field| parse_bigint(&values.number(field))),
            Self::Double(builder) => append!(builder, |field| parse_double(&values.number(field))),
            Self::Bool(builder) => append!(builder, parse_bool),
            Self::Timestamp(builder) => append!(builder, parse_timestamp),
            Self::Text(builder) => append!(builder, Some::<&str>),
            Self::Date(builder) => append!(builder, |field| match values.day(field) {
                Some(Day::Date(days)) => Some(days),
                _ => None,
            }),
            Self::Moment(builder) => append!(builder, |field| match values.day(field) {
                Some(Day::Moment(micros)) => Some(micros),
                _ => None,
            }),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bigint(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) | Self::Moment(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
        }
    }
}
