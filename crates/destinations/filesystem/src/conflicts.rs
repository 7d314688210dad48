//! Tables whose files hold other types than new rows have: no reader could make one column of both.

use dlt_engine::schema::{Column, DataType, Schema, Table};
use dlt_engine::{Error, ErrorKind};
use std::collections::HashMap;

/// Why a table cannot take the rows that the schema describes, by table.
pub(crate) type Conflicts = HashMap<String, Error>;

/// Compares the schema of the dataset with that of a load.
pub(crate) fn find(stored: Option<&Schema>, schema: &Schema) -> Conflicts {
    let mut conflicts = Conflicts::new();
    for table in schema.tables.values() {
        if let Some(error) = of_format(table).or_else(|| of_types(stored?.tables.get(&table.name)?, table)) {
            conflicts.insert(table.name.clone(), error);
        }
    }
    conflicts
}

/// Tables of a format of their own are no files that can be added to.
pub(crate) fn of_format(table: &Table) -> Option<Error> {
    let format = table.hints.get("table_format")?.as_str()?;
    if !matches!(format, "delta" | "iceberg" | "hive") {
        return None;
    }
    let message =
        format!("table `{}` is kept in the table format `{format}`, which dlt cannot read or write", table.name);
    Some(Error::new(ErrorKind::Config, message).hint("load into another dataset, or leave out `table_format`"))
}

fn of_types(before: &Table, table: &Table) -> Option<Error> {
    table.complete_columns().find_map(|(column, _)| {
        let existing = before.columns.get(&column.name)?;
        let (was, is) = (existing.data_type?, column.data_type?);
        (!holds(existing, column)).then(|| {
            let message = format!(
                "column `{}` of table `{}` is {} in the dataset, and the data needs {}",
                column.name,
                table.name,
                was.name(),
                is.name()
            );
            Error::new(ErrorKind::Data, message)
                .hint("load into another dataset or table, or change the column in the stored schema")
        })
    })
}

fn holds(existing: &Column, wanted: &Column) -> bool {
    match (existing.data_type, wanted.data_type) {
        (Some(DataType::Timestamp), Some(DataType::Timestamp)) => existing.has_timezone() == wanted.has_timezone(),
        // JSON is text with a promise.
        (Some(DataType::Text), Some(DataType::Json)) => true,
        (existing, wanted) => existing == wanted,
    }
}
