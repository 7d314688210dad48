//! What a person's question may name in DuckDB, which takes a file's name for a table and has functions that read any file.
//!
//! The setting that would keep it from files (`enable_external_access`) counts for all connections of a process, also for
//! those that load. So the question is looked at as DuckDB's own parser understands it.

use std::collections::HashSet;

use dlt_engine::destination::Row;
use dlt_engine::{Error, ErrorKind, suggest};
use serde_json::Value;

use crate::store::schema::DATASET;

/// Functions that may stand where a table stands. All others read files, other databases, or run a text.
const TABLE_FUNCTIONS: &[&str] =
    &["unnest", "range", "generate_series", "repeat", "json_each", "json_tree", "duckdb_tables", "duckdb_columns"];

/// Schemas whose tables may be named.
const SCHEMAS: &[&str] = &["", DATASET, "information_schema"];

/// Refuses a question that names anything but the tables of the dataset. `rows` runs a query.
pub(super) fn check(sql: &str, rows: &mut dyn FnMut(&str) -> Result<Vec<Row>, Error>) -> Result<(), Error> {
    let tree = format!("SELECT json_serialize_sql('{}') AS tree", after_explain(sql).replace('\'', "''"));
    let tables = format!("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = '{DATASET}'");
    let mut texts = |sql: &str, name: &str| {
        let found = rows(sql)?.into_iter().filter_map(|row| Some(row.get(name)?.as_str()?.to_owned())).collect();
        Ok::<Vec<String>, Error>(found)
    };
    let tree = texts(&tree, "tree")?.pop().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
    let mut named = Named { tables: texts(&tables, "name")?, with: HashSet::new() };
    named.collect(&tree);
    named.look_at(&tree)
}

/// What is explained is looked at, too.
fn after_explain(sql: &str) -> &str {
    let sql = sql.trim_start();
    let after = |text: &'_ str, word: &str| {
        let (head, rest) = text.split_at_checked(word.len())?;
        (head.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace)).then(|| text.len() - rest.len())
    };
    let Some(at) = after(sql, "EXPLAIN") else { return sql };
    let rest = sql[at..].trim_start();
    after(rest, "ANALYZE").map_or(rest, |at| rest[at..].trim_start())
}

/// The names that mean something.
struct Named {
    tables: Vec<String>,
    /// What the question names itself, by `WITH`.
    with: HashSet<String>,
}

impl Named {
    /// Finds what the question names itself. A name that could be a file's means the file outside of its `WITH`.
    fn collect(&mut self, tree: &Value) {
        match tree {
            Value::Array(values) => values.iter().for_each(|value| self.collect(value)),
            Value::Object(members) => {
                let map = members.get("cte_map").and_then(|map| map.get("map")).and_then(Value::as_array);
                let keys = map.into_iter().flatten().filter_map(|entry| entry.get("key"));
                let names = keys.chain(members.get("cte_name")).filter_map(Value::as_str);
                self.with.extend(names.filter(|name| !name.contains(['.', '/', ':'])).map(str::to_lowercase));
                members.values().for_each(|value| self.collect(value));
            }
            _ => {}
        }
    }

    fn look_at(&self, tree: &Value) -> Result<(), Error> {
        match tree {
            Value::Array(values) => values.iter().try_for_each(|value| self.look_at(value)),
            Value::Object(members) => {
                let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
                match text("type") {
                    "BASE_TABLE" => self.table(text("schema_name"), text("table_name"))?,
                    "TABLE_FUNCTION" => {
                        let function = members.get("function").and_then(|function| function.get("function_name"));
                        let function = function.and_then(Value::as_str).unwrap_or_default().to_lowercase();
                        if !TABLE_FUNCTIONS.contains(&function.as_str()) {
                            return Err(refused(&format!("`{function}` can't be used here"))
                                .hint("only the tracker's tables are read; for more, query a copy of the tables"));
                        }
                    }
                    _ => {}
                }
                members.values().try_for_each(|value| self.look_at(value))
            }
            _ => Ok(()),
        }
    }

    fn table(&self, schema: &str, name: &str) -> Result<(), Error> {
        let schema = schema.to_lowercase();
        if !SCHEMAS.contains(&schema.as_str()) {
            return Err(refused(&format!("there is no schema `{schema}`")).hint(format!("the tables are in {DATASET}")));
        }
        let is_known = schema == "information_schema" && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            || self.tables.iter().any(|known| known.eq_ignore_ascii_case(name))
            || schema.is_empty() && self.with.contains(&name.to_lowercase());
        if is_known {
            return Ok(());
        }
        let names = || self.tables.iter().map(String::as_str);
        let hint = match suggest(name, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", Vec::from_iter(names()).join(", ")),
        };
        Err(refused(&format!("there is no table `{name}`")).hint(hint))
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("cannot run the query: {why}"))
}
