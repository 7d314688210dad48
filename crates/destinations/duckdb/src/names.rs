//! Names in SQL: quoting, and where a dataset is.

use crate::failure::explain;
use dlt_engine::Result;

/// A dataset by its full name. DuckDB takes `a.b` for either a schema and a table or a database and a schema, and a file
/// `shop.duckdb` with a dataset `shop` would be ambiguous.
#[derive(Clone, Debug)]
pub(crate) struct DatasetPath {
    database: String,
    dataset: String,
}

impl DatasetPath {
    pub(crate) fn find(connection: &duckdb::Connection, dataset: &str) -> Result<Self> {
        let database = connection
            .query_row("SELECT current_database()", [], |row| row.get(0))
            .map_err(|error| explain("open the database", &error))?;
        Ok(Self { database, dataset: dataset.to_owned() })
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    pub(crate) fn dataset(&self) -> &str {
        &self.dataset
    }

    /// The dataset beside this one that Python dlt merges by way of.
    pub(crate) fn staging(&self) -> Self {
        Self { database: self.database.clone(), dataset: format!("{}_staging", self.dataset) }
    }

    /// The dataset, quoted for SQL.
    pub(crate) fn schema(&self) -> String {
        format!("{}.{}", quote(&self.database), quote(&self.dataset))
    }

    /// A table of the dataset, quoted for SQL.
    pub(crate) fn table(&self, table: &str) -> String {
        format!("{}.{}", self.schema(), quote(table))
    }
}

/// An identifier for SQL.
pub(crate) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
