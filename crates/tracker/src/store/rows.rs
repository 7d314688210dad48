//! The rows of a batch of the journal, as a source for the engine.

use std::collections::HashSet;
use std::sync::Arc;

use dlt_engine::source::{Chunk, ExtractContext, JsonChunk, Reader, Resource, TableHints};
use dlt_engine::{Result, Source};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::schema::{self, EVENTS, LOADS, OBJECTS, PIPELINE, QUARANTINE, REPLAYS};
use crate::event;
use crate::journal::{Batch, Kind, NewRecord};
use crate::outcome::Reason;

/// Bytes of one chunk that the engine gets.
const CHUNK_BYTES: usize = 4 << 20;

/// Rows for all tables, to be written in one transaction. The row for `journal_loads` holds the range of sequence
/// numbers that they cover.
///
/// The source can be read again as often as needed: the journal keeps the events until they were found in the tables.
pub(crate) struct JournalRows {
    /// By the tables that are written.
    chunks: Vec<(&'static str, Vec<Vec<u8>>)>,
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
        self.chunks.iter().any(|(table, _)| *table == REPLAYS)
    }

    /// No events: appending it makes the tables, or adds missing columns. Its load covers no number.
    pub(crate) fn none(now: Timestamp) -> Self {
        let load = format!(
            "{{\"first_seq\":0,\"last_seq\":-1,\"events\":0,\"quarantined\":0,\"deduplicated\":0,\
             \"loaded_at\":\"{}\"}}\n",
            event::formatted(now)
        );
        let none = [EVENTS, QUARANTINE, REPLAYS].map(|table| (table, Vec::new()));
        let chunks = none.into_iter().chain([(LOADS, vec![load.into_bytes()])]).collect();
        Self { chunks, are_new: false, left_out: 0 }
    }

    /// Rows of [`OBJECTS`], as lines of JSON. As [`JournalRows::none`], they cover no number.
    pub(crate) fn of_objects(lines: Vec<u8>, now: Timestamp) -> Self {
        let mut rows = Self::none(now);
        rows.chunks.push((OBJECTS, vec![lines]));
        rows
    }

    fn made_of(batch: &Batch, is_refused: bool, left_out: &HashSet<u64>, now: Timestamp) -> Self {
        let (mut events, mut quarantine, mut replays) = (Lines::default(), Lines::default(), Lines::default());
        // Of a message that comes twice the first is stored, and what is nested in the second must not be.
        let mut messages = HashSet::new();
        let mut is_first = |row: &'_ [u8]| message_id(row).is_none_or(|id| messages.insert(id.to_vec()));
        for entry in &batch.entries {
            match entry.kind {
                _ if is_refused => {
                    quarantine.push(&event::lost_row(entry.sequence, Reason::RefusedRow, now), entry.sequence);
                }
                // It counts as an event that is not stored: a duplicate.
                Kind::Event | Kind::Replay if left_out.contains(&entry.sequence) => events.count += 1,
                Kind::Event if !is_first(&entry.payload) => events.count += 1,
                Kind::Event => events.push(&entry.payload, entry.sequence),
                Kind::Quarantine => quarantine.push(&entry.payload, entry.sequence),
                Kind::Replay => match Replay::of(&entry.payload) {
                    Some(replay) => {
                        let row = replay.row.get().as_bytes();
                        match is_first(row) {
                            true => events.push(row, entry.sequence),
                            false => events.count += 1,
                        }
                        let at = event::formatted(now);
                        let of = format!("{{\"replayed_seq\":{},\"replayed_at\":\"{at}\"}}", replay.replays);
                        replays.push(of.as_bytes(), entry.sequence);
                    }
                    // What was written as one reads as one.
                    None => {
                        quarantine.push(&event::lost_row(entry.sequence, Reason::CorruptRecord, now), entry.sequence)
                    }
                },
                // The loader executes it and appends nothing for it.
                Kind::Deletion => {}
            }
        }
        for sequence in batch.missing.iter().cloned().flatten() {
            quarantine.push(&event::lost_row(sequence, Reason::CorruptRecord, now), sequence);
        }
        let load = format!(
            "{{\"first_seq\":{},\"last_seq\":{},\"events\":{},\"quarantined\":{},\"loaded_at\":\"{}\"}}\n",
            batch.first(),
            batch.last,
            events.count,
            quarantine.count,
            event::formatted(now)
        );
        let mut chunks =
            vec![(EVENTS, events.chunks), (QUARANTINE, quarantine.chunks), (LOADS, vec![load.into_bytes()])];
        // Most loads have none.
        if !replays.chunks.is_empty() {
            chunks.push((REPLAYS, replays.chunks));
        }
        Self { chunks, are_new: false, left_out: events.count - events.rows }
    }
}

/// The message id of a row, as JSON has it: the first member.
pub(crate) fn message_id(row: &[u8]) -> Option<&[u8]> {
    let id = row.strip_prefix(b"{\"message_id\":\"")?;
    let mut is_escaped = false;
    let end = id.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some(&id[..end])
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

/// Rows as lines of JSON, in chunks.
#[derive(Default)]
struct Lines {
    chunks: Vec<Vec<u8>>,
    /// Those that are not added, too.
    count: u64,
    rows: u64,
}

impl Lines {
    /// Adds a row, with its sequence number as one more member.
    fn push(&mut self, payload: &[u8], sequence: u64) {
        let chunk = match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_BYTES => chunk,
            _ => self.chunks.push_mut(Vec::with_capacity(CHUNK_BYTES / 8)),
        };
        let members = payload.strip_suffix(b"}").unwrap_or(payload);
        chunk.extend_from_slice(members);
        if members.len() > 1 {
            chunk.push(b',');
        }
        chunk.extend_from_slice(format!("\"journal_seq\":{sequence}}}\n").as_bytes());
        self.count += 1;
        self.rows += 1;
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
        Ok(std::mem::take(&mut self.chunks)
            .into_iter()
            .map(|(table, chunks)| {
                let lines = LineReader { input: Arc::from(format!("journal ({table})")), chunks: chunks.into_iter() };
                Resource::new(table, lines).with_hints(TableHints { are_new, ..schema::hints(table) })
            })
            .collect())
    }
}

struct LineReader {
    input: Arc<str>,
    chunks: std::vec::IntoIter<Vec<u8>>,
}

impl Reader for LineReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let next = self.chunks.next();
        Ok(next.map(|bytes| Chunk::Json(JsonChunk { bytes, input: Arc::clone(&self.input), first_line: 1 })))
    }
}
