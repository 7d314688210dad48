//! Queries over files, for destinations that have no engine of their own.

use crate::failure::explain;
use crate::library::open_library;
use crate::merge::Merging;
use crate::names::DatasetPath;
use crate::statements::Statements;
use crate::{ddl, memory, names, query, statements};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_engine::Result;
use dlt_engine::destination::ChainLoad;
use dlt_engine::schema::{Column, MergeStrategy};
use duckdb::{Config, Connection};
use std::path::{Path, PathBuf};

/// A database in memory, which is gone when it is dropped. What does not fit into half of the machine's memory spills into a folder.
pub struct InMemory {
    connection: Connection,
}

impl InMemory {
    /// Opens one; `spill` is a folder that is there.
    ///
    /// # Errors
    /// [`dlt_engine::ErrorKind::Destination`] when there is no library of DuckDB, or no memory.
    pub fn open(spill: &Path) -> Result<Self> {
        open_library()?;
        let open = || -> duckdb::Result<Connection> {
            let mut config = Config::default()
                .enable_autoload_extension(false)?
                .with("autoinstall_known_extensions", "false")?
                .with("allow_community_extensions", "false")?
                .with("temp_directory", spill.to_string_lossy())?;
            if let Some(bytes) = memory::default_limit() {
                config = config.max_memory(&format!("{bytes}B"))?;
            }
            let connection = Connection::open_in_memory_with_flags(config)?;
            connection.execute_batch("SET TimeZone = 'UTC'")?;
            Ok(connection)
        };
        open().map(|connection| Self { connection }).map_err(|error| explain("open a database in memory", &error))
    }

    /// Another connection to the same database, which sees what this one has committed. It has settings of its own.
    ///
    /// # Errors
    /// What DuckDB says.
    pub fn beside(&self) -> Result<Self> {
        let open = || -> duckdb::Result<Connection> {
            let connection = self.connection.try_clone()?;
            connection.execute_batch("SET TimeZone = 'UTC'")?;
            Ok(connection)
        };
        open().map(|connection| Self { connection }).map_err(|error| explain("open a database in memory", &error))
    }

    /// Runs statements of the caller, such as those that make views.
    ///
    /// # Errors
    /// What DuckDB says; `doing` tells what they are for.
    pub fn execute(&self, doing: &str, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(|error| explain(doing, &error))
    }

    /// Names of the columns of what can stand behind `FROM`.
    ///
    /// # Errors
    /// What DuckDB says; `doing` tells what they are for.
    pub fn columns_of(&self, doing: &str, relation: &str) -> Result<Vec<String>> {
        let names = || -> duckdb::Result<Vec<String>> {
            let mut statement = self.connection.prepare(&format!("DESCRIBE SELECT * FROM {relation}"))?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        names().map_err(|error| explain(doing, &error))
    }

    /// Runs a query that gives one number.
    ///
    /// # Errors
    /// What DuckDB says; `doing` tells what it is for.
    pub fn number(&self, doing: &str, sql: &str) -> Result<i64> {
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(|error| explain(doing, &error))
    }

    /// Merges the rows of a chain into tables of a schema, which are there with all their columns; returns how many rows were added to
    /// each.
    ///
    /// # Errors
    /// As [`dlt_engine::sql::merge`].
    pub fn merge(&self, schema: &str, chain: &ChainLoad<'_>, strategy: MergeStrategy) -> Result<Vec<u64>> {
        let place = DatasetPath::find(&self.connection, schema)?;
        let statements = Statements { connection: &self.connection, place: &place };
        let mut merging = Merging::new(&statements);
        let added = dlt_engine::sql::merge(&mut merging, chain, strategy)?;
        merging.finish()?;
        Ok(added)
    }

    /// Runs one query that reads, as [`dlt_engine::destination::Connection::query`] does.
    ///
    /// # Errors
    /// [`dlt_engine::ErrorKind::Config`] if it is no single query that reads; what DuckDB says, or what `on_batch` returned.
    pub fn query(&self, sql: &str, on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>) -> Result<()> {
        query::read(&self.connection, sql, on_batch)
    }
}

/// What stands behind `FROM` for the rows of Parquet files.
///
/// # Errors
/// [`dlt_engine::ErrorKind::Storage`] if a path is not UTF-8.
pub fn parquet(files: &[PathBuf]) -> Result<String> {
    statements::parquet(files)
}

/// An identifier for SQL.
pub fn quote(identifier: &str) -> String {
    names::quote(identifier)
}

/// The type that a column has in DuckDB; `None` while its type is not known.
pub fn sql_type(column: &Column) -> Option<String> {
    ddl::sql_type(column)
}

/// A path as a text of SQL, in which nothing stands for anything else.
///
/// # Errors
/// [`dlt_engine::ErrorKind::Storage`] if it is not UTF-8.
pub fn path_literal(path: &Path) -> Result<String> {
    statements::literal(path)
}
