//! The tables as a destination of the engine: loads come through it, as into any other.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_destination_duckdb::in_memory::{InMemory, parquet, quote, sql_type};
use dlt_engine::destination::{
    Access, Capabilities, ChainLoad, Connection, Destination, LoadRecord, StateRecord, Stored, Transaction, Write,
};
use dlt_engine::schema::{MergeStrategy, STATE_TABLE, Schema, Table, VERSION_TABLE};
use dlt_engine::{Error, ErrorKind, Result};

use super::change::Change;
use super::mirror::{IDS, InFiles, hash_of_message, of_dataset, text};
use super::{Shared, Writer, is_in_files};
use crate::store::schema::{DATASET, EVENTS, LOADS, PIPELINE};

const DOING: &str = "load into the tables";

/// The destination.
pub(super) struct FilesDestination {
    shared: Arc<Shared>,
}

impl FilesDestination {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Destination for FilesDestination {
    fn type_name(&self) -> &str {
        "filesystem"
    }

    fn fingerprint(&self) -> String {
        self.shared.place.fingerprint()
    }

    fn location(&self) -> String {
        self.shared.location.clone()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new();
        capabilities.merge_strategies = &[MergeStrategy::InsertOnly];
        capabilities.keys_within = true;
        capabilities
    }

    fn is_there(&self) -> bool {
        self.shared.place.is_there()
    }

    fn connect(&self, dataset: &str, _access: Access) -> Result<Box<dyn Connection>> {
        if dataset != DATASET {
            return Err(Error::new(ErrorKind::Internal, "the tracker has one dataset"));
        }
        drop(self.shared.current()?);
        Ok(Box::new(FilesConnection { shared: Arc::clone(&self.shared), reader: self.shared.reader()?.0 }))
    }
}

struct FilesConnection {
    shared: Arc<Shared>,
    reader: InMemory,
}

impl FilesConnection {
    fn has(&self, table: &str) -> Result<bool> {
        let sql = format!(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = '{DATASET}' AND table_name = '{table}'"
        );
        Ok(self.reader.number(DOING, &sql)? > 0)
    }

    /// The text of the newest row of a table.
    fn newest(&self, table: &str, column: &str, condition: &str, order: &str) -> Result<Option<String>> {
        if !self.has(table)? {
            return Ok(None);
        }
        let mut found = None;
        let sql = format!(
            "SELECT {column} AS found FROM {} WHERE {condition} ORDER BY {order} DESC, version DESC LIMIT 1",
            of_dataset(table)
        );
        self.reader.query(&sql, &mut |_, batch| {
            let rows = dlt_engine::rows_of(&batch)?;
            found = found.take().or_else(|| rows.first()?.get("found")?.as_str().map(str::to_owned));
            Ok(())
        })?;
        Ok(found)
    }
}

impl Connection for FilesConnection {
    fn stored(&mut self, pipeline: &str, schema: &str) -> Result<Stored> {
        // What was committed meanwhile is asked for anew.
        self.reader = self.shared.reader()?.0;
        let of_schema = format!("schema_name = {}", text(schema));
        let of_pipeline = format!("pipeline_name = {}", text(pipeline));
        Ok(Stored {
            schema: self.newest(VERSION_TABLE, "schema", &of_schema, "inserted_at")?,
            state: self.newest(STATE_TABLE, "state", &of_pipeline, "created_at")?,
        })
    }

    /// Each load has a row in `journal_loads`.
    fn is_loaded(&mut self, load_id: &str) -> Result<bool> {
        self.reader = self.shared.reader()?.0;
        if !self.has(LOADS)? {
            return Ok(false);
        }
        let sql = format!("SELECT count(*) FROM {LOADS} WHERE _dlt_load_id = {}", text(load_id));
        Ok(self.reader.number(DOING, &sql)? > 0)
    }

    fn begin<'a>(&'a mut self) -> Result<Box<dyn Transaction + 'a>> {
        if self.shared.writer()? != Writer::This {
            return Err(self.shared.taken());
        }
        let change = self.shared.change()?;
        Ok(Box::new(Load { change }))
    }

    fn tables(&mut self) -> Result<Vec<String>> {
        Ok(self.shared.current()?.mirror.as_ref().map(|mirror| mirror.tables.names()).unwrap_or_default())
    }

    fn query(&mut self, sql: &str, on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>) -> Result<()> {
        self.reader = self.shared.reader()?.0;
        self.reader.query(sql, on_batch)
    }

    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }
}

/// One load.
struct Load<'a> {
    change: Change<'a>,
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("the tracker's files are not {what}"))
}

impl Load<'_> {
    /// Makes a table, or adds the columns that it lacks.
    fn ensure(&mut self, table: &Table) -> Result<()> {
        let name = &table.name;
        let wanted = table.complete_columns().filter_map(|(column, _)| {
            let sql = sql_type(column)?;
            // As information_schema calls it.
            let sql = if sql == "TIMESTAMPTZ" { "TIMESTAMP WITH TIME ZONE".to_owned() } else { sql };
            Some((column.name.clone(), sql))
        });
        let wanted: Vec<(String, String)> = wanted.collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mirror = self.change.mirror()?;
        if is_in_files(name) {
            let known = mirror.in_files.entry(name.clone()).or_insert_with(InFiles::default);
            let (has, is_new) = (known.columns.len(), known.columns.is_empty());
            for column in wanted {
                if !known.columns.iter().any(|(known, _)| *known == column.0) {
                    known.columns.push(column);
                }
            }
            if known.columns.len() > has {
                known.is_mixed = known.is_mixed || !is_new && !known.files.is_empty();
                mirror.show(name)?;
                self.change.is_described(name);
            }
            return Ok(());
        }
        let has = mirror.columns(name)?;
        let place = of_dataset(name);
        if has.is_empty() {
            let columns: Vec<String> = wanted.iter().map(|(name, sql)| format!("{} {sql}", quote(name))).collect();
            mirror.database.execute(DOING, &format!("CREATE TABLE {place} ({})", columns.join(", ")))?;
            self.change.is_other(name);
            return Ok(());
        }
        for (column, sql) in wanted.iter().filter(|(column, _)| !has.iter().any(|(known, _)| known == column)) {
            let sql = format!("ALTER TABLE {place} ADD COLUMN {} {sql}", quote(column));
            self.change.mirror()?.database.execute(DOING, &sql)?;
            self.change.is_other(name);
        }
        Ok(())
    }

    /// The condition for rows of a table in files that may have the key of a new one. What a key is within is looked at by the merge.
    fn meets(&mut self, root: &Table, new: &str) -> Result<String> {
        let keys = root.columns_with("primary_key");
        let [key] = keys.as_slice() else { return Err(refused("merged without a key")) };
        let (key, database) = (quote(key), &self.change.mirror()?.database);
        if root.name != EVENTS {
            return Ok(format!("{key} IN (SELECT {key} FROM {new})"));
        }
        // A file has no column that is null in all of its rows.
        let has_project = database.columns_of(DOING, new)?.iter().any(|column| column == "project");
        let known = format!("{new} AS new WHERE {} IN (SELECT hash FROM {IDS})", hash_of_message(has_project));
        Ok(match database.number(DOING, &format!("SELECT count(*) FROM {known}"))? {
            0 => "false".to_owned(),
            _ => format!("{key} IN (SELECT {key} FROM {known})"),
        })
    }

    fn merge_into_files(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        let none = || vec![0; chain.tables.len()];
        let Some(root) = chain.tables.first().filter(|root| !root.files.is_empty()) else { return Ok(none()) };
        let condition = self.meets(root.table, &parquet(&root.files)?)?;
        let mut lasts = Vec::new();
        for (at, load) in chain.tables.iter().enumerate() {
            let condition = if at == 0 { &condition } else { "false" };
            lasts.push(self.change.stage(&load.table.name, condition)?);
        }
        let added = self.change.mirror()?.database.merge("incoming", chain, MergeStrategy::InsertOnly)?;
        for (load, last) in chain.tables.iter().zip(lasts) {
            self.change.take(&load.table.name, last)?;
        }
        Ok(added)
    }

    fn write_version(&mut self, schema: &Schema) -> Result<()> {
        let place = of_dataset(VERSION_TABLE);
        let known = format!(
            "SELECT count(*) FROM (SELECT version_hash FROM {place} WHERE schema_name = {} \
             ORDER BY inserted_at DESC, version DESC LIMIT 1) AS newest WHERE version_hash = {}",
            text(&schema.name),
            text(&schema.version_hash)
        );
        if self.change.mirror()?.database.number(DOING, &known)? > 0 {
            return Ok(());
        }
        self.change.grows(VERSION_TABLE)?;
        let sql = format!(
            "INSERT INTO {place} (version, engine_version, inserted_at, schema_name, version_hash, schema) SELECT {}, {}, \
             make_timestamptz(greatest({}, (SELECT coalesce(max(epoch_us(inserted_at)) + 1, 0) FROM {place}))), {}, {}, {}",
            schema.version,
            schema.engine_version,
            jiff::Timestamp::now().as_microsecond(),
            text(&schema.name),
            text(&schema.version_hash),
            text(&schema.to_stored())
        );
        self.change.mirror()?.database.execute(DOING, &sql)
    }

    fn write_state(&mut self, load_id: &str, state: &StateRecord) -> Result<()> {
        let mut tables = Schema::new(PIPELINE);
        tables.ensure_state_table();
        if let Some(table) = tables.tables.get(STATE_TABLE).cloned() {
            self.ensure(&table)?;
        }
        self.change.grows(STATE_TABLE)?;
        let sql = format!(
            "INSERT INTO {} (version, engine_version, pipeline_name, state, created_at, version_hash, _dlt_load_id, _dlt_id) \
             VALUES ({}, {}, {}, {}, make_timestamptz({}), {}, {}, {})",
            of_dataset(STATE_TABLE),
            state.version,
            state.engine_version,
            text(&state.pipeline_name),
            text(&state.state),
            state.created_at_micros,
            text(&state.version_hash),
            text(load_id),
            text(&state.row_id)
        );
        self.change.mirror()?.database.execute(DOING, &sql)
    }

    /// Notes how many events of the load were there before. Nobody else writes, so this is known now.
    fn settle(&mut self, load_id: &str) -> Result<()> {
        let is_staged =
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'incoming' AND table_name = 'events'";
        let mirror = self.change.mirror()?;
        let came = match mirror.database.number(DOING, is_staged)? > 0 {
            // What was there before has lower numbers.
            true => {
                "(SELECT count(*) FROM incoming.events AS came WHERE came.journal_seq BETWEEN first_seq AND last_seq)"
            }
            false => "0",
        };
        let sql = format!(
            "UPDATE {LOADS} SET deduplicated = greatest(events - {came}, 0) \
             WHERE _dlt_load_id = {} AND deduplicated IS NULL AND last_seq >= first_seq",
            text(load_id)
        );
        mirror.database.execute(DOING, &sql)
    }
}

impl Transaction for Load<'_> {
    fn drop_tables(&mut self, _schema: &str, tables: &[String]) -> Result<()> {
        if tables.is_empty() { Ok(()) } else { Err(refused("dropped")) }
    }

    fn empty_tables(&mut self, tables: &[String]) -> Result<()> {
        if tables.is_empty() { Ok(()) } else { Err(refused("emptied")) }
    }

    fn evolve(&mut self, schema: &Schema) -> Result<()> {
        self.change.mirror()?.database.execute(DOING, "DROP SCHEMA incoming CASCADE; CREATE SCHEMA incoming")?;
        // The loads have their own record of each load, and files for a second one would be many.
        let tables = schema.tables.values().filter(|table| table.name != dlt_engine::schema::LOADS_TABLE);
        tables.cloned().collect::<Vec<_>>().iter().try_for_each(|table| self.ensure(table))
    }

    fn write(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        if chain.write != Write::Merge(MergeStrategy::InsertOnly) {
            return Err(refused("written so"));
        }
        match chain.tables.first().is_some_and(|root| is_in_files(&root.table.name)) {
            true => self.merge_into_files(chain),
            false => {
                for load in &chain.tables {
                    self.change.grows(&load.table.name)?;
                }
                self.change.mirror()?.database.merge(DATASET, chain, MergeStrategy::InsertOnly)
            }
        }
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord<'_>) -> Result<()> {
        self.write_version(record.schema)?;
        if let Some(state) = record.state {
            self.write_state(record.load_id, state)?;
        }
        self.settle(record.load_id)?;
        self.change.commit()
    }
}
