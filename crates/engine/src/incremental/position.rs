//! The position of a resource in the state of its source: what was seen last.

use crate::cursor::Cell;
use crate::error::{Error, ErrorKind, Result};
use crate::source::SourceState;
use serde_json::{Map, Value, json};

/// What the state has under `resources.<resource>.incremental.<cursor>`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Position {
    pub(super) initial: Option<Cell<'static>>,
    pub(super) last: Option<Cell<'static>>,
    /// Digests of the rows that were loaded and have the last value.
    pub(super) digests: Vec<String>,
    /// Where the last run began that loaded something.
    pub(super) start: Option<Cell<'static>>,
}

impl Position {
    /// Reads it; `None` if there was no run yet.
    pub(super) fn read(state: &SourceState, resource: &str, cursor: &str) -> Result<Option<Self>> {
        let Some(resources) = state.get("resources") else { return Ok(None) };
        let entry = resources.get(resource).and_then(|entry| entry.get("incremental")?.get(cursor));
        let Some(entry) = entry.filter(|entry| entry.as_object().is_some_and(|fields| !fields.is_empty())) else {
            return Ok(None);
        };
        let value = |key: &str| {
            let value = entry.get(key).unwrap_or(&Value::Null);
            Cell::from_state(value).map_err(|what| {
                let told = format!("the stored position of `{resource}` by `{cursor}` is {what}");
                Error::new(ErrorKind::Corrupt, told)
                    .hint("load it with the program that wrote it, or by another cursor")
            })
        };
        let digests = entry.get("unique_hashes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(Some(Self {
            initial: value("initial_value")?,
            last: value("last_value")?,
            digests: digests.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            start: value("start_value")?,
        }))
    }

    /// Writes it, and leaves everything else as it is.
    pub(super) fn write(&self, state: &SourceState, resource: &str, cursor: &str) {
        let value = |cell: &Option<Cell<'static>>| cell.as_ref().map_or(Value::Null, Cell::to_state);
        let mut resources = state.get("resources").unwrap_or_else(|| json!({}));
        let entry = below(below(below(&mut resources, resource), "incremental"), cursor);
        *below(entry, "initial_value") = value(&self.initial);
        *below(entry, "last_value") = value(&self.last);
        *below(entry, "unique_hashes") = self.digests.clone().into();
        *below(entry, "start_value") = value(&self.start);
        state.set("resources", resources);
    }
}

/// What is under `key` of an object, which is made where there is none.
fn below<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    &mut value[key]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_others_keep_there_stays() {
        let others = json!({"resources": {"a": {"own": 1, "incremental": {"x": {"last_value": 2}}}}, "more": true});
        let state = SourceState::new(others.as_object().unwrap().clone());
        assert_eq!(Position::read(&state, "a", "t").unwrap(), None);
        let position =
            Position { initial: None, last: Some(Cell::Int(5)), digests: vec!["d".into()], start: Some(Cell::Int(3)) };
        position.write(&state, "a", "t");
        assert_eq!(Position::read(&state, "a", "t").unwrap(), Some(position));
        let all = Value::Object(state.snapshot());
        assert_eq!(all["more"], true);
        assert_eq!(all["resources"]["a"]["own"], 1);
        assert_eq!(all["resources"]["a"]["incremental"]["x"]["last_value"], 2);
        let expected = r#"{"initial_value":null,"last_value":5,"unique_hashes":["d"],"start_value":3}"#;
        assert_eq!(all["resources"]["a"]["incremental"]["t"].to_string(), expected);
    }

    #[test]
    fn a_position_that_cannot_be_compared_is_refused() {
        let state = json!({"resources": {"a": {"incremental": {"t": {"last_value": {"x": 1}}}}}});
        let state = SourceState::new(state.as_object().unwrap().clone());
        let error = Position::read(&state, "a", "t").unwrap_err();
        assert_eq!(error.to_string(), "the stored position of `a` by `t` is a nested value");
    }
}
