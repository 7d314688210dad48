//! What is new in an API: a cursor in its items, and the start of the range in the request.

use super::config::{EndpointConfig, ResourceConfig, ResourceDefaults};
use super::cursor::EndpointIncremental;
use dlt_engine::Error;
use dlt_engine::incremental::{RangeTexts, Tracker};
use dlt_engine::source::ExtractContext;

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
}
