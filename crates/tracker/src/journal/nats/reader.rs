//! Reading the stream in the order of its numbers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use futures_util::StreamExt;
use tokio::runtime::Handle;

use super::record;
use super::stream::Stream;
use crate::journal::{Batch, Entry, MISSING_AT_A_TIME, Reader};

/// Messages that are asked for at a time: bounds the memory of what is not handed on yet, at 32 KB each.
const AT_A_TIME: usize = 500;
/// How long the server waits for messages that are not there.
const EXPIRES: Duration = Duration::from_secs(3);
/// How long messages that are there may take.
const WITHIN: Duration = Duration::from_secs(10);
/// How long the server keeps a consumer that nobody asks.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// A reader. What it asks the server by ends with it, or soon after.
#[derive(Debug)]
pub(super) struct StreamReader {
    handle: Handle,
    stream: Arc<Stream>,
    position: u64,
    consumer: Option<Consumer<pull::Config>>,
    /// Read and not handed on: consecutive numbers after the position.
    waiting: VecDeque<Message>,
}

#[derive(Debug)]
struct Message {
    sequence: u64,
    payload: bytes::Bytes,
}

impl StreamReader {
    pub(super) fn new(handle: Handle, stream: Arc<Stream>, after: u64) -> Self {
        Self { handle, stream, position: after, consumer: None, waiting: VecDeque::new() }
    }

    /// Asks for more messages, up to a number. Returns the numbers after what was read that have none, if that is why nothing
    /// came.
    async fn fetch(&mut self, until: u64) -> io::Result<Option<u64>> {
        for is_new in [self.consumer.is_none(), true] {
            if is_new {
                self.consumer = Some(self.begin().await?);
            }
            let expected = self.position + 1;
            let got = tokio::time::timeout(WITHIN, self.take(until)).await;
            let got = match got.map_err(|_| failed("the stream does not answer")).flatten() {
                Ok(got) => got,
                // The server may have forgotten what was asked by, or have ended.
                Err(_) if !is_new => {
                    self.waiting.clear();
                    continue;
                }
                Err(error) => {
                    self.consumer = None;
                    self.waiting.clear();
                    return Err(error);
                }
            };
            match got {
                // What was under way when a connection broke is not sent again, so a gap is looked at anew.
                Some(sequence) if sequence > expected && is_new => return Ok(Some(sequence - 1)),
                None if is_new => return self.missing(expected, until).await,
                Some(sequence) if sequence == expected => return Ok(None),
                _ => self.waiting.clear(),
            }
        }
        Err(failed("the stream delivers nothing of what it holds"))
    }

    /// Takes what is there; the number of the first message.
    async fn take(&mut self, until: u64) -> io::Result<Option<u64>> {
        let Some(consumer) = &self.consumer else { return Ok(None) };
        let count = usize::try_from(until - self.position).unwrap_or(AT_A_TIME).min(AT_A_TIME);
        let asked = consumer.batch().max_messages(count).expires(EXPIRES);
        let mut messages = asked.messages().await.map_err(failed)?;
        let mut first = None;
        let mut last = self.position;
        while let Some(message) = messages.next().await {
            let message = message.map_err(failed)?;
            let sequence = message.info().map_err(failed)?.stream_sequence;
            first.get_or_insert(sequence);
            // A gap within is looked at when the reader is there.
            if sequence != last + 1 && first != Some(sequence) {
                self.consumer = None;
                break;
            }
            last = sequence;
            self.waiting.push_back(Message { sequence, payload: message.message.payload });
        }
        Ok(first)
    }

    /// Whether the numbers from one on have no message, though the stream has gone past them.
    async fn missing(&self, first: u64, until: u64) -> io::Result<Option<u64>> {
        let mut gone = None;
        for sequence in first..=until.min(first + 100) {
            match self.stream.handle().get_raw_message(sequence).await {
                Ok(_) => break,
                Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => gone = Some(sequence),
                Err(error) => return Err(failed(error)),
            }
        }
        match gone {
            Some(_) => Ok(gone),
            None => Err(failed("the stream delivers nothing of what it holds")),
        }
    }

    async fn begin(&self) -> io::Result<Consumer<pull::Config>> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.position + 1 },
            ack_policy: AckPolicy::None,
            inactive_threshold: FORGOTTEN_AFTER,
            num_replicas: 1,
            memory_storage: true,
            ..pull::Config::default()
        };
        self.stream.handle().create_consumer(config).await.map_err(failed)
    }
}

impl Reader for StreamReader {
    fn position(&self) -> u64 {
        self.position
    }

    fn read(&mut self, until: u64, max_bytes: usize) -> io::Result<Batch> {
        let mut batch = Batch { last: self.position, ..Batch::default() };
        let mut bytes = 0;
        let handle = self.handle.clone();
        while batch.last < until && bytes <= max_bytes {
            let next = self.waiting.front().map(|message| message.sequence);
            if next == Some(batch.last + 1) {
                let Some(message) = self.waiting.pop_front() else { break };
                bytes += message.payload.len();
                batch.last = message.sequence;
                match record::decoded(&message.payload) {
                    Some((kind, payload)) => {
                        batch.entries.push(Entry { sequence: message.sequence, kind, payload: payload.into() });
                    }
                    None => batch.missing.push(message.sequence..=message.sequence),
                }
            } else if let Some(next) = next {
                // There is no message before this one.
                let last = (next - 1).min(until).min(batch.last + MISSING_AT_A_TIME);
                batch.missing.push(batch.last + 1..=last);
                batch.last = last;
                break;
            } else {
                self.position = batch.last;
                match handle.block_on(self.fetch(until)) {
                    Ok(None) => {}
                    Ok(Some(last)) if self.waiting.is_empty() => {
                        let last = last.min(until).min(batch.last + MISSING_AT_A_TIME);
                        batch.missing.push(batch.last + 1..=last);
                        batch.last = last;
                        break;
                    }
                    Ok(Some(_)) => {}
                    // What was read is good.
                    Err(_) if !batch.is_empty() => break,
                    Err(error) => return Err(error),
                }
            }
        }
        self.position = batch.last;
        Ok(batch)
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(error)
}
