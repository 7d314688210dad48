//! One load: a transaction of DuckDB.

use crate::ddl;
use crate::failure::explain;
use crate::merge::Merging;
use crate::names::DatasetPath;
use crate::query;
use crate::room::Room;
use crate::statements::{Statements, in_order, parquet};
use dlt_engine::Result;
use dlt_engine::destination::{ChainLoad, LoadRecord, StateRecord, Transaction, Write};
use dlt_engine::schema::{LOADS_TABLE, STATE_TABLE, Schema, Table, VERSION_TABLE};
use dlt_engine::sql;
use duckdb::{Connection, params};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) struct Load<'a> {
    statements: Statements<'a>,
    room: Room,
    conflicts: ddl::Conflicts,
    open: bool,
}

impl<'a> Load<'a> {
    pub(crate) fn begin(connection: &'a Connection, place: &'a DatasetPath, room: Room) -> Result<Self> {
        let sql = format!("BEGIN TRANSACTION; {}", in_order(false));
        connection.execute_batch(&sql).map_err(|error| explain("begin the load", &error))?;
        Ok(Self { statements: Statements { connection, place }, room, conflicts: ddl::Conflicts::new(), open: true })
    }

    fn insert_all(&self, table: &Table, files: &[PathBuf]) -> Result<u64> {
        if files.is_empty() {
            return Ok(0);
        }
        let files = parquet(files)?;
        let sql = format!("INSERT INTO {} BY NAME SELECT * FROM {files}", self.statements.place.table(&table.name));
        self.statements.insert(table, &files, &sql)
    }

    fn write_load(&self, record: &LoadRecord<'_>) -> Result<()> {
        let sql = format!(
            "INSERT INTO {} (load_id, schema_name, status, inserted_at, schema_version_hash) \
             VALUES (?, ?, 0, {}, ?)",
            self.statements.place.table(LOADS_TABLE),
            instant("?")
        );
        let schema = record.schema;
        self.statements
            .connection
            .execute(&sql, params![record.load_id, schema.name, now_micros(), schema.version_hash])
            .map_err(|error| explain("write the load record", &error))?;
        Ok(())
    }

    fn write_version(&self, schema: &Schema) -> Result<()> {
        let table = self.statements.place.table(VERSION_TABLE);
        let sql = format!(
            // A version that was there before and is there again, because what came since was dropped, is the newest anew.
            "INSERT INTO {table} (version, engine_version, inserted_at, schema_name, version_hash, schema) \
             SELECT ?, ?, {}, ?, ?, ? WHERE ? IS DISTINCT FROM \
             (SELECT version_hash FROM {table} WHERE schema_name = ? ORDER BY inserted_at DESC, version DESC LIMIT 1)",
            // The newest is the last one written, whatever the clock of its writer said.
            instant(&format!("greatest(?, (SELECT max(epoch_us(inserted_at)) + 1 FROM {table}))"))
        );
        let hash = &schema.version_hash;
        self.statements
            .connection
            .execute(
                &sql,
                params![
                    schema.version,
                    schema.engine_version,
                    now_micros(),
                    schema.name,
                    hash,
                    schema.to_stored(),
                    hash,
                    schema.name
                ],
            )
            .map_err(|error| explain("write the schema", &error))?;
        Ok(())
    }

    fn write_state(&self, load_id: &str, state: &StateRecord) -> Result<()> {
        ddl::ensure_state_table(self.statements.connection, self.statements.place)?;
        let sql = format!(
            "INSERT INTO {} (version, engine_version, pipeline_name, state, created_at, version_hash, \
             _dlt_load_id, _dlt_id) VALUES (?, ?, ?, ?, {}, ?, ?, ?)",
            self.statements.place.table(STATE_TABLE),
            instant("?")
        );
        self.statements
            .connection
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
                self.statements.execute(
                    &format!("empty table `{name}`"),
                    &format!("DELETE FROM {}", self.statements.place.table(name)),
                )?;
            }
        }
        match chain.write {
            Write::Merge(strategy) => {
                let mut merging = Merging::new(&self.statements);
                let added = sql::merge(&mut merging, chain, strategy)?;
                merging.finish()?;
                Ok(added)
            }
            Write::Versions(micros) => {
                let mut merging = Merging::new(&self.statements);
                let added = sql::keep_versions(&mut merging, chain, micros)?;
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
    fn drop_tables(&mut self, schema: &str, tables: &[String]) -> Result<()> {
        for table in tables {
            let doing = format!("drop table `{table}`");
            self.statements.execute(&doing, &format!("DROP TABLE IF EXISTS {}", self.statements.place.table(table)))?;
            // Python dlt merges by way of a dataset beside this one, whose table would keep its columns.
            let staged = self.statements.place.staging().table(table);
            self.statements.execute(&doing, &format!("DROP TABLE IF EXISTS {staged}"))?;
        }
        if tables.is_empty() {
            return Ok(());
        }
        // A staged table that Python dlt finds no version for is made anew.
        for place in [self.statements.place, &self.statements.place.staging()] {
            let present = query::tables(self.statements.connection, place).unwrap_or_default();
            if present.iter().any(|table| table == VERSION_TABLE) {
                let sql = format!("DELETE FROM {} WHERE schema_name = ?", place.table(VERSION_TABLE));
                let deleted = self.statements.connection.execute(&sql, [schema]);
                deleted.map_err(|error| explain("forget the versions of the schema", &error))?;
            }
        }
        Ok(())
    }

    fn empty_tables(&mut self, tables: &[String]) -> Result<()> {
        let present = query::tables(self.statements.connection, self.statements.place)?;
        for table in tables.iter().filter(|table| present.iter().any(|name| name.eq_ignore_ascii_case(table))) {
            let sql = format!("DELETE FROM {}", self.statements.place.table(table));
            self.statements.execute(&format!("empty table `{table}`"), &sql)?;
        }
        Ok(())
    }

    fn evolve(&mut self, schema: &Schema) -> Result<()> {
        self.room.plan(schema);
        let evolved = ddl::evolve(self.statements.connection, self.statements.place, schema);
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
        self.room.narrow(self.statements.connection, widest)?;
        let written = self.write_chain(chain);
        self.room.widen(self.statements.connection);
        written.map_err(|error| self.room.tell_need(error))
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord<'_>) -> Result<()> {
        self.write_load(record)?;
        self.write_version(record.schema)?;
        if let Some(state) = record.state {
            self.write_state(record.load_id, state)?;
        }
        let committed = self.statements.connection.execute_batch("COMMIT");
        committed.map_err(|error| self.room.tell_need(explain("commit the load", &error)))?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        if self.open {
            // Fails where the failure before it ended the transaction, and then nothing is left to undo.
            let _ = self.statements.connection.execute_batch("ROLLBACK");
        }
        self.room.widen(self.statements.connection);
        // Queries on this connection give rows in the order of the table again. It is lost only with the connection.
        let _ = self.statements.connection.execute_batch(in_order(true));
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
