//! What stands in rows that the tables answer with.

use dlt_engine::destination::Row;
use serde_json::Value;

/// A text, where there is one.
pub(crate) fn text(row: &Row, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A count or a number of the journal; 0 where there is none.
pub(crate) fn number(row: &Row, name: &str) -> u64 {
    row.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// A number that may be below 0; 0 where there is none.
pub(crate) fn integer(row: &Row, name: &str) -> i64 {
    row.get(name).and_then(Value::as_i64).unwrap_or(0)
}
