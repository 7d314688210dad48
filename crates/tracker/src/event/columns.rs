//! The columns of an event's row. They are named here, and nowhere else: the tables are made of them, a list of objects can't have the name
//! of one, and what is learned of properties looks into those that have one.

use dlt_engine::schema::DataType;

/// A column of the table of events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventColumn {
    pub(crate) name: &'static str,
    pub(crate) data_type: DataType,
    /// Whether it holds a property of the event, which has its name.
    pub(crate) is_property: bool,
}

const fn column(name: &'static str, data_type: DataType) -> EventColumn {
    EventColumn { name, data_type, is_property: false }
}

const fn property(name: &'static str, data_type: DataType) -> EventColumn {
    EventColumn { name, data_type, is_property: true }
}

/// All columns, in the order that the table has them in.
pub(crate) const COLUMNS: [EventColumn; 33] = [
    column("message_id", DataType::Text),
    column("event", DataType::Text),
    column("event_category", DataType::Text),
    column("event_name", DataType::Text),
    column("anonymous_id", DataType::Text),
    column("timestamp", DataType::Timestamp),
    column("received_at", DataType::Timestamp),
    column("library_name", DataType::Text),
    column("library_version", DataType::Text),
    column("os_name", DataType::Text),
    column("os_version", DataType::Text),
    column("python_version", DataType::Text),
    column("runtime_name", DataType::Text),
    column("runtime_version", DataType::Text),
    column("cpu", DataType::Bigint),
    column("ci_run", DataType::Bool),
    column("exec_info", DataType::Text),
    column("client_dropped", DataType::Text),
    property("success", DataType::Bool),
    property("elapsed", DataType::Double),
    property("destination_name", DataType::Text),
    property("destination_type", DataType::Text),
    property("destination_fingerprint", DataType::Text),
    property("pipeline_name_hash", DataType::Text),
    property("dataset_name_hash", DataType::Text),
    property("default_schema_name_hash", DataType::Text),
    property("requested_schema_name_hash", DataType::Text),
    property("transaction_id", DataType::Text),
    column("properties", DataType::Text),
    column("properties_dropped", DataType::Text),
    column("body_digest", DataType::Text),
    // Null for the default project.
    column("project", DataType::Text),
    column("journal_seq", DataType::Bigint),
];

/// Whether a column has that name.
pub(crate) fn is_column(name: &str) -> bool {
    COLUMNS.iter().any(|column| column.name == name)
}

/// The columns that hold properties.
pub(crate) fn properties() -> impl Iterator<Item = EventColumn> {
    COLUMNS.into_iter().filter(|column| column.is_property)
}
