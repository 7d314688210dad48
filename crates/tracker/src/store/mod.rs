//! The store: the tables that events are loaded into, and what the tracker asks of them.
//!
//! This module is the contract; [`sql`] keeps it in a database that the engine loads into, or in files that are asked as one. The columns are the same in
//! every store ([`schema`]), and the engine writes them: a store needs an engine destination that can merge by key in
//! one transaction.
//!
//! # Exactly once
//!
//! The loader reads the journal from the position that the tables hold and appends what follows. [`Tables::append`]
//! writes the rows, their `journal_loads` row and so the new position in one transaction. A row whose key is in its
//! table is left out; that of an event is its message id within its project. After a crash at any moment the loader starts
//! at the position again, and no event is lost or stored twice.
//!
//! # Verified, then released
//!
//! After each append the loader looks for the events by their sequence numbers and records what it found
//! ([`Tables::settle`]), before the journal may delete them.

mod dialect;
mod rows;
pub(crate) mod schema;
pub(crate) mod sql;

use std::collections::HashSet;
use std::path::Path;

use arrow::record_batch::RecordBatch;
use dlt_engine::destination::{Access, Row};
use dlt_engine::{Error, ErrorKind};

use crate::deletion::{Claim, Request};
use crate::ledger::Ledger;
use crate::message::Message;
use crate::retention::Expired;

pub(crate) use dialect::Dialect;
pub(crate) use rows::{JournalRows, Replay};

/// Where the tables are.
pub(crate) trait Store: Send + Sync {
    /// The file or the address, for messages; without secrets.
    fn location(&self) -> String;

    /// Whether there is a database at all. It may be without tables.
    fn exists(&self) -> bool;

    /// Drops what is left of an append that a killed process had begun and that is not in the tables. Nothing is lost:
    /// the journal holds the same events after the position. Called before any other use.
    ///
    /// # Errors
    /// When it can't be removed.
    fn discard_unfinished(&self) -> std::io::Result<()>;

    /// Takes the lead among the processes that load into the tables, or keeps it; whoever follows loads nothing. Default:
    /// who can open the tables for writing is alone.
    ///
    /// Two may take themselves for the leader for a moment, one of whose connections was lost. Nothing goes wrong then:
    /// whatever they load of the same events is there once.
    ///
    /// # Errors
    /// When the store can't be reached.
    fn lead(&self) -> Result<Role, Error> {
        Ok(Role::Leads { is_new: false })
    }

    /// Gives the lead away, if this process has it.
    fn resign(&self) {}

    /// Does what keeps the tables in order, if it is due; asked by who leads, between loads. Default: nothing is needed.
    ///
    /// # Errors
    /// When the store fails; the tables are as they were.
    fn upkeep(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Writes down that the tables are of the journal `owner`, where they are of none yet; or in any case, if `always`. Returns whether
    /// they are of that one now. Default: tables in a file are of the folder that it is in.
    ///
    /// # Errors
    /// When the store can't be reached, or written.
    fn own(&self, _owner: &str, _always: bool) -> Result<bool, Error> {
        Ok(true)
    }

    /// Opens the tables. They may be held exclusively until the value is dropped, so it lives for one load or question.
    ///
    /// # Errors
    /// When the database can't be opened. The kind is `DestinationBusy` where another process holds it.
    fn open(&self, access: Access) -> Result<Box<dyn Tables + '_>, Error>;
}

/// Asks the tables beside a loader at work; all answers are of one moment.
///
/// # Errors
/// When the tables can't be opened, and those of the question.
pub(crate) fn ask<T>(
    store: &dyn Store,
    question: impl FnOnce(&mut dyn Tables) -> Result<T, Error>,
) -> Result<T, Error> {
    // As the loader opens them: it could not load what this process has open for reading alone.
    let mut tables = match store.open(Access::Write) {
        Err(error) if error.kind() == ErrorKind::DestinationBusy => store.open(Access::Read),
        opened => opened,
    }?;
    tables.hold_still()?;
    question(&mut *tables)
}

/// The owner of tables whose journal is a stream that several processes share.
pub(crate) const STREAM: &str = "a stream";

/// The tables, open. Ranges of sequence numbers include both ends.
pub(crate) trait Tables {
    /// From here on, all answers are of one moment, whatever is loaded meanwhile; until the value is dropped, and only for
    /// questions. Default: nobody loads while the value lives.
    ///
    /// # Errors
    /// When the store fails.
    fn hold_still(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Takes what memory and threads questions may take, until the value is dropped: for an append that failed with less.
    /// Default: appends take what they need.
    ///
    /// # Errors
    /// When the store fails.
    fn make_room(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Whether anything was ever appended.
    fn exist(&mut self) -> Result<bool, Error>;

    /// Whether the tables have all columns of this version; where not, the next append adds them.
    fn are_current(&mut self) -> Result<bool, Error>;

    /// Makes what speeds up questions, where it is missing; asked by who begins to load. Default: nothing is needed.
    ///
    /// # Errors
    /// When the store fails.
    fn make_ready(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// What the tables hold. All zeros where there are none.
    fn counts(&mut self) -> Result<Counts, Error>;

    /// Appends rows in one transaction, leaving out those whose key exists; rows that are said to be new are not looked for.
    ///
    /// It may complete an earlier append instead; [`Tables::counts`] tells by its position.
    ///
    /// # Errors
    /// When nothing was written. The kind is `Data` where a row can't be stored.
    fn append(&mut self, rows: JournalRows) -> Result<(), Error>;

    /// How many rows and tombstones have a sequence number in the range.
    fn count_between(&mut self, first: u64, last: u64) -> Result<u64, Error>;

    /// The sequence numbers in the range that have a row or a tombstone, in ascending order.
    fn sequences_between(&mut self, first: u64, last: u64) -> Result<Vec<u64>, Error>;

    /// Which of these messages have a row of events, or had one that was deleted on request.
    fn known_messages(&mut self, messages: &[Message]) -> Result<HashSet<Message>, Error>;

    /// Tells the message id and the project of each row of events, where nobody but this process adds rows, so that who was told
    /// knows which are new. False, and nothing is told, where others may. Default: others may.
    ///
    /// # Errors
    /// When the store fails.
    fn tell_messages(&mut self, _on_message: &mut OnMessage<'_>) -> Result<bool, Error> {
        Ok(false)
    }

    /// Which of these messages have a row of the quarantine, or had one that was deleted on request.
    fn known_quarantined(&mut self, messages: &[Message]) -> Result<HashSet<Message>, Error>;

    /// Which of these messages had a row of events that was deleted on request.
    fn deleted_messages(&mut self, messages: &[Message]) -> Result<HashSet<Message>, Error>;

    /// Which of these sequence numbers have a tombstone.
    fn tombstones_of(&mut self, sequences: &[u64]) -> Result<HashSet<u64>, Error>;

    /// Deletes from the quarantine what was replayed. It counts as replayed already.
    fn clear_replayed(&mut self) -> Result<(), Error>;

    /// Whether anything was ever deleted on request.
    fn have_deletions(&mut self) -> Result<bool, Error>;

    /// The first and the last sequence number of the loads that are not settled yet.
    fn unsettled(&mut self) -> Result<Option<(u64, u64)>, Error>;

    /// Records for each unsettled load of the range how many of its events were duplicates: those that have neither row
    /// nor tombstone, without those in `lost`, which are nowhere.
    fn settle(&mut self, first: u64, last: u64, lost: &[u64]) -> Result<(), Error>;

    /// As [`Tables::settle`], of one load of which all that is held was counted: so many of its events were duplicates, and none
    /// is lost. Default: it is counted once more.
    ///
    /// # Errors
    /// When the store fails.
    fn settle_counted(&mut self, first: u64, last: u64, _deduplicated: u64) -> Result<(), Error> {
        self.settle(first, last, &[])
    }

    /// Whether one of the claim's events is in the tables, or was and is deleted by an earlier request.
    fn prove(&mut self, claim: &Claim) -> Result<bool, Error>;

    /// Deletes the rows of the request's id, leaves a tombstone for each, and advances the position to `sequence`, in
    /// one transaction. `now` is a timestamp as rows have it.
    fn delete(&mut self, request: &Request, sequence: u64, now: &str) -> Result<(), Error>;

    /// Copies the tables into a new file of their own kind; false where they are on a server, which has ways of its own.
    fn copy_to(&mut self, file: &Path) -> Result<bool, Error>;

    /// How many rows are too old, and how many there are.
    fn aged(&mut self, expired: &Expired) -> Result<Aged, Error>;

    /// Whether what is too old is more than goes with the days: neither did something go about a month before, nor is it of the last days
    /// before the limit. Then the clock has leapt, or the limit is a new one.
    fn is_leap(&mut self, expired: &Expired) -> Result<bool, Error>;

    /// Counts by the day what is too old, and deletes it: a day of arrival at a time, the oldest first, each in one transaction. All
    /// loads are settled. `now` is a timestamp as rows have it.
    fn expire(&mut self, expired: &Expired, now: &str) -> Result<(), Error>;

    /// The end of the last day of which an event of a project was deleted because it was too old, or one of any project, as text in
    /// UTC; none where none were. Of days from then on all events are there.
    fn expired_before(&mut self, project: Option<&str>) -> Result<Option<String>, Error>;

    /// How many rows of events and of the quarantine the deletion request with that number deleted.
    fn deleted_by(&mut self, sequence: u64) -> Result<(u64, u64), Error>;

    /// Compares the tables with each other. Only where they exist.
    fn recount(&mut self, counts: &Counts) -> Result<Recount, Error>;

    /// The rows of a query in the words of [`Tables::dialect`]. Only where the tables exist.
    fn select(&mut self, sql: &str) -> Result<Vec<Row>, Error>;

    /// As [`Tables::select`], piece by piece: for answers of many rows.
    fn batches(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error>;

    /// Answers a question of a person: one statement that reads these tables, and nothing else, such as files. Only with
    /// tables that are open for reading alone. `on_batch` gets the rows piece by piece; an error of it ends the question.
    ///
    /// # Errors
    /// The kind is `Config` where it is no such statement.
    fn ask(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error>;

    /// How questions are asked.
    fn dialect(&self) -> &'static dyn Dialect;
}

/// Who is told message ids with their projects.
pub(crate) type OnMessage<'a> = dyn FnMut(&str, Option<&str>) + 'a;

/// Who takes the rows of an answer.
pub(crate) type OnBatch<'a> = dyn FnMut(RecordBatch) -> Result<(), Error> + 'a;

/// What a process is among those that load into the same tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It loads.
    Leads {
        /// It did not a moment ago: others may have loaded what it knows nothing of.
        is_new: bool,
    },
    /// Another one loads.
    Follows,
}

/// What the tables hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The newest sequence number that was taken from the journal.
    pub(crate) position: u64,
    /// Rows of events.
    pub(crate) loaded: u64,
    /// Rows of the quarantine that were not replayed.
    pub(crate) quarantined: u64,
    /// Events taken from the journal whose message was in the tables already.
    pub(crate) deduplicated: u64,
    /// Rows of events that were deleted on request.
    pub(crate) deleted_events: u64,
    /// Rows of the quarantine that were deleted on request.
    pub(crate) deleted_quarantined: u64,
    /// Deletion requests that were executed.
    pub(crate) requests: u64,
    /// Quarantined events that were replayed.
    pub(crate) replayed: u64,
    /// Rows of events that were too old.
    pub(crate) expired_events: u64,
    /// Rows of the quarantine that were too old.
    pub(crate) expired_quarantined: u64,
}

impl Counts {
    /// The ledger, by the newest sequence number of the journal.
    pub(crate) fn ledger(&self, newest: u64) -> Ledger {
        let accepted = newest.max(self.position);
        Ledger {
            accepted,
            loaded: self.loaded,
            quarantined: self.quarantined,
            deduplicated: self.deduplicated,
            deleted: self.deleted_events + self.deleted_quarantined + self.requests,
            replayed: self.replayed,
            expired: self.expired_events + self.expired_quarantined,
            in_journal: accepted - self.position,
        }
    }
}

/// How much of the tables is too old.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Aged {
    /// Rows of events that are.
    pub(crate) events: u64,
    /// Rows of the quarantine that are.
    pub(crate) quarantined: u64,
    /// All rows of both tables.
    pub(crate) all: u64,
}

/// What does not agree between the tables, each as a number of rows. All zeros when they are sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recount {
    /// Rows of events whose message id another row of their project has.
    pub(crate) same_message: u64,
    /// Rows of events whose sequence number another row has.
    pub(crate) same_number: u64,
    /// Rows of the quarantine whose sequence number another row has.
    pub(crate) same_quarantined: u64,
    /// Sequence numbers that are in both tables.
    pub(crate) in_both: u64,
    /// Rows of events after the position.
    pub(crate) beyond: u64,
    /// By how much the quarantine's rows, with the deleted and the replayed ones, differ from what the loads recorded.
    pub(crate) quarantine_difference: u64,
    /// Sequence numbers up to the position that no load covers, or that several do.
    pub(crate) uncovered: u64,
    /// Events that a load took and that have no row any more.
    pub(crate) lost: u64,
    /// Rows of lists of objects whose event is not there.
    pub(crate) orphaned: u64,
    /// Rows of events that no load took.
    pub(crate) unexplained: u64,
    /// By how much the tombstones differ from what the deletion requests recorded.
    pub(crate) deletion_difference: u64,
    /// Tombstones whose row is still in a table.
    pub(crate) undeleted: u64,
    /// Events that were stored again after they were deleted.
    pub(crate) returned: u64,
    /// By how much the rows that were too old differ, by load, by day and by run.
    pub(crate) expired_difference: u64,
}
