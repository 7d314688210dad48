//! Batches that a database gives itself, brought to the size that is wanted.

use crate::parse;
use crate::rows::marked;
use crate::session::Reading;
use crate::table::Kind;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, StringArray};
use arrow::compute::{concat_batches, filter_record_batch, not};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use dlt_engine::{Error, ErrorKind, JSON_EXTENSION, NESTED_JSON, RecordBatch, Result};
use std::sync::Arc;

/// Bytes of a batch, about.
const BATCH_BYTES: usize = 8 << 20;

/// Gathers small batches into larger ones. A batch of no rows is handed on only where nothing else came: it has the columns.
pub(crate) struct Gathered<'a> {
    wanted: &'a Reading,
    waiting: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    empty: Option<RecordBatch>,
    has_given: bool,
    has_ended: bool,
}

type Take<'a> = &'a mut dyn FnMut(RecordBatch) -> Result<bool>;

impl<'a> Gathered<'a> {
    pub(crate) fn new(wanted: &'a Reading) -> Self {
        Self { wanted, waiting: Vec::new(), rows: 0, bytes: 0, empty: None, has_given: false, has_ended: false }
    }

    /// Whether nobody wants more.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes one more batch; an error ends the reading, also where nobody wants more.
    pub(crate) fn push(&mut self, batch: RecordBatch, take: Take<'_>) -> Result<()> {
        if batch.num_rows() == 0 {
            self.empty.get_or_insert(batch);
            return Ok(());
        }
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.waiting.push(batch);
        if self.rows >= self.wanted.chunk_size || self.bytes >= BATCH_BYTES {
            self.give(take)?;
        }
        Ok(())
    }

    /// Hands over what waits.
    pub(crate) fn finish(&mut self, take: Take<'_>) -> Result<()> {
        self.give(take)?;
        match self.empty.take() {
            Some(empty) if !self.has_given => self.hand_over(empty, take),
            _ => Ok(()),
        }
    }

    fn give(&mut self, take: Take<'_>) -> Result<()> {
        (self.rows, self.bytes) = (0, 0);
        let waiting = std::mem::take(&mut self.waiting);
        let Some(first) = waiting.first() else { return Ok(()) };
        let whole = concat_batches(&first.schema(), &waiting).map_err(broken)?;
        let mut from = 0;
        while from < whole.num_rows() {
            let rows = self.wanted.chunk_size.min(whole.num_rows() - from);
            self.hand_over(whole.slice(from, rows), take)?;
            from += rows;
        }
        Ok(())
    }

    fn hand_over(&mut self, batch: RecordBatch, take: Take<'_>) -> Result<()> {
        for batch in typed(batch, self.wanted).map_err(broken)? {
            self.has_given = true;
            if !take(batch)? {
                self.has_ended = true;
                return Err(Error::new(ErrorKind::Source, "nobody reads on"));
            }
        }
        Ok(())
    }
}

fn broken(cause: ArrowError) -> Error {
    Error::new(ErrorKind::Internal, "batches of a database cannot be put together").because(cause)
}

/// The batch with its columns in the kinds that are wanted: names as written, times as moments where no zone is told, decimals
/// of any size as decimals. Rows of a decimal that is too long or too fine make a batch of their own, in which it is text.
fn typed(batch: RecordBatch, wanted: &Reading) -> Result<Vec<RecordBatch>, ArrowError> {
    let schema = batch.schema();
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    let mut fits: Option<BooleanArray> = None;
    let mut texts: Vec<(usize, ArrayRef)> = Vec::new();
    for (at, (field, array)) in schema.fields().iter().zip(batch.columns()).enumerate() {
        let column = wanted.columns.get(at);
        let name = column.map_or(field.name(), |column| &column.name);
        let array = match (column.map(|column| column.kind), field.data_type()) {
            (Some(Kind::Decimal(precision, scale)), DataType::Utf8) => {
                let (decimals, fitting) = decimals(array, precision, scale)?;
                if fitting.false_count() > 0 {
                    texts.push((at, array.clone()));
                    fits = Some(match fits {
                        Some(others) => arrow::compute::and(&others, &fitting)?,
                        None => fitting,
                    });
                }
                decimals
            }
            (Some(Kind::Json | Kind::NestedJson), DataType::Utf8) => {
                let texts = array.as_string::<i32>().iter();
                Arc::new(texts.map(|text| text.map(parse::compact_json)).collect::<StringArray>())
            }
            (Some(Kind::Instant), DataType::Timestamp(TimeUnit::Microsecond, None)) => {
                // A cast would want to know the zone; the numbers are the same.
                Arc::new(array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC"))
            }
            (Some(Kind::Decimal(precision, scale)), DataType::Decimal128(..)) => {
                arrow::compute::cast(array, &DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(0)))?
            }
            _ => array.clone(),
        };
        let made = Field::new(name, array.data_type().clone(), true);
        let field = match column.map(|column| column.kind) {
            Some(Kind::NestedJson) => marked(made, &[JSON_EXTENSION, NESTED_JSON]),
            _ => made.with_metadata(field.metadata().clone()),
        };
        fields.push(field);
        columns.push(array);
    }
    let build = |fields: Vec<Field>, columns: Vec<ArrayRef>| -> Result<RecordBatch, ArrowError> {
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        RecordBatch::try_new(schema, columns)
    };
    let Some(fits) = fits else { return Ok(vec![build(fields, columns)?]) };
    let fitting = filter_record_batch(&build(fields.clone(), columns.clone())?, &fits)?;
    for (at, text) in texts {
        fields[at] = fields[at].clone().with_data_type(DataType::Utf8);
        columns[at] = text;
    }
    let others = filter_record_batch(&build(fields, columns)?, &not(&fits)?)?;
    Ok([fitting, others].into_iter().filter(|batch| batch.num_rows() > 0).collect())
}

/// Texts as decimals, and which of them are some (or null).
fn decimals(texts: &ArrayRef, precision: u8, scale: u8) -> Result<(ArrayRef, BooleanArray), ArrowError> {
    let texts = texts.as_string::<i32>();
    let mut fits = Vec::with_capacity(texts.len());
    let values = texts.iter().map(|text| {
        let value = text.and_then(|text| parse::decimal(text, precision, scale));
        fits.push(text.is_none() || value.is_some());
        value
    });
    let values: Decimal128Array = values.collect();
    let values = values.with_precision_and_scale(precision, i8::try_from(scale).unwrap_or(0))?;
    Ok((Arc::new(values), BooleanArray::from(fits)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::table::SqlColumn;
    use arrow::array::Int64Array;
    use dlt_engine::Notices;

    fn reading(columns: Vec<SqlColumn>, chunk_size: usize) -> Reading {
        Reading {
            sql: String::new(),
            name: "t".into(),
            columns,
            chunk_size,
            keeps_order: false,
            notices: Notices::default(),
        }
    }

    fn ints(values: std::ops::Range<i64>) -> RecordBatch {
        let array: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
        RecordBatch::try_from_iter([("i", array)]).unwrap()
    }

    #[test]
    fn batches_have_the_size_that_is_wanted() {
        let wanted = reading(vec![SqlColumn::new("i", Kind::Int)], 5);
        let mut gathered = Gathered::new(&wanted);
        let mut sizes = Vec::new();
        let mut take = |batch: RecordBatch| {
            sizes.push(batch.num_rows());
            Ok(true)
        };
        gathered.push(ints(0..0), &mut take).unwrap();
        gathered.push(ints(0..3), &mut take).unwrap();
        gathered.push(ints(3..10), &mut take).unwrap();
        gathered.push(ints(10..11), &mut take).unwrap();
        gathered.finish(&mut take).unwrap();
        assert_eq!(sizes, [5, 5, 1]);
    }

    #[test]
    fn no_rows_give_the_columns_and_a_reader_may_leave() {
        let wanted = reading(vec![SqlColumn::new("i", Kind::Int)], 5);
        let mut gathered = Gathered::new(&wanted);
        let mut sizes = Vec::new();
        gathered.push(ints(0..0), &mut |_| Ok(true)).unwrap();
        gathered
            .finish(&mut |batch| {
                sizes.push(batch.num_rows());
                Ok(true)
            })
            .unwrap();
        assert_eq!(sizes, [0]);
        let mut gathered = Gathered::new(&wanted);
        assert!(gathered.push(ints(0..9), &mut |_| Ok(false)).is_err());
        assert!(gathered.has_ended());
    }

    #[test]
    fn decimals_that_do_not_fit_come_apart_as_text() {
        let array: ArrayRef = Arc::new(StringArray::from(vec![Some("1.5"), None, Some("0.00000000001"), Some("NaN")]));
        let batch = RecordBatch::try_from_iter([("d", array)]).unwrap();
        let wanted = reading(vec![SqlColumn::new("d", Kind::Decimal(38, 9))], 50);
        let batches = typed(batch, &wanted).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(batches[0].column(0).data_type(), &DataType::Decimal128(38, 9));
        assert_eq!(batches[1].column(0).data_type(), &DataType::Utf8);
    }
}
