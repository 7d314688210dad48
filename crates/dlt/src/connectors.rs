//! The connectors that there are. A new one has its entry in its own crate or folder, and a line here (a source: in
//! [`dlt_sources::CONNECTORS`]).

use dlt_engine::connector::{DestinationConnector, SourceConnector};

/// The destinations by name.
pub static DESTINATIONS: &[&DestinationConnector] =
    &[&dlt_destination_duckdb::CONNECTOR, &dlt_destination_filesystem::CONNECTOR];

/// The sources by name, as pipeline files take them.
pub static SOURCES: &[&SourceConnector] = &dlt_sources::CONNECTORS;
