//! Files as tables of DuckDB.

use dlt_destination_duckdb::in_memory::{InMemory, path_literal, quote, sql_type};
use dlt_engine::Result;
use dlt_engine::schema::{Column, DataType, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A file of a table, on this machine.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    /// Values of columns that the file itself has not, as texts.
    pub(crate) partition: BTreeMap<String, Option<String>>,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Parquet,
    Jsonl { is_compressed: bool },
    Csv { is_compressed: bool },
}

impl Kind {
    /// By the ending of its name; `None` for one that is not known.
    pub(crate) fn of(key: &str, hides_compression: bool) -> Option<Self> {
        let (stem, is_compressed) = match key.strip_suffix(".gz") {
            Some(stem) => (stem, true),
            None => (key, hides_compression),
        };
        match stem.rsplit('.').next()? {
            "parquet" => Some(Self::Parquet),
            "jsonl" => Some(Self::Jsonl { is_compressed }),
            "csv" => Some(Self::Csv { is_compressed }),
            _ => None,
        }
    }
}

impl Kind {
    /// An ending by which a file of the kind is known as it is read.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Jsonl { .. } => "jsonl",
            Self::Csv { .. } => "csv",
        }
    }
}

/// SQL that makes a view of the files of a table, with its columns and their types, whatever the files have of them.
pub(crate) fn view(database: &InMemory, table: &Table, files: &[DataFile]) -> Result<String> {
    let mut kinds: Vec<Kind> = Vec::new();
    for file in files {
        if !kinds.contains(&file.kind) {
            kinds.push(file.kind);
        }
    }
    let mut parts = Vec::new();
    for kind in kinds {
        let files: Vec<&DataFile> = files.iter().filter(|file| file.kind == kind).collect();
        let paths = files.iter().map(|file| path_literal(&file.path));
        let paths = paths.collect::<Result<Vec<_>>>()?.join(", ");
        parts.push(match files.iter().any(|file| !file.partition.is_empty()) {
            true => divided(database, table, &files, &paths)?,
            false => part(database, table, kind, &paths)?,
        });
    }
    if parts.is_empty() {
        parts.push(format!("SELECT {} WHERE false", selected(table, |_, _| None)));
    }
    Ok(format!("CREATE VIEW {} AS {}", quote(&table.name), parts.join(" UNION ALL ")))
}

/// The column that tells which file a row is of.
pub(crate) const FILE: &str = "__dlt_file";

/// Files that lack the columns by which their table is divided: the values are joined to their rows.
fn divided(database: &InMemory, table: &Table, files: &[&DataFile], paths: &str) -> Result<String> {
    let reading = format!("read the files of table `{}`", table.name);
    let names: BTreeSet<&String> = files.iter().flat_map(|file| file.partition.keys()).collect();
    let mut rows = Vec::new();
    for file in files {
        let mut row = vec![text(&file.path.to_string_lossy())];
        let value = |name: &String| file.partition.get(name).and_then(Option::as_deref).map_or("NULL".into(), text);
        row.extend(names.iter().map(|name| value(name)));
        rows.push(format!("({})", row.join(", ")));
    }
    let relation =
        format!("read_parquet([{paths}], union_by_name = true, hive_partitioning = false, filename = '{FILE}')");
    let has = database.columns_of(&reading, &relation)?;
    // A row whose file is not found would lose its values, or be lost itself.
    let known =
        |value: String| format!("CASE WHEN p.{FILE} IS NULL THEN error('a file has another name') ELSE {value} END");
    let columns = selected(table, |column, _| match names.contains(&column.name) {
        true => Some(known(format!("p.{}", quote(&column.name)))),
        false => has.contains(&column.name).then(|| format!("r.{}", quote(&column.name))),
    });
    let heading: Vec<String> = std::iter::once(quote(FILE)).chain(names.iter().map(|name| quote(name))).collect();
    let (rows, heading) = (rows.join(", "), heading.join(", "));
    Ok(format!(
        "SELECT {columns} FROM {relation} AS r LEFT JOIN (VALUES {rows}) AS p({heading}) ON r.{FILE} = p.{FILE}"
    ))
}

/// The rows of files that the log of a table names, with the file of each ([`FILE`]).
pub(crate) fn logged(database: &InMemory, table: &Table, files: &[&DataFile]) -> Result<String> {
    if files.is_empty() {
        let columns = selected(table, |_, _| None);
        return Ok(format!("SELECT {columns}, CAST(NULL AS VARCHAR) AS {FILE} WHERE false"));
    }
    let paths = files.iter().map(|file| path_literal(&file.path)).collect::<Result<Vec<_>>>()?.join(", ");
    let sql = divided(database, table, files, &paths)?;
    Ok(sql.replacen("SELECT ", &format!("SELECT r.{FILE}, "), 1))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn part(database: &InMemory, table: &Table, kind: Kind, paths: &str) -> Result<String> {
    let reading = format!("read the files of table `{}`", table.name);
    Ok(match kind {
        Kind::Parquet => {
            let relation = format!("read_parquet([{paths}], union_by_name = true, hive_partitioning = false)");
            let has = database.columns_of(&reading, &relation)?;
            let columns = selected(table, |column, _| has.contains(&column.name).then(|| quote(&column.name)));
            format!("SELECT {columns} FROM {relation}")
        }
        Kind::Jsonl { is_compressed } => {
            let types = table.complete_columns().filter_map(|(column, _)| {
                let kind = if is_bytes(column) { "VARCHAR".to_owned() } else { sql_type(column)? };
                Some(format!("{}: '{kind}'", quote(&column.name)))
            });
            let types = types.collect::<Vec<_>>().join(", ");
            let columns = selected(table, |column, _| Some(of_base64(column, quote(&column.name))));
            let compression = compression(is_compressed);
            format!(
                "SELECT {columns} FROM read_json([{paths}], format = 'newline_delimited', columns = {{{types}}}, \
                 maximum_object_size = 134217728{compression})"
            )
        }
        Kind::Csv { is_compressed } => {
            // Ends of lines in quotes are found by one thread alone.
            let relation = format!(
                "read_csv([{paths}], header = true, delim = ',', quote = '\"', escape = '\"', all_varchar = true, \
                 union_by_name = true, allow_quoted_nulls = false, parallel = false, max_line_size = 134217728{})",
                compression(is_compressed)
            );
            let has = database.columns_of(&reading, &relation)?;
            let columns = selected(table, |column, kind| {
                let name = has.contains(&column.name).then(|| quote(&column.name))?;
                // Others write what has no value as an empty text.
                Some(match kind {
                    DataType::Text => name,
                    DataType::Binary => of_base64(column, name),
                    _ => format!("nullif({name}, '')"),
                })
            });
            format!("SELECT {columns} FROM {relation}")
        }
    })
}

fn compression(is_compressed: bool) -> &'static str {
    // Else it is told by the ending, which has none of a compression.
    if is_compressed { ", compression = 'gzip'" } else { "" }
}

fn is_bytes(column: &Column) -> bool {
    column.data_type == Some(DataType::Binary)
}

fn of_base64(column: &Column, name: String) -> String {
    if is_bytes(column) { format!("from_base64({name})") } else { name }
}

/// The columns of a table, each cast to its type; those for which there is nothing are empty.
fn selected(table: &Table, value: impl Fn(&Column, DataType) -> Option<String>) -> String {
    let columns = table.complete_columns().filter_map(|(column, kind)| {
        let (name, sql) = (quote(&column.name), sql_type(column)?);
        Some(match value(column, kind) {
            Some(value) => format!("CAST({value} AS {sql}) AS {name}"),
            None => format!("CAST(NULL AS {sql}) AS {name}"),
        })
    });
    columns.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_endings() {
        for (key, hides, kind) in [
            ("t/1.2.parquet", true, Some(Kind::Parquet)),
            ("t/1.2.jsonl.gz", false, Some(Kind::Jsonl { is_compressed: true })),
            ("t/1.2.jsonl", false, Some(Kind::Jsonl { is_compressed: false })),
            ("t/1.2.csv", true, Some(Kind::Csv { is_compressed: true })),
            ("t/1.2.txt", false, None),
        ] {
            assert_eq!(Kind::of(key, hides), kind, "{key}");
        }
    }
}
