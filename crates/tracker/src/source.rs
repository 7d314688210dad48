//! A piece of the journal as a source for the engine.

use std::collections::HashSet;
use std::sync::Arc;

use dlt_engine::source::{Chunk, ExtractContext, JsonChunk, Reader, Resource};
use dlt_engine::{Result, Source};
use jiff::Timestamp;

use crate::event;
use crate::journal::{Batch, Kind};
use crate::outcome::Reason;
use crate::tables::{self, EVENTS, LOADS, PIPELINE, QUARANTINE};

/// Bytes of one piece that is handed to the engine.
const CHUNK_BYTES: usize = 4 << 20;

/// The events after the newest one that is loaded, up to a bound.
///
/// It can be read again as often as it takes, for the journal is trimmed only after its events were found in the
/// tables. All three tables are written in one transaction; which sequence numbers were taken is one row of it.
pub(crate) struct JournalSource {
    chunks: [Vec<Vec<u8>>; 3],
}

impl JournalSource {
    /// The rows for a batch. Events with the numbers in `again` were deleted on request and are not stored once more.
    pub(crate) fn new(batch: &Batch, again: &HashSet<u64>, now: Timestamp) -> Self {
        Self::made_of(batch, false, again, now)
    }

    /// The rows for a batch whose events the tables refused: they are put aside instead.
    pub(crate) fn refused(batch: &Batch, now: Timestamp) -> Self {
        Self::made_of(batch, true, &HashSet::new(), now)
    }

    /// No rows: it only makes the tables. Its load takes no number.
    pub(crate) fn nothing(now: Timestamp) -> Self {
        let load = format!(
            "{{\"first_seq\":0,\"last_seq\":-1,\"events\":0,\"quarantined\":0,\"deduplicated\":0,\
             \"loaded_at\":\"{}\"}}\n",
            event::written(now)
        );
        Self { chunks: [Vec::new(), Vec::new(), vec![load.into_bytes()]] }
    }

    fn made_of(batch: &Batch, is_refused: bool, again: &HashSet<u64>, now: Timestamp) -> Self {
        let (mut events, mut quarantine) = (Lines::default(), Lines::default());
        for entry in &batch.entries {
            match entry.kind {
                _ if is_refused => {
                    quarantine.push(&event::lost_row(entry.sequence, Reason::RefusedRow, now), entry.sequence);
                }
                // It was offered, and is not stored, as one that is there already.
                Kind::Event if again.contains(&entry.sequence) => events.count += 1,
                Kind::Event => events.push(&entry.payload, entry.sequence),
                Kind::Quarantine => quarantine.push(&entry.payload, entry.sequence),
                // The loader executes it, and never hands one on.
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
            event::written(now)
        );
        Self { chunks: [events.chunks, quarantine.chunks, vec![load.into_bytes()]] }
    }
}

/// Rows as lines of JSON, in pieces.
#[derive(Default)]
struct Lines {
    chunks: Vec<Vec<u8>>,
    count: u64,
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
    }
}

impl Source for JournalSource {
    fn name(&self) -> &str {
        PIPELINE
    }

    fn identity(&self) -> String {
        // One for all pieces: a load that was cut short is finished as it was begun, and then the journal is read on
        // from where that one ended.
        "journal".to_owned()
    }

    fn is_replayable(&self) -> bool {
        true
    }

    fn resources(&mut self, _context: &ExtractContext) -> Result<Vec<Resource>> {
        let tables = [EVENTS, QUARANTINE, LOADS].into_iter().zip(std::mem::take(&mut self.chunks));
        Ok(tables
            .map(|(table, chunks)| {
                let rows = Rows { input: Arc::from(format!("journal ({table})")), chunks: chunks.into_iter() };
                Resource::new(table, rows).with_hints(tables::hints(table))
            })
            .collect())
    }
}

struct Rows {
    input: Arc<str>,
    chunks: std::vec::IntoIter<Vec<u8>>,
}

impl Reader for Rows {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let next = self.chunks.next();
        Ok(next.map(|bytes| Chunk::Json(JsonChunk { bytes, input: Arc::clone(&self.input), first_line: 1 })))
    }
}
