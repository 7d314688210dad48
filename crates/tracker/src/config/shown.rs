//! The configuration as a person reads it: what counts, and where it was said.

use std::fmt::Write as _;

use dlt_engine::settings::{Key, Node, Table, Value};

use super::layers::stands_for_any;
use super::{Config, keys};
use crate::place::{JournalAddress, StoreAddress};

impl Config {
    /// Every setting with its value and, as a comment, where it was said. It is TOML again, except that secrets are left
    /// out.
    pub fn shown(&self) -> String {
        let mut out = String::new();
        for key in keys() {
            let mut found = Vec::new();
            let parts: Vec<&str> = key.name.split('.').collect();
            collect(&self.settings, &parts, String::new(), &mut found);
            for (name, node) in &found {
                let origin = &node.origin;
                // Writing to a text does not fail.
                let _ = match key.is_secret {
                    true if key.name.ends_with(".url") => {
                        writeln!(out, "{name} = {:?}  # {origin}", address(key.name, &node.value))
                    }
                    true => writeln!(out, "# {name} is set and not shown  # {origin}"),
                    false => writeln!(out, "{name} = {}  # {origin}", literal(&node.value)),
                };
            }
            if found.is_empty() && !parts.iter().any(|part| stands_for_any(part)) {
                let _ = match is_literal(key) {
                    true => writeln!(out, "{} = {}  # default", key.name, key.default),
                    false => writeln!(out, "# {}: {}  # default", key.name, key.default),
                };
            }
        }
        out
    }
}

/// An address without its password.
fn address(name: &str, value: &Value) -> String {
    let Value::Text(text) = value else { return "not an address".to_owned() };
    let shown = match name {
        "store.url" => StoreAddress::parse(text).map(|store| store.shown()),
        _ => JournalAddress::parse(text).map(|journal| journal.shown()),
    };
    shown.unwrap_or_else(|_| "not an address".to_owned())
}

/// Whether the default of a key is a value, and not prose.
pub(super) fn is_literal(key: &Key) -> bool {
    key.default.starts_with(|c: char| matches!(c, '"' | '[') || c.is_ascii_digit())
        || matches!(key.default, "true" | "false")
}

/// The nodes at a name, in which a part may stand for any key.
fn collect<'a>(table: &'a Table, parts: &[&str], name: String, found: &mut Vec<(String, &'a Node)>) {
    let Some((part, rest)) = parts.split_first() else { return };
    for entry in &table.entries {
        if !stands_for_any(part) && entry.key != *part {
            continue;
        }
        let name = if name.is_empty() { entry.key.clone() } else { format!("{name}.{}", entry.key) };
        match (&entry.node.value, rest.is_empty()) {
            (_, true) => found.push((name, &entry.node)),
            (Value::Table(table), false) => collect(table, rest, name, found),
            _ => {}
        }
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Path(path) => format!("{:?}", path.to_string_lossy()),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(nodes) => {
            let items: Vec<String> = nodes.iter().map(|node| literal(&node.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let items: Vec<String> =
                table.entries.iter().map(|entry| format!("{} = {}", entry.key, literal(&entry.node.value))).collect();
            format!("{{ {} }}", items.join(", "))
        }
    }
}
