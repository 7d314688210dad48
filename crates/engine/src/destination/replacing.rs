//! How all rows of a table are replaced.

use super::Destination;
use crate::error::{Error, ErrorKind, Result};
use std::fmt;

/// How the new rows of a table that is replaced take the place of all others. What is seen is the same for each: the old
/// rows until the load is committed, the new ones from then on, for a load is one transaction ([`super::Transaction`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplaceStrategy {
    /// The tables are emptied, and the new rows inserted.
    #[default]
    TruncateAndInsert,
    /// The new rows are staged first, so that the tables are never seen empty. Rows are staged in any case: as the job files
    /// of the load package.
    InsertFromStaging,
    /// Staged tables take the place of the others, by a way of the destination's own.
    StagingOptimized,
}

impl ReplaceStrategy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::TruncateAndInsert, Self::InsertFromStaging, Self::StagingOptimized];

    /// Its name: `truncate-and-insert`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TruncateAndInsert => "truncate-and-insert",
            Self::InsertFromStaging => "insert-from-staging",
            Self::StagingOptimized => "staging-optimized",
        }
    }

    /// Looks whether the destination has the strategy.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it has not.
    pub(crate) fn check(self, destination: &dyn Destination) -> Result<()> {
        let known = destination.capabilities().replace_strategies;
        if known.contains(&self) {
            return Ok(());
        }
        let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
        let what = format!("a table of {} cannot be replaced by the strategy `{self}`", destination.type_name());
        Err(Error::new(ErrorKind::Config, what)
            .hint(format!("set `replace_strategy` to {}, or leave it out", known.join(" or "))))
    }
}

impl fmt::Display for ReplaceStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
