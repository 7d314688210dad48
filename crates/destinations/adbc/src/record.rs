//! What is stored beside the rows of a load: its record, the schema, the state.

use crate::dataset::Dataset;
use crate::ddl;
use crate::dialect::literal;
use crate::link::Link;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use dlt_engine::destination::{LoadRecord, StateRecord};
use dlt_engine::schema::{LOADS_TABLE, STATE_TABLE, Schema, VERSION_TABLE};
use dlt_engine::{Error, ErrorKind, Result};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn write_load(link: &Link, dataset: &Dataset, record: &LoadRecord<'_>) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (load_id, schema_name, status, inserted_at, schema_version_hash) VALUES ({}, {}, 0, {}, {})",
        dataset.table(LOADS_TABLE),
        literal(record.load_id),
        literal(&record.schema.name),
        dataset.dialect.instant(now_micros())?,
        literal(&record.schema.version_hash)
    );
    link.execute("write the load record", &sql).map(drop)
}

/// Writes the schema, unless its version is the newest already. A version that was there before and is there again,
/// because what came since was dropped, is the newest anew.
pub(crate) fn write_version(link: &Link, dataset: &Dataset, schema: &Schema) -> Result<()> {
    let doing = "write the schema";
    let table = dataset.table(VERSION_TABLE);
    let name = literal(&schema.name);
    let newest = format!(
        "SELECT version_hash FROM {table} WHERE schema_name = {name} ORDER BY inserted_at DESC, version DESC LIMIT 1"
    );
    if link.first(doing, &newest)?.as_deref() == Some(schema.version_hash.as_str()) {
        return Ok(());
    }
    // The newest is the last one written, whatever the clock of its writer said.
    let last = last_micros(link, doing, &format!("SELECT max(inserted_at) AS last FROM {table}"))?;
    let micros = last.map_or_else(now_micros, |last| now_micros().max(last + 1));
    let sql = format!(
        "INSERT INTO {table} (version, engine_version, inserted_at, schema_name, version_hash, schema) \
         VALUES ({}, {}, {}, {name}, {}, {})",
        schema.version,
        schema.engine_version,
        dataset.dialect.instant(micros)?,
        literal(&schema.version_hash),
        literal(&schema.to_stored())
    );
    link.execute(doing, &sql).map(drop)
}

pub(crate) fn write_state(link: &Link, dataset: &Dataset, load_id: &str, state: &StateRecord) -> Result<()> {
    ddl::ensure_state_table(link, dataset)?;
    let sql = format!(
        "INSERT INTO {} (version, engine_version, pipeline_name, state, created_at, version_hash, _dlt_load_id, _dlt_id) \
         VALUES ({}, {}, {}, {}, {}, {}, {}, {})",
        dataset.table(STATE_TABLE),
        state.version,
        state.engine_version,
        literal(&state.pipeline_name),
        literal(&state.state),
        dataset.dialect.instant(state.created_at_micros)?,
        literal(&state.version_hash),
        literal(load_id),
        literal(&state.row_id)
    );
    link.execute("write the state", &sql).map(drop)
}

/// A moment that a query gives, as an instant or as text.
fn last_micros(link: &Link, doing: &str, sql: &str) -> Result<Option<i64>> {
    let unreadable =
        |cause| Error::new(ErrorKind::Corrupt, format!("cannot {doing}: a moment cannot be read")).because(cause);
    for batch in link.batches(doing, sql)? {
        let Some(column) = batch.columns().first().filter(|column| column.len() == 1 && column.is_valid(0)) else {
            continue;
        };
        let moments = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(unreadable)?;
        return Ok(Some(moments.as_primitive::<TimestampMicrosecondType>().value(0)));
    }
    Ok(None)
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
