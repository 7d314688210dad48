//! Settings as a tree in which every key and value knows where it was written.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dlt_engine::{Error, ErrorKind, Result};
use toml_edit::{Document, Item, TableLike, Value as TomlValue};

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
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Variable(name) => write!(formatter, "environment variable {name}"),
        }
    }
}

impl Origin {
    /// A complaint about what stands here.
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        let error = Error::new(ErrorKind::Config, message);
        match self {
            Self::File { path, line } => error.at(path.display().to_string(), Some(*line)),
            Self::Variable(name) => error.at(format!("environment variable {name}"), None),
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) value: Value,
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<Node>),
    Table(Table),
}

/// Keys in the order in which they were written. A key's own origin matters for complaints about the key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_origin: Origin,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index))
    }

    /// Adds what `other` has and this table lacks; a table on both sides is joined key by key.
    pub(crate) fn fill_from(&mut self, other: Self) {
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

    /// Sets the value at a path of keys, making the tables on the way.
    pub(crate) fn set(&mut self, path: &[String], node: Node) {
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
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "text",
            Value::Integer(_) => "a number",
            Value::Float(_) => "a number",
            Value::Flag(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Parses a TOML file; `shown` is the path for messages.
pub(crate) fn parse(text: &str, shown: &Path) -> Result<Table> {
    let document = Document::parse(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        Error::new(ErrorKind::Config, format!("this is not valid TOML: {}", error.message().replace('\n', "; ")))
            .at(shown.display().to_string(), line)
    })?;
    let file = TomlFile { text, path: shown.into() };
    file.table(document.as_table())
}

/// Reads and parses a TOML file that has to be there.
pub(crate) fn read(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path).map_err(|cause| {
        let error = Error::new(ErrorKind::Config, format!("cannot read {}", path.display()));
        match cause.kind() {
            std::io::ErrorKind::NotFound => {
                Error::new(ErrorKind::Config, format!("there is no file {}", path.display()))
            }
            std::io::ErrorKind::InvalidData => error.because("it is not UTF-8 text"),
            _ => error.because(cause),
        }
    })?;
    parse(&text, path)
}

/// Reads a TOML file; a missing one is empty.
pub(crate) fn read_if_there(path: &Path) -> Result<Table> {
    if path.exists() { read(path) } else { Ok(Table::default()) }
}

fn line_of(text: &str, offset: usize) -> u64 {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count() as u64
}

struct TomlFile<'a> {
    text: &'a str,
    path: Arc<Path>,
}

impl TomlFile<'_> {
    fn origin(&self, span: Option<std::ops::Range<usize>>) -> Origin {
        let line = span.map_or(1, |span| line_of(self.text, span.start));
        Origin::File { path: Arc::clone(&self.path), line }
    }

    fn table(&self, table: &dyn TableLike) -> Result<Table> {
        let mut entries = Vec::new();
        for (name, item) in table.iter() {
            let key_span = table.key(name).and_then(toml_edit::Key::span);
            // A table made by `[a.b]` has no key span of its own for `a`; what is in it has.
            let key_origin = self.origin(key_span.or_else(|| item.span()));
            let Some(value) = self.item(item)? else { continue };
            let node_origin = item.span().map_or_else(|| key_origin.clone(), |span| self.origin(Some(span)));
            entries.push(Entry { key: name.to_owned(), key_origin, node: Node { origin: node_origin, value } });
        }
        Ok(Table { entries })
    }

    fn item(&self, item: &Item) -> Result<Option<Value>> {
        Ok(Some(match item {
            Item::None => return Ok(None),
            Item::Value(value) => self.value(value)?,
            Item::Table(table) => Value::Table(self.table(table)?),
            Item::ArrayOfTables(tables) => {
                let tables = tables.iter().map(|table| {
                    Ok(Node { origin: self.origin(table.span()), value: Value::Table(self.table(table)?) })
                });
                Value::List(tables.collect::<Result<_>>()?)
            }
        }))
    }

    fn value(&self, value: &TomlValue) -> Result<Value> {
        Ok(match value {
            TomlValue::String(text) => Value::Text(text.value().clone()),
            TomlValue::Integer(number) => Value::Integer(*number.value()),
            TomlValue::Float(number) => Value::Float(*number.value()),
            TomlValue::Boolean(flag) => Value::Flag(*flag.value()),
            // Dates are written without quotes by those who know TOML; they mean the same as the text.
            TomlValue::Datetime(date) => Value::Text(date.value().to_string()),
            TomlValue::Array(array) => {
                let nodes =
                    array.iter().map(|value| Ok(Node { origin: self.origin(value.span()), value: self.value(value)? }));
                Value::List(nodes.collect::<Result<_>>()?)
            }
            TomlValue::InlineTable(table) => Value::Table(self.table(table)?),
        })
    }
}

/// A folder's path joined with a path from a file in it.
pub(crate) fn relative_to(folder: &Path, path: &str) -> PathBuf {
    if folder.as_os_str().is_empty() || folder == Path::new(".") { PathBuf::from(path) } else { folder.join(path) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(text: &str) -> Vec<(String, u64, u64)> {
        fn walk(prefix: &str, table: &Table, out: &mut Vec<(String, u64, u64)>) {
            for entry in &table.entries {
                let line = |origin: &Origin| match origin {
                    Origin::File { line, .. } => *line,
                    Origin::Variable(_) => 0,
                };
                let name = format!("{prefix}{}", entry.key);
                out.push((name.clone(), line(&entry.key_origin), line(&entry.node.origin)));
                match &entry.node.value {
                    Value::Table(table) => walk(&format!("{name}."), table, out),
                    Value::List(nodes) => {
                        for node in nodes {
                            if let Value::Table(table) = &node.value {
                                walk(&format!("{name}[]."), table, out);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        let mut out = Vec::new();
        walk("", &parse(text, Path::new("p.toml")).unwrap(), &mut out);
        out
    }

    #[test]
    fn every_key_knows_its_line() {
        let text = "a = 1\n\n[b]\nc = \"x\"\n[b.d]\ne = true\n[[f]]\ng = [\n 1,\n]\n[[f]]\ng = { h = 1.5 }\n";
        let expected = [
            ("a", 1, 1),
            ("b", 3, 3),
            ("b.c", 4, 4),
            ("b.d", 5, 5),
            ("b.d.e", 6, 6),
            ("f", 7, 7),
            ("f[].g", 8, 8),
            ("f[].g", 12, 12),
            ("f[].g.h", 12, 12),
        ];
        let expected: Vec<_> = expected.iter().map(|(name, key, value)| ((*name).to_owned(), *key, *value)).collect();
        assert_eq!(lines(text), expected);
    }

    #[test]
    fn what_is_no_toml_says_where() {
        let error = parse("[pipeline]\nname = \"x\ndataset = 1\n", Path::new("p.toml")).unwrap_err();
        assert!(error.to_string().starts_with("p.toml:2: this is not valid TOML: "), "{error}");
        let error = parse("a = 1\na = 2\n", Path::new("p.toml")).unwrap_err();
        assert!(error.to_string().starts_with("p.toml:2: "), "{error}");
    }

    #[test]
    fn tables_are_joined_and_the_first_wins() {
        let mut first = parse("a = 1\n[t]\nx = 1\n", Path::new("1")).unwrap();
        first.fill_from(parse("a = 2\nb = 3\n[t]\nx = 2\ny = 3\n", Path::new("2")).unwrap());
        assert_eq!(first.get("a").unwrap().value, Value::Integer(1));
        assert_eq!(first.get("b").unwrap().value, Value::Integer(3));
        let Value::Table(table) = &first.get("t").unwrap().value else { panic!("a table") };
        assert_eq!(table.get("x").unwrap().value, Value::Integer(1));
        assert_eq!(table.get("y").unwrap().value, Value::Integer(3));
    }
}
