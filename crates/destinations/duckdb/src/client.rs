//! The destination and its connections.

use crate::failure::explain;
use crate::instance::{Lease, Settings};
use crate::load::Load;
use crate::location;
use crate::names::{DatasetPath, quote};
use crate::query;
use crate::room::Room;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_engine::destination::{
    Access, Capabilities, Concurrency, Connection, Destination, Handover, Stored, Transaction,
};
use dlt_engine::schema::{LOADS_TABLE, STATE_TABLE, VERSION_TABLE};
use dlt_engine::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// A DuckDB database file. A dataset is a schema in it.
///
/// All connections of a process to one file share one open database, so one thread may load while another reads; the
/// options of the first that opens it count. The file is closed, and free for other processes, when the last connection
/// is dropped.
#[derive(Clone, Debug)]
pub struct DuckDb {
    file: PathBuf,
    name: Option<String>,
    settings: Settings,
}

impl DuckDb {
    /// The database in the file `path`, which is made by the first load if it is not there. A relative path is under the
    /// current folder.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for `:memory:` and the like, where nothing would be kept.
    pub fn at(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::new(location::absolute(path.as_ref())?))
    }

    /// The database that a person names: `duckdb` (then `default_file`), `duckdb:shop.duckdb`, a connection string as
    /// Python dlt takes it (`duckdb:///shop.duckdb` is relative, `duckdb:////data/shop.duckdb` absolute), or a path.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it names no file.
    pub fn from_spec(spec: &str, default_file: &Path) -> Result<Self> {
        Ok(Self::new(location::file_of(spec, default_file)?))
    }

    fn new(file: PathBuf) -> Self {
        Self { file, name: None, settings: Settings::default() }
    }

    /// Gives it a name of the user's own, as it is told in reports.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Bytes of memory that DuckDB may use for data before it spills to disk, and that a pipeline may use for rows before
    /// they are loaded. If not set: half of the memory that this process may take, on the machine or in its container.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.settings.memory_limit = Some(bytes);
        self
    }

    /// Threads that DuckDB uses (as many as there are cores if not set).
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.settings.threads = Some(threads);
        self
    }

    /// Bytes of DuckDB's log from which a commit brings it into the file; closing the file always does. If not set: 16 MiB.
    /// Where many loads follow each other with the file open, a larger log has the last rows of a table written less often.
    #[must_use]
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.settings.checkpoint_bytes = Some(bytes);
        self
    }

    /// The database file.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl Destination for DuckDb {
    fn type_name(&self) -> &str {
        "duckdb"
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("duckdb")
    }

    fn location(&self) -> String {
        format!("duckdb:///{}", self.file.display())
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new();
        capabilities.max_identifier_length = 65_536;
        capabilities.concurrency = Concurrency::OneProcess;
        capabilities.keys_within = true;
        capabilities
    }

    fn memory_limit(&self) -> Option<u64> {
        self.settings.limit()
    }

    fn is_there(&self) -> bool {
        self.file.exists()
    }

    fn handover(&self) -> Result<Handover> {
        let Some(file) = self.file.to_str() else {
            let what = format!("the path {} is not UTF-8, which other programs cannot be told", self.file.display());
            return Err(Error::new(ErrorKind::Config, what));
        };
        let handover = Handover::default().with("path", file);
        Ok(match self.settings.memory_limit {
            Some(bytes) => handover.with("memory_limit", format!("{bytes}B")),
            None => handover,
        })
    }

    fn connect(&self, dataset: &str, access: Access) -> Result<Box<dyn Connection>> {
        if dataset.is_empty() {
            return Err(Error::new(ErrorKind::Config, "a dataset needs a name"));
        }
        let lease = Lease::take(&self.file, access, self.settings)?;
        let place = DatasetPath::find(lease.connection()?, dataset)?;
        Ok(Box::new(Client { lease, place, access, memory_limit: self.settings.memory_limit }))
    }
}

struct Client {
    lease: Lease,
    place: DatasetPath,
    access: Access,
    memory_limit: Option<u64>,
}

impl Client {
    fn has_table(&self, table: &str) -> Result<bool> {
        let sql = "SELECT count(*) FROM duckdb_tables() \
             WHERE database_name = ? AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?)";
        let count: i64 = self
            .lease
            .connection()?
            .query_row(sql, [self.place.database(), self.place.dataset(), table], |row| row.get(0))
            .map_err(|error| explain("look up the dataset", &error))?;
        Ok(count > 0)
    }

    /// Those of the contract's own tables that are there, by their names in lower case.
    fn own_tables(&self) -> Result<Vec<String>> {
        let connection = self.lease.connection()?;
        let look = || -> duckdb::Result<Vec<String>> {
            let sql = format!(
                "SELECT lower(table_name) FROM duckdb_tables() WHERE database_name = ? AND lower(schema_name) = lower(?) \
                 AND lower(table_name) IN ('{VERSION_TABLE}', '{STATE_TABLE}', '{LOADS_TABLE}')"
            );
            let mut statement = connection.prepare(&sql)?;
            let names = statement.query_map([self.place.database(), self.place.dataset()], |row| row.get(0))?;
            names.collect()
        };
        look().map_err(|error| explain("look up the dataset", &error))
    }

    fn first_text(&self, doing: &str, sql: &str, key: &str) -> Result<Option<String>> {
        match self.lease.connection()?.query_row(sql, [key], |row| row.get::<_, String>(0)) {
            Ok(text) => Ok(Some(text)),
            Err(duckdb::Error::QueryReturnedNoRows) => Ok(None),
            Err(error) => Err(explain(doing, &error)),
        }
    }
}

impl Connection for Client {
    fn stored(&mut self, pipeline: &str, schema: &str) -> Result<Stored> {
        let mut stored = Stored::default();
        // One look at the catalogue: each takes longer than to read what is stored.
        let there = self.own_tables()?;
        let has = |table: &str| there.iter().any(|name| name == table);
        if has(VERSION_TABLE) {
            let sql = format!(
                "SELECT schema FROM {} WHERE schema_name = ? ORDER BY inserted_at DESC, version DESC LIMIT 1",
                self.place.table(VERSION_TABLE)
            );
            stored.schema = self.first_text("read the stored schema", &sql, schema)?;
        }
        if has(STATE_TABLE) && has(LOADS_TABLE) {
            // Load ids are compared as text by all who share the dataset.
            let sql = format!(
                "SELECT s.state FROM {} AS s JOIN {} AS l ON l.load_id = s._dlt_load_id \
                 WHERE s.pipeline_name = ? AND l.status = 0 ORDER BY l.load_id DESC, s.version DESC LIMIT 1",
                self.place.table(STATE_TABLE),
                self.place.table(LOADS_TABLE)
            );
            stored.state = self.first_text("read the stored state", &sql, pipeline)?;
        }
        Ok(stored)
    }

    fn is_loaded(&mut self, load_id: &str) -> Result<bool> {
        if !self.has_table(LOADS_TABLE)? {
            return Ok(false);
        }
        let sql = format!("SELECT count(*) FROM {} WHERE load_id = ? AND status = 0", self.place.table(LOADS_TABLE));
        let count: i64 = self
            .lease
            .connection()?
            .query_row(&sql, [load_id], |row| row.get(0))
            .map_err(|error| explain("look up the load", &error))?;
        Ok(count > 0)
    }

    fn begin<'a>(&'a mut self) -> Result<Box<dyn Transaction + 'a>> {
        if self.access == Access::Read {
            return Err(Error::new(ErrorKind::Internal, "a load needs a connection that may write"));
        }
        Ok(Box::new(Load::begin(
            self.lease.connection()?,
            &self.place,
            Room::new(self.lease.threads(), self.memory_limit),
        )?))
    }

    fn tables(&mut self) -> Result<Vec<String>> {
        query::tables(self.lease.connection()?, &self.place)
    }

    fn query(&mut self, sql: &str, on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>) -> Result<()> {
        query::run(self.lease.connection()?, &self.place, self.access, sql, on_batch)
    }

    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }
}
