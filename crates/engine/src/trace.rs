//! What a run did, as its caller gets it and as it is kept in the working folder.

use crate::discarded::Discarded;
use crate::error::Error;
use crate::events::Step;
use crate::notice::Notice;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Result of a run that succeeded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadInfo {
    /// Pipeline.
    pub pipeline: String,
    /// Name of the destination.
    pub destination: String,
    /// Where it is.
    pub location: String,
    /// Dataset.
    pub dataset: String,
    /// Id of the load.
    pub load_id: String,
    /// True if this run finished one that had been killed, and the data given to it was in that one.
    pub resumed: bool,
    /// Rows added by table, root tables before their nested ones. Tables that got none are left out.
    pub tables: Vec<(String, u64)>,
    /// What the schema contract left out, by table, column and reason.
    #[serde(default)]
    pub discarded: Vec<Discarded>,
    /// Steps and times.
    pub trace: Trace,
}

/// Course of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trace {
    /// Id of the run: 32 hexadecimal digits.
    pub transaction_id: String,
    /// Pipeline.
    pub pipeline: String,
    /// Microseconds since 1970, UTC.
    pub started_at_micros: i64,
    /// Seconds.
    pub elapsed: f64,
    /// Whether the run succeeded.
    pub success: bool,
    /// What went wrong, if something did.
    pub error: Option<String>,
    /// Steps that were begun, in order.
    pub steps: Vec<StepTrace>,
    /// What the schema contract left out, by table, column and reason.
    #[serde(default)]
    pub discarded: Vec<Discarded>,
    /// What was left out, guessed, renamed or stored in another way than expected.
    #[serde(default)]
    pub notices: Vec<Notice>,
}

/// Course of a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepTrace {
    /// Which.
    pub step: Step,
    /// Seconds of its own.
    pub elapsed: f64,
    /// Rows: of root tables for extract, of all tables else.
    pub rows: u64,
    /// Whether it succeeded.
    pub success: bool,
}

impl Trace {
    pub(crate) fn fail(&mut self, error: &Error) {
        self.success = false;
        self.error = Some(error.to_string());
    }
}

impl fmt::Display for LoadInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.resumed { "finished an interrupted run" } else { "run finished" };
        writeln!(f, "Pipeline {} {verb} in {:.2} seconds", self.pipeline, self.trace.elapsed)?;
        writeln!(f, "1 load package was loaded to destination {} and into dataset {}", self.destination, self.dataset)?;
        writeln!(f, "The {} destination used {} to store data", self.destination, self.location)?;
        write!(f, "Load package {} is LOADED and contains no failed jobs", self.load_id)?;
        let width = self.tables.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, rows) in &self.tables {
            let plural = if *rows == 1 { "row" } else { "rows" };
            write!(f, "\n  {name:<width$}  {rows} {plural}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.success { "COMPLETED" } else { "FAILED" };
        let started = jiff::Timestamp::from_microsecond(self.started_at_micros).unwrap_or_default();
        write!(
            f,
            "Run started at {started:.0} and {outcome} in {:.2} seconds with {} steps",
            self.elapsed,
            self.steps.len()
        )?;
        for step in &self.steps {
            let outcome = if step.success { "COMPLETED" } else { "FAILED" };
            write!(f, "\nStep {} {outcome} in {:.2} seconds, {} rows", step.step, step.elapsed, step.rows)?;
        }
        for notice in &self.notices {
            write!(f, "\nNote: {notice}")?;
        }
        if let Some(error) = &self.error {
            write!(f, "\n{error}")?;
        }
        Ok(())
    }
}
