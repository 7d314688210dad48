//! Parquet files.

use crate::read::{Table, folder, one, read};
use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, Int32Array, Int64Array, ListArray, NullArray,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use arrow::record_batch::RecordBatch;
use dlt_engine::source::ExtractContext;
use dlt_engine::{ErrorKind, Source};
use dlt_sources::files;
use std::sync::Arc;

fn file(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn nested() -> Vec<u8> {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let moments = TimestampMicrosecondArray::from(vec![Some(1_704_164_645_123_456), None]);
    let inner: ArrayRef = Arc::new(moments.with_timezone("Europe/Berlin"));
    let field = Arc::new(Field::new("at", inner.data_type().clone(), true));
    file(vec![
        ("id", Arc::new(Int64Array::from(vec![1, i64::MAX]))),
        ("list", Arc::new(lists)),
        ("object", Arc::new(StructArray::from(vec![(field, inner)]))),
        ("price", Arc::new(Decimal128Array::from(vec![Some(110), None]).with_precision_and_scale(38, 2).unwrap())),
        ("day", Arc::new(Date32Array::from(vec![0, 1]))),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"\x00\xFF"[..], b""]))),
    ])
}

#[test]
fn flat_rows_stay_arrow() {
    let dictionary: DictionaryArray<Int32Type> = vec!["x", "y", "x"].into_iter().collect();
    let table = one(
        "t.parquet",
        &file(vec![
            ("id", Arc::new(Int32Array::from(vec![1, 2, 3]))),
            ("word", Arc::new(dictionary)),
            ("nothing", Arc::new(NullArray::new(3))),
            ("text", Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]))),
        ]),
    )
    .unwrap();
    assert_eq!(table.columns(), ["id Int32", "word Dictionary(Int32, Utf8)", "text Utf8"]);
    assert_eq!(table.batch_rows()[0], r#"{"id":1,"word":"x","text":"a"}"#);
    assert_eq!(table.batch_rows()[1], r#"{"id":2,"word":"y"}"#);
}

#[test]
fn nested_rows_become_json_without_loss() {
    let table = one("t.parquet", &nested()).unwrap();
    assert_eq!(
        table.texts(),
        [
            r#"{"id":1,"list":[1,null],"object":{"at":"2024-01-02T03:04:05.123456Z"},"price":"1.10","day":"1970-01-01","bytes":"0x00ff"}"#,
            r#"{"id":9223372036854775807,"object":{},"day":"1970-01-02","bytes":"0x"}"#,
        ]
    );
}

#[test]
fn types_that_json_does_not_show_are_told() {
    let dir = folder(&[("t.parquet", &nested())]);
    let mut source = files([dir.path()]);
    let columns = &source.resources(&ExtractContext::default()).unwrap()[0].hints.columns;
    let known: Vec<_> = columns.iter().map(|c| format!("{} {}", c.name, c.data_type.unwrap())).collect();
    assert_eq!(known, ["id bigint", "price decimal", "day date", "bytes binary"]);
    assert_eq!(columns[1].decimal(), (38, 2));
}

/// A file with a nested column beside a decimal of these digits.
fn priced(name: &str, digits: u8, decimals: i8) -> Vec<u8> {
    let price = Decimal128Array::from(vec![1]).with_precision_and_scale(digits, decimals).unwrap();
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    file(vec![("list", Arc::new(lists)), (name, Arc::new(price))])
}

#[test]
fn a_decimal_takes_the_values_of_all_files() {
    let flat = Decimal128Array::from(vec![1]).with_precision_and_scale(12, 0).unwrap();
    let dir = folder(&[
        ("a.parquet", &priced("unitPrice", 10, 2)),
        ("b.parquet", &priced("unit_price", 10, 5)),
        ("c.parquet", &file(vec![("unit_price", Arc::new(flat))])),
    ]);
    let mut source = files([dir.path()]).table("t");
    let columns = &source.resources(&ExtractContext::default()).unwrap()[0].hints.columns;
    let known: Vec<_> = columns.iter().map(|c| (c.name.as_str(), c.decimal())).collect();
    assert_eq!(known, [("unitPrice", (17, 5))]);
    std::fs::write(dir.path().join("e.parquet"), priced("unit_price", 38, 30)).unwrap();
    let error = source.resources(&ExtractContext::default()).err().unwrap();
    assert!(error.to_string().ends_with("column `unitPrice` would need more than 38 digits"), "{error}");
    assert!(error.to_string().contains("e.parquet: "), "{error}");
}

#[test]
fn columns_that_would_meet_in_one_name_are_refused() {
    let one_row = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    let nothing = || Arc::new(NullArray::new(1)) as ArrayRef;
    let error =
        one("t.parquet", &file(vec![("userId", one_row()), ("x", one_row()), ("User Id", one_row())])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    let message = "t.parquet: columns 1 (`userId`) and 3 (`User Id`) would both be named `user_id`";
    assert!(error.to_string().ends_with(message), "{error}");
    let field = |name: &str| Arc::new(Field::new(name, DataType::Int64, true));
    let inner = StructArray::from(vec![(field("a b"), one_row()), (field("a_b"), one_row())]);
    let error = one("t.parquet", &file(vec![("s", Arc::new(inner))])).unwrap_err();
    assert!(error.to_string().ends_with("would both be named `a_b`"), "{error}");
    // A column without a type makes no column.
    let table = one("t.parquet", &file(vec![("userId", nothing()), ("user_id", one_row())])).unwrap();
    assert_eq!(table.columns(), ["user_id Int64"]);
}

#[test]
fn a_file_that_is_none_is_named() {
    let whole = nested();
    for content in [&b"PAR1"[..], b"not parquet at all", &whole[..whole.len() - 9]] {
        let error = one("t.parquet", content).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().ends_with("t.parquet: is damaged or no Parquet file"), "{error}");
    }
}

#[test]
fn many_rows_come_in_batches() {
    let ids: Int64Array = (0..200_000).collect();
    let content =
        file(vec![("id", Arc::new(ids)), ("empty", Arc::new(arrow::array::new_null_array(&DataType::Utf8, 200_000)))]);
    let dir = folder(&[("t.parquet", &content)]);
    let tables: Vec<Table> = read(&mut files([dir.path().join("*.parquet")])).unwrap();
    let batches = &tables[0].batches;
    assert!(batches.iter().all(|batch| batch.num_rows() <= 65_536));
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 200_000);
}
