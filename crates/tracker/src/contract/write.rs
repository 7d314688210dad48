//! A contract as TOML.

use std::fmt::Write as _;

use super::quoting::{quoted, text};
use super::{Contract, Field, Shape};

/// The contract as a file that reads as the same.
pub(crate) fn to_toml(contract: &Contract) -> String {
    let mut out = String::new();
    for (name, event) in &contract.events {
        let _ = writeln!(out, "\n[events.{}]", quoted(name));
        if let Some(meaning) = &event.meaning {
            let _ = writeln!(out, "meaning = {}", text(meaning));
        }
        if !event.fields.is_empty() {
            let _ = writeln!(out, "\n[events.{}.fields]", quoted(name));
        }
        for (name, field) in &event.fields {
            let _ = writeln!(out, "{} = {}", quoted(name), inline(field));
        }
    }
    out
}

/// A property as an inline table.
pub(crate) fn inline(field: &Field) -> String {
    let mut parts = vec![shape(&field.shape), format!("privacy = \"{}\"", field.privacy.word())];
    if !field.is_optional {
        parts.push("optional = false".to_owned());
    }
    parts.extend(hashed(field));
    parts.extend(field.meaning.as_ref().map(|meaning| format!("meaning = {}", text(meaning))));
    format!("{{ {} }}", parts.join(", "))
}

/// The keys that say that it is kept as a hash, and what is not.
pub(crate) fn hashed(field: &Field) -> Vec<String> {
    let Some(known) = &field.hashed else { return Vec::new() };
    let words = Vec::from_iter(known.iter().map(|word| text(word))).join(", ");
    let known = (!known.is_empty()).then(|| format!("known = [{words}]"));
    ["hashed = true".to_owned()].into_iter().chain(known).collect()
}

fn shape(found: &Shape) -> String {
    let word = found.word();
    match found {
        Shape::List(item) => match &**item {
            Shape::List(_) | Shape::Object(_) => format!("type = \"{word}\", items = {{ {} }}", shape(item)),
            _ => format!("type = \"{word}\", items = \"{}\"", item.word()),
        },
        Shape::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, field)| format!("{} = {}", quoted(name), inline(field))).collect();
            format!("type = \"{word}\", fields = {{ {} }}", fields.join(", "))
        }
        _ => format!("type = \"{word}\""),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_written_reads_as_the_same() {
        let odd = "a \"b\" \\ \u{1}\u{7f}é.x\nnew";
        let text = format!(
            "[events.{0}]\nmeaning = {0}\n[events.{0}.fields]\n{0} = {{ type = \"array\", privacy = \"hash\", optional = false, \
             items = {{ type = \"object\", fields = {{ h = {{ type = \"string\", privacy = \"hash\", hashed = true, known = [\"a\\\"b\"] }}, a = {{ type = \"array\", items = {{ type = \"array\", items = \"integer\" }}, \
             privacy = \"random\" }} }} }} }}\n[events.x]\n",
            super::text(odd)
        );
        let contract = Contract::parse(&text, Path::new("c.toml")).unwrap();
        let again = to_toml(&contract);
        assert_eq!(Contract::parse(&again, Path::new("c.toml")).unwrap(), contract, "{again}");
        assert!(contract.events.contains_key(odd));
    }
}
