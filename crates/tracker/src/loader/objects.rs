//! Taking objects of the edge: each once, and each of their records once (see [`crate::edge`]).

use std::collections::HashSet;

use dlt_engine::destination::Access;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Loader;
use crate::contract::Contracts;
use crate::edge::object::Record;
use crate::edge::{EdgeObject, EdgeRecords, Group};
use crate::error::Error;
use crate::event;
use crate::journal::{self, Kind, NewRecord};
use crate::message::Message;
use crate::store::schema::{DATASET, OBJECTS};
use crate::store::{JournalRows, Tables};

/// Most payload bytes of records that are appended at a time.
const APPEND_BYTES: usize = 1 << 20;
/// Most texts that one statement lists.
const MAX_LISTED: usize = 500;

impl Loader {
    /// Which of these objects were taken before, in their order.
    pub(crate) fn taken_before(&self, objects: &[EdgeObject]) -> Result<Vec<bool>, Error> {
        let taken = match self.store.exists() {
            true => self.store.open(Access::Read).and_then(|mut tables| known_objects(&mut *tables, objects)),
            false => Ok(HashSet::new()),
        }
        .map_err(|source| self.error(source))?;
        let key = |object: &EdgeObject| (object.object.clone(), object.version.clone());
        Ok(objects.iter().map(|object| taken.contains(&key(object))).collect())
    }

    /// Takes the records of objects that are in no table yet, and then notes the objects. Returns when the records are in
    /// the tables.
    pub(crate) fn take(&mut self, group: &Group) -> Result<EdgeRecords, Error> {
        // What waits could be the same records: of a loader that was killed.
        self.wait_for(None)?;
        let records = group.lines.iter().map(|line| Record::parse(line)).collect::<Result<Vec<_>, _>>();
        let records = records.map_err(|reason| Error::Objects {
            source: Box::new(dlt_engine::Error::new(dlt_engine::ErrorKind::Data, reason)),
        })?;
        let mut known = match self.store.exists() {
            true => self.store.open(Access::Read).and_then(|mut tables| known_records(&mut *tables, &records)),
            false => Ok(HashSet::new()),
        }
        .map_err(|source| self.error(source))?;
        let mut found = EdgeRecords::default();
        let mut fresh = Vec::new();
        let contracts = Contracts::unread(self.dir.contracts());
        for record in records {
            let is_replayed = record.replayed_as.clone().is_some_and(|message| known.contains(&(true, message)));
            if is_replayed || !known.insert((record.kind == Kind::Event, record.message.clone())) {
                found.known += 1;
                continue;
            }
            match record.kind {
                Kind::Event => found.events += 1,
                _ => found.quarantined += 1,
            }
            fresh.push(record.into_journal(&contracts));
        }
        self.append(fresh)?;
        self.wait_for(None)?;
        self.note(&group.objects)?;
        Ok(found)
    }

    /// Puts records into the journal; returns when they are durable.
    fn append(&self, records: Vec<NewRecord>) -> Result<(), Error> {
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let mut bytes = 0;
            let mut part = Vec::new();
            while let Some(record) = records.next_if(|_| bytes < APPEND_BYTES) {
                bytes += record.payload.len();
                part.push(record);
            }
            journal::keep(&*self.journal, part)?;
        }
        Ok(())
    }

    /// Notes that objects were taken.
    fn note(&self, objects: &[EdgeObject]) -> Result<(), Error> {
        let now = Timestamp::now();
        let taken_at = event::formatted(now);
        let mut lines = Vec::new();
        for EdgeObject { object, version, lines: count } in objects {
            let row = json!({"object": object, "version": version, "lines": count, "taken_at": taken_at});
            lines.extend_from_slice(row.to_string().as_bytes());
            lines.push(b'\n');
        }
        let mut tables = self.store.open(Access::Write).map_err(|source| self.error(source))?;
        tables.append(JournalRows::of_objects(lines, now)).map_err(|source| self.error(source))
    }
}

/// Which of these objects are noted, by address and version.
fn known_objects(
    tables: &mut dyn Tables,
    objects: &[EdgeObject],
) -> Result<HashSet<(String, String)>, dlt_engine::Error> {
    let mut known = HashSet::new();
    if !tables.exist()? {
        return Ok(known);
    }
    let there = tables.select(&format!(
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database() \
         AND table_schema = '{DATASET}' AND table_name = '{OBJECTS}'"
    ))?;
    if there.is_empty() {
        return Ok(known);
    }
    let dialect = tables.dialect();
    for objects in objects.chunks(MAX_LISTED) {
        let listed = Vec::from_iter(objects.iter().map(|object| dialect.literal(&object.object))).join(",");
        for row in tables.select(&format!("SELECT object, version FROM {OBJECTS} WHERE object IN ({listed})"))? {
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            known.insert((text("object"), text("version")));
        }
    }
    Ok(known)
}

/// Which of these records are in the tables, or were and are deleted: events (true) and quarantined ones, by message. Of quarantined
/// ones also which are events by now, because they were replayed.
fn known_records(tables: &mut dyn Tables, records: &[Record]) -> Result<HashSet<(bool, Message)>, dlt_engine::Error> {
    if !tables.exist()? {
        return Ok(HashSet::new());
    }
    let of_kind = |kind: Kind| {
        let records = records.iter().filter(|record| record.kind == kind);
        Vec::from_iter(records.map(|record| record.message.clone()))
    };
    let (mut events, quarantined) = (of_kind(Kind::Event), of_kind(Kind::Quarantine));
    events.extend(records.iter().filter_map(|record| record.replayed_as.clone()));
    let events = tables.known_messages(&events)?.into_iter().map(|message| (true, message));
    let quarantined = tables.known_quarantined(&quarantined)?.into_iter().map(|message| (false, message));
    Ok(events.chain(quarantined).collect())
}
