//! The stream of binary COPY, row by row.

use super::columns::ReadColumn;
use super::decode::{ColumnBuilder, Flaw};
use super::{DOING, Lost, Query};
use crate::client::Client;
use crate::failure::explain;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use dlt_engine::{Error, ErrorKind, Result};
use std::io::BufRead;

/// What a stream begins with, before two numbers: flags, and the length of what else is told.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const HEADER: usize = SIGNATURE.len() + 8;

pub(super) fn run(
    query: &Query,
    client: &mut Client,
    on_batch: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<Vec<Lost>> {
    let mut reader = client.inner.copy_out(&query.copy_sql()).map_err(|error| explain(DOING, &error))?;
    let mut rows = Rows::new(query);
    // What did not end with its message.
    let mut rest: Vec<u8> = Vec::new();
    let mut is_begun = false;
    loop {
        let bytes = reader.fill_buf().map_err(|error| of_stream(&error))?;
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        let all = match rest.is_empty() {
            true => bytes,
            false => {
                rest.extend_from_slice(bytes);
                &rest
            }
        };
        let mut used = 0;
        if !is_begun {
            used = header(all)?;
            is_begun = used > 0;
        }
        while is_begun && let Some(row) = rows.take_row(&all[used..])? {
            used += row;
            if rows.is_full() {
                on_batch(rows.finish()?)?;
            }
        }
        let left = all[used..].to_vec();
        reader.consume(length);
        rest = left;
    }
    if !rows.has_ended {
        return Err(broken());
    }
    if rows.count > 0 {
        on_batch(rows.finish()?)?;
    }
    Ok(rows.lost())
}

/// Length of the header; 0 if it is not whole yet.
fn header(bytes: &[u8]) -> Result<usize> {
    if bytes.len() < HEADER {
        return Ok(0);
    }
    let extension = u32_at(bytes, SIGNATURE.len() + 4).ok_or_else(broken)?;
    match bytes.starts_with(SIGNATURE) {
        true if bytes.len() >= HEADER + extension as usize => Ok(HEADER + extension as usize),
        true => Ok(0),
        false => Err(broken()),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The rows that are gathered for a batch.
struct Rows<'q> {
    query: &'q Query,
    builders: Vec<ColumnBuilder>,
    count: usize,
    bytes: usize,
    has_ended: bool,
}

impl<'q> Rows<'q> {
    fn new(query: &'q Query) -> Self {
        let keeps_ends = query.options.keeps_ends_of_time;
        let builders = query.columns.iter().map(|column| ColumnBuilder::new(column, keeps_ends)).collect();
        Self { query, builders, count: 0, bytes: 0, has_ended: false }
    }

    /// Takes the row at the beginning and returns its length; `None` if it is not whole, or there is none any more.
    fn take_row(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some(fields) = bytes.get(..2).map(|count| i16::from_be_bytes([count[0], count[1]])) else {
            return Ok(None);
        };
        if fields == -1 {
            self.has_ended = true;
            return Ok(None);
        }
        if usize::try_from(fields) != Ok(self.builders.len()) {
            return Err(broken());
        }
        let Some(length) = row_length(bytes, self.builders.len()) else { return Ok(None) };
        let mut at = 2;
        for (builder, column) in self.builders.iter_mut().zip(&self.query.columns) {
            let size = u32_at(bytes, at).ok_or_else(broken)?.cast_signed();
            at += 4;
            match usize::try_from(size) {
                Err(_) => builder.append_null(),
                Ok(size) => {
                    let value = bytes.get(at..at + size).ok_or_else(broken)?;
                    builder.append(value).map_err(|flaw| flawed(column, flaw))?;
                    at += size;
                }
            }
        }
        self.count += 1;
        self.bytes += length;
        Ok(Some(length))
    }

    fn is_full(&self) -> bool {
        self.count >= self.query.options.batch_rows || self.bytes >= self.query.options.batch_bytes
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let columns = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.count));
        (self.count, self.bytes) = (0, 0);
        RecordBatch::try_new_with_options(self.query.schema.clone(), columns, &options)
            .map_err(|error| Error::new(ErrorKind::Internal, "rows of Postgres make no batch").because(error))
    }

    fn lost(&self) -> Vec<Lost> {
        let all = self.builders.iter().zip(&self.query.columns);
        all.filter(|(builder, _)| builder.lost() > 0)
            .map(|(builder, column)| Lost { column: column.name.clone(), values: builder.lost() })
            .collect()
    }
}

/// Length of the row at the beginning, if it is whole.
fn row_length(bytes: &[u8], fields: usize) -> Option<usize> {
    let mut at = 2;
    for _ in 0..fields {
        let size = u32_at(bytes, at)?.cast_signed();
        at += 4 + usize::try_from(size).unwrap_or(0);
    }
    (at <= bytes.len()).then_some(at)
}

fn flawed(column: &ReadColumn, flaw: Flaw) -> Error {
    let name = &column.name;
    match flaw {
        Flaw::Broken => broken(),
        Flaw::NotUtf8 => Error::new(ErrorKind::Data, format!("column `{name}` holds text that is not UTF-8"))
            .hint("convert it in the query: convert_from(column::bytea, 'LATIN1')"),
        Flaw::DoesNotFit => {
            Error::new(ErrorKind::Data, format!("column `{name}` holds a number with too many digits for its type"))
                .hint(format!(
                    "ask for it with fewer digits or as text: \"{name}\"::numeric(38, 9) or \"{name}\"::text"
                ))
        }
    }
}

fn broken() -> Error {
    Error::new(ErrorKind::Destination, "what the server sends is no binary COPY")
}

fn of_stream(error: &std::io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<postgres::Error>()) {
        Some(error) => explain(DOING, error),
        None => Error::new(ErrorKind::Destination, format!("cannot {DOING}: {error}")),
    }
}
