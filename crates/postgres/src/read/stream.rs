//! Batches one after the other, read by a thread of their own.

use super::{Lost, Query, ReadOptions};
use crate::address::Address;
use crate::client::Client;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_engine::{Error, ErrorKind, Result};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// Batches that wait to be taken.
const WAITING: usize = 2;

/// The batches of a query. It is read by another thread, a few batches ahead, on a connection of its own that ends with it.
#[derive(Debug)]
pub struct Batches {
    schema: SchemaRef,
    /// `None` once everything was taken.
    batches: Option<Receiver<RecordBatch>>,
    reader: Option<JoinHandle<Result<Vec<Lost>>>>,
    lost: Vec<Lost>,
}

impl Batches {
    /// Connects to a [completed](Address::completed) address and begins to read. `before` are statements that are run first.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses the query; see [`Query::prepare`].
    pub fn read(address: &Address, before: &str, sql: &str, options: ReadOptions) -> Result<Self> {
        let mut client = Client::connect(address)?;
        if !before.is_empty() {
            client.batch("prepare the query", before)?;
        }
        let query = Query::prepare(&mut client, sql, options)?;
        let schema = query.schema().clone();
        let (sender, receiver) = sync_channel(WAITING);
        let reader = thread::Builder::new()
            .name("dlt-postgres".into())
            .spawn(move || query.run(&mut client, &mut |batch| sender.send(batch).map_err(|_| nobody_reads())));
        let reader = reader.map_err(|cause| Error::new(ErrorKind::Internal, "cannot start a thread").because(cause))?;
        Ok(Self { schema, batches: Some(receiver), reader: Some(reader), lost: Vec::new() })
    }

    /// The columns of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// As [`Query::run`].
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.batches.as_ref().and_then(|batches| batches.recv().ok()) {
            return Ok(Some(batch));
        }
        self.batches = None;
        if let Some(reader) = self.reader.take() {
            let ended = reader.join().map_err(|_| Error::new(ErrorKind::Internal, "reading from Postgres panicked"))?;
            self.lost = ended?;
        }
        Ok(None)
    }

    /// What was lost on the way; known at the end.
    pub fn lost(&self) -> &[Lost] {
        &self.lost
    }
}

fn nobody_reads() -> Error {
    Error::new(ErrorKind::Internal, "nobody takes the rows any more")
}
