//! Reading records from the segments.

use std::io;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use bytes::Bytes;

use super::Shared;
use super::segment::{self, Ends, Item, Listing};
use crate::journal::{Batch, Entry, Reader};

/// What is read of a segment at a time beside what was asked for.
const MARGIN_BYTES: u64 = 64 << 10;

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

    /// Walks a piece of a segment; whether it is all that is left of it, and where the walk ended: the number expected
    /// next and its place.
    fn read_segment(
        &self,
        number: u64,
        piece: Range<u64>,
        limit: u64,
        wanted: RangeInclusive<u64>,
        item: &mut dyn FnMut(&Bytes, Item<'_>) -> bool,
    ) -> io::Result<(bool, u64, u64)> {
        let path = segment::path(&self.shared.dir, number);
        let start = usize::try_from(piece.start).map_err(io::Error::other)?;
        let whole = piece.end - piece.start;
        let (next, last) = wanted.into_inner();
        if whole > limit {
            let bytes = Bytes::from(self.shared.filesystem.read(&path, piece.start, limit)?);
            let each = |found: Item<'_>| item(&bytes, found);
            let (reached, end) = segment::scan(&bytes, start, number, next, Ends::Later { last }, each);
            // Else one record is longer than that, or all of it is damaged.
            if reached > next {
                return Ok((false, reached, end as u64));
            }
        }
        let bytes = Bytes::from(self.shared.filesystem.read(&path, piece.start, whole)?);
        let each = |found: Item<'_>| item(&bytes, found);
        let (reached, end) = segment::scan(&bytes, start, number, next, Ends::With { last }, each);
        Ok((true, reached, end as u64))
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
        let (mut bytes, mut is_cut) = (0, false);
        // Records are somewhat longer than their payloads.
        let limit = (max_bytes as u64).saturating_add(max_bytes as u64 / 16).saturating_add(MARGIN_BYTES);
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
            let (is_whole, reached, end) =
                self.read_segment(current.number, piece, limit, next..=last, &mut |read, item| {
                    match item {
                        Item::Record { sequence, kind, payload } => {
                            bytes += payload.len();
                            batch.entries.push(Entry { sequence, kind, payload: read.slice_ref(payload) });
                        }
                        Item::Missing(range) => batch.missing.push(range),
                    }
                    bytes < max_bytes
                })?;
            next = reached;
            located = Some((current.number, end));
            is_cut = !is_whole;
            if bytes >= max_bytes || next > until || is_cut {
                break;
            }
        }
        if bytes < max_bytes && !is_cut && next <= until {
            // What was acknowledged and is in no segment was there once.
            batch.missing.push(next..=until);
            next = until + 1;
        }
        batch.last = next - 1;
        if batch.cut() {
            (next, located) = (batch.last + 1, None);
        }
        self.next = next;
        self.located = located;
        Ok(batch)
    }
}
