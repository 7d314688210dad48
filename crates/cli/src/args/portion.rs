//! How much of a load is done, and what it begins with.

use clap::{Args, ValueEnum};

/// Options of `dlt ingest` and `dlt run`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Portion {
    /// Load at most so many rows of each table that has no parent
    #[arg(long, value_name = "ROWS", help_heading = "How much")]
    pub(crate) limit: Option<u64>,
    /// Read and work out what would be loaded and what would change, and load nothing
    #[arg(long, help_heading = "How much")]
    pub(crate) dry_run: bool,
    /// Begin anew: drop what this run replaces, in the transaction of its load [default: add to what is there]
    #[arg(long, value_enum, value_name = "MODE", help_heading = "How much")]
    refresh: Option<Refresh>,
    /// As --refresh drop_sources
    #[arg(long, conflicts_with = "refresh", help_heading = "How much")]
    full_refresh: bool,
}

impl Portion {
    /// What the load begins anew with.
    pub(crate) fn refresh(&self) -> Option<dlt::Refresh> {
        let given = if self.full_refresh { Some(Refresh::DropSources) } else { self.refresh };
        given.map(Into::into)
    }
}

/// What of the data that is there a run begins anew with.
#[expect(clippy::enum_variant_names, reason = "the words of Python dlt")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Refresh {
    /// All tables of the source, its schema and all that it remembers
    #[value(name = "drop_sources")]
    DropSources,
    /// The tables of the resources that are read, and what these remember
    #[value(name = "drop_resources")]
    DropResources,
    /// The rows of the tables of the resources that are read, and what these remember
    #[value(name = "drop_data")]
    DropData,
}

impl From<Refresh> for dlt::Refresh {
    fn from(word: Refresh) -> Self {
        match word {
            Refresh::DropSources => Self::DropSources,
            Refresh::DropResources => Self::DropResources,
            Refresh::DropData => Self::DropData,
        }
    }
}
