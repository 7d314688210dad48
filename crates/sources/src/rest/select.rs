//! Where the items of a response are, when the declaration does not say.

use super::json::{JsonPath, elements, is_list, is_null, is_object, members, scalar_text};
use super::words::{normal, written};
use serde_json::value::RawValue;

/// Names under which APIs hold their items.
const USUAL: [&str; 22] = [
    "data",
    "items",
    "results",
    "entries",
    "records",
    "rows",
    "entities",
    "payload",
    "content",
    "objects",
    "values",
    "value",
    "hits",
    "docs",
    "documents",
    "nodes",
    "edges",
    "elements",
    "entry",
    "list",
    "collection",
    "features",
];
/// Those that nothing else is called by.
const PLAIN: &[&str] = USUAL.split_at(10).0;
/// Names of what stands beside items and is never taken for them.
const SIDE: [&str; 30] = [
    "error",
    "errors",
    "warning",
    "warnings",
    "message",
    "messages",
    "notice",
    "notices",
    "link",
    "links",
    "meta",
    "metadata",
    "included",
    "includes",
    "expansions",
    "facets",
    "aggregations",
    "aggs",
    "suggestions",
    "filters",
    "pagination",
    "paging",
    "pageinfo",
    "debug",
    "columns",
    "fields",
    "schema",
    "sort",
    "sorts",
    "shards",
];
/// Keys that an item has and an envelope of items has not.
const IDENTITY: [&str; 9] = ["id", "uuid", "guid", "login", "username", "slug", "name", "title", "email"];
/// How deep items are looked for.
const DEPTH: usize = 3;

/// Where the items are taken from.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) path: JsonPath,
    /// As a person would write it.
    pub(crate) text: String,
    /// What else could have been meant: a message and the other paths.
    pub(crate) doubt: Option<(String, Vec<String>)>,
}

/// What makes a list the better guess, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Named,
    Usual,
    NamedEmpty,
    UsualEmpty,
    Objects,
    Scalars,
    Empty,
}

struct List {
    keys: Vec<String>,
    rank: Rank,
    /// Whether an object that holds it looks like an item itself.
    is_in_item: bool,
}

/// Where the items of a response are: the response itself if it is a list; else a list down to the third level. One named
/// as the resource comes before one of a usual name, a list with items before an empty one, and what stands beside items
/// (errors, links) is none. If only lists of other names are there, and what holds them looks like an item (it has an
/// `id`), the response is the only item. `names` are those of the resource.
pub(crate) fn find_items(response: &RawValue, names: &[&str]) -> Choice {
    if is_list(response) {
        return whole(None);
    }
    let names: Vec<String> = names.iter().map(|name| normal(name)).filter(|name| !name.is_empty()).collect();
    let mut lists = lists(response, &names);
    lists.sort_by_key(|list| (list.rank, list.keys.len()));
    let Some(best) = lists.first() else { return whole(None) };
    let path_of = |list: &List| written(&list.keys);
    let is_unusual = best.rank >= Rank::Objects;
    if is_unusual && best.is_in_item {
        let lists: Vec<String> = lists.iter().map(path_of).collect();
        return whole(Some(("was taken as one item".to_owned(), lists)));
    }
    let text = path_of(best);
    let has_items = |list: &&List| matches!(list.rank, Rank::Objects | Rank::Scalars);
    let others: Vec<String> = match best.rank {
        Rank::Named | Rank::Usual if !best.is_in_item => Vec::new(),
        Rank::Named => Vec::new(),
        Rank::Usual => vec!["$".to_owned()],
        _ => lists[1..].iter().filter(has_items).map(path_of).collect(),
    };
    let doubt = (!others.is_empty()).then(|| (format!("was taken to hold its items at `{text}`"), others));
    Choice { path: JsonPath::of_keys(&best.keys), text, doubt }
}

fn whole(doubt: Option<(String, Vec<String>)>) -> Choice {
    Choice { path: JsonPath::of_keys(&[]), text: "$".to_owned(), doubt }
}

fn lists(response: &RawValue, names: &[String]) -> Vec<List> {
    let mut lists = Vec::new();
    let mut level = vec![(Vec::new(), response, false)];
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for (path, value, is_in_item) in level {
            let members = members(value).unwrap_or_default();
            let is_in_item = is_in_item || members.iter().any(|(key, value)| is_identity(key, value));
            for (key, value) in members {
                let word = normal(&key);
                let is_named = names.contains(&word);
                if SIDE.contains(&word.as_str()) && !is_named {
                    continue;
                }
                let is_embedded = path.last().is_some_and(|parent| parent == "_embedded");
                let keys: Vec<String> = path.iter().cloned().chain([key]).collect();
                if is_list(value) {
                    // A product has features, too: in an item only objects, or the plainest names, are taken for items.
                    let is_plain = !is_in_item || PLAIN.contains(&word.as_str());
                    let has_objects = || elements(value).unwrap_or_default().iter().any(|item| is_object(item));
                    let is_usual = is_embedded || USUAL.contains(&word.as_str()) && (is_plain || has_objects());
                    lists.push(List { keys, rank: rank(value, is_named, is_usual), is_in_item });
                } else if is_object(value) {
                    next.push((keys, value, is_in_item));
                }
            }
        }
        level = next;
    }
    lists
}

fn rank(list: &RawValue, is_named: bool, is_usual: bool) -> Rank {
    let items = elements(list).unwrap_or_default();
    match (is_named, is_usual, items.is_empty()) {
        (true, _, false) => Rank::Named,
        (true, _, true) => Rank::NamedEmpty,
        (_, true, false) => Rank::Usual,
        (_, true, true) => Rank::UsualEmpty,
        _ if items.iter().any(|item| is_object(item)) => Rank::Objects,
        (_, _, false) => Rank::Scalars,
        (_, _, true) => Rank::Empty,
    }
}

fn is_identity(key: &str, value: &RawValue) -> bool {
    IDENTITY.contains(&normal(key).as_str()) && scalar_text(value).is_some()
}

/// The key by which a response that holds no items says that the request failed, although its status says success.
pub(crate) fn failure(response: &RawValue) -> Option<String> {
    let members = members(response)?;
    if members.iter().any(|(key, value)| is_identity(key, value)) {
        return None;
    }
    let says_no = |(key, value): &&(String, &RawValue)| match normal(key).as_str() {
        "ok" | "success" => value.get() == "false",
        "error" | "errors" => !is_null(value) && !matches!(value.get(), "false" | "0" | "\"\"" | "[]" | "{}"),
        _ => false,
    };
    members.iter().find(says_no).map(|(key, _)| key.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn path_of(text: &str) -> String {
        find_items(&raw(text), &["things", "orders"]).text
    }

    #[test]
    fn items_are_found() {
        let cases = [
            ("[1]", "$"),
            (r#"{"a":1}"#, "$"),
            (r#"{"links":[1],"data":[2]}"#, "data"),
            (r#"{"links":[1],"page":{"deep":{"Results":[2]}}}"#, "page.deep.Results"),
            (r#"{"page":{"tags":[2]},"news":[1]}"#, "news"),
            (r#"{"a":{"b":{"c":{"data":[1]}}}}"#, "$"),
            (r#"{"errors":[],"users":[{"id":1}]}"#, "users"),
            (r#"{"errors":[{"m":1}],"users":[]}"#, "users"),
            (r#"{"tags":[],"users":[{"id":1}]}"#, "users"),
            (r#"{"tags":["a"],"users":[{"id":1}]}"#, "users"),
            (r#"{"data":[],"orders":[{"id":1}]}"#, "orders"),
            (r#"{"data":[{"id":1}],"orders":[]}"#, "data"),
            (r#"{"meta":{"values":[1]},"people":[{"id":1}]}"#, "people"),
            (r#"{"_embedded":{"people":[{"id":1}]},"tags":[{}]}"#, "_embedded.people"),
            (r#"{"hits":{"total":{"value":2},"hits":[{"_id":1}]}}"#, "hits.hits"),
            (r#"{"response":{"numFound":2,"docs":[{"id":1}]}}"#, "response.docs"),
            (r#"{"data":{"users":{"nodes":[{"id":1}],"pageInfo":{}}}}"#, "data.users.nodes"),
            (r#"{"resourceType":"Bundle","link":[{"relation":"next"}],"entry":[{"id":1}]}"#, "entry"),
            (r#"{"ok":true,"members":[{"id":1}]}"#, "members"),
            (r#"{"archives":["a"]}"#, "archives"),
        ];
        for (text, path) in cases {
            assert_eq!(path_of(text), path, "{text}");
        }
    }

    #[test]
    fn an_item_with_lists_is_one_item() {
        for text in [
            r#"{"id":1,"tags":["a"]}"#,
            r#"{"name":"x","emails":[{"at":"y"}]}"#,
            r#"{"id":1,"profile":{"tags":[]}}"#,
            r#"{"data":{"id":"1","attributes":{"tags":["a"]}}}"#,
        ] {
            let choice = find_items(&raw(text), &["things"]);
            assert_eq!(choice.text, "$", "{text}");
            assert!(choice.doubt.is_some(), "{text}");
        }
        assert_eq!(path_of(r#"{"id":1,"orders":[{}]}"#), "orders");
    }

    #[test]
    fn a_guess_that_could_be_another_is_said() {
        let doubt = |text: &str| find_items(&raw(text), &["things"]).doubt.map(|(_, others)| others);
        assert_eq!(doubt(r#"{"a":[{"x":1}],"b":[{"x":1}]}"#), Some(vec!["b".to_owned()]));
        assert_eq!(doubt(r#"{"data":[],"b":[{"x":1}]}"#), Some(vec!["b".to_owned()]));
        assert_eq!(doubt(r#"{"id":1,"items":[{"x":1}]}"#), Some(vec!["$".to_owned()]));
        assert_eq!(doubt(r#"{"data":[1],"b":[{"x":1}]}"#), None);
    }

    #[test]
    fn failures_with_a_status_of_success_are_seen() {
        let key = |text: &str| failure(&raw(text));
        assert_eq!(key(r#"{"ok":false,"error":"invalid_auth"}"#).as_deref(), Some("ok"));
        assert_eq!(key(r#"{"errors":[{"message":"x"}],"data":null}"#).as_deref(), Some("errors"));
        for text in [r#"{"errors":[]}"#, r#"{"error":false,"x":1}"#, r#"{"id":1,"error":"x"}"#, r#"{"ok":true}"#] {
            assert_eq!(key(text), None, "{text}");
        }
    }
}
