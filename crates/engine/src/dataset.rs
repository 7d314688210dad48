//! Reading a dataset back.

use crate::cell_values::value_of;
use crate::cells::{Cells, in_utc};
use crate::destination::{Access, Connection, Destination, Row};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{LOADS_TABLE, column_names};
use arrow::array::{Array, make_array};
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
            let rows = self.number(&sql)?;
            counts.push((table, rows));
        }
        Ok(counts)
    }

    /// Rows that a load left in each root table, as far as they are there now; tables that have none of it are left out.
    /// `None` if the dataset knows of no such load.
    ///
    /// # Errors
    /// If the destination fails.
    pub fn load_row_counts(&mut self, load_id: &str) -> Result<Option<Vec<(String, u64)>>> {
        let literal = format!("'{}'", load_id.replace('\'', "''"));
        let all = self.connection.tables()?;
        let loads = self.connection.quote(LOADS_TABLE);
        let column = |name: &str| self.connection.quote(name);
        let sql = format!("SELECT count(*) AS rows FROM {loads} WHERE {} = {literal}", column("load_id"));
        if !all.iter().any(|table| table == LOADS_TABLE) || self.number(&sql)? == 0 {
            return Ok(None);
        }
        let load_id = self.connection.quote(column_names::LOAD_ID);
        let mut counts = Vec::new();
        for table in all.into_iter().filter(|table| !table.starts_with("_dlt_")) {
            let name = self.connection.quote(&table);
            let mut is_root = false;
            self.connection.query(&format!("SELECT * FROM {name} LIMIT 0"), &mut |schema, _| {
                is_root = schema.column_with_name(column_names::LOAD_ID).is_some();
                Ok(())
            })?;
            if !is_root {
                continue;
            }
            let rows = self.number(&format!("SELECT count(*) AS rows FROM {name} WHERE {load_id} = {literal}"))?;
            if rows > 0 {
                counts.push((table, rows));
            }
        }
        Ok(Some(counts))
    }

    /// Id of the newest completed load of a schema; `None` if there is none.
    ///
    /// # Errors
    /// If the destination fails.
    pub fn newest_load_id(&mut self, schema: &str) -> Result<Option<String>> {
        if !self.connection.tables()?.iter().any(|table| table == LOADS_TABLE) {
            return Ok(None);
        }
        let sql = format!(
            "SELECT max(load_id) AS load_id FROM {} WHERE schema_name = '{}' AND status = 0",
            self.connection.quote(LOADS_TABLE),
            schema.replace('\'', "''")
        );
        let rows = self.rows(&sql)?;
        Ok(rows.first().and_then(|row| row.get("load_id")).and_then(Value::as_str).map(str::to_owned))
    }

    fn number(&mut self, sql: &str) -> Result<u64> {
        let rows = self.rows(sql)?;
        Ok(rows.first().and_then(|row| row.get("rows")).and_then(Value::as_u64).unwrap_or(0))
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
            let hint = if known.is_empty() {
                "it has no tables: load something into it first".to_owned()
            } else {
                format!("its tables are {}", known.join(", "))
            };
            return Err(Error::new(ErrorKind::Config, format!("dataset `{dataset}` has no table `{name}`")).hint(hint));
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

    /// The rows of a batch, each with its values in the order of the columns; as JSON like those of [`rows_of`].
    ///
    /// # Errors
    /// If a value cannot be shown.
    pub fn values(batch: &RecordBatch) -> Result<Vec<Vec<Value>>> {
        // Else a failure would be shown as if it were the value.
        let options = FormatOptions::default().with_display_error(false);
        let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let text = ArrayFormatter::try_new(array, &options).map_err(unreadable)?;
            for (at, row) in rows.iter_mut().enumerate() {
                row.push(value_of(array, at, &text).ok_or_else(|| not_shown(field.name()))?);
            }
        }
        Ok(rows)
    }

    /// The rows of a batch, each with its values in the order of the columns, each value as JSON text on one line: JSON
    /// columns as their values, structs and maps as objects, lists as arrays; decimals and whole numbers of more than 64
    /// bits as text, bytes as base64, `NaN`, `Infinity` and `-Infinity` as text.
    ///
    /// # Errors
    /// If a value cannot be shown.
    pub fn json(batch: &RecordBatch) -> Result<Vec<Vec<String>>> {
        let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let array = in_utc(array).map_err(unreadable)?;
            let field = field.as_ref().clone().with_data_type(array.data_type().clone());
            let cells = Cells::new(&field, &array).map_err(unreadable)?;
            for (at, row) in rows.iter_mut().enumerate() {
                let mut text = String::new();
                cells.write(at, &mut text).ok_or_else(|| not_shown(field.name()))?;
                row.push(text);
            }
        }
        Ok(rows)
    }
}

/// The cause would quote the value.
fn not_shown(column: &str) -> Error {
    Error::new(ErrorKind::Destination, format!("a value of column `{column}` cannot be shown"))
        .hint(format!("ask for it as text: CAST(\"{column}\" AS VARCHAR)"))
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

    /// The query that gives all rows.
    pub(crate) fn select(&self) -> String {
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

/// The rows of a batch as JSON objects: numbers and booleans as such, everything else as text, null as null. Whole numbers
/// of more than 64 bits are text too. Of two columns with one name the second counts; [`Dataset::values`] has both.
///
/// # Errors
/// If a value cannot be shown.
pub fn rows_of(batch: &RecordBatch) -> Result<Vec<Row>> {
    let names = || batch.schema_ref().fields().iter().map(|field| field.name().clone());
    Ok(Dataset::values(batch)?.into_iter().map(|row| names().zip(row).collect()).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Date32Array, Decimal128Array, ListArray, TimestampMicrosecondArray};
    use arrow::datatypes::Date32Type;
    use serde_json::Value;

    fn shown(array: ArrayRef) -> Result<Vec<Value>> {
        let batch = RecordBatch::try_from_iter([("a", array)]).unwrap();
        Ok(Dataset::values(&batch)?.into_iter().flatten().collect())
    }

    #[test]
    fn whole_numbers_are_numbers_and_keep_every_digit() {
        let numbers = [4_499_998_500_000, -1, u64::MAX.into(), i128::MAX];
        let array = Decimal128Array::from_iter_values(numbers).with_precision_and_scale(38, 0).unwrap();
        let expected = [
            Value::from(4_499_998_500_000_i64),
            Value::from(-1),
            Value::from(u64::MAX),
            Value::from("170141183460469231731687303715884105727"),
        ];
        assert_eq!(shown(Arc::new(array)).unwrap(), expected);
        let money = Decimal128Array::from_iter_values([1050]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!(shown(Arc::new(money)).unwrap(), ["10.50"]);
    }

    #[test]
    fn the_ends_of_time_have_a_word() {
        let days = Date32Array::from(vec![i32::MAX, -i32::MAX, 0]);
        assert_eq!(shown(Arc::new(days)).unwrap(), ["infinity", "-infinity", "1970-01-01"]);
        let instants = TimestampMicrosecondArray::from(vec![i64::MAX, -i64::MAX]);
        assert_eq!(shown(Arc::new(instants)).unwrap(), ["infinity", "-infinity"]);
        let late = [Some([Some(i32::MAX - 1)])];
        let arrays: [ArrayRef; 2] = [
            Arc::new(Date32Array::from(vec![i32::MAX - 1])),
            Arc::new(ListArray::from_iter_primitive::<Date32Type, _, _>(late)),
        ];
        for array in arrays {
            let error = shown(array).unwrap_err();
            assert_eq!(error.to_string(), "a value of column `a` cannot be shown");
            assert!(error.advice().unwrap().contains("CAST"));
        }
    }
}
