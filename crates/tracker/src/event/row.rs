//! The row of the table of events.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Number;

use super::parts::{ContextColumns, Parts};
use super::{as_text, lists};
use crate::contract::Event;
use crate::scrub;
use crate::tree::{Members, Tree};

/// A row of the table of events. The journal adds `journal_seq` when it is loaded.
#[derive(Debug, Default, Serialize)]
pub(super) struct EventRow<'a> {
    /// Id and project come first: the loader reads them there.
    message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<String>,
    timestamp: String,
    received_at: String,
    #[serde(flatten)]
    context: ContextColumns,
    #[serde(flatten)]
    known: KnownColumns,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties_dropped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_digest: Option<String>,
    /// Lists of objects: their items are rows of tables of their own.
    #[serde(flatten)]
    lists: Members<'a>,
}

/// Properties that have a column of their own.
#[derive(Debug, Default, Serialize)]
struct KnownColumns {
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline_name_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_name_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_schema_name_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_schema_name_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
}

/// Makes the row of an event. Lists and objects are kept where its contract names them.
pub(super) fn row<'a>(parts: Parts<'a>, declared: Option<&Event>, project: Option<&str>) -> EventRow<'a> {
    let Parts { mut properties, mut dropped, .. } = parts;
    let event_category = take_text(&mut properties, "event_category");
    let event_name = take_text(&mut properties, "event_name").or(parts.name);
    let known = known_columns(&mut properties);
    let properties = rest(properties, declared, &mut dropped);
    let (lists, properties) = (lists::of(&properties, declared), as_text(&properties));
    let body_digest = parts.digest.filter(|_| dropped.is_empty());
    EventRow {
        message_id: parts.message_id,
        project: project.map(str::to_owned),
        event: parts.event,
        event_category,
        event_name,
        anonymous_id: parts.anonymous_id,
        timestamp: parts.timestamp,
        received_at: parts.received_at,
        context: parts.context,
        known,
        properties,
        properties_dropped: (!dropped.is_empty()).then(|| Vec::from_iter(dropped).join(",")),
        body_digest,
        lists,
    }
}

/// Removes a property that is a string. One of another type stays with the other properties.
fn take_text(properties: &mut Members<'_>, name: &str) -> Option<String> {
    properties.get(name)?.as_str()?;
    match properties.take(name)? {
        Tree::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn known_columns(properties: &mut Members<'_>) -> KnownColumns {
    let success = properties.get("success").and_then(Tree::as_bool);
    if success.is_some() {
        properties.take("success");
    }
    let elapsed = properties.get("elapsed").and_then(Tree::as_number).and_then(Number::as_f64);
    if elapsed.is_some() {
        properties.take("elapsed");
    }
    KnownColumns {
        success,
        elapsed,
        destination_name: take_text(properties, "destination_name"),
        destination_type: take_text(properties, "destination_type"),
        destination_fingerprint: take_text(properties, "destination_fingerprint"),
        pipeline_name_hash: take_text(properties, "pipeline_name_hash"),
        dataset_name_hash: take_text(properties, "dataset_name_hash"),
        default_schema_name_hash: take_text(properties, "default_schema_name_hash"),
        requested_schema_name_hash: take_text(properties, "requested_schema_name_hash"),
        transaction_id: take_text(properties, "transaction_id"),
    }
}

/// The other properties: scalars, and what is named of lists and objects.
fn rest<'a>(mut properties: Members<'a>, declared: Option<&Event>, dropped: &mut BTreeSet<String>) -> Members<'a> {
    properties.retain(|name, value| {
        if !value.is_nested() {
            return !value.is_null();
        }
        let is_named = declared.is_some_and(|event| event.names(name, value));
        match is_named {
            true => scrub::clean(value, name, dropped),
            false => drop(dropped.insert(name.to_owned())),
        }
        is_named
    });
    properties
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::event::columns;

    #[test]
    fn properties_that_have_columns_are_those_of_the_list() {
        let text = || Some(String::new());
        // Each is named, so that a new one is not forgotten.
        let all = KnownColumns {
            success: Some(true),
            elapsed: Some(0.5),
            destination_name: text(),
            destination_type: text(),
            destination_fingerprint: text(),
            pipeline_name_hash: text(),
            dataset_name_hash: text(),
            default_schema_name_hash: text(),
            requested_schema_name_hash: text(),
            transaction_id: text(),
        };
        let named = serde_json::to_value(all).unwrap();
        let named: Vec<&String> = named.as_object().unwrap().keys().collect();
        assert_eq!(named, columns::properties().map(|column| column.name).collect::<Vec<_>>());
    }
}
