//! Tables whose files hold other types than new rows have: no reader could make one column of both.

use crate::lake::has_log;
use crate::settings::{FORMAT_HINT, FORMATS};
use dlt_engine::schema::{Column, DataType, Schema, Table, TableFormat};
use dlt_engine::{Error, ErrorKind};
use std::collections::HashMap;

/// Why a table cannot take the rows that the schema describes, by table.
pub(crate) type Conflicts = HashMap<String, Error>;

/// Compares the schema of the dataset with that of a load.
pub(crate) fn find(stored: Option<&Schema>, schema: &Schema) -> Conflicts {
    let mut conflicts = Conflicts::new();
    for table in schema.tables.values() {
        if let Some(error) = of_format(schema, table).or_else(|| of_file_format(schema, table)).or_else(|| {
            let stored = stored?;
            let before = stored.tables.get(&table.name)?;
            of_another_format((stored, before), (schema, table)).or_else(|| of_types(before, table))
        }) {
            conflicts.insert(table.name.clone(), error);
        }
    }
    conflicts
}

/// Tables of a format that is not known are no files that can be added to.
pub(crate) fn of_format(schema: &Schema, table: &Table) -> Option<Error> {
    let format = schema.format_of(table);
    if format == TableFormat::Native || has_log(format) {
        return None;
    }
    let message =
        format!("table `{}` is kept in the table format `{format}`, which dlt cannot read or write", table.name);
    Some(Error::new(ErrorKind::Config, message).hint("load into another dataset, or leave out `table_format`"))
}

/// A table stays in the format that it was begun in: readers of the other would see only a part of it.
fn of_another_format(before: (&Schema, &Table), now: (&Schema, &Table)) -> Option<Error> {
    before.1.complete_columns().next()?;
    let (was, is) = (before.0.format_of(before.1), now.0.format_of(now.1));
    (was != is).then(|| {
        let message =
            format!("table `{}` has the table format `{was}` in the dataset, and is to have `{is}`", now.1.name);
        Error::new(ErrorKind::Config, message).hint("load into another table, or leave `table_format` as it was")
    })
}

/// Files of a format that a destination of files does not have, or a table with a log does not take.
fn of_file_format(schema: &Schema, table: &Table) -> Option<Error> {
    let word = table.hints.get(FORMAT_HINT)?.as_str()?;
    let (taken, formats) = match schema.format_of(table) {
        TableFormat::Native => (FORMATS.iter().any(|(known, _)| *known == word), "`jsonl`, `parquet` or `csv`"),
        _ => (word == "parquet", "`parquet`"),
    };
    // The word for what the destination likes best.
    if taken || word == "preferred" {
        return None;
    }
    let message = format!("table `{}` asks for files of the format `{word}`, which it cannot have", table.name);
    let hint = format!(
        "set its `file_format` to {formats}, or leave it out: in the resource of the program that set it, or in an imported schema"
    );
    Some(Error::new(ErrorKind::Config, message).hint(hint))
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
