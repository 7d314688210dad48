//! What pipelines left in a dataset.

use crate::names::Place;
use crate::query;
use dlt_engine::Result;
use dlt_engine::destination::Stored;
use dlt_engine::schema::{LOADS_TABLE, STATE_TABLE, VERSION_TABLE};
use dlt_postgres::Client;
use dlt_postgres::postgres::types::Type;

/// The newest state of a pipeline whose load completed, and the newest version of a schema.
pub(crate) fn read(client: &mut Client, place: &Place, pipeline: &str, schema: &str) -> Result<Stored> {
    let tables = query::list(client, place)?;
    let has = |table: &str| tables.iter().any(|known| known == table);
    let mut stored = Stored::default();
    if has(VERSION_TABLE) {
        let sql = format!(
            "SELECT schema FROM {} WHERE schema_name = $1 ORDER BY inserted_at DESC, version DESC LIMIT 1",
            place.table(VERSION_TABLE)
        );
        let rows = client.query("read the stored schema", &sql, &[(&schema, Type::TEXT)])?;
        stored.schema = rows.first().map(|row| row.get(0));
    }
    if has(STATE_TABLE) && has(LOADS_TABLE) {
        // Load ids are compared as text by all who share the dataset: byte by byte, whatever the database's language.
        let sql = format!(
            "SELECT s.state FROM {} AS s JOIN {} AS l ON l.load_id = s._dlt_load_id \
             WHERE s.pipeline_name = $1 AND l.status = 0 ORDER BY l.load_id COLLATE \"C\" DESC, s.version DESC LIMIT 1",
            place.table(STATE_TABLE),
            place.table(LOADS_TABLE)
        );
        let rows = client.query("read the stored state", &sql, &[(&pipeline, Type::TEXT)])?;
        stored.state = rows.first().map(|row| row.get(0));
    }
    Ok(stored)
}

/// Whether a load was committed.
pub(crate) fn is_loaded(client: &mut Client, place: &Place, load_id: &str) -> Result<bool> {
    if !query::list(client, place)?.iter().any(|table| table == LOADS_TABLE) {
        return Ok(false);
    }
    let sql = format!("SELECT 1 FROM {} WHERE load_id = $1 AND status = 0 LIMIT 1", place.table(LOADS_TABLE));
    Ok(!client.query("look up the load", &sql, &[(&load_id, Type::TEXT)])?.is_empty())
}
