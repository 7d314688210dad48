//! Lists of objects that a contract names. The engine makes tables of them: `events__products`, a row for each item.
//!
//! They stand in the row of the event beside its columns, with values as their types say: what the first value of a column
//! happens to be must not decide what the others can be.

use std::borrow::Cow;

use dlt_engine::naming::Naming;
use serde::Deserialize;
use serde_json::Number;

use super::columns::is_column;
use crate::contract::{Contract, Event, Fields, Shape};
use crate::tree::{Members, Tree};

/// What begins so is the engine's.
const ENGINES: &str = "_dlt";
/// Longer than names of contracts are.
const MAX_NAME: usize = 1000;

/// The lists of objects among properties that are kept, also those within objects. A list with the name of a column stays with the other
/// properties alone.
pub(super) fn of<'a>(properties: &Members<'a>, declared: Option<&Event>) -> Members<'a> {
    let Some(declared) = declared else { return Members::default() };
    within(&declared.fields, properties, &|name| !is_column(name))
}

fn within<'a>(fields: &Fields, members: &Members<'a>, may_be: &dyn Fn(&str) -> bool) -> Members<'a> {
    let list = |(name, value): &(Cow<'a, str>, Tree<'a>)| {
        let field = fields.get(&**name).filter(|_| value.is_nested() && may_be(name) && !is_engines(name))?;
        let list = match (&field.shape, value) {
            (Shape::List(item), Tree::List(_)) if is_table(item) => typed(&field.shape, value),
            (Shape::Object(fields), Tree::Object(members)) => Tree::Object(within(fields, members, &|_| true)),
            _ => return None,
        };
        let is_empty = match &list {
            Tree::Object(members) => members.iter().next().is_none(),
            Tree::List(items) => items.is_empty(),
            _ => true,
        };
        (!is_empty).then(|| (name.clone(), list))
    };
    members.iter().filter_map(list).collect()
}

/// Adds to a row, which was made elsewhere without them, the lists of objects that its contract names.
pub(crate) fn add(row: &[u8], contract: &Contract) -> Vec<u8> {
    #[derive(Deserialize)]
    struct Row {
        event: String,
        #[serde(default)]
        properties: Option<String>,
    }
    let lists = || {
        let Row { event, properties } = serde_json::from_slice(row).ok()?;
        let properties = properties?;
        let found: Members<'_> = serde_json::from_str(&properties).ok()?;
        let lists = of(&found, contract.event(&event));
        lists.iter().next()?;
        serde_json::to_vec(&lists).ok()
    };
    match (row.strip_suffix(b"}"), lists()) {
        (Some(members), Some(lists)) => [members, b",", &lists[1..]].concat(),
        _ => row.to_vec(),
    }
}

/// Whether the items of a list are rows of a table: objects without a name that is the engine's.
fn is_table(item: &Shape) -> bool {
    match item {
        Shape::Object(fields) => are_free(fields),
        _ => false,
    }
}

fn are_free(fields: &Fields) -> bool {
    fields.iter().all(|(name, field)| {
        let mut shape = &field.shape;
        while let Shape::List(item) = shape {
            shape = item;
        }
        !is_engines(name) && if let Shape::Object(fields) = shape { are_free(fields) } else { true }
    })
}

fn is_engines(name: &str) -> bool {
    // Most names need no closer look.
    name.contains(['d', 'D']) && Naming::new(MAX_NAME).normalize_key(name).starts_with(ENGINES)
}

/// A value as its type says.
fn typed<'a>(shape: &Shape, value: &Tree<'a>) -> Tree<'a> {
    match (shape, value) {
        (Shape::List(item), Tree::List(items)) => {
            Tree::List(items.iter().filter(|value| !value.is_null()).map(|value| typed(item, value)).collect())
        }
        (Shape::Object(fields), Tree::Object(members)) => {
            let member = |(name, value): &(Cow<'a, str>, Tree<'a>)| {
                Some((name.clone(), typed(&fields.get(&**name)?.shape, value)))
            };
            Tree::Object(members.iter().filter_map(member).collect())
        }
        (Shape::Number, Tree::Number(number)) => {
            Tree::Number(number.as_f64().and_then(Number::from_f64).unwrap_or_else(|| number.clone()))
        }
        // A whole number can be written with a point.
        (Shape::Integer, Tree::Number(number)) if number.is_f64() => match number.as_f64() {
            Some(whole) if whole.abs() < 9e15 => Tree::Number((whole as i64).into()),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    const CONTRACT: &str = r#"
        [events.e.fields]
        tags = { type = "array", items = "string", privacy = "public" }
        cpu = { type = "array", items = { type = "object", fields = {} }, privacy = "public" }
        taken = { type = "array", items = { type = "object", fields = { _dltId = { type = "string", privacy = "public" } } }, privacy = "public" }
        [events.e.fields.products]
        type = "array"
        privacy = "public"
        [events.e.fields.products.items]
        type = "object"
        [events.e.fields.products.items.fields]
        price = { type = "number", privacy = "measure" }
        count = { type = "integer", privacy = "measure" }
        tags = { type = "array", items = "string", privacy = "public" }
        of = { type = "object", privacy = "public", fields = { n = { type = "number", privacy = "measure" } } }
        [events.e.fields.order]
        type = "object"
        privacy = "public"
        [events.e.fields.order.fields]
        id = { type = "string", privacy = "random" }
        parts = { type = "array", items = { type = "object", fields = { a = { type = "number", privacy = "measure" } } }, privacy = "public" }
    "#;

    #[test]
    fn lists_of_objects_are_taken_with_values_of_their_types() {
        let contract = Contract::parse(CONTRACT, Path::new("c.toml")).unwrap();
        let properties = json!({
            "tags": ["a"], "cpu": [{}], "taken": [{"_dltId": "x"}], "unnamed": [{"a": 1}],
            "products": [{"price": 1, "count": 2.0, "tags": ["x"], "of": {"n": 1}}, null, {}, {"price": null}],
            "order": {"id": "o", "parts": [{"a": 1}]},
        });
        let Tree::Object(members) = Tree::from(&properties) else { panic!("an object") };
        let found: Value = serde_json::to_value(of(&members, contract.event("e"))).unwrap();
        let expected = json!({
            "products": [{"price": 1.0, "count": 2, "tags": ["x"], "of": {"n": 1.0}}, {}, {"price": null}],
            "order": {"parts": [{"a": 1.0}]},
        });
        assert_eq!(found, expected);
        assert!(found["products"][0]["price"].is_f64() && found["products"][0]["count"].is_i64());
        let row = |properties: &str| json!({"event": "e", "properties": properties}).to_string();
        let added: Value = serde_json::from_slice(&add(row(&properties.to_string()).as_bytes(), &contract)).unwrap();
        assert_eq!((&added["products"], &added["order"]), (&expected["products"], &expected["order"]));
        for without in [row("{}"), row("no object"), "{}".to_owned()] {
            assert_eq!(add(without.as_bytes(), &contract), without.as_bytes());
        }
        let none = json!({"products": [null], "order": {"id": "o", "parts": []}});
        let Tree::Object(members) = Tree::from(&none) else { panic!("an object") };
        assert_eq!(serde_json::to_value(of(&members, contract.event("e"))).unwrap(), json!({}));
    }
}
