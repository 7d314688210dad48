//! The registry: what each connector says of its settings is true, and is what the reference pages tell.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;

use dlt::connector::Key;
use dlt_engine::settings::{Node, Origin, Section, Table, Value};

/// A key that is near to no other.
const UNKNOWN: &str = "zzzzzzzzzzzz";

fn section(name: &str, entries: &[(&str, Value)]) -> Section {
    let mut table = Table::default();
    for (key, value) in entries {
        table.set(&[(*key).to_owned()], Node { origin: Origin::Program, value: value.clone() });
    }
    Section::new(name, Origin::Program, table)
}

/// `complain` reads a section and returns the error with its hint. The keys are known, and no others.
fn check_keys(of: &str, keys: &[Key], complain: impl Fn(&[(&str, Value)]) -> Option<(String, String)>) {
    let documented: Vec<_> = keys.iter().flat_map(Key::names).collect();
    for key in &documented {
        // Of no key that there is are true and false among several.
        let (said, _) = complain(&[(key, Value::List(vec![])), (UNKNOWN, Value::Flag(true))]).unwrap();
        assert!(!said.contains(&format!("`{key}`")) || !said.contains("unknown key"), "{of}: {said}");
    }
    let (said, hint) = complain(&[(UNKNOWN, Value::Flag(true))]).unwrap();
    assert!(said.contains(UNKNOWN), "{of}: {said}");
    for known in hint.split('`').skip(1).step_by(2) {
        assert!(documented.contains(&known), "{of}: `{known}` is read and not documented");
    }
}

#[test]
fn destinations_know_the_keys_that_they_document() {
    for connector in dlt::DESTINATIONS {
        check_keys(connector.name, connector.keys, |entries| {
            let error = (connector.open)(section("destination", entries)).err()?;
            Some((error.to_string(), error.advice().unwrap_or_default().to_owned()))
        });
    }
}

#[test]
fn sources_know_the_keys_that_they_document() {
    for connector in dlt::SOURCES {
        let needed = connector.keys.iter().filter(|key| key.default == "needed").map(|key| key.name);
        let needed: Vec<_> = needed.map(|key| (key, Value::Text("x".to_owned()))).collect();
        check_keys(connector.name, connector.keys, |entries| {
            let mut all = entries.to_vec();
            all.extend(needed.iter().filter(|(key, _)| !entries.iter().any(|(given, _)| given == key)).cloned());
            let error = (connector.read)(connector.name, section("source", &all), Path::new("")).err()?;
            Some((error.to_string(), error.advice().unwrap_or_default().to_owned()))
        });
    }
}

#[test]
fn a_destination_is_called_by_its_name() {
    for connector in dlt::DESTINATIONS {
        let destination = dlt::DestinationName::of(connector).open("shop").unwrap();
        assert_eq!(destination.type_name(), connector.name);
        assert!(connector.form.starts_with(connector.name));
        // What a working folder remembers leads back.
        let again = dlt::DestinationName::parse(&destination.location()).unwrap().open("other").unwrap();
        assert_eq!(again.location(), destination.location());
    }
}

fn table(rows: &[(&str, &str, &str)], keys: &[Key]) -> String {
    let mut out = String::from("| key | meaning | default |\n|---|---|---|\n");
    for (name, meaning, default) in rows {
        writeln!(out, "| {name} | {meaning} | {default} |").unwrap();
    }
    for key in keys {
        let names: Vec<_> = key.names().map(|name| format!("`{name}`")).collect();
        let secret = if key.is_secret { "; a secret" } else { "" };
        writeln!(out, "| {} | {}{secret} | {} |", names.join(", "), key.meaning, key.default).unwrap();
    }
    out
}

/// The page with what stands between the marks of `what` made anew.
fn with(page: &str, what: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {what} -->\n"), "<!-- end -->\n");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("the page has no mark `{what}`"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("`{what}` has no end"));
    format!("{before}{begin}{text}{end}{after}")
}

/// Set `UPDATE_REFERENCE=1` to write the tables anew after a change of a connector.
#[test]
fn the_reference_pages_tell_what_the_connectors_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let check = |page: &str, parts: &[(String, String)]| {
        let path = folder.join(page);
        let written = std::fs::read_to_string(&path).unwrap();
        let right = parts.iter().fold(written.clone(), |page, (what, text)| with(&page, what, text));
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(&path, &right).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written == right, "{page} is stale: run this test with UPDATE_REFERENCE=1 to write it anew");
    };
    let mut parts = Vec::new();
    for connector in dlt::DESTINATIONS {
        let kind = format!("`{}`", connector.name);
        let replaced =
            "`truncate-and-insert` or `insert-from-staging` ([more](write-dispositions.md#how-a-table-is-replaced))";
        let rows = [("`type`", &*kind, "needed"), ("`replace_strategy`", replaced, "`truncate-and-insert`")];
        // A source may have the same name.
        let is_shared = dlt::SOURCES.iter().any(|source| source.name == connector.name);
        let name = format!("{}{}", if is_shared { "destination " } else { "" }, connector.name);
        let keys = (format!("settings of {name}"), table(&rows, connector.keys));
        check(&format!("destination-{}.md", connector.name), std::slice::from_ref(&keys));
        parts.push(keys);
    }
    for connector in dlt::SOURCES.iter().filter(|known| known.ready_made.is_none()) {
        parts.push((format!("settings of {}", connector.name), table(&[], connector.keys)));
    }
    parts.push(("settings of dbt".to_owned(), table(&[], dlt::dbt::KEYS)));
    check("pipeline-file.md", &parts);
    let mut ready_made = String::from("| name | loads |\n|---|---|\n");
    for connector in dlt::SOURCES.iter().filter(|known| known.ready_made.is_some()) {
        writeln!(ready_made, "| `{}` | {} |", connector.name, connector.about).unwrap();
    }
    check("sources.md", &[("ready-made sources".to_owned(), ready_made)]);
}
