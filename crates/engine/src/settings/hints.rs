//! What a section says of the table that a source makes.

use super::Key;
use super::deserialize;
use super::{Located, Section};
use crate::choice::ColumnChoice;
use crate::error::Result;
use crate::schema::{Column, Columns, Contract, MergeStrategy, TableFormat, WriteDisposition};
use crate::source::TableHints;
use crate::versions::Scd2;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

const DISPOSITIONS: &[(&str, WriteDisposition)] =
    &[("append", WriteDisposition::Append), ("replace", WriteDisposition::Replace), ("merge", WriteDisposition::Merge)];

/// The keys that [`read_hints`] takes, for the entries of sources in a registry.
pub const HINT_KEYS: [Key; 12] = [
    Key::new(
        "write_disposition",
        "`append` adds the rows, `replace` puts them in the place of all others, `merge` in the place of those with the same \
         key ([more](write-dispositions.md))",
        "as the table was loaded before; `append` for a new one",
    ),
    Key::new(
        "merge_strategy",
        "`delete-insert`, `upsert`, `insert-only`, `scd2` or `cdc`",
        "as before; for a new table `delete-insert`, and `upsert` where it has a `table_format`",
    ),
    Key::new("scd2", "options of that strategy: a table ([more](write-dispositions.md))", "none"),
    Key::new("primary_key", "columns that identify a row; a text or a list", "none"),
    Key::new("merge_key", "columns whose values are replaced as a whole by delete-insert", "none"),
    Key::new("max_nesting", "levels of nested data that become columns and tables; deeper data stays JSON", "all"),
    Key::new(
        "schema_contract",
        "what data may change of the tables: a mode, or a table of them ([more](contracts.md))",
        "as stored",
    ),
    Key::new(
        "columns",
        "what is known of single columns: `[source.columns.price]` with `data_type`, `precision` … \
         ([more](contracts.md#declared-columns))",
        "what the data shows",
    ),
    Key::new("included_columns", "the only columns that are loaded; a text or a list", "all"),
    Key::new("excluded_columns", "columns that are left out; a text or a list", "none"),
    Key::new("renamed_columns", "other names for keys at the top of a row: `{ userId = \"customer\" }`", "their own"),
    Key::new(
        "table_format",
        "`delta` or `iceberg` keeps the tables as [Delta](destination-filesystem.md#delta-tables) or [Iceberg tables](destination-filesystem.md#iceberg-tables), in destinations that can",
        "as before; the destination's own for a new table",
    ),
];

/// Reads the keys of a table's hints.
///
/// # Errors
/// [`crate::ErrorKind::Config`] with the place, if a word is not known, or rows are to be merged without a key.
pub fn read_hints(section: &mut Section) -> Result<TableHints> {
    let hints = read_hints_of_known_tables(section)?;
    if lacks_key(&hints) {
        return Err(section.missing("primary_key", "primary_key = \"id\" (merge has to know what identifies a row)"));
    }
    Ok(hints)
}

/// As [`read_hints`], for sources that may know themselves what identifies a row. Whoever calls it asks [`lacks_key`] when
/// that is known.
///
/// # Errors
/// [`crate::ErrorKind::Config`] with the place, if a word is not known.
pub fn read_hints_of_known_tables(section: &mut Section) -> Result<TableHints> {
    let strategies = MergeStrategy::ALL.map(|strategy| (strategy.name(), strategy));
    let max_nesting = |depth: u64| u32::try_from(depth).unwrap_or(u32::MAX);
    let texts = |found: Vec<Located<String>>| found.into_iter().map(|found| found.value).collect();
    Ok(TableHints {
        disposition: section.one_of("write_disposition", DISPOSITIONS)?,
        merge_strategy: section.one_of("merge_strategy", &strategies)?,
        scd2: read_versions(section)?,
        table_format: section.one_of("table_format", &TableFormat::ALL.map(|format| (format.name(), format)))?,
        primary_key: texts(section.texts("primary_key")?),
        merge_key: texts(section.texts("merge_key")?),
        max_nesting: section.count("max_nesting")?.map(|depth| max_nesting(depth.value)),
        contract: read_contract(section)?,
        choice: ColumnChoice {
            included: texts(section.texts("included_columns")?),
            excluded: texts(section.texts("excluded_columns")?),
            renamed: read_as::<BTreeMap<String, String>>(section, "renamed_columns")?
                .unwrap_or_default()
                .into_iter()
                .collect(),
        },
        columns: read_as::<Columns>(section, "columns")?.unwrap_or_default().0,
        ..TableHints::default()
    })
}

/// `schema_contract = "freeze"`, or a table of `tables`, `columns` and `data_type`.
///
/// # Errors
/// [`crate::ErrorKind::Config`] with the place, if a word is not known.
pub fn read_contract(section: &mut Section) -> Result<Option<Contract>> {
    read_as(section, "schema_contract")
}

fn read_as<T: DeserializeOwned>(section: &mut Section, key: &'static str) -> Result<Option<T>> {
    let name = section.full_name(key);
    section.take(key).map(|entry| deserialize(&entry.node, &name)).transpose()
}

/// `[source.scd2]`: options of the strategy of that name.
fn read_versions(section: &mut Section) -> Result<Option<Scd2>> {
    let Some(options) = section.section("scd2")? else { return Ok(None) };
    let node = options.into_node();
    let options = deserialize::<Scd2>(&node, &section.full_name("scd2"))?;
    options.check().map_err(|error| node.origin.relocated(&error))?;
    Ok(Some(options))
}

/// Whether rows are to be merged, and nothing says which belong together.
pub fn lacks_key(hints: &TableHints) -> bool {
    let is_key = |column: &Column| column.is("primary_key") || column.is("merge_key");
    let has_key = !hints.primary_key.is_empty() || !hints.merge_key.is_empty() || hints.columns.iter().any(is_key);
    let needs_key = hints.merge_strategy != Some(MergeStrategy::Scd2);
    hints.disposition == Some(WriteDisposition::Merge) && needs_key && !has_key
}
