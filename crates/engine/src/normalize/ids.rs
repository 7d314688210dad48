//! Fills in the columns of the contract: ids of rows, of their parents and roots, and of the load.

use super::chunk::missing;
use super::column::ColumnRows;
use super::digests::no_form;
use super::layout::{Layout, NONE, RootIds, TableRows};
use crate::digest::{ROW_ID_BYTES, key_row_id, nested_row_id_into};
use crate::error::{Error, ErrorKind, Result};
use crate::json::Json;
use crate::schema::{DataType, column_names};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Characters of a row id.
const ROW_ID_LENGTH: usize = 14;

impl Layout {
    /// Gives every row its ids. Parents come before their children, whose ids hang on theirs.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn fill_ids(&mut self, load_id: &str) -> Result<()> {
        for at in self.parents_first() {
            if self.tables[at].rows == 0 {
                continue;
            }
            if self.tables[at].is_root() {
                self.fill_root(at, load_id)?;
            } else {
                self.fill_nested(at);
            }
        }
        Ok(())
    }

    pub(super) fn parents_first(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.tables.len());
        let mut is_placed = vec![false; self.tables.len()];
        for table in 0..self.tables.len() {
            self.place(table, &mut is_placed, &mut order);
        }
        order
    }

    fn place(&self, table: usize, is_placed: &mut [bool], order: &mut Vec<usize>) {
        if is_placed[table] {
            return;
        }
        is_placed[table] = true;
        for &parent in &self.tables[table].parents {
            self.place(parent, is_placed, order);
        }
        order.push(table);
    }

    fn fill_root(&mut self, at: usize, load_id: &str) -> Result<()> {
        let table = &self.tables[at];
        let rows = table.rows;
        // Without this all rows that lack a key would be one.
        for key in &self.keys {
            let is_kept = |row: &usize| !table.dropped.contains(row);
            let lacking = match table.by_name.get(key) {
                Some(&at) if table.dropped.is_empty() => table.columns[at].first_null(rows),
                Some(&at) => (0..rows).filter(is_kept).find(|row| !table.columns[at].has_value(*row)),
                None => (0..rows).find(is_kept),
            };
            if let Some(row) = lacking {
                self.lacking = Some((at, row));
                return Err(missing(&table.name, key));
            }
        }
        let table = &mut self.tables[at];
        let load = table.system_column(column_names::LOAD_ID, DataType::Text);
        for row in 0..rows {
            table.columns[load].set_bytes(row, load_id.as_bytes());
        }
        let id = table.system_column(column_names::ID, DataType::Text);
        match &self.root_ids {
            RootIds::Key(keys) => {
                let ids = (0..rows).map(|row| key_row_id(&key_json(table, keys, row))).collect::<Vec<_>>();
                for (row, key_id) in ids.iter().enumerate() {
                    table.columns[id].set_bytes(row, key_id.as_bytes());
                }
            }
            RootIds::Row(digests) => {
                fill_missing(&mut table.columns[id], rows, |row, out| out.extend_from_slice(digests.id(row)));
            }
            RootIds::Random => {
                let mut random = vec![0u8; rows * ROW_ID_BYTES];
                getrandom::fill(&mut random).map_err(|error| {
                    Error::new(ErrorKind::Storage, "the system gives no random bytes").because(error)
                })?;
                let mut text = [0u8; ROW_ID_LENGTH];
                let mut bytes = random.chunks_exact(ROW_ID_BYTES);
                fill_missing(&mut table.columns[id], rows, |_, out| {
                    // Fourteen characters hold ten bytes exactly, so this cannot fail.
                    let _ = STANDARD_NO_PAD.encode_slice(bytes.next().unwrap_or(&[0; ROW_ID_BYTES]), &mut text);
                    out.extend_from_slice(&text);
                });
            }
        }
        Ok(())
    }

    fn fill_nested(&mut self, at: usize) {
        let propagates = self.propagates_root_id;
        // Taken out, so that its parents can be read while it is written. A table is never its own parent.
        let mut table = std::mem::replace(&mut self.tables[at], TableRows::new("", NONE, false));
        let parents: Vec<Parent<'_>> = table.parents.iter().map(|&parent| Parent::of(&self.tables[parent])).collect();
        let parent_of = |table: &TableRows, row: usize| {
            (&parents[table.parent_tables[row] as usize], table.parent_rows[row] as usize)
        };
        if propagates {
            let root = table.system_column(column_names::ROOT_ID, DataType::Text);
            for row in 0..table.rows {
                let (parent, parent_row) = parent_of(&table, row);
                table.columns[root].set_bytes(row, parent.text(parent.root_id, parent_row));
            }
        }
        let column = table.system_column(column_names::PARENT_ID, DataType::Text);
        for row in 0..table.rows {
            let (parent, parent_row) = parent_of(&table, row);
            table.columns[column].set_bytes(row, parent.text(parent.id, parent_row));
        }
        let column = table.system_column(column_names::LIST_INDEX, DataType::Bigint);
        for row in 0..table.rows {
            table.columns[column].set_int(row, table.list_index[row]);
        }
        let id = table.system_column(column_names::ID, DataType::Text);
        let (name, parent_tables) = (&table.name, &table.parent_tables);
        let (parent_rows, list_index) = (&table.parent_rows, &table.list_index);
        fill_missing(&mut table.columns[id], table.rows, |row, out| {
            let parent = &parents[parent_tables[row] as usize];
            nested_row_id_into(parent.text(parent.id, parent_rows[row] as usize), name, list_index[row], out);
        });
        self.tables[at] = table;
    }
}

impl Layout {
    /// Whether a column of the root table is looked at value by value: rows need one in it, or their ids are made of it.
    pub(super) fn is_of_key(&self, column: &str) -> bool {
        let is_of = |keys: &[String]| keys.iter().any(|key| key == column);
        is_of(&self.keys) || matches!(&self.root_ids, RootIds::Key(keys) if is_of(keys))
    }

    /// Whether ids of root rows are digests of them.
    pub(crate) fn digests_rows(&self) -> bool {
        matches!(self.root_ids, RootIds::Row(_))
    }

    /// Notes a root row that was read from this text.
    #[inline]
    pub(crate) fn digest_text(&mut self, text: &str) {
        if let RootIds::Row(digests) = &mut self.root_ids {
            digests.push(text, self.surrogates);
        }
    }

    /// Notes a root row that was read as a tree.
    pub(crate) fn digest_tree(&mut self, item: &Json) {
        if let RootIds::Row(digests) = &mut self.root_ids {
            let mut text = String::new();
            item.write(&mut text);
            digests.push(&text, self.surrogates);
        }
    }

    /// Notes the root rows of a batch; `text` appends the JSON of one of them.
    pub(crate) fn digest_rows(&mut self, rows: usize, text: impl Fn(usize, &mut String) -> Option<()>) -> Result<()> {
        let RootIds::Row(digests) = &mut self.root_ids else { return Ok(()) };
        let mut row_text = String::new();
        for row in 0..rows {
            row_text.clear();
            text(row, &mut row_text).ok_or_else(no_form)?;
            digests.push(&row_text, self.surrogates);
        }
        Ok(())
    }
}

/// A table that rows are nested in, and where its ids are.
struct Parent<'a> {
    table: &'a TableRows,
    id: usize,
    /// The root's own id, or what its child was given.
    root_id: usize,
}

impl<'a> Parent<'a> {
    fn of(table: &'a TableRows) -> Self {
        let column = |name: &str| table.by_name.get(name).copied().unwrap_or(NONE);
        let root_id = if table.is_root() { column_names::ID } else { column_names::ROOT_ID };
        Self { table, id: column(column_names::ID), root_id: column(root_id) }
    }

    fn text(&self, column: usize, row: usize) -> &'a [u8] {
        self.table.columns.get(column).and_then(|column| column.text(row)).unwrap_or_default()
    }
}

/// Sets every row that has no value (or an empty one) to what `make` appends.
fn fill_missing(column: &mut ColumnRows, rows: usize, mut make: impl FnMut(usize, &mut Vec<u8>)) {
    let mut id = Vec::with_capacity(ROW_ID_LENGTH);
    let given: Option<Vec<Option<Vec<u8>>>> =
        column.has_values().then(|| (0..rows).map(|row| column.text(row).map(<[u8]>::to_vec)).collect());
    column.truncate(0);
    for row in 0..rows {
        id.clear();
        match given.as_ref().and_then(|given| given[row].as_deref()).filter(|given| !given.is_empty()) {
            Some(given) => id.extend_from_slice(given),
            None => make(row, &mut id),
        }
        column.set_bytes(row, &id);
    }
}

/// The key of a row as the contract digests it: compact JSON of column names and values, sorted by name.
fn key_json(table: &TableRows, keys: &[String], row: usize) -> String {
    let mut keys: Vec<&String> = keys.iter().collect();
    keys.sort();
    let mut out = String::from("{");
    for key in keys {
        if out.len() > 1 {
            out.push(',');
        }
        crate::json::write_text(key, &mut out);
        out.push(':');
        match table.by_name.get(key) {
            Some(&at) => table.columns[at].write_json(row, &mut out),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    out
}
