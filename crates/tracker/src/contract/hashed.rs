//! Names that a person chose: kept as hashes by a key that only this tracker has, which tell names apart and no more.

use std::borrow::Cow;

use super::{Event, Fields, Shape};
use crate::hash::shake128;
use crate::tree::{Members, Tree};

/// What a hash begins with, and how many digits it has.
const PREFIX: &str = "name-";
const DIGITS: usize = 32;

impl Event {
    /// Puts hashes in the place of texts that are to be kept as such; whether there were any. What is a hash already stays.
    pub(crate) fn hash(&self, properties: &mut Members<'_>, key: &str) -> bool {
        self.hashes && members(&self.fields, properties, key)
    }
}

fn members(fields: &Fields, found: &mut Members<'_>, key: &str) -> bool {
    let mut is_hashed = false;
    found.retain(|name, value| {
        if let Some(field) = fields.get(name) {
            is_hashed |= within(&field.shape, field.hashed.as_deref(), value, key);
        }
        true
    });
    is_hashed
}

fn within(shape: &Shape, known: Option<&[String]>, value: &mut Tree<'_>, key: &str) -> bool {
    match (shape, value) {
        (Shape::List(item), Tree::List(items)) => {
            // Each of them.
            items.iter_mut().map(|value| within(item, known, value, key)).filter(|is_hashed| *is_hashed).count() > 0
        }
        (Shape::Object(fields), Tree::Object(found)) => members(fields, found, key),
        (Shape::Text, Tree::Text(text)) if known.is_some_and(|known| is_secret(text, known)) => {
            let hash = shake128(format!("name\0{key}\0{text}").as_bytes());
            *text = Cow::Owned(format!("{PREFIX}{}", &hash[..DIGITS]));
            true
        }
        _ => false,
    }
}

fn is_secret(text: &str, known: &[String]) -> bool {
    let is_hash = text.strip_prefix(PREFIX).is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
    });
    !text.is_empty() && !is_hash && !known.iter().any(|word| word == text)
}

/// Whether a property or member is kept as a hash.
pub(super) fn are_there(fields: &Fields) -> bool {
    fn below(shape: &Shape) -> bool {
        match shape {
            Shape::List(item) => below(item),
            Shape::Object(fields) => are_there(fields),
            _ => false,
        }
    }
    fields.values().any(|field| field.hashed.is_some() || below(&field.shape))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::contract::Contract;

    #[test]
    fn names_become_hashes_and_words_that_are_known_stay() {
        let contract = Contract::parse(
            r#"
            [events.e.fields]
            table = { type = "string", privacy = "hash", hashed = true, known = ["orders"] }
            tables = { type = "array", items = "string", privacy = "hash", hashed = true }
            of = { type = "object", privacy = "hash", fields = { name = { type = "string", privacy = "hash", hashed = true } } }
            note = { type = "string", privacy = "public" }
            "#,
            Path::new("c.toml"),
        )
        .unwrap();
        let hashed = |value: Value, key: &str| -> Value {
            let Tree::Object(mut found) = Tree::from(&value) else { panic!("an object") };
            contract.event("e").unwrap().hash(&mut found, key);
            serde_json::to_value(found).unwrap()
        };
        let found = hashed(
            json!({"table": "payroll", "tables": ["payroll", "", 7], "of": {"name": "payroll"}, "note": "payroll"}),
            "k",
        );
        let name = found["table"].as_str().unwrap();
        assert!(name.starts_with("name-") && name.len() == 37 && !name.contains("payroll"), "{name}");
        assert_eq!(found, json!({"table": name, "tables": [name, "", 7], "of": {"name": name}, "note": "payroll"}));
        assert_eq!(hashed(found.clone(), "k"), found, "once");
        assert_ne!(hashed(json!({"table": "payroll"}), "another")["table"], name);
        assert_eq!(hashed(json!({"table": "orders"}), "k"), json!({"table": "orders"}));
    }
}
