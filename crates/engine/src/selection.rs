//! Which resources, and which of what a source remembers, are to go: tables leave the schema, and entries leave the state.

use crate::error::{Error, ErrorKind, Result};
use crate::schema::Schema;
use regex::Regex;
use serde_json::{Map, Value};

/// Beginning of a pattern that names resources by a regular expression.
const PATTERN: &str = "re:";
/// Where a source's state holds what its resources remember, by resource.
const RESOURCES: &str = "resources";

/// What is to be dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of resources, or `re:` and a regular expression that matches the beginning of names.
    pub resources: Vec<String>,
    /// All resources of the schema.
    pub all: bool,
    /// Entries of the source's own state: keys with `.` between them, `*` for all keys of an object.
    pub state_paths: Vec<String>,
    /// Tables and schema stay, and only the state is changed.
    pub state_only: bool,
}

/// What a selection met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// Resources that have tables.
    pub resources: Vec<String>,
    /// Tables that left the schema, nested ones before those that they are nested in.
    pub tables: Vec<String>,
    /// Those of them that exist in the destination.
    pub tables_with_data: Vec<String>,
    /// Resources whose state was reset.
    pub resource_states: Vec<String>,
    /// Entries that left the state of the source.
    pub state_paths: Vec<String>,
    /// Names and paths of the selection that met nothing.
    pub unmet: Vec<String>,
}

impl Selected {
    /// Whether nothing was met.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.resource_states.is_empty() && self.state_paths.is_empty()
    }
}

impl Selection {
    /// Takes the selection out of a schema and of what its source remembers.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if a pattern or a path cannot be understood.
    pub(crate) fn take(&self, schema: &mut Schema, source_state: &mut Map<String, Value>) -> Result<Selected> {
        let patterns = self.patterns()?;
        let is_meant = |resource: &str| self.all || patterns.iter().any(|pattern| pattern.matches(resource));
        let mut selected = Selected::default();
        let mut seen = Vec::new();
        for root in schema.data_tables().filter(|table| table.parent.is_none()) {
            let resource = root.resource.as_deref().unwrap_or(&root.name);
            if !is_meant(resource) {
                continue;
            }
            if !selected.resources.iter().any(|known| known == resource) {
                selected.resources.push(resource.to_owned());
            }
            let chain = schema.chain(&root.name);
            let exists = chain.iter().rev().filter(|table| table.has_seen_data());
            seen.extend(exists.map(|table| table.name.clone()));
            selected.tables.extend(chain.iter().rev().map(|table| table.name.clone()));
        }
        if self.state_only {
            selected.tables.clear();
        } else {
            selected.tables_with_data = seen;
            schema.remove_tables(&selected.tables);
        }
        if let Some(Value::Object(states)) = source_state.get_mut(RESOURCES) {
            let met: Vec<String> = states.keys().filter(|resource| is_meant(resource)).cloned().collect();
            for resource in &met {
                states.shift_remove(resource);
            }
            selected.resource_states = met;
        }
        for path in &self.state_paths {
            let before = selected.state_paths.len();
            let keys = keys_of(path)?;
            remove(source_state, &keys, &mut String::new(), &mut selected.state_paths);
            if selected.state_paths.len() == before {
                selected.unmet.push(path.clone());
            }
        }
        let resources = selected.resources.iter().chain(&selected.resource_states);
        let is_unmet = |pattern: &&Pattern| !resources.clone().any(|resource| pattern.matches(resource));
        let unmet: Vec<String> = patterns.iter().filter(is_unmet).map(|pattern| pattern.text().to_owned()).collect();
        selected.unmet.splice(0..0, unmet);
        Ok(selected)
    }

    fn patterns(&self) -> Result<Vec<Pattern>> {
        self.resources.iter().map(|text| Pattern::parse(text)).collect()
    }
}

/// Which resources a word of the selection means.
enum Pattern {
    Name(String),
    Expression(String, Regex),
}

impl Pattern {
    fn parse(text: &str) -> Result<Self> {
        let Some(expression) = text.strip_prefix(PATTERN) else { return Ok(Self::Name(text.to_owned())) };
        // As the original matches: from the beginning, and not necessarily to the end.
        let regex = Regex::new(&format!("^(?:{expression})")).map_err(|cause| {
            let reason = cause.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Error::new(ErrorKind::Config, format!("`{text}` is no regular expression: {reason}"))
        })?;
        Ok(Self::Expression(text.to_owned(), regex))
    }

    fn matches(&self, resource: &str) -> bool {
        match self {
            Self::Name(name) => name == resource,
            Self::Expression(_, regex) => regex.is_match(resource),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Expression(text, _) => text,
        }
    }
}

/// The keys of a path: `archives`, `a.b`, `$.a.'b.c'`, `a.*`.
fn keys_of(path: &str) -> Result<Vec<String>> {
    let wrong = |why: &str| {
        let what = format!("the path `{path}` cannot be understood: {why}");
        Err(Error::new(ErrorKind::Config, what).hint("write keys with `.` between them, such as `archives` or `a.b.*`"))
    };
    let trimmed = path.trim();
    let mut rest = trimmed.strip_prefix("$.").unwrap_or(trimmed);
    let mut keys = Vec::new();
    loop {
        if rest.starts_with(['\'', '"']) {
            let quote = &rest[..1];
            let Some(end) = rest[1..].find(quote) else { return wrong("a quote is not closed") };
            keys.push(rest[1..=end].to_owned());
            rest = &rest[end + 2..];
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            let key = &rest[..end];
            if key.is_empty() {
                return wrong("there is no key between two `.`, or none at all");
            }
            if key.contains(['[', ']', '?', '(', '$', '@']) {
                return wrong("lists and conditions are not supported");
            }
            keys.push(key.to_owned());
            rest = &rest[end..];
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(keys),
            None => return wrong("a `.` has to follow a quote"),
        }
    }
}

/// Removes what `keys` lead to; a star at the top leaves what the resources remember, which has a selection of its own.
fn remove(object: &mut Map<String, Value>, keys: &[String], path: &mut String, removed: &mut Vec<String>) {
    let Some((key, rest)) = keys.split_first() else { return };
    let met: Vec<String> = match key.as_str() {
        "*" => object.keys().filter(|name| !(path.is_empty() && *name == RESOURCES)).cloned().collect(),
        key => object.contains_key(key).then(|| key.to_owned()).into_iter().collect(),
    };
    for name in met {
        let length = path.len();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&name);
        if rest.is_empty() {
            object.shift_remove(&name);
            removed.push(path.clone());
        } else if let Some(Value::Object(inner)) = object.get_mut(&name) {
            remove(inner, rest, path, removed);
        }
        path.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::schema::{Table, WriteDisposition};
    use serde_json::json;

    fn shop() -> Schema {
        let mut schema = Schema::new("shop");
        for name in ["orders", "users"] {
            schema.tables.insert(name.into(), Table::root(name, name, WriteDisposition::Append));
        }
        let extra = Table::root("order_days", "orders", WriteDisposition::Append);
        let nested = [Table::nested("orders__items", "orders"), Table::nested("orders__items__tags", "orders__items")];
        for table in nested.into_iter().chain([extra]) {
            schema.tables.insert(table.name.clone(), table);
        }
        schema.tables["orders"].mark_seen();
        schema.tables["orders__items"].mark_seen();
        schema.propagate_root_ids("orders");
        schema
    }

    fn state() -> Map<String, Value> {
        let state = json!({"resources": {"orders": {"at": 1}, "gone": {"x": 1}}, "top": {"a": {"k": 1}, "b": {"k": 2}}, "t.x": 3});
        state.as_object().unwrap().clone()
    }

    fn take(selection: Selection) -> (Selected, Schema, Value) {
        let (mut schema, mut state) = (shop(), state());
        let selected = selection.take(&mut schema, &mut state).unwrap();
        (selected, schema, state.into())
    }

    fn of(resources: &[&str], state_paths: &[&str]) -> Selection {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Selection { resources: owned(resources), state_paths: owned(state_paths), ..Selection::default() }
    }

    #[test]
    fn a_resource_goes_with_all_its_tables_and_its_state() {
        let (selected, schema, state) = take(of(&["orders"], &[]));
        assert_eq!(selected.tables, ["orders__items__tags", "orders__items", "orders", "order_days"]);
        assert_eq!(selected.tables_with_data, ["orders__items", "orders"]);
        assert_eq!(
            (&selected.resources[..], &selected.resource_states[..]),
            (&["orders".into()][..], &["orders".into()][..])
        );
        assert_eq!(schema.data_tables().map(|table| &table.name).collect::<Vec<_>>(), ["users"]);
        assert!(!schema.propagates_root_ids("orders"));
        assert_eq!(state["resources"], json!({"gone": {"x": 1}}));
    }

    #[test]
    fn patterns_match_from_the_beginning() {
        assert_eq!(take(of(&["re:ord"], &[])).0.resources, ["orders"]);
        assert_eq!(take(of(&["re:ser"], &[])).0.resources, [""; 0]);
        assert_eq!(take(of(&["order"], &[])).0.unmet, ["order"]);
        // What has a state and no table is met, too.
        assert_eq!(take(of(&["re:go|us"], &[])).0.resource_states, ["gone"]);
        let error = of(&["re:("], &[]).take(&mut shop(), &mut state()).unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains("unclosed group"), "{error}");
        let all = take(Selection { all: true, ..Selection::default() });
        assert_eq!((all.0.resources.len(), all.1.data_tables().count(), &all.2["resources"]), (2, 0, &json!({})));
    }

    #[test]
    fn only_the_state_goes_where_that_is_said() {
        let (selected, schema, state) = take(Selection { state_only: true, ..of(&["orders"], &[]) });
        assert_eq!((selected.tables.len(), selected.tables_with_data.len()), (0, 0));
        assert_eq!(schema, shop());
        assert_eq!(state["resources"], json!({"gone": {"x": 1}}));
    }

    #[test]
    fn paths_lead_to_entries() {
        for (path, removed) in [
            ("top", vec!["top"]),
            ("$.top.a", vec!["top.a"]),
            ("top.*.k", vec!["top.a.k", "top.b.k"]),
            ("'t.x'", vec!["t.x"]),
            ("*", vec!["top", "t.x"]),
            ("resources.gone", vec!["resources.gone"]),
            ("nope", vec![]),
        ] {
            let (selected, ..) = take(of(&[], &[path]));
            assert_eq!(selected.state_paths, removed, "{path}");
            assert_eq!(selected.unmet.is_empty(), !removed.is_empty());
        }
        for path in ["", "a..b", "a[0]", "'a", "'a'b", "$..a"] {
            assert!(of(&[], &[path]).take(&mut shop(), &mut state()).is_err(), "{path}");
        }
    }
}
