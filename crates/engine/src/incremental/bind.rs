//! The filter in front of a resource.

use super::tracker::Tracker;
use crate::error::Result;
use crate::schema::Column;
use crate::source::{Chunk, ExtractContext, Reader, Resource, Source};

/// Opens the resources of a source; those that are loaded incrementally give what is new.
///
/// # Errors
/// If they cannot be opened, or an incremental cannot be meant.
pub(crate) fn open(source: &mut dyn Source, context: &ExtractContext) -> Result<Vec<Resource>> {
    source.resources(context)?.into_iter().map(|resource| bound(resource, context)).collect()
}

fn bound(mut resource: Resource, context: &ExtractContext) -> Result<Resource> {
    let Some(incremental) = resource.incremental.take() else { return Ok(resource) };
    let tracker = Tracker::begin(&incremental, &resource.name, &resource.hints.primary_key, context)?;
    if let Some(name) = tracker.path.name() {
        let hints = [("incremental".to_owned(), true.into())].into_iter().collect();
        let column = Column { name: name.to_owned(), data_type: None, nullable: true, hints };
        match resource.hints.columns.iter_mut().find(|column| column.name == name) {
            Some(known) => known.hints.extend(column.hints),
            None => resource.hints.columns.push(column),
        }
    }
    resource.reader = Box::new(Filter { reader: resource.reader, tracker, has_ended: false });
    Ok(resource)
}

struct Filter {
    reader: Box<dyn Reader>,
    tracker: Tracker,
    has_ended: bool,
}

impl Reader for Filter {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        while !self.has_ended {
            // A piece is looked at as a whole, also where it shows that the next one need not be read.
            let chunk = if self.tracker.has_closed { None } else { self.reader.next_chunk()? };
            let filtered = match chunk {
                Some(Chunk::Json(chunk)) => self.tracker.filter_json(chunk)?.map(Chunk::Json),
                Some(Chunk::Arrow(chunk)) => self.tracker.filter_arrow(chunk)?.map(Chunk::Arrow),
                None => {
                    self.has_ended = true;
                    self.tracker.finish();
                    None
                }
            };
            if filtered.is_some() {
                return Ok(filtered);
            }
        }
        Ok(None)
    }
}
