//! Which columns of a result are JSON: DuckDB hands them over as text, and its own types tell.

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use dlt_engine::JSON_EXTENSION;
use duckdb::Statement;
use duckdb::core::LogicalTypeHandle;
use std::sync::Arc;

/// The columns with those of JSON marked, also within nested ones.
pub(crate) fn marked(statement: &Statement<'_>, schema: &SchemaRef) -> SchemaRef {
    let columns = schema.fields().iter().enumerate();
    Arc::new(Schema::new(
        columns.map(|(at, field)| mark(field, &statement.column_logical_type(at))).collect::<Vec<_>>(),
    ))
}

fn mark(field: &FieldRef, logical: &LogicalTypeHandle) -> FieldRef {
    let retyped = |data_type| Arc::new(Field::clone(field).with_data_type(data_type));
    let has = |children: usize| logical.num_children() >= children;
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if logical.get_alias().as_deref() == Some("JSON") => {
            let (key, name) = JSON_EXTENSION;
            let mut metadata = field.metadata().clone();
            metadata.insert(key.to_owned(), name.to_owned());
            Arc::new(Field::clone(field).with_metadata(metadata))
        }
        DataType::List(item) if has(1) => retyped(DataType::List(mark(item, &logical.child(0)))),
        DataType::LargeList(item) if has(1) => retyped(DataType::LargeList(mark(item, &logical.child(0)))),
        DataType::FixedSizeList(item, length) if has(1) => {
            retyped(DataType::FixedSizeList(mark(item, &logical.child(0)), *length))
        }
        DataType::Struct(fields) if has(fields.len()) => retyped(DataType::Struct(
            fields.iter().enumerate().map(|(at, field)| mark(field, &logical.child(at))).collect(),
        )),
        DataType::Map(entries, is_sorted) if has(2) => {
            let DataType::Struct(fields) = entries.data_type() else { return field.clone() };
            let fields = fields.iter().enumerate().map(|(at, field)| mark(field, &logical.child(at))).collect();
            let entries = Arc::new(Field::clone(entries).with_data_type(DataType::Struct(fields)));
            retyped(DataType::Map(entries, *is_sorted))
        }
        _ => field.clone(),
    }
}

/// A piece of the result with its columns as marked. Marks in nested columns are part of their types.
pub(crate) fn in_schema(schema: &SchemaRef, columns: &[ArrayRef]) -> Result<RecordBatch, ArrowError> {
    let columns =
        schema.fields().iter().zip(columns).map(|(field, array)| match array.data_type() == field.data_type() {
            true => Ok(array.clone()),
            false => cast(array, field.data_type()),
        });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let rows = columns.first().map(|column| column.len());
    RecordBatch::try_new_with_options(schema.clone(), columns, &RecordBatchOptions::new().with_row_count(rows))
}
