//! The table format: whether rows are files or rows of the destination's own, or kept with a log of what belongs to the table.

use super::{Schema, Table};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Hint of a root table that names the format. Tables that are nested in it have none of their own.
const FORMAT: &str = "table_format";

/// A format in which a table is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TableFormat {
    /// As the destination keeps tables by itself.
    Native,
    /// Delta Lake: Parquet files and a log.
    Delta,
    /// Apache Iceberg.
    Iceberg,
    /// Hive.
    Hive,
}

impl TableFormat {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Native, Self::Delta, Self::Iceberg, Self::Hive];

    /// Name, as it is stored: `delta`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Delta => "delta",
            Self::Iceberg => "iceberg",
            Self::Hive => "hive",
        }
    }
}

impl fmt::Display for TableFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Table {
    /// The format that the table's own hint names; native where there is none, or one that is not known.
    pub fn table_format(&self) -> TableFormat {
        let stored = self.hints.get(FORMAT).and_then(|value| value.as_str()).unwrap_or_default();
        TableFormat::ALL.into_iter().find(|format| format.name() == stored).unwrap_or(TableFormat::Native)
    }

    /// Stores the format.
    pub fn set_table_format(&mut self, format: TableFormat) {
        self.hints.insert(FORMAT.into(), format.name().into());
    }
}

impl Schema {
    /// The format of a table, which is that of its root table.
    pub fn format_of(&self, table: &Table) -> TableFormat {
        let mut root = table;
        // Parents that lead in a circle are no schema; it must not be waited for all the same.
        for _ in 0..self.tables.len() {
            match root.parent.as_ref().and_then(|parent| self.tables.get(parent)) {
                Some(parent) => root = parent,
                None => break,
            }
        }
        root.table_format()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::WriteDisposition;

    #[test]
    fn nested_tables_have_the_format_of_their_root() {
        let mut schema = Schema::new("s");
        let mut root = Table::root("t", "t", WriteDisposition::Append);
        assert_eq!(root.table_format(), TableFormat::Native);
        root.set_table_format(TableFormat::Delta);
        schema.tables.insert("t".into(), root);
        schema.tables.insert("t__a".into(), Table::nested("t__a", "t"));
        schema.tables.insert("t__a__b".into(), Table::nested("t__a__b", "t__a"));
        assert!(
            schema
                .tables
                .values()
                .filter(|t| t.name.starts_with('t'))
                .all(|t| schema.format_of(t) == TableFormat::Delta)
        );
    }
}
