//! The Worker's `rules.js`: what this tracker goes by when it scrubs and judges, so that there is one place that says it.

#![allow(clippy::unwrap_used)]

use dlt_engine::schema::DataType;
use serde_json::json;

use crate::contract::{self, Contract};
use crate::decode::Limits;
use crate::event::columns;
use crate::{event, http, scrub};

/// The properties that are columns where they are texts.
fn text_columns() -> Vec<&'static str> {
    let texts = columns::properties().filter(|column| column.data_type == DataType::Text);
    texts.map(|column| column.name).collect()
}

fn rules() -> String {
    let limits = Limits::default();
    let rules = json!({
        "limits": {
            "request_bytes": limits.request_bytes,
            "event_bytes": limits.event_bytes,
            "batch_events": limits.batch_events,
            "rows_factor": http::ROWS_FACTOR,
            "discarded_bytes": http::DISCARDED_BYTES,
            "id_chars": event::MAX_ID_CHARS,
            "name_chars": event::MAX_NAME_CHARS,
            "context_chars": scrub::MAX_CONTEXT_CHARS,
            "context_members": scrub::MAX_CONTEXT_MEMBERS,
            "path_chars": scrub::MAX_PATH_CHARS,
            "quarantined_bytes": event::MAX_QUARANTINED_BYTES,
            "earliest_second": event::EARLIEST.as_second(),
        },
        "scrub": {
            "members": scrub::MEMBERS,
            "context": scrub::CONTEXT,
            "forbidden": scrub::FORBIDDEN,
            "forbidden_endings": scrub::FORBIDDEN_ENDINGS,
            "forbidden_last_words": scrub::FORBIDDEN_LAST_WORDS,
        },
        "always": contract::ALWAYS,
        "text_columns": text_columns(),
        "contract": contract::to_json(Contract::built_in()),
    });
    format!(
        "// The tracker's own rules, made by one of its tests; do not edit. To write them anew:\n\
         // UPDATE_REFERENCE=1 cargo nextest run --workspace -E 'test(rules_of_the_edge)'\n\nexport default {rules:#};\n"
    )
}

/// Set `UPDATE_REFERENCE=1` to write them anew after a change of the tracker's.
#[test]
fn the_rules_of_the_edge_are_those_of_the_tracker() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../edge/cloudflare/src/rules.js");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, rules()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == rules(), "edge/cloudflare/src/rules.js is stale: run this test with UPDATE_REFERENCE=1");
}
