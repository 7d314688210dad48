//! Rows of a database as Arrow batches.
//!
//! A column has one type, and databases with types of their own per value (SQLite) or with values that their type has no
//! room for (zero dates) give others all the same. Such a row goes into a batch of its own kind, in which the column has the
//! type of the value: the engine then puts it into the column if nothing is lost by that, else beside it.

use crate::parse;
use crate::table::{Kind, SqlColumn};
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, NullArray,
    StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use dlt_engine::{Error, ErrorKind, JSON_EXTENSION, RecordBatch, Result};
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes of a batch, about.
const BATCH_BYTES: usize = 8 << 20;

/// A value as a database gives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Int(i64),
    UInt(u64),
    Double(f64),
    /// Text, which may spell what the column holds.
    Text(Cow<'a, str>),
    Binary(&'a [u8]),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    /// Digits and sign; only from [`fitted`].
    Decimal(i128),
    /// Only from [`fitted`].
    Bool(bool),
}

/// The type that a value has in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// That of the column.
    Own,
    Int,
    UInt,
    Double,
    Text,
    Binary,
    Date,
    Time,
    Timestamp,
}

/// The value in the form of a column, or in its own.
fn fitted(kind: Kind, cell: Cell<'_>) -> (Slot, Cell<'_>) {
    let own = |cell| (Slot::Own, cell);
    match (kind, cell) {
        (_, Cell::Null) => own(Cell::Null),
        (Kind::Bool, Cell::Int(value @ (0 | 1))) => own(Cell::Bool(value == 1)),
        (Kind::Int, cell @ Cell::Int(_)) => own(cell),
        (Kind::Int, Cell::UInt(value)) if i64::try_from(value).is_ok() => own(Cell::Int(value as i64)),
        (Kind::Double, cell @ Cell::Double(_)) => own(cell),
        (Kind::Double, Cell::Int(value)) if value.unsigned_abs() <= 1 << 53 => own(Cell::Double(value as f64)),
        (Kind::Decimal(precision, scale), cell @ (Cell::Int(_) | Cell::UInt(_) | Cell::Double(_) | Cell::Text(_))) => {
            let text = match &cell {
                Cell::Int(value) => Cow::Owned(value.to_string()),
                Cell::UInt(value) => Cow::Owned(value.to_string()),
                // A zero with a sign is no decimal.
                Cell::Double(value) if *value == 0.0 && value.is_sign_negative() => Cow::Borrowed(""),
                Cell::Double(value) => Cow::Owned(value.to_string()),
                Cell::Text(text) => Cow::Borrowed(text.as_ref()),
                _ => Cow::Borrowed(""),
            };
            match parse::decimal(&text, precision, scale) {
                Some(value) => own(Cell::Decimal(value)),
                None => by_itself(cell),
            }
        }
        (Kind::Text, cell @ Cell::Text(_)) | (Kind::Binary, cell @ Cell::Binary(_)) => own(cell),
        (Kind::Date, cell @ Cell::Date(_)) | (Kind::Time, cell @ Cell::Time(_)) => own(cell),
        (Kind::Timestamp | Kind::Instant, cell @ Cell::Timestamp(_)) => own(cell),
        (Kind::Date, Cell::Text(text)) => match parse::date(&text) {
            Some(days) => own(Cell::Date(days)),
            None => by_itself(Cell::Text(text)),
        },
        (Kind::Time, Cell::Text(text)) => match parse::time(&text) {
            Some(micros) => own(Cell::Time(micros)),
            None => by_itself(Cell::Text(text)),
        },
        (Kind::Timestamp | Kind::Instant, Cell::Text(text)) => match parse::timestamp(&text) {
            Some(micros) => own(Cell::Timestamp(micros)),
            None => by_itself(Cell::Text(text)),
        },
        (Kind::Json, Cell::Text(text)) if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() => {
            own(Cell::Text(parse::compact_json(&text).into()))
        }
        (_, cell) => by_itself(cell),
    }
}

fn by_itself(cell: Cell<'_>) -> (Slot, Cell<'_>) {
    let slot = match &cell {
        Cell::Null | Cell::Decimal(_) | Cell::Bool(_) => Slot::Own,
        Cell::Int(_) => Slot::Int,
        Cell::UInt(_) => Slot::UInt,
        Cell::Double(_) => Slot::Double,
        Cell::Text(_) => Slot::Text,
        Cell::Binary(_) => Slot::Binary,
        Cell::Date(_) => Slot::Date,
        Cell::Time(_) => Slot::Time,
        Cell::Timestamp(_) => Slot::Timestamp,
    };
    (slot, cell)
}

fn kind_of(slot: Slot, own: Kind) -> Kind {
    match slot {
        Slot::Own => own,
        Slot::Int => Kind::Int,
        Slot::UInt => Kind::Given,
        Slot::Double => Kind::Double,
        Slot::Text => Kind::Text,
        Slot::Binary => Kind::Binary,
        Slot::Date => Kind::Date,
        Slot::Time => Kind::Time,
        Slot::Timestamp => Kind::Timestamp,
    }
}

/// Gathers rows.
pub(crate) struct Rows {
    names: Vec<String>,
    kinds: Vec<Kind>,
    chunk_size: usize,
    keeps_order: bool,
    groups: Vec<Group>,
    /// Rows and bytes that wait.
    rows: usize,
    bytes: usize,
    has_given: bool,
}

struct Group {
    slots: Vec<Slot>,
    columns: Vec<Builder>,
    rows: usize,
}

impl Rows {
    /// `keeps_order`: whether rows must come out in the order in which they come in.
    pub(crate) fn new(columns: &[SqlColumn], chunk_size: usize, keeps_order: bool) -> Self {
        Self {
            names: columns.iter().map(|column| column.name.clone()).collect(),
            kinds: columns.iter().map(|column| column.kind).collect(),
            chunk_size: chunk_size.max(1),
            keeps_order,
            groups: Vec::new(),
            rows: 0,
            bytes: 0,
            has_given: false,
        }
    }

    /// Adds a row; `true` if a batch should be taken before the next one.
    pub(crate) fn push(&mut self, row: &mut [Cell<'_>]) -> bool {
        let mut slots = [Slot::Own; 64];
        let mut many = Vec::new();
        let slots = if row.len() <= 64 { &mut slots[..row.len()] } else {
            many.resize(row.len(), Slot::Own);
            &mut many[..]
        };
        for ((cell, kind), slot) in row.iter_mut().zip(&mut self.kinds).zip(slots.iter_mut()) {
            let (found, fitted) = fitted(*kind, std::mem::replace(cell, Cell::Null));
            // The first value shows what a column without a type holds.
            *slot = match (*kind, found) {
                (Kind::Any, Slot::Own) => Slot::Own,
                (Kind::Any, first) => {
                    *kind = kind_of(first, Kind::Any);
                    Slot::Own
                }
                (_, found) => found,
            };
            self.bytes += match &fitted {
                Cell::Text(text) => text.len(),
                Cell::Binary(bytes) => bytes.len(),
                _ => 8,
            };
            *cell = fitted;
        }
        let at = match self.groups.iter().rposition(|group| group.slots == *slots) {
            Some(at) if !self.keeps_order || at + 1 == self.groups.len() => at,
            _ => {
                self.groups.push(Group { slots: slots.to_vec(), columns: Vec::new(), rows: 0 });
                self.groups.len() - 1
            }
        };
        let group = &mut self.groups[at];
        if group.columns.is_empty() {
            let kinds = group.slots.iter().zip(&self.kinds);
            group.columns = kinds.map(|(slot, own)| Builder::new(*slot, *own)).collect();
        }
        for ((builder, cell), (slot, own)) in
            group.columns.iter_mut().zip(row.iter()).zip(group.slots.iter().zip(&self.kinds))
        {
            builder.become_typed(*slot, *own, group.rows);
            builder.push(cell);
        }
        group.rows += 1;
        self.rows += 1;
        self.rows >= self.chunk_size || self.bytes >= BATCH_BYTES
    }

    /// What has been gathered. `is_last`: that nothing comes any more; a table without rows then gives its columns.
    pub(crate) fn take(&mut self, is_last: bool) -> Result<Vec<RecordBatch>> {
        (self.rows, self.bytes) = (0, 0);
        let mut batches = Vec::new();
        for group in std::mem::take(&mut self.groups) {
            batches.push(self.batch(&group.slots, group.columns)?);
        }
        if batches.is_empty() && is_last && !self.has_given {
            let slots = vec![Slot::Own; self.kinds.len()];
            let columns = self.kinds.iter().map(|kind| Builder::new(Slot::Own, *kind)).collect();
            batches.push(self.batch(&slots, columns)?);
        }
        self.has_given |= !batches.is_empty();
        Ok(batches)
    }

    fn batch(&self, slots: &[Slot], columns: Vec<Builder>) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = columns.into_iter().map(Builder::finish).collect();
        let fields = self.names.iter().zip(&columns).zip(self.kinds.iter().zip(slots));
        let fields = fields.map(|((name, array), (kind, slot))| {
            let field = Field::new(name, array.data_type().clone(), true);
            match (kind, slot) {
                (Kind::Json, Slot::Own) => {
                    let (key, word) = JSON_EXTENSION;
                    field.with_metadata([(key.to_owned(), word.to_owned())].into())
                }
                _ => field,
            }
        });
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new(schema, columns)
            .map_err(|cause| Error::new(ErrorKind::Internal, "rows do not make a batch").because(cause))
    }
}

enum Builder {
    /// Nothing but nulls, so many.
    Nulls(usize),
    Bool(BooleanBuilder),
    Int(Int64Builder),
    UInt(UInt64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl Builder {
    fn new(slot: Slot, own: Kind) -> Self {
        if slot == Slot::UInt {
            return Self::UInt(UInt64Builder::new());
        }
        match kind_of(slot, own) {
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Decimal(precision, scale) => {
                let data_type = DataType::Decimal128(precision.clamp(1, 38), scale.min(38) as i8);
                Self::Decimal(Decimal128Builder::new().with_data_type(data_type))
            }
            Kind::Text | Kind::Json => Self::Text(StringBuilder::new()),
            Kind::Binary => Self::Binary(BinaryBuilder::new()),
            Kind::Date => Self::Date(Date32Builder::new()),
            Kind::Time => Self::Time(Time64MicrosecondBuilder::new()),
            Kind::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            Kind::Instant => Self::Timestamp(
                TimestampMicrosecondBuilder::new()
                    .with_data_type(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
            ),
            Kind::Any | Kind::Given => Self::Nulls(0),
        }
    }

    /// A column of nulls becomes one of values when its first one shows the type.
    fn become_typed(&mut self, slot: Slot, own: Kind, rows: usize) {
        if let (Self::Nulls(_), true) = (&*self, !matches!(own, Kind::Any) || slot != Slot::Own) {
            *self = Self::new(slot, own);
            for _ in 0..rows {
                self.push(&Cell::Null);
            }
        }
    }

    fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Nulls(count), _) => *count += 1,
            (Self::Bool(builder), Cell::Bool(value)) => builder.append_value(*value),
            (Self::Bool(builder), _) => builder.append_null(),
            (Self::Int(builder), Cell::Int(value)) => builder.append_value(*value),
            (Self::Int(builder), _) => builder.append_null(),
            (Self::UInt(builder), Cell::UInt(value)) => builder.append_value(*value),
            (Self::UInt(builder), _) => builder.append_null(),
            (Self::Double(builder), Cell::Double(value)) => builder.append_value(*value),
            (Self::Double(builder), _) => builder.append_null(),
            (Self::Decimal(builder), Cell::Decimal(value)) => builder.append_value(*value),
            (Self::Decimal(builder), _) => builder.append_null(),
            (Self::Text(builder), Cell::Text(value)) => builder.append_value(value),
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Binary(builder), Cell::Binary(value)) => builder.append_value(value),
            (Self::Binary(builder), _) => builder.append_null(),
            (Self::Date(builder), Cell::Date(value)) => builder.append_value(*value),
            (Self::Date(builder), _) => builder.append_null(),
            (Self::Time(builder), Cell::Time(value)) => builder.append_value(*value),
            (Self::Time(builder), _) => builder.append_null(),
            (Self::Timestamp(builder), Cell::Timestamp(value)) => builder.append_value(*value),
            (Self::Timestamp(builder), _) => builder.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Nulls(count) => Arc::new(NullArray::new(count)),
            Self::Bool(mut builder) => Arc::new(builder.finish()),
            Self::Int(mut builder) => Arc::new(builder.finish()),
            Self::UInt(mut builder) => Arc::new(builder.finish()),
            Self::Double(mut builder) => Arc::new(builder.finish()),
            Self::Decimal(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Binary(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) => Arc::new(builder.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn types(batch: &RecordBatch) -> Vec<String> {
        batch.schema().fields().iter().map(|field| field.data_type().to_string()).collect()
    }

    #[test]
    fn values_of_other_types_make_batches_of_their_own() {
        let columns = [SqlColumn::new("i", Kind::Int), SqlColumn::new("a", Kind::Any)];
        for (keeps_order, expected) in [(false, vec![2, 1]), (true, vec![1, 1, 1])] {
            let mut rows = Rows::new(&columns, 100, keeps_order);
            rows.push(&mut [Cell::Int(1), Cell::Null]);
            rows.push(&mut [Cell::Text("x".into()), Cell::Double(1.5)]);
            rows.push(&mut [Cell::Int(2), Cell::Double(2.5)]);
            let batches = rows.take(true).unwrap();
            assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), expected);
            assert_eq!(types(&batches[1]), ["Utf8", "Float64"]);
        }
    }

    #[test]
    fn a_table_without_rows_gives_its_columns_once() {
        let mut rows = Rows::new(&[SqlColumn::new("d", Kind::Decimal(10, 2))], 100, false);
        assert!(rows.take(false).unwrap().is_empty());
        let batches = rows.take(true).unwrap();
        assert_eq!((batches.len(), batches[0].num_rows(), types(&batches[0])), (1, 0, vec!["Decimal128(10, 2)".into()]));
        assert!(rows.take(true).unwrap().is_empty());
    }

    #[test]
    fn batches_end_by_rows_and_by_bytes() {
        let mut rows = Rows::new(&[SqlColumn::new("t", Kind::Text)], 2, false);
        assert!(!rows.push(&mut [Cell::Null]));
        assert!(rows.push(&mut [Cell::Text("x".into())]));
        let mut rows = Rows::new(&[SqlColumn::new("t", Kind::Text)], 1000, false);
        assert!(rows.push(&mut [Cell::Text("x".repeat(BATCH_BYTES).into())]));
    }

    #[test]
    fn values_take_the_form_of_their_column() {
        for (kind, cell, expected) in [
            (Kind::Bool, Cell::Int(1), (Slot::Own, Cell::Bool(true))),
            (Kind::Bool, Cell::Int(5), (Slot::Int, Cell::Int(5))),
            (Kind::Int, Cell::UInt(7), (Slot::Own, Cell::Int(7))),
            (Kind::Int, Cell::UInt(u64::MAX), (Slot::UInt, Cell::UInt(u64::MAX))),
            (Kind::Decimal(10, 2), Cell::Double(1.1), (Slot::Own, Cell::Decimal(110))),
            (Kind::Decimal(10, 2), Cell::Double(1.239), (Slot::Double, Cell::Double(1.239))),
            (Kind::Decimal(10, 2), Cell::Text("x".into()), (Slot::Text, Cell::Text("x".into()))),
            (Kind::Date, Cell::Text("0000-00-00".into()), (Slot::Text, Cell::Text("0000-00-00".into()))),
            (Kind::Date, Cell::Text("1970-01-02".into()), (Slot::Own, Cell::Date(1))),
            (Kind::Json, Cell::Text("{\"a\":1}".into()), (Slot::Own, Cell::Text("{\"a\":1}".into()))),
            (Kind::Json, Cell::Text("{a".into()), (Slot::Text, Cell::Text("{a".into()))),
        ] {
            assert_eq!(fitted(kind, cell.clone()), expected, "{kind:?} {cell:?}");
        }
    }
}
