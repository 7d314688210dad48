//! What is new in an API: a cursor in its items, and the start of the range in the request.

use super::config::{EndpointConfig, ResourceConfig, ResourceDefaults};
use dlt_engine::Error;
use dlt_engine::incremental::{Incremental, RangeTexts, Tracker};
use dlt_engine::source::ExtractContext;
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
    fn of_table(mut table: toml::Table) -> Result<Self, String> {
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

/// What a resource declares, be it at the endpoint or in a parameter of type `incremental`.
pub(crate) fn declared(
    resource: &ResourceConfig,
    defaults: &ResourceDefaults,
) -> Result<Option<EndpointIncremental>, String> {
    let endpoints: [&EndpointConfig; 2] = [&resource.endpoint.0, &defaults.endpoint.0];
    let mut found = endpoints.iter().find_map(|endpoint| endpoint.incremental.clone());
    for (name, value) in endpoints.iter().rev().flat_map(|endpoint| &endpoint.params) {
        let Some(table) = of_param(value) else { continue };
        let mut table = table.clone();
        table.remove("type");
        if table.contains_key("end_value") || table.contains_key("start_param") || table.contains_key("end_param") {
            let told = format!("the parameter `{name}` holds the start of a range alone");
            return Err(format!("{told}: declare `incremental` at the endpoint, with `start_param` and `end_param`"));
        }
        let mut declared =
            EndpointIncremental::of_table(table).map_err(|what| format!("the parameter `{name}`: {what}"))?;
        declared.start_param = Some(name.clone());
        if found.replace(declared).is_some() {
            return Err("one `incremental` is the most".to_owned());
        }
    }
    Ok(found)
}

/// The declaration in a parameter, if it is one.
pub(crate) fn of_param(value: &toml::Value) -> Option<&toml::Table> {
    let table = value.as_table()?;
    (table.get("type")?.as_str()? == "incremental").then_some(table)
}

/// Where the run begins and ends.
pub(crate) fn range(
    declared: &EndpointIncremental,
    resource: &str,
    key: &[String],
    context: &ExtractContext,
) -> Result<RangeTexts, Error> {
    Tracker::begin(&declared.cursor, resource, key, context).map(|tracker| tracker.range_texts())
}

/// The text with `{incremental.start_value}` and its like filled in; other placeholders stay.
pub(crate) fn fill(text: &str, range: Option<&RangeTexts>, encode: impl Fn(&str) -> String) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{incremental.") {
        // Doubled braces are braces.
        let before = &rest[..at];
        let is_text = before.len() - before.trim_end_matches('{').len();
        let end =
            rest[at..].find('}').map(|end| at + end).ok_or_else(|| format!("a brace in `{text}` is not closed"))?;
        if is_text % 2 == 1 {
            filled.push_str(&rest[..=end]);
            rest = &rest[end + 1..];
            continue;
        }
        let name = &rest[at + "{incremental.".len()..end];
        let Some(range) = range else {
            return Err(format!("`{{incremental.{name}}}` needs `incremental` at the endpoint"));
        };
        let value = match name {
            "start_value" => &range.start,
            "end_value" => &range.end,
            "initial_value" => &range.initial,
            "last_value" => &range.last,
            _ => {
                return Err(format!(
                    "`{{incremental.{name}}}`: known are start_value, end_value, initial_value and last_value"
                ));
            }
        };
        let value = value.as_ref().ok_or_else(|| {
            format!("`{{incremental.{name}}}` has no value in the first run: set `initial_value` of the incremental")
        })?;
        filled.push_str(before);
        filled.push_str(&encode(value).replace('{', "{{").replace('}', "}}"));
        rest = &rest[end + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ranges_are_filled_into_texts() {
        let range = RangeTexts { start: Some("a{b".into()), ..RangeTexts::default() };
        let fill = |text| fill(text, Some(&range), str::to_owned);
        assert_eq!(fill("x/{incremental.start_value}/{y}").unwrap(), "x/a{{b/{y}");
        assert_eq!(fill("{{incremental.start_value}}").unwrap(), "{{incremental.start_value}}");
        assert!(fill("{incremental.end_value}").unwrap_err().contains("set `initial_value`"));
        assert!(fill("{incremental.more}").unwrap_err().contains("known are"));
        assert!(
            super::fill("{incremental.start_value}", None, str::to_owned).unwrap_err().contains("needs `incremental`")
        );
    }

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
