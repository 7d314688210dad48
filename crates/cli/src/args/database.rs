//! Options for loading from databases.

use clap::Args;

const HEADING: &str = "Options for databases";

/// See `dlt::SqlDatabase`.
#[derive(Debug, Args)]
pub(crate) struct Database {
    /// Load the rows of this query, into the table that `--table` names
    #[arg(long, value_name = "SELECT", help_heading = HEADING)]
    pub(crate) query: Option<String>,
    /// Schema whose tables are loaded [default: the user's own]
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub(crate) schema: Option<String>,
    /// Load views too, where none is named
    #[arg(long, help_heading = HEADING)]
    pub(crate) include_views: bool,
    /// Only rows that meet this condition, in the database's SQL
    #[arg(long = "where", value_name = "CONDITION", help_heading = HEADING)]
    pub(crate) condition: Option<String>,
}

impl Database {
    /// The first option that is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            (self.query.is_some(), "--query"),
            (self.schema.is_some(), "--schema"),
            (self.include_views, "--include-views"),
            (self.condition.is_some(), "--where"),
        ];
        given.into_iter().find(|(is_given, _)| *is_given).map(|(_, name)| name)
    }
}
