//! What an endpoint declares of the cursor of its items.

use super::values::Names;
use dlt_engine::incremental::{Bound, CursorValue, Incremental, LastValue, OnMissing, RowOrder};
use serde::Deserialize;
use serde::de::{self, Deserializer};

/// A cursor of the items of an endpoint, and the parameters that its range is sent in. In a pipeline file it has the keys of
/// [`Incremental`], and these two.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EndpointIncremental {
    /// The cursor.
    pub cursor: Incremental,
    /// The parameter that holds where the run begins. Not sent while there is nothing to begin at.
    pub start_param: Option<String>,
    /// The parameter that holds where it ends, if it does.
    pub end_param: Option<String>,
}

/// What is written. The keys stand here one by one, so that an unknown one is told with its line and the nearest of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `cursor_path`")]
struct Declared {
    cursor_path: String,
    start_param: Option<String>,
    end_param: Option<String>,
    initial_value: Option<toml::Value>,
    end_value: Option<toml::Value>,
    last_value_func: Option<LastValue>,
    range_start: Option<Bound>,
    range_end: Option<Bound>,
    lag: Option<f64>,
    on_cursor_value_missing: Option<OnMissing>,
    row_order: Option<RowOrder>,
    primary_key: Option<Names>,
    allow_external_schedulers: Option<bool>,
}

impl<'de> Deserialize<'de> for EndpointIncremental {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let declared = Declared::deserialize(deserializer)?;
        let mut cursor = Incremental::new(declared.cursor_path);
        cursor.initial_value = value("initial_value", declared.initial_value).map_err(de::Error::custom)?;
        cursor.end_value = value("end_value", declared.end_value).map_err(de::Error::custom)?;
        cursor.last_value_func = declared.last_value_func.unwrap_or(cursor.last_value_func);
        cursor.range_start = declared.range_start.unwrap_or(cursor.range_start);
        cursor.range_end = declared.range_end.unwrap_or(cursor.range_end);
        cursor.lag = declared.lag;
        cursor.on_cursor_value_missing = declared.on_cursor_value_missing.unwrap_or(cursor.on_cursor_value_missing);
        cursor.row_order = declared.row_order;
        cursor.primary_key = declared.primary_key.map(|names| names.0);
        cursor.allow_external_schedulers = declared.allow_external_schedulers;
        Ok(Self { cursor, start_param: declared.start_param, end_param: declared.end_param })
    }
}

/// A time of the file's is the text that the API has.
fn value(key: &str, found: Option<toml::Value>) -> Result<Option<CursorValue>, String> {
    let Some(found) = found else { return Ok(None) };
    let found = match found {
        toml::Value::Datetime(moment) => toml::Value::String(moment.to_string()),
        found => found,
    };
    let value = CursorValue::deserialize(found).map_err(|error| format!("`{key}`: {}", error.message()))?;
    Ok(Some(value))
}

impl EndpointIncremental {
    pub(crate) fn of_table(table: toml::Table) -> Result<Self, String> {
        Self::deserialize(toml::Value::Table(table)).map_err(|error| error.message().to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_declaration_is_read_whole() {
        let read = |text: &str| EndpointIncremental::of_table(toml::from_str(text).unwrap());
        let found = read("cursor_path = \"at\"\nstart_param = \"since\"\ninitial_value = 2024-01-01").unwrap();
        assert_eq!(found.start_param.as_deref(), Some("since"));
        assert_eq!(found.cursor, Incremental::new("at").initial_value("2024-01-01"));
        for (text, told) in [
            ("cursor_path = \"a\"\nlags = 1", "unknown field `lags`"),
            ("initial_value = 1", "missing field `cursor_path`"),
            ("cursor_path = \"a\"\nstart_param = 1", "string"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
