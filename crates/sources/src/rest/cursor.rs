//! What an endpoint declares of the cursor of its items.

use dlt_engine::incremental::Incremental;
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

impl<'de> Deserialize<'de> for EndpointIncremental {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        Self::of_table(table).map_err(de::Error::custom)
    }
}

impl EndpointIncremental {
    pub(crate) fn of_table(mut table: toml::Table) -> Result<Self, String> {
        if table.contains_key("convert") {
            return Err("`convert` is a function of Python and cannot be given here".to_owned());
        }
        let mut text = |key: &str| match table.remove(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{key}` must be the name of a parameter")),
        };
        let (start_param, end_param) = (text("start_param")?, text("end_param")?);
        for value in table.iter_mut().map(|(_, value)| value) {
            // A time of the file's is the text that the API has.
            if let toml::Value::Datetime(moment) = value {
                *value = toml::Value::String(moment.to_string());
            }
        }
        let cursor = Incremental::deserialize(toml::Value::Table(table)).map_err(|error| error.message().to_owned())?;
        Ok(Self { cursor, start_param, end_param })
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
            ("cursor_path = \"a\"\nconvert = \"f\"", "function of Python"),
            ("cursor_path = \"a\"\nlags = 1", "unknown field `lags`"),
            ("initial_value = 1", "missing field `cursor_path`"),
            ("cursor_path = \"a\"\nstart_param = 1", "name of a parameter"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
