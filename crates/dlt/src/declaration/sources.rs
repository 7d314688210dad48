//! The sources by name, and what a pipeline file may say to each.

use std::path::{Path, PathBuf};

use dlt_engine::source::{ExtractContext, TableHints};
use dlt_engine::{Error, Result, Source as _};
use dlt_sources::{Format, RestConfig};

use super::csv::TextDeclaration;
use super::deserialize::deserialize;
use super::hints::{lacks_key, read_hints};
use super::section::{Section, unknown_word};
use super::spanned::{Node, Value};
use super::{Word, relocated, spanned};
use crate::destinations::Connector;
use crate::source::AnySource;

/// The sources that there are.
pub const SOURCES: &[Connector] = &known(dlt_sources::SOURCES);

const fn known<const N: usize>(list: [(&'static str, &'static str); N]) -> [Connector; N] {
    let mut all = [Connector::new("", ""); N];
    let mut index = 0;
    while index < N {
        all[index] = Connector::new(list[index].0, list[index].1);
        index += 1;
    }
    all
}

/// What `[source]` says.
#[derive(Debug)]
pub(crate) enum SourceDeclaration {
    Files(Box<FilesDeclaration>),
    Rest { kind: &'static str, name: String, config: Box<RestConfig> },
}

/// What `[source]` says of files.
#[derive(Debug)]
pub(crate) struct FilesDeclaration {
    paths: Vec<PathBuf>,
    table: Option<String>,
    format: Option<Format>,
    text: TextDeclaration,
    hints: TableHints,
}

impl SourceDeclaration {
    pub(crate) fn read(kind: &Word, section: Section, folder: &Path) -> Result<Self> {
        match kind.value.as_str() {
            "filesystem" => read_files(section, folder),
            other => match SOURCES.iter().find(|known| known.name == other) {
                Some(known) => read_rest(known.name, section),
                None => {
                    let names: Vec<_> = SOURCES.iter().map(|known| known.name).collect();
                    Err(unknown_word(&kind.origin, "source", other, &names))
                }
            },
        }
    }

    pub(crate) fn open(&self) -> Result<AnySource> {
        match self {
            Self::Files(declared) => Ok(AnySource::new(declared.open())),
            Self::Rest { name, config, .. } => {
                Ok(AnySource::new(dlt_sources::rest(RestConfig::clone(config)).named(name)))
            }
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Files(_) => "filesystem",
            Self::Rest { kind, .. } => kind,
        }
    }
}

impl FilesDeclaration {
    fn open(&self) -> dlt_sources::Files {
        let mut files = crate::files(&self.paths).with_hints(self.hints.clone()).csv(self.text.csv.clone());
        if let Some(table) = &self.table {
            files = files.table(table);
        }
        if let Some(format) = self.format {
            files = files.format(format);
        }
        if let Some(encoding) = self.text.encoding {
            files = files.encoding(encoding);
        }
        files
    }
}

fn read_files(mut section: Section, folder: &Path) -> Result<SourceDeclaration> {
    let paths = section.texts("paths")?;
    if paths.is_empty() {
        return Err(section.missing("paths", "paths = [\"data/*.jsonl\"]"));
    }
    let paths = paths.iter().map(|path: &Word| spanned::relative_to(folder, &path.value)).collect();
    let formats: Vec<_> = Format::ALL.iter().map(|format| (format.name(), *format)).collect();
    let format = section.one_of("format", &formats)?;
    let table = section.text("table")?.map(|found| found.value);
    let text = TextDeclaration::read(&mut section)?;
    let hints = read_hints(&mut section)?;
    section.finish()?;
    Ok(SourceDeclaration::Files(Box::new(FilesDeclaration { paths, table, format, text, hints })))
}

/// A REST API, declared in the file or ready-made. A file that declares resources stands by itself; one that does not
/// takes the ready-made declaration, with what it says put over that.
fn read_rest(kind: &'static str, mut section: Section) -> Result<SourceDeclaration> {
    let name = section.text("name")?.map_or_else(|| kind.to_owned(), |found| found.value);
    let mut node = section.into_node();
    if let (Some(ready_made), Value::Table(table)) = (dlt_sources::ready_made(kind), &mut node.value)
        && table.get("resources").is_none()
    {
        let shown = PathBuf::from(format!("(ready-made {kind})"));
        table.fill_from(spanned::parse(ready_made.config_toml, &shown)?);
    }
    let config = Box::new(deserialize::<RestConfig>(&node, "source")?);
    check_rest(&config, &node)?;
    Ok(SourceDeclaration::Rest { kind, name, config })
}

/// What only shows when the resources are put together. No request is made for that.
fn check_rest(config: &RestConfig, node: &Node) -> Result<()> {
    let located = |error: &Error| relocated(error, &place_of(&error.to_string(), node).origin);
    let resources = dlt_sources::rest(config.clone()).resources(&ExtractContext::default());
    for resource in resources.map_err(|error| located(&error))? {
        let hints = &resource.hints;
        if lacks_key(hints) {
            let message = format!("resource `{}` is to be merged and has no primary key", resource.name);
            let error = Error::new(dlt_engine::ErrorKind::Config, message);
            return Err(located(&error.hint("add, for example: primary_key = \"id\" (what identifies a row)")));
        }
    }
    Ok(())
}

/// Where that stands which a complaint about resources is about: the resource whose name it quotes first, or the base URL.
fn place_of<'a>(complaint: &str, source: &'a Node) -> &'a Node {
    let child = |node: &'a Node, key: &str| match &node.value {
        Value::Table(table) => table.get(key),
        _ => None,
    };
    if complaint.contains("base_url") {
        return child(source, "client").and_then(|client| child(client, "base_url")).unwrap_or(source);
    }
    let nameless = complaint.contains("has no `name`");
    let quoted = if nameless { None } else { complaint.split('`').nth(1) };
    let Some(Value::List(resources)) = child(source, "resources").map(|node| &node.value) else { return source };
    // Of two with one name it is the second that is one too many.
    let found = resources.iter().rfind(|resource| {
        let name = match &resource.value {
            Value::Text(name) => Some(name.as_str()),
            _ => match child(resource, "name").map(|node| &node.value) {
                Some(Value::Text(name)) => Some(name.as_str()),
                _ => None,
            },
        };
        name.filter(|name| !name.is_empty()) == quoted
    });
    found.unwrap_or(source)
}
