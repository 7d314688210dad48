//! Rows of a database as Arrow batches.
//!
//! A column has one type, and databases with types of their own per value (SQLite) or with values that their type has no
//! room for (zero dates) give others all the same. Such a row goes into a batch of its own kind, in which the column has the
//! type of the value: the engine then puts it into the column if nothing is lost by that, else beside it.

use crate::build::Builder;
use crate::fit::{Cell, Slot, fitted, kind_of};
use crate::table::{Kind, SqlColumn};
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema, SchemaRef};
use dlt_engine::{Error, ErrorKind, JSON_EXTENSION, NESTED_JSON, RecordBatch, Result};
use std::sync::Arc;

/// Bytes of a batch, about.
const BATCH_BYTES: usize = 8 << 20;

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
        let slots = if row.len() <= 64 {
            &mut slots[..row.len()]
        } else {
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
                (Kind::Json, Slot::Own) => marked(field, &[JSON_EXTENSION]),
                (Kind::NestedJson, Slot::Own) => marked(field, &[JSON_EXTENSION, NESTED_JSON]),
                _ => field,
            }
        });
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new(schema, columns)
            .map_err(|cause| Error::new(ErrorKind::Internal, "rows do not make a batch").because(cause))
    }
}

/// The field with what its texts mean.
pub(crate) fn marked(field: Field, marks: &[(&str, &str)]) -> Field {
    field.with_metadata(marks.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect())
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
        assert_eq!(
            (batches.len(), batches[0].num_rows(), types(&batches[0])),
            (1, 0, vec!["Decimal128(10, 2)".into()])
        );
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
}
