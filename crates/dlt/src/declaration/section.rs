//! Takes a table of settings apart, key by key; what nobody asked for is an error that names the nearest right word.

use dlt_engine::{Error, Result};

use super::spanned::{Entry, Node, Origin, Table, Value};
use crate::suggest;

/// A table that is being read.
#[derive(Debug)]
pub(crate) struct Section {
    /// As it is written in the file: `source`, `source.client`.
    name: String,
    origin: Origin,
    table: Table,
    known: Vec<&'static str>,
}

/// A value with its origin.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl Section {
    pub(crate) fn new(name: impl Into<String>, origin: Origin, table: Table) -> Self {
        Self { name: name.into(), origin, table, known: Vec::new() }
    }

    /// Where it begins.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn take(&mut self, key: &'static str) -> Option<Entry> {
        self.known.push(key);
        self.table.take(key)
    }

    /// A section below this one.
    pub(crate) fn section(&mut self, key: &'static str) -> Result<Option<Self>> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        let name = self.full_name(key);
        match entry.node.value {
            Value::Table(table) => Ok(Some(Self::new(name, entry.key_origin, table))),
            _ => Err(entry.node.origin.error(format!("`{name}` must be a table, and is {}", entry.node.kind()))),
        }
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<Located<String>>> {
        let Some(found) = self.raw_text(key)? else { return Ok(None) };
        if found.value.trim().is_empty() {
            return Err(found.origin.error(format!("`{}` is empty", self.full_name(key))));
        }
        Ok(Some(found))
    }

    /// A text that may be blank.
    pub(crate) fn raw_text(&mut self, key: &'static str) -> Result<Option<Located<String>>> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        match entry.node.value {
            Value::Text(value) => Ok(Some(Located { value, origin: entry.node.origin })),
            _ => Err(self.wrong(key, "text", &entry.node)),
        }
    }

    /// A text that has to be there.
    pub(crate) fn required_text(&mut self, key: &'static str, example: &str) -> Result<Located<String>> {
        let found = self.text(key)?;
        found.ok_or_else(|| self.missing(key, example))
    }

    /// A text or a list of texts.
    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Vec<Located<String>>> {
        let Some(entry) = self.take(key) else { return Ok(Vec::new()) };
        let nodes = match entry.node.value {
            Value::List(nodes) => nodes,
            // A variable holds a list as words between commas.
            Value::Text(text) if matches!(entry.node.origin, Origin::Variable(_)) => text
                .split(',')
                .map(|word| Node { origin: entry.node.origin.clone(), value: Value::Text(word.trim().to_owned()) })
                .collect(),
            _ => vec![entry.node],
        };
        nodes
            .into_iter()
            .map(|node| match node.value {
                Value::Text(value) => Ok(Located { value, origin: node.origin }),
                _ => Err(self.wrong(key, "text or a list of texts", &node)),
            })
            .collect()
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Result<Option<bool>> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        let value = match &entry.node.value {
            Value::Flag(flag) => Some(*flag),
            Value::Text(text) if matches!(entry.node.origin, Origin::Variable(_)) => text.trim().parse().ok(),
            _ => None,
        };
        value.map(Some).ok_or_else(|| self.wrong(key, "true or false", &entry.node))
    }

    pub(crate) fn count(&mut self, key: &'static str) -> Result<Option<Located<u64>>> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        let origin = entry.node.origin.clone();
        let value = match &entry.node.value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Text(text) if matches!(origin, Origin::Variable(_)) => text.trim().parse().ok(),
            _ => None,
        };
        match value {
            Some(value) => Ok(Some(Located { value, origin })),
            None if matches!(entry.node.value, Value::Integer(_)) => {
                Err(origin.error(format!("`{}` must be at least 0", self.full_name(key))))
            }
            None => Err(self.wrong(key, "a whole number of at least 0", &entry.node)),
        }
    }

    /// One of some words.
    pub(crate) fn one_of<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(found) = self.text(key)? else { return Ok(None) };
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == found.value) {
            return Ok(Some(*meaning));
        }
        let name = self.full_name(key);
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Err(unknown_word(&found.origin, &format!("value of `{name}`"), &found.value, &known))
    }

    /// What was not taken yet, for a reader that checks it by itself.
    pub(crate) fn into_node(self) -> Node {
        Node { origin: self.origin, value: Value::Table(self.table) }
    }

    /// Ends the reading.
    pub(crate) fn finish(self) -> Result<()> {
        match self.table.entries.first() {
            None => Ok(()),
            Some(entry) => Err(unknown_word(&entry.key_origin, &self.what(), &entry.key, &self.known)),
        }
    }

    /// A complaint about a key that is not there, or is there misspelt.
    pub(crate) fn missing(&self, key: &str, example: &str) -> Error {
        let misspelt = self.table.entries.iter().find(|entry| suggest(&entry.key, [key]).is_some());
        match misspelt {
            Some(entry) => unknown_word(&entry.key_origin, &self.what(), &entry.key, &[key]),
            None => {
                let message = format!("`{}` is missing", self.full_name(key));
                self.origin.error(message).hint(format!("add, for example: {example}"))
            }
        }
    }

    /// What its keys are called in messages.
    fn what(&self) -> String {
        if self.name.is_empty() { "key".to_owned() } else { format!("key in [{}]", self.name) }
    }

    pub(crate) fn full_name(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn wrong(&self, key: &str, wanted: &str, node: &Node) -> Error {
        node.origin.error(format!("`{}` must be {wanted}, and is {}", self.full_name(key), node.kind()))
    }
}

/// `what` is a noun with what it belongs to: `key in [source]`, `value of `format``.
pub(crate) fn unknown_word(origin: &Origin, what: &str, word: &str, known: &[&str]) -> Error {
    let error = origin.error(format!("unknown {what}: `{word}`"));
    error.hint(word_hint(word, known))
}

/// What to say about a word that is not among the known ones.
pub(crate) fn word_hint(word: &str, known: &[&str]) -> String {
    match suggest(word, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let known: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
            format!("known are {}", known.join(", "))
        }
    }
}
