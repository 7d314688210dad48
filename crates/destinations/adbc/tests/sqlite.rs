//! What is SQLite's own: files of datasets, affinities, locks, types of results.

use crate::places;
use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, StringArray};
use arrow::datatypes::DataType as ArrowType;
use dlt_destination_adbc::Adbc;
use dlt_destination_compliance::jobs::{self, chain, user_file, users, values};
use dlt_destination_compliance::rows;
use dlt_engine::destination::{Access, Connection, Destination, LoadRecord, Write};
use dlt_engine::schema::{Column, DataType, Schema, Table, WriteDisposition};
use dlt_engine::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// One committed load of `users`.
pub(crate) fn load_users(connection: &mut dyn Connection, load_id: &str, file: PathBuf) -> Result<u64, Error> {
    load(connection, load_id, &users(), "users", file)
}

fn load(
    connection: &mut dyn Connection,
    load_id: &str,
    schema: &Schema,
    table: &str,
    file: PathBuf,
) -> Result<u64, Error> {
    let mut transaction = connection.begin()?;
    transaction.evolve(schema)?;
    let added = transaction.write(&chain(&schema.tables[table], &[file], Write::Append))?;
    transaction.commit(&LoadRecord { load_id, schema, state: None })?;
    Ok(added[0])
}

fn write(destination: &Adbc, dataset: &str) -> Box<dyn Connection> {
    destination.connect(dataset, Access::Write).unwrap()
}

/// A schema with one table `values` of these columns, and a job file with them.
fn table(path: &Path, columns: Vec<(Column, ArrayRef)>) -> (Schema, PathBuf) {
    let mut schema = users();
    let mut table = Table::root("values", "values", WriteDisposition::Append);
    let mut file = Vec::new();
    for (column, array) in columns {
        file.push(values(&column, array));
        table.add(column);
    }
    schema.tables.insert("values".into(), table);
    schema.bump_version();
    (schema, jobs::write(path, file))
}

#[test]
fn a_dataset_is_a_file_beside_the_database_and_main_the_database_itself() {
    let folder = TempDir::new().unwrap();
    let destination = places::sqlite(&folder.path().join("shop.db"));
    assert!(!destination.is_there());
    for dataset in ["shop_data", "main"] {
        let file = user_file(&folder.path().join("1.parquet"), &[1, 2], "Ann");
        assert_eq!(load_users(&mut *write(&destination, dataset), "1.0", file).unwrap(), 2);
    }
    assert!(folder.path().join("shop.db").exists() && folder.path().join("shop__shop_data.db").exists());
    assert!(destination.is_there());
    let mut reader = destination.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT count(*) FROM shop_data.users"), ["2"], "a dataset may be named");
    let error = destination.connect("others", Access::Read).unwrap().tables().unwrap_err();
    assert_eq!(error.to_string(), "there is no dataset `others`");
    assert_eq!(error.advice(), Some("the database holds shop_data"));
    assert!(!folder.path().join("shop__others.db").exists(), "a reader made a file");
    for dataset in ["temp", "a/b"] {
        assert_eq!(destination.connect(dataset, Access::Write).err().unwrap().kind(), ErrorKind::Config);
    }
}

#[test]
fn a_reader_makes_no_database_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let destination = places::sqlite(&folder.path().join("shop.db"));
    let error = destination.connect("shop_data", Access::Read).err().unwrap();
    assert!(error.to_string().starts_with("there is no database "), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let file = user_file(&folder.path().join("1.parquet"), &[1], "Ann");
    load_users(&mut *write(&destination, "shop_data"), "1.0", file).unwrap();
    let mut reader = destination.connect("shop_data", Access::Read).unwrap();
    let error = reader.query("WITH a AS (SELECT 1) DELETE FROM users", &mut |_, _| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(rows(&mut *reader, "SELECT count(*) FROM users"), ["1"]);
}

#[test]
fn no_digit_is_lost_and_moments_sort_as_text() {
    let folder = TempDir::new().unwrap();
    let most = 10_i128.pow(38) - 1;
    let decimals = Decimal128Array::from(vec![Some(most), Some(-1)]).with_precision_and_scale(38, 9).unwrap();
    let (schema, file) = table(
        &folder.path().join("1.parquet"),
        vec![
            (Column::inferred("amount", DataType::Decimal), Arc::new(decimals)),
            (Column::inferred("code", DataType::Text), Arc::new(StringArray::from(vec!["007", "1e3"]))),
            (Column::inferred("doc", DataType::Json), Arc::new(StringArray::from(vec!["5", "1.0"]))),
            (
                Column::inferred("at", DataType::Timestamp),
                Arc::new(arrow::array::TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("UTC")),
            ),
        ],
    );
    let destination = places::sqlite(&folder.path().join("shop.db"));
    let mut connection = write(&destination, "shop_data");
    assert_eq!(load(&mut *connection, "1.0", &schema, "values", file).unwrap(), 2);
    assert_eq!(
        rows(&mut *connection, "SELECT amount, code, doc, at, typeof(amount), typeof(doc) FROM \"values\""),
        [
            "99999999999999999999999999999.999999999|007|5|1970-01-01 00:00:00.000000|text|text",
            "-0.000000001|1e3|1.0|1970-01-01 00:00:00.000001|text|text"
        ]
    );
}

#[test]
fn what_sqlite_cannot_hold_is_refused_with_its_column() {
    let folder = TempDir::new().unwrap();
    let (schema, file) = table(
        &folder.path().join("1.parquet"),
        vec![(Column::inferred("price", DataType::Double), Arc::new(Float64Array::from(vec![1.5, f64::NAN])))],
    );
    let destination = places::sqlite(&folder.path().join("shop.db"));
    let mut connection = write(&destination, "shop_data");
    let error = load(&mut *connection, "1.0", &schema, "values", file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(error.to_string(), "column `price` of table `values` has NaN, which SQLite would keep as NULL");
    assert!(connection.tables().is_err(), "nothing was made");
    let mut schema = users();
    schema.tables["users"].columns["name"].nullable = false;
    schema.bump_version();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let file = jobs::write(&folder.path().join("2.parquet"), vec![values(&schema.tables["users"].columns["id"], ids)]);
    let error = load(&mut *connection, "2.0", &schema, "users", file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    assert!(error.to_string().contains("users.name"), "{error}");
}

#[test]
fn who_loads_while_another_does_is_told_to_wait() {
    let folder = TempDir::new().unwrap();
    let destination = places::sqlite(&folder.path().join("shop.db"));
    let file = user_file(&folder.path().join("1.parquet"), &[1], "Ann");
    load_users(&mut *write(&destination, "shop_data"), "1.0", file.clone()).unwrap();
    let mut first = write(&destination, "shop_data");
    let mut second = write(&destination, "shop_data");
    let loading = first.begin().unwrap();
    let error = load_users(&mut *second, "2.0", file.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DestinationBusy, "{error}");
    assert!(error.to_string().contains("another process has the database locked"), "{error}");
    // Readers do not wait, and other datasets are other files.
    let mut reader = destination.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT count(*) FROM users"), ["1"]);
    load_users(&mut *write(&destination, "other_data"), "1.0", file.clone()).unwrap();
    drop(loading);
    assert_eq!(load_users(&mut *second, "2.0", file).unwrap(), 1, "the connection goes on");
}

#[test]
fn files_that_are_none() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("shop__a.db"), "this is no database, and long enough to be taken for one")
        .unwrap();
    std::fs::create_dir(folder.path().join("shop__b.db")).unwrap();
    let destination = places::sqlite(&folder.path().join("shop.db"));
    for (dataset, reason) in [("a", "not an SQLite database"), ("b", "a folder")] {
        let error = destination.connect(dataset, Access::Write).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Destination);
        assert!(error.to_string().contains(reason) && error.advice().is_some(), "{error}");
    }
    let nowhere = places::sqlite(&folder.path().join("nowhere/shop.db"));
    let error = nowhere.connect("a", Access::Write).err().unwrap();
    assert!(error.to_string().contains("cannot be opened"), "{error}");
}

/// The driver takes types from the rows that it reads first.
#[test]
fn a_column_may_begin_with_many_nulls() {
    let folder = TempDir::new().unwrap();
    let count = 40_000_i64;
    let late = |row: i64| (row > 30_000).then(|| format!("text {row}"));
    let (schema, file) = table(
        &folder.path().join("1.parquet"),
        vec![
            (Column::inferred("id", DataType::Bigint), Arc::new(Int64Array::from_iter_values(0..count))),
            (Column::inferred("late", DataType::Text), Arc::new((0..count).map(late).collect::<StringArray>())),
            (
                Column::inferred("number", DataType::Double),
                Arc::new(Float64Array::from_iter_values((0..count).map(|row| if row < 30_000 { 1.0 } else { 1.5 }))),
            ),
        ],
    );
    let destination = places::sqlite(&folder.path().join("shop.db"));
    load(&mut *write(&destination, "shop_data"), "1.0", &schema, "values", file).unwrap();
    let mut reader = destination.connect("shop_data", Access::Read).unwrap();
    let (mut ids, mut pieces, mut filled) = (Vec::new(), 0, 0);
    let sql = "SELECT id, late, number, NULL AS \"no\"\"thing\", late FROM \"values\" ORDER BY id DESC -- newest first";
    reader
        .query(sql, &mut |schema, batch| {
            let types: Vec<_> = schema.fields().iter().map(|field| field.data_type()).collect();
            assert_eq!(types[..3], [&ArrowType::Int64, &ArrowType::Utf8, &ArrowType::Float64]);
            assert_eq!(schema.field(3).name(), "no\"thing");
            ids.extend(batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().iter().copied());
            filled += batch.num_rows() - batch.column(1).null_count();
            pieces += 1;
            Ok(())
        })
        .unwrap();
    assert!(pieces > 1);
    assert_eq!(filled, 9_999);
    assert!(ids.iter().copied().eq((0..count).rev()), "rows come in the order of the query");
}

#[test]
fn tables_that_python_dlt_made_are_taken_as_they_are() {
    let folder = TempDir::new().unwrap();
    let destination = places::sqlite(&folder.path().join("shop.db"));
    let mut connection = write(&destination, "shop_data");
    load_users(&mut *connection, "0.0", user_file(&folder.path().join("0.parquet"), &[0], "Ann")).unwrap();
    for sql in [
        "DROP TABLE users",
        "DROP TABLE _dlt_loads",
        "CREATE TABLE _dlt_loads (load_id VARCHAR(64) NOT NULL, schema_name TEXT, status BIGINT NOT NULL, \
         inserted_at DATETIME NOT NULL, schema_version_hash TEXT)",
        "INSERT INTO _dlt_loads VALUES ('1.0', 'shop', 0, '2026-11-28 23:39:25.465581', 'x')",
        "CREATE TABLE users (id BIGINT, name TEXT, born DATE, paid NUMERIC(38, 9), _dlt_load_id TEXT NOT NULL, \
         _dlt_id VARCHAR(128) NOT NULL)",
    ] {
        connection.query(sql, &mut |_, _| Ok(())).unwrap();
    }
    assert!(connection.is_loaded("1.0").unwrap());
    let file = user_file(&folder.path().join("1.parquet"), &[1], "Ann");
    load_users(&mut *connection, "2.0", file).unwrap();
    let forms = rows(&mut *connection, "SELECT DISTINCT length(inserted_at), typeof(inserted_at) FROM _dlt_loads");
    assert_eq!(forms, ["26|text"], "moments have one form");
    let mut schema = users();
    schema.tables["users"].add(Column::inferred("paid", DataType::Decimal));
    schema.bump_version();
    let file = user_file(&folder.path().join("2.parquet"), &[2], "Bob");
    let error = load(&mut *connection, "3.0", &schema, "users", file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `paid` of table `users` is NUMERIC(38, 9) in the database, and the data needs TEXT",
        "a column of that affinity would make floats of decimals"
    );
}
