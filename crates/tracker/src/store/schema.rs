//! The tables of the dataset `telemetry` and their columns, the same in every store.

use dlt_engine::schema::{Column, DataType, KEY_WITHIN, MergeStrategy, WriteDisposition};
use dlt_engine::source::TableHints;

use crate::event::columns::COLUMNS;

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
const EVENT_COLUMNS: [(&str, DataType); COLUMNS.len()] = {
    let mut columns = [("", DataType::Text); COLUMNS.len()];
    let mut at = 0;
    while at < COLUMNS.len() {
        columns[at] = (COLUMNS[at].name, COLUMNS[at].data_type);
        at += 1;
    }
    columns
};

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
        EVENTS => (&EVENT_COLUMNS, &["message_id"]),
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

/// The column within whose values an event's message id is unique.
const PROJECT: &str = "project";

/// How a table is written. All columns are declared with their types, so no value adds a column; only lists of objects add
/// tables, see [`LISTS`].
pub(crate) fn hints(table: &str) -> TableHints {
    let (columns, key) = columns(table);
    TableHints {
        disposition: Some(WriteDisposition::Merge),
        merge_strategy: Some(MergeStrategy::InsertOnly),
        primary_key: key.iter().map(|name| (*name).to_owned()).collect(),
        columns: columns.iter().map(|(name, data_type)| column(table, name, *data_type)).collect(),
        ..TableHints::default()
    }
}

fn column(table: &str, name: &str, data_type: DataType) -> Column {
    let column = Column::inferred(name, data_type);
    if table == EVENTS && name == PROJECT { column.with(KEY_WITHIN, true) } else { column }
}
