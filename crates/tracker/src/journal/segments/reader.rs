//! Reading records from the segments.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::Shared;
use super::segment::{self, Item, Listing};
use crate::journal::{Batch, Entry, Reader};

/// A position in the segments.
#[derive(Debug)]
pub(super) struct SegmentReader {
    shared: Arc<Shared>,
    /// The sequence number that comes next.
    next: u64,
    /// Where the record with that number begins, if known: segment and offset.
    located: Option<(u64, u64)>,
}

impl SegmentReader {
    pub(super) fn new(shared: Arc<Shared>, after: u64) -> Self {
        Self { shared, next: after + 1, located: None }
    }

    fn read_segment(
        &self,
        number: u64,
        piece: Range<u64>,
        next: u64,
        last: u64,
        item: &mut dyn FnMut(Item<'_>) -> bool,
    ) -> io::Result<(u64, u64)> {
        let bytes = self.shared.filesystem.read(
            &segment::path(&self.shared.dir, number),
            piece.start,
            piece.end - piece.start,
        )?;
        let start = usize::try_from(piece.start).map_err(io::Error::other)?;
        let (reached, end) = segment::scan(&bytes, start, number, next, Some(last), item);
        Ok((reached, end as u64))
    }
}

impl Reader for SegmentReader {
    fn position(&self) -> u64 {
        self.next - 1
    }

    /// Of the segment being written it reads no more than what is new since the last time, and durable. Where the journal
    /// begins after the reader's position (its older segments were loaded into tables that are gone), it reads from there.
    fn read(&mut self, until: u64, max_bytes: usize) -> io::Result<Batch> {
        // Before the segments are listed: what is durable by then is in one of them.
        let durable = self.shared.durable();
        let until = until.min(durable.sequence);
        let mut batch = Batch { last: self.next - 1, ..Batch::default() };
        if until < self.next {
            return Ok(batch);
        }
        let Listing { readable: segments, oldest_is_damaged, .. } =
            segment::list(&*self.shared.filesystem, &self.shared.dir)?;
        let mut next = self.next;
        let mut located = self.located;
        if let Some(oldest) = segments.first()
            && !oldest_is_damaged
        {
            next = next.max(oldest.first_sequence);
        }
        let mut bytes = 0;
        for (index, current) in segments.iter().enumerate() {
            let last = match segments.get(index + 1) {
                Some(following) => until.min(following.first_sequence.saturating_sub(1)),
                None => until,
            };
            if last < next {
                continue;
            }
            let start = match located {
                Some((segment, offset)) if segment == current.number => offset,
                _ => 0,
            };
            let written = if current.number == durable.segment { durable.offset } else { current.bytes };
            let piece = start..written.max(start);
            let (reached, end) = self.read_segment(current.number, piece, next, last, &mut |item| {
                match item {
                    Item::Record { sequence, kind, payload } => {
                        bytes += payload.len();
                        batch.entries.push(Entry { sequence, kind, payload: payload.to_vec() });
                    }
                    Item::Missing(range) => batch.missing.push(range),
                }
                bytes < max_bytes
            })?;
            next = reached;
            located = Some((current.number, end));
            if bytes >= max_bytes || next > until {
                break;
            }
        }
        if bytes < max_bytes && next <= until {
            // What was acknowledged and is in no segment was there once.
            batch.missing.push(next..=until);
            next = until + 1;
        }
        batch.last = next - 1;
        self.next = next;
        self.located = located;
        Ok(batch)
    }
}
