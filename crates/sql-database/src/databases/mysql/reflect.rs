//! What MySQL says of its tables.

use super::{failed, types};
use crate::failure::config;
use crate::table::{ForeignKey, Listed, Reflected};
use dlt_engine::Result;
use mysql::Conn;
use mysql::prelude::Queryable as _;

/// Name, type, type as written, whether it is nullable, digits, decimals and length of a column.
type Described = (String, String, String, String, Option<u64>, Option<u64>, Option<u64>);

/// The schema that is meant: a database, in MySQL's words.
fn schema_of(connection: &mut Conn, place: &str, schema: Option<&str>) -> Result<String> {
    if let Some(schema) = schema {
        return Ok(schema.to_owned());
    }
    let found: Option<Option<String>> =
        connection.query_first("SELECT DATABASE()").map_err(|cause| failed(place, "list the tables", &cause))?;
    found.flatten().ok_or_else(|| {
        let message = format!("{place}: the address names no database");
        config(message, "add it, mysql://USER@HOST/DATABASE, or set `schema`")
    })
}

pub(super) fn list(connection: &mut Conn, place: &str, schema: Option<&str>) -> Result<Vec<Listed>> {
    let schema = schema_of(connection, place, schema)?;
    let sql = "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = ? \
         AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') ORDER BY CAST(table_name AS BINARY)";
    let rows: Vec<(String, String)> =
        connection.exec(sql, (schema,)).map_err(|cause| failed(place, "list the tables", &cause))?;
    Ok(rows.into_iter().map(|(name, kind)| Listed { name, is_view: kind == "VIEW" }).collect())
}

pub(super) fn table(connection: &mut Conn, place: &str, schema: Option<&str>, table: &str) -> Result<Reflected> {
    let schema = schema_of(connection, place, schema)?;
    let doing = format!("look up the columns of `{table}`");
    let broken = |cause: mysql::Error| failed(place, &doing, &cause);
    // Names that differ in capitals alone are two tables on some systems.
    let is_meant = "table_schema = ? AND CAST(table_name AS BINARY) = CAST(? AS BINARY)";
    let sql = format!(
        "SELECT column_name, data_type, column_type, is_nullable, numeric_precision, numeric_scale, character_maximum_length \
         FROM information_schema.columns WHERE {is_meant} ORDER BY ordinal_position"
    );
    let rows: Vec<Described> = connection.exec(sql, (&schema, table)).map_err(broken)?;
    let mut reflected = Reflected::default();
    for (name, data_type, whole, nullable, precision, scale, length) in rows {
        let mut column = types::declared(&name, &data_type, &whole, precision, scale, length);
        column.is_nullable = nullable != "NO";
        reflected.columns.push(column);
    }
    let sql = format!(
        "SELECT constraint_name, column_name, referenced_table_name, referenced_column_name \
         FROM information_schema.key_column_usage WHERE {is_meant} \
         AND (constraint_name = 'PRIMARY' OR referenced_table_name IS NOT NULL) ORDER BY constraint_name, ordinal_position"
    );
    let rows: Vec<(String, String, Option<String>, Option<String>)> =
        connection.exec(sql, (&schema, table)).map_err(broken)?;
    let mut last = String::new();
    for (constraint, column, other, referenced) in rows {
        let Some(other) = other else {
            reflected.primary_key.push(column);
            continue;
        };
        if constraint != last {
            reflected.foreign_keys.push(ForeignKey { columns: Vec::new(), table: other, referenced: Vec::new() });
            last = constraint;
        }
        if let Some(key) = reflected.foreign_keys.last_mut() {
            key.columns.push(column);
            key.referenced.extend(referenced);
        }
    }
    Ok(reflected)
}
