//! What is different between two states of a schema.

use super::{DataType, Schema};
use serde::{Deserialize, Serialize};

/// What came to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableChange {
    /// The table.
    pub table: String,
    /// Whether the table itself came.
    pub is_new: bool,
    /// Columns that came, with their types.
    pub columns: Vec<(String, DataType)>,
}

impl Schema {
    /// What this schema has beyond `before`: tables and columns that exist in a destination, in the order of the schema.
    pub fn changes_since(&self, before: &Self) -> Vec<TableChange> {
        let mut changes = Vec::new();
        for table in self.tables.values() {
            let known = before.tables.get(&table.name);
            let is_known = |name: &str| {
                known.is_some_and(|known| known.columns.get(name).is_some_and(|column| column.data_type.is_some()))
            };
            let columns: Vec<_> = table
                .complete_columns()
                .filter(|(column, _)| !is_known(&column.name))
                .map(|(column, data_type)| (column.name.clone(), data_type))
                .collect();
            let is_new = known.is_none_or(|known| known.complete_columns().next().is_none());
            if !columns.is_empty() {
                changes.push(TableChange { table: table.name.clone(), is_new, columns });
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Column, Table, WriteDisposition};
    use super::*;

    #[test]
    fn new_tables_and_new_columns_are_changes() {
        let before = Schema::new("shop");
        let mut after = before.clone();
        let mut orders = Table::root("orders", "orders", WriteDisposition::Append);
        orders.add(Column::inferred("id", DataType::Bigint));
        after.tables.insert("orders".into(), orders);
        let change = |is_new, column: &str, data_type| TableChange {
            table: "orders".into(),
            is_new,
            columns: vec![(column.into(), data_type)],
        };
        assert_eq!(after.changes_since(&before), [change(true, "id", DataType::Bigint)]);
        let mut wider = after.clone();
        wider.tables["orders"].add(Column::inferred("at", DataType::Timestamp));
        wider.tables["orders"].add(Column { data_type: None, ..Column::inferred("later", DataType::Text) });
        assert_eq!(wider.changes_since(&after), [change(false, "at", DataType::Timestamp)]);
        assert_eq!(after.changes_since(&after), []);
    }
}
