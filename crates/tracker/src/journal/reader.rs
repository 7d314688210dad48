//! Reading the journal from where the tables end.

use std::io;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::sync::Arc;

use super::Durable;
use super::filesystem::Filesystem;
use super::record::Kind;
use super::segment::{self, Item, Listing};

/// Reads records in the order of their sequence numbers, a bounded piece at a time.
#[derive(Debug)]
pub(crate) struct Reader {
    filesystem: Arc<dyn Filesystem>,
    dir: PathBuf,
    /// The sequence number that comes next.
    next: u64,
    /// Where the record with that number begins, if known: segment and offset.
    place: Option<(u64, u64)>,
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its sequence number.
    pub(crate) sequence: u64,
    /// What it holds.
    pub(crate) kind: Kind,
    /// The row, as one JSON object.
    pub(crate) payload: Vec<u8>,
}

/// Some records in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The sound ones.
    pub(crate) entries: Vec<Entry>,
    /// Sequence numbers whose records are damaged.
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

    /// The first request in it: what is before it must be in the tables before it is executed.
    pub(crate) fn first_request(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.kind == Kind::Forget)
    }

    /// What it holds before the sound record with this number.
    pub(crate) fn before(mut self, sequence: u64) -> Self {
        self.entries.retain(|entry| entry.sequence < sequence);
        self.missing.retain(|range| *range.end() < sequence);
        self.last = sequence - 1;
        self
    }

    /// How many sequence numbers it accounts for.
    pub(crate) fn count(&self) -> u64 {
        self.entries.len() as u64 + self.missing_count()
    }

    /// How many of them are those of damaged records.
    pub(crate) fn missing_count(&self) -> u64 {
        self.missing.iter().map(|range| range.end() - range.start() + 1).sum()
    }

    /// Whether it accounts for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.missing.is_empty()
    }
}

impl Reader {
    pub(super) fn new(filesystem: Arc<dyn Filesystem>, dir: PathBuf, after: u64) -> Self {
        Self { filesystem, dir, next: after + 1, place: None }
    }

    /// The sequence number before the one that comes next.
    pub(crate) fn position(&self) -> u64 {
        self.next - 1
    }

    /// Reads on, up to what was durable, stopping once the payloads exceed `max_bytes`.
    ///
    /// What can't be found up to there is reported as missing. An empty batch means that there is nothing up to there.
    /// Of the segment being written no more is read than what is new since the last time, and durable. A journal that begins after the reader's place (its
    /// older segments were loaded into tables that are gone) is read from where it begins.
    ///
    /// # Errors
    ///
    /// When a segment can't be read; the reader stays where it was.
    pub(crate) fn read(&mut self, durable: Durable, max_bytes: usize) -> io::Result<Batch> {
        let until = durable.sequence;
        let mut batch = Batch { last: self.next - 1, ..Batch::default() };
        if until < self.next {
            return Ok(batch);
        }
        let Listing { readable: segments, oldest_is_damaged, .. } = segment::list(&*self.filesystem, &self.dir)?;
        let mut next = self.next;
        let mut place = self.place;
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
            let start = match place {
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
            place = Some((current.number, end));
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
        self.place = place;
        Ok(batch)
    }

    fn read_segment(
        &self,
        number: u64,
        piece: Range<u64>,
        next: u64,
        last: u64,
        item: &mut dyn FnMut(Item<'_>) -> bool,
    ) -> io::Result<(u64, u64)> {
        let bytes = self.filesystem.read(&segment::path(&self.dir, number), piece.start, piece.end - piece.start)?;
        let start = usize::try_from(piece.start).map_err(io::Error::other)?;
        let (reached, end) = segment::scan(&bytes, start, number, next, Some(last), item);
        Ok((reached, end as u64))
    }
}
