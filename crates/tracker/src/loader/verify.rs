//! Finding what was loaded, before the journal may delete it.
//!
//! For each load the tables record once how many of its events were duplicates: `deduplicated` in its row of
//! `journal_loads`. An event that goes missing later shows, because its load then holds fewer events than it took.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{LOAD_BYTES, Loader, message, replayed};
use crate::error::Error;
use crate::journal::{Batch, Entry, Kind};
use crate::message::Message;
use crate::store::{JournalRows, Tables};

impl Loader {
    /// Settles the loads of earlier processes: of a tracker that was killed, or of an earlier version.
    pub(super) fn settle(&mut self, tables: &mut dyn Tables) -> Result<(), Error> {
        if self.settled {
            return Ok(());
        }
        if tables.exist().map_err(|source| self.error(source))? {
            if !tables.are_current().map_err(|source| self.error(source))? {
                tables.append(JournalRows::none(Timestamp::now())).map_err(|source| self.error(source))?;
            }
            tables.make_ready().map_err(|source| self.error(source))?;
            self.verify_earlier(tables)?;
            tables.clear_replayed().map_err(|source| self.error(source))?;
        }
        self.settled = true;
        Ok(())
    }

    /// Finds what the unsettled loads took.
    pub(super) fn verify_earlier(&mut self, tables: &mut dyn Tables) -> Result<(), Error> {
        let position = tables.counts().map_err(|source| self.error(source))?.position;
        if let Some((first, last)) = tables.unsettled().map_err(|source| self.error(source))? {
            let until = self.journal.durable().min(last);
            let mut reader = self.journal.reader(first.saturating_sub(1));
            let mut lost = Vec::new();
            // What the journal no longer holds was found before it was released.
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

    /// Finds what a load took from the journal. `left_out` of its events are known to have their rows elsewhere, where that is
    /// known of all.
    pub(super) fn verify(
        &mut self,
        tables: &mut dyn Tables,
        batch: &Batch,
        left_out: Option<u64>,
    ) -> Result<(), Error> {
        let (first, last) = (batch.first(), batch.last);
        let rows = tables.count_between(first, last).map_err(|source| self.error(source))?;
        let settled = match batch.count().checked_sub(rows) {
            Some(0) => tables.settle_counted(first, last, 0),
            Some(others) if Some(others) == left_out => tables.settle_counted(first, last, others),
            _ => {
                let lost = self.look_for(tables, batch)?;
                tables.settle(first, last, &lost)
            }
        };
        settled.map_err(|source| self.error(source))?;
        self.verified = last;
        Ok(())
    }

    /// Finds each event of a batch by its sequence number or, for a duplicate, by its message. Keeps what is not found
    /// as files, so that it is not lost with the journal's segment. Returns the sequence numbers of the events among it.
    fn look_for(&self, tables: &mut dyn Tables, batch: &Batch) -> Result<Vec<u64>, Error> {
        let first = batch.first();
        let rows = tables.count_between(first, batch.last).map_err(|source| self.error(source))?;
        if rows == batch.count() {
            return Ok(Vec::new());
        }
        let present = tables.sequences_between(first, batch.last).map_err(|source| self.error(source))?;
        let absent = batch.entries.iter().filter(|entry| present.binary_search(&entry.sequence).is_err());
        let absent: Vec<(&Entry, Option<Message>)> = absent.map(|entry| (entry, message(entry))).collect();
        let messages: HashSet<Message> = absent.iter().filter_map(|(_, message)| message.clone()).collect();
        let known = tables.known_messages(&Vec::from_iter(messages)).map_err(|source| self.error(source))?;
        let is_lost = |message: &Option<Message>| message.as_ref().is_none_or(|message| !known.contains(message));
        let lost = absent.into_iter().filter(|(_, message)| is_lost(message)).map(|(entry, _)| entry);
        // A deletion request was executed, and holds the id that it was about: no copy is kept.
        let lost: Vec<&Entry> = lost.filter(|entry| entry.kind != Kind::Deletion).collect();
        // Nor of a replay whose quarantined event was deleted before.
        let replays: Vec<u64> = lost.iter().filter_map(|entry| replayed(entry)).collect();
        let gone = tables.tombstones_of(&replays).map_err(|source| self.error(source))?;
        let lost: Vec<&Entry> =
            lost.into_iter().filter(|entry| replayed(entry).is_none_or(|of| !gone.contains(&of))).collect();
        for entry in &lost {
            tracing::error!(
                sequence = entry.sequence,
                "an event was loaded and is not in the tables; a copy is kept in refused/"
            );
        }
        self.refused.keep(&lost)?;
        Ok(lost
            .into_iter()
            .filter(|entry| matches!(entry.kind, Kind::Event | Kind::Replay))
            .map(|entry| entry.sequence)
            .collect())
    }
}
