//! Statements of a load: run in its transaction, and explained where they fail.

use crate::ddl;
use crate::failure::{explain, explain_refusal, may_be_a_value};
use crate::names::{DatasetPath, quote};
use dlt_engine::schema::Table;
use dlt_engine::{Error, ErrorKind, Result};
use duckdb::Connection;
use std::path::{Path, PathBuf};

/// A connection with an open transaction, and the dataset that its statements are about.
pub(crate) struct Statements<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) place: &'a DatasetPath,
}

impl Statements<'_> {
    pub(crate) fn execute(&self, doing: &str, sql: &str) -> Result<u64> {
        let rows = self.connection.execute(sql, []).map_err(|error| explain(doing, &error))?;
        Ok(rows as u64)
    }

    /// Runs an `INSERT` of the rows of `relation`; says which column refused its values, if that is why it fails.
    pub(crate) fn insert(&self, table: &Table, relation: &str, sql: &str) -> Result<u64> {
        let inserted = self.connection.execute(sql, []);
        inserted.map(|rows| rows as u64).map_err(|error| {
            let doing = format!("add rows to table `{}`", table.name);
            if !may_be_a_value(&error) {
                return explain_refusal(&doing, &error);
            }
            // Where no value is found that is at fault, the rows may be fine, and are kept.
            self.refused(table, relation).unwrap_or_else(|| explain(&doing, &error))
        })
    }

    /// Names of the columns of a relation.
    pub(crate) fn columns_of(&self, relation: &str) -> duckdb::Result<Vec<String>> {
        let mut statement = self.connection.prepare(&format!("DESCRIBE SELECT * FROM {relation}"))?;
        let names = statement.query_map([], |row| row.get(0))?;
        names.collect()
    }

    pub(crate) fn number(&self, sql: &str) -> duckdb::Result<i64> {
        self.connection.query_row(sql, [], |row| row.get(0))
    }

    /// Says which column refused its values, if that is why an insert failed. The load's own transaction is lost by
    /// then, so another connection looks.
    fn refused(&self, table: &Table, files: &str) -> Option<Error> {
        let connection = self.connection.try_clone().ok()?;
        let mut statement = connection.prepare(&format!("SELECT * FROM {files} LIMIT 0")).ok()?;
        drop(statement.stream_arrow([]).ok()?);
        let schema = statement.schema();
        for column in table.columns.values() {
            let Some(wanted) = ddl::sql_type(column) else { continue };
            if schema.column_with_name(&column.name).is_none() {
                continue;
            }
            let name = quote(&column.name);
            let count = format!(
                "SELECT count(*) FROM {files} WHERE {name} IS NOT NULL AND TRY_CAST({name} AS {wanted}) IS NULL"
            );
            let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).ok()?;
            if rows > 0 {
                return Some(
                    Error::new(
                        ErrorKind::Data,
                        format!(
                            "column `{}` of table `{}` is {wanted} and cannot hold the values of {rows} row{}",
                            column.name,
                            table.name,
                            if rows == 1 { "" } else { "s" }
                        ),
                    )
                    .hint("give the column a wider type, or load into another table"),
                );
            }
        }
        None
    }
}

/// Whether statements of this connection keep the order of rows. A load of many files takes two thirds of the processor
/// time without: each thread then fills row groups of its own.
pub(crate) fn in_order(keep: bool) -> &'static str {
    match keep {
        true => "SET SESSION preserve_insertion_order = true",
        false => "SET SESSION preserve_insertion_order = false",
    }
}

/// SQL that reads all `files`.
pub(crate) fn parquet(files: &[PathBuf]) -> Result<String> {
    let files: Vec<String> = files.iter().map(|file| literal(file)).collect::<Result<_>>()?;
    Ok(format!("read_parquet([{}], union_by_name = true)", files.join(", ")))
}

/// A path as DuckDB reads it: `*`, `?` and `[` stand for themselves only in brackets.
pub(crate) fn literal(file: &Path) -> Result<String> {
    let Some(path) = file.to_str() else {
        return Err(Error::new(ErrorKind::Storage, format!("the path {} is not UTF-8", file.display()))
            .hint("set DLT_DATA_DIR to a folder with a plain name"));
    };
    let mut text = String::with_capacity(path.len() + 2);
    text.push('\'');
    for character in path.chars() {
        match character {
            '\'' => text.push_str("''"),
            '*' | '?' | '[' => text.extend(['[', character, ']']),
            other => text.push(other),
        }
    }
    text.push('\'');
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_for_themselves() {
        assert_eq!(literal(Path::new("/a b/it's")).unwrap(), "'/a b/it''s'");
        assert_eq!(literal(Path::new("/x*[y]?")).unwrap(), "'/x[*][[]y][?]'");
    }
}
