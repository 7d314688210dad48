//! Fills in the columns of the contract: ids of rows, of their parents and roots, and of the load.

use super::column::ColumnRows;
use super::layout::{Layout, NONE, TableRows};
use crate::digest::{ROW_ID_BYTES, key_row_id, nested_row_id_into};
use crate::error::{Error, ErrorKind, Result};
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

    fn parents_first(&self) -> Vec<usize> {
        let depth = |mut table: usize| {
            let mut depth = 0;
            while self.tables[table].parent != NONE {
                table = self.tables[table].parent;
                depth += 1;
            }
            depth
        };
        let mut order: Vec<usize> = (0..self.tables.len()).collect();
        order.sort_by_key(|&table| depth(table));
        order
    }

    fn fill_root(&mut self, at: usize, load_id: &str) -> Result<()> {
        let key_columns = self.key_columns.clone();
        let table = &mut self.tables[at];
        let rows = table.rows;
        let load = table.system_column(column_names::LOAD_ID, DataType::Text);
        for row in 0..rows {
            table.columns[load].set_bytes(row, load_id.as_bytes());
        }
        let id = table.system_column(column_names::ID, DataType::Text);
        match key_columns {
            Some(keys) => {
                let ids = (0..rows).map(|row| key_row_id(&key_json(table, &keys, row))).collect::<Vec<_>>();
                for (row, key_id) in ids.iter().enumerate() {
                    table.columns[id].set_bytes(row, key_id.as_bytes());
                }
            }
            None => {
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
        let parent_at = self.tables[at].parent;
        let [table, parent] = match self.tables.get_disjoint_mut([at, parent_at]) {
            Ok(both) => both,
            // A table is never its own parent.
            Err(_) => return,
        };
        let id_of = |parent: &TableRows, column: &str| parent.by_name.get(column).copied().unwrap_or(NONE);
        let parent_id = id_of(parent, column_names::ID);
        if propagates {
            // The root's own id, or what its child was given.
            let column = if parent.is_root() { column_names::ID } else { column_names::ROOT_ID };
            let from = id_of(parent, column);
            let root = table.system_column(column_names::ROOT_ID, DataType::Text);
            for row in 0..table.rows {
                let id = parent.columns[from].text(table.parent_rows[row] as usize).unwrap_or_default();
                table.columns[root].set_bytes(row, id);
            }
        }
        let column = table.system_column(column_names::PARENT_ID, DataType::Text);
        for row in 0..table.rows {
            let id = parent.columns[parent_id].text(table.parent_rows[row] as usize).unwrap_or_default();
            table.columns[column].set_bytes(row, id);
        }
        let column = table.system_column(column_names::LIST_INDEX, DataType::Bigint);
        for row in 0..table.rows {
            table.columns[column].set_int(row, table.list_index[row]);
        }
        let id = table.system_column(column_names::ID, DataType::Text);
        let (name, parent_rows, list_index) = (&table.name, &table.parent_rows, &table.list_index);
        fill_missing(&mut table.columns[id], table.rows, |row, out| {
            let parent_row = parent_rows[row] as usize;
            let parent_id = parent.columns[parent_id].text(parent_row).unwrap_or_default();
            nested_row_id_into(parent_id, name, list_index[row], out);
        });
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
        super::json::write_text(key, &mut out);
        out.push(':');
        match table.by_name.get(key) {
            Some(&at) => table.columns[at].write_json(row, &mut out),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    out
}
