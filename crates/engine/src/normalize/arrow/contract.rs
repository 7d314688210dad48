//! What a contract does not let in of rows that come as Arrow.
//!
//! Columns are read one after the other, so that rows are only marked as left out; they go when all columns are there.

use super::nested::Element;
use super::{Item, Walk};
use crate::cells::{Cells, in_utc};
use crate::error::{Error, ErrorKind, Result};
use crate::normalize::breach::Refusal;
use crate::normalize::layout::{Layout, ROOT_TABLE};
use crate::schema::{DataType, Mode};
use crate::source::ArrowChunk;
use arrow::array::{Array as _, ArrayRef, StructArray};
use arrow::datatypes::Field;
use std::sync::Arc;

impl Walk<'_> {
    /// Leaves out the values of an array, or the rows that have them.
    pub(super) fn leave_out_values(
        &mut self,
        table: usize,
        item: &Item,
        name: &str,
        mode: Mode,
        types: Option<(DataType, DataType)>,
    ) -> Result<()> {
        let rows: Vec<usize> = item
            .places
            .iter()
            .filter(|(value, _)| item.array.is_valid(*value as usize))
            .map(|(_, row)| row as usize)
            .collect();
        for row in rows {
            let noted = self.layout.break_contract(table, name, mode, types);
            noted.map_err(|refusal| self.frozen(table, row, &refusal))?;
            self.settle_value(table, row);
        }
        Ok(())
    }

    /// Settles what was noted of one value.
    pub(super) fn settle_value(&mut self, table: usize, row: usize) {
        if self.layout.breaches.is_empty() {
            return;
        }
        if self.layout.tables[table].dropped.contains(&row) {
            self.layout.breaches.clear();
            return;
        }
        self.layout.left_out.at = self.layout.root_row(table, row) as u64;
        if self.layout.settle_breaches(&String::new) {
            self.layout.tables[table].dropped.insert(row);
        }
    }

    /// Leaves out the rows of a nested table that may not be made.
    pub(super) fn leave_out_list(&mut self, table: usize, node: usize, rows: &[Element]) -> Result<()> {
        let parent = self.layout.nodes[node].table;
        for row in rows {
            self.layout.left_out.at = self.layout.root_row(parent, row.parent) as u64;
            let noted = self.layout.leave_out_table(table, &mut std::iter::once(String::new()));
            noted.map_err(|refusal| self.frozen(parent, row.parent, &refusal))?;
        }
        Ok(())
    }

    /// The error for a row that a contract refuses.
    pub(super) fn frozen(&self, table: usize, row: usize, refusal: &Refusal) -> Error {
        let (what, hint) = refusal.told();
        let row = self.first_row + self.layout.root_row(table, row) as u64;
        Error::new(ErrorKind::Data, what).at(&*self.input, Some(row)).hint(hint)
    }
}

/// Leaves out all rows of a chunk whose table may not be made.
pub(super) fn leave_out(chunk: &ArrowChunk, layout: &mut Layout) -> Result<()> {
    for row in 0..chunk.batch.num_rows() as u64 {
        layout.left_out.at = row;
        let noted = layout.leave_out_table(ROOT_TABLE, &mut std::iter::once(String::new()));
        noted.map_err(|refusal| {
            let (what, hint) = refusal.told();
            Error::new(ErrorKind::Data, what).at(&*chunk.input, Some(chunk.first_row + row)).hint(hint)
        })?;
    }
    write_rejected(chunk, layout)
}

/// Adds their text and their numbers to the rows that are kept aside.
pub(super) fn write_rejected(chunk: &ArrowChunk, layout: &mut Layout) -> Result<()> {
    if layout.left_out.rows.is_empty() {
        return Ok(());
    }
    let rows: ArrayRef = Arc::new(StructArray::from(chunk.batch.clone()));
    let broken = |error| Error::new(ErrorKind::Data, "a row cannot be written as JSON").because(error);
    let rows = in_utc(&rows).map_err(broken)?;
    let field = Field::new("row", rows.data_type().clone(), false);
    let cells = Cells::new(&field, &rows).map_err(broken)?;
    for rejected in &mut layout.left_out.rows {
        let mut text = String::new();
        // A value that has no form as JSON leaves the row without its text, and not the run without its rows.
        let is_written = cells.write(rejected.at as usize, &mut text).is_some();
        rejected.row = if is_written { text } else { "{}".to_owned() };
        rejected.at += chunk.first_row;
    }
    Ok(())
}
