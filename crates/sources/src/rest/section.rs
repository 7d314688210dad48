//! REST APIs in the registry of sources, and what a section of a pipeline file says of one.

use super::keys::{KEYS, NESTED};
use super::{RestConfig, foreign, rest};
use dlt_engine::connector::{Maker, SourceConnector};
use dlt_engine::settings::{Node, Section, Value, deserialize, lacks_key};
use dlt_engine::source::ExtractContext;
use dlt_engine::{Error, ErrorKind, Result, Source as _};
use std::path::Path;

/// REST APIs by name: how a pipeline file declares one.
pub(crate) static CONNECTOR: SourceConnector = SourceConnector {
    name: "rest_api",
    about: "any REST API, declared: base URL, resources, pages, parents and children",
    keys: KEYS,
    nested: NESTED,
    ready_made: None,
    template: include_str!("template.toml"),
    secrets: "\
# [sources.rest_api.client.auth]
# type = \"bearer\"
# token = \"…\"
",
    read,
};

/// Reads the section of a REST API, one that is declared in the file or ready-made.
pub(crate) fn read(kind: &'static str, mut section: Section, _: &Path) -> Result<Maker> {
    let name = section.text("name")?.map_or_else(|| kind.to_owned(), |found| found.value);
    let node = section.into_node();
    foreign::refuse(&node)?;
    let config = deserialize::<RestConfig>(&node, "source")?;
    check_rest(&config, &node)?;
    Ok(Box::new(move || Box::new(rest(config.clone()).named(&name))))
}

/// What only shows when the resources are put together. No request is made for that.
fn check_rest(config: &RestConfig, node: &Node) -> Result<()> {
    let located = |error: &Error| place_of(&error.to_string(), node).origin.relocated(error);
    let resources = rest(config.clone()).resources(&ExtractContext::default());
    for resource in resources.map_err(|error| located(&error))? {
        let hints = &resource.hints;
        if lacks_key(hints) {
            let message = format!("resource `{}` is to be merged and has no primary key", resource.name);
            let error = Error::new(ErrorKind::Config, message);
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
