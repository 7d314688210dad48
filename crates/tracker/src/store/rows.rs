//! The rows of a batch of the journal, as a source for the engine.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use dlt_engine::source::{Chunk, ExtractContext, JsonChunk, Reader, Resource, TableHints};
use dlt_engine::{Result, Source};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::schema::{self, EVENTS, LOADS, OBJECTS, PIPELINE, QUARANTINE, REPLAYS};
use crate::event;
use crate::journal::{Batch, Kind, NewRecord};
use crate::message::InRow;
use crate::outcome::Reason;

/// Bytes of one chunk that the engine gets.
const CHUNK_BYTES: usize = 2 << 20;
/// What a sequence number adds to a row, at most.
const MEMBER_BYTES: usize = 40;

/// Rows for all tables, to be written in one transaction. The row for `journal_loads` holds the range of sequence
/// numbers that they cover.
///
/// The source can be read again as often as needed: the journal keeps the events until they were found in the tables.
pub(crate) struct JournalRows {
    /// By the tables that are written.
    tables: Vec<(&'static str, Lines)>,
    /// No row has the key of one that is in its table.
    are_new: bool,
    /// Events that count and are not among the rows.
    left_out: u64,
}

impl JournalRows {
    /// The rows of a batch. Events with the numbers in `left_out` are not stored: they were deleted on request, or are in the
    /// tables.
    pub(crate) fn new(batch: &Batch, left_out: &HashSet<u64>, now: Timestamp) -> Self {
        Self::made_of(batch, false, left_out, now)
    }

    /// Says that all that is in the tables already is left out.
    pub(crate) fn all_new(self) -> Self {
        Self { are_new: true, ..self }
    }

    /// The rows of a batch whose events the tables refused: each becomes a row of the quarantine.
    pub(crate) fn refused(batch: &Batch, now: Timestamp) -> Self {
        Self::made_of(batch, true, &HashSet::new(), now)
    }

    /// How many events it takes from the journal without a row, where it is said that all others are new.
    pub(crate) fn left_out(&self) -> Option<u64> {
        self.are_new.then_some(self.left_out)
    }

    /// Whether quarantined events are replayed by it.
    pub(crate) fn replays(&self) -> bool {
        self.tables.iter().any(|(table, _)| *table == REPLAYS)
    }

    /// No events: appending it makes the tables, or adds missing columns. Its load covers no number.
    pub(crate) fn none(now: Timestamp) -> Self {
        let load = format!(
            "{{\"first_seq\":0,\"last_seq\":-1,\"events\":0,\"quarantined\":0,\"deduplicated\":0,\
             \"loaded_at\":\"{}\"}}",
            event::formatted(now)
        );
        let none = [EVENTS, QUARANTINE, REPLAYS].map(|table| (table, Lines::default()));
        let tables = none.into_iter().chain([(LOADS, Lines::whole(load))]).collect();
        Self { tables, are_new: false, left_out: 0 }
    }

    /// Rows of [`OBJECTS`], as lines of JSON. As [`JournalRows::none`], they cover no number.
    pub(crate) fn of_objects(lines: Vec<u8>, now: Timestamp) -> Self {
        let mut rows = Self::none(now);
        rows.tables.push((OBJECTS, Lines::whole(lines)));
        rows
    }

    fn made_of(batch: &Batch, is_refused: bool, left_out: &HashSet<u64>, now: Timestamp) -> Self {
        let (mut events, mut quarantine, mut replays) = (Lines::default(), Lines::default(), Lines::default());
        // Of a message that comes twice the first is stored, and what is nested in the second must not be.
        let mut messages = HashSet::new();
        for entry in &batch.entries {
            let mut is_first = |row| InRow::read(row).is_none_or(|message| messages.insert(message));
            match entry.kind {
                _ if is_refused => {
                    quarantine.push(event::lost_row(entry.sequence, Reason::RefusedRow, now), entry.sequence);
                }
                // It counts as an event that is not stored: a duplicate.
                Kind::Event | Kind::Replay if left_out.contains(&entry.sequence) => events.count += 1,
                Kind::Event if !is_first(&entry.payload) => events.count += 1,
                Kind::Event => events.push(entry.payload.clone(), entry.sequence),
                Kind::Quarantine => quarantine.push(entry.payload.clone(), entry.sequence),
                Kind::Replay => match Replay::of(&entry.payload) {
                    Some(replay) => {
                        let row = replay.row.get().as_bytes();
                        match is_first(row) {
                            true => events.push(entry.payload.slice_ref(row), entry.sequence),
                            false => events.count += 1,
                        }
                        let at = event::formatted(now);
                        let of = format!("{{\"replayed_seq\":{},\"replayed_at\":\"{at}\"}}", replay.replays);
                        replays.push(of, entry.sequence);
                    }
                    // What was written as one reads as one.
                    None => {
                        quarantine.push(event::lost_row(entry.sequence, Reason::CorruptRecord, now), entry.sequence)
                    }
                },
                // The loader executes it and appends nothing for it.
                Kind::Deletion => {}
            }
        }
        for sequence in batch.missing.iter().cloned().flatten() {
            quarantine.push(event::lost_row(sequence, Reason::CorruptRecord, now), sequence);
        }
        let load = format!(
            "{{\"first_seq\":{},\"last_seq\":{},\"events\":{},\"quarantined\":{},\"loaded_at\":\"{}\"}}",
            batch.first(),
            batch.last,
            events.count,
            quarantine.count,
            event::formatted(now)
        );
        let left_out = events.count - events.rows.len() as u64;
        let mut tables = vec![(EVENTS, events), (QUARANTINE, quarantine), (LOADS, Lines::whole(load))];
        // Most loads have none.
        if !replays.rows.is_empty() {
            tables.push((REPLAYS, replays));
        }
        Self { tables, are_new: false, left_out }
    }
}

/// A quarantined event that is replayed, as the journal keeps it.
#[derive(Deserialize)]
pub(crate) struct Replay<'a> {
    /// The number of the quarantined event.
    pub(crate) replays: u64,
    /// The row of the table of events.
    #[serde(borrow)]
    pub(crate) row: &'a RawValue,
}

impl<'a> Replay<'a> {
    /// Reads the payload of a record.
    pub(crate) fn of(payload: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    /// The record for the journal. `row` is one JSON object.
    pub(crate) fn record(replays: u64, row: &[u8]) -> NewRecord {
        let mut payload = format!("{{\"replays\":{replays},\"row\":").into_bytes();
        payload.extend_from_slice(row);
        payload.push(b'}');
        NewRecord { kind: Kind::Replay, payload }
    }
}

/// Rows that become lines of JSON, piece by piece.
#[derive(Default)]
struct Lines {
    rows: VecDeque<Line>,
    /// Those that are not added, too.
    count: u64,
}

/// A JSON object as it was written, and a sequence number that becomes its last member.
struct Line {
    object: Bytes,
    sequence: Option<u64>,
}

impl Lines {
    /// One object, or several as lines.
    fn whole(objects: impl Into<Bytes>) -> Self {
        Self { rows: [Line { object: objects.into(), sequence: None }].into(), count: 1 }
    }

    fn push(&mut self, object: impl Into<Bytes>, sequence: u64) {
        self.rows.push_back(Line { object: object.into(), sequence: Some(sequence) });
        self.count += 1;
    }

    /// The next lines.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        self.rows.front()?;
        let (mut bytes, mut lines) = (0, 0);
        for line in &self.rows {
            bytes += line.object.len() + MEMBER_BYTES;
            lines += 1;
            if bytes >= CHUNK_BYTES {
                break;
            }
        }
        let mut chunk = Vec::with_capacity(bytes);
        self.rows.drain(..lines).for_each(|line| line.write(&mut chunk));
        Some(chunk)
    }
}

impl Line {
    fn write(&self, chunk: &mut Vec<u8>) {
        let Some(sequence) = self.sequence else {
            chunk.extend_from_slice(&self.object);
            return chunk.push(b'\n');
        };
        let members = self.object.strip_suffix(b"}").unwrap_or(&self.object);
        chunk.extend_from_slice(members);
        if members.len() > 1 {
            chunk.push(b',');
        }
        chunk.extend_from_slice(format!("\"journal_seq\":{sequence}}}\n").as_bytes());
    }
}

impl Source for JournalRows {
    fn name(&self) -> &str {
        PIPELINE
    }

    fn identity(&self) -> String {
        // The same for all batches: an interrupted load is completed as it began, and the loader then reads on from
        // where that one ended.
        "journal".to_owned()
    }

    fn is_replayable(&self) -> bool {
        true
    }

    fn resources(&mut self, _context: &ExtractContext) -> Result<Vec<Resource>> {
        let are_new = self.are_new;
        Ok(std::mem::take(&mut self.tables)
            .into_iter()
            .map(|(table, lines)| {
                let lines = LineReader { input: Arc::from(format!("journal ({table})")), lines };
                Resource::new(table, lines).with_hints(TableHints { are_new, ..schema::hints(table) })
            })
            .collect())
    }
}

struct LineReader {
    input: Arc<str>,
    lines: Lines,
}

impl Reader for LineReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        Ok(self
            .lines
            .chunk()
            .map(|bytes| Chunk::Json(JsonChunk { bytes, input: Arc::clone(&self.input), first_line: 1 })))
    }
}
