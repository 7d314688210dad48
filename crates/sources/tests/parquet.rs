//! Parquet files.

use crate::read::{Table, folder, one, read};
use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, Int32Array, Int64Array, ListArray, NullArray,
    StringArray, StructArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use arrow::record_batch::RecordBatch;
use dlt_engine::source::{Chunk, ExtractContext};
use dlt_engine::{ErrorKind, Source};
use dlt_sources::files;
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{FixedLenByteArrayType, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::sync::Arc;

fn file(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    packed(columns, Compression::UNCOMPRESSED)
}

fn packed(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
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
    assert_eq!(table.columns(), ["id Int32", "word Dictionary(Int32, Utf8)", "nothing Null", "text Utf8"]);
    assert_eq!(table.batch_rows()[0], r#"{"id":1,"word":"x","text":"a"}"#);
    assert_eq!(table.batch_rows()[1], r#"{"id":2,"word":"y"}"#);
}

#[test]
fn nested_rows_stay_arrow_with_their_types() {
    let table = one("t.parquet", &nested()).unwrap();
    assert_eq!(
        table.columns(),
        [
            "id Int64",
            "list List(Int32)",
            "object Struct(\"at\": Timestamp(µs, \"Europe/Berlin\"))",
            "price Decimal128(38, 2)",
            "day Date32",
            "bytes Binary",
        ]
    );
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
    let types = |table: &Table| {
        let price = |batch: &RecordBatch| batch.schema().fields().last().unwrap().data_type().clone();
        table.batches.iter().map(price).collect::<Vec<_>>()
    };
    assert_eq!(types(&read(&mut source).unwrap()[0]), vec![DataType::Decimal128(17, 5); 3]);
    // What no decimal holds is each file's own; the engine finds a place for it.
    std::fs::write(dir.path().join("e.parquet"), priced("unit_price", 38, 30)).unwrap();
    let own = [(10, 2), (10, 5), (12, 0), (38, 30)].map(|(digits, decimals)| DataType::Decimal128(digits, decimals));
    assert_eq!(types(&read(&mut source).unwrap()[0]), own);
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

/// Everything that a source says.
fn said(content: &[u8]) -> (Table, Vec<String>) {
    let dir = folder(&[("t.parquet", content)]);
    let context = ExtractContext::default();
    let mut resource = files([dir.path()]).resources(&context).unwrap().remove(0);
    let mut table = Table::default();
    while let Some(Chunk::Arrow(chunk)) = resource.reader.next_chunk().unwrap() {
        table.batches.push(chunk.batch);
    }
    (table, context.notices.said().iter().map(ToString::to_string).collect())
}

#[test]
fn an_empty_file_is_cut_short_and_one_without_rows_is_not() {
    let error = one("t.parquet", b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().ends_with("t.parquet: the file is empty: it was cut short or never written"), "{error}");
    let (table, said) = said(&file(vec![("id", Arc::new(Int64Array::from(Vec::<i64>::new())))]));
    assert_eq!(table.columns(), ["id Int64"]);
    assert_eq!((table.batches.len(), table.batches[0].num_rows()), (1, 0));
    assert!(said.len() == 1 && said[0].contains("t.parquet holds no rows"), "{said:?}");
}

#[test]
fn every_packing_is_read() {
    let column = || vec![("id", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)];
    for compression in [
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(Default::default()),
    ] {
        let table = one("t.parquet", &packed(column(), compression)).unwrap();
        assert_eq!(table.batch_rows(), [r#"{"id":1}"#, r#"{"id":2}"#], "{compression}");
    }
}

#[test]
fn nanoseconds_stay_only_where_they_are_needed() {
    let moments = |nanos: i64| Arc::new(TimestampNanosecondArray::from(vec![Some(1_000), None, Some(nanos)]));
    let zoned = |nanos: i64| Arc::new(TimestampNanosecondArray::clone(&moments(nanos)).with_timezone("Europe/Berlin"));
    let columns = |nanos: i64| {
        let inner: ArrayRef = moments(nanos);
        let field = Arc::new(Field::new("at", inner.data_type().clone(), true));
        let object: ArrayRef = Arc::new(StructArray::from(vec![(field, inner)]));
        said(&file(vec![("at", moments(nanos)), ("zoned", zoned(nanos)), ("object", object)]))
    };
    let (table, whole) = columns(2_000);
    assert_eq!(
        table.columns(),
        ["at Timestamp(µs)", "zoned Timestamp(µs, \"Europe/Berlin\")", "object Struct(\"at\": Timestamp(µs))"]
    );
    assert!(whole.is_empty(), "{whole:?}");
    let (table, fine) = columns(2_001);
    assert_eq!(table.columns(), ["at Timestamp(ns)", "zoned Timestamp(ns)", "object Struct(\"at\": Timestamp(ns))"]);
    let expect = "column `zoned` keeps its nanoseconds and loses its time zone: it is in UTC (round it to microseconds to keep the zone)";
    assert_eq!(fine, [expect]);
}

/// A file of one column that Arrow does not write.
fn column_file(column: Type, write: impl FnOnce(&mut SerializedFileWriter<&mut Vec<u8>>)) -> Vec<u8> {
    let schema = Type::group_type_builder("schema").with_fields(vec![Arc::new(column)]).build().unwrap();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Default::default()).unwrap();
    write(&mut writer);
    writer.close().unwrap();
    bytes
}

fn int96(values: &[(i64, u32)]) -> Vec<u8> {
    let values: Vec<Int96> = values
        .iter()
        .map(|(nanos_of_day, day)| {
            let mut value = Int96::new();
            value.set_data(*nanos_of_day as u32, (*nanos_of_day >> 32) as u32, *day);
            value
        })
        .collect();
    let column = Type::primitive_type_builder("at", PhysicalType::INT96).with_repetition(Repetition::REQUIRED);
    column_file(column.build().unwrap(), |writer| {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int96Type>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    })
}

/// Nanoseconds in 64 bits reach from 1677 to 2262; INT96 reaches further, and many use the year 9999 for "never".
#[test]
fn int96_is_read_in_the_unit_that_holds_all_values() {
    // The day 5,373,484 is 9999-12-31, and 2,440,588 is 1970-01-01.
    let table = one("t.parquet", &int96(&[(86_399_999_999_000, 5_373_484), (5_000, 2_440_588)])).unwrap();
    assert_eq!(table.columns(), ["at Timestamp(µs)"]);
    let expect = [r#"{"at":"9999-12-31T23:59:59.999999"}"#, r#"{"at":"1970-01-01T00:00:00.000005"}"#];
    assert_eq!(table.batch_rows(), expect);
    let table = one("t.parquet", &int96(&[(5_001, 2_440_588)])).unwrap();
    assert_eq!(table.batch_rows(), [r#"{"at":"1970-01-01T00:00:00.000005001"}"#]);
    let error = one("t.parquet", &int96(&[(1, 5_373_484)])).unwrap_err();
    assert!(error.to_string().contains("t.parquet: column `at` has nanoseconds, and values before 1677"), "{error}");
}

#[test]
fn uuids_are_marked() {
    let column = Type::primitive_type_builder("id", PhysicalType::FIXED_LEN_BYTE_ARRAY)
        .with_length(16)
        .with_logical_type(Some(LogicalType::Uuid))
        .with_repetition(Repetition::REQUIRED);
    let content = column_file(column.build().unwrap(), |writer| {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<FixedLenByteArrayType>().write_batch(&[vec![7; 16].into()], None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    });
    let table = one("t.parquet", &content).unwrap();
    let (key, name) = dlt_engine::UUID_EXTENSION;
    assert_eq!(table.batches[0].schema().field(0).metadata().get(key).map(String::as_str), Some(name));
}

/// A map cannot be read in part.
#[test]
fn nanoseconds_in_maps_are_found() {
    use arrow::array::{Int32Builder, MapBuilder, TimestampNanosecondBuilder};
    let mut maps = MapBuilder::new(None, Int32Builder::new(), TimestampNanosecondBuilder::new());
    maps.keys().append_value(1);
    maps.values().append_value(2_001);
    maps.append(true).unwrap();
    let maps: ArrayRef = Arc::new(maps.finish());
    let table = one("t.parquet", &file(vec![("id", Arc::new(Int64Array::from(vec![1]))), ("m", maps)])).unwrap();
    assert!(table.columns()[1].contains("Timestamp(ns)"), "{:?}", table.columns());
}
