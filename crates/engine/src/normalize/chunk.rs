//! One chunk of a resource: from text or Arrow to record batches, one a table.

use super::breach::{Refusal, RejectedRow};
use super::fast_path::Stop;
use super::layout::{Layout, NONE, Renamed, RootIds, TableRows};
use super::rows::{Cells, ReadyColumns, Rows};
use crate::discarded::Discarded;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Cursor, Malformed, What};
use crate::schema::Column;
use crate::source::{Chunk, JsonChunk, NOT_UTF8};
use arrow::array::{Array as _, BooleanArray};
use std::collections::HashSet;
use std::sync::Arc;

/// What a chunk became.
#[derive(Debug)]
pub(crate) struct NormalizedChunk {
    pub(crate) tables: Vec<TableBatch>,
    /// Whether the chunk showed something that the schema it was read with lacks.
    pub(crate) has_news: bool,
    /// Keys that are named apart.
    pub(crate) renamed: Renamed,
    pub(crate) repeated: Option<RepeatedKeys>,
    /// What contracts left out.
    pub(crate) discarded: Vec<Discarded>,
    /// The rows that were left out, or that values were left out of, by line or row number.
    pub(crate) rejected: Vec<RejectedRow>,
}

/// Keys that objects had twice, so that the first of two values was left out.
#[derive(Debug)]
pub(crate) struct RepeatedKeys {
    /// How many values were left out.
    pub(crate) count: u64,
    /// The first of them: its key, its input and its line.
    pub(crate) first: (String, Arc<str>, u64),
}

/// Rows of one table.
#[derive(Debug)]
pub(crate) struct TableBatch {
    pub(crate) table: String,
    pub(crate) parent: Option<String>,
    /// Columns that the schema lacks, in the order of discovery.
    pub(crate) new_columns: Vec<Column>,
    /// Names that belong to one key alone from here on, with the keys from the row down.
    pub(crate) new_owners: Vec<(String, Vec<String>)>,
    /// Only columns that have a value.
    pub(crate) rows: Rows,
}

/// Normalizes one chunk, and names the place of a row that lacks a value. `layout` must be fresh after a chunk that had news, or that failed.
///
/// # Errors
/// [`ErrorKind::Data`] with input and line, if the chunk is not what it claims to be.
pub(crate) fn normalize(chunk: &Chunk, layout: &mut Layout, load_id: &str) -> Result<NormalizedChunk> {
    let unfolded = match chunk {
        Chunk::Arrow(chunk) => super::arrow::unfolded(chunk)?.map(Chunk::Json),
        Chunk::Json(_) => None,
    };
    let chunk = unfolded.as_ref().unwrap_or(chunk);
    normalize_rows(chunk, layout, load_id).map_err(|error| match layout.lacking.take() {
        Some((table, row)) => place_of_row(error, chunk, layout, table, row),
        None => error,
    })
}

fn normalize_rows(chunk: &Chunk, layout: &mut Layout, load_id: &str) -> Result<NormalizedChunk> {
    let mut ready = ReadyColumns::new();
    let mut repeated = None;
    match chunk {
        Chunk::Json(chunk) => repeated = read_json(chunk, layout)?,
        Chunk::Arrow(chunk) => ready = super::arrow::read_batch(chunk, layout)?,
    }
    let (discarded, mut rejected) = layout.left_out.take();
    if let Chunk::Json(chunk) = chunk {
        name_lines(chunk, &mut rejected);
    }
    layout.fill_ids(load_id)?;
    let has_news = layout.has_news();
    let renamed = std::mem::take(&mut layout.renamed);
    Ok(NormalizedChunk { tables: layout.take_batches(ready)?, has_news, renamed, repeated, discarded, rejected })
}

fn read_json(chunk: &JsonChunk, layout: &mut Layout) -> Result<Option<RepeatedKeys>> {
    let text = std::str::from_utf8(&chunk.bytes).map_err(|error| {
        Error::new(ErrorKind::Data, NOT_UTF8)
            .at(&*chunk.input, Some(line_of(chunk, error.valid_up_to())))
            .hint("text has to be UTF-8, unless the source can be told its encoding")
    })?;
    let mut cursor = Cursor::new(text).with(layout.surrogates);
    let mut marks: Vec<usize> = Vec::new();
    let mut one_item_a_line = true;
    while cursor.peek().is_some() {
        let start = cursor.position();
        marks.clear();
        marks.extend(layout.tables.iter().map(|table| table.rows));
        let malformed = match layout.read_item(&mut cursor) {
            Ok(()) => {
                layout.digest_text(&text[start..cursor.position()]);
                None
            }
            Err(Stop::Malformed(malformed)) => Some(malformed),
            Err(Stop::Irregular) => {
                for (at, table) in layout.tables.iter_mut().enumerate() {
                    table.truncate(marks.get(at).copied().unwrap_or(0));
                }
                cursor.rewind(start);
                match cursor.value() {
                    Ok(item) => {
                        layout.left_out.at = start as u64;
                        layout.add_item(&item).map_err(|refusal| refuse(chunk, start, &refusal))?;
                        None
                    }
                    Err(malformed) => Some(malformed),
                }
            }
        };
        if let Some(malformed) = malformed {
            return Err(broken(chunk, start, malformed, one_item_a_line));
        }
        one_item_a_line = one_item_a_line && !chunk.bytes[start..cursor.position()].contains(&b'\n');
    }
    let repeated = cursor.take_repeated();
    let count = repeated.len() as u64;
    Ok(repeated
        .into_iter()
        .next()
        .map(|first| RepeatedKeys { count, first: (first.key, chunk.input.clone(), line_of(chunk, first.at)) }))
}

/// Adds the place of a row to an error. Rows do not know it: what makes them is read once more, up to this one.
fn place_of_row(error: Error, chunk: &Chunk, layout: &mut Layout, table: usize, row: usize) -> Error {
    let chunk = match chunk {
        Chunk::Json(chunk) => chunk,
        Chunk::Arrow(chunk) => {
            let row = chunk.first_row + layout.root_row(table, row) as u64;
            return error.at(&*chunk.input, Some(row));
        }
    };
    for table in &mut layout.tables {
        // Some are emptied by now, but for their values.
        table.rows = table.rows.max(1);
        table.truncate(0);
    }
    let Ok(text) = std::str::from_utf8(&chunk.bytes) else { return error };
    let mut cursor = Cursor::new(text).with(layout.surrogates);
    while cursor.peek().is_some() {
        let start = cursor.position();
        let Ok(item) = cursor.value() else { break };
        if layout.add_item(&item).is_err() {
            break;
        }
        if layout.tables[table].rows > row {
            return error.at(&*chunk.input, Some(line_of(chunk, start)));
        }
    }
    error.at(&*chunk.input, None)
}

/// Number of the line that a byte of the chunk is in.
fn line_of(chunk: &JsonChunk, at: usize) -> u64 {
    chunk.first_line + memchr::memchr_iter(b'\n', &chunk.bytes[..at.min(chunk.bytes.len())]).count() as u64
}

/// A value that was cut off at the end of its line is found out only in the next one. Where every item stands on a line
/// of its own, the line to name is the one that the item began in.
fn broken(chunk: &JsonChunk, start: usize, malformed: Malformed, one_item_a_line: bool) -> Error {
    let bytes = &chunk.bytes;
    let line_end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
    let is_in_next_item = malformed.at > line_end && {
        let line_start = memchr::memrchr(b'\n', &bytes[..malformed.at]).map_or(0, |at| at + 1);
        bytes[line_start..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&bytes[start])
    };
    let is_cut = one_item_a_line && (malformed.at == line_end || is_in_next_item);
    let (at, what) = if is_cut { (start, What::EndOfText) } else { (malformed.at, malformed.what) };
    let at = if what == What::EndOfText { start } else { at };
    let error = Error::new(ErrorKind::Data, what.to_string()).at(&*chunk.input, Some(line_of(chunk, at)));
    let error = match what {
        // Where it begins says nothing.
        What::EndOfText => error,
        _ => error.in_column(column_of(bytes, at)),
    };
    error.hint(what.advice())
}

/// Number of the character that a byte is in, in its line.
fn column_of(bytes: &[u8], at: usize) -> u64 {
    let line_start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |end| end + 1);
    // Bytes that go on with a character do not count.
    bytes[line_start..at].iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64 + 1
}

/// Puts lines in the place of bytes.
fn name_lines(chunk: &JsonChunk, rows: &mut [RejectedRow]) {
    let (mut line, mut from) = (chunk.first_line, 0);
    for row in rows {
        let at = usize::try_from(row.at).unwrap_or(usize::MAX).min(chunk.bytes.len());
        line += memchr::memchr_iter(b'\n', &chunk.bytes[from..at]).count() as u64;
        from = at;
        row.at = line;
    }
}

fn refuse(chunk: &JsonChunk, start: usize, refusal: &Refusal) -> Error {
    let (what, hint) = refusal.told();
    Error::new(ErrorKind::Data, what).at(&*chunk.input, Some(line_of(chunk, start))).hint(hint)
}

impl Layout {
    /// The rows of every table that has some, and the columns of those that got one; the tables are empty afterwards.
    pub(crate) fn take_batches(&mut self, mut ready: ReadyColumns) -> Result<Vec<TableBatch>> {
        if let RootIds::Row(digests) = &mut self.root_ids {
            digests.clear();
        }
        if self.tables.iter().any(|table| !table.dropped.is_empty()) {
            self.drop_nested();
        }
        let names: Vec<String> = self.tables.iter().map(|table| table.name.clone()).collect();
        let mut batches = Vec::new();
        let is_due = |table: &TableRows| table.rows > 0 || table.known_columns < table.columns.len();
        for (table_at, table) in self.tables.iter_mut().enumerate().filter(|(_, table)| is_due(table)) {
            let all_rows = std::mem::take(&mut table.rows);
            let dropped = std::mem::take(&mut table.dropped);
            let kept = (!dropped.is_empty()).then(|| kept_rows(all_rows, &dropped));
            let rows = all_rows - dropped.len();
            table.parent_tables.clear();
            table.parent_rows.clear();
            table.list_index.clear();
            let new_columns = table.columns[table.known_columns..].iter().map(|rows| rows.column.clone()).collect();
            let mut columns = Vec::new();
            for (at, column) in table.columns.iter_mut().enumerate() {
                let array = ready.remove(&(table_at, at));
                let is_empty = array.is_none() && !column.has_values();
                if rows > 0 && !column.column.nullable {
                    let first_null = match &array {
                        _ if is_empty => (0..all_rows).find(|row| !dropped.contains(row)),
                        Some(array) => (0..all_rows).find(|&row| array.is_null(row) && !dropped.contains(&row)),
                        None if dropped.is_empty() => column.first_null(rows),
                        None => (0..all_rows).find(|&row| !column.has_value(row) && !dropped.contains(&row)),
                    };
                    if let Some(row) = first_null {
                        self.lacking = Some((table_at, row));
                        return Err(missing(&table.name, &column.column.name));
                    }
                }
                if is_empty || rows == 0 {
                    continue;
                }
                let cells = match array {
                    Some(_) if column.has_values() => return Err(filled_twice(&table.name, &column.column.name)),
                    Some(array) => Cells::All(array),
                    None => column.take(all_rows)?,
                };
                let cells = match &kept {
                    Some(kept) => cells.filtered(all_rows, kept)?,
                    None => cells,
                };
                if let Some(field) = column.column.arrow_field() {
                    columns.push((Arc::new(field.with_nullable(true)), cells));
                }
            }
            let parent = (table.parent != NONE).then(|| names[table.parent].clone());
            let new_owners = std::mem::take(&mut table.new_owners);
            batches.push(TableBatch {
                table: table.name.clone(),
                parent,
                new_columns,
                new_owners,
                rows: Rows { count: rows, columns },
            });
        }
        Ok(batches)
    }
}

/// Which rows stay.
fn kept_rows(rows: usize, dropped: &HashSet<usize>) -> BooleanArray {
    (0..rows).map(|row| Some(!dropped.contains(&row))).collect()
}

/// A variant was filled with values that do not fit their column, and the data has a column of its name.
fn filled_twice(table: &str, column: &str) -> Error {
    Error::new(ErrorKind::Data, format!("column `{column}` of table `{table}` is filled from two columns of the data"))
        .hint("write the data again with another name for one of them")
}

pub(super) fn missing(table: &str, column: &str) -> Error {
    Error::new(ErrorKind::Data, format!("a row of table `{table}` has no value in `{column}`, which must have one"))
        .hint("a key, and a column that is declared with nullable = false, needs a value in every row: correct the data, or declare it otherwise")
}
