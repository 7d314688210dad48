//! Words of Python dlt that a declaration cannot have: objects of a program, and hints that no destination here obeys.

use dlt_engine::Result;
use dlt_engine::settings::{Node, Value};

/// A key, why it is not taken, and what to do.
type Word = (&'static str, &'static str, &'static str);

const OF_CLIENT: &[Word] =
    &[("session", "an object of Python", "say what it did by `headers`, `auth` and `max_requests_per_second`")];
const OF_CURSOR: &[Word] =
    &[("convert", "a function of Python", "turn the values into what the API takes by `processing_steps`")];
const OF_RESOURCE: &[Word] = &[
    ("parent", "the name of the parent, which is not taken from it", "refer to its fields: {resources.PARENT.FIELD}"),
    ("references", "not taken here", "leave it out: it changes no row"),
    ("nested_hints", "not taken here", "`columns` and `max_table_nesting` say what becomes of nested data"),
    ("file_format", "not taken here", "name the format where the destination has one: `format` below [destination]"),
];

/// Refuses the words of Python dlt that would be unknown keys like any other.
///
/// # Errors
/// [`dlt_engine::ErrorKind::Config`] with the place.
pub(crate) fn refuse(section: &Node) -> Result<()> {
    for client in below(section, "client") {
        look(client, "client", OF_CLIENT)?;
    }
    for name in ["resources", "resource_defaults"] {
        for resource in below(section, name) {
            look(resource, name, OF_RESOURCE)?;
            for cursor in below(resource, "endpoint").into_iter().flat_map(|endpoint| below(endpoint, "incremental")) {
                look(cursor, &format!("{name}.endpoint.incremental"), OF_CURSOR)?;
            }
        }
    }
    Ok(())
}

fn look(node: &Node, name: &str, words: &[Word]) -> Result<()> {
    let Value::Table(table) = &node.value else { return Ok(()) };
    for entry in &table.entries {
        if let Some((key, why, what_to_do)) = words.iter().find(|(key, ..)| *key == entry.key) {
            let message = format!("`source.{name}.{key}` is {why}");
            return Err(entry.key_origin.error(message).hint(*what_to_do));
        }
    }
    Ok(())
}

/// What stands under a key; of a list, each of its items.
fn below<'a>(node: &'a Node, key: &str) -> Vec<&'a Node> {
    let Value::Table(table) = &node.value else { return Vec::new() };
    match table.get(key) {
        Some(Node { value: Value::List(nodes), .. }) => nodes.iter().collect(),
        Some(node) => vec![node],
        None => Vec::new(),
    }
}
