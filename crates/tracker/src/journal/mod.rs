//! The journal: where an event is made durable before it is acknowledged.
//!
//! Senders append records and wait until they are durable; the loader reads from where the tables end, and releases
//! what it has loaded. This module is the contract; [`segments`] keeps it with files on a local disk, [`nats`]
//! with a stream on several servers, which several trackers share.
//!
//! # Sequence numbers
//!
//! Each record gets the next number, from 1, without gaps, for the life of the data folder. The ledger rests on them:
//! the newest number says how much was accepted, and each number is in exactly one table or still in the journal.
//!
//! # Durable
//!
//! A record is durable when it survives the end of the process and of the machine at any moment: written and synced to
//! a disk, or acknowledged by the server that replicates it. [`Journal::append`] answers after that and not before.
//!
//! # What may repeat
//!
//! * A record that was not acknowledged may be lost, or may be in the journal all the same: its sender sends it again,
//!   and both copies are read. The loader removes the duplicate by its message id within its project.
//! * A reader that begins at a position again gets the same records with the same numbers, as long as they are not
//!   released. No two records ever have the same number.

pub(crate) mod nats;
pub(crate) mod segments;

#[cfg(test)]
mod model;

use std::fmt::Debug;
use std::io;
use std::ops::RangeInclusive;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::error::Error;

/// Numbers without a record that one batch reports about at most: each becomes a row of one load.
const MISSING_AT_A_TIME: u64 = 10_000;

/// What the tracker needs of a journal. Any number of threads may call it at once.
pub(crate) trait Journal: Send + Sync + Debug {
    /// Appends records. All of them are kept when the answer says so; after an error some may be, too. In segments they get
    /// consecutive numbers, all of them or none.
    ///
    /// Returns at once. The answer comes when the records are durable, and holds the number of the first. A call
    /// without records keeps nothing: it is answered when the storage takes writes, which tells whether it does.
    ///
    /// # Errors
    ///
    /// At once when the journal is overloaded, full or closed; through the receiver when the storage fails. After an
    /// error the sender must not be told that its records are kept.
    fn append(&self, records: Vec<NewRecord>) -> Result<Pending, AppendError>;

    /// The newest durable sequence number that this process knows of; 0 when nothing was ever accepted. It never decreases.
    fn durable(&self) -> u64;

    /// The newest durable sequence number at this moment, whoever appended it. Default: [`Journal::durable`], where nobody
    /// else appends.
    ///
    /// # Errors
    ///
    /// When the storage can't be asked.
    fn newest(&self) -> io::Result<u64> {
        Ok(self.durable())
    }

    /// A reader of the records after a sequence number.
    fn reader(&self, after: u64) -> Box<dyn Reader>;

    /// Allows the journal to delete the records up to this number, which are in the tables.
    ///
    /// It may delete them later and in larger pieces, but no later than the next release after a record of
    /// [`Kind::Deletion`] among them: that one and what is before it must not outlive its execution.
    ///
    /// # Errors
    ///
    /// When something can't be deleted; the next call tries it again.
    fn release(&self, up_to: u64) -> io::Result<()>;

    /// Gives up what is kept on the disk for a moment only, and has not been needed. Called from time to time. Default: nothing is.
    fn let_go(&self) {}

    /// The folder or the address, for messages; without secrets.
    fn location(&self) -> String;

    /// Whether other processes append to it, or read and release, at the same time.
    fn is_shared(&self) -> bool {
        false
    }

    /// How the journal is doing.
    fn status(&self) -> Status;

    /// Takes no more records, makes those durable that wait, and ends the journal's threads. A second call does nothing.
    fn close(&self);
}

/// Appends records, and waits until they are durable: the number of the first.
pub(crate) fn keep(journal: &dyn Journal, records: Vec<NewRecord>) -> Result<u64, Error> {
    let kept = journal.append(records).and_then(|pending| pending.blocking_recv().unwrap_or(Err(AppendError::Closed)));
    kept.map_err(|error| Error::Journal { location: journal.location(), source: io::Error::other(error) })
}

/// Reads records in the order of their sequence numbers, a bounded number at a time.
pub(crate) trait Reader: Send + Debug {
    /// The number before the one that comes next.
    fn position(&self) -> u64;

    /// Reads on, up to and including the number `until` or the newest durable one, whichever is smaller. Stops once the
    /// payloads exceed `max_bytes`, after one record at least.
    ///
    /// Every number is accounted for: a record that was acknowledged and can't be read any more is reported as missing.
    /// Records that were released long ago are skipped. An empty batch means that nothing is there up to `until`.
    ///
    /// # Errors
    ///
    /// When the storage can't be read; the position stays where it was.
    fn read(&mut self, until: u64, max_bytes: usize) -> io::Result<Batch>;
}

/// The answer to [`Journal::append`]: the sequence number of the first record.
pub(crate) type Pending = oneshot::Receiver<Result<u64, AppendError>>;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A row of the table of events.
    Event,
    /// A row of the quarantine.
    Quarantine,
    /// A request to delete events that come before it.
    Deletion,
    /// A row of the table of events, and the number of the quarantined event that it takes the place of.
    Replay,
}

/// A record to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRecord {
    /// What it holds.
    pub(crate) kind: Kind,
    /// The row, or the request, as one JSON object.
    pub(crate) payload: Vec<u8>,
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its sequence number.
    pub(crate) sequence: u64,
    /// What it holds.
    pub(crate) kind: Kind,
    /// The row, or the request, as one JSON object; where many are read at once, a piece of what was read.
    pub(crate) payload: Bytes,
}

/// Consecutive records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Those that could be read.
    pub(crate) entries: Vec<Entry>,
    /// The sequence numbers of those that could not.
    pub(crate) missing: Vec<RangeInclusive<u64>>,
    /// The newest sequence number that the batch accounts for.
    pub(crate) last: u64,
}

impl Batch {
    /// The oldest sequence number that the batch accounts for.
    pub(crate) fn first(&self) -> u64 {
        let sound = self.entries.first().map(|entry| entry.sequence);
        self.missing.iter().map(|range| *range.start()).chain(sound).min().unwrap_or(self.last)
    }

    /// The first deletion request in it: what is before it must be in the tables before it is executed.
    pub(crate) fn first_deletion(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.kind == Kind::Deletion)
    }

    /// The part of the batch before the entry with this number.
    pub(crate) fn before(mut self, sequence: u64) -> Self {
        self.entries.retain(|entry| entry.sequence < sequence);
        self.missing.retain(|range| *range.end() < sequence);
        self.last = sequence - 1;
        self
    }

    /// Leaves to the next batch what is behind too many missing numbers; whether there was such.
    fn cut(&mut self) -> bool {
        let mut left = MISSING_AT_A_TIME;
        for index in 0..self.missing.len() {
            let (first, last) = (*self.missing[index].start(), *self.missing[index].end());
            if last - first >= left {
                self.last = first + left - 1;
                self.entries.retain(|entry| entry.sequence <= self.last);
                self.missing.truncate(index + usize::from(left > 0));
                if left > 0 {
                    self.missing[index] = first..=self.last;
                }
                return true;
            }
            left -= last - first + 1;
        }
        false
    }

    /// How many sequence numbers it accounts for.
    pub(crate) fn count(&self) -> u64 {
        self.entries.len() as u64 + self.missing_count()
    }

    /// How many of them could not be read.
    pub(crate) fn missing_count(&self) -> u64 {
        self.missing.iter().map(|range| range.end() - range.start() + 1).sum()
    }

    /// Whether it accounts for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.missing.is_empty()
    }
}

/// How a journal is doing.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    /// Size of what it holds, in bytes.
    pub(crate) bytes: u64,
    /// Groups of records that were made durable since it was opened.
    pub(crate) groups: u64,
    /// Whether it takes nothing until the loader has caught up.
    pub(crate) is_full: bool,
    /// The last failure of the storage, if nothing has succeeded since.
    pub(crate) failure: Option<AppendError>,
}

/// Why records were not appended. The sender must not be told that they were.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AppendError {
    /// Too much waits for the storage.
    #[error("too many events are waiting for the disk")]
    Busy,
    /// The loader is behind and the journal has reached its limit.
    #[error("the journal has reached its limit of {limit} bytes because its events could not be loaded yet")]
    Full {
        /// The limit in bytes.
        limit: u64,
    },
    /// The storage failed.
    #[error("the journal in {location} can't be written: {reason}")]
    Storage {
        /// The journal's folder or address.
        location: String,
        /// What the system said.
        reason: String,
    },
    /// The servers that keep it can't be reached, or do not answer in time.
    #[error("the journal at {location} is away: {reason}")]
    Away {
        /// The journal's address.
        location: String,
        /// What happened.
        reason: String,
    },
    /// The journal is being closed.
    #[error("the tracker is stopping")]
    Closed,
}
