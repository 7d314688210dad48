//! What a source says about its tables beforehand, put into the schema.

use crate::error::{Error, ErrorKind, Result};
use crate::naming::Naming;
use crate::schema::{Column, MergeStrategy, Schema, Table, WriteDisposition};
use crate::source::TableHints;

/// Name of the table that a resource makes. Names that lose letters on their way (`日本`, `中国`: both `x`) do not share
/// one with others; mere spellings of a name do.
pub(crate) fn table_name(schema: &Schema, resource: &str, hints: &TableHints, naming: Naming) -> String {
    let given = given_name(resource, hints);
    let plain = naming.normalize_path(given);
    if plain.is_empty() {
        return plain;
    }
    for attempt in 0.. {
        let name = if attempt == 0 { plain.clone() } else { naming.apart(&plain, &[given], attempt) };
        let folded = naming.folded(&name);
        let Some(known) = schema.tables.values().find(|known| naming.folded(&known.name) == folded) else {
            return name;
        };
        let other = known.original_name();
        if known.parent.is_some() || other == given || naming.keeps_letters(given) && naming.keeps_letters(other) {
            return known.name.clone();
        }
    }
    plain
}

/// The name of the table before it is normalized.
pub(crate) fn given_name<'a>(resource: &'a str, hints: &'a TableHints) -> &'a str {
    hints.table.as_deref().unwrap_or(resource)
}

/// Puts what the source says about a table into the schema; returns the table's name.
pub(crate) fn apply_hints(schema: &mut Schema, resource: &str, hints: &TableHints, naming: Naming) -> Result<String> {
    let name = table_name(schema, resource, hints, naming);
    if name.is_empty() || name.starts_with("_dlt") {
        return Err(Error::new(ErrorKind::Config, format!("`{resource}` cannot be the name of a table"))
            .hint("give the table another name"));
    }
    let table = schema
        .tables
        .entry(name.clone())
        .or_insert_with(|| Table::root(&name, resource, hints.disposition.unwrap_or_default()));
    if table.parent.is_some() {
        return Err(Error::new(ErrorKind::Config, format!("table `{name}` exists and is nested in another"))
            .hint("give the table another name"));
    }
    let given = given_name(resource, hints);
    if !naming.keeps_letters(given) {
        table.note_original_name(given);
    }
    // What is stored stays, unless this run was told otherwise.
    if hints.disposition.is_some() {
        table.write_disposition = hints.disposition;
    }
    if let Some(strategy) = hints.merge_strategy {
        table.set_merge_strategy(strategy);
    }
    if let Some(depth) = hints.max_nesting {
        let normalizer = table.hints.entry("x-normalizer").or_insert_with(|| serde_json::json!({}));
        normalizer["max_nesting"] = depth.into();
    }
    for hinted in &hints.columns {
        let name = table.claim_column(&hinted.name, naming);
        declare_column(table, Column { name, ..hinted.clone() });
    }
    declare_key(table, "primary_key", &hints.primary_key, naming);
    declare_key(table, "merge_key", &hints.merge_key, naming);
    declare_versions(table, hints, naming)?;
    if table.write_disposition == Some(WriteDisposition::Merge) {
        check_merge(table, hints.disposition.is_some())?;
        if table.merge_strategy()?.goes_by_key() {
            schema.propagate_root_ids(&name);
        }
    }
    Ok(name)
}

/// Hints that one column of a table has at most.
const SINGLE: [&str; 2] = ["dedup_sort", "hard_delete"];

/// Puts a column into the table; of one that is there the type stays and the hints are added.
fn declare_column(table: &mut Table, column: Column) {
    for hint in SINGLE.iter().filter(|hint| column.hints.contains_key(**hint)) {
        for other in table.columns.values_mut() {
            other.hints.remove(*hint);
        }
    }
    match table.columns.get_mut(&column.name) {
        Some(known) => {
            let of_run = |hint: &str| SINGLE.contains(&hint) || hint == "incremental";
            known.hints.extend(column.hints.into_iter().filter(|(hint, _)| of_run(hint)));
        }
        None => table.add(column),
    }
}

/// Makes these columns the key. Another key takes the place of the one that was; none leaves it as it is.
fn declare_key(table: &mut Table, hint: &str, key: &[String], naming: Naming) {
    if key.is_empty() {
        return;
    }
    let key: Vec<String> = key.iter().map(|name| table.claim_column(name, naming)).collect();
    for column in table.columns.values_mut().filter(|column| !key.contains(&column.name)) {
        column.hints.remove(hint);
    }
    for name in &key {
        let column = table.columns.entry(name.clone()).or_insert_with(|| Column {
            name: name.clone(),
            data_type: None,
            nullable: false,
            hints: Default::default(),
        });
        column.nullable = false;
        column.hints.insert(hint.to_owned(), true.into());
    }
}

/// Declares that the table keeps versions, where the strategy that does is given.
fn declare_versions(table: &mut Table, hints: &TableHints, naming: Naming) -> Result<()> {
    if hints.merge_strategy == Some(MergeStrategy::Scd2) {
        return table.keep_versions(&hints.scd2.clone().unwrap_or_default(), naming);
    }
    if hints.scd2.is_none() {
        return Ok(());
    }
    let what = format!("options of scd2 are given for table `{}`, and not the strategy", table.name);
    Err(Error::new(ErrorKind::Config, what).hint("name scd2 as the merge strategy, or leave the options out"))
}

/// Whether the table can be merged as it is declared. A stored merge without any key appends, as in the original.
fn check_merge(table: &Table, is_told: bool) -> Result<()> {
    let strategy = table.merge_strategy()?;
    if strategy == MergeStrategy::Scd2 {
        return table.versions().map(drop);
    }
    let has_key = !table.columns_with("primary_key").is_empty();
    let can_merge = has_key || strategy == MergeStrategy::DeleteInsert && !table.columns_with("merge_key").is_empty();
    if can_merge || !is_told && !strategy.has_key_ids() {
        return Ok(());
    }
    let name = &table.name;
    Err(Error::new(ErrorKind::Config, format!("table `{name}` is to be merged and has no primary key"))
        .hint("name the columns that identify a row as its primary key, or use append"))
}
