//! Columns of every kind, nested ones above all.

use crate::error::Result;
use crate::normalize::tests::{Normalized, arrow_chunk, json_chunk, run_chunks, schema};
use crate::schema::Schema;
use crate::source::{ArrowChunk, Chunk};
use arrow::array::{
    ArrayRef, Decimal128Array, Decimal256Array, DurationSecondArray, FixedSizeBinaryArray, Float64Array, Int64Array,
    Int64Builder, ListArray, MapBuilder, StringArray, StringBuilder, StructArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Float64Type, i256};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

fn run(columns: Vec<(&str, ArrayRef)>) -> Result<Normalized> {
    run_chunks([arrow_chunk(columns)].into(), schema(), 2)
}

/// The rows of a table without what the engine adds.
fn rows(normalized: &Normalized, table: &str) -> Vec<String> {
    let own = |cell: &&str| !cell.starts_with("_dlt_load_id");
    normalized.rows[table].iter().map(|row| row.split(' ').filter(own).collect::<Vec<_>>().join(" ")).collect()
}

fn column_type(schema: &Schema, table: &str, column: &str) -> String {
    let column = &schema.tables[table].columns[column];
    format!("{:?} {}", column.data_type.unwrap(), column.arrow_type().unwrap())
}

fn structs(fields: Vec<(&str, ArrayRef)>, valid: Option<Vec<bool>>) -> ArrayRef {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) =
        fields.into_iter().map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array)).unzip();
    Arc::new(StructArray::new(fields.into(), arrays, valid.map(NullBuffer::from)))
}

fn list_of(values: ArrayRef, lengths: &[usize]) -> ArrayRef {
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths.iter().copied()), values, None))
}

fn map_of(rows: &[&[(&str, i64)]]) -> ArrayRef {
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for row in rows {
        for (key, value) in *row {
            map.keys().append_value(key);
            map.values().append_value(*value);
        }
        map.append(true).unwrap();
    }
    Arc::new(map.finish())
}

/// The same rows as JSON and in columns make the same tables, names, orders and ids that hang on places.
#[test]
fn nested_columns_and_json_become_the_same_rows() {
    let lines = concat!(
        r#"{"id":1,"O":{"x":1,"in":{"z":"a"}},"l":[{"a":1,"m":[1,2]},{"a":2}],"p":{"y":true},"n":[[1,2],[3]]}"#,
        "\n",
        r#"{"id":2,"O":{"x":2},"l":[],"p":{"y":false},"n":[[]]}"#,
        "\n",
        r#"{"id":3,"l":[{"a":3,"m":[4]}]}"#,
        "\n",
    );
    let (inferred, _) =
        arrow::json::reader::infer_json_schema_from_seekable(std::io::Cursor::new(lines), None).unwrap();
    let mut reader = arrow::json::ReaderBuilder::new(Arc::new(inferred)).build(lines.as_bytes()).unwrap();
    let batch = reader.next().unwrap().unwrap();
    // The reader of Arrow sorts the names.
    let names = ["id", "O", "l", "p", "n"].map(|name| batch.schema().index_of(name).unwrap());
    let batch = batch.project(&names).unwrap();
    let chunk = Chunk::Arrow(ArrowChunk { batch, input: "t.parquet".into(), first_row: 1 });
    let columns = run_chunks([chunk].into(), schema(), 2).unwrap();
    let json = run_chunks([json_chunk(lines, 1)].into(), schema(), 2).unwrap();
    assert_eq!(columns.rows, json.rows);
    for (name, table) in &json.schema.tables {
        let names = |schema: &Schema| schema.tables[name].columns.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&columns.schema), names(&json.schema), "{name}");
        assert_eq!(columns.schema.tables[name].parent, table.parent);
    }
}

#[test]
fn what_is_no_number_stays_what_it_is() {
    let doubles =
        ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(f64::NAN), Some(f64::INFINITY)])]);
    let double = Arc::new(Float64Array::from(vec![f64::NAN]));
    let out = run(vec![("s", structs(vec![("f", double)], None)), ("l", Arc::new(doubles))]).unwrap();
    assert_eq!(rows(&out, "t"), ["s__f=\"NaN\""]);
    assert_eq!(rows(&out, "t__l"), ["_dlt_list_idx=0 value=\"NaN\"", "_dlt_list_idx=1 value=\"inf\""]);
}

#[test]
fn nested_values_keep_their_types() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["2024-01-02T03:04:05Z", "007"]));
    let big: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 1]));
    let money = Decimal128Array::from(vec![110, 5]).with_precision_and_scale(12, 2).unwrap();
    let moments: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1, 2_000]));
    let object =
        structs(vec![("at", moments), ("text", texts.clone()), ("big", big), ("money", Arc::new(money))], None);
    let out =
        run(vec![("s", object.clone()), ("l", list_of(object, &[2, 0])), ("texts", list_of(texts, &[1, 1]))]).unwrap();
    for (table, prefix) in [("t", "s__"), ("t__l", "")] {
        let of = |column: &str| column_type(&out.schema, table, &format!("{prefix}{column}"));
        assert_eq!(of("at"), "Timestamp Timestamp(ns)");
        assert_eq!(of("text"), "Text Utf8");
        assert_eq!(of("big"), "Wei Decimal128(38, 0)");
        assert_eq!(of("money"), "Decimal Decimal128(12, 2)");
        let first = rows(&out, table).into_iter().find(|row| row.contains("00.000000001")).unwrap();
        assert!(first.contains("big=18446744073709551615"), "{first}");
        assert!(first.contains("money=\"1.10\"") && first.contains("text=\"2024-01-02T03:04:05Z\""), "{first}");
    }
    assert_eq!(column_type(&out.schema, "t__texts", "value"), "Text Utf8");
    assert!(rows(&out, "t__texts")[0].contains("007"));
}

#[test]
fn what_stands_under_a_null_is_none() {
    let inner: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let list = list_of(Arc::new(Int64Array::from(vec![10, 20])), &[1, 1]);
    let object = structs(vec![("a", inner), ("l", list)], Some(vec![false, true]));
    let out = run(vec![("s", object)]).unwrap();
    assert_eq!(rows(&out, "t"), ["", "s__a=2"]);
    assert_eq!(rows(&out, "t__s__l"), ["_dlt_list_idx=0 value=20"]);
}

#[test]
fn keys_of_maps_become_columns() {
    let many: Vec<(String, i64)> = (0..30).map(|n| (format!("k{n}"), n)).collect();
    let many: Vec<(&str, i64)> = many.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let mut all: Vec<&[(&str, i64)]> = vec![&[("a", 1), ("b", 2), ("a", 3)], &[("b", 4)]];
    all.resize(20, &[]);
    all.push(&many);
    let out = run(vec![("m", map_of(&all))]).unwrap();
    let found = rows(&out, "t");
    assert!(found.contains(&"m__a=3 m__b=2".to_owned()) && found.contains(&"m__b=4".to_owned()), "{found:?}");
    assert!(found.iter().any(|row| row.contains("m__k7=7") && row.contains("m__k29=29")), "{found:?}");
    let mut numbers = MapBuilder::new(None, Int64Builder::new(), StringBuilder::new());
    numbers.keys().append_value(-7);
    numbers.values().append_value("x");
    numbers.append(true).unwrap();
    let out = run(vec![("m", list_of(Arc::new(numbers.finish()), &[1]))]).unwrap();
    assert_eq!(rows(&out, "t__m"), ["_7=\"x\" _dlt_list_idx=0"]);
}

/// No value is dropped where names meet.
#[test]
fn columns_that_meet_in_one_name_are_named_apart() {
    let number = |value| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let check = |columns, table: &str, expect: &[&str]| assert_eq!(rows(&run(columns).unwrap(), table), expect);
    check(vec![("userId", number(1)), ("user_id", number(2))], "t", &["user_id=2 user_id_blr0jg=1"]);
    let nested = structs(vec![("a", number(1))], None);
    check(vec![("s", nested), ("s__a", number(2))], "t", &["s__a=2 s__a_jdanma=1"]);
    let map = map_of(&[&[("a-b", 1), ("a_b", 2), ("a b", 3)]]);
    check(vec![("m", map)], "t", &["m__a_b=1 m__a_b_glalcg=2 m__a_b_ulbiea=3"]);
    let objects = vec![("é", structs(vec![("a", number(1))], None)), ("à", structs(vec![("a", number(2))], None))];
    check(objects, "t", &["x__a=1 x_vupqig__a=2"]);
    let lists = || vec![("l", list_of(number(1), &[1])), ("L", list_of(number(2), &[1]))];
    check(lists(), "t__l", &["_dlt_list_idx=0 value=1"]);
    check(lists(), "t__l_c3birw", &["_dlt_list_idx=0 value=2"]);
    let empty = Arc::new(Int64Array::from(vec![None])) as ArrayRef;
    check(vec![("id", empty), ("ID", number(2))], "t", &["id=2"]);
}

/// The same columns in every piece, and one piece without them.
#[test]
fn no_piece_sees_values_of_another() {
    let both = |from: i64| {
        let text = Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef;
        let number = |first: i64, second: i64| Arc::new(Int64Array::from(vec![first, second])) as ArrayRef;
        arrow_chunk(vec![("id", number(from, from + 1)), ("A-b", text), ("a_b", number(from, from))])
    };
    let alone = arrow_chunk(vec![("id", Arc::new(Int64Array::from(vec![31, 32])) as ArrayRef)]);
    let out = run_chunks([both(11), both(21), alone].into(), schema(), 1).unwrap();
    let expect = [
        "a_b=11 a_b_w3vpqw=\"x\" id=11",
        "a_b=11 a_b_w3vpqw=\"y\" id=12",
        "a_b=21 a_b_w3vpqw=\"x\" id=21",
        "a_b=21 a_b_w3vpqw=\"y\" id=22",
        "id=31",
        "id=32",
    ];
    assert_eq!(rows(&out, "t"), expect);
}

#[test]
fn a_batch_without_rows_makes_its_columns() {
    let object = structs(vec![("a", Arc::new(Int64Array::from(Vec::<i64>::new())))], None);
    let out = run(vec![("s", object.clone()), ("l", list_of(object, &[]))]).unwrap();
    assert!(out.rows.is_empty());
    let names = |table: &str| out.schema.tables[table].columns.keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names("t"), "s__a _dlt_load_id _dlt_id");
    assert_eq!(names("t__l"), "a _dlt_parent_id _dlt_list_idx _dlt_id");
}

#[test]
fn what_is_nested_too_deep_stays_json() {
    let mut schema = schema();
    let table = schema.tables.get_mut("t").unwrap();
    table.hints.insert("x-normalizer".into(), serde_json::json!({"max_nesting": 0}));
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![1.5, f64::NAN]));
    let object = structs(vec![("f", doubles.clone()), ("m", map_of(&[&[("k", 1)], &[]]))], None);
    let chunk = arrow_chunk(vec![("s", object), ("l", list_of(doubles, &[2, 0]))]);
    let out = run_chunks([chunk].into(), schema, 1).unwrap();
    assert_eq!(
        rows(&out, "t"),
        [r#"l="[1.5,\"NaN\"]" s="{\"f\":1.5,\"m\":{\"k\":1}}""#, r#"l="[]" s="{\"f\":\"NaN\",\"m\":{}}""#]
    );
    assert_eq!(column_type(&out.schema, "t", "s"), "Json Utf8");
}

#[test]
fn nanoseconds_are_not_cut_off_in_silence() {
    let nanos = |value: i64| Arc::new(TimestampNanosecondArray::from(vec![1_000, value])) as ArrayRef;
    let micros = |value: i64| Arc::new(TimestampMicrosecondArray::from(vec![value])) as ArrayRef;
    let load = |columns: Vec<ArrayRef>| {
        let chunks = columns.into_iter().map(|column| arrow_chunk(vec![("at", column)]));
        run_chunks(chunks.collect(), schema(), 1)
    };
    let out = load(vec![nanos(2_001), micros(3), micros(i64::MAX / 1_000)]).unwrap();
    assert_eq!(column_type(&out.schema, "t", "at"), "Timestamp Timestamp(ns)");
    let found = rows(&out, "t").join(",");
    assert!(found.contains("00.000002001") && found.contains("00.000003"), "{found}");
    let out = load(vec![micros(3), nanos(2_001)]).unwrap();
    assert_eq!(column_type(&out.schema, "t", "at"), "Timestamp Timestamp(µs)");
    let found = rows(&out, "t").join(",");
    assert!(found.contains("at__v_timestamp=\"1970-01-01T00:00:00.000002001\""), "{found}");
    assert!(found.contains("at=\"1970-01-01T00:00:00.000001\""), "{found}");
    let zoned = Arc::new(TimestampNanosecondArray::from(vec![1_000, 2_001]).with_timezone("Europe/Berlin"));
    let error = run(vec![("at", zoned)]).err().unwrap();
    assert!(error.to_string().starts_with("t.parquet: column `at` has nanoseconds in row 2"), "{error}");
}

/// Text in a column of nanoseconds.
#[test]
fn text_fills_a_column_of_nanoseconds() {
    let nanos = Arc::new(TimestampNanosecondArray::from(vec![1])) as ArrayRef;
    let text = json_chunk("{\"at\":\"2024-01-02T03:04:05\"}\n{\"at\":\"9999-01-02T03:04:05\"}\n", 1);
    let out = run_chunks([arrow_chunk(vec![("at", nanos)]), text].into(), schema(), 1).unwrap();
    let found = rows(&out, "t").join(",");
    assert!(found.contains("at=\"2024-01-02T03:04:05\""), "{found}");
    assert!(
        found.contains("at__v_text=\"9999-01-02T03:04:05\"") || found.contains("at__v_text=\"9999-01-02T03:04:05Z\""),
        "{found}"
    );
}

#[test]
fn uuids_are_text() {
    let bytes: Vec<u8> = (0..16).collect();
    let array = Arc::new(FixedSizeBinaryArray::try_from_iter([bytes].into_iter()).unwrap());
    let (key, name) = crate::UUID_EXTENSION;
    let field =
        Field::new("id", DataType::FixedSizeBinary(16), true).with_metadata([(key.to_owned(), name.to_owned())].into());
    let schema_of = Arc::new(arrow::datatypes::Schema::new(vec![field]));
    let batch = RecordBatch::try_new(schema_of, vec![array]).unwrap();
    let chunk = Chunk::Arrow(ArrowChunk { batch, input: "t.parquet".into(), first_row: 1 });
    let out = run_chunks([chunk].into(), schema(), 1).unwrap();
    assert_eq!(rows(&out, "t"), ["id=\"00010203-0405-0607-0809-0a0b0c0d0e0f\""]);
}

/// A scalar is JSON, too: it is no text for a variant column.
#[test]
fn text_that_says_it_is_json_is_json_where_that_is_declared() {
    let (key, name) = crate::JSON_EXTENSION;
    let field = Field::new("j", DataType::Utf8, true).with_metadata([(key.to_owned(), name.to_owned())].into());
    let array: ArrayRef = Arc::new(StringArray::from(vec!["{\"a\":1}", "5"]));
    let batch = RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(vec![field])), vec![array]).unwrap();
    let chunk = || Chunk::Arrow(ArrowChunk { batch: batch.clone(), input: "t.parquet".into(), first_row: 1 });
    let mut declared = schema();
    declared.tables["t"].add(crate::schema::Column::inferred("j", crate::schema::DataType::Json));
    let out = run_chunks([chunk()].into(), declared, 1).unwrap();
    assert_eq!(column_type(&out.schema, "t", "j"), "Json Utf8");
    assert!(!out.schema.tables["t"].columns.contains_key("j__v_text"));
    let out = run_chunks([chunk()].into(), schema(), 1).unwrap();
    assert_eq!(column_type(&out.schema, "t", "j"), "Text Utf8");
}

#[test]
fn what_cannot_be_loaded_is_named() {
    let inner: ArrayRef = Arc::new(DurationSecondArray::from(vec![1]));
    let error = run(vec![("s", structs(vec![("took", inner)], None))]).err().unwrap();
    assert_eq!(error.to_string(), "t.parquet: column `s.took` has type Duration(s), which no column can hold");
    let wide = |value| {
        let array = Decimal256Array::from(vec![value]).with_precision_and_scale(60, 2).unwrap();
        run(vec![("d", Arc::new(array) as ArrayRef)])
    };
    assert_eq!(rows(&wide(i256::from_i128(150)).unwrap(), "t"), ["d=\"1.50\""]);
    let error = wide(i256::from_string(&"9".repeat(45)).unwrap()).err().unwrap();
    assert!(error.to_string().starts_with("t.parquet: column `d` has a value of more than 38 digits"), "{error}");
    assert!(!error.to_string().contains("999"), "{error}");
}
