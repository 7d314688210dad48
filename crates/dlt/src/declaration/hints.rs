//! What a pipeline file says of tables and columns beforehand: the same words for every source.
//!
//! REST APIs read the same types ([`Columns`], [`Contract`]) with each of their resources.

use std::collections::BTreeMap;

use dlt_engine::schema::{Column, Columns, Contract, MergeStrategy, WriteDisposition};
use dlt_engine::source::TableHints;
use dlt_engine::{ColumnChoice, Result};
use serde::de::DeserializeOwned;

use super::deserialize::deserialize;
use super::section::Section;

const DISPOSITIONS: &[(&str, WriteDisposition)] =
    &[("append", WriteDisposition::Append), ("replace", WriteDisposition::Replace), ("merge", WriteDisposition::Merge)];

/// Reads the hints of a source whose tables are all alike.
pub(crate) fn read_hints(section: &mut Section) -> Result<TableHints> {
    let strategies = MergeStrategy::ALL.map(|strategy| (strategy.name(), strategy));
    let max_nesting = |depth: u64| u32::try_from(depth).unwrap_or(u32::MAX);
    let texts = |found: Vec<super::Word>| found.into_iter().map(|found| found.value).collect();
    let hints = TableHints {
        disposition: section.one_of("write_disposition", DISPOSITIONS)?,
        merge_strategy: section.one_of("merge_strategy", &strategies)?,
        primary_key: texts(section.texts("primary_key")?),
        merge_key: texts(section.texts("merge_key")?),
        max_nesting: section.count("max_nesting")?.map(|depth| max_nesting(depth.value)),
        contract: read_contract(section)?,
        choice: ColumnChoice {
            included: texts(section.texts("included_columns")?),
            excluded: texts(section.texts("excluded_columns")?),
            renamed: read::<BTreeMap<String, String>>(section, "renamed_columns")?
                .unwrap_or_default()
                .into_iter()
                .collect(),
        },
        columns: read::<Columns>(section, "columns")?.unwrap_or_default().0,
        ..TableHints::default()
    };
    if lacks_key(&hints) {
        return Err(section.missing("primary_key", "primary_key = \"id\" (merge has to know what identifies a row)"));
    }
    Ok(hints)
}

/// `schema_contract = "freeze"`, or a table of `tables`, `columns` and `data_type`.
pub(crate) fn read_contract(section: &mut Section) -> Result<Option<Contract>> {
    read(section, "schema_contract")
}

fn read<T: DeserializeOwned>(section: &mut Section, key: &'static str) -> Result<Option<T>> {
    let name = section.full_name(key);
    section.take(key).map(|entry| deserialize(&entry.node, &name)).transpose()
}

/// Whether rows are to be merged, and nothing says which belong together.
pub(crate) fn lacks_key(hints: &TableHints) -> bool {
    let is_key = |column: &Column| column.is("primary_key") || column.is("merge_key");
    let has_key = !hints.primary_key.is_empty() || !hints.merge_key.is_empty() || hints.columns.iter().any(is_key);
    hints.disposition == Some(WriteDisposition::Merge) && !has_key
}
