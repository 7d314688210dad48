//! An open connection of a driver, and what is asked of it.

use crate::bucket::Staging;
use crate::dialect::{Dialect, literal};
use crate::failure::{explain, explain_refusal, explain_stream};
use adbc_core::error::Result as AdbcResult;
use adbc_core::options::{IngestMode, OptionConnection, OptionStatement};
use adbc_core::{Connection as _, Optionable as _, Statement as _};
use adbc_driver_manager::{ManagedConnection, ManagedStatement};
use arrow::array::{Array, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dlt_engine::{Error, ErrorKind, Result};
use std::sync::Arc;

/// A connection with the dialect of its database.
#[derive(Clone)]
pub(crate) struct Link {
    connection: ManagedConnection,
    dialect: Dialect,
    staging: Option<Arc<Staging>>,
}

/// A row of a catalog, as text.
pub(crate) type Texts = Vec<Option<String>>;

impl Link {
    pub(crate) fn new(connection: ManagedConnection, dialect: Dialect, staging: Option<Arc<Staging>>) -> Self {
        Self { connection, dialect, staging }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn statement(&self) -> AdbcResult<ManagedStatement> {
        // Clones share the connection.
        self.connection.clone().new_statement()
    }

    /// Runs a statement; how many rows it changed, if the driver tells.
    pub(crate) fn run(&self, sql: &str) -> AdbcResult<Option<u64>> {
        let mut statement = self.statement()?;
        statement.set_sql_query(sql)?;
        Ok(statement.execute_update()?.and_then(|rows| u64::try_from(rows).ok()))
    }

    /// Runs a statement that `doing` tells of.
    pub(crate) fn execute(&self, doing: &str, sql: &str) -> Result<u64> {
        self.run(sql).map(Option::unwrap_or_default).map_err(|error| explain(doing, &error, self.dialect))
    }

    /// The result of a query, piece by piece. `options` are the driver's own.
    pub(crate) fn stream(
        &self,
        sql: &str,
        options: &[(&str, &str)],
    ) -> AdbcResult<Box<dyn RecordBatchReader + Send + 'static>> {
        let mut statement = self.statement()?;
        for (key, value) in options {
            statement.set_option(OptionStatement::Other((*key).to_owned()), (*value).into())?;
        }
        statement.set_sql_query(sql)?;
        let reader = statement.execute()?;
        Ok(Box::new(Answer { reader, _statement: statement }))
    }

    /// Has a statement understood and not run.
    pub(crate) fn check(&self, sql: &str) -> AdbcResult<()> {
        let mut statement = self.statement()?;
        statement.set_sql_query(sql)?;
        statement.prepare()
    }

    /// All batches of a small result.
    pub(crate) fn batches(&self, doing: &str, sql: &str) -> Result<Vec<RecordBatch>> {
        let reader = self.stream(sql, &[]).map_err(|error| explain(doing, &error, self.dialect))?;
        reader.collect::<Result<_, _>>().map_err(|error| explain_stream(doing, &error, self.dialect))
    }

    /// All rows of a small result, as text.
    pub(crate) fn rows(&self, doing: &str, sql: &str) -> Result<Vec<Texts>> {
        let mut rows = Vec::new();
        for batch in self.batches(doing, sql)? {
            texts(&batch, &mut rows).map_err(|cause| {
                Error::new(ErrorKind::Destination, format!("cannot {doing}: the answer cannot be read")).because(cause)
            })?;
        }
        Ok(rows)
    }

    /// The first value of the first row, as text.
    pub(crate) fn first(&self, doing: &str, sql: &str) -> Result<Option<String>> {
        let row = self.rows(doing, sql)?.into_iter().next();
        Ok(row.and_then(|row| row.into_iter().next()).flatten())
    }

    /// The number that a query gives.
    pub(crate) fn number(&self, doing: &str, sql: &str) -> Result<i64> {
        let text = self.first(doing, sql)?;
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::new(ErrorKind::Destination, format!("cannot {doing}: the answer is no number")))
    }

    /// Makes a temporary table of what `rows` gives: `doing` tells of it.
    pub(crate) fn ingest(&self, doing: &str, table: &str, rows: Box<dyn RecordBatchReader + Send>) -> Result<()> {
        match &self.staging {
            Some(staging) => staging.ingest(self.dialect, &|sql| self.run(sql).map(drop), table, rows),
            None => self.bind(table, rows).map_err(|error| explain_refusal(doing, &error, self.dialect)),
        }
    }

    fn bind(&self, table: &str, rows: Box<dyn RecordBatchReader + Send>) -> AdbcResult<()> {
        let mut statement = self.statement()?;
        statement.set_option(OptionStatement::TargetTable, table.into())?;
        statement.set_option(OptionStatement::IngestMode, IngestMode::Create.into())?;
        statement.set_option(OptionStatement::Temporary, true.into())?;
        statement.bind_stream(rows)?;
        statement.execute_update().map(drop)
    }

    /// Makes names without a schema mean tables of this one, if the driver or the SQL of the database can.
    pub(crate) fn set_schema(&self, schema: &str) {
        // Names that have their schema before them are understood all the same.
        if self.connection.clone().set_option(OptionConnection::CurrentSchema, schema.into()).is_err() {
            let _ = self.run(&format!("SET SCHEMA {}", literal(schema)));
        }
    }

    /// Begins a transaction, or ends one by committing it.
    pub(crate) fn autocommit(&self, on: bool) -> AdbcResult<()> {
        self.connection.clone().set_option(OptionConnection::AutoCommit, on.into())
    }

    pub(crate) fn commit(&self) -> AdbcResult<()> {
        self.connection.clone().commit()
    }

    pub(crate) fn rollback(&self) -> AdbcResult<()> {
        self.connection.clone().rollback()
    }
}

/// What a statement gives. Some drivers end it with the statement.
struct Answer {
    reader: Box<dyn RecordBatchReader + Send>,
    _statement: ManagedStatement,
}

impl Iterator for Answer {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.reader.next()
    }
}

impl RecordBatchReader for Answer {
    fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }
}

fn texts(batch: &RecordBatch, rows: &mut Vec<Texts>) -> Result<(), ArrowError> {
    let options = FormatOptions::new();
    let columns = batch.columns().iter();
    let columns = columns.map(|column| ArrayFormatter::try_new(column, &options)).collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        let texts = columns.iter().zip(batch.columns());
        rows.push(texts.map(|(shown, column)| (!column.is_null(row)).then(|| shown.value(row).to_string())).collect());
    }
    Ok(())
}
