//! The tables and columns that the contract itself needs.

use super::{Column, DataType, Table, WriteDisposition};

/// One row for every completed load.
pub const LOADS_TABLE: &str = "_dlt_loads";
/// One row for every version of a schema.
pub const VERSION_TABLE: &str = "_dlt_version";
/// One row for every change of a pipeline's state.
pub const STATE_TABLE: &str = "_dlt_pipeline_state";

/// Names of the columns that the engine adds.
pub mod columns {
    /// Id of a row.
    pub const ID: &str = "_dlt_id";
    /// Load that wrote a root row.
    pub const LOAD_ID: &str = "_dlt_load_id";
    /// Id of the row that a nested row belongs to.
    pub const PARENT_ID: &str = "_dlt_parent_id";
    /// Id of the root row that a nested row belongs to.
    pub const ROOT_ID: &str = "_dlt_root_id";
    /// Place in the parent's list, from 0.
    pub const LIST_INDEX: &str = "_dlt_list_idx";
    /// Value of a nested row that is no object.
    pub const VALUE: &str = "value";
    /// Nested list of a row that stands for a list within a list.
    pub const LIST: &str = "list";

    /// Whether values under this name in the data are not what is stored: the engine's take their place, or fill in.
    pub(crate) fn is_filled_by_engine(name: &str) -> bool {
        [ID, LOAD_ID, PARENT_ID, ROOT_ID, LIST_INDEX].contains(&name)
    }
}

pub(super) fn is_system(table: &str) -> bool {
    table.starts_with("_dlt_")
}

pub(super) fn is_required(column: &str) -> bool {
    use columns::{ID, LIST_INDEX, LOAD_ID, PARENT_ID, ROOT_ID};
    [ID, ROOT_ID, PARENT_ID, LIST_INDEX, LOAD_ID].contains(&column)
}

pub(super) fn hints_of(column: &str) -> &'static [&'static str] {
    match column {
        columns::ID => &["unique", "row_key"],
        columns::PARENT_ID => &["parent_key"],
        columns::ROOT_ID => &["root_key"],
        _ => &[],
    }
}

fn required(name: &str, data_type: DataType, description: &str) -> Column {
    Column { nullable: false, ..optional(name, data_type, description) }
}

fn optional(name: &str, data_type: DataType, description: &str) -> Column {
    Column { name: name.to_owned(), data_type: Some(data_type), nullable: true, hints: Default::default() }
        .with("description", description)
}

fn table(name: &str, description: &str, columns: impl IntoIterator<Item = Column>) -> Table {
    let mut table = Table::root(name, name, WriteDisposition::Skip);
    table.hints.insert("description".into(), description.into());
    for column in columns {
        table.add(column);
    }
    table
}

/// `_dlt_version`.
pub(super) fn version_table() -> Table {
    use DataType::{Bigint, Text, Timestamp};
    table(
        VERSION_TABLE,
        "Every version of every schema of this dataset",
        [
            required("version", Bigint, "Number of the version, grows with each change"),
            required("engine_version", Bigint, "Version of the stored form"),
            required("inserted_at", Timestamp, "When this version was stored"),
            required("schema_name", Text, "Name of the schema"),
            required("version_hash", Text, "Digest of the content"),
            required("schema", Text, "The schema as JSON"),
        ],
    )
}

/// `_dlt_loads`.
pub(super) fn loads_table() -> Table {
    use DataType::{Bigint, Text, Timestamp};
    table(
        LOADS_TABLE,
        "Every completed load of this dataset",
        [
            required("load_id", Text, "Id of the load").with("precision", 64),
            optional("schema_name", Text, "Schema of the load"),
            required("status", Bigint, "0: completed"),
            required("inserted_at", Timestamp, "When the load was completed"),
            optional("schema_version_hash", Text, "Version of the schema that the load used"),
        ],
    )
}

/// `_dlt_pipeline_state`.
pub(super) fn state_table() -> Table {
    use DataType::{Bigint, Text, Timestamp};
    let id = Column::inferred(columns::ID, Text);
    let mut table = table(
        STATE_TABLE,
        "Every stored state of the pipelines that load this dataset",
        [
            required("version", Bigint, "Number of the state, grows with each change"),
            required("engine_version", Bigint, "Version of the stored form"),
            required("pipeline_name", Text, "Pipeline that the state belongs to"),
            required("state", Text, "The state as compressed JSON"),
            required("created_at", Timestamp, "When this state was made"),
            optional("version_hash", Text, "Digest of the state"),
            required(columns::LOAD_ID, Text, "Load that stored the state").with("precision", 64),
            id,
        ],
    );
    table.write_disposition = Some(WriteDisposition::Append);
    table.hints.insert("file_format".into(), "preferred".into());
    table.mark_seen();
    table
}
