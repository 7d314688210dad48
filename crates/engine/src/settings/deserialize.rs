//! Reads a tree of settings into a type that says itself, by serde, what it takes. Whatever does not fit is reported with
//! the place where it was written, and an unknown key with the nearest that is known.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

use super::section::word_hint;
use super::{Node, Origin, Table, Value};

/// Reads `node` as a `T`; `name` is how the node is called in messages: `source`.
///
/// # Errors
/// [`crate::ErrorKind::Config`] with the place of what does not fit.
pub fn deserialize<T: DeserializeOwned>(node: &Node, name: &str) -> crate::error::Result<T> {
    T::deserialize(Located(node)).map_err(|complaint| {
        let complaint = complaint.at(node);
        let origin = complaint.origin.unwrap_or_else(|| node.origin.clone());
        let keys: Vec<_> = std::iter::once(name).chain(complaint.path.iter().rev().map(String::as_str)).collect();
        let message = match complaint.unknown_key {
            Some(key) => format!("unknown key in [{}]: `{key}`", keys.join(".")),
            None => format!("`{}`: {}", keys.join("."), complaint.message),
        };
        let error = origin.error(message);
        match complaint.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

/// What does not fit, and where.
#[derive(Debug)]
struct Complaint {
    message: String,
    hint: Option<String>,
    unknown_key: Option<String>,
    origin: Option<Origin>,
    /// Keys from the innermost outwards.
    path: Vec<String>,
}

impl Complaint {
    fn new(message: String) -> Self {
        Self { message, hint: None, unknown_key: None, origin: None, path: Vec::new() }
    }

    /// Adds the place, unless something further inside knew it better.
    fn at(mut self, node: &Node) -> Self {
        if self.origin.is_none() {
            let key = self.unknown_key.as_deref().and_then(|key| match &node.value {
                Value::Table(table) => table.entries.iter().find(|entry| entry.key == key),
                _ => None,
            });
            self.origin = Some(key.map_or_else(|| node.origin.clone(), |entry| entry.key_origin.clone()));
        }
        self
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Complaint {}

impl de::Error for Complaint {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    /// The value itself stays out of the message: it may be a secret.
    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("must be {expected}, and is {}", kind_of(&found)))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let hint = Some(word_hint(field, expected));
        Self { hint, unknown_key: Some(field.to_owned()), ..Self::new(format!("unknown key `{field}`")) }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self { hint: Some(word_hint(variant, expected)), ..Self::new(format!("unknown word `{variant}`")) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"))
    }
}

fn kind_of(found: &de::Unexpected<'_>) -> &'static str {
    match found {
        de::Unexpected::Bool(_) => "true or false",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "a whole number",
        de::Unexpected::Float(_) => "a number",
        de::Unexpected::Str(_) | de::Unexpected::Char(_) => "text",
        de::Unexpected::Seq => "a list",
        de::Unexpected::Map => "a table",
        _ => "something else",
    }
}

/// A node as serde sees it.
#[derive(Clone, Copy)]
struct Located<'a>(&'a Node);

impl<'a> Located<'a> {
    /// The text of an environment variable, which stands for any scalar.
    fn variable(self) -> Option<&'a str> {
        match (&self.0.origin, &self.0.value) {
            (origin, Value::Text(text)) if origin.is_untyped() => Some(text.trim()),
            _ => None,
        }
    }
}

impl<'de> Deserializer<'de> for Located<'_> {
    type Error = Complaint;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        let seen = match &self.0.value {
            Value::Text(text) => visitor.visit_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Flag(flag) => visitor.visit_bool(*flag),
            Value::List(nodes) => visitor.visit_seq(Items { nodes: nodes.iter() }),
            Value::Table(table) => visitor.visit_map(Entries { table, next: 0 }),
            Value::Path(path) => visitor.visit_string(path.to_string_lossy().into_owned()),
        };
        seen.map_err(|complaint| complaint.at(self.0))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Complaint> {
        visitor.visit_newtype_struct(self).map_err(|complaint| complaint.at(self.0))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        match self.variable().and_then(|text| text.parse().ok()) {
            Some(flag) => visitor.visit_bool(flag),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        match self.variable().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_u64(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        match self.variable().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_i64(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        match self.variable().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_f64(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        let Some(text) = self.variable() else { return self.deserialize_any(visitor) };
        // A variable holds a list as words between commas.
        let word = |word: &str| Node { origin: self.0.origin.clone(), value: Value::Text(word.trim().to_owned()) };
        let nodes: Vec<_> = text.split(',').map(word).collect();
        visitor.visit_seq(Items { nodes: nodes.iter() }).map_err(|complaint| complaint.at(self.0))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Complaint> {
        let _ = (name, variants);
        match &self.0.value {
            Value::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => Err(Complaint::new(format!("must be a word, and is {}", self.0.kind()))),
        }
        .map_err(|complaint| complaint.at(self.0))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier
        ignored_any
    }
}

struct Items<'a> {
    nodes: std::slice::Iter<'a, Node>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Complaint;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Complaint> {
        let Some(node) = self.nodes.next() else { return Ok(None) };
        seed.deserialize(Located(node)).map(Some).map_err(|complaint| complaint.at(node))
    }
}

struct Entries<'a> {
    table: &'a Table,
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Complaint;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Complaint> {
        let Some(entry) = self.table.entries.get(self.next) else { return Ok(None) };
        let key: de::value::StrDeserializer<'_, Complaint> = entry.key.as_str().into_deserializer();
        let located = seed.deserialize(key).map_err(|mut complaint| {
            complaint.origin.get_or_insert_with(|| entry.key_origin.clone());
            complaint
        });
        located.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Complaint> {
        let Some(entry) = self.table.entries.get(self.next) else {
            return Err(Complaint::new("a value was asked for twice".to_owned()));
        };
        self.next += 1;
        seed.deserialize(Located(&entry.node)).map_err(|complaint| {
            // A tagged table is read in two goes, and the second knows nothing of nodes.
            let mut complaint = complaint.at(&entry.node);
            complaint.path.push(entry.key.clone());
            complaint
        })
    }
}
