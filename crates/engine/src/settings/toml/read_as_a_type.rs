//! What is read from TOML into a type that says itself what it takes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use crate::settings::{Node, Origin, Table, Value, deserialize};

use super::parse;

#[derive(Debug, serde::Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Api {
    base_url: String,
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    auth: Option<Auth>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    parts: Vec<BTreeMap<String, f64>>,
    #[serde(default)]
    mode: Mode,
}

#[derive(Debug, serde::Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Auth {
    Bearer { token: String },
}

#[derive(Debug, Default, serde::Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Fast,
    Slow,
}

fn read(text: &str) -> Result<Api, (String, String)> {
    let table = parse(text, Path::new("p.toml")).unwrap();
    let origin = Origin::File { path: Path::new("p.toml").into(), line: 1 };
    deserialize(&Node { origin, value: Value::Table(table) }, "source")
        .map_err(|error| (error.to_string(), error.advice().unwrap_or_default().to_owned()))
}

#[test]
fn what_fits() {
    let text = "base_url = \"u\"\nlimit = 3\nnames = [\"a\"]\nmode = \"slow\"\n[auth]\ntype = \"bearer\"\ntoken = \"t\"\n[[parts]]\nx = 1.5\n";
    let api = read(text).unwrap();
    assert_eq!((api.limit, api.mode, api.names), (Some(3), Mode::Slow, vec!["a".to_owned()]));
    assert_eq!(api.auth, Some(Auth::Bearer { token: "t".to_owned() }));
    assert_eq!(api.parts[0]["x"], 1.5);
}

#[test]
fn what_does_not_fit_says_where() {
    let base = "base_url = \"u\"\n";
    for (text, message, hint) in [
        (format!("{base}limt = 3\n"), "p.toml:2: unknown key in [source]: `limt`", "did you mean `limit`?"),
        (
            format!("{base}\n[auth]\ntype = \"bearer\"\ntokn = \"t\"\n"),
            "p.toml:5: unknown key in [source.auth]: `tokn`",
            "did you mean `token`?",
        ),
        (
            format!("{base}[auth]\ntype = \"baerer\"\n"),
            "p.toml:3: `source.auth.type`: unknown word `baerer`",
            "did you mean `bearer`?",
        ),
        (format!("{base}[auth]\ntype = \"bearer\"\n"), "p.toml:2: `source.auth`: the key `token` is missing", ""),
        (format!("{base}limit = \"three\"\n"), "p.toml:2: `source.limit`: must be u32, and is text", ""),
        (format!("{base}\nmode = \"slwo\"\n"), "p.toml:3: `source.mode`: unknown word `slwo`", "did you mean `slow`?"),
        ("limit = 1\n".to_owned(), "p.toml:1: `source`: the key `base_url` is missing", ""),
    ] {
        let (said, advice) = read(&text).unwrap_err();
        assert_eq!((said.as_str(), advice.as_str()), (message, hint), "{text}");
    }
}

#[test]
fn a_variable_stands_for_any_scalar() {
    let mut table = Table::default();
    for (key, text) in [("base_url", "5"), ("limit", "5"), ("names", "a, b")] {
        let origin = Origin::Variable(key.to_uppercase());
        table.set(&[key.to_owned()], Node { origin, value: Value::Text(text.to_owned()) });
    }
    let origin = Origin::Variable("X".to_owned());
    let api: Api = deserialize(&Node { origin, value: Value::Table(table) }, "source").unwrap();
    assert_eq!((api.base_url.as_str(), api.limit, api.names), ("5", Some(5), vec!["a".to_owned(), "b".to_owned()]));
}
