//! Options for loads of what is new.

use clap::{Args, ValueEnum};

const HEADING: &str = "Options for loading what is new";

/// See `dlt::Incremental`.
#[derive(Debug, Args)]
pub(crate) struct Incremental {
    /// Load only rows that are new by this column or path (`updated_at`, `updated.at`); `modification_date` loads the files
    /// that are new or were changed
    #[arg(long, value_name = "CURSOR", help_heading = HEADING)]
    pub(crate) incremental: Option<String>,
    /// Where the first load begins: a number, a date or time as in the data, or text [default: with everything]
    #[arg(long, value_name = "VALUE", requires = "incremental", allow_hyphen_values = true, help_heading = HEADING)]
    pub(crate) initial_value: Option<String>,
    /// Load just the range from `--initial-value` to this, and leave the position of other loads as it is
    #[arg(long, value_name = "VALUE", requires = "initial_value", allow_hyphen_values = true, help_heading = HEADING)]
    pub(crate) end_value: Option<String>,
    /// Which value of the column is the later one [default: max]
    #[arg(long, value_enum, value_name = "WHICH", requires = "incremental", help_heading = HEADING)]
    pub(crate) last_value_func: Option<LastValue>,
    /// How far to go back behind what was loaded: seconds for times, days for dates, else a number
    #[arg(long, value_name = "NUMBER", requires = "incremental", allow_hyphen_values = true, help_heading = HEADING)]
    pub(crate) lag: Option<f64>,
    /// The order of the rows in the input, so that reading can stop early [default: unknown]
    #[arg(long, value_enum, value_name = "ORDER", requires = "incremental", help_heading = HEADING)]
    pub(crate) row_order: Option<RowOrder>,
    /// Whether rows that have just the start's value belong to the range [default: closed, they do unless they were loaded]
    #[arg(long, value_enum, value_name = "BOUND", requires = "incremental", help_heading = HEADING)]
    pub(crate) range_start: Option<Bound>,
    /// Whether rows that have just the end's value belong to the range [default: open, they do not]
    #[arg(long, value_enum, value_name = "BOUND", requires = "incremental", help_heading = HEADING)]
    pub(crate) range_end: Option<Bound>,
    /// What to do with rows that have no value there [default: raise]
    #[arg(long, value_enum, value_name = "WHAT", requires = "incremental", help_heading = HEADING)]
    pub(crate) on_cursor_value_missing: Option<OnMissing>,
}

/// Which value is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LastValue {
    /// The highest
    Max,
    /// The lowest
    Min,
}

/// The order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowOrder {
    /// The oldest come first: reading stops behind the end
    Asc,
    /// The newest come first: reading stops at what was loaded
    Desc,
}

/// Whether an end of a range belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bound {
    /// It does
    Closed,
    /// It does not
    Open,
}

/// What to do with rows without a cursor value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnMissing {
    /// Fail
    Raise,
    /// Load them, with every load
    Include,
    /// Leave them out
    Exclude,
}

impl Incremental {
    /// What it says; `None` if it says nothing.
    pub(crate) fn meaning(&self) -> dlt::Result<Option<dlt::FilesIncremental>> {
        let Some(word) = &self.incremental else { return Ok(None) };
        let declared = |mut incremental: dlt::Incremental| {
            incremental.initial_value = self.initial_value.as_deref().map(dlt::CursorValue::typed);
            incremental.end_value = self.end_value.as_deref().map(dlt::CursorValue::typed);
            incremental.lag = self.lag;
            incremental.last_value_func = match self.last_value_func {
                Some(LastValue::Min) => dlt::LastValue::Min,
                _ => dlt::LastValue::Max,
            };
            incremental.row_order = self.row_order.map(|order| match order {
                RowOrder::Asc => dlt::RowOrder::Asc,
                RowOrder::Desc => dlt::RowOrder::Desc,
            });
            if let Some(bound) = self.range_start {
                incremental.range_start = bound.into();
            }
            if let Some(bound) = self.range_end {
                incremental.range_end = bound.into();
            }
            incremental.on_cursor_value_missing = match self.on_cursor_value_missing {
                Some(OnMissing::Include) => dlt::OnMissing::Include,
                Some(OnMissing::Exclude) => dlt::OnMissing::Exclude,
                Some(OnMissing::Raise) | None => dlt::OnMissing::Raise,
            };
            incremental.check().map(|()| incremental)
        };
        Ok(Some(match dlt::FilesIncremental::of_word(word) {
            dlt::FilesIncremental::Files(incremental) => dlt::FilesIncremental::Files(declared(incremental)?),
            dlt::FilesIncremental::Rows(incremental) => declared(incremental)?.into(),
            other => other,
        }))
    }
}

impl From<Bound> for dlt::Bound {
    fn from(word: Bound) -> Self {
        match word {
            Bound::Closed => Self::Closed,
            Bound::Open => Self::Open,
        }
    }
}
