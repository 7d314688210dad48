//! How a table is merged: the strategy and the columns that take part in it, as hints of the stored schema say.

use super::{Column, Table, TableFormat};
use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// Hint of a table that names the strategy.
const STRATEGY: &str = "x-merge-strategy";
/// Hints that change what a merge does and that are not obeyed yet; a table that has one of them is refused.
const UNSUPPORTED: [&str; 3] = ["x-merge-source-filter", "x-merge-destination-scope", "x-merge-skip-unchanged-rows"];

/// Hint of a column, `true` where the primary key identifies a row only within the rows that have one value in it: two rows with one key
/// and two such values are two. The column may be null, and null is a value of its own. For insert-only alone.
pub const KEY_WITHIN: &str = "x-key-within";

/// What a merge does with rows whose key is in the table already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MergeStrategy {
    /// Rows of the table that match a new row by primary key or merge key are deleted, with all that is nested in them,
    /// and the new rows are inserted. Of several new rows with one primary key one is kept: the one that `dedup_sort`
    /// puts first, else the last of the input.
    #[default]
    DeleteInsert,
    /// As delete-insert by primary key alone, with row ids that are digests of the key and so stay the same.
    Upsert,
    /// Rows whose primary key is in the table are left out.
    InsertOnly,
    /// Versions of rows are kept: a row that the load lacks, or has in another version, ends, and new versions begin, each
    /// with its time ([`crate::versions`]). With a merge key only rows end whose merge key is in the load.
    Scd2,
    /// As upsert; besides, rows whose primary key is not in the load are deleted. With a merge key only those whose merge
    /// key is in the load.
    Cdc,
}

impl MergeStrategy {
    /// All strategies.
    pub const ALL: [Self; 5] = [Self::DeleteInsert, Self::Upsert, Self::InsertOnly, Self::Scd2, Self::Cdc];

    /// Name, as it is stored: `delete-insert`.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeleteInsert => "delete-insert",
            Self::Upsert => "upsert",
            Self::InsertOnly => "insert-only",
            Self::Scd2 => "scd2",
            Self::Cdc => "cdc",
        }
    }

    /// Whether ids of root rows are digests of the primary key.
    pub(crate) fn has_key_ids(self) -> bool {
        matches!(self, Self::Upsert | Self::InsertOnly | Self::Cdc)
    }

    /// Whether rows meet by key, and not as versions.
    pub(crate) fn goes_by_key(self) -> bool {
        self != Self::Scd2
    }
}

impl fmt::Display for MergeStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which of several rows with one primary key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortOrder {
    /// The one with the lowest value.
    Asc,
    /// The one with the highest value.
    Desc,
}

impl Table {
    /// The strategy by which the table is merged, if it is to be merged: the stored one, or delete-insert, or for a table
    /// of Delta or Iceberg upsert.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the stored schema asks for a strategy or an option that this version does not have: to do
    /// something else would change the table in another way than its owner wants.
    pub fn merge_strategy(&self) -> Result<MergeStrategy> {
        let refuse = |what: String| {
            Err(Error::new(
                ErrorKind::Config,
                format!("table `{}` is kept by {what}, which this version cannot do", self.name),
            )
            .hint("load into another table, or go on with the tool that made it"))
        };
        if let Some(option) =
            UNSUPPORTED.iter().find(|option| self.hints.get(**option).is_some_and(|value| !value.is_null()))
        {
            return refuse(format!("a merge with the option `{option}`"));
        }
        let Some(stored) = self.hints.get(STRATEGY).filter(|value| !value.is_null()) else {
            return Ok(match self.table_format() {
                TableFormat::Delta | TableFormat::Iceberg => MergeStrategy::Upsert,
                _ => MergeStrategy::default(),
            });
        };
        match MergeStrategy::ALL.into_iter().find(|strategy| stored.as_str() == Some(strategy.name())) {
            Some(strategy) => Ok(strategy),
            None => refuse(format!("the merge strategy {stored}")),
        }
    }

    /// Stores the strategy.
    pub(crate) fn set_merge_strategy(&mut self, strategy: MergeStrategy) {
        self.hints.insert(STRATEGY.into(), strategy.name().into());
    }

    /// Names of the columns that have a boolean hint, in order: `primary_key`, `merge_key`.
    pub fn columns_with(&self, hint: &str) -> Vec<&str> {
        self.columns.values().filter(|column| column.is(hint)).map(|column| column.name.as_str()).collect()
    }

    /// The columns within whose values the primary key identifies a row, by the hint [`KEY_WITHIN`]. They may be null, which is a value
    /// as any other.
    pub fn key_within(&self) -> Vec<&str> {
        self.columns_with(KEY_WITHIN)
    }

    /// Whether rows of one load are known to differ in their primary keys, so that nobody has to look.
    pub fn is_deduplicated(&self) -> bool {
        self.hints.get("x-stage-data-deduplicated").and_then(Value::as_bool).unwrap_or(false)
    }

    /// The column that decides which of several rows with one primary key is kept.
    pub fn dedup_sort(&self) -> Option<(&str, SortOrder)> {
        self.columns.values().find_map(|column| match column.hints.get("dedup_sort")?.as_str()? {
            "asc" => Some((column.name.as_str(), SortOrder::Asc)),
            "desc" => Some((column.name.as_str(), SortOrder::Desc)),
            _ => None,
        })
    }

    /// The column that marks a row as deleted: by `true` if it is boolean, else by any value.
    pub fn hard_delete(&self) -> Option<&Column> {
        self.columns.values().find(|column| column.is("hard_delete"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{DataType, WriteDisposition};

    fn table(hints: &[(&str, Value)]) -> Table {
        let mut table = Table::root("t", "t", WriteDisposition::Merge);
        table.hints.extend(hints.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        table
    }

    #[test]
    fn a_strategy_is_obeyed_or_refused() {
        assert_eq!(table(&[]).merge_strategy().unwrap(), MergeStrategy::DeleteInsert);
        assert_eq!(table(&[(STRATEGY, Value::Null)]).merge_strategy().unwrap(), MergeStrategy::DeleteInsert);
        assert_eq!(table(&[("table_format", "delta".into())]).merge_strategy().unwrap(), MergeStrategy::Upsert);
        for strategy in MergeStrategy::ALL {
            assert_eq!(table(&[(STRATEGY, strategy.name().into())]).merge_strategy().unwrap(), strategy);
        }
        for (hint, value) in [(STRATEGY, "dedup".into()), ("x-merge-source-filter", "a > 1".into())] {
            let error = table(&[(hint, value)]).merge_strategy().unwrap_err();
            assert!(error.to_string().contains("which this version cannot do"), "{error}");
        }
    }

    #[test]
    fn hints_of_columns_are_found() {
        let mut table = table(&[]);
        table.add(Column::inferred("id", DataType::Bigint).with("primary_key", true));
        table.add(Column::inferred("at", DataType::Timestamp).with("dedup_sort", "desc"));
        table.add(Column::inferred("gone", DataType::Bool).with("hard_delete", true));
        assert_eq!(table.columns_with("primary_key"), ["id"]);
        assert_eq!(table.dedup_sort(), Some(("at", SortOrder::Desc)));
        assert_eq!(table.hard_delete().map(|column| column.name.as_str()), Some("gone"));
    }
}
