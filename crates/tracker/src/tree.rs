//! JSON as a tree that borrows its texts, and whose objects are lists: events are read once and have few members, so that
//! copying and hashing them would cost more than all that is done with them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

/// Members that are searched one by one; beyond, repeated names are found by a map.
const FEW: usize = 32;

/// A JSON value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Tree<'a> {
    /// Null, or not there.
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Tree<'a>>),
    Object(Members<'a>),
}

/// The members of an object in their order. Of a name that comes twice, the last value stands in the first place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, Tree<'a>)>);

impl<'a> Tree<'a> {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Tree<'a>]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Members<'a>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Tree<'a>> {
        self.as_object()?.get(name)
    }

    /// Whether it has parts.
    pub(crate) fn is_nested(&self) -> bool {
        matches!(self, Self::List(_) | Self::Object(_))
    }
}

impl<'a> Members<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&Tree<'a>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Takes a value out; null stays.
    pub(crate) fn take(&mut self, name: &str) -> Option<Tree<'a>> {
        self.0.iter_mut().find(|(known, _)| known == name).map(|(_, value)| std::mem::take(value))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Cow<'a, str>, Tree<'a>)> {
        self.0.iter()
    }

    /// Takes out those for which that does not hold, and lets the others be changed.
    pub(crate) fn retain(&mut self, mut holds: impl FnMut(&str, &mut Tree<'a>) -> bool) {
        self.0.retain_mut(|(name, value)| holds(name, value));
    }

    pub(crate) fn into_members(self) -> impl Iterator<Item = (Cow<'a, str>, Tree<'a>)> {
        self.0.into_iter()
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Tree<'a>)> for Members<'a> {
    /// The names must be different.
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Tree<'a>)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl<'a> From<&'a Value> for Tree<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::List(items.iter().map(Tree::from).collect()),
            Value::Object(members) => Self::Object(
                members.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), Tree::from(value))).collect(),
            ),
        }
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Object(members) => members.serialize(serializer),
        }
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Tree<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Tree::deserialize(deserializer)? {
            Tree::Object(members) => Ok(members),
            _ => Err(serde::de::Error::custom("not an object")),
        }
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree<'de>, E> {
        Ok(Number::from_f64(number).map_or(Tree::Null, Tree::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Tree<'de>)> = Vec::with_capacity(8);
        let mut places: HashMap<Cow<'de, str>, usize> = HashMap::new();
        while let Some(Name(name)) = map.next_key()? {
            let value = map.next_value()?;
            let known = match members.len() {
                0..=FEW => members.iter().position(|(known, _)| *known == name),
                _ => {
                    if places.is_empty() {
                        places.extend(members.iter().enumerate().map(|(at, (known, _))| (known.clone(), at)));
                    }
                    places.get(&name).copied()
                }
            };
            match known {
                Some(at) => members[at].1 = value,
                None => {
                    if !places.is_empty() {
                        places.insert(name.clone(), members.len());
                    }
                    members.push((name, value));
                }
            }
        }
        Ok(Tree::Object(Members(members)))
    }
}

/// The name of a member. `Cow` alone would always be a copy.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn it_reads_what_a_value_reads() {
        let many: String = (0..100).map(|n| format!("\"k{}\":{n},", n % 60)).collect();
        for text in [
            "null",
            "-7",
            "18446744073709551615",
            "1.50",
            "1e300",
            r#""é\n\u00e9""#,
            r#"{"a":1,"b":[true,null,{"c\t":"d"}],"a":{"e":[]}}"#,
            &format!("{{{many}\"last\":0}}"),
        ] {
            let (tree, value): (Tree<'_>, Value) =
                (serde_json::from_str(text).unwrap(), serde_json::from_str(text).unwrap());
            assert_eq!(tree, Tree::from(&value));
            assert_eq!(serde_json::to_string(&tree).unwrap(), value.to_string());
        }
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        assert!(serde_json::from_str::<Tree<'_>>(&deep).is_err(), "as a value is refused");
    }
}
