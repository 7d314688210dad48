//! Takes a table of settings apart, key by key; what nobody asked for is an error that names the nearest right word.

use super::{Entry, Node, Origin, Table, Value};
use super::{duration, size};
use crate::error::{Error, Result};
use crate::suggest::suggest;
use std::path::PathBuf;
use std::time::Duration;

/// A table that is being read.
#[derive(Debug)]
pub struct Section {
    /// As it is written in the file: `source`, `source.client`.
    name: String,
    origin: Origin,
    table: Table,
    known: Vec<&'static str>,
}

/// A value with its origin.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub origin: Origin,
}

impl Section {
    /// A section; `name` is how it is called in messages, `origin` where it begins.
    pub fn new(name: impl Into<String>, origin: Origin, table: Table) -> Self {
        Self { name: name.into(), origin, table, known: Vec::new() }
    }

    /// Where it begins.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Takes a key, of whatever kind; it counts as known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<Entry> {
        self.known.push(key);
        self.table.take(key)
    }

    /// A section below this one.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn section(&mut self, key: &'static str) -> Result<Option<Self>> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        let name = self.full_name(key);
        match entry.node.value {
            Value::Table(table) => Ok(Some(Self::new(name, entry.key_origin, table))),
            _ => Err(entry.node.origin.error(format!("`{name}` must be a table, and is {}", entry.node.kind()))),
        }
    }

    /// The sections below this one that were not taken yet, with their names, which are for whoever writes them to choose.
    pub fn named_sections(&mut self) -> Vec<(String, Self)> {
        let mut found = Vec::new();
        for entry in std::mem::take(&mut self.table.entries) {
            match entry.node.value {
                Value::Table(table) => {
                    let name = self.full_name(&entry.key);
                    found.push((entry.key, Self::new(name, entry.key_origin, table)));
                }
                _ => self.table.entries.push(entry),
            }
        }
        found
    }

    /// A text that is not blank.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn text(&mut self, key: &'static str) -> Result<Option<Located<String>>> {
        let Some(found) = self.raw_text(key)? else { return Ok(None) };
        if found.value.trim().is_empty() {
            return Err(found.origin.error(format!("`{}` is empty", self.full_name(key))));
        }
        Ok(Some(found))
    }

    /// A path, which is a text where it was written down.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn path(&mut self, key: &'static str) -> Result<Option<Located<PathBuf>>> {
        if let Some(Node { value: Value::Path(path), origin }) = self.table.get(key) {
            let found = Located { value: path.clone(), origin: origin.clone() };
            self.take(key);
            return Ok(Some(found));
        }
        Ok(self.text(key)?.map(|found| Located { value: found.value.into(), origin: found.origin }))
    }

    /// A text that may be blank.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn raw_text(&mut self, key: &'static str) -> Result<Option<Located<String>>> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        match entry.node.value {
            Value::Text(value) => Ok(Some(Located { value, origin: entry.node.origin })),
            _ => Err(self.wrong(key, "text", &entry.node)),
        }
    }

    /// A text that has to be there; `example` is what a message tells to add.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is not there or something else.
    pub fn required_text(&mut self, key: &'static str, example: &str) -> Result<Located<String>> {
        let found = self.text(key)?;
        found.ok_or_else(|| self.missing(key, example))
    }

    /// A text or a list of texts; empty if it is not there.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<Located<String>>> {
        let Some(entry) = self.take(key) else { return Ok(Vec::new()) };
        let nodes = match entry.node.value {
            Value::List(nodes) => nodes,
            // A variable holds a list as words between commas.
            Value::Text(text) if entry.node.origin.is_untyped() => text
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

    /// True or false.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        let value = match &entry.node.value {
            Value::Flag(flag) => Some(*flag),
            Value::Text(text) if entry.node.origin.is_untyped() => text.trim().parse().ok(),
            _ => None,
        };
        value.map(Some).ok_or_else(|| self.wrong(key, "true or false", &entry.node))
    }

    /// A size of memory, in bytes. Written with its unit; a program may set the bytes.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn size(&mut self, key: &'static str) -> Result<Option<u64>> {
        if let Some(Node { origin: Origin::Program, value: Value::Integer(bytes) }) = self.table.get(key) {
            let bytes = bytes.unsigned_abs();
            self.take(key);
            return Ok(Some(bytes));
        }
        let Some(found) = self.text(key)? else { return Ok(None) };
        let wrong = || match &found.origin {
            // Its name says the key.
            Origin::Variable(_) => found.origin.error(format!("must be {}", size::EXPECTED)),
            origin => origin.error(format!("`{}` must be {}", self.full_name(key), size::EXPECTED)),
        };
        size::bytes_of(&found.value).map(Some).ok_or_else(wrong)
    }

    /// A span of time, longer than nothing. Written with its unit.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn duration(&mut self, key: &'static str) -> Result<Option<Duration>> {
        let Some(found) = self.text(key)? else { return Ok(None) };
        let wrong = || found.origin.error(format!("`{}` must be {}", self.full_name(key), duration::EXPECTED));
        duration::duration_of(&found.value).map(Some).ok_or_else(wrong)
    }

    /// A whole number of at least 0.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn count(&mut self, key: &'static str) -> Result<Option<Located<u64>>> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        let origin = entry.node.origin.clone();
        let value = match &entry.node.value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Text(text) if origin.is_untyped() => text.trim().parse().ok(),
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

    /// One of some words, as what it means.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place, if it is there and something else.
    pub fn one_of<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(found) = self.text(key)? else { return Ok(None) };
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == found.value) {
            return Ok(Some(*meaning));
        }
        let name = self.full_name(key);
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Err(unknown_word(&found.origin, &format!("value of `{name}`"), &found.value, &known))
    }

    /// What was not taken yet, for a reader that checks it by itself.
    pub fn into_node(self) -> Node {
        Node { origin: self.origin, value: Value::Table(self.table) }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] if a key was not taken: it is not known.
    pub fn finish(self) -> Result<()> {
        match self.table.entries.first() {
            None => Ok(()),
            Some(entry) => Err(unknown_word(&entry.key_origin, &self.what(), &entry.key, &self.known)),
        }
    }

    /// A complaint about a key that is not there, or is there misspelt.
    pub fn missing(&self, key: &str, example: &str) -> Error {
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

    /// How a key of it is called in messages: `source.paths`.
    pub fn full_name(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn wrong(&self, key: &str, wanted: &str, node: &Node) -> Error {
        node.origin.error(format!("`{}` must be {wanted}, and is {}", self.full_name(key), node.kind()))
    }
}

/// `what` is a noun with what it belongs to: `key in [source]`, `value of `format``.
pub fn unknown_word(origin: &Origin, what: &str, word: &str, known: &[&str]) -> Error {
    let error = origin.error(format!("unknown {what}: `{word}`"));
    error.hint(word_hint(word, known))
}

/// What to say about a word that is not among the known ones.
pub fn word_hint(word: &str, known: &[&str]) -> String {
    match suggest(word, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let known: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
            format!("known are {}", known.join(", "))
        }
    }
}
