//! Finding what was loaded, before the journal may forget it.
//!
//! Of each load it is written down, once, how many of its events were there already: `deduplicated` in its row of
//! `journal_loads`. An event that goes missing later shows, because its load then holds less than it took.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;

use jiff::Timestamp;

use super::{LOAD_BYTES, Loader, MessageId};
use crate::durable_dir;
use crate::error::Error;
use crate::journal::{Batch, Entry, Kind};
use crate::source::JournalSource;
use crate::tables::Tables;

impl Loader {
    /// Makes sure of what was loaded before: by a tracker that was killed, or by one of a version before.
    pub(super) fn settle(&mut self, tables: &mut Tables) -> Result<(), Error> {
        if self.settled {
            return Ok(());
        }
        if tables.exist().map_err(|source| self.error(source))? {
            if !tables.record_duplicates().map_err(|source| self.error(source))? {
                // The tables are of a version before: an empty load adds the column.
                self.pipeline.run(JournalSource::nothing(Timestamp::now())).map_err(|source| self.error(source))?;
            }
            self.verify_earlier(tables)?;
        }
        self.settled = true;
        Ok(())
    }

    /// Finds what loads took of which it was not written down yet.
    pub(super) fn verify_earlier(&mut self, tables: &mut Tables) -> Result<(), Error> {
        let position = tables.counts().map_err(|source| self.error(source))?.position;
        if let Some((first, last)) = tables.unsettled().map_err(|source| self.error(source))? {
            let until = self.journal.durable().min(last);
            let mut reader = self.journal.reader(first.saturating_sub(1));
            let mut lost = Vec::new();
            // What the journal does not hold any more was found when it was trimmed.
            while reader.position() < last {
                let batch = reader.read(until, LOAD_BYTES).map_err(|source| self.unreadable(source))?;
                if batch.is_empty() {
                    break;
                }
                lost.extend(self.look_for(tables, &batch)?);
            }
            tables.settle(first, last, &lost).map_err(|source| self.error(source))?;
        }
        self.verified = position;
        Ok(())
    }

    /// Finds what a load took from the journal.
    pub(super) fn verify(&mut self, tables: &mut Tables, batch: &Batch) -> Result<(), Error> {
        let lost = self.look_for(tables, batch)?;
        tables.settle(batch.first(), batch.last, &lost).map_err(|source| self.error(source))?;
        self.verified = batch.last;
        Ok(())
    }

    /// Finds each event of a batch by its number, or, where it came again, by its message. What is not found is kept
    /// as a file, so that it is not lost with the journal's segment; the numbers of the events among it.
    fn look_for(&self, tables: &mut Tables, batch: &Batch) -> Result<Vec<u64>, Error> {
        let first = batch.first();
        let rows = tables.rows_between(first, batch.last).map_err(|source| self.error(source))?;
        if rows == batch.count() {
            return Ok(Vec::new());
        }
        let present = tables.sequences(first, batch.last).map_err(|source| self.error(source))?;
        let message = |entry: &Entry| match entry.kind {
            Kind::Event => serde_json::from_slice::<MessageId>(&entry.payload).ok().map(|id| id.message_id),
            _ => None,
        };
        let absent = batch.entries.iter().filter(|entry| present.binary_search(&entry.sequence).is_err());
        let absent: Vec<(&Entry, Option<String>)> = absent.map(|entry| (entry, message(entry))).collect();
        let ids: HashSet<String> = absent.iter().filter_map(|(_, id)| id.clone()).collect();
        let known = tables.known_messages(&Vec::from_iter(ids)).map_err(|source| self.error(source))?;
        let is_lost = |id: &Option<String>| id.as_ref().is_none_or(|id| !known.contains(id));
        let lost = absent.into_iter().filter(|(_, id)| is_lost(id)).map(|(entry, _)| entry);
        // A request holds an id that is to be forgotten, and it was executed: of it no copy is kept.
        let lost: Vec<&Entry> = lost.filter(|entry| entry.kind != Kind::Deletion).collect();
        for entry in &lost {
            tracing::error!(sequence = entry.sequence, "an event was loaded and is not in the tables; it is put aside");
        }
        self.keep_aside(&lost)?;
        Ok(lost.into_iter().filter(|entry| entry.kind == Kind::Event).map(|entry| entry.sequence).collect())
    }

    /// Keeps records as files, durable, as the journal will forget them.
    pub(super) fn keep_aside(&self, entries: &[&Entry]) -> Result<(), Error> {
        let folder = self.refused();
        if entries.is_empty() {
            return Ok(());
        }
        durable_dir::create(&folder).map_err(|source| Error::folder("make the folder", &folder, source))?;
        for entry in entries {
            let path = folder.join(format!("{:020}.json", entry.sequence));
            let written = File::create(&path).and_then(|mut file| {
                file.write_all(&entry.payload)?;
                file.sync_all()
            });
            written.map_err(|source| Error::folder("write", path, source))?;
        }
        durable_dir::sync(&folder).map_err(|source| Error::folder("sync", folder, source))
    }
}
