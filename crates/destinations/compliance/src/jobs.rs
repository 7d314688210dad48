//! Job files and schemas for tests.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema as ArrowSchema};
use dlt_engine::destination::{ChainLoad, TableLoad, Write};
use dlt_engine::schema::{Column, DataType, Schema, Table, WriteDisposition};
use parquet::arrow::ArrowWriter;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes one job file.
pub fn write(path: &Path, columns: Vec<(Field, ArrayRef)>) -> PathBuf {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let schema = Arc::new(ArrowSchema::new(fields));
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema.clone(), None).unwrap();
    writer.write(&RecordBatch::try_new(schema, arrays).unwrap()).unwrap();
    writer.close().unwrap();
    path.to_owned()
}

/// A field and values of a column as the engine writes them.
pub fn values(column: &Column, array: impl Into<ArrayRef>) -> (Field, ArrayRef) {
    let field = column.arrow_field().unwrap();
    let array = arrow::compute::cast(&array.into(), field.data_type()).unwrap();
    (field.with_nullable(true), array)
}

/// A schema with the table `users` (id, name and the ids of the contract), hashed.
pub fn users() -> Schema {
    let mut schema = Schema::new("shop");
    schema.ensure_state_table();
    let mut users = Table::root("users", "Users", WriteDisposition::Append);
    for (name, data_type) in [
        ("id", DataType::Bigint),
        ("name", DataType::Text),
        ("_dlt_load_id", DataType::Text),
        ("_dlt_id", DataType::Text),
    ] {
        users.add(Column::inferred(name, data_type));
    }
    schema.tables.insert("users".into(), users);
    schema.bump_version();
    schema
}

/// The load of one table that nothing is nested in.
pub fn chain<'a>(table: &'a Table, files: &[PathBuf], write: Write) -> ChainLoad<'a> {
    ChainLoad { tables: vec![TableLoad { table, files: files.to_vec() }], write }
}

/// A job file of `users` with these ids; `_dlt_id` is `r` and the id, the name is given.
pub fn user_file(path: &Path, ids: &[i64], name: &str) -> PathBuf {
    use arrow::array::{Int64Array, StringArray};
    let users = &users().tables["users"];
    let text = |values: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let ints: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    write(
        path,
        vec![
            values(&users.columns["id"], ints),
            values(&users.columns["name"], text(ids.iter().map(|_| name.to_owned()).collect())),
            values(&users.columns["_dlt_load_id"], text(ids.iter().map(|_| "1.0".to_owned()).collect())),
            values(&users.columns["_dlt_id"], text(ids.iter().map(|id| format!("r{id}")).collect())),
        ],
    )
}
