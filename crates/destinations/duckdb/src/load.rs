//! One load: a transaction of DuckDB.

use crate::client::{Place, quote};
use crate::ddl;
use crate::failure::{explain, explain_refusal, may_be_a_value};
use crate::merge::Merging;
use crate::room::Room;
use dlt_engine::destination::{ChainLoad, LoadRecord, StateRecord, Transaction, Write};
use dlt_engine::schema::{LOADS_TABLE, STATE_TABLE, Schema, Table, VERSION_TABLE};
use dlt_engine::sql;
use dlt_engine::{Error, ErrorKind, Result};
use duckdb::{Connection, params};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) struct Load<'a> {
    connection: &'a Connection,
    place: &'a Place,
    room: Room,
    conflicts: ddl::Conflicts,
    open: bool,
}

impl<'a> Load<'a> {
    pub(crate) fn begin(connection: &'a Connection, place: &'a Place, room: Room) -> Result<Self> {
        let sql = format!("BEGIN TRANSACTION; {}", in_order(false));
        connection.execute_batch(&sql).map_err(|error| explain("begin the load", &error))?;
        Ok(Self { connection, place, room, conflicts: ddl::Conflicts::new(), open: true })
    }

    pub(crate) fn execute(&self, doing: &str, sql: &str) -> Result<u64> {
        let rows = self.connection.execute(sql, []).map_err(|error| explain(doing, &error))?;
        Ok(rows as u64)
    }

    fn insert_all(&self, table: &Table, files: &[PathBuf]) -> Result<u64> {
        if files.is_empty() {
            return Ok(0);
        }
        let files = parquet(files)?;
        let sql = format!("INSERT INTO {} BY NAME SELECT * FROM {files}", self.place.table(&table.name));
        self.insert(table, &files, &sql)
    }

    /// Runs an `INSERT` of the rows of `relation`; says which column refused its values, if that is why it fails.
    pub(crate) fn insert(&self, table: &Table, relation: &str, sql: &str) -> Result<u64> {
        let inserted = self.connection.execute(sql, []);
        inserted.map(|rows| rows as u64).map_err(|error| {
            let doing = format!("add rows to table `{}`", table.name);
            if !may_be_a_value(&error) {
                return explain_refusal(&doing, &error);
            }
            // Where no value is found that is at fault, the rows may be fine, and are kept.
            self.refused(table, relation).unwrap_or_else(|| explain(&doing, &error))
        })
    }

    /// Names of the columns of a relation.
    pub(crate) fn columns_of(&self, relation: &str) -> duckdb::Result<Vec<String>> {
        let mut statement = self.connection.prepare(&format!("DESCRIBE SELECT * FROM {relation}"))?;
        let names = statement.query_map([], |row| row.get(0))?;
        names.collect()
    }

    pub(crate) fn number(&self, sql: &str) -> duckdb::Result<i64> {
        self.connection.query_row(sql, [], |row| row.get(0))
    }

    pub(crate) fn place(&self) -> &Place {
        self.place
    }

    /// Says which column refused its values, if that is why an insert failed. The load's own transaction is lost by
    /// then, so another connection looks.
    fn refused(&self, table: &Table, files: &str) -> Option<Error> {
        let connection = self.connection.try_clone().ok()?;
        let mut statement = connection.prepare(&format!("SELECT * FROM {files} LIMIT 0")).ok()?;
        drop(statement.stream_arrow([]).ok()?);
        let schema = statement.schema();
        for column in table.columns.values() {
            let Some(wanted) = ddl::sql_type(column) else { continue };
            if schema.column_with_name(&column.name).is_none() {
                continue;
            }
            let name = quote(&column.name);
            let count = format!(
                "SELECT count(*) FROM {files} WHERE {name} IS NOT NULL AND TRY_CAST({name} AS {wanted}) IS NULL"
            );
            let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).ok()?;
            if rows > 0 {
                return Some(
                    Error::new(
                        ErrorKind::Data,
                        format!(
                            "column `{}` of table `{}` is {wanted} and cannot hold the values of {rows} row{}",
                            column.name,
                            table.name,
                            if rows == 1 { "" } else { "s" }
                        ),
                    )
                    .hint("give the column a wider type, or load into another table"),
                );
            }
        }
        None
    }

    fn write_load(&self, record: &LoadRecord<'_>) -> Result<()> {
        let sql = format!(
            "INSERT INTO {} (load_id, schema_name, status, inserted_at, schema_version_hash) \
             VALUES (?, ?, 0, {}, ?)",
            self.place.table(LOADS_TABLE),
            instant("?")
        );
        let schema = record.schema;
        self.connection
            .execute(&sql, params![record.load_id, schema.name, now_micros(), schema.version_hash])
            .map_err(|error| explain("write the load record", &error))?;
        Ok(())
    }

    fn write_version(&self, schema: &Schema) -> Result<()> {
        let table = self.place.table(VERSION_TABLE);
        let sql = format!(
            "INSERT INTO {table} (version, engine_version, inserted_at, schema_name, version_hash, schema) \
             SELECT ?, ?, {}, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE version_hash = ?)",
            // The newest is the last one written, whatever the clock of its writer said.
            instant(&format!("greatest(?, (SELECT max(epoch_us(inserted_at)) + 1 FROM {table}))"))
        );
        let hash = &schema.version_hash;
        self.connection
            .execute(
                &sql,
                params![
                    schema.version,
                    schema.engine_version,
                    now_micros(),
                    schema.name,
                    hash,
                    schema.to_stored(),
                    hash
                ],
            )
            .map_err(|error| explain("write the schema", &error))?;
        Ok(())
    }

    fn write_state(&self, load_id: &str, state: &StateRecord) -> Result<()> {
        ddl::ensure_state_table(self.connection, self.place)?;
        let sql = format!(
            "INSERT INTO {} (version, engine_version, pipeline_name, state, created_at, version_hash, \
             _dlt_load_id, _dlt_id) VALUES (?, ?, ?, ?, {}, ?, ?, ?)",
            self.place.table(STATE_TABLE),
            instant("?")
        );
        self.connection
            .execute(
                &sql,
                params![
                    state.version,
                    state.engine_version,
                    state.pipeline_name,
                    state.state,
                    state.created_at_micros,
                    state.version_hash,
                    load_id,
                    state.row_id
                ],
            )
            .map_err(|error| explain("write the state", &error))?;
        Ok(())
    }
}

impl Load<'_> {
    fn write_chain(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        if chain.write == Write::Replace {
            for load in &chain.tables {
                let name = &load.table.name;
                self.execute(&format!("empty table `{name}`"), &format!("DELETE FROM {}", self.place.table(name)))?;
            }
        }
        match chain.write {
            Write::Merge(strategy) => {
                let mut merging = Merging::new(self);
                let added = sql::merge(&mut merging, chain, strategy)?;
                merging.finish()?;
                Ok(added)
            }
            Write::Append | Write::Replace => {
                chain.tables.iter().map(|load| self.insert_all(load.table, &load.files)).collect()
            }
        }
    }
}

impl Transaction for Load<'_> {
    fn evolve(&mut self, schema: &Schema) -> Result<()> {
        self.room.plan(schema);
        let evolved = ddl::evolve(self.connection, self.place, schema);
        self.conflicts = evolved.map_err(|error| self.room.tell_need(error))?;
        Ok(())
    }

    fn write(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        for load in chain.tables.iter().filter(|load| !load.files.is_empty()) {
            if let Some(conflict) = self.conflicts.remove(&load.table.name) {
                return Err(conflict);
            }
        }
        let widest = chain.tables.iter().map(|load| load.table.complete_columns().count()).max().unwrap_or(0);
        self.room.narrow(self.connection, widest)?;
        let written = self.write_chain(chain);
        self.room.widen(self.connection);
        written.map_err(|error| self.room.tell_need(error))
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord<'_>) -> Result<()> {
        self.write_load(record)?;
        self.write_version(record.schema)?;
        if let Some(state) = record.state {
            self.write_state(record.load_id, state)?;
        }
        let committed = self.connection.execute_batch("COMMIT");
        committed.map_err(|error| self.room.tell_need(explain("commit the load", &error)))?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        if self.open {
            // Fails where the failure before it ended the transaction, and then nothing is left to undo.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        self.room.widen(self.connection);
        // Queries on this connection give rows in the order of the table again. It is lost only with the connection.
        let _ = self.connection.execute_batch(in_order(true));
    }
}

/// Whether statements of this connection keep the order of rows. A load of many files takes two thirds of the processor
/// time without: each thread then fills row groups of its own.
pub(crate) fn in_order(keep: bool) -> &'static str {
    match keep {
        true => "SET SESSION preserve_insertion_order = true",
        false => "SET SESSION preserve_insertion_order = false",
    }
}

/// Microseconds as an instant, without help from time zones.
fn instant(micros: &str) -> String {
    format!("make_timestamp({micros}::BIGINT)::TIMESTAMPTZ")
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// SQL that reads all `files`.
pub(crate) fn parquet(files: &[PathBuf]) -> Result<String> {
    let files: Vec<String> = files.iter().map(|file| literal(file)).collect::<Result<_>>()?;
    Ok(format!("read_parquet([{}], union_by_name = true)", files.join(", ")))
}

/// A path as DuckDB reads it: `*`, `?` and `[` stand for themselves only in brackets.
fn literal(file: &Path) -> Result<String> {
    let Some(path) = file.to_str() else {
        return Err(Error::new(ErrorKind::Storage, format!("the path {} is not UTF-8", file.display()))
            .hint("set DLT_DATA_DIR to a folder with a plain name"));
    };
    let mut text = String::with_capacity(path.len() + 2);
    text.push('\'');
    for character in path.chars() {
        match character {
            '\'' => text.push_str("''"),
            '*' | '?' | '[' => text.extend(['[', character, ']']),
            other => text.push(other),
        }
    }
    text.push('\'');
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_for_themselves() {
        assert_eq!(literal(Path::new("/a b/it's")).unwrap(), "'/a b/it''s'");
        assert_eq!(literal(Path::new("/x*[y]?")).unwrap(), "'/x[*][[]y][?]'");
    }
}
