//! Reading a dataset back.

use crate::destination::{Access, Connection, Destination, Row};
use crate::error::{Error, ErrorKind, Result};
use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::datatypes::{DataType as ArrowType, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;
use std::sync::Arc;

/// A dataset in a destination, open for reading.
pub struct Dataset {
    name: String,
    connection: Box<dyn Connection>,
}

impl Dataset {
    /// Opens the dataset.
    ///
    /// # Errors
    /// If the destination cannot be opened, or has no such dataset.
    pub fn open(destination: &Arc<dyn Destination>, name: &str) -> Result<Self> {
        let mut connection = destination.connect(name, Access::Read)?;
        connection.tables()?;
        Ok(Self { name: name.to_owned(), connection })
    }

    /// Name of the dataset.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tables that hold the user's data, in order of creation.
    ///
    /// # Errors
    /// If the destination fails.
    pub fn tables(&mut self) -> Result<Vec<String>> {
        let tables = self.connection.tables()?;
        Ok(tables.into_iter().filter(|table| !table.starts_with("_dlt_")).collect())
    }

    /// Rows of each of [`Dataset::tables`].
    ///
    /// # Errors
    /// If the destination fails.
    pub fn row_counts(&mut self) -> Result<Vec<(String, u64)>> {
        let mut counts = Vec::new();
        for table in self.tables()? {
            let sql = format!("SELECT count(*) AS rows FROM {}", self.connection.quote(&table));
            let rows = self.rows(&sql)?;
            let count = rows.first().and_then(|row| row.get("rows")).and_then(Value::as_u64);
            counts.push((table, count.unwrap_or(0)));
        }
        Ok(counts)
    }

    /// A table of the dataset.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn table(&mut self, name: &str) -> Result<TableAccess<'_>> {
        let tables = self.connection.tables()?;
        if !tables.iter().any(|table| table == name) {
            let known: Vec<&str> =
                tables.iter().map(String::as_str).filter(|table| !table.starts_with("_dlt_")).collect();
            let dataset = &self.name;
            return Err(Error::new(ErrorKind::Config, format!("dataset `{dataset}` has no table `{name}`"))
                .hint(format!("its tables are {}", known.join(", "))));
        }
        Ok(TableAccess { name: name.to_owned(), dataset: self })
    }

    /// Runs a query; unqualified names are tables of the dataset. `on_batch` gets the result piece by piece.
    ///
    /// # Errors
    /// What the destination says, or what `on_batch` returned.
    pub fn query(&mut self, sql: &str, on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>) -> Result<()> {
        self.connection.query(sql, &mut |_, batch| {
            let batch = relabel_utc(&batch)?;
            on_batch(&batch.schema(), batch)
        })
    }

    /// Runs a query and returns its rows as JSON objects.
    ///
    /// # Errors
    /// What the destination says.
    pub fn rows(&mut self, sql: &str) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        self.query(sql, &mut |_, batch| {
            rows.extend(rows_of(&batch)?);
            Ok(())
        })?;
        Ok(rows)
    }
}

/// A table, for reading.
pub struct TableAccess<'a> {
    name: String,
    dataset: &'a mut Dataset,
}

impl TableAccess<'_> {
    /// All rows as JSON objects.
    ///
    /// # Errors
    /// If the destination fails.
    pub fn rows(&mut self) -> Result<impl Iterator<Item = Row> + use<>> {
        let sql = self.select();
        Ok(self.dataset.rows(&sql)?.into_iter())
    }

    /// All rows as Arrow, piece by piece.
    ///
    /// # Errors
    /// If the destination fails, or what `on_batch` returned.
    pub fn batches(&mut self, on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>) -> Result<()> {
        let sql = self.select();
        self.dataset.query(&sql, on_batch)
    }

    fn select(&self) -> String {
        format!("SELECT * FROM {}", self.dataset.connection.quote(&self.name))
    }
}

/// Instants whose zone is called `UTC`, with that zone as the offset `+00:00`: the one form that everything which shows
/// Arrow understands without a database of zones. The values are the same.
///
/// # Errors
/// Never for a batch that is in order.
pub fn relabel_utc(batch: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        match field.data_type() {
            ArrowType::Timestamp(unit, Some(zone)) if zone.as_ref() == "UTC" || zone.as_ref() == "Etc/UTC" => {
                let named = ArrowType::Timestamp(*unit, Some("+00:00".into()));
                let data = array.to_data().into_builder().data_type(named.clone()).build().map_err(unreadable)?;
                fields.push(Arc::new(field.as_ref().clone().with_data_type(named)));
                columns.push(make_array(data));
            }
            _ => {
                fields.push(field.clone());
                columns.push(array.clone());
            }
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(unreadable)
}

fn unreadable(error: arrow::error::ArrowError) -> Error {
    Error::new(ErrorKind::Destination, "a result cannot be shown").because(error)
}

/// The rows of a batch as JSON objects: numbers and booleans as such, everything else as text, null as null.
///
/// # Errors
/// If a type cannot be shown.
pub fn rows_of(batch: &RecordBatch) -> Result<Vec<Row>> {
    let options = FormatOptions::default();
    let mut rows = vec![Row::new(); batch.num_rows()];
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let text = ArrayFormatter::try_new(array, &options).map_err(unreadable)?;
        for (at, row) in rows.iter_mut().enumerate() {
            row.insert(field.name().clone(), value_of(array, at, &text));
        }
    }
    Ok(rows)
}

fn value_of(array: &ArrayRef, row: usize, text: &ArrayFormatter<'_>) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        ArrowType::Boolean => array.as_boolean().value(row).into(),
        numeric if numeric.is_integer() || matches!(numeric, ArrowType::Float32 | ArrowType::Float64) => {
            let shown = text.value(row).to_string();
            serde_json::from_str(&shown).unwrap_or(Value::String(shown))
        }
        _ => text.value(row).to_string().into(),
    }
}
