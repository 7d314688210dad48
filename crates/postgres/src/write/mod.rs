//! Arrow batches into a table, by binary COPY.
//!
//! Batches are read and encoded by a thread of their own, a few pieces ahead of the network: memory is bounded, and neither
//! waits for the other.

mod encode;
mod target;

pub use target::Target;

use crate::client::Client;
use crate::failure::{explain, explain_refusal};
use arrow::record_batch::RecordBatch;
use dlt_engine::{Error, ErrorKind, Result};
use encode::Cells;
use std::io::Write as _;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Bytes that are sent at once.
const PIECE: usize = 256 << 10;
/// Pieces that wait to be sent.
const WAITING: usize = 4;
/// What a stream begins with: the signature, no flags, nothing else that is told.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Where rows go.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name, as messages have it.
    pub shown: String,
    /// Its full name, quoted.
    pub sql: String,
    /// The columns that are written, by name and quoted name. What a batch lacks is NULL, what it has in addition is left out.
    pub columns: Vec<TableColumn>,
    /// A column that gets the number of each row, counted from 0; quoted.
    pub position: Option<String>,
}

/// A column of [`Table`].
#[derive(Clone, Debug)]
pub struct TableColumn {
    /// Its name, as batches have it.
    pub name: String,
    /// Its name, quoted.
    pub quoted: String,
    /// Its type.
    pub target: Target,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Columns with texts from which the character 0 was taken out, which Postgres does not hold, and how many.
    pub without_zero: Vec<(String, u64)>,
    /// Columns with moments that were cut to microseconds, and how many.
    pub cut: Vec<(String, u64)>,
}

/// Writes batches into a table.
///
/// # Errors
/// [`ErrorKind::Data`] with the column, if the table refuses a value; else if the server fails, or what `batches` says.
pub fn write(
    client: &mut Client,
    table: &Table,
    batches: impl Iterator<Item = Result<RecordBatch>> + Send,
) -> Result<Written> {
    let doing = format!("add rows to table `{}`", table.shown);
    let quoted = table.columns.iter().map(|column| column.quoted.as_str());
    let columns: Vec<&str> = quoted.chain(table.position.as_deref()).collect();
    let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.sql, columns.join(", "));
    let mut copy = client.raw().copy_in(&sql).map_err(|error| explain(&doing, &error))?;
    let (sender, receiver) = sync_channel::<Vec<u8>>(WAITING);
    let (sent, encoded) = thread::scope(|scope| {
        let encoding = scope.spawn(move || encode(table, batches, &sender));
        let mut sent = Ok(());
        for piece in receiver {
            sent = copy.write_all(&piece);
            if sent.is_err() {
                break;
            }
        }
        // What waits is thrown away, so that the other thread ends.
        (sent, encoding.join())
    });
    let encoded = encoded.map_err(|_| Error::new(ErrorKind::Internal, "encoding rows panicked"))?;
    if let Err(error) = sent {
        return Err(match error.get_ref().and_then(|inner| inner.downcast_ref::<postgres::Error>()) {
            Some(error) => explain_refusal(&doing, error),
            None => Error::new(ErrorKind::Destination, format!("cannot {doing}: {error}")),
        });
    }
    // Without its end the server takes nothing.
    let mut written = encoded?;
    written.rows = copy.finish().map_err(|error| explain_refusal(&doing, &error))?;
    Ok(written)
}

fn encode(
    table: &Table,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    sender: &SyncSender<Vec<u8>>,
) -> Result<Written> {
    let mut out = Vec::with_capacity(PIECE + (PIECE >> 2));
    out.extend_from_slice(HEADER);
    let fields = table.columns.len() + usize::from(table.position.is_some());
    // A table of Postgres has at most 1600 columns.
    let fields = (fields as i16).to_be_bytes();
    let mut position: i64 = 0;
    let mut counts = vec![encode::Changed::default(); table.columns.len()];
    for batch in batches {
        let batch = batch?;
        let mut cells = cells(table, &batch)?;
        for row in 0..batch.num_rows() {
            out.extend_from_slice(&fields);
            for (cell, column) in cells.iter_mut().zip(&table.columns) {
                cell.write(row, &mut out).map_err(|_| out_of_range(table, column))?;
            }
            if table.position.is_some() {
                out.extend_from_slice(&8_i32.to_be_bytes());
                out.extend_from_slice(&position.to_be_bytes());
                position += 1;
            }
            if out.len() >= PIECE {
                let piece = std::mem::replace(&mut out, Vec::with_capacity(PIECE + (PIECE >> 2)));
                if sender.send(piece).is_err() {
                    // The connection is lost, which the other side tells.
                    return Ok(Written::default());
                }
            }
        }
        for (count, cell) in counts.iter_mut().zip(&cells) {
            count.without_zero += cell.changed.without_zero;
            count.cut += cell.changed.cut;
        }
    }
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    // As above.
    let _ = sender.send(out);
    let of = |count: fn(&encode::Changed) -> u64| {
        let all = table.columns.iter().zip(&counts).map(|(column, changed)| (column.name.clone(), count(changed)));
        all.filter(|(_, count)| *count > 0).collect()
    };
    Ok(Written { rows: 0, without_zero: of(|changed| changed.without_zero), cut: of(|changed| changed.cut) })
}

fn cells(table: &Table, batch: &RecordBatch) -> Result<Vec<Cells>> {
    let cell = |column: &TableColumn| {
        let array = batch.column_by_name(&column.name);
        let made = Cells::new(array, column.target).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("column `{}` cannot be written", column.name)).because(error)
        })?;
        made.ok_or_else(|| {
            let held = array.map(|array| array.data_type().to_string()).unwrap_or_default();
            Error::new(
                ErrorKind::Data,
                format!("column `{}` of table `{}` cannot hold values of type {held}", column.name, table.shown),
            )
            .hint("load into another dataset or table, or change the column in the database")
        })
    };
    table.columns.iter().map(cell).collect()
}

fn out_of_range(table: &Table, column: &TableColumn) -> Error {
    Error::new(
        ErrorKind::Data,
        format!("cannot add rows to table `{}`: a value is out of the range of column `{}`", table.shown, column.name),
    )
    .hint("give the column a wider type, correct the rows, or load into another table")
}
