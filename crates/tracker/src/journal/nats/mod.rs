//! The journal as a stream of NATS JetStream: records on the disks of several servers, for several trackers at once.
//!
//! A record is a message, and its number the message's in the stream. Trackers that receive append, trackers that load read
//! and release; each number is read from where the tables end, so any of them can take over.
//!
//! # Durable
//!
//! A sender is answered when the stream has acknowledged each record of its request: then as many servers have it as the
//! stream has replicas, a majority of them at least. Servers write to their disks before they acknowledge, and sync them
//! every two minutes unless told otherwise (`sync_interval`): a record outlives the end of any minority of the servers, and of
//! all of their processes; only power that goes for a majority at once can take the last of them.
//!
//! # What may repeat
//!
//! A request whose answer is an error may be in the stream all the same, in part, too: its sender sends it again. The stream
//! leaves out events that it took within two minutes, by their ids within their projects; the tables leave out the others.
//!
//! # Backpressure
//!
//! Records under way are bounded. Beyond that, while no server is connected, and when no acknowledgement comes in time,
//! senders get 429.

mod reader;
mod record;
mod stream;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use futures_util::future::try_join_all;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{Semaphore, oneshot};

use super::{AppendError, Journal, NewRecord, Pending, Reader, Status};
use crate::place::NatsAddress;
use reader::StreamReader;
use stream::Stream;

/// KiB of records that may be under way to the servers.
const IN_FLIGHT_KIB: usize = 64 << 10;
/// What a stream that was full must have left, in bytes, to count as one that is not: as much as a large record.
const ROOM: u64 = 1 << 20;
/// How long the stream may take to acknowledge a record.
const ACK_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait before a record is sent again to a stream that has no leader just now.
const AGAIN: Duration = Duration::from_millis(100);
/// How long a cluster may take to have a leader when a tracker starts.
const START_WITHIN: Duration = Duration::from_secs(20);
/// How long records under way may take when the journal is closed.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The journal.
#[derive(Debug)]
pub(crate) struct NatsJournal {
    /// What the client runs on. `None` once it is closed.
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
    stream: Arc<Stream>,
    shared: Arc<Shared>,
}

/// What appends tell.
#[derive(Debug)]
struct Shared {
    durable: AtomicU64,
    groups: AtomicU64,
    bytes: AtomicU64,
    /// Up to here the stream was emptied: a new record can't have such a number.
    released: AtomicU64,
    is_closed: AtomicBool,
    in_flight: Arc<Semaphore>,
    failure: Mutex<Option<AppendError>>,
}

impl NatsJournal {
    /// Whether the stream is there already.
    ///
    /// # Errors
    /// When no server can be reached.
    pub(crate) fn is_begun(address: &NatsAddress) -> io::Result<bool> {
        let runtime = runtime()?;
        runtime.block_on(async {
            stream::find(&stream::connect(address).await?, address).await.map(|found| found.is_some())
        })
    }

    /// Connects, and makes the stream where it is missing: its numbers then begin after `loaded`, the newest one that the
    /// tables hold. `max_bytes` is how large it may become.
    ///
    /// # Errors
    /// When no server can be reached, the stream is one that would lose records, or its numbers are behind the tables.
    pub(crate) fn open(address: &NatsAddress, max_bytes: u64, loaded: u64) -> io::Result<Self> {
        let runtime = runtime()?;
        let stream = runtime.block_on(async {
            let until = Instant::now() + START_WITHIN;
            let context = stream::connect(address).await?;
            loop {
                match Stream::open(context.clone(), address, max_bytes, loaded).await {
                    // A cluster that has just started has no leader yet.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < until => {
                        tokio::time::sleep(AGAIN).await;
                    }
                    opened => return opened,
                }
            }
        })?;
        let (newest, bytes) = runtime.block_on(stream.newest())?;
        let shared = Shared {
            durable: AtomicU64::new(newest),
            groups: AtomicU64::new(0),
            bytes: AtomicU64::new(bytes),
            released: AtomicU64::new(loaded),
            is_closed: AtomicBool::new(false),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_KIB)),
            failure: Mutex::new(None),
        };
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Mutex::new(Some(runtime)), handle, stream: Arc::new(stream), shared: Arc::new(shared) })
    }

    fn away(&self, reason: impl Into<String>) -> AppendError {
        AppendError::Away { location: self.stream.location().to_owned(), reason: reason.into() }
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("tracker-nats").enable_all().build()
}

impl Shared {
    fn set_failure(&self, failure: Option<AppendError>) {
        let mut known = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(failure)) = (known.as_ref(), failure.as_ref()) {
            tracing::error!(error = %failure, "events can't be kept; their senders are asked to send them again");
        }
        *known = failure;
    }
}

/// How much of what may be under way a record takes.
fn permits(records: &[NewRecord]) -> u32 {
    let kib: usize = records.iter().map(|record| record.payload.len() / 1024 + 1).sum();
    u32::try_from(kib.clamp(1, IN_FLIGHT_KIB)).unwrap_or(1)
}

impl Journal for NatsJournal {
    fn append(&self, records: Vec<NewRecord>) -> Result<Pending, AppendError> {
        if self.shared.is_closed.load(Ordering::Acquire) {
            return Err(AppendError::Closed);
        }
        if self.stream.context().client().connection_state() != State::Connected {
            let failure = self.away("no server is connected");
            self.shared.set_failure(Some(failure.clone()));
            return Err(failure);
        }
        let permit = Arc::clone(&self.shared.in_flight).try_acquire_many_owned(permits(&records));
        let permit = permit.map_err(|_| AppendError::Busy)?;
        let (sender, pending) = oneshot::channel();
        let (stream, shared) = (Arc::clone(&self.stream), Arc::clone(&self.shared));
        self.handle.spawn(async move {
            let kept = keep(&stream, &shared, &records).await;
            match &kept {
                Ok(_) => {
                    shared.groups.fetch_add(1, Ordering::Relaxed);
                    shared.set_failure(None);
                }
                Err(failure) => shared.set_failure(Some(failure.clone())),
            }
            drop(permit);
            // Who asked may be gone.
            let _ = sender.send(kept);
        });
        Ok(pending)
    }

    fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    fn newest(&self) -> io::Result<u64> {
        let (newest, bytes) = self.handle.block_on(self.stream.newest())?;
        self.shared.bytes.store(bytes, Ordering::Relaxed);
        let known = self.shared.durable.fetch_max(newest, Ordering::AcqRel);
        Ok(newest.max(known))
    }

    fn reader(&self, after: u64) -> Box<dyn Reader> {
        Box::new(StreamReader::new(self.handle.clone(), Arc::clone(&self.stream), after))
    }

    fn release(&self, up_to: u64) -> io::Result<()> {
        if up_to <= self.shared.released.load(Ordering::Acquire) {
            return Ok(());
        }
        self.handle.block_on(self.stream.purge(up_to))?;
        self.shared.released.fetch_max(up_to, Ordering::AcqRel);
        Ok(())
    }

    fn location(&self) -> String {
        self.stream.location().to_owned()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn status(&self) -> Status {
        let failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Status {
            bytes: self.shared.bytes.load(Ordering::Relaxed),
            groups: self.shared.groups.load(Ordering::Relaxed),
            is_full: matches!(failure, Some(AppendError::Full { .. })),
            failure,
        }
    }

    fn close(&self) {
        let Some(runtime) = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.shared.is_closed.store(true, Ordering::Release);
        let all = u32::try_from(IN_FLIGHT_KIB).unwrap_or(u32::MAX);
        // What takes longer was not acknowledged to anybody.
        let unanswered =
            async { tokio::time::timeout(CLOSE_WITHIN, self.shared.in_flight.acquire_many(all)).await.is_err() };
        let _ = runtime.block_on(unanswered);
        // The loader still reads what was kept until it is dropped with the journal.
        *self.runtime.lock().unwrap_or_else(PoisonError::into_inner) = Some(runtime);
    }
}

impl Drop for NatsJournal {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }
}

/// Has the stream keep all records; the number of the first.
async fn keep(stream: &Stream, shared: &Shared, records: &[NewRecord]) -> Result<u64, AppendError> {
    if records.is_empty() {
        let found = tokio::time::timeout(ACK_WITHIN, stream.newest()).await;
        return match found {
            Ok(Ok((newest, bytes))) => {
                shared.bytes.store(bytes, Ordering::Relaxed);
                let limit = stream.max_bytes();
                match bytes > limit - ROOM.min(limit / 2) {
                    true => Err(AppendError::Full { limit }),
                    false => Ok(newest),
                }
            }
            _ => Err(away(stream, "the stream does not answer")),
        };
    }
    let until = Instant::now() + ACK_WITHIN;
    let numbers = try_join_all(records.iter().map(|record| keep_one(stream, shared, record, until))).await?;
    if let Some(newest) = numbers.iter().max() {
        shared.durable.fetch_max(*newest, Ordering::AcqRel);
    }
    Ok(numbers.first().copied().unwrap_or_default())
}

/// Sends a record until the stream acknowledges it, or the time is over.
async fn keep_one(stream: &Stream, shared: &Shared, record: &NewRecord, until: Instant) -> Result<u64, AppendError> {
    let (payload, id) = (record::encoded(record), record::message_id(record));
    loop {
        let mut message = PublishMessage::build().payload(payload.clone());
        if let Some(id) = &id {
            message = message.message_id(id);
        }
        let left = until.saturating_duration_since(Instant::now());
        let sent = tokio::time::timeout(left, publish(stream.context(), stream.subject(), message)).await;
        let reason = match sent {
            Ok(Ok(ack)) if ack.stream != stream.name() => {
                return Err(storage(stream, format!("the stream {} takes its records", ack.stream)));
            }
            // The original of a duplicate may be in the tables and released.
            Ok(Ok(ack)) if ack.duplicate || ack.sequence > shared.released.load(Ordering::Acquire) => {
                return Ok(ack.sequence);
            }
            Ok(Ok(_)) => {
                let reason = "its numbers began again: it was made anew after events of it were loaded";
                return Err(storage(stream, reason.to_owned()));
            }
            Ok(Err(reason)) => reason,
            Err(_) => return Err(away(stream, "no acknowledgement came in time")),
        };
        if reason.contains("maximum bytes exceeded") {
            return Err(AppendError::Full { limit: stream.max_bytes() });
        }
        if reason.contains("payload") {
            return Err(storage(stream, reason));
        }
        // It has no leader just now, or the connection broke. What was taken all the same is known by its id.
        if Instant::now() + AGAIN >= until {
            return Err(away(stream, &reason));
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn publish(
    context: &Context,
    subject: &str,
    message: PublishMessage,
) -> Result<async_nats::jetstream::publish::PublishAck, String> {
    let in_full = |error: &dyn std::error::Error| match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let ack = context.send_publish(subject.to_owned(), message).await.map_err(|error| in_full(&error))?;
    ack.await.map_err(|error| in_full(&error))
}

fn away(stream: &Stream, reason: &str) -> AppendError {
    AppendError::Away { location: stream.location().to_owned(), reason: reason.to_owned() }
}

fn storage(stream: &Stream, reason: String) -> AppendError {
    AppendError::Storage { location: stream.location().to_owned(), reason }
}

#[cfg(test)]
mod tests;
