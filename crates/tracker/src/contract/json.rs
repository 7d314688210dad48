//! A contract as JSON, as the Worker of the edge reads it: what decides about events, and nothing of what it means.

use serde_json::{Map, Value, json};

use super::{Contract, Fields, Shape};

/// Events and their fields; types have the words of a contract's file.
pub(crate) fn to_json(contract: &Contract) -> Value {
    let events = contract.events.iter().map(|(name, event)| (name.clone(), json!({"fields": fields(&event.fields)})));
    json!({"events": events.collect::<Map<_, _>>()})
}

fn fields(found: &Fields) -> Value {
    let field = |(name, field): (&String, &super::Field)| {
        let mut members = shape(&field.shape);
        members.insert("optional".to_owned(), field.is_optional.into());
        if let Some(known) = &field.hashed {
            members.insert("hashed".to_owned(), known.clone().into());
        }
        (name.clone(), Value::Object(members))
    };
    Value::Object(found.iter().map(field).collect())
}

fn shape(found: &Shape) -> Map<String, Value> {
    let mut members = Map::from_iter([("type".to_owned(), found.word().into())]);
    match found {
        Shape::List(item) => drop(members.insert("items".to_owned(), Value::Object(shape(item)))),
        Shape::Object(found) => drop(members.insert("fields".to_owned(), fields(found))),
        _ => {}
    }
    members
}
