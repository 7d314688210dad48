//! New rows by way of files: written into a store as Parquet, and taken from there by the database itself.
//!
//! A warehouse reads files of a store by many machines at once, where a driver sends rows over one connection. How a
//! database is told to read a file differs so much that a person says it: [`Staging::copy`] is SQL of the database.

use crate::dialect::{Dialect, quote};
use crate::failure::explain_refusal;
use adbc_core::error::Result as AdbcResult;
use arrow::array::RecordBatchReader;
use arrow::datatypes::{DataType as ArrowType, SchemaRef};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Address, Credentials, Store, StoreError, Writer};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The folder of the staged files, below the address.
const FOLDER: &str = "_dlt_staged";

/// Bytes of a file before the next is begun: a size that warehouses recommend.
const FILE_BYTES: u64 = 128 << 20;

/// The age at which a file was left by a load that was killed: no load takes as long.
const LEFT_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// What stands for the table in the statement, and what for the file.
const PLACEHOLDERS: [&str; 2] = ["{table}", "{url}"];

/// Where files are staged, and how the database takes one.
#[derive(Clone)]
pub(crate) struct Staging {
    address: Address,
    credentials: Credentials,
    copy: String,
}

impl Staging {
    /// `copy` is a statement in which `{table}` stands for a table and `{url}` for a file, as the inside of a text of SQL.
    ///
    /// # Errors
    /// What is wrong with the statement, in words that follow its name.
    pub(crate) fn new(address: Address, credentials: Credentials, copy: String) -> Result<Self, String> {
        if let Some(missing) = PLACEHOLDERS.iter().find(|name| !copy.contains(*name)) {
            return Err(format!("has no `{missing}`"));
        }
        Ok(Self { address, credentials, copy })
    }

    /// Makes the temporary table `name` of what `rows` gives, file by file; `run` runs a statement.
    ///
    /// # Errors
    /// If the rows cannot be read, the store cannot be written, or the database does not take a file. Nothing stays in the store.
    pub(crate) fn ingest(
        &self,
        dialect: Dialect,
        run: &dyn Fn(&str) -> AdbcResult<()>,
        name: &str,
        rows: Box<dyn RecordBatchReader + Send>,
    ) -> Result<()> {
        let store = Store::open(&self.address.join(FOLDER), &self.credentials).map_err(of_store)?;
        remove_left(&store)?;
        let schema = rows.schema();
        let refused = |doing: &str, error| explain_refusal(doing, &error, dialect);
        run(&temporary_table(name, &schema)?).map_err(|error| refused("make a temporary table", error))?;
        let mut rows = rows.peekable();
        let mut number = 0;
        let load = new_name();
        while rows.peek().is_some() {
            let file = Staged { store: &store, key: format!("{load}.{number}.parquet") };
            number += 1;
            write(&file, &schema, &mut rows)?;
            let taken = run(&self.statement(&dialect.temporary(name), &file));
            taken.map_err(|error| {
                let refused = refused("have the database take a staged file", error);
                match refused.advice() {
                    Some(_) => refused,
                    None => refused.hint("see that `staging.copy` is right, and that the database may read the store"),
                }
            })?;
        }
        Ok(())
    }

    fn statement(&self, table: &str, file: &Staged<'_>) -> String {
        let url = match file.store.local_path(&file.key) {
            Some(path) => path.display().to_string(),
            None => file.store.address().join(&file.key).to_string(),
        };
        self.copy.replace("{table}", table).replace("{url}", &url.replace('\'', "''"))
    }
}

/// A file of the store, which goes when the database has it, or has refused it.
struct Staged<'s> {
    store: &'s Store,
    key: String,
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is by the next load, when it is old.
        let _ = self.store.delete([self.key.as_str()]);
    }
}

fn of_store(error: StoreError) -> Error {
    error.into_engine(ErrorKind::Destination)
}

/// Writes rows until the file is large enough.
fn write(
    file: &Staged<'_>,
    schema: &SchemaRef,
    rows: &mut dyn Iterator<Item = Result<arrow::record_batch::RecordBatch, arrow::error::ArrowError>>,
) -> Result<()> {
    let failed = |error: ParquetError| {
        let of_the_store = match &error {
            ParquetError::External(cause) => cause.downcast_ref().and_then(StoreError::of_io).cloned(),
            _ => None,
        };
        let unknown = || Error::new(ErrorKind::Destination, "a staged file cannot be written").because(error);
        of_the_store.map_or_else(unknown, of_store)
    };
    let sink: Writer = file.store.writer(&file.key).map_err(of_store)?;
    let mut writer = ArrowWriter::try_new(sink, std::sync::Arc::clone(schema), None).map_err(failed)?;
    for batch in rows {
        let batch = batch.map_err(|cause| Error::new(ErrorKind::Internal, "the rows cannot be read").because(cause))?;
        writer.write(&batch).map_err(failed)?;
        if writer.bytes_written() as u64 + writer.in_progress_size() as u64 >= FILE_BYTES {
            break;
        }
    }
    writer.into_inner().map_err(failed)?.finish().map_err(of_store)
}

/// A name that no other load has, which tells when it was given.
fn new_name() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:016x}", since.as_secs(), RandomState::new().build_hasher().finish())
}

/// Removes files of loads that were killed.
fn remove_left(store: &Store) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let is_left = |key: &str| {
        let begun = key.split('.').next().and_then(|seconds| seconds.parse().ok());
        begun.is_some_and(|begun| now.saturating_sub(Duration::from_secs(begun)) > LEFT_AFTER)
    };
    let mut left = Vec::new();
    for object in store.list("").map_err(of_store)? {
        let key = object.map_err(of_store)?.key;
        if is_left(&key) {
            left.push(key);
        }
    }
    store.delete(left.iter().map(String::as_str)).map_err(of_store)
}

fn temporary_table(name: &str, schema: &SchemaRef) -> Result<String> {
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let sql_type = match field.data_type() {
            ArrowType::Utf8 => "VARCHAR",
            ArrowType::Int64 => "BIGINT",
            ArrowType::Float64 => "DOUBLE PRECISION",
            ArrowType::Boolean => "BOOLEAN",
            ArrowType::Binary => "VARBINARY",
            other => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    format!("column `{}` is staged as {other}, which has no type of SQL", field.name()),
                ));
            }
        };
        columns.push(format!("{} {sql_type}", quote(field.name())));
    }
    Ok(format!("CREATE TEMPORARY TABLE {} ({})", quote(name), columns.join(", ")))
}
