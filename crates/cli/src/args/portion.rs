//! How much of a load is done.

use clap::Args;

/// Options of `dlt ingest` and `dlt run`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Portion {
    /// Load at most so many rows of each table that has no parent
    #[arg(long, value_name = "ROWS", help_heading = "How much")]
    pub(crate) limit: Option<u64>,
    /// Read and work out what would be loaded and what would change, and load nothing
    #[arg(long, help_heading = "How much")]
    pub(crate) dry_run: bool,
}
