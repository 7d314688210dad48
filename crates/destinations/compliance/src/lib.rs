//! What every destination must do, written against the traits alone.
//!
//! A destination calls [`check`] with a function that makes it, empty, and gets every case run on a fresh one.
#![allow(clippy::unwrap_used, reason = "a case that fails panics, as tests do")]
#![allow(clippy::print_stdout, reason = "the output of a test names the case that failed")]

pub mod jobs;
mod merge_cases;
mod round_trips;
mod version_cases;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType as ArrowType, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use dlt_engine::ErrorKind;
use dlt_engine::destination::{Access, Connection, Destination, LoadRecord, StateRecord, Write};
use dlt_engine::schema::{Column, DataType, MergeStrategy, Schema, Table, WriteDisposition};
use jobs::{chain, user_file, users, values};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A destination that holds nothing yet, and what must live as long as it.
pub struct Fresh {
    /// The destination.
    pub destination: Box<dyn Destination>,
    /// What is dropped with it: its folder, its server.
    pub _keep: Box<dyn std::any::Any>,
}

/// One thing that must hold of an empty destination; the folder is for job files.
pub type Case = fn(&dyn Destination, &Path);

/// The case of keys that destinations need not have.
const KEYS_WITHIN: &str = "insert-only knows keys within the values of a column, null among them";

/// Runs all cases. Of merges that the destination says it cannot do, it must refuse each.
pub fn check(make: impl Fn() -> Fresh) {
    check_except(make, &[]);
}

/// Runs all cases but those that the destination cannot do, each by its name with the reason.
pub fn check_except(make: impl Fn() -> Fresh, except: &[(&str, &str)]) {
    use MergeStrategy::{DeleteInsert, InsertOnly, Scd2, Upsert};
    let cases: &[(&str, &[MergeStrategy], Case)] = &[
        ("nothing is stored in a dataset that is not there", &[], nothing_is_stored),
        ("a load is there after its commit", &[], a_load_is_there),
        ("a dropped transaction leaves no trace", &[], a_dropped_transaction_leaves_no_trace),
        ("columns are added, and old rows have none", &[], columns_are_added),
        ("a job file may lack columns", &[], a_file_may_lack_columns),
        ("a column with another type is refused", &[], another_type_is_refused),
        ("truncated tables hold only the new rows", &[], truncated_tables),
        ("a failed replace keeps the old rows", &[], a_failed_replace_keeps_the_old_rows),
        ("insert-only leaves out what is there and what comes twice", &[InsertOnly], merge_cases::insert_only),
        (KEYS_WITHIN, &[InsertOnly], merge_cases::insert_only_within),
        (
            "delete-insert and upsert keep the last row of each key",
            &[DeleteInsert, Upsert],
            merge_cases::the_last_row_of_a_key,
        ),
        ("a merge takes nested rows with it", &[DeleteInsert], merge_cases::nested_rows),
        ("a merge key replaces all rows with its value", &[DeleteInsert], merge_cases::merge_key),
        ("rows that are marked as deleted go", &[DeleteInsert], merge_cases::hard_delete),
        ("a column decides which row of a key is kept", &[DeleteInsert], merge_cases::dedup_sort),
        ("nested rows from before the first merge are found", &[DeleteInsert], merge_cases::rows_from_before),
        ("upsert with nested rows refuses a key that comes twice", &[Upsert], merge_cases::ambiguous_keys),
        ("columns may have the names that the destination uses itself", &[DeleteInsert], merge_cases::names_of_its_own),
        ("versions begin and end, told apart by ids", &[Scd2], version_cases::by_id),
        ("versions begin and end, told apart by values", &[Scd2], version_cases::by_value),
        ("every type keeps its values", &[], every_type),
        ("any values come back", &[], round_trips::any_values_come_back),
        ("the newest state and schema are stored", &[], newest_state_and_schema),
        ("datasets are apart", &[], datasets_are_apart),
        ("names that need quotes", &[], names_that_need_quotes),
        ("a query's errors and the caller's end it", &[], queries_fail),
        ("a value that cannot be cast ends a query and stays out of the message", &[], casts_fail),
    ];
    for (name, _) in except {
        assert!(cases.iter().any(|(known, ..)| known == name), "there is no case `{name}` to leave out");
    }
    for (name, needs, case) in cases {
        if let Some((_, reason)) = except.iter().find(|(left_out, _)| left_out == name) {
            println!("left out: {name}: {reason}");
            continue;
        }
        let fresh = make();
        if *name == KEYS_WITHIN && !fresh.destination.capabilities().keys_within {
            println!("left out: {name}: the destination has no such keys");
            continue;
        }
        let jobs = TempDir::new().unwrap();
        let known = fresh.destination.capabilities().merge_strategies;
        match needs.iter().find(|strategy| !known.contains(strategy)) {
            None => {
                println!("case: {name}");
                case(&*fresh.destination, jobs.path());
            }
            Some(strategy) => {
                println!("case: {} is refused, instead of: {name}", strategy.name());
                refuses(&*fresh.destination, jobs.path(), *strategy);
            }
        }
    }
}

/// A way to merge that the destination has not must be an error, and leave what is there.
fn refuses(destination: &dyn Destination, jobs: &Path, strategy: MergeStrategy) {
    let schema = users();
    let users = &schema.tables["users"];
    let mut connection = write(destination);
    let file = [user_file(&jobs.join("1.parquet"), &[1, 2], "old")];
    load(&mut *connection, "1.0", &schema, "users", &file, Write::Append);
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    let way = match strategy {
        MergeStrategy::Scd2 => Write::Versions(1),
        other => Write::Merge(other),
    };
    let file = [user_file(&jobs.join("2.parquet"), &[2, 3], "new")];
    let error = transaction.write(&chain(users, &file, way)).unwrap_err();
    drop(transaction);
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("`users`") && error.advice().is_some(), "{error}");
    assert_eq!(rows(&mut *connection, "SELECT id, name FROM users ORDER BY id"), ["1|old", "2|old"]);
}

/// Opens the dataset of the cases for writing.
pub fn write(destination: &dyn Destination) -> Box<dyn Connection> {
    destination.connect("shop_data", Access::Write).unwrap()
}

/// One load of `table` with `files`, committed; returns the count of rows that were added.
fn load(
    connection: &mut dyn Connection,
    load_id: &str,
    schema: &Schema,
    table: &str,
    files: &[PathBuf],
    mode: Write,
) -> u64 {
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(schema).unwrap();
    let rows = transaction.write(&chain(&schema.tables[table], files, mode)).unwrap();
    let rows = rows[0];
    transaction.commit(&LoadRecord { load_id, schema, state: None }).unwrap();
    rows
}

/// All rows of a query as text, NULL as `-`.
pub fn rows(connection: &mut dyn Connection, sql: &str) -> Vec<String> {
    let mut lines = Vec::new();
    connection
        .query(sql, &mut |schema, batch| {
            assert_eq!(schema.fields().len(), batch.num_columns());
            lines.extend(texts(&batch));
            Ok(())
        })
        .unwrap();
    lines
}

/// The moments of the only column of a query, in microseconds since 1970. A database without a type for them gives text.
pub(crate) fn moments(connection: &mut dyn Connection, sql: &str) -> Vec<Option<i64>> {
    let mut found = Vec::new();
    connection
        .query(sql, &mut |_, batch| {
            let moments = arrow::compute::cast(batch.column(0), &ArrowType::Timestamp(TimeUnit::Microsecond, None));
            found.extend(moments.unwrap().as_primitive::<TimestampMicrosecondType>().iter());
            Ok(())
        })
        .unwrap();
    found
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let text = |column: &ArrayRef, row: usize| match column.is_null(row) {
        true => "-".to_owned(),
        false => array_value_to_string(column, row).unwrap(),
    };
    let columns: Vec<ArrayRef> = batch.columns().iter().map(without_zone).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| text(column, row)).collect::<Vec<_>>().join("|"))
        .collect()
}

/// Instants as UTC wall-clock times: names of zones cannot be printed without a table of them.
fn without_zone(column: &ArrayRef) -> ArrayRef {
    match column.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(times) => Arc::new(times.clone().with_timezone_opt::<Arc<str>>(None)),
        None => Arc::clone(column),
    }
}

fn count(connection: &mut dyn Connection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {}", connection.quote(table));
    rows(connection, &sql)[0].parse().unwrap()
}

fn state(version: u64, text: &str) -> StateRecord {
    StateRecord {
        version,
        engine_version: 4,
        pipeline_name: "quick_start".into(),
        state: text.into(),
        created_at_micros: 1_700_000_000_123_456,
        version_hash: format!("hash of {text}"),
        row_id: format!("state{version}"),
    }
}

fn nothing_is_stored(destination: &dyn Destination, _jobs: &Path) {
    let mut connection = write(destination);
    let stored = connection.stored("quick_start", "shop").unwrap();
    assert!(stored.schema.is_none() && stored.state.is_none());
    assert!(!connection.is_loaded("1.0").unwrap());
    assert!(connection.tables().is_err(), "a dataset that is not there has no tables to list");
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&Schema::new("shop")).unwrap();
    drop(transaction);
    assert!(connection.tables().is_err(), "nothing is made before a commit");
}

fn a_load_is_there(destination: &dyn Destination, jobs: &Path) {
    let schema = users();
    let files = [user_file(&jobs.join("1.parquet"), &[1, 2], "Ann"), user_file(&jobs.join("2.parquet"), &[3], "Bob")];
    let state = state(1, "first");
    {
        let mut connection = write(destination);
        let mut transaction = connection.begin().unwrap();
        transaction.evolve(&schema).unwrap();
        assert_eq!(transaction.write(&chain(&schema.tables["users"], &files, Write::Append)).unwrap(), [3]);
        assert_eq!(transaction.write(&chain(&schema.tables["users"], &[], Write::Append)).unwrap(), [0]);
        transaction.commit(&LoadRecord { load_id: "10.5", schema: &schema, state: Some(&state) }).unwrap();
        assert!(connection.is_loaded("10.5").unwrap());
        assert!(!connection.is_loaded("10").unwrap());
    }
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    assert!(connection.is_loaded("10.5").unwrap());
    let stored = connection.stored("quick_start", "shop").unwrap();
    assert_eq!(stored.schema.as_deref(), Some(schema.to_stored().as_str()));
    assert_eq!(stored.state.as_deref(), Some("first"));
    assert_eq!(rows(&mut *connection, "SELECT id, name FROM users ORDER BY id"), ["1|Ann", "2|Ann", "3|Bob"]);
    let tables = connection.tables().unwrap();
    for table in ["_dlt_version", "_dlt_loads", "_dlt_pipeline_state", "users"] {
        assert!(tables.iter().any(|name| name == table), "{table} is missing in {tables:?}");
    }
    assert_eq!(
        rows(&mut *connection, "SELECT load_id, schema_name, status, schema_version_hash FROM _dlt_loads"),
        [format!("10.5|shop|0|{}", schema.version_hash)]
    );
    assert_eq!(
        rows(&mut *connection, "SELECT version, engine_version, schema_name, version_hash FROM _dlt_version"),
        [format!("{}|{}|shop|{}", schema.version, schema.engine_version, schema.version_hash)]
    );
    assert_eq!(
        rows(
            &mut *connection,
            "SELECT version, engine_version, pipeline_name, version_hash, _dlt_load_id FROM _dlt_pipeline_state"
        ),
        ["1|4|quick_start|hash of first|10.5"]
    );
}

fn a_dropped_transaction_leaves_no_trace(destination: &dyn Destination, jobs: &Path) {
    let mut schema = users();
    let mut connection = write(destination);
    let file = [user_file(&jobs.join("1.parquet"), &[1], "Ann")];
    load(&mut *connection, "1.0", &schema, "users", &file, Write::Append);
    schema.tables["users"].add(Column::inferred("email", DataType::Text));
    schema.tables.insert("orders".into(), {
        let mut orders = Table::root("orders", "orders", WriteDisposition::Append);
        orders.add(Column::inferred("id", DataType::Bigint));
        orders
    });
    schema.bump_version();
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    assert_eq!(transaction.write(&chain(&schema.tables["users"], &file, Write::Replace)).unwrap(), [1]);
    drop(transaction);
    assert_eq!(rows(&mut *connection, "SELECT * FROM users").len(), 1);
    assert_eq!(rows(&mut *connection, "SELECT * FROM users"), ["1|Ann|1.0|r1"]);
    assert!(!connection.tables().unwrap().contains(&"orders".to_owned()));
    assert_eq!(count(&mut *connection, "_dlt_version"), 1);
    // The connection can go on.
    assert_eq!(load(&mut *connection, "2.0", &schema, "users", &file, Write::Append), 1);
    assert_eq!(count(&mut *connection, "_dlt_version"), 2);
}

fn columns_are_added(destination: &dyn Destination, jobs: &Path) {
    let mut schema = users();
    let mut connection = write(destination);
    let file = [user_file(&jobs.join("1.parquet"), &[1], "Ann")];
    load(&mut *connection, "1.0", &schema, "users", &file, Write::Append);
    let users = &mut schema.tables["users"];
    users.add(Column { nullable: false, ..Column::inferred("email", DataType::Text) });
    users.add(Column::inferred("age", DataType::Bigint));
    users.add(Column { data_type: None, ..Column::inferred("unseen", DataType::Text) });
    schema.bump_version();
    let users = &schema.tables["users"];
    let file = jobs::write(
        &jobs.join("2.parquet"),
        vec![
            // Not in the order of the table.
            values(&users.columns["age"], Arc::new(Int64Array::from(vec![30])) as ArrayRef),
            values(&users.columns["_dlt_id"], Arc::new(StringArray::from(vec!["r2"])) as ArrayRef),
            values(&users.columns["_dlt_load_id"], Arc::new(StringArray::from(vec!["2.0"])) as ArrayRef),
            values(&users.columns["email"], Arc::new(StringArray::from(vec!["b@x"])) as ArrayRef),
            values(&users.columns["id"], Arc::new(Int64Array::from(vec![2])) as ArrayRef),
        ],
    );
    load(&mut *connection, "2.0", &schema, "users", &[file], Write::Append);
    assert_eq!(
        rows(&mut *connection, "SELECT * FROM users ORDER BY id"),
        ["1|Ann|1.0|r1|-|-", "2|-|2.0|r2|b@x|30"],
        "new columns come last and in order"
    );
}

fn a_file_may_lack_columns(destination: &dyn Destination, jobs: &Path) {
    let schema = users();
    let users = &schema.tables["users"];
    let ids = |id: &str| {
        [
            values(&users.columns["_dlt_id"], Arc::new(StringArray::from(vec![id.to_owned()])) as ArrayRef),
            values(&users.columns["_dlt_load_id"], Arc::new(StringArray::from(vec!["1.0"])) as ArrayRef),
        ]
    };
    let mut first = ids("a").to_vec();
    first.push(values(&users.columns["id"], Arc::new(Int64Array::from(vec![1])) as ArrayRef));
    let mut second = ids("b").to_vec();
    second.push(values(&users.columns["name"], Arc::new(StringArray::from(vec!["Bob"])) as ArrayRef));
    let files = [jobs::write(&jobs.join("1.parquet"), first), jobs::write(&jobs.join("2.parquet"), second)];
    let mut connection = write(destination);
    assert_eq!(load(&mut *connection, "1.0", &schema, "users", &files, Write::Append), 2);
    assert_eq!(rows(&mut *connection, "SELECT id, name FROM users ORDER BY _dlt_id"), ["1|-", "-|Bob"]);
}

fn another_type_is_refused(destination: &dyn Destination, jobs: &Path) {
    let mut schema = users();
    let mut connection = write(destination);
    let file = [user_file(&jobs.join("1.parquet"), &[1], "Ann")];
    load(&mut *connection, "1.0", &schema, "users", &file, Write::Append);
    schema.tables["users"].add(Column::inferred("name", DataType::Bigint));
    schema.bump_version();
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    let error = transaction.write(&chain(&schema.tables["users"], &file, Write::Append)).unwrap_err();
    drop(transaction);
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("`name`") && error.to_string().contains("`users`"), "{error}");
    assert!(error.advice().is_some());
    assert_eq!(count(&mut *connection, "users"), 1);
    // It is nothing to a load of other tables.
    let mut other = Table::root("days", "days", WriteDisposition::Append);
    other.columns = users().tables["users"].columns.clone();
    schema.tables.insert("days".into(), other);
    schema.bump_version();
    assert_eq!(load(&mut *connection, "2.0", &schema, "days", &file, Write::Append), 1);
}

fn truncated_tables(destination: &dyn Destination, jobs: &Path) {
    let schema = users();
    let users = &schema.tables["users"];
    let mut connection = write(destination);
    let file = [user_file(&jobs.join("1.parquet"), &[1, 2], "old")];
    load(&mut *connection, "1.0", &schema, "users", &file, Write::Append);
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    let file = [user_file(&jobs.join("2.parquet"), &[2, 3, 4], "new")];
    assert_eq!(transaction.write(&chain(users, &file, Write::Replace)).unwrap(), [3]);
    transaction.commit(&LoadRecord { load_id: "2.0", schema: &schema, state: None }).unwrap();
    assert_eq!(rows(&mut *connection, "SELECT id, name FROM users ORDER BY id"), ["2|new", "3|new", "4|new"]);
    assert_eq!(count(&mut *connection, "_dlt_loads"), 2, "tables of the contract keep their rows");
}

fn a_failed_replace_keeps_the_old_rows(destination: &dyn Destination, jobs: &Path) {
    let schema = users();
    let users = &schema.tables["users"];
    let mut connection = write(destination);
    let file = [user_file(&jobs.join("1.parquet"), &[1, 2], "old")];
    load(&mut *connection, "1.0", &schema, "users", &file, Write::Append);
    let broken = jobs.join("broken.parquet");
    std::fs::write(&broken, b"PAR1 and nothing of it").unwrap();
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    assert!(transaction.write(&chain(users, &[broken], Write::Replace)).is_err());
    drop(transaction);
    assert_eq!(rows(&mut *connection, "SELECT id, name FROM users ORDER BY id"), ["1|old", "2|old"]);
}

/// One row of ordinary values, one of extremes, one of NULLs.
fn every_type(destination: &dyn Destination, jobs: &Path) {
    let columns = [
        Column::inferred("text", DataType::Text),
        Column::inferred("double", DataType::Double),
        Column::inferred("bool", DataType::Bool),
        Column::inferred("instant", DataType::Timestamp),
        Column::inferred("wall", DataType::Timestamp).with("timezone", false),
        Column::inferred("big", DataType::Bigint),
        Column::inferred("small", DataType::Bigint).with("precision", 16),
        Column::inferred("bytes", DataType::Binary),
        Column::inferred("doc", DataType::Json),
        Column::inferred("amount", DataType::Decimal),
        Column::inferred("price", DataType::Decimal).with("precision", 10).with("scale", 2),
        Column::inferred("wei", DataType::Wei),
        Column::inferred("day", DataType::Date),
        Column::inferred("clock", DataType::Time),
    ];
    let decimal = |values: [i128; 2], digits: u8, decimals: i8| -> ArrayRef {
        let values = [Some(values[0]), Some(values[1]), None];
        Arc::new(Decimal128Array::from_iter(values).with_precision_and_scale(digits, decimals).unwrap())
    };
    let most = 10_i128.pow(38) - 1;
    let moment = 1_704_164_645_123_456_i64;
    let arrays: [ArrayRef; 14] = [
        Arc::new(StringArray::from(vec![Some("naïve 日本 'q' \"d\" \\ \n 😀"), Some(""), None])),
        Arc::new(Float64Array::from(vec![Some(-0.1), Some(f64::MAX), None])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        Arc::new(
            TimestampMicrosecondArray::from(vec![Some(moment), Some(-62_135_596_800_000_000), None])
                .with_timezone("UTC"),
        ),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(moment), Some(253_402_300_799_999_999), None])),
        Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None])),
        Arc::new(Int64Array::from(vec![Some(-32_768), Some(32_767), None])),
        Arc::new(BinaryArray::from(vec![Some(&[0_u8, 255, 10, 39][..]), Some(&[]), None])),
        Arc::new(StringArray::from(vec![Some(r#"{"a":[1,"x",null]}"#), Some("\"text\""), None])),
        decimal([-1, most], 38, 9),
        decimal([12_345, 9_999_999_999], 10, 2),
        decimal([0, -most], 38, 0),
        Arc::new(Date32Array::from(vec![Some(19_724), Some(-719_162), None])),
        Arc::new(Time64MicrosecondArray::from(vec![Some(86_399_999_999), Some(0), None])),
    ];
    let mut schema = users();
    let mut table = Table::root("types", "types", WriteDisposition::Append);
    let mut file = Vec::new();
    for (column, array) in columns.into_iter().zip(arrays) {
        file.push(values(&column, array));
        table.add(column);
    }
    schema.tables.insert("types".into(), table);
    schema.bump_version();
    let original = file.clone();
    let path = jobs::write(&jobs.join("types.parquet"), file);
    let mut connection = write(destination);
    assert_eq!(load(&mut *connection, "1.0", &schema, "types", &[path], Write::Append), 3);
    let mut seen = 0;
    connection
        .query("SELECT * FROM types", &mut |schema, batch| {
            for ((field, expected), (got_field, got)) in
                original.iter().zip(schema.fields().iter().zip(batch.columns()))
            {
                assert_eq!(field.name(), got_field.name());
                let got = as_type(got, field.data_type());
                match field.name().as_str() {
                    "doc" => assert_eq!(documents(&got), documents(expected)),
                    name => assert_eq!(&got, expected, "column {name}"),
                }
            }
            seen += batch.num_rows();
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, 3);
}

/// Values as those of a type. A database without the type gives text.
fn as_type(values: &ArrayRef, wanted: &ArrowType) -> ArrayRef {
    if let (ArrowType::Decimal128(..), Some(texts)) = (wanted, values.as_string_opt::<i32>()) {
        // More decimals than the type has are zeros, which the cast takes for digits.
        let plain = texts.iter().map(|text| text.map(|text| text.trim_end_matches('0').trim_end_matches('.')));
        let has_decimals = |text: &str| text.contains('.');
        let texts = texts.iter().zip(plain);
        let texts: StringArray =
            texts.map(|(text, plain)| if text.is_some_and(has_decimals) { plain } else { text }).collect();
        return arrow::compute::cast(&texts, wanted).unwrap();
    }
    let ArrowType::Timestamp(TimeUnit::Microsecond, Some(zone)) = wanted else {
        return arrow::compute::cast(values, wanted).unwrap();
    };
    if values.data_type() == wanted {
        return Arc::clone(values);
    }
    // Names of zones cannot be understood without a table of them.
    let moments = arrow::compute::cast(values, &ArrowType::Timestamp(TimeUnit::Microsecond, None)).unwrap();
    Arc::new(moments.as_primitive::<TimestampMicrosecondType>().clone().with_timezone(Arc::clone(zone)))
}

/// JSON by what it says: databases write it in forms of their own.
fn documents(column: &ArrayRef) -> Vec<Option<serde_json::Value>> {
    let texts = column.as_string::<i32>();
    texts.iter().map(|text| text.map(|text| serde_json::from_str(text).unwrap())).collect()
}

fn newest_state_and_schema(destination: &dyn Destination, _jobs: &Path) {
    let mut connection = write(destination);
    let mut schema = users();
    // Not in the order of their ids: ids are what counts.
    for (load_id, version) in [("1700000001.5", 1), ("1700000003.25", 3), ("1700000002.125", 2)] {
        let mut transaction = connection.begin().unwrap();
        transaction.evolve(&schema).unwrap();
        let state = state(version, &format!("state {version}"));
        transaction.commit(&LoadRecord { load_id, schema: &schema, state: Some(&state) }).unwrap();
    }
    assert_eq!(count(&mut *connection, "_dlt_version"), 1, "a version is stored once");
    let stored = connection.stored("quick_start", "shop").unwrap();
    assert_eq!(stored.state.as_deref(), Some("state 3"));
    schema.tables["users"].add(Column::inferred("email", DataType::Text));
    schema.bump_version();
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    transaction.commit(&LoadRecord { load_id: "1700000004.0", schema: &schema, state: None }).unwrap();
    let stored = connection.stored("quick_start", "shop").unwrap();
    assert_eq!(stored.schema.as_deref(), Some(schema.to_stored().as_str()));
    assert_eq!(stored.state.as_deref(), Some("state 3"));
    let other = connection.stored("another", "other").unwrap();
    assert!(other.schema.is_none() && other.state.is_none());
    let created = moments(&mut *connection, "SELECT DISTINCT created_at FROM _dlt_pipeline_state");
    assert_eq!(created, [Some(1_700_000_000_123_456)]);
}

fn datasets_are_apart(destination: &dyn Destination, jobs: &Path) {
    let schema = users();
    let file = [user_file(&jobs.join("1.parquet"), &[1], "Ann")];
    load(&mut *write(destination), "1.0", &schema, "users", &file, Write::Append);
    let mut other = destination.connect("other_data", Access::Write).unwrap();
    assert!(!other.is_loaded("1.0").unwrap());
    assert!(other.stored("quick_start", "shop").unwrap().schema.is_none());
    load(&mut *other, "2.0", &schema, "users", &file, Write::Append);
    load(&mut *other, "3.0", &schema, "users", &file, Write::Append);
    assert_eq!(count(&mut *other, "users"), 2);
    assert_eq!(count(&mut *write(destination), "users"), 1);
}

fn names_that_need_quotes(destination: &dyn Destination, jobs: &Path) {
    let mut schema = users();
    let mut table = Table::root("order", "order", WriteDisposition::Append);
    table.add(Column::inferred("select", DataType::Bigint));
    table.add(Column::inferred("group", DataType::Text));
    schema.tables.insert("order".into(), table);
    schema.bump_version();
    let table = &schema.tables["order"];
    let folder = jobs.join("it's [a] *folder*?");
    std::fs::create_dir(&folder).unwrap();
    // Would be read too, were the name taken for a pattern.
    std::fs::create_dir(jobs.join("it's [a] *folder*X")).unwrap();
    let write_file = |path: &Path| {
        jobs::write(
            path,
            vec![
                values(&table.columns["select"], Arc::new(Int64Array::from(vec![7])) as ArrayRef),
                values(&table.columns["group"], Arc::new(StringArray::from(vec!["g"])) as ArrayRef),
            ],
        )
    };
    let file = write_file(&folder.join("order;--\"1\".parquet"));
    write_file(&jobs.join("it's [a] *folder*X").join("order;--\"1\".parquet"));
    let mut connection = write(destination);
    assert_eq!(load(&mut *connection, "1.0", &schema, "order", &[file], Write::Append), 1);
    let sql = format!(
        "SELECT {}, {} FROM {}",
        connection.quote("select"),
        connection.quote("group"),
        connection.quote("order")
    );
    assert_eq!(rows(&mut *connection, &sql), ["7|g"]);
}

fn queries_fail(destination: &dyn Destination, jobs: &Path) {
    let schema = users();
    let file = [user_file(&jobs.join("1.parquet"), &[1, 2], "secret")];
    let mut connection = write(destination);
    load(&mut *connection, "1.0", &schema, "users", &file, Write::Append);
    drop(connection);
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    for sql in ["SELECT * FROM missing", "SELEC 1"] {
        let error = connection.query(sql, &mut |_, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Destination, "{sql}: {error}");
    }
    let mut batches = 0;
    let stopped = connection.query("SELECT id FROM users", &mut |_, _| {
        batches += 1;
        Err(dlt_engine::Error::new(ErrorKind::Storage, "enough"))
    });
    assert_eq!(stopped.unwrap_err().to_string(), "enough");
    assert_eq!(batches, 1);
    let mut empty = 0;
    connection
        .query("SELECT id, name FROM users WHERE id > 5", &mut |schema, batch| {
            empty += 1;
            assert_eq!(schema.fields().len(), 2);
            assert_eq!(batch.num_rows(), 0);
            Ok(())
        })
        .unwrap();
    assert_eq!(empty, 1, "an empty result is one empty batch");
    let mut sum = 0;
    connection
        .query("SELECT id FROM users", &mut |_, batch| {
            sum += batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>();
            Ok(())
        })
        .unwrap();
    assert_eq!(sum, 3, "the connection goes on after failed queries");
    for sql in ["INSERT INTO users SELECT * FROM users", "DROP TABLE users", "CREATE TABLE x (a INTEGER)", "", ";"] {
        let error = connection.query(sql, &mut |_, _| Ok(())).expect_err(sql);
        assert_eq!(error.kind(), ErrorKind::Config, "{sql}: {error}");
    }
    assert!(connection.begin().is_err(), "a reader began a load");
    assert_eq!(count(&mut *connection, "users"), 2);
}

fn casts_fail(destination: &dyn Destination, jobs: &Path) {
    let schema = users();
    let file = [user_file(&jobs.join("1.parquet"), &[1, 2], "secret")];
    load(&mut *write(destination), "1.0", &schema, "users", &file, Write::Append);
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    let error = connection.query("SELECT CAST(name AS INTEGER) FROM users", &mut |_, _| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(count(&mut *connection, "users"), 2, "the connection goes on");
}
