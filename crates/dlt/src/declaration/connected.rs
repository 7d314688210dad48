//! `[source]` and `[destination]`: which connector is meant, and what it is told.

use std::fmt;
use std::path::Path;

use dlt_engine::Result;
use dlt_engine::connector::Maker;
use dlt_engine::destination::ReplaceStrategy;
use dlt_engine::settings::{Entry, Section, Table, Value, toml, unknown_word};

use crate::connectors::{DESTINATIONS, SOURCES};
use crate::destination::{self, DestinationName};
use crate::providers::{Around, CREDENTIALS, ConfigProviders, fill};
use crate::source::AnySource;

use super::Origin;

/// What `[source]` says, understood.
pub(super) struct DeclaredSource {
    /// The connector's name.
    pub(super) kind: &'static str,
    make: Maker,
}

impl DeclaredSource {
    /// A new source.
    pub(super) fn open(&self) -> AnySource {
        AnySource::boxed((self.make)())
    }
}

impl fmt::Debug for DeclaredSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DeclaredSource").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// `destination = "NAME"`, `destination = "NAME:PLACE"`, or a table with `type` and settings; as it is meant in the folder
/// and for the pipeline.
pub(super) fn read_destination(
    top: &mut Section,
    around: Around<'_>,
    providers: &ConfigProviders,
    looked_up: &mut Vec<(String, Origin)>,
) -> Result<(DestinationName, ReplaceStrategy)> {
    let Some(entry) = top.take("destination") else {
        let example = DESTINATIONS.first().map_or("", |known| known.name);
        return Err(top.missing("destination", &format!("[destination] with type = \"{example}\"")));
    };
    let mut table = match entry.node.value {
        Value::Text(text) => from_short(&text, &entry.node.origin)?,
        Value::Table(table) => table,
        _ => return Err(entry.node.origin.error("`destination` must be text or a table")),
    };
    if let Some(refused) = table.text("type").and_then(destination::refused) {
        return Err(table.get("type").map_or(&entry.key_origin, |node| &node.origin).relocated(&refused));
    }
    let known = table.text("type").and_then(|kind| DESTINATIONS.iter().find(|known| known.name == kind));
    if let Some(connector) = known {
        let found = providers.destination(around, connector)?;
        add_looked_up(&mut table, found, "destination", looked_up);
    }
    let names: Vec<_> = DESTINATIONS.iter().map(|known| known.name).collect();
    let (kind, mut table) = take_type(table, "destination", &entry.key_origin, &names)?;
    let connector = DESTINATIONS[kind];
    let replace_strategy = take_replace_strategy(&mut table, &entry.key_origin, around, providers, looked_up)?;
    let pipeline = around.pipeline.unwrap_or_default();
    let destination = DestinationName::declared(connector, entry.key_origin, table, around.project, pipeline)?;
    Ok((destination, replace_strategy))
}

/// How tables are replaced, which is said with the destination and is the engine's to do.
fn take_replace_strategy(
    table: &mut Table,
    origin: &Origin,
    around: Around<'_>,
    providers: &ConfigProviders,
    looked_up: &mut Vec<(String, Origin)>,
) -> Result<ReplaceStrategy> {
    let words = ReplaceStrategy::ALL.map(|strategy| (strategy.name(), strategy));
    let given = Section::new("destination", origin.clone(), table.clone()).one_of("replace_strategy", &words)?;
    table.take("replace_strategy");
    let found = match given {
        None => providers
            .replace_strategy(around)?
            .inspect(|found| looked_up.push(("destination.replace_strategy".to_owned(), found.1.clone())))
            .map(|found| found.0),
        given => given,
    };
    Ok(found.unwrap_or_default())
}

/// The short form as a table. Its values stand where it stands.
fn from_short(text: &str, origin: &Origin) -> Result<Table> {
    let mut table = Table::default();
    if !text.contains(':') {
        table.set_text("type", text, origin.clone());
        return Ok(table);
    }
    let named = DestinationName::parse(text).map_err(|error| origin.relocated(&error))?;
    table.set_text("type", named.kind(), origin.clone());
    for Entry { key, mut node, .. } in named.into_settings().entries {
        node.origin = origin.clone();
        table.set(&[key], node);
    }
    Ok(table)
}

pub(super) fn read_source(
    top: &mut Section,
    around: Around<'_>,
    providers: &ConfigProviders,
    looked_up: &mut Vec<(String, Origin)>,
) -> Result<DeclaredSource> {
    let Some(entry) = top.take("source") else {
        return Err(top.missing("source", "[source] with type = \"filesystem\" and paths = [\"data/*.jsonl\"]"));
    };
    let Value::Table(mut table) = entry.node.value else {
        return Err(entry.node.origin.error(format!("`source` must be a table, and is {}", entry.node.kind())));
    };
    if let Some(kind) = table.text("type") {
        let found = providers.settings(around, "sources", kind)?;
        add_looked_up(&mut table, found, "source", looked_up);
    }
    let names: Vec<_> = SOURCES.iter().map(|known| known.name).collect();
    let (kind, mut table) = take_type(table, "source", &entry.key_origin, &names)?;
    let connector = SOURCES[kind];
    if let Some(ready_made) = connector.ready_made.filter(|ready_made| table.get(ready_made.unless).is_none()) {
        table.fill_from(toml::parse(ready_made.config_toml, Path::new(&format!("(ready-made {})", connector.name)))?);
    }
    let section = Section::new("source", entry.key_origin, table);
    Ok(DeclaredSource { kind: connector.name, make: (connector.read)(connector.name, section, around.project)? })
}

/// Takes `type` out of a table; returns which of the names it is, and what the table holds beside it.
fn take_type(mut table: Table, section: &str, origin: &Origin, names: &[&str]) -> Result<(usize, Table)> {
    let mut whole = Section::new(section, origin.clone(), table.clone());
    let example = format!("type = \"{}\"", names.first().copied().unwrap_or_default());
    let kind = whole.required_text("type", &example)?;
    let unknown = || unknown_word(&kind.origin, section, &kind.value, names);
    let index = names.iter().position(|name| *name == kind.value).ok_or_else(unknown)?;
    table.take("type");
    Ok((index, table))
}

/// Adds what the file leaves open, and notes it.
fn add_looked_up(table: &mut Table, found: Table, name: &str, looked_up: &mut Vec<(String, Origin)>) {
    note_looked_up(Some(table), &found, name, looked_up);
    fill(table, found);
}

/// Notes the keys of `found` that `table` lacks, down to those in tables that both have.
fn note_looked_up(table: Option<&Table>, found: &Table, name: &str, looked_up: &mut Vec<(String, Origin)>) {
    for entry in &found.entries {
        let name = format!("{name}.{}", entry.key);
        match (table.and_then(|table| table.get(&entry.key)).map(|node| &node.value), &entry.node.value) {
            (Some(Value::Table(own)), Value::Table(found)) => note_looked_up(Some(own), found, &name, looked_up),
            (None, Value::Table(found)) => note_looked_up(None, found, &name, looked_up),
            (Some(Value::Text(_)), Value::Table(found)) if entry.key == CREDENTIALS => {
                note_looked_up(None, found, &name, looked_up);
            }
            (None, _) => looked_up.push((name, entry.node.origin.clone())),
            (Some(_), _) => {}
        }
    }
}
