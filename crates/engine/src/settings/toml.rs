//! Reads TOML files into trees of settings.

use std::path::Path;
use std::sync::Arc;

use super::{Entry, Node, Origin, Table, Value};
use crate::error::{Error, ErrorKind, Result};
use toml_edit::{Document, Item, TableLike, Value as TomlValue};

/// Parses a TOML file; `shown` is the path for messages.
///
/// # Errors
/// [`ErrorKind::Config`] with the line, if it is no TOML.
pub fn parse(text: &str, shown: &Path) -> Result<Table> {
    let document = Document::parse(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        Error::new(ErrorKind::Config, format!("this is not valid TOML: {}", error.message().replace('\n', "; ")))
            .at(shown.display().to_string(), line)
    })?;
    let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
    let file = TomlFile { ends, path: shown.into() };
    file.table(document.as_table())
}

/// Reads and parses a TOML file that has to be there.
///
/// # Errors
/// [`ErrorKind::Config`], if it is not there, cannot be read, or is no TOML.
pub fn read(path: &Path) -> Result<Table> {
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
///
/// # Errors
/// As [`read`].
pub fn read_if_there(path: &Path) -> Result<Table> {
    if path.exists() { read(path) } else { Ok(Table::default()) }
}

fn line_of(text: &str, offset: usize) -> u64 {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count() as u64
}

struct TomlFile {
    /// Where lines end: a file is long, and each of its keys has a place.
    ends: Vec<usize>,
    path: Arc<Path>,
}

impl TomlFile {
    fn origin(&self, span: Option<std::ops::Range<usize>>) -> Origin {
        let line = span.map_or(1, |span| 1 + self.ends.partition_point(|end| *end < span.start) as u64);
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

#[cfg(test)]
mod read_as_a_type;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(text: &str) -> Vec<(String, u64, u64)> {
        fn walk(prefix: &str, table: &Table, out: &mut Vec<(String, u64, u64)>) {
            for entry in &table.entries {
                let line = |origin: &Origin| match origin {
                    Origin::File { line, .. } => *line,
                    _ => 0,
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
