//! A contract that is proposed from what arrived: the names and types of what is in the tables and in the quarantine, and
//! never a value.

mod proposal;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use dlt_engine::Error;
use dlt_engine::destination::Row;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::contract::{ALWAYS, Contract, can_be_named, quoted};
use crate::event::columns;
use crate::outcome::Reason;
use crate::row::{number, text};
use crate::scrub;
use crate::store::Tables;
use crate::store::schema::{EVENTS, QUARANTINE};
use proposal::Said;
use seen::{Eyes, Values};

/// Most events by name that are looked at, the most frequent.
const MAX_NAMES: usize = 200;
/// Most rows of each that are looked at, the newest: of the table, and of the quarantine.
const MAX_ROWS: usize = 1000;
/// Rows that are read at a time.
const PAGE: usize = 250;

/// What is kept of an event in the quarantine.
#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    properties: Map<String, Value>,
}

/// How many there are of one event.
#[derive(Clone, Copy, Default)]
struct Counts {
    stored: u64,
    quarantined: u64,
}

/// What was seen of one event.
#[derive(Default)]
struct Seen {
    /// The rows that were looked at, as one object's members.
    values: Values,
    /// Rows of which something was dropped, by its name.
    dropped: BTreeMap<String, u64>,
    eyes: Eyes,
}

/// The proposal for a project as TOML: what its own contract says, if it has one, and what arrived beside. And whether
/// anything did.
///
/// # Errors
/// When the tables can't be read.
pub(crate) fn learn(tables: &mut dyn Tables, project: &str, own: &Contract) -> Result<(String, bool), Error> {
    let mut out = format!(
        "# Proposed for the project {project}: what its contract says, and what arrived beside. No value of an event is here.\n\
         # What is named is kept. Look through it first: what `LOOK` stands beside may be what people write, and names\n\
         # themselves may tell something. Units, examples and comments of the file that is there are not taken over.\n\n\
         version = 1\n"
    );
    let counts = match tables.exist()? && tables.are_current()? {
        true => counts(tables, project)?,
        false => BTreeMap::new(),
    };
    let frequent = frequent(&counts);
    let mut known = 0;
    for name in frequent.iter().copied().chain(own.events.keys()).collect::<BTreeSet<_>>() {
        if name.is_empty() || scrub::is_personal(name) {
            continue;
        }
        let count = counts.get(name).copied().unwrap_or_default();
        let mut seen = Seen::default();
        if count.stored > 0 {
            look_at_events(tables, project, name, &mut seen)?;
        }
        if count.quarantined > 0 {
            look_at_quarantine(tables, project, name, &mut seen)?;
        }
        match written(name, own, count, &seen) {
            Some(text) => out.push_str(&text),
            None => known += 1,
        }
    }
    if known > 0 {
        out.push_str(&format!(
            "\n# dlt's own events are named in every contract; of {known} that arrived nothing is to be added.\n"
        ));
    }
    if frequent.len() < counts.len() {
        out.push_str(&format!(
            "\n# There are more than {MAX_NAMES} events: the others are rarer, and not looked at.\n"
        ));
    }
    Ok((out, !counts.is_empty()))
}

/// How many there are of each event; of those that are stored and those that are quarantined the most frequent.
fn counts(tables: &mut dyn Tables, project: &str) -> Result<BTreeMap<String, Counts>, Error> {
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    for (table, condition) in [(EVENTS, "event IS NOT NULL".to_owned()), (QUARANTINE, of_contracts())] {
        let rows = tables.select(&format!(
            "SELECT event, count(*) AS events FROM {table} WHERE {} AND {condition} \
             GROUP BY event ORDER BY events DESC, event LIMIT {}",
            tables.dialect().of_project(project),
            MAX_NAMES + 1
        ))?;
        for row in rows {
            let count = counts.entry(text(&row, "event").unwrap_or_default()).or_default();
            let place = if table == EVENTS { &mut count.stored } else { &mut count.quarantined };
            *place = number(&row, "events");
        }
    }
    Ok(counts)
}

/// The most frequent of all.
fn frequent(counts: &BTreeMap<String, Counts>) -> Vec<&String> {
    let mut names: Vec<&String> = counts.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(counts.get(*name).map_or(0, |count| count.stored + count.quarantined)));
    names.truncate(MAX_NAMES);
    names
}

fn look_at_events(tables: &mut dyn Tables, project: &str, event: &str, seen: &mut Seen) -> Result<(), Error> {
    let properties: Vec<&str> = columns::properties().map(|column| column.name).collect();
    let columns = format!("properties, properties_dropped, {}", properties.join(", "));
    newest(tables, EVENTS, project, event, "true", &columns, &mut |row| {
        seen.values.count += 1;
        for &column in &properties {
            match row.get(column) {
                None | Some(Value::Null) => {}
                // It was kept without telling whether it had a fraction.
                Some(Value::Number(_)) => seen.values.members.entry(column.to_owned()).or_default().add_number(),
                Some(value) => seen.values.members.entry(column.to_owned()).or_default().add(value, &mut seen.eyes),
            }
        }
        seen.look_at(&serde_json::from_str(&text(row, "properties").unwrap_or_default()).unwrap_or_default());
        let dropped = text(row, "properties_dropped").unwrap_or_default();
        for name in dropped.split(',').filter(|name| can_be_named(name)) {
            *seen.dropped.entry(name.to_owned()).or_default() += 1;
        }
    })
}

fn look_at_quarantine(tables: &mut dyn Tables, project: &str, event: &str, seen: &mut Seen) -> Result<(), Error> {
    newest(tables, QUARANTINE, project, event, &of_contracts(), "payload", &mut |row| {
        if let Ok(kept) = serde_json::from_str::<Kept>(&text(row, "payload").unwrap_or_default()) {
            seen.values.count += 1;
            seen.look_at(&kept.properties);
        }
    })
}

impl Seen {
    fn look_at(&mut self, properties: &Map<String, Value>) {
        for (name, value) in properties {
            if !(ALWAYS.contains(&name.as_str()) && value.is_string()) {
                self.values.add_member(name, value, &mut self.eyes);
            }
        }
    }
}

/// The newest rows of an event, page by page.
fn newest(
    tables: &mut dyn Tables,
    table: &str,
    project: &str,
    event: &str,
    condition: &str,
    columns: &str,
    look: &mut dyn FnMut(&Row),
) -> Result<(), Error> {
    let dialect = tables.dialect();
    let of_event = format!("{} AND event = {} AND {condition}", dialect.of_project(project), dialect.literal(event));
    let mut before = i64::MAX.unsigned_abs();
    for _ in 0..MAX_ROWS / PAGE {
        let rows = tables.select(&format!(
            "SELECT journal_seq, {columns} FROM {table} WHERE {of_event} AND journal_seq < {before} \
             ORDER BY journal_seq DESC LIMIT {PAGE}"
        ))?;
        rows.iter().for_each(&mut *look);
        before = rows.last().map_or(0, |row| number(row, "journal_seq"));
        if rows.len() < PAGE {
            break;
        }
    }
    Ok(())
}

/// What is quarantined because of its contract is there as it came.
fn of_contracts() -> String {
    let reasons = Reason::OF_CONTRACTS.map(|reason| format!("'{}'", reason.code())).join(",");
    format!("reason IN ({reasons}) AND event IS NOT NULL")
}

/// The part of the proposal that is about one event.
fn written(name: &str, own: &Contract, count: Counts, seen: &Seen) -> Option<String> {
    let said = Said { own: own.events.get(name), built_in: Contract::built_in().events.get(name) };
    let is_unknown = |property: &str| !said.names(property) && !seen.values.members.contains_key(property);
    let dropped = seen.dropped.iter().filter(|(property, _)| is_unknown(property)).map(|(property, count)| {
        let property = quoted(property);
        format!("{property} was not kept in {count} of them: a list, an object, or a text with an address in it")
    });
    let all = count.stored + count.quarantined;
    let mut comment = if all == 1 { "1 event".to_owned() } else { format!("{all} events") };
    if count.quarantined > 0 {
        comment.push_str(&format!(", {} of them in the quarantine", count.quarantined));
    }
    if seen.values.count < all {
        comment.push_str(&format!("; shares are of the newest {}", seen.values.count));
    }
    proposal::event(name, &said, &seen.values, dropped.chain(seen.eyes.told()).collect(), &comment)
}
