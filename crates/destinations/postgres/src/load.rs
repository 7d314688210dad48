//! One load: a transaction of Postgres.

use crate::ddl;
use crate::merge::Merging;
use crate::names::Place;
use crate::query;
use crate::statements::Statements;
use crate::stored;
use dlt_engine::destination::{ChainLoad, LoadRecord, StateRecord, Stored, Transaction, Write};
use dlt_engine::schema::{LOADS_TABLE, STATE_TABLE, Schema, Table, VERSION_TABLE};
use dlt_engine::{Error, ErrorKind, Notice, Result, sql};
use dlt_postgres::Client;
use dlt_postgres::postgres::types::Type;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a load waits for others, where the connection does not say it: for another load of the dataset, or for who holds
/// a table.
const LOCK_TIMEOUT: &str = "60s";

/// What was stored when the caller last asked: of which pipeline and schema.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) pipeline: String,
    pub(crate) schema: String,
    pub(crate) stored: Stored,
}

pub(crate) struct Load<'a> {
    statements: Statements<'a>,
    conflicts: ddl::Conflicts,
    indexes: bool,
    open: bool,
}

impl<'a> Load<'a> {
    /// Begins the transaction. Loads of one dataset take turns: this waits for the one under way.
    pub(crate) fn begin(client: &'a mut Client, place: &'a Place, indexes: bool, seen: Option<&Seen>) -> Result<Self> {
        let doing = "begin the load";
        client.batch(doing, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")?;
        let load =
            Self { statements: Statements::new(client, place), conflicts: ddl::Conflicts::new(), indexes, open: true };
        let client = &mut *load.statements.client;
        // A name for who looks into pg_stat_activity; and what a load of unusual length must not be cut off by.
        client.batch(
            doing,
            &format!(
                "SELECT set_config('lock_timeout', '{LOCK_TIMEOUT}', true) WHERE current_setting('lock_timeout') = '0'; \
                 SET LOCAL idle_in_transaction_session_timeout = 0"
            ),
        )?;
        let lock = place.lock();
        client
            .query(doing, "SELECT pg_advisory_xact_lock($1)::text", &[(&lock, Type::INT8)])
            .map_err(|error| another_load(error, place))?;
        // What another load stored while this one waited its rows do not know of.
        if let Some(seen) = seen {
            let now = stored::read(client, place, &seen.pipeline, &seen.schema)?;
            if now.schema != seen.stored.schema || now.state != seen.stored.state {
                return Err(Error::new(
                    ErrorKind::Busy,
                    format!("another run changed dataset `{}` while this one was under way", place.dataset()),
                )
                .hint("run the same command again"));
            }
        }
        Ok(load)
    }

    fn insert_all(&mut self, table: &Table, files: &[PathBuf]) -> Result<u64> {
        if files.is_empty() {
            return Ok(0);
        }
        let columns = self.statements.columns_of(&table.name, files)?;
        let name = self.statements.place.table(&table.name);
        self.statements.copy(table, name, columns, None, files)
    }

    fn write_load(&mut self, record: &LoadRecord<'_>) -> Result<()> {
        let sql = format!(
            "INSERT INTO {} (load_id, schema_name, status, inserted_at, schema_version_hash) VALUES ($1, $2, 0, {}, $4)",
            self.statements.place.table(LOADS_TABLE),
            instant("$3")
        );
        let schema = record.schema;
        self.statements.client.execute(
            "write the load record",
            &sql,
            &[
                (&record.load_id, Type::TEXT),
                (&schema.name, Type::TEXT),
                (&now_micros(), Type::INT8),
                (&schema.version_hash, Type::TEXT),
            ],
        )?;
        Ok(())
    }

    fn write_version(&mut self, schema: &Schema) -> Result<()> {
        let table = self.statements.place.table(VERSION_TABLE);
        let sql = format!(
            // A version that was there before and is there again, because what came since was dropped, is the newest anew.
            "INSERT INTO {table} (version, engine_version, inserted_at, schema_name, version_hash, schema) \
             SELECT $1, $2, {}, $4, $5, $6 WHERE $5 IS DISTINCT FROM \
             (SELECT version_hash FROM {table} WHERE schema_name = $4 ORDER BY inserted_at DESC, version DESC LIMIT 1)",
            // The newest is the last one written, whatever the clock of its writer said.
            format_args!(
                "greatest({}, (SELECT max(inserted_at) + interval '1 microsecond' FROM {table}))",
                instant("$3")
            )
        );
        self.statements.client.execute(
            "write the schema",
            &sql,
            &[
                (&count(schema.version), Type::INT8),
                (&count(schema.engine_version), Type::INT8),
                (&now_micros(), Type::INT8),
                (&schema.name, Type::TEXT),
                (&schema.version_hash, Type::TEXT),
                (&schema.to_stored(), Type::TEXT),
            ],
        )?;
        Ok(())
    }

    fn write_state(&mut self, load_id: &str, state: &StateRecord) -> Result<()> {
        ddl::ensure_state_table(self.statements.client, self.statements.place, self.indexes)?;
        let sql = format!(
            "INSERT INTO {} (version, engine_version, pipeline_name, state, created_at, version_hash, \
             _dlt_load_id, _dlt_id) VALUES ($1, $2, $3, $4, {}, $6, $7, $8)",
            self.statements.place.table(STATE_TABLE),
            instant("$5")
        );
        self.statements.client.execute(
            "write the state",
            &sql,
            &[
                (&count(state.version), Type::INT8),
                (&count(state.engine_version), Type::INT8),
                (&state.pipeline_name, Type::TEXT),
                (&state.state, Type::TEXT),
                (&state.created_at_micros, Type::INT8),
                (&state.version_hash, Type::TEXT),
                (&load_id, Type::TEXT),
                (&state.row_id, Type::TEXT),
            ],
        )?;
        Ok(())
    }

    fn write_chain(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        match chain.write {
            Write::Merge(strategy) => {
                let mut merging = Merging::new(&mut self.statements);
                let added = sql::merge(&mut merging, chain, strategy)?;
                merging.finish()?;
                return Ok(added);
            }
            Write::Versions(micros) => {
                let mut merging = Merging::new(&mut self.statements);
                let added = sql::keep_versions(&mut merging, chain, micros)?;
                merging.finish()?;
                return Ok(added);
            }
            Write::Append => {}
            Write::Replace => {
                for load in &chain.tables {
                    self.empty(&load.table.name)?;
                }
            }
        }
        chain.tables.iter().map(|load| self.insert_all(load.table, &load.files)).collect()
    }

    /// Deletes all rows. Readers see them until the commit; to truncate would have readers wait for the whole load.
    fn empty(&mut self, table: &str) -> Result<()> {
        let sql = format!("DELETE FROM {}", self.statements.place.table(table));
        self.statements.execute(&format!("empty table `{table}`"), &sql).map(drop)
    }
}

/// Says who it is that a load waited for in vain.
fn another_load(error: Error, place: &Place) -> Error {
    match error.kind() {
        ErrorKind::DestinationBusy => Error::new(
            ErrorKind::DestinationBusy,
            format!("another load into dataset `{}` is under way, and did not end in time", place.dataset()),
        )
        .hint("run the same command again when it has ended; to wait longer, add options=-c%20lock_timeout%3D10min to the URL"),
        _ => error,
    }
}

impl Transaction for Load<'_> {
    fn drop_tables(&mut self, schema: &str, tables: &[String]) -> Result<()> {
        for table in tables {
            let doing = format!("drop table `{table}`");
            // Python dlt merges by way of a dataset beside this one, whose table would keep its columns.
            for place in [self.statements.place, &self.statements.place.staging()] {
                self.statements.execute(&doing, &format!("DROP TABLE IF EXISTS {}", place.table(table)))?;
            }
        }
        if tables.is_empty() {
            return Ok(());
        }
        // A staged table that Python dlt finds no version for is made anew.
        for place in [self.statements.place, &self.statements.place.staging()] {
            if query::list(self.statements.client, place)?.iter().any(|table| table == VERSION_TABLE) {
                let sql = format!("DELETE FROM {} WHERE schema_name = $1", place.table(VERSION_TABLE));
                self.statements.client.execute("forget the versions of the schema", &sql, &[(&schema, Type::TEXT)])?;
            }
        }
        self.statements.forget_columns();
        Ok(())
    }

    fn empty_tables(&mut self, tables: &[String]) -> Result<()> {
        let present = query::list(self.statements.client, self.statements.place)?;
        tables.iter().filter(|table| present.contains(table)).try_for_each(|table| self.empty(table))
    }

    fn evolve(&mut self, schema: &Schema) -> Result<()> {
        self.conflicts = ddl::evolve(self.statements.client, self.statements.place, schema, self.indexes)?;
        self.statements.forget_columns();
        Ok(())
    }

    fn write(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        for load in chain.tables.iter().filter(|load| !load.files.is_empty()) {
            if let Some(conflict) = self.conflicts.remove(&load.table.name) {
                return Err(conflict);
            }
        }
        self.write_chain(chain)
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.statements.notices()
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord<'_>) -> Result<()> {
        self.write_load(record)?;
        self.write_version(record.schema)?;
        if let Some(state) = record.state {
            self.write_state(record.load_id, state)?;
        }
        self.statements.client.batch("commit the load", "COMMIT")?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        if self.open && !self.statements.client.is_closed() {
            // Fails where the connection is lost, and then the server does it.
            let _ = self.statements.client.batch("undo the load", "ROLLBACK");
        }
    }
}

/// Microseconds as an instant.
fn instant(micros: &str) -> String {
    format!("('epoch'::timestamptz + {micros}::bigint * interval '1 microsecond')")
}

/// A number of a version.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
