//! The connectors that there are. A new one has its entry in its own crate or folder, and a line here.

use dlt_engine::connector::{DestinationConnector, SourceConnector};

/// The destinations by name.
pub static DESTINATIONS: &[&DestinationConnector] = &[
    &dlt_destination_duckdb::CONNECTOR,
    &dlt_destination_postgres::CONNECTOR,
    &dlt_destination_filesystem::CONNECTOR,
    &dlt_destination_adbc::CONNECTOR,
];

/// The sources by name, as pipeline files take them.
pub static SOURCES: &[&SourceConnector] = &[
    dlt_sources::CONNECTORS[0],
    dlt_sources::CONNECTORS[1],
    &dlt_source_sql_database::CONNECTOR,
    dlt_sources::CONNECTORS[2],
    dlt_sources::CONNECTORS[3],
    dlt_sources::CONNECTORS[4],
    dlt_sources::CONNECTORS[5],
    dlt_sources::CONNECTORS[6],
    dlt_sources::CONNECTORS[7],
    dlt_sources::CONNECTORS[8],
    dlt_sources::CONNECTORS[9],
];

// One that is added there is listed here, too.
const _: () = assert!(SOURCES_OF_FILES_AND_APIS == 10);
const SOURCES_OF_FILES_AND_APIS: usize = dlt_sources::CONNECTORS.len();
