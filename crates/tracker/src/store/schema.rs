//! The tables of the dataset `telemetry` and their columns, the same in every store.

use dlt_engine::schema::{Column, DataType, MergeStrategy, WriteDisposition};
use dlt_engine::source::TableHints;

/// The name of the dataset.
pub(crate) const DATASET: &str = "telemetry";
/// The name of the pipeline and of the schema.
pub(crate) const PIPELINE: &str = "tracker";
/// One row for each event.
pub(crate) const EVENTS: &str = "events";
/// One row for each quarantined event.
pub(crate) const QUARANTINE: &str = "quarantine";
/// One row for each load: the range of sequence numbers that it took from the journal, and how many of each kind.
pub(crate) const LOADS: &str = "journal_loads";

/// One row for each quarantined event that was replayed: its number, and the one under which it was loaded then.
pub(crate) const REPLAYS: &str = "replays";

/// Counts of events that were too old: by day, project, name, library and version, and whether they are of continuous integration.
pub(crate) const DAILY_EVENTS: &str = "daily_events";
/// Of the same events, different ids by day and project.
pub(crate) const DAILY_INSTALLS: &str = "daily_installs";
/// One row for each object of the edge that was taken.
pub(crate) const OBJECTS: &str = "edge_objects";

/// The columns of [`EVENTS`] in order.
const EVENT_COLUMNS: &[(&str, DataType)] = &[
    ("message_id", DataType::Text),
    ("event", DataType::Text),
    ("event_category", DataType::Text),
    ("event_name", DataType::Text),
    ("anonymous_id", DataType::Text),
    ("timestamp", DataType::Timestamp),
    ("received_at", DataType::Timestamp),
    ("library_name", DataType::Text),
    ("library_version", DataType::Text),
    ("os_name", DataType::Text),
    ("os_version", DataType::Text),
    ("python_version", DataType::Text),
    ("runtime_name", DataType::Text),
    ("runtime_version", DataType::Text),
    ("cpu", DataType::Bigint),
    ("ci_run", DataType::Bool),
    ("exec_info", DataType::Text),
    ("client_dropped", DataType::Text),
    ("success", DataType::Bool),
    ("elapsed", DataType::Double),
    ("destination_name", DataType::Text),
    ("destination_type", DataType::Text),
    ("destination_fingerprint", DataType::Text),
    ("pipeline_name_hash", DataType::Text),
    ("dataset_name_hash", DataType::Text),
    ("default_schema_name_hash", DataType::Text),
    ("requested_schema_name_hash", DataType::Text),
    ("transaction_id", DataType::Text),
    ("properties", DataType::Text),
    ("properties_dropped", DataType::Text),
    ("body_digest", DataType::Text),
    // Null for the default project.
    ("project", DataType::Text),
    ("journal_seq", DataType::Bigint),
];

const QUARANTINE_COLUMNS: &[(&str, DataType)] = &[
    ("message_id", DataType::Text),
    ("anonymous_id", DataType::Text),
    ("reason", DataType::Text),
    // Where in the event, if a contract was broken.
    ("path", DataType::Text),
    ("event", DataType::Text),
    ("received_at", DataType::Timestamp),
    ("bytes", DataType::Bigint),
    ("payload", DataType::Text),
    ("project", DataType::Text),
    ("journal_seq", DataType::Bigint),
];

const LOAD_COLUMNS: &[(&str, DataType)] = &[
    ("first_seq", DataType::Bigint),
    ("last_seq", DataType::Bigint),
    ("events", DataType::Bigint),
    ("quarantined", DataType::Bigint),
    // Duplicates among the events; null until the others were found in the tables.
    ("deduplicated", DataType::Bigint),
    ("loaded_at", DataType::Timestamp),
];

const REPLAY_COLUMNS: &[(&str, DataType)] =
    &[("replayed_seq", DataType::Bigint), ("replayed_at", DataType::Timestamp), ("journal_seq", DataType::Bigint)];

const OBJECT_COLUMNS: &[(&str, DataType)] = &[
    ("object", DataType::Text),
    ("version", DataType::Text),
    ("lines", DataType::Bigint),
    ("taken_at", DataType::Timestamp),
];

/// The columns of a table, and which of them are its key.
fn columns(table: &str) -> (&'static [(&'static str, DataType)], &'static [&'static str]) {
    match table {
        EVENTS => (EVENT_COLUMNS, &["message_id"]),
        QUARANTINE => (QUARANTINE_COLUMNS, &["journal_seq"]),
        REPLAYS => (REPLAY_COLUMNS, &["replayed_seq"]),
        OBJECTS => (OBJECT_COLUMNS, &["object", "version"]),
        _ => (LOAD_COLUMNS, &["first_seq"]),
    }
}

/// The type of a column; `None` where the table has none of that name.
pub(crate) fn type_of(table: &str, column: &str) -> Option<DataType> {
    columns(table).0.iter().find(|(name, _)| *name == column).map(|(_, data_type)| *data_type)
}

/// How the tables begin that hold lists of objects of events: `events__products`. A contract brings them.
pub(crate) const LISTS: &str = "events__";

/// How a table is written. All columns are declared with their types, so no value adds a column; only lists of objects add
/// tables, see [`LISTS`].
pub(crate) fn hints(table: &str) -> TableHints {
    let (columns, key) = columns(table);
    TableHints {
        disposition: Some(WriteDisposition::Merge),
        merge_strategy: Some(MergeStrategy::InsertOnly),
        primary_key: key.iter().map(|name| (*name).to_owned()).collect(),
        columns: columns.iter().map(|(name, data_type)| Column::inferred(name, *data_type)).collect(),
        ..TableHints::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_of_an_event_has_the_name_of_a_column() {
        let columns: Vec<&str> = EVENT_COLUMNS.iter().map(|(name, _)| *name).collect();
        assert_eq!(columns, crate::event::lists::COLUMNS);
    }
}
