//! Which key of the data a name belongs to, where more than one key would have it.
//!
//! Kept in a hint of the table that other programs leave as it is: `"x-original-keys": {"x": ["日本語"]}` says that column
//! `x` holds the values of the key `日本語`, so that `колонка`, which would be `x` as well, gets another name in every run.
//! The keys lead from the row to the value: `{"a": {"b": 1}}` is `["a", "b"]`. A name without an entry belongs to every
//! spelling of it.

use super::Table;
use crate::naming::Naming;
use serde_json::{Map, Value};

const HINT: &str = "x-original-keys";
const TABLE_HINT: &str = "x-original-name";

impl Table {
    /// Names that belong to one key alone, with the keys that lead there.
    pub(crate) fn original_keys(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        let entries = self.hints.get(HINT).and_then(Value::as_object).into_iter().flatten();
        entries.map(|(name, keys)| {
            (name.as_str(), keys.as_array().into_iter().flatten().filter_map(Value::as_str).collect())
        })
    }

    /// Notes that a name belongs to these keys.
    pub(crate) fn claim(&mut self, name: &str, keys: &[String]) {
        let entries = self.hints.entry(HINT).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(entries) = entries {
            entries.insert(name.to_owned(), keys.into());
        }
    }

    /// The column of a key at the top of a row; a key that other keys could be taken for claims its name.
    pub(crate) fn claim_column(&mut self, key: &str, naming: Naming) -> String {
        let plain = naming.normalize_key(key);
        let folded = |name: &str| naming.folded(name).into_owned();
        for attempt in 0.. {
            let name = if attempt == 0 { plain.clone() } else { naming.apart(&plain, &[key], attempt) };
            let owner = self.original_keys().find(|(owned, _)| folded(owned) == folded(&name)).map(|(_, keys)| keys);
            match owner {
                Some(keys) if keys != [key] => continue,
                None if !naming.keeps_letters(key) => self.claim(&name, &[key.to_owned()]),
                _ => {}
            }
            let known = self.columns.keys().find(|known| folded(known) == folded(&name));
            return known.cloned().unwrap_or(name);
        }
        plain
    }

    /// The name that a root table was given before it was normalized.
    pub(crate) fn original_name(&self) -> &str {
        let noted = self.hints.get(TABLE_HINT).and_then(Value::as_str);
        noted.or(self.resource.as_deref()).unwrap_or(&self.name)
    }

    /// Notes the name that a root table was given, where its resource is called otherwise.
    pub(crate) fn note_original_name(&mut self, given: &str) {
        if self.original_name() != given {
            self.hints.insert(TABLE_HINT.to_owned(), given.into());
        }
    }
}
