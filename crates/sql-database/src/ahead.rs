//! Readers of tables: each on a thread of its own, a few of them ahead of the one that is being read.

use crate::session::{Reading, Session};
use dlt_engine::source::{ArrowChunk, Chunk, Reader};
use dlt_engine::{Error, ErrorKind, RecordBatch, Result};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Tables that are read at the same time, at most. Each takes a connection and a few batches of memory.
const AT_ONCE: usize = 3;
/// Batches of a table that wait.
const WAITING: usize = 2;

/// Opens a connection.
pub(crate) type Open = Arc<dyn Fn() -> Result<Box<dyn Session>> + Send + Sync>;

enum Message {
    Batch(RecordBatch),
    Failed(Error),
    End,
}

struct Job {
    number: usize,
    reading: Reading,
    sender: SyncSender<Message>,
    state: Option<Arc<State>>,
}

/// One state of the database for all tables of a run: that of a connection, which is open until the last of them is begun.
pub(crate) struct State {
    name: String,
    _owner: Mutex<Box<dyn Session>>,
}

impl State {
    /// That of a connection; `None` where the database cannot share it.
    pub(crate) fn of(mut session: Box<dyn Session>) -> Result<Option<Arc<Self>>> {
        let name = session.share_state()?;
        Ok(name.map(|name| Arc::new(Self { name, _owner: Mutex::new(session) })))
    }
}

/// The tables of a run that nobody reads yet, in order.
pub(crate) struct Ahead {
    open: Open,
    waiting: Mutex<VecDeque<Job>>,
}

impl Ahead {
    pub(crate) fn new(open: Open) -> Arc<Self> {
        Arc::new(Self { open, waiting: Mutex::default() })
    }

    /// A reader of one more table.
    pub(crate) fn reader(self: &Arc<Self>, number: usize, reading: Reading, state: Option<Arc<State>>) -> TableReader {
        let (sender, receiver) = sync_channel(WAITING);
        let input: Arc<str> = Arc::from(reading.name.as_str());
        self.lock().push_back(Job { number, reading, sender, state });
        TableReader { number, ahead: Arc::clone(self), receiver, input, rows: 0, is_begun: false }
    }

    /// Begins to read a table, and those behind it.
    fn begin(&self, number: usize) -> Result<()> {
        let mut jobs = Vec::new();
        {
            let mut waiting = self.lock();
            while waiting.front().is_some_and(|job| job.number < number + AT_ONCE) {
                jobs.extend(waiting.pop_front());
            }
        }
        for job in jobs {
            let open = Arc::clone(&self.open);
            std::thread::Builder::new()
                .name(format!("dlt-sql-{}", job.number))
                .spawn(move || run(job, &open))
                .map_err(|cause| {
                    Error::new(ErrorKind::Source, "a thread that reads cannot be started").because(cause)
                })?;
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(job: Job, open: &Open) {
    let mut take = |batch| Ok(job.sender.send(Message::Batch(batch)).is_ok());
    let read = || {
        let mut session = open()?;
        if let Some(state) = job.state {
            session.see_state(&state.name)?;
        }
        session.read(&job.reading, &mut take)
    };
    let message = match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(())) => Message::End,
        Ok(Err(error)) => Message::Failed(error),
        // What a panic says may hold anything, so it is not repeated.
        Err(_) => Message::Failed(Error::new(
            ErrorKind::Internal,
            format!("the reader of `{}` panicked, which is a bug", job.reading.name),
        )),
    };
    // Nobody listens any more where the run was given up.
    let _ = job.sender.send(message);
}

/// Reads one table.
pub(crate) struct TableReader {
    number: usize,
    ahead: Arc<Ahead>,
    receiver: Receiver<Message>,
    input: Arc<str>,
    rows: u64,
    is_begun: bool,
}

impl Reader for TableReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.ahead.begin(self.number)?;
        }
        match self.receiver.recv() {
            Ok(Message::Batch(batch)) => {
                let first_row = self.rows + 1;
                self.rows += batch.num_rows() as u64;
                Ok(Some(Chunk::Arrow(ArrowChunk { batch, input: Arc::clone(&self.input), first_row })))
            }
            Ok(Message::Failed(error)) => Err(error),
            Ok(Message::End) => Ok(None),
            Err(_) => {
                Err(Error::new(ErrorKind::Internal, format!("the reader of `{}` ended without a word", self.input)))
            }
        }
    }
}

impl Drop for TableReader {
    fn drop(&mut self) {
        self.ahead.lock().retain(|job| job.number != self.number);
    }
}
