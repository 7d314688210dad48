//! The check: counts tables and journal row by row, and compares the result with the ledger.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::store::Tables;

/// Payload bytes that are read at a time.
const BATCH_BYTES: usize = 16 << 20;

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
pub(crate) fn recount(tables: &mut dyn Tables, journal: &dyn Journal) -> Result<Check, Failure> {
    let counts = tables.counts()?;
    // After the counts: what they hold was accepted before.
    let newest = journal.newest().map_err(Failure::Journal)?;
    let ledger = counts.ledger(newest);
    let mut problems = Vec::new();
    let mut expect_none = |count: u64, what: &str| {
        if count > 0 {
            problems.push(format!("{count} {what}"));
        }
    };

    if tables.exist()? {
        let found = tables.recount(&counts)?;
        expect_none(found.same_message, "events are in the table more than once");
        expect_none(found.same_number, "rows of events share a sequence number");
        expect_none(found.same_quarantined, "rows of the quarantine share a sequence number");
        expect_none(found.in_both, "events are in the table and in the quarantine");
        expect_none(found.beyond, "rows of events are newer than what was loaded");
        expect_none(found.quarantine_difference, "rows of the quarantine are missing or too many");
        let what = "accepted events are in no load: the database is not the one that they were loaded into";
        expect_none(found.uncovered, what);
        let what =
            "events that were loaded are not in the table any more; what was missed in time has a copy in refused/";
        expect_none(found.lost, what);
        expect_none(found.orphaned, "items of lists belong to no event");
        expect_none(found.unexplained, "rows of events were taken by no load");
        expect_none(found.deletion_difference, "deleted events are not among the tombstones, or too many");
        expect_none(found.undeleted, "deleted events are still in a table");
        expect_none(found.returned, "deleted events were stored once more");
        expect_none(found.expired_difference, "expired events are counted otherwise by load, by day and by run");
    }

    let (mut sound, mut damaged) = (0, 0);
    let mut reader = journal.reader(counts.position);
    while reader.position() < newest {
        let batch = reader.read(newest, BATCH_BYTES).map_err(Failure::Journal)?;
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
