//! The table of rows that contracts left out: one row for each, with its place, the reason, and itself as JSON.

use super::Normalizer;
use super::breach::{MOST_REASONS, RejectedRow};
use super::chunk::{self, NormalizedChunk};
use super::layout::Layout;
use crate::discarded::Discarded;
use crate::error::{Error, ErrorKind, Result};
use crate::json::write_text;
use crate::naming::Naming;
use crate::schema::{Column, Contract, DataType, Mode, Schema, Table, WriteDisposition};
use crate::source::{Chunk, JsonChunk};

/// Bytes of rows that are gathered before they are normalized themselves.
const A_CHUNK: usize = 4 << 20;

/// Rows on their way to the table.
pub(super) struct Rejected {
    pub(super) table: String,
    text: String,
}

/// The columns, in the order of the table.
fn columns() -> [Column; 6] {
    let column = |name, data_type| Column { nullable: true, ..Column::inferred(name, data_type) };
    [
        column("input", DataType::Text),
        column("line", DataType::Bigint),
        column("table_name", DataType::Text),
        column("column_name", DataType::Text),
        column("reason", DataType::Text),
        column("row", DataType::Json),
    ]
}

/// Puts the table into the schema, where no contract holds it back; returns its name.
///
/// # Errors
/// [`ErrorKind::Config`] if the name is none for a table, or another table has it.
pub(crate) fn declare(schema: &mut Schema, given: &str, naming: Naming) -> Result<String> {
    let name = naming.normalize_path(given);
    if name.is_empty() || name.starts_with("_dlt") {
        return Err(Error::new(
            ErrorKind::Config,
            format!("`{given}` cannot be the name of a table for rejected rows"),
        )
        .hint("give it another name"));
    }
    let table =
        schema.tables.entry(name.clone()).or_insert_with(|| Table::root(&name, given, WriteDisposition::Append));
    let is_taken = table.parent.is_some()
        || !table.is_new() && columns().iter().any(|column| !table.columns.contains_key(&column.name));
    if is_taken {
        return Err(Error::new(
            ErrorKind::Config,
            format!("table `{name}` is there and holds other rows than rejected ones"),
        )
        .hint("give the table for rejected rows another name"));
    }
    for column in columns() {
        if !table.columns.contains_key(&column.name) {
            table.add(column);
        }
    }
    table.set_contract(Contract::from(Mode::Evolve));
    Ok(name)
}

impl Rejected {
    pub(super) fn new(table: String) -> Self {
        Self { table, text: String::new() }
    }

    /// Adds rows of an input; gives a chunk back when there is enough for one.
    pub(super) fn add(&mut self, input: &str, rows: &[RejectedRow]) -> Option<Chunk> {
        for row in rows {
            self.text.push_str("{\"input\":");
            write_text(input, &mut self.text);
            self.text.push_str(&format!(",\"line\":{},\"table_name\":", row.at));
            write_text(&row.table, &mut self.text);
            if let Some(column) = &row.column {
                self.text.push_str(",\"column_name\":");
                write_text(column, &mut self.text);
            }
            self.text.push_str(",\"reason\":");
            write_text(&row.reason, &mut self.text);
            self.text.push_str(",\"row\":");
            self.text.push_str(&row.row);
            self.text.push_str("}\n");
        }
        if self.text.len() >= A_CHUNK { self.rest() } else { None }
    }

    /// What is left, if anything is.
    pub(super) fn rest(&mut self) -> Option<Chunk> {
        let bytes = std::mem::take(&mut self.text).into_bytes();
        (!bytes.is_empty()).then(|| Chunk::Json(JsonChunk { bytes, input: "rejected rows".into(), first_line: 1 }))
    }
}

impl Normalizer<'_> {
    /// Puts rows that were left out into the table that is for them.
    pub(super) fn keep_rejected(&mut self, chunk: &Chunk, normalized: &NormalizedChunk) -> Result<()> {
        let Some(rejected) = &mut self.rejected else { return Ok(()) };
        let input = match chunk {
            Chunk::Json(chunk) => &chunk.input,
            Chunk::Arrow(chunk) => &chunk.input,
        };
        match rejected.add(input, &normalized.rejected) {
            Some(chunk) => self.take_rejected(&chunk),
            None => Ok(()),
        }
    }

    fn take_rejected(&mut self, chunk: &Chunk) -> Result<()> {
        let Some(table) = self.rejected.as_ref().map(|rejected| rejected.table.clone()) else { return Ok(()) };
        let mut layout = Layout::new(&self.schema, &table, self.settings.naming)?;
        let normalized = chunk::normalize(chunk, &mut layout, self.settings.load_id)?;
        self.take(&table, normalized).map(drop)
    }

    /// What contracts left out so far.
    pub(crate) fn take_discarded(&mut self) -> Vec<Discarded> {
        std::mem::take(&mut self.discarded)
    }

    /// Adds to the counts of what contracts left out.
    pub(super) fn count_discarded(&mut self, found: Vec<Discarded>) {
        for mut found in found {
            if self.discarded.len() >= MOST_REASONS {
                found.column = None;
            }
            found.add_to(&mut self.discarded);
        }
    }

    /// Adds the rest of the rows that were left out.
    pub(super) fn finish_rejected(&mut self) -> Result<()> {
        match self.rejected.as_mut().and_then(Rejected::rest) {
            Some(chunk) => self.take_rejected(&chunk),
            None => Ok(()),
        }
    }
}
