//! What a source says about its tables beforehand, put into the schema.

use crate::error::{Error, ErrorKind, Result};
use crate::naming::Naming;
use crate::schema::{Column, Schema, Table, WriteDisposition};
use crate::source::TableHints;

/// Name of the table that a resource makes.
pub(crate) fn table_name(resource: &str, hints: &TableHints, naming: Naming) -> String {
    naming.normalize_path(hints.table.as_deref().unwrap_or(resource))
}

/// Puts what the source says about a table into the schema; returns the table's name.
pub(crate) fn declare(schema: &mut Schema, resource: &str, hints: &TableHints, naming: Naming) -> Result<String> {
    let name = table_name(resource, hints, naming);
    if name.is_empty() || name.starts_with("_dlt") {
        return Err(Error::new(ErrorKind::Config, format!("`{resource}` cannot be the name of a table"))
            .hint("give the table another name"));
    }
    let table = schema.tables.entry(name.clone()).or_insert_with(|| Table::root(&name, resource, hints.disposition));
    if table.parent.is_some() {
        return Err(Error::new(ErrorKind::Config, format!("table `{name}` exists and is nested in another"))
            .hint("give the table another name"));
    }
    table.write_disposition = Some(hints.disposition);
    if hints.disposition == WriteDisposition::Merge {
        table.hints.insert("x-merge-strategy".into(), "insert-only".into());
    }
    if let Some(depth) = hints.max_nesting {
        let normalizer = table.hints.entry("x-normalizer").or_insert_with(|| serde_json::json!({}));
        normalizer["max_nesting"] = depth.into();
    }
    for hinted in &hints.columns {
        let column = naming.normalize_key(&hinted.name);
        if !table.columns.contains_key(&column) {
            table.add(Column { name: column, ..hinted.clone() });
        }
    }
    let keys: Vec<String> = hints.primary_key.iter().map(|key| naming.normalize_key(key)).collect();
    if !keys.is_empty() {
        // Another key takes the place of the one that was.
        for column in table.columns.values_mut().filter(|column| !keys.contains(&column.name)) {
            column.hints.remove("primary_key");
        }
    }
    for column in keys {
        let entry = table.columns.entry(column.clone()).or_insert_with(|| Column {
            name: column,
            data_type: None,
            nullable: false,
            hints: Default::default(),
        });
        entry.nullable = false;
        entry.hints.insert("primary_key".into(), true.into());
    }
    if hints.disposition == WriteDisposition::Merge && !table.columns.values().any(|column| column.is("primary_key")) {
        return Err(Error::new(ErrorKind::Config, format!("table `{name}` is to be merged and has no primary key"))
            .hint("name the columns that identify a row as its primary key, or use append"));
    }
    Ok(name)
}
