//! The registry: what each source says of the tables within its section is true, and is what the reference pages tell.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use dlt::connector::{Key, Nested, SourceConnector};
use dlt_engine::Error;
use dlt_engine::settings::{Entry, Node, Origin, Section, Table, Value};

/// A key that is near to no other.
const UNKNOWN: &str = "zzzzzzzzzzzz";
/// The line that it stands in.
const LINE: u64 = 7;

fn at(line: u64) -> Origin {
    Origin::File { path: Path::new("shop_pipeline.toml").into(), line }
}

fn entry(key: &str, line: u64, value: Value) -> Entry {
    Entry { key: key.to_owned(), key_origin: at(line), node: Node { origin: at(line), value } }
}

fn text(key: &str) -> Entry {
    entry(key, 1, Value::Text("x".to_owned()))
}

/// What a source says of a section that has, in a place, a table of these entries and nothing else but what is needed.
fn complaint(connector: &SourceConnector, place: &str, entries: Vec<Entry>) -> Error {
    let mut value = Value::Table(Table { entries });
    let mut outer = place;
    for step in place.rsplit('.') {
        let (key, is_list) = step.strip_suffix("[]").map_or((step, false), |key| (key, true));
        if is_list {
            value = Value::List(vec![Node { origin: at(1), value }]);
        }
        let mut entries = vec![entry(if key == "*" { "any" } else { key }, 1, value)];
        outer = outer.strip_suffix(step).unwrap().trim_end_matches('.');
        let around = connector.nested.iter().filter(|nested| nested.places.contains(&outer));
        entries.extend(
            around.flat_map(|nested| nested.keys).filter(|key| key.default == "needed").map(|key| text(key.name)),
        );
        value = Value::Table(Table { entries });
    }
    let Value::Table(mut table) = value else { panic!("a place is a table") };
    let needed = connector.keys.iter().filter(|key| key.default == "needed" && table.get(key.name).is_none());
    let needed: Vec<_> = needed.map(|key| text(key.name)).collect();
    table.entries.extend(needed);
    let section = Section::new("source", at(1), table);
    (connector.read)(connector.name, section, Path::new("")).err().unwrap_or_else(|| panic!("{place} is right"))
}

/// A table with a key of that name, and what it cannot do without.
fn with_key(nested: &Nested, key: &str) -> Vec<Entry> {
    let mut entries = vec![entry(key, LINE, Value::Flag(true))];
    entries.extend(nested.kind.map(|kind| entry("type", 1, Value::Text(kind.to_owned()))));
    let needed = nested.keys.iter().filter(|key| key.default.starts_with("needed"));
    entries.extend(needed.map(|key| text(key.name)));
    entries
}

fn in_hint(error: &Error) -> BTreeSet<&str> {
    error.advice().unwrap_or_default().split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_key_of_a_nested_table_is_described_and_no_other() {
    for connector in dlt::SOURCES {
        for nested in connector.nested {
            let described: BTreeSet<_> = nested.keys.iter().flat_map(Key::names).collect();
            for place in nested.places {
                let error = complaint(connector, place, with_key(nested, UNKNOWN));
                let told = format!("{} {place} {:?}: {error}", connector.name, nested.kind);
                assert!(error.to_string().contains(UNKNOWN), "{told}");
                assert_eq!(error.location().unwrap().line, Some(LINE), "{told}");
                let mut known = in_hint(&error);
                known.remove("type");
                assert_eq!(known, described, "{told}");
            }
        }
    }
}

#[test]
fn a_slip_in_a_nested_key_is_told_with_its_line_and_the_right_word() {
    for connector in dlt::SOURCES {
        for nested in connector.nested {
            for key in nested.keys.iter().flat_map(Key::names) {
                for place in nested.places {
                    let slip = format!("{key}z");
                    let error = complaint(connector, place, with_key(nested, &slip));
                    let told = format!("{} {place} {slip}: {error}; {:?}", connector.name, error.advice());
                    assert!(error.to_string().contains(&format!("`{slip}`")), "{told}");
                    assert_eq!(error.location().unwrap().line, Some(LINE), "{told}");
                    assert_eq!(error.advice(), Some(&*format!("did you mean `{key}`?")), "{told}");
                }
            }
        }
    }
}

#[test]
fn words_of_python_that_mean_nothing_here_are_refused_with_what_to_do() {
    let rest = dlt::SOURCES.iter().find(|source| source.name == "rest_api").unwrap();
    for (place, word, what_to_do) in [
        ("client", "session", "`headers`, `auth`"),
        ("resources[]", "parent", "{resources.PARENT.FIELD}"),
        ("resources[]", "references", "leave it out"),
        ("resources[]", "nested_hints", "`max_table_nesting`"),
        ("resource_defaults", "file_format", "below [destination]"),
        ("resources[].endpoint.incremental", "convert", "`processing_steps`"),
    ] {
        let error = complaint(rest, place, vec![entry(word, LINE, Value::Flag(true))]);
        let told = format!("{error}; {:?}", error.advice());
        assert!(error.to_string().contains(&format!(".{word}` is ")), "{told}");
        assert_eq!(error.location().unwrap().line, Some(LINE), "{told}");
        assert!(error.advice().unwrap().contains(what_to_do), "{told}");
    }
}

#[test]
fn every_type_of_a_nested_table_is_described_and_no_other() {
    for connector in dlt::SOURCES {
        for nested in connector.nested.iter().filter(|nested| nested.kind.is_some()) {
            let alike = connector.nested.iter().filter(|other| other.name == nested.name);
            let described: BTreeSet<_> = alike.filter_map(|other| other.kind).collect();
            for place in nested.places {
                let error = complaint(connector, place, vec![entry("type", LINE, Value::Text(UNKNOWN.to_owned()))]);
                // The older word for a link has no line of its own.
                let known: BTreeSet<_> = in_hint(&error).into_iter().filter(|word| *word != "json_response").collect();
                assert_eq!(known, described, "{} {place}: {error}", connector.name);
            }
        }
    }
}

/// Where the tables of a source are told that all sources have.
fn page_of(connector: &SourceConnector, nested: &Nested) -> (&'static str, String) {
    match nested.name {
        "incremental" => ("incremental.md", "keys of incremental".to_owned()),
        "columns" => ("contracts.md", "keys of columns".to_owned()),
        "schema_contract" => ("contracts.md", "keys of schema_contract".to_owned()),
        "scd2" => ("write-dispositions.md", "keys of scd2".to_owned()),
        name => ("sources.md", format!("{}: {name}", connector.name)),
    }
}

/// The settings of all tables of a name, as a page has them.
fn written(alike: &[&Nested]) -> String {
    let has_kinds = alike.iter().any(|nested| nested.kind.is_some());
    let mut out = if has_kinds {
        String::from("| `type` | key | meaning | default |\n|---|---|---|---|\n")
    } else {
        String::from("| key | meaning | default |\n|---|---|---|\n")
    };
    for nested in alike {
        let mut kind = nested.kind.map(|kind| format!("| `{kind}` ")).unwrap_or_default();
        if nested.keys.is_empty() {
            writeln!(out, "{kind}| | | |").unwrap();
        }
        for key in nested.keys {
            let names: Vec<_> = key.names().map(|name| format!("`{name}`")).collect();
            let secret = if key.is_secret { "; a secret" } else { "" };
            writeln!(out, "{kind}| {} | {}{secret} | {} |", names.join(", "), key.meaning, key.default).unwrap();
            if has_kinds {
                kind = "| ".to_owned();
            }
        }
    }
    out
}

/// Set `UPDATE_REFERENCE=1` to write the tables anew after a change of a source.
#[test]
fn the_reference_pages_tell_the_keys_of_nested_tables() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for connector in dlt::SOURCES.iter().filter(|known| known.ready_made.is_none()) {
        for nested in connector.nested {
            let alike: Vec<_> = connector.nested.iter().filter(|other| other.name == nested.name).collect();
            let (page, mark) = page_of(connector, nested);
            let path = folder.join(page);
            let stands = std::fs::read_to_string(&path).unwrap();
            let (begin, end) = (format!("<!-- {mark} -->\n"), "<!-- end -->\n");
            let (before, rest) = stands.split_once(&begin).unwrap_or_else(|| panic!("{page} has no mark `{mark}`"));
            let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{page}: `{mark}` has no end"));
            let right = format!("{before}{begin}{}{end}{after}", written(&alike));
            if std::env::var_os("UPDATE_REFERENCE").is_some() {
                std::fs::write(&path, &right).unwrap();
            } else {
                assert!(stands == right, "{page} is stale: run this test with UPDATE_REFERENCE=1 to write it anew");
            }
        }
    }
}
