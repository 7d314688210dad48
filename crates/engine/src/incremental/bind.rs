//! The filter in front of a resource.

use super::tracker::Tracker;
use crate::error::Result;
use crate::json::Cursor;
use crate::notice::Notice;
use crate::schema::{Column, WriteDisposition};
use crate::source::{ArrowChunk, Chunk, ExtractContext, JsonChunk, Reader, Resource, Source, Tap};

/// Opens the resources of a source; those that are loaded incrementally give what is new.
///
/// # Errors
/// If they cannot be opened, or an incremental cannot be meant.
pub(crate) fn open(source: &mut dyn Source, context: &ExtractContext) -> Result<Vec<Resource>> {
    source.resources(context)?.into_iter().map(|resource| Ok(tapped(bound(resource, context)?))).collect()
}

/// With the rows shown that are left.
fn tapped(mut resource: Resource) -> Resource {
    if let Some(tap) = resource.tap.take() {
        resource.reader = Box::new(Tapped { reader: resource.reader, tap });
    }
    resource
}

struct Tapped {
    reader: Box<dyn Reader>,
    tap: Tap,
}

impl Reader for Tapped {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let chunk = self.reader.next_chunk()?;
        chunk.iter().try_for_each(|chunk| (self.tap)(chunk))?;
        Ok(chunk)
    }
}

fn bound(mut resource: Resource, context: &ExtractContext) -> Result<Resource> {
    let Some(incremental) = resource.incremental.take() else { return Ok(resource) };
    if resource.hints.disposition == Some(WriteDisposition::Replace) {
        let told = format!("`{}` is loaded by what is new alone, and replaces all rows that are there", resource.name);
        context
            .notices
            .say(Notice::new(told).hint("append or merge keeps them; without an incremental all rows are loaded"));
    }
    let tracker = Tracker::begin(&incremental, &resource.name, &resource.hints.primary_key, context)?;
    if let Some(name) = tracker.path.name() {
        let hints = [("incremental".to_owned(), true.into())].into_iter().collect();
        let column = Column { name: name.to_owned(), data_type: None, nullable: true, hints };
        match resource.hints.columns.iter_mut().find(|column| column.name == name) {
            Some(known) => known.hints.extend(column.hints),
            None => resource.hints.columns.push(column),
        }
    }
    let portions = Portions { reader: resource.reader, waiting: None };
    let left = resource.limit.take();
    resource.reader = Box::new(Filter { portions, tracker, left, has_ended: false });
    Ok(resource)
}

struct Filter {
    portions: Portions,
    tracker: Tracker,
    /// Rows that may still be kept. The tracker is shown no more than these at once, so that the position is never that of
    /// a row which is not loaded.
    left: Option<u64>,
    has_ended: bool,
}

impl Reader for Filter {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        while !self.has_ended {
            // A piece is looked at as a whole, also where it shows that the next one need not be read.
            let is_over = self.tracker.has_closed || self.left == Some(0);
            let chunk = if is_over { None } else { self.portions.next(self.left)? };
            let before = self.tracker.counts.kept;
            let filtered = match chunk {
                Some(Chunk::Json(chunk)) => self.tracker.filter_json(chunk)?.map(Chunk::Json),
                Some(Chunk::Arrow(chunk)) => self.tracker.filter_arrow(chunk)?.map(Chunk::Arrow),
                None => {
                    self.has_ended = true;
                    self.tracker.finish();
                    None
                }
            };
            let kept = self.tracker.counts.kept - before;
            self.left = self.left.map(|left| left.saturating_sub(kept));
            if filtered.is_some() {
                return Ok(filtered);
            }
        }
        Ok(None)
    }
}

/// Pieces of a reader, cut where only some of their rows may be looked at.
struct Portions {
    reader: Box<dyn Reader>,
    /// A piece, and the row or byte of it that comes next. The first line of JSON is that of this byte.
    waiting: Option<(Chunk, usize)>,
}

impl Portions {
    /// The next piece, of at most so many rows. A list of rows is one, however long.
    fn next(&mut self, most: Option<u64>) -> Result<Option<Chunk>> {
        let waiting = match self.waiting.take() {
            Some(waiting) => Some(waiting),
            None => self.reader.next_chunk()?.map(|chunk| (chunk, 0)),
        };
        let Some((chunk, from)) = waiting else { return Ok(None) };
        // Without a limit nothing ever waits.
        let Some(most) = most else { return Ok(Some(chunk)) };
        Ok(Some(match chunk {
            Chunk::Arrow(chunk) => {
                let rows = chunk.batch.num_rows();
                let count = usize::try_from(most).unwrap_or(usize::MAX).min(rows - from);
                let part = ArrowChunk {
                    batch: chunk.batch.slice(from, count),
                    input: chunk.input.clone(),
                    first_row: chunk.first_row + from as u64,
                };
                if from + count < rows {
                    self.waiting = Some((Chunk::Arrow(chunk), from + count));
                }
                Chunk::Arrow(part)
            }
            Chunk::Json(mut chunk) => {
                let bytes = &chunk.bytes[from..];
                let part = bytes[..end_of(bytes, most)].to_vec();
                let (to, first_line) = (from + part.len(), chunk.first_line);
                chunk.first_line += memchr::memchr_iter(b'\n', &part).count() as u64;
                let input = chunk.input.clone();
                if to < chunk.bytes.len() {
                    self.waiting = Some((Chunk::Json(chunk), to));
                }
                Chunk::Json(JsonChunk { bytes: part, input, first_line })
            }
        }))
    }
}

/// Where so many items end; the end of the text where it cannot be read, or holds no more.
fn end_of(bytes: &[u8], items: u64) -> usize {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.len() };
    let mut cursor = Cursor::new(text);
    for _ in 0..items {
        if cursor.peek().is_none() || cursor.skip_value().is_err() {
            return bytes.len();
        }
    }
    let end = cursor.position();
    if cursor.peek().is_none() { bytes.len() } else { end }
}
