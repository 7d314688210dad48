//! What is in the quarantine, and what of it can be stored now.
//!
//! An event that broke a contract was kept whole. After the contract was extended it is *replayed*: its row is made anew, and
//! goes into the journal as a record of its own, with the number of the quarantined event. The load that stores the row
//! writes that number into the table `replays` in the same transaction; what is named there counts as replayed, and is then
//! deleted from the quarantine. So an event is stored once, however often it is replayed and whatever is killed meanwhile.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dlt_engine::destination::Row;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::{Contract, Contracts};
use crate::error::{Error, in_full};
use crate::event::{self, Stays};
use crate::journal::{self, Journal, NewRecord};
use crate::loader;
use crate::outcome::Reason;
use crate::projects::DEFAULT;
use crate::query::{encode, pairs};
use crate::row::{number, text};
use crate::store::schema::QUARANTINE;
use crate::store::{Dialect, Replay, Store, Tables};

/// Quarantined events that are looked at together.
const PAGE: usize = 200;
/// Most groups of the quarantine that are told, the largest.
pub const MAX_GROUPS: usize = 1000;

/// Which quarantined events are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selection {
    /// Those of this project; the default one is named `default`. By default of all.
    pub project: Option<String>,
    /// Those with this reason. By default with any.
    pub reason: Option<Reason>,
}

impl Selection {
    /// Those of a project with a reason, by its code; all where nothing is said.
    ///
    /// # Errors
    /// When there is no such reason.
    pub fn new(project: Option<&str>, reason: Option<&str>) -> Result<Self, Error> {
        let known = |code: &str| {
            let found = Reason::ALL.into_iter().find(|reason| reason.code() == code);
            found.ok_or_else(|| Error::NoReason { given: code.to_owned() })
        };
        Ok(Self { project: project.map(str::to_owned), reason: reason.map(known).transpose()? })
    }

    /// As the query of an address.
    pub(crate) fn query(&self) -> String {
        let project = self.project.as_deref().map(|name| format!("project={}", encode(name)));
        let reason = self.reason.map(|reason| format!("reason={}", reason.code()));
        Vec::from_iter(project.into_iter().chain(reason)).join("&")
    }

    /// Reads such a query.
    pub(crate) fn parse(query: &str) -> Result<Self, Error> {
        let pairs = pairs(query);
        let value = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        Self::new(value("project"), value("reason"))
    }

    fn condition(&self, dialect: &dyn Dialect) -> String {
        let project = self.project.as_deref().map(|name| dialect.of_project(name));
        let reason = self.reason.map(|reason| format!("reason = '{}'", reason.code()));
        let all = Vec::from_iter(project.into_iter().chain(reason));
        if all.is_empty() { "true".to_owned() } else { all.join(" AND ") }
    }
}

/// Quarantined events that have project, reason, event and place in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Aside {
    /// The project; `default` for the default one.
    pub project: String,
    /// The code of the reason.
    pub reason: String,
    /// The name of the event, if it has one.
    pub event: Option<String>,
    /// Where in the event, if a contract was broken.
    pub path: Option<String>,
    /// How many there are.
    pub count: u64,
    /// The number of the newest.
    pub newest: u64,
    /// When the newest arrived.
    pub last_received: Option<String>,
}

/// A quarantined event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Quarantined {
    /// Its number in the journal.
    pub number: u64,
    /// Its project; `default` for the default one.
    pub project: String,
    /// The code of the reason.
    pub reason: String,
    /// Where in the event, if a contract was broken.
    pub path: Option<String>,
    /// The name of the event, if it has one.
    pub event: Option<String>,
    /// When it arrived.
    pub received_at: Option<String>,
    /// How long it was, in bytes.
    pub bytes: u64,
    /// What is kept of it: JSON, if it is whole; else a text.
    pub kept: Value,
}

/// What a replay did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Replayed {
    /// Events that are stored now, or wait in the journal.
    pub replayed: u64,
    /// Those that stay, by reason and place.
    pub stays: Vec<Stay>,
    /// Why contracts could not be read; the events of their projects stay, and are not among `stays`.
    #[serde(default)]
    pub unread: Vec<String>,
}

/// Events that stay in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stay {
    /// The project; `default` for the default one.
    pub project: String,
    /// The code of the reason for which they stay now.
    pub reason: String,
    /// The name of the event.
    pub event: String,
    /// Where in the event.
    pub path: String,
    /// How many there are.
    pub count: u64,
}

/// What is in the quarantine, in groups, the largest first.
pub(crate) fn groups(tables: &mut dyn Tables, selection: &Selection) -> Result<Vec<Aside>, dlt_engine::Error> {
    if !tables.exist()? || !tables.are_current()? {
        return Ok(Vec::new());
    }
    let dialect = tables.dialect();
    let rows = tables.select(&format!(
        "SELECT coalesce(project, '{DEFAULT}') AS project, reason, event, path, count(*) AS count, \
                max(journal_seq) AS newest, {} AS last FROM {QUARANTINE} WHERE {} \
         GROUP BY 1, 2, 3, 4 ORDER BY count DESC, newest DESC LIMIT {MAX_GROUPS}",
        dialect.written("max(received_at)"),
        selection.condition(dialect)
    ))?;
    let group = |row: &Row| Aside {
        project: text(row, "project").unwrap_or_default(),
        reason: text(row, "reason").unwrap_or_default(),
        event: text(row, "event"),
        path: text(row, "path"),
        count: number(row, "count"),
        newest: number(row, "newest"),
        last_received: text(row, "last"),
    };
    Ok(rows.iter().map(group).collect())
}

/// The quarantined event with a number.
pub(crate) fn one(tables: &mut dyn Tables, of: u64) -> Result<Option<Quarantined>, dlt_engine::Error> {
    if !tables.exist()? || !tables.are_current()? {
        return Ok(None);
    }
    let written = tables.dialect().written("received_at");
    let rows = tables.select(&format!(
        "SELECT coalesce(project, '{DEFAULT}') AS project, reason, event, path, bytes, payload, {written} AS at \
         FROM {QUARANTINE} WHERE journal_seq = {of}"
    ))?;
    Ok(rows.first().map(|row| Quarantined {
        number: of,
        project: text(row, "project").unwrap_or_default(),
        reason: text(row, "reason").unwrap_or_default(),
        path: text(row, "path"),
        event: text(row, "event"),
        received_at: text(row, "at"),
        bytes: number(row, "bytes"),
        kept: text(row, "payload")
            .map_or(Value::Null, |text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
    }))
}

/// A quarantined event that broke a contract.
struct Candidate {
    sequence: u64,
    project: Option<String>,
    event: String,
    payload: String,
}

/// The replay of all that is selected, page by page.
pub(crate) struct Work {
    selection: Selection,
    after: u64,
    /// As their files say them now; none where one can't be read.
    contracts: HashMap<String, Option<Arc<Contract>>>,
    unread: Vec<String>,
    replayed: u64,
    stays: BTreeMap<[String; 4], u64>,
}

impl Work {
    pub(crate) fn new(selection: Selection) -> Self {
        Self { selection, after: 0, contracts: HashMap::new(), unread: Vec::new(), replayed: 0, stays: BTreeMap::new() }
    }

    /// Does it all. `load` has what waits loaded: what an earlier page or an earlier replay brought is in the tables then, and is not
    /// replayed again. `key` is the one by which names are hashed.
    pub(crate) fn run(
        mut self,
        store: &dyn Store,
        journal: &dyn Journal,
        contracts: &Contracts,
        key: &str,
        mut load: impl FnMut() -> Result<(), Error>,
    ) -> Result<Replayed, Error> {
        loop {
            load()?;
            let page = loader::ask(store, |tables| self.read(tables))?;
            if page.is_empty() {
                return Ok(self.done());
            }
            let records = self.judge(&page, contracts, key);
            if !records.is_empty() {
                journal::keep(journal, records)?;
            }
        }
    }

    /// The next page; empty at the end.
    fn read(&mut self, tables: &mut dyn Tables) -> Result<Vec<Candidate>, dlt_engine::Error> {
        if !tables.exist()? || !tables.are_current()? {
            return Ok(Vec::new());
        }
        let reasons = Reason::OF_CONTRACTS.map(|reason| format!("'{}'", reason.code())).join(",");
        let rows = tables.select(&format!(
            "SELECT journal_seq, project, event, payload FROM {QUARANTINE} \
             WHERE reason IN ({reasons}) AND journal_seq > {} AND {} ORDER BY journal_seq LIMIT {PAGE}",
            self.after,
            self.selection.condition(tables.dialect())
        ))?;
        let candidate = |row: &Row| Candidate {
            sequence: number(row, "journal_seq"),
            project: text(row, "project"),
            event: text(row, "event").unwrap_or_default(),
            payload: text(row, "payload").unwrap_or_default(),
        };
        let page: Vec<Candidate> = rows.iter().map(candidate).collect();
        self.after = page.last().map_or(self.after, |last| last.sequence);
        Ok(page)
    }

    /// The records of those that their contracts name now. A contract that can't be read is no matter of the others.
    fn judge(&mut self, page: &[Candidate], contracts: &Contracts, key: &str) -> Vec<NewRecord> {
        let mut records = Vec::new();
        for candidate in page {
            let project = candidate.project.as_deref().unwrap_or(DEFAULT);
            let contract = match self.contracts.get(project) {
                Some(contract) => contract.clone(),
                None => {
                    let contract = contracts.fresh(project);
                    self.unread.extend(contract.as_ref().err().map(in_full));
                    let contract = contract.ok();
                    self.contracts.insert(project.to_owned(), contract.clone());
                    contract
                }
            };
            let Some(contract) = contract else { continue };
            match event::again(&candidate.payload, candidate.project.as_deref(), &contract, key) {
                Ok(row) => {
                    self.replayed += 1;
                    records.push(Replay::record(candidate.sequence, &row));
                }
                Err(stays) => {
                    let (reason, path) = match stays {
                        Stays::Breach(breach) => (breach.reason.code(), breach.path),
                        Stays::Unreadable => (Reason::Unreadable.code(), String::new()),
                    };
                    let group = [project.to_owned(), reason.to_owned(), candidate.event.clone(), path];
                    *self.stays.entry(group).or_default() += 1;
                }
            }
        }
        records
    }

    /// What was done.
    fn done(self) -> Replayed {
        let stay =
            |([project, reason, event, path], count): ([String; 4], u64)| Stay { project, reason, event, path, count };
        Replayed { replayed: self.replayed, stays: self.stays.into_iter().map(stay).collect(), unread: self.unread }
    }
}
