//! What happens during a run, told to whoever wants to know: progress bars, logs, telemetry.

use crate::error::Error;
use crate::notice::Notice;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Reading the source.
    Extract,
    /// Bringing data into tables.
    Normalize,
    /// Writing to the destination.
    Load,
}

impl Step {
    /// `extract`, `normalize`, `load`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Normalize => "normalize",
            Self::Load => "load",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run has begun. `transaction_id` is 32 hexadecimal digits, new for every run.
    RunStarted {
        /// Id of the run.
        transaction_id: &'a str,
        /// Schema that its tables belong to.
        schema: &'a str,
        /// Whether it takes up a run that was killed.
        resumed: bool,
    },
    /// A step has begun. Extract and normalize overlap when the input can be read again.
    StepStarted {
        /// The step.
        step: Step,
    },
    /// More was done in a step; the numbers are of the whole step so far.
    Progress {
        /// The step.
        step: Step,
        /// Rows of root tables (extract, normalize) or of all tables (load).
        rows: u64,
        /// Bytes of input.
        bytes: u64,
    },
    /// Something was left out, guessed, renamed or stored in another way than expected. Said once a run.
    Notice {
        /// What.
        notice: &'a Notice,
    },
    /// A step has ended.
    StepFinished {
        /// The step.
        step: Step,
        /// Its own time.
        elapsed: Duration,
        /// Why it failed, if it did.
        error: Option<&'a Error>,
    },
    /// The run has ended.
    RunFinished {
        /// Time of the run.
        elapsed: Duration,
        /// Why it failed, if it did.
        error: Option<&'a Error>,
    },
}

/// Is told what happens. Called from several threads, in the way of the work: it has to be quick.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

/// Does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on_event(&self, _: &Event<'_>) {}
}
