//! Rows that come as Arrow, nested ones too: names are brought to the contract's, types are kept.
//!
//! The walk is that of the slow path, a column at a time instead of a row: fields of structs and keys of maps become
//! columns of the same table, lists become nested tables, and each goes through the same nodes and slots of the
//! [`Layout`], so that rows in columns and the same rows as JSON make the same tables. A value keeps the type that its
//! array has; nothing is looked for in texts. Arrays whose type is the column's are passed on whole.

mod contract;
mod leaf;
mod nested;
mod places;
#[cfg(test)]
mod tests;
mod types;

use super::digests::no_form;
use super::layout::{Layout, NONE, ROOT_NODE, ROOT_TABLE};
use super::names::Placed;
use super::rows::ReadyColumns;
use crate::cells::{Cells, in_utc, is_nested_json};
use crate::error::{Error, ErrorKind, Result};
use crate::json::write_text;
use crate::schema::{Column, DataType};
use crate::source::{ArrowChunk, JsonChunk};
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType as ArrowType, FieldRef};
use arrow::record_batch::RecordBatch;
use contract::{leave_out, write_rejected};
use nested::{Shape, entries, fields, lists, shape, shaped};
use places::Places;
use std::collections::HashSet;
use std::sync::Arc;

/// A column of the input, at some depth.
#[derive(Clone)]
struct Item {
    key: String,
    /// Names from the row down, for messages.
    path: String,
    field: FieldRef,
    array: ArrayRef,
    places: Places,
}

impl Item {
    fn has_values(&self) -> bool {
        self.array.null_count() < self.array.len()
    }

    /// The error for something in this column.
    fn refuse(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Data, format!("column `{}` {what}", self.path))
    }

    fn broken(&self, cause: arrow::error::ArrowError) -> Error {
        self.refuse("cannot be read").because(cause)
    }
}

/// Columns of one table and what is nested in it, each with its node and slot.
#[derive(Default)]
struct Flat {
    /// Scalars, and nested values that are not split any further.
    values: Placed<Item>,
    lists: Placed<Item>,
}

/// What is known while one batch is read.
struct Walk<'a> {
    layout: &'a mut Layout,
    ready: ReadyColumns,
    first_row: u64,
    input: Arc<str>,
}

/// Adds the rows to the tables; returns the columns that can be passed on as they are.
pub(super) fn read_batch(chunk: &ArrowChunk, layout: &mut Layout) -> Result<ReadyColumns> {
    let batch = &chunk.batch;
    if layout.tables[ROOT_TABLE].is_barred {
        return leave_out(chunk, layout).map(|()| ReadyColumns::new());
    }
    layout.tables[ROOT_TABLE].rows = batch.num_rows();
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let items = columns.map(|(field, array)| Item {
        key: field.name().clone(),
        path: field.name().clone(),
        field: field.clone(),
        array: array.clone(),
        places: Places::All(batch.num_rows()),
    });
    let items = items.collect();
    digest_rows(chunk, layout)?;
    let mut walk = Walk { layout, ready: ReadyColumns::new(), first_row: chunk.first_row, input: chunk.input.clone() };
    match walk.add_rows(ROOT_NODE, items) {
        Ok(()) => {
            let ready = walk.ready;
            write_rejected(chunk, layout)?;
            Ok(ready)
        }
        Err(error) if error.location().is_none() => Err(error.at(&*chunk.input, None)),
        Err(error) => Err(error),
    }
}

/// The rows as a JSON object a line, if a column holds JSON that is to be taken apart: then they are read as such.
pub(super) fn unfolded(chunk: &ArrowChunk) -> Result<Option<JsonChunk>> {
    if !chunk.batch.schema_ref().fields().iter().any(|field| is_nested_json(field)) {
        return Ok(None);
    }
    let broken = || Error::new(ErrorKind::Data, "a row has no form as JSON").at(&*chunk.input, None);
    let mut lines = String::new();
    with_texts(&chunk.batch, |text| {
        for row in 0..chunk.batch.num_rows() {
            text(row, &mut lines).ok_or_else(broken)?;
            lines.push('\n');
        }
        Ok(())
    })
    .map_err(|cause| broken().because(cause))??;
    let first_line = chunk.first_row;
    Ok(Some(JsonChunk { bytes: lines.into_bytes(), input: chunk.input.clone(), first_line }))
}

/// Notes the rows, where their ids are digests of them.
fn digest_rows(chunk: &ArrowChunk, layout: &mut Layout) -> Result<()> {
    if !layout.digests_rows() {
        return Ok(());
    }
    with_texts(&chunk.batch, |text| {
        layout.digest_rows(chunk.batch.num_rows(), text).map_err(|error| error.at(&*chunk.input, None))
    })
    .map_err(|cause| no_form().because(cause).at(&*chunk.input, None))?
}

/// Does something with what writes a row as a JSON object, or says that the row has no such form.
fn with_texts<T>(
    batch: &RecordBatch,
    act: impl FnOnce(&dyn Fn(usize, &mut String) -> Option<()>) -> T,
) -> std::result::Result<T, arrow::error::ArrowError> {
    let arrays = batch.columns().iter().map(in_utc).collect::<std::result::Result<Vec<_>, _>>()?;
    let fields = batch.schema_ref().fields().iter().zip(&arrays);
    let fields: Vec<_> =
        fields.map(|(field, array)| field.as_ref().clone().with_data_type(array.data_type().clone())).collect();
    let columns =
        fields.iter().zip(&arrays).map(|(field, array)| Ok((field.name().as_str(), Cells::new(field, array)?)));
    let columns = columns.collect::<std::result::Result<Vec<_>, arrow::error::ArrowError>>()?;
    let text = |row: usize, out: &mut String| {
        out.push('{');
        for (at, (name, cells)) in columns.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_text(name, out);
            out.push(':');
            cells.write(row, out)?;
        }
        out.push('}');
        Some(())
    };
    Ok(act(&text))
}

impl Walk<'_> {
    /// Adds the columns of rows that were begun.
    fn add_rows(&mut self, node: usize, items: Vec<Item>) -> Result<()> {
        let Flat { values, lists } = self.flatten(node, items)?;
        let table = self.layout.nodes[node].table;
        self.layout.takes_all_columns = self.layout.tables[table].takes_all_columns();
        for (node, slot, item) in values.into_values() {
            match shape(item.array.data_type()) {
                Shape::Scalar => self.add_values(node, slot, &item)?,
                _ => self.add_json(node, slot, &item)?,
            }
        }
        let level = self.layout.nodes[node].level;
        self.layout.ensure_system_columns(self.layout.nodes[node].table);
        lists.into_values().try_for_each(|(node, slot, item)| self.add_list(node, slot, level, &item))
    }

    /// Takes structs and maps apart. They come after what stands beside them, the last one first, and lists after all: that
    /// is the order in which columns are found in JSON.
    fn flatten(&mut self, node: usize, items: Vec<Item>) -> Result<Flat> {
        let mut flat = Flat::default();
        let mut pending = vec![(node, items)];
        while let Some((node, items)) = pending.pop() {
            let keys: HashSet<String> =
                items.iter().filter(|item| item.has_values()).map(|item| item.key.clone()).collect();
            // A column of nulls that has no type makes no column.
            for item in items.into_iter().filter(|item| *item.array.data_type() != ArrowType::Null) {
                let item = shaped(item)?;
                let slot = self.layout.slot(node, &item.key);
                if self.layout.nodes[node].slots[slot].is_left_out {
                    continue;
                }
                let shape = shape(item.array.data_type());
                let is_split = matches!(shape, Shape::Struct | Shape::Map) && !self.layout.keeps_json(node, slot);
                if is_split && item.has_values() {
                    self.layout.own(node, slot, |key| keys.contains(key));
                }
                match shape {
                    Shape::Scalar => self.settle(&mut flat.values, &keys, node, slot, item),
                    _ if self.layout.keeps_json(node, slot) => {
                        self.settle(&mut flat.values, &keys, node, slot, item);
                    }
                    Shape::List => self.settle(&mut flat.lists, &keys, node, slot, item),
                    Shape::Struct => pending.push((self.layout.object_node(node, slot), fields(&item)?)),
                    Shape::Map => {
                        let entries = entries(&item)?;
                        if !entries.is_empty() {
                            pending.push((self.layout.object_node(node, slot), entries));
                        }
                    }
                }
            }
        }
        Ok(flat)
    }

    /// Puts a column among those of its rows, whose names it does not take. A column of nulls leaves the name to others.
    fn settle(&mut self, placed: &mut Placed<Item>, keys: &HashSet<String>, node: usize, slot: usize, item: Item) {
        if let Some((_, _, other)) = placed.get(&self.layout.folded_name(node, slot)) {
            if !item.has_values() {
                return;
            }
            if !other.has_values() {
                placed.shift_remove(&self.layout.folded_name(node, slot));
            }
        }
        if item.has_values() {
            self.layout.own_unless_placed(placed, node, slot, |key| keys.contains(key));
        }
        self.layout.settle(placed, node, slot, item);
    }

    /// Adds the rows of a nested table.
    fn add_list(&mut self, node: usize, slot: usize, level: i64, item: &Item) -> Result<()> {
        let list = self.layout.list_nodes(node, slot, level);
        let nodes = self.layout.lists[list];
        let (elements, rows) = lists(item)?;
        if self.layout.tables[nodes.table].is_barred {
            return self.leave_out_list(nodes.table, node, &rows);
        }
        if !rows.is_empty() && self.layout.tables[nodes.table].rows > 0 {
            return Err(self.two_columns(item, &self.layout.tables[nodes.table].name, "table"));
        }
        for row in &rows {
            self.layout.begin_nested_row(nodes, row.parent, row.index);
        }
        let places = Places::of(rows.iter().enumerate().map(|(at, row)| (row.value, at as u32)).collect());
        let (elements, places) = places.narrowed(elements);
        let ArrowType::LargeList(field) = item.array.data_type() else {
            return Err(item.refuse("is not the list that it was"));
        };
        let element = |key: &str| Item {
            key: key.to_owned(),
            path: item.path.clone(),
            field: field.clone(),
            array: elements.clone(),
            places: places.clone(),
        };
        let (list, value) = (crate::schema::column_names::LIST, crate::schema::column_names::VALUE);
        match shape(elements.data_type()) {
            Shape::List => self.add_rows(nodes.wrapper, vec![element(list)]),
            Shape::Scalar => self.add_rows(nodes.element, vec![element(value)]),
            Shape::Struct => self.add_rows(nodes.element, fields(&shaped(element(value))?)?),
            Shape::Map => self.add_rows(nodes.element, entries(&shaped(element(value))?)?),
        }
    }

    /// Nested values that are not split any further, as text.
    fn add_json(&mut self, node: usize, slot: usize, item: &Item) -> Result<()> {
        let array = in_utc(&item.array).map_err(|cause| item.broken(cause))?;
        let field = item.field.as_ref().clone().with_data_type(array.data_type().clone());
        let cells = Cells::new(&field, &array).map_err(|cause| item.broken(cause))?;
        let text = |row| {
            let mut text = String::new();
            cells.write(row, &mut text).map(|()| text)
        };
        let texts: Option<StringArray> =
            (0..array.len()).map(|row| if array.is_null(row) { Some(None) } else { text(row).map(Some) }).collect();
        let texts = texts.ok_or_else(|| item.refuse("holds a value that has no form as JSON"))?;
        let texts: ArrayRef = Arc::new(texts);
        let column = Column::inferred(&self.name(node, slot), DataType::Json);
        self.add_column(node, slot, &Item { array: texts, ..item.clone() }, column)
    }

    fn add_values(&mut self, node: usize, slot: usize, item: &Item) -> Result<()> {
        let name = self.name(node, slot);
        let item = match types::is_uuid(&item.field) {
            true => Item { array: types::uuid_text(&item.array), ..item.clone() },
            false => item.clone(),
        };
        let Some(column) = types::column_of(item.array.data_type(), &name) else {
            let what = format!("has type {}, which no column can hold", item.array.data_type());
            return Err(item.refuse(what).hint(types::advice(item.array.data_type())));
        };
        self.add_column(node, slot, &item, column)
    }

    fn name(&mut self, node: usize, slot: usize) -> String {
        self.layout.column_name(node, slot)
    }

    fn add_column(&mut self, node: usize, slot: usize, item: &Item, shown: Column) -> Result<()> {
        let table = self.layout.nodes[node].table;
        if self.layout.is_overwritten(table, &shown.name) {
            return Ok(());
        }
        self.put(table, item, &shown)?;
        let column = self.layout.tables[table].by_name.get(&shown.name).copied().unwrap_or(NONE);
        self.layout.nodes[node].slots[slot].target.column = column;
        Ok(())
    }

    /// Of two columns that meet in one name, the values of one would be gone.
    fn two_columns(&self, item: &Item, name: &str, what: &str) -> Error {
        item.refuse(format!("would fill {what} `{name}`, which another column of the file fills already"))
            .hint("write the file again with another name for one of the two, or without it")
    }
}
