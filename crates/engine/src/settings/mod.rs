//! Settings as a tree in which every key and value knows where it was written: what connectors read.
//!
//! Whoever reads a [`Section`] takes its keys one by one; what nobody took is an error that names the nearest right word.
//! Sections whose form is a type of its own are read by [`deserialize`].

mod deserialize;
mod duration;
mod hints;
mod key;
mod nested;
mod section;
mod size;
pub mod toml;

pub use deserialize::deserialize;
pub use duration::duration_of;
pub use hints::{HINT_KEYS, lacks_key, read_contract, read_hints, read_hints_of_known_tables};
pub use key::Key;
pub use nested::{COLUMN_KEYS, CONTRACT_KEYS, INCREMENTAL_KEYS, SCD2_KEYS};
pub use section::{Located, Section, unknown_word, word_hint};
pub use size::bytes_of;

use crate::error::{Error, ErrorKind};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a setting was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A file.
    File {
        /// Path, as it was given.
        path: Arc<Path>,
        /// Line, counted from 1.
        line: u64,
    },
    /// An environment variable.
    Variable(String),
    /// An argument of the command line, as it is written: `--listen`.
    Argument(String),
    /// The program itself, or an argument of its command line.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Variable(name) => write!(formatter, "environment variable {name}"),
            Self::Argument(name) => formatter.write_str(name),
            Self::Program => formatter.write_str("the program"),
        }
    }
}

impl Origin {
    /// A complaint about what stands here.
    pub fn error(&self, message: impl Into<String>) -> Error {
        let error = Error::new(ErrorKind::Config, message);
        match self {
            Self::File { path, line } => error.at(path.display().to_string(), Some(*line)),
            Self::Variable(name) => error.at(format!("environment variable {name}"), None),
            Self::Argument(name) => error.at(name.clone(), None),
            Self::Program => error,
        }
    }

    /// Whether what stands here has no types: a text also means a number, a flag, or a list of words between commas.
    pub fn is_untyped(&self) -> bool {
        matches!(self, Self::Variable(_) | Self::Argument(_))
    }

    /// The same complaint, with this place.
    pub fn relocated(&self, error: &Error) -> Error {
        let located = self.error(error.to_string());
        match error.advice() {
            Some(hint) => located.hint(hint),
            None => located,
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it was written.
    pub origin: Origin,
    /// What was written.
    pub value: Value,
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text; of a variable always.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// True or false.
    Flag(bool),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// A path that need not be text: of a program, or joined with a folder.
    Path(PathBuf),
}

/// Keys in the order in which they were written. A key's own origin matters for complaints about the key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// In the order in which they were written.
    pub entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub key_origin: Origin,
    /// Its value.
    pub node: Node,
}

impl Table {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value of a key, if it is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key, if it is a path or a text.
    pub fn path(&self, key: &str) -> Option<&Path> {
        match &self.get(key)?.value {
            Value::Text(text) => Some(Path::new(text)),
            Value::Path(path) => Some(path),
            _ => None,
        }
    }

    /// Sets a text.
    pub fn set_text(&mut self, key: &str, text: impl Into<String>, origin: Origin) {
        self.set(&[key.to_owned()], Node { origin, value: Value::Text(text.into()) });
    }

    /// Takes a key out.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index))
    }

    /// Adds what `other` has and this table lacks; a table on both sides is joined key by key.
    pub fn fill_from(&mut self, other: Self) {
        for entry in other.entries {
            match self.entries.iter_mut().find(|own| own.key == entry.key) {
                None => self.entries.push(entry),
                Some(own) => {
                    if let (Value::Table(own), Value::Table(other)) = (&mut own.node.value, entry.node.value) {
                        own.fill_from(other);
                    }
                }
            }
        }
    }

    /// Tells of every value that is no table, by its keys with points between, the name of this table first.
    pub fn walk(&self, name: &str, tell: &mut dyn FnMut(&str, &Node)) {
        for entry in &self.entries {
            let name = format!("{name}.{}", entry.key);
            match &entry.node.value {
                Value::Table(table) => table.walk(&name, tell),
                _ => tell(&name, &entry.node),
            }
        }
    }

    /// Sets the value at a path of keys, making the tables on the way.
    pub fn set(&mut self, path: &[String], node: Node) {
        let Some((key, rest)) = path.split_first() else { return };
        let origin = node.origin.clone();
        if rest.is_empty() {
            self.take(key);
            self.entries.push(Entry { key: key.clone(), key_origin: origin, node });
            return;
        }
        if !matches!(self.get(key).map(|node| &node.value), Some(Value::Table(_))) {
            self.take(key);
            let table = Node { origin: origin.clone(), value: Value::Table(Self::default()) };
            self.entries.push(Entry { key: key.clone(), key_origin: origin, node: table });
        }
        if let Some(Value::Table(table)) =
            self.entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.node.value)
        {
            table.set(rest, node);
        }
    }
}

impl Node {
    /// How the value is called in messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "text",
            Value::Integer(_) => "a number",
            Value::Float(_) => "a number",
            Value::Flag(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Path(_) => "a path",
        }
    }
}

/// A folder's path joined with a path from a file in it.
pub fn relative_to(folder: &Path, path: &str) -> PathBuf {
    if folder.as_os_str().is_empty() || folder == Path::new(".") { PathBuf::from(path) } else { folder.join(path) }
}
