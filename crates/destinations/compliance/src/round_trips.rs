//! Any values of any type come back as they went in: a case of the compliance suite.

use crate::jobs::{self, chain, users, values};
use crate::{as_type, write};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::Float64Type;
use dlt_engine::destination::{Destination, LoadRecord, Write};
use dlt_engine::schema::{Column, DataType, Table, WriteDisposition};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Rows that are made by lot, beside those of extremes.
const ROWS: usize = 2_000;

/// The first and the last moment that a column of any destination must hold: the years 1 to 9999.
const MOMENTS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;
const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;

pub(crate) fn any_values_come_back(destination: &dyn Destination, jobs: &Path) {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed()),
    );
    let columns = columns(&mut runner);
    let number: ArrayRef = Arc::new(Int64Array::from_iter_values(0..columns[0].1.len() as i64));
    let mut table = Table::root("anything", "anything", WriteDisposition::Append);
    let mut file = Vec::new();
    let counted = [(Column::inferred("number", DataType::Bigint), number)];
    for (column, array) in counted.into_iter().chain(columns) {
        file.push(values(&column, array));
        table.add(column);
    }
    let expected = file.clone();
    let mut schema = users();
    schema.tables.insert("anything".into(), table);
    schema.bump_version();
    let path = jobs::write(&jobs.join("anything.parquet"), file);
    let mut connection = write(destination);
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    transaction.write(&chain(&schema.tables["anything"], &[path], Write::Append)).unwrap();
    transaction.commit(&LoadRecord { load_id: "1.0", schema: &schema, state: None }).unwrap();

    let mut batches = Vec::new();
    let sql = format!("SELECT * FROM {} ORDER BY {}", connection.quote("anything"), connection.quote("number"));
    connection
        .query(&sql, &mut |_, batch| {
            batches.push(batch);
            Ok(())
        })
        .unwrap();
    let found: RecordBatch = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(found.num_rows(), expected[0].1.len());
    for ((field, expected), found) in expected.iter().zip(found.columns()) {
        let found = as_type(found, field.data_type());
        let is_json = field.name() == "json";
        for row in 0..expected.len() {
            let (found, expected) = (found.slice(row, 1), expected.slice(row, 1));
            // White space and the order of keys are no values, and not every database keeps the sign of zero.
            let is_same = match is_json {
                true => json(&found) == json(&expected),
                false => found.as_ref() == expected.as_ref() || is_zero(&found) && is_zero(&expected),
            };
            assert!(is_same, "column {} row {row} of seed {:?}: {found:?} for {expected:?}", field.name(), seed());
        }
    }
}

/// Another one each day, and the same for all that run on one.
fn seed() -> [u8; 32] {
    let day = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&day.to_le_bytes());
    seed
}

fn is_zero(array: &ArrayRef) -> bool {
    array.as_primitive_opt::<Float64Type>().is_some_and(|doubles| doubles.is_valid(0) && doubles.value(0) == 0.0)
}

fn json(array: &ArrayRef) -> Option<Value> {
    let texts = array.as_string::<i32>();
    texts.is_valid(0).then(|| serde_json::from_str(texts.value(0)).unwrap())
}

/// Columns of all types with the same number of values.
fn columns(runner: &mut TestRunner) -> Vec<(Column, ArrayRef)> {
    let text = any::<String>().prop_map(|text| text.replace('\0', ""));
    const ODD: [&str; 14] =
        ["", " ", "\\N", "\\.", "NULL", "\"", "'", "\r\n", "\t", ",", "é", "\u{feff}", "😀", "x\u{301}"];
    let text = prop_oneof![4 => text, 1 => prop::sample::select(&ODD[..]).prop_map(str::to_owned)];
    let double =
        prop_oneof![3 => prop::num::f64::NORMAL, 1 => prop::num::f64::SUBNORMAL, 1 => Just(-0.0), 1 => Just(0.1)];
    let int = prop_oneof![any::<i64>(), -100..100_i64, Just(i64::MIN), Just(i64::MAX)];
    let moment = prop_oneof![MOMENTS, Just(*MOMENTS.start()), Just(*MOMENTS.end()), Just(0), Just(-1)];
    let bytes = prop::collection::vec(any::<u8>(), 0..20);
    let decimal = |digits: u32| {
        let most = 10_i128.pow(digits) - 1;
        prop_oneof![-most..=most, -100..100_i128, Just(most), Just(-most)]
    };
    let document = prop_oneof![
        (text.clone(), int.clone())
            .prop_map(|(key, number)| serde_json::json!({ key: [number, null, true, {"a": {}}] })),
        text.clone().prop_map(Value::String),
        int.clone().prop_map(Value::from),
    ];
    let document = document.prop_map(|value| value.to_string());
    let plain = Column::inferred;
    let mut columns: Vec<(Column, ArrayRef)> = Vec::new();
    let mut add = |column, array: ArrayRef| columns.push((column, array));
    add(plain("text", DataType::Text), Arc::new(StringArray::from(some(runner, text))));
    add(plain("double", DataType::Double), Arc::new(Float64Array::from(some(runner, double))));
    add(plain("bool", DataType::Bool), Arc::new(BooleanArray::from(some(runner, any::<bool>()))));
    let instants = TimestampMicrosecondArray::from(some(runner, moment.clone())).with_timezone("UTC");
    add(plain("instant", DataType::Timestamp), Arc::new(instants));
    let wall = TimestampMicrosecondArray::from(some(runner, moment));
    add(plain("wall", DataType::Timestamp).with("timezone", false), Arc::new(wall));
    add(plain("big", DataType::Bigint), Arc::new(Int64Array::from(some(runner, int))));
    let small = Int64Array::from(some(runner, -32_768..=32_767_i64));
    add(plain("small", DataType::Bigint).with("precision", 16), Arc::new(small));
    let bytes = some(runner, bytes);
    add(plain("bytes", DataType::Binary), Arc::new(bytes.iter().map(Option::as_deref).collect::<BinaryArray>()));
    add(plain("json", DataType::Json), Arc::new(StringArray::from(some(runner, document))));
    for (name, digits, decimals) in [("amount", 38, 9), ("price", 10, 2)] {
        let array =
            Decimal128Array::from(some(runner, decimal(digits.into()))).with_precision_and_scale(digits, decimals);
        let column = plain(name, DataType::Decimal).with("precision", digits).with("scale", decimals);
        add(column, Arc::new(array.unwrap()));
    }
    let wei = Decimal128Array::from(some(runner, decimal(38))).with_precision_and_scale(38, 0).unwrap();
    add(plain("wei", DataType::Wei), Arc::new(wei));
    add(plain("day", DataType::Date), Arc::new(Date32Array::from(some(runner, DAYS))));
    let clock = Time64MicrosecondArray::from(some(runner, 0..=86_399_999_999_i64));
    add(plain("clock", DataType::Time), Arc::new(clock));
    columns
}

/// Values made by lot, some of them missing.
fn some<S: Strategy>(runner: &mut TestRunner, values: S) -> Vec<Option<S::Value>> {
    let values = prop::option::weighted(0.9, values);
    (0..ROWS).map(|_| values.new_tree(runner).unwrap().current()).collect()
}
