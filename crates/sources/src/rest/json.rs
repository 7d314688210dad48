//! Finds its way in JSON text without taking values apart: what is handed on is the text as it came.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A path such as `data.items[0].name`, `$.next` or `['a.b']`; `*` takes every element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    All,
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
                let quoted = inner.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\''));
                let quoted = quoted.or_else(|| inner.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')));
                steps.push(match quoted {
                    Some(key) => Step::Key(key.to_owned()),
                    None if inner == "*" => Step::All,
                    None => Step::Index(inner.parse().ok()?),
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
        self.0.iter().fold(vec![value], |found, step| step.select(&found))
    }

    /// Whether the path can lead to several values.
    pub(crate) fn takes_all(&self) -> bool {
        self.0.contains(&Step::All)
    }

    /// Whether a key of the path is not there. In null, and in a list without elements, none is missed.
    pub(crate) fn misses_key(&self, value: &RawValue) -> bool {
        let mut found = vec![value];
        for step in &self.0 {
            let next = step.select(&found);
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

impl Step {
    fn select<'a>(&self, values: &[&'a RawValue]) -> Vec<&'a RawValue> {
        let of_one = |value: &&'a RawValue| match self {
            Self::Key(key) => member(value, key).into_iter().collect(),
            Self::Index(index) => elements(value).and_then(|all| all.get(*index).copied()).into_iter().collect(),
            Self::All => elements(value).unwrap_or_else(|| {
                members(value).map(|all| all.into_iter().map(|(_, value)| value).collect()).unwrap_or_default()
            }),
        };
        values.iter().flat_map(of_one).collect()
    }
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

fn member<'a>(value: &'a RawValue, key: &str) -> Option<&'a RawValue> {
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

/// Names under which APIs hold their items.
const ITEM_KEYS: [&str; 10] =
    ["data", "items", "results", "entries", "records", "rows", "entities", "payload", "content", "objects"];
/// How deep items are looked for.
const ITEM_DEPTH: usize = 3;

/// Where the items of a response are: the response itself if it is a list; else a list down to the third level, first
/// one of a usual name, then the one that is nearest to the top; else the response is the only item.
pub(crate) fn find_items(response: &RawValue) -> JsonPath {
    let mut lists: Vec<Vec<String>> = Vec::new();
    let mut level: Vec<(Vec<String>, &RawValue)> = vec![(Vec::new(), response)];
    if is_list(response) {
        return JsonPath(Vec::new());
    }
    for _ in 0..ITEM_DEPTH {
        let mut next = Vec::new();
        for (path, value) in level {
            for (key, value) in members(value).unwrap_or_default() {
                let path: Vec<String> = path.iter().cloned().chain([key]).collect();
                if is_list(value) {
                    lists.push(path);
                } else if is_object(value) {
                    next.push((path, value));
                }
            }
        }
        level = next;
    }
    let is_usual = |path: &&Vec<String>| {
        path.last().is_some_and(|key| {
            let key = key.to_lowercase();
            ITEM_KEYS.contains(&key.as_str()) || key == "values"
        })
    };
    lists.iter().find(is_usual).or(lists.first()).map(|path| JsonPath::of_keys(path)).unwrap_or(JsonPath(Vec::new()))
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
        let value = raw(r#"{"a":{"b":[{"c":1.10},{"c":1e400}]},"x.y":true,"n":null,"a":{"b":[{"c":2.50}]}}"#);
        let cases: [(&str, &[&str]); 8] = [
            ("a.b[0].c", &["2.50"]),
            ("$.a.b[*].c", &["2.50"]),
            ("$['x.y']", &["true"]),
            ("a.b.*.c", &["2.50"]),
            ("a.b[7]", &[]),
            ("a.z.c", &[]),
            ("x.y", &[]),
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
        for (path, text) in
            [("a", "{}"), ("a", "[]"), ("a", "1"), ("a.b", r#"{"a":{}}"#), ("a[*].b", r#"{"a":[{},null]}"#)]
        {
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

    #[test]
    fn items_are_found() {
        let cases = [
            ("[1]", "$"),
            (r#"{"a":1}"#, "$"),
            (r#"{"links":[1],"data":[2]}"#, "data"),
            (r#"{"links":[1],"page":{"deep":{"Results":[2]}}}"#, "page.deep.Results"),
            (r#"{"page":{"tags":[2]},"things":[1]}"#, "things"),
            (r#"{"a":{"b":{"c":{"data":[1]}}}}"#, "$"),
        ];
        for (text, path) in cases {
            assert_eq!(find_items(&raw(text)), JsonPath::parse(path).unwrap(), "{text}");
        }
    }
}
