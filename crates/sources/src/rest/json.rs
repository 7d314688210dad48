//! Finds its way in JSON text without taking values apart: what is handed on is the text as it came.
//!
//! No crate for JSON paths leaves items as text: docs/decisions/0007-by-hand-or-by-crate.md.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A path such as `data.items[0].name`, `$.next` or `['a.b']`. `*` takes every element, `[-1]` the last one, and
/// `[?(@.rel=='next')]` those that have this value. A key that holds dots, such as `@odata.nextLink`, needs no quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// From the end, if it is negative.
    Index(i64),
    All,
    /// Elements whose member of this name is this text.
    Where(String, String),
}

impl JsonPath {
    /// Reads a path; `None` if it is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(bracket) = rest.strip_prefix('[') {
                let end = bracket.find(']')?;
                let inner = bracket[..end].trim();
                rest = &bracket[end + 1..];
                steps.push(match (unquoted(inner), inner.strip_prefix('?')) {
                    (Some(key), _) => Step::Key(key.to_owned()),
                    (None, Some(condition)) => condition_of(condition)?,
                    (None, None) if inner == "*" => Step::All,
                    (None, None) => Step::Index(inner.parse().ok()?),
                });
                continue;
            }
            if !steps.is_empty() || text.starts_with('$') {
                rest = rest.strip_prefix('.')?;
            }
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(match &rest[..end] {
                "" => return None,
                "*" => Step::All,
                key => Step::Key(key.to_owned()),
            });
            rest = &rest[end..];
        }
        Some(Self(steps))
    }

    /// A path of keys.
    pub(crate) fn of_keys(keys: &[String]) -> Self {
        Self(keys.iter().cloned().map(Step::Key).collect())
    }

    /// Every value at the path.
    pub(crate) fn select<'a>(&self, value: &'a RawValue) -> Vec<&'a RawValue> {
        let mut found = Vec::new();
        collect(&self.0, value, &mut found);
        found
    }

    /// Whether the path can lead to several values.
    pub(crate) fn takes_all(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::All | Step::Where(..)))
    }

    /// Whether a key of the path is not there. In null, and in a list without elements, none is missed.
    pub(crate) fn misses_key(&self, value: &RawValue) -> bool {
        if !self.select(value).is_empty() {
            return false;
        }
        let mut found = vec![value];
        for (index, step) in self.0.iter().enumerate() {
            let next = Self(self.0[..=index].to_vec()).select(value);
            if next.is_empty() {
                return matches!(step, Step::Key(_)) && found.iter().any(|value| !is_null(value));
            }
            found = next;
        }
        false
    }

    /// The first value at the path that is not null.
    pub(crate) fn first<'a>(&self, value: &'a RawValue) -> Option<&'a RawValue> {
        self.select(value).into_iter().find(|value| !is_null(value))
    }
}

fn unquoted(text: &str) -> Option<&str> {
    let within = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    within('\'').or_else(|| within('"'))
}

/// `(@.rel=='next')`, also without the parentheses.
fn condition_of(text: &str) -> Option<Step> {
    let text = text.trim();
    let text = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    let (key, value) = text.split_once("==")?;
    let key = key.trim().strip_prefix("@.").unwrap_or(key.trim());
    Some(Step::Where(key.to_owned(), unquoted(value.trim())?.to_owned()))
}

fn collect<'a>(steps: &[Step], value: &'a RawValue, found: &mut Vec<&'a RawValue>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    match step {
        Step::Key(key) => {
            if let Some((value, rest)) = member_of(key, rest, value) {
                collect(rest, value, found);
            }
        }
        Step::Index(index) => {
            let all = elements(value).unwrap_or_default();
            let index = if *index < 0 { all.len() as i64 + index } else { *index };
            if let Some(value) = usize::try_from(index).ok().and_then(|index| all.get(index)) {
                collect(rest, value, found);
            }
        }
        Step::All => {
            let members = || members(value).unwrap_or_default().into_iter().map(|(_, value)| value).collect();
            elements(value).unwrap_or_else(members).into_iter().for_each(|value| collect(rest, value, found));
        }
        Step::Where(key, wanted) => {
            let is_wanted = |value: &&RawValue| member(value, key).and_then(scalar_text).as_ref() == Some(wanted);
            elements(value).unwrap_or_default().into_iter().filter(is_wanted).for_each(|value| {
                collect(rest, value, found);
            });
        }
    }
}

/// The member of this key and the steps after it. Where there is none, the next steps may be the rest of a key with dots.
fn member_of<'a, 's>(key: &str, rest: &'s [Step], value: &'a RawValue) -> Option<(&'a RawValue, &'s [Step])> {
    let members = members(value)?;
    // Of a key that is there twice the last counts, as everywhere.
    let find = |key: &str| members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| *value);
    if let Some(value) = find(key) {
        return Some((value, rest));
    }
    let mut key = key.to_owned();
    for (index, step) in rest.iter().enumerate() {
        let Step::Key(next) = step else { return None };
        key.push('.');
        key.push_str(next);
        if let Some(value) = find(&key) {
            return Some((value, &rest[index + 1..]));
        }
    }
    None
}

/// The elements, if it is a list.
pub(crate) fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    if is_list(value) { serde_json::from_str(value.get()).ok() } else { None }
}

/// Keys and values in their order, if it is an object.
pub(crate) fn members(value: &RawValue) -> Option<Vec<(String, &RawValue)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(member) = map.next_entry()? {
                all.push(member);
            }
            Ok(all)
        }
    }
    if !is_object(value) {
        return None;
    }
    serde_json::Deserializer::from_str(value.get()).deserialize_map(Members).ok()
}

pub(crate) fn member<'a>(value: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    // Of a key that is there twice the last counts, as everywhere.
    members(value)?.into_iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
}

pub(crate) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

pub(crate) fn is_list(value: &RawValue) -> bool {
    value.get().starts_with('[')
}

pub(crate) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// The text of a scalar: a string without its quotes, a number or word as it stands.
pub(crate) fn scalar_text(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'{' | b'[' => None,
        _ if is_null(value) => None,
        _ => Some(value.get().to_owned()),
    }
}

/// A whole number, also if it is written as a string.
pub(crate) fn integer(value: &RawValue) -> Option<u64> {
    scalar_text(value)?.trim().parse().ok()
}

/// An object with members added at its end; any other value as it is.
pub(crate) fn with_members(value: &RawValue, added: &[(String, Box<RawValue>)]) -> String {
    let text = value.get();
    let Some(open) = text.trim_end().strip_suffix('}').filter(|_| is_object(value) && !added.is_empty()) else {
        return text.to_owned();
    };
    let mut result = open.to_owned();
    let mut is_first = open[1..].trim().is_empty();
    for (name, value) in added {
        if !is_first {
            result.push(',');
        }
        is_first = false;
        result.push_str(&serde_json::Value::from(name.as_str()).to_string());
        result.push(':');
        result.push_str(value.get());
    }
    result.push('}');
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn paths_lead_to_text_as_it_came() {
        let value = raw(r#"{"a":{"b":[{"c":1.10},{"c":1e400}]},"x.y":true,"n":null,"a":{"b":[{"c":2.50},{"c":1e400}]},
            "d":{"@o.next.Link":[7],"l":[{"rel":"prev","u":1},{"rel":"next","u":2}]}}"#);
        let cases: [(&str, &[&str]); 14] = [
            ("a.b[0].c", &["2.50"]),
            ("$.a.b[*].c", &["2.50", "1e400"]),
            ("$['x.y']", &["true"]),
            ("a.b.*.c", &["2.50", "1e400"]),
            ("a.b[7]", &[]),
            ("a.z.c", &[]),
            ("x.y", &["true"]),
            ("x.z", &[]),
            ("a.b[-1].c", &["1e400"]),
            ("a.b[-3]", &[]),
            ("d.@o.next.Link[0]", &["7"]),
            ("d.l[?(@.rel=='next')].u", &["2"]),
            ("d.l[?rel=='prev'].u", &["1"]),
            ("n", &["null"]),
        ];
        for (path, expected) in cases {
            let path = JsonPath::parse(path).unwrap();
            let found: Vec<_> = path.select(&value).into_iter().map(RawValue::get).collect();
            assert_eq!(found, expected, "{path:?}");
        }
        assert_eq!(JsonPath::parse("$").unwrap().select(&value)[0].get(), value.get());
        for path in ["a..b", "$a", "a[", "a[x]", "."] {
            assert_eq!(JsonPath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_missed() {
        let missed = |path: &str, text: &str| JsonPath::parse(path).unwrap().misses_key(&raw(text));
        for (path, text) in [
            ("a", "{}"),
            ("a", "[]"),
            ("a", "1"),
            ("a.b", r#"{"a":{}}"#),
            ("a[*].b", r#"{"a":[{},null]}"#),
            ("a.b", r#"{"a":{"c.b":1}}"#),
        ] {
            assert!(missed(path, text), "{path} {text}");
        }
        for (path, text) in [
            ("a", r#"{"a":null}"#),
            ("a.b", r#"{"a":null}"#),
            ("a[0].b", r#"{"a":[]}"#),
            ("a[*].b", r#"{"a":[]}"#),
            ("a[*].b", r#"{"a":[{},{"b":1}]}"#),
            ("$", "null"),
        ] {
            assert!(!missed(path, text), "{path} {text}");
        }
    }

    #[test]
    fn members_are_added_without_touching_the_rest() {
        let added = [("_p_\"id".to_owned(), raw("1.50"))];
        assert_eq!(with_members(&raw(r#"{"a": 1.0 }"#), &added), r#"{"a": 1.0 ,"_p_\"id":1.50}"#);
        assert_eq!(with_members(&raw("{ }"), &added), r#"{ "_p_\"id":1.50}"#);
        assert_eq!(with_members(&raw("[1]"), &added), "[1]");
        assert_eq!(with_members(&raw("{}"), &[]), "{}");
    }
}
