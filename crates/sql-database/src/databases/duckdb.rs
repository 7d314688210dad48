//! DuckDB.
//!
//! A file of DuckDB is opened once in a process, also where it is a destination: the connections are those of that crate.
//! Rows come in columns and are handed over so, nested ones too.

use crate::address::Address;
use crate::failure::of_source;
use crate::gather::Gathered;
use crate::session::{Reading, Session};
use crate::statement::{Dialect, plain};
use crate::table::{ForeignKey, Kind, Listed, Reflected, SqlColumn};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use dlt_destination_duckdb::DuckDb;
use dlt_engine::destination::{Access, Connection, Destination as _};
use dlt_engine::{Error, ErrorKind, JSON_EXTENSION, RecordBatch, Result, rows_of};
use serde_json::Value;

/// The schema of tables that name none.
const SCHEMA: &str = "main";

/// Opens the file.
pub(crate) fn connect(address: &Address) -> Result<Box<dyn Session>> {
    if let Some(option) = address.query.keys().next() {
        return Err(address.wrong(&format!("unknown option `{option}`"), "leave out what follows the `?`"));
    }
    let path = address.path();
    if !path.exists() {
        let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(Error::new(ErrorKind::Source, format!("{address} cannot be opened")).because(cause));
    }
    let place = address.to_string();
    let database = DuckDb::at(path).and_then(|database| database.connect(SCHEMA, Access::Read));
    Ok(Box::new(Duck { connection: database.map_err(|error| of_source(&place, &error))?, place }))
}

struct Duck {
    connection: Box<dyn Connection>,
    place: String,
}

impl Duck {
    /// The rows of a query of the catalog.
    fn rows(&mut self, sql: &str) -> Result<Vec<serde_json::Map<String, Value>>> {
        let mut rows = Vec::new();
        let mut take = |_: &SchemaRef, batch: RecordBatch| {
            rows.extend(rows_of(&batch)?);
            Ok(())
        };
        self.connection.query(sql, &mut take).map_err(|error| of_source(&self.place, &error))?;
        Ok(rows)
    }

    /// The columns of a query, as Arrow has them.
    fn columns(&mut self, sql: &str) -> Result<Vec<SqlColumn>> {
        let mut columns = Vec::new();
        let sql = format!("SELECT * FROM ({}\n) LIMIT 0", plain(sql));
        let mut take = |schema: &SchemaRef, _: RecordBatch| {
            columns = schema.fields().iter().map(|field| column(field)).collect();
            Ok(())
        };
        self.connection.query(&sql, &mut take).map_err(|error| of_source(&self.place, &error))?;
        Ok(columns)
    }
}

fn column(field: &Field) -> SqlColumn {
    let is_json = field.metadata().get(JSON_EXTENSION.0).is_some_and(|word| word == JSON_EXTENSION.1);
    let kind = match field.data_type() {
        DataType::Boolean => Kind::Bool,
        DataType::UInt64 => Kind::Given,
        number if number.is_integer() => Kind::Int,
        number if number.is_floating() => Kind::Double,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if is_json => Kind::Json,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => Kind::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Kind::Binary,
        DataType::Date32 => Kind::Date,
        DataType::Time64(TimeUnit::Microsecond) => Kind::Time,
        DataType::Timestamp(TimeUnit::Microsecond, None) => Kind::Timestamp,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Kind::Instant,
        DataType::Decimal128(precision, scale @ 0..) => Kind::Decimal(*precision, scale.unsigned_abs()),
        // A span of time has no column; its text has.
        DataType::Interval(_) | DataType::Duration(_) => Kind::Text,
        _ => Kind::Given,
    };
    let mut column = SqlColumn::new(field.name(), kind);
    if matches!(field.data_type(), DataType::Interval(_) | DataType::Duration(_)) {
        column.expression = Some(format!("CAST({} AS VARCHAR)", Dialect::DuckDb.quote(field.name())));
    }
    column.length = match field.data_type() {
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Some(32),
        _ => None,
    };
    column
}

/// A text in SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn text(row: &serde_json::Map<String, Value>, key: &str) -> String {
    row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Names with a separator of ASCII between them, which is in no name.
fn texts(row: &serde_json::Map<String, Value>, key: &str) -> Vec<String> {
    text(row, key).split('\u{1f}').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

impl Session for Duck {
    fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn list(&mut self, schema: Option<&str>) -> Result<Vec<Listed>> {
        let schema = quoted(schema.unwrap_or(SCHEMA));
        let rows = self.rows(&format!(
            "SELECT table_name AS name, false AS is_view FROM duckdb_tables() \
             WHERE schema_name = {schema} AND database_name = current_database() AND NOT internal \
             UNION ALL SELECT view_name, true FROM duckdb_views() \
             WHERE schema_name = {schema} AND database_name = current_database() AND NOT internal ORDER BY 1"
        ))?;
        Ok(rows
            .iter()
            .map(|row| Listed { name: text(row, "name"), is_view: row.get("is_view") == Some(&true.into()) })
            .collect())
    }

    fn reflect(&mut self, schema: Option<&str>, table: &str) -> Result<Reflected> {
        let name = match schema {
            Some(schema) => format!("{}.{}", Dialect::DuckDb.quote(schema), Dialect::DuckDb.quote(table)),
            None => Dialect::DuckDb.quote(table),
        };
        let mut reflected =
            Reflected { columns: self.columns(&format!("SELECT * FROM {name}"))?, ..Reflected::default() };
        let is_meant = format!(
            "schema_name = {} AND table_name = {} AND database_name = current_database()",
            quoted(schema.unwrap_or(SCHEMA)),
            quoted(table)
        );
        for row in self
            .rows(&format!("SELECT column_name AS name FROM duckdb_columns() WHERE {is_meant} AND NOT is_nullable"))?
        {
            let name = text(&row, "name");
            reflected
                .columns
                .iter_mut()
                .filter(|column| column.name == name)
                .for_each(|column| column.is_nullable = false);
        }
        let constraints = self.rows(&format!(
            "SELECT constraint_type AS kind, array_to_string(constraint_column_names, chr(31)) AS columns, \
             referenced_table AS other, array_to_string(referenced_column_names, chr(31)) AS referenced FROM duckdb_constraints() WHERE {is_meant} \
             AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY') ORDER BY constraint_index"
        ))?;
        for row in constraints {
            match text(&row, "kind").as_str() {
                "PRIMARY KEY" => reflected.primary_key = texts(&row, "columns"),
                _ => reflected.foreign_keys.push(ForeignKey {
                    columns: texts(&row, "columns"),
                    table: text(&row, "other"),
                    referenced: texts(&row, "referenced"),
                }),
            }
        }
        Ok(reflected)
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<SqlColumn>> {
        self.columns(sql)
    }

    fn read(&mut self, wanted: &Reading, take: &mut dyn FnMut(RecordBatch) -> Result<bool>) -> Result<()> {
        let mut gathered = Gathered::new(wanted);
        let mut on_batch = |_: &SchemaRef, batch: RecordBatch| gathered.push(batch, take);
        let read = self.connection.query(&wanted.sql, &mut on_batch);
        if gathered.has_ended() {
            return Ok(());
        }
        read.map_err(|error| of_source(&self.place, &error))?;
        gathered.finish(take)
    }
}
