//! Recounting: what the tables and the journal really hold, against what the ledger says.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::deletion;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::loader;
use crate::loads;
use crate::tables::{EVENTS, LOADS, QUARANTINE, Tables, number};

/// Payload bytes that are read at a time.
const PIECE_BYTES: usize = 16 << 20;

/// The result of recounting a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// The ledger, counted from tables and journal.
    pub ledger: Ledger,
    /// What is wrong, one sentence each; empty when all is well.
    pub problems: Vec<String>,
}

impl Check {
    /// Whether every accepted event is in exactly one place.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.ledger)?;
        if self.is_sound() {
            return writeln!(f, "Every accepted event is in exactly one place.");
        }
        for problem in &self.problems {
            writeln!(f, "PROBLEM  {problem}")?;
        }
        Ok(())
    }
}

/// Why recounting failed.
#[derive(Debug)]
pub(crate) enum Failure {
    Tables(dlt_engine::Error),
    Journal(io::Error),
}

impl From<dlt_engine::Error> for Failure {
    fn from(error: dlt_engine::Error) -> Self {
        Self::Tables(error)
    }
}

/// Counts rows and records one by one.
pub(crate) fn recount(tables: &mut Tables, journal: &dyn Journal) -> Result<Check, Failure> {
    let counts = tables.counts()?;
    let newest = journal.durable();
    let ledger = loader::ledger(counts, newest);
    let mut problems = Vec::new();
    let mut expect_none = |count: u64, what: &str| {
        if count > 0 {
            problems.push(format!("{count} {what}"));
        }
    };

    if tables.exist()? {
        let row = tables.row(&format!(
            "SELECT (SELECT count(*) - count(DISTINCT message_id) FROM {EVENTS}) AS doubled, \
                    (SELECT count(*) - count(DISTINCT journal_seq) FROM {EVENTS}) AS same_number, \
                    (SELECT count(*) - count(DISTINCT journal_seq) FROM {QUARANTINE}) AS same_quarantined, \
                    (SELECT count(*) FROM {EVENTS} SEMI JOIN {QUARANTINE} USING (journal_seq)) AS in_both, \
                    (SELECT count(*) FROM {EVENTS} WHERE journal_seq > {position}) AS beyond, \
                    (SELECT coalesce(sum(quarantined), 0)::BIGINT FROM {LOADS}) AS put_aside, \
                    (SELECT coalesce(sum(last_seq - first_seq + 1), 0)::BIGINT FROM {LOADS}) AS taken",
            position = counts.position
        ))?;
        expect_none(number(&row, "doubled"), "events are in the table more than once");
        expect_none(number(&row, "same_number"), "rows of events share a sequence number");
        expect_none(number(&row, "same_quarantined"), "rows of the quarantine share a sequence number");
        expect_none(number(&row, "in_both"), "events are in the table and in the quarantine");
        expect_none(number(&row, "beyond"), "rows of events are newer than what was loaded");
        let put_aside = number(&row, "put_aside").abs_diff(counts.quarantined + counts.deleted_quarantined);
        expect_none(put_aside, "rows of the quarantine are missing or too many");
        let taken = number(&row, "taken").abs_diff(counts.position);
        expect_none(taken, "accepted events are in no load: the database is not the one that they were loaded into");
        if tables.record_duplicates()? {
            let have_deletions = tables.have_deletions()?;
            let row = tables.row(&loads::recount(have_deletions))?;
            let what =
                "events that were loaded are not in the table any more; what was missed in time has a copy in refused/";
            expect_none(number(&row, "lost"), what);
            expect_none(number(&row, "strange"), "rows of events were taken by no load");
        }
        if tables.have_deletions()? {
            let row = tables.row(&deletion::recount())?;
            let deleted = number(&row, "said").abs_diff(counts.deleted_events + counts.deleted_quarantined);
            expect_none(deleted, "deleted events are not among the tombstones, or too many");
            expect_none(number(&row, "still_there"), "deleted events are still in a table");
            expect_none(number(&row, "back"), "deleted events were stored once more");
        }
    }

    let (mut sound, mut damaged) = (0, 0);
    let mut reader = journal.reader(counts.position);
    while reader.position() < newest {
        let batch = reader.read(newest, PIECE_BYTES).map_err(Failure::Journal)?;
        if batch.is_empty() {
            break;
        }
        sound += batch.entries.len() as u64;
        damaged += batch.missing_count();
    }
    expect_none(damaged, "records of the journal are damaged; they go into the quarantine with the next load");
    expect_none(ledger.in_journal.abs_diff(sound + damaged), "events that should wait in the journal are not there");
    if ledger.unaccounted() != 0 {
        problems.push(format!("{} accepted events are unaccounted for", ledger.unaccounted()));
    }
    Ok(Check { ledger, problems })
}
