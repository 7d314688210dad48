//! The fast path and the slow path must say the same, and so must any number of workers.

#![allow(clippy::unwrap_used)]

use super::chunk::{self, NormalizedChunk};
use super::files::PendingRows;
use super::layout::Layout;
use super::rows::{Cells, Rows};
use super::{Normalizer, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Cursor, Surrogates};
use crate::naming::{Convention, Naming};
use crate::schema::{Column, DataType, Schema, Table, WriteDisposition};
use crate::source::{ArrowChunk, Chunk, JsonChunk, Reader};
use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int64Array, StringArray, UInt64Array};
use arrow::datatypes::Field;
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

pub(super) const NAMING_LENGTH: usize = 65_536;

pub(super) fn schema() -> Schema {
    let mut schema = Schema::new("test");
    schema.tables.insert("t".into(), Table::root("t", "t", WriteDisposition::Append));
    schema
}

fn layout() -> Layout {
    Layout::new(&schema(), "t", Naming::new(NAMING_LENGTH)).unwrap()
}

pub(super) fn json_chunk(text: &str, first_line: u64) -> Chunk {
    Chunk::Json(JsonChunk { bytes: text.as_bytes().to_vec(), input: "t.jsonl".into(), first_line })
}

/// Tables as text, without the ids that are random or hang on random ones.
fn shown(chunk: &NormalizedChunk) -> BTreeMap<String, String> {
    let shown = chunk.tables.iter().map(|table| {
        let batch = table.rows.batch();
        let kept: Vec<usize> = (0..batch.num_columns())
            .filter(|&at| !["_dlt_id", "_dlt_parent_id"].contains(&batch.schema().field(at).name().as_str()))
            .collect();
        (
            table.table.clone(),
            pretty_format_batches(&[crate::relabel_utc(&batch.project(&kept).unwrap()).unwrap()]).unwrap().to_string(),
        )
    });
    shown.collect()
}

fn slow_only(text: &str) -> Option<NormalizedChunk> {
    let mut layout = layout();
    let mut cursor = Cursor::new(text);
    while cursor.peek().is_some() {
        let item = cursor.value().unwrap();
        layout.add_item(&item).ok()?;
    }
    layout.fill_ids("1.0").unwrap();
    Some(
        layout
            .take_batches(HashMap::new())
            .map(|tables| NormalizedChunk {
                tables,
                has_news: true,
                renamed: Default::default(),
                repeated: None,
                discarded: Vec::new(),
                rejected: Vec::new(),
            })
            .unwrap(),
    )
}

/// Few keys and many types: columns of several types, keys that meet in one name, lists and objects under one key.
fn rows() -> impl Strategy<Value = Vec<Value>> {
    let key =
        prop::sample::select(vec!["a", "b", "A", "a_b", "a-b", "a__b", "id", "", "_dlt_id", "value", "list", "é"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..5).prop_map(Value::from),
        prop::sample::select(vec![0.5, 2.0, -1e300]).prop_map(Value::from),
        prop::sample::select(vec!["", "x", "12", "0.5", "true", "2024-01-02T03:04:05Z", "2024-01-02", "\"\\\n é"])
            .prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..4)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    });
    prop::collection::vec(value, 1..12)
}

pub(super) fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_fast_path_says_what_the_slow_path_says(rows in rows()) {
        // Each row twice: the second time its shape is known, so the fast path has its turn.
        let text = lines(&rows.iter().flat_map(|row| [row.clone(), row.clone()]).collect::<Vec<_>>());
        let both = chunk::normalize(&json_chunk(&text, 1), &mut layout(), "1.0");
        match slow_only(&text) {
            Some(slow) => prop_assert_eq!(shown(&both.unwrap()), shown(&slow)),
            None => prop_assert!(both.is_err()),
        }
    }

    #[test]
    fn the_result_hangs_neither_on_chunks_nor_on_workers(rows in rows(), size in 1_usize..5, workers in 1_usize..5) {
        let alone = run(vec![lines(&rows)], 1);
        let pieces = run(rows.chunks(size).map(lines).collect(), workers);
        match (alone, pieces) {
            (Ok(one), Ok(other)) => {
                prop_assert_eq!(one.schema.tables, other.schema.tables);
                prop_assert_eq!(one.rows, other.rows);
            }
            (Err(one), Err(other)) => prop_assert_eq!(one.to_string(), other.to_string()),
            (one, other) => prop_assert!(false, "{:?} and {:?}", one.map(|_| ()), other.map(|_| ())),
        }
    }
}

struct Pieces(VecDeque<Chunk>);

impl Reader for Pieces {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        Ok(self.0.pop_front())
    }
}

/// What a run gave.
#[derive(Debug)]
pub(super) struct Normalized {
    pub(super) schema: Schema,
    /// By table: every row as its cells, without the ids that are random or hang on random ones, in some fixed order.
    pub(super) rows: BTreeMap<String, Vec<String>>,
}

fn run(pieces: Vec<String>, workers: usize) -> Result<Normalized> {
    let mut line = 1;
    let numbered = pieces.into_iter().map(|piece| {
        let first = line;
        line += piece.matches('\n').count() as u64;
        json_chunk(&piece, first)
    });
    run_chunks(numbered.collect(), schema(), workers)
}

pub(super) fn run_chunks(chunks: VecDeque<Chunk>, schema: Schema, workers: usize) -> Result<Normalized> {
    run_named(chunks, schema, workers, Convention::SnakeCase)
}

pub(super) fn run_named(
    chunks: VecDeque<Chunk>,
    schema: Schema,
    workers: usize,
    convention: Convention,
) -> Result<Normalized> {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        load_id: "1.0",
        naming: Naming::new(NAMING_LENGTH).with(convention),
        workers,
        memory: super::memory(workers, None),
        surrogates: Surrogates::default(),
        rejected: None,
        folder: folder.path().to_owned(),
        on_progress: &|_, _| {},
    };
    let mut normalizer = Normalizer::new(&settings, schema);
    normalizer.normalize("t", &Default::default(), &mut Pieces(chunks))?;
    let (schema, files) = normalizer.finish()?;
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files {
        let opened = std::fs::File::open(folder.path().join(&file.name)).unwrap();
        let batches = ParquetRecordBatchReaderBuilder::try_new(opened).unwrap().build().unwrap();
        for batch in batches {
            let batch = crate::relabel_utc(&batch.unwrap()).unwrap();
            for row in crate::rows_of(&batch).unwrap() {
                let mut cells: Vec<String> = row
                    .into_iter()
                    .filter(|(name, value)| !value.is_null() && !["_dlt_id", "_dlt_parent_id"].contains(&name.as_str()))
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                cells.sort();
                rows.entry(file.table.clone()).or_default().push(cells.join(" "));
            }
        }
    }
    rows.values_mut().for_each(|rows| rows.sort());
    Ok(Normalized { schema, rows })
}

fn normalized(rows: &[Value]) -> NormalizedChunk {
    chunk::normalize(&json_chunk(&lines(rows), 1), &mut layout(), "1.0").unwrap()
}

fn columns(chunk: &NormalizedChunk, table: &str) -> Vec<String> {
    let batch = chunk.tables.iter().find(|found| found.table == table).unwrap().rows.batch();
    batch.schema().fields().iter().map(|field| field.name().clone()).collect()
}

#[test]
fn nested_objects_come_after_what_stands_beside_them_the_last_first() {
    let chunk = normalized(&[json!({"a": 1, "d1": {"x": 1, "dd": {"z": 1}}, "d2": {"y": 1}, "b": 2})]);
    let expect = ["a", "b", "d2__y", "d1__x", "d1__dd__z", "_dlt_load_id", "_dlt_id"];
    assert_eq!(columns(&chunk, "t"), expect);
}

#[test]
fn a_value_of_another_type_goes_to_a_variant() {
    let chunk = normalized(&[json!({"v": 1}), json!({"v": 1.5}), json!({"v": "7"}), json!({"v": "x"})]);
    assert_eq!(columns(&chunk, "t"), ["v", "_dlt_load_id", "_dlt_id", "v__v_double", "v__v_text"]);
}

#[test]
fn a_nested_row_is_tied_to_its_parent_by_digest() {
    let chunk = normalized(&[json!({"_dlt_id": "root", "l": [[1], 2]})]);
    let table = |name: &str| chunk.tables.iter().find(|found| found.table == name).unwrap().rows.batch();
    let text = |name: &str, column: &str| {
        let batch = table(name);
        let array = batch.column_by_name(column).unwrap().as_string::<i32>();
        array.iter().map(|value| value.unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(text("t", "_dlt_id"), ["root"]);
    assert_eq!(text("t__l", "_dlt_parent_id"), ["root", "root"]);
    assert_eq!(text("t__l__list", "_dlt_parent_id"), [text("t__l", "_dlt_id")[0].clone()]);
}

/// A path may lead into one table from two others; every row hangs on the one that it really came from.
#[test]
fn a_table_that_is_filled_from_two_others_keeps_them_apart() {
    let rows = [
        json!({"_dlt_id": "first", "a": {"b": [1]}}),
        json!({"_dlt_id": "second", "a": [{"_dlt_id": "x", "b": [2, 3]}, {"_dlt_id": "y", "b": [4]}]}),
    ];
    for rows in [rows.clone(), [rows[1].clone(), rows[0].clone()]] {
        let chunk = normalized(&rows);
        let table = chunk.tables.iter().find(|found| found.table == "t__a__b").unwrap().rows.batch();
        let text = |column: &str| table.column_by_name(column).unwrap().as_string::<i32>();
        let value = table.column_by_name("value").unwrap().as_primitive::<arrow::datatypes::Int64Type>();
        let parents: BTreeMap<i64, &str> =
            value.values().iter().copied().zip(text("_dlt_parent_id").iter().flatten()).collect();
        assert_eq!(parents, BTreeMap::from([(1, "first"), (2, "x"), (3, "x"), (4, "y")]));
        let ids: std::collections::BTreeSet<_> = text("_dlt_id").iter().collect();
        assert_eq!(ids.len(), 4);
    }
}

#[test]
fn an_error_names_the_line_of_the_item() {
    let fail = |text: &str| {
        let error = chunk::normalize(&json_chunk(text, 70_000), &mut layout(), "1.0").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        error.location().unwrap().line.unwrap()
    };
    assert_eq!(fail("{\"a\":1}\n{\"a\":2, \"b\n{\"a\":3}\n"), 70_001, "cut within a key");
    assert_eq!(fail("{\"a\":1}\n{\"a\":2,\n{\"a\":3}\n"), 70_001, "cut after a comma");
    assert_eq!(fail("{\"a\":1}\n{\"a\":2}\n{\"a\":"), 70_002, "cut at the end of the input");
    assert_eq!(fail("{\n\"a\":\n1e}\n"), 70_002, "an item of several lines");
}

#[test]
fn the_first_error_of_the_input_is_the_one_that_is_reported() {
    let mut pieces: Vec<String> = (0..40).map(|n| format!("{{\"a\":{n}}}\n")).collect();
    pieces[20] = "{\"a\":\n".into();
    pieces[21] = "nonsense\n".into();
    for _ in 0..20 {
        let error: Error = run(pieces.clone(), 4).unwrap_err();
        assert_eq!(error.location().unwrap().line, Some(21));
    }
}

#[test]
fn no_row_is_lost_between_files() {
    let pieces: Vec<String> = (0..30).map(|n| format!("{{\"a\":{n},\"l\":[1,2]}}\n").repeat(9_000)).collect();
    let rows = run(pieces, 2).unwrap().rows;
    assert_eq!(rows.values().map(Vec::len).sum::<usize>(), 30 * 9_000 * 3);
}

pub(super) fn arrow_chunk(columns: Vec<(&str, ArrayRef)>) -> Chunk {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    Chunk::Arrow(ArrowChunk { batch, input: "t.parquet".into(), first_row: 1 })
}

pub(super) fn merged_by_id() -> Schema {
    let mut schema = schema();
    let table = &mut schema.tables["t"];
    table.write_disposition = Some(WriteDisposition::Merge);
    table.hints.insert("x-merge-strategy".into(), "upsert".into());
    table.add(
        Column { data_type: None, nullable: false, ..Column::inferred("id", DataType::Bigint) }
            .with("primary_key", true),
    );
    schema
}

/// Rows in columns and the same rows as text make the same tables.
#[test]
fn columns_and_text_become_the_same_rows() {
    let ids = |range: std::ops::Range<i64>| Arc::new(Int64Array::from_iter_values(range)) as ArrayRef;
    let names = |range: std::ops::Range<i64>| {
        let name = |id: i64| (id % 3 != 0).then(|| format!("name {id}"));
        Arc::new(range.map(name).collect::<StringArray>()) as ArrayRef
    };
    let chunks = [0..4, 4..7, 7..20].map(|range| arrow_chunk(vec![("Id", ids(range.clone())), ("name", names(range))]));
    let lines: String = (0..20)
        .map(|id| {
            if id % 3 == 0 { format!("{{\"Id\":{id}}}\n") } else { format!("{{\"Id\":{id},\"name\":\"name {id}\"}}\n") }
        })
        .collect();
    for schema in [schema(), merged_by_id()] {
        let columns = run_chunks(chunks.iter().map(copied).collect(), schema.clone(), 3).unwrap();
        let text = run_chunks([json_chunk(&lines, 1)].into(), schema, 3).unwrap();
        assert_eq!(columns.rows, text.rows);
    }
}

fn copied(chunk: &Chunk) -> Chunk {
    match chunk {
        Chunk::Arrow(chunk) => Chunk::Arrow(chunk.clone()),
        Chunk::Json(chunk) => json_chunk(std::str::from_utf8(&chunk.bytes).unwrap(), chunk.first_line),
    }
}

/// The key is read from columns too: rows are known by it, and none may lack it.
#[test]
fn a_key_in_columns_makes_the_ids() {
    let keys = |ids: Vec<Option<i64>>| arrow_chunk(vec![("id", Arc::new(Int64Array::from(ids)) as ArrayRef)]);
    let mut layout = Layout::new(&merged_by_id(), "t", Naming::new(NAMING_LENGTH)).unwrap();
    let chunk = chunk::normalize(&keys(vec![Some(1), Some(2), Some(1)]), &mut layout, "1.0").unwrap();
    let ids = chunk.tables[0].rows.batch().column_by_name("_dlt_id").unwrap().as_string::<i32>().clone();
    assert_eq!(ids.value(0), crate::digest::key_row_id(r#"{"id":1}"#));
    assert!(ids.value(0) == ids.value(2) && ids.value(0) != ids.value(1));
    for lacking in
        [keys(vec![Some(1), None]), arrow_chunk(vec![("idd", Arc::new(Int64Array::from(vec![1])) as ArrayRef)])]
    {
        let mut layout = Layout::new(&merged_by_id(), "t", Naming::new(NAMING_LENGTH)).unwrap();
        let error = chunk::normalize(&lacking, &mut layout, "1.0").unwrap_err();
        assert!(error.to_string().contains("no value in `id`"), "{error}");
    }
    for line in ["{\"idd\":1}\n{\"idd\":2}\n", "{\"id\":1}\n{\"id\":null}\n"] {
        assert!(run_chunks([json_chunk(line, 1)].into(), merged_by_id(), 1).is_err(), "{line}");
    }
}

#[test]
fn decimals_of_other_scales_keep_their_value() {
    let decimals = |values: Vec<i128>, digits, scale| {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(digits, scale).unwrap()) as ArrayRef
    };
    let chunks = [
        arrow_chunk(vec![("v", decimals(vec![125], 10, 2))]),
        arrow_chunk(vec![("v", decimals(vec![12_300, 123_456], 12, 4))]),
        arrow_chunk(vec![("v", Arc::new(UInt64Array::from(vec![500])) as ArrayRef)]),
    ];
    let rows = run_chunks(chunks.into(), schema(), 1).unwrap().rows;
    let expect = ["v=\"1.23\"", "v=\"1.25\"", "v=\"500.00\"", "v__v_decimal=\"12.3456\""];
    let expect: Vec<String> = expect.iter().map(|row| format!("_dlt_load_id=\"1.0\" {row}")).collect();
    assert_eq!(rows["t"], expect);
}

#[test]
fn a_key_with_an_escape_is_not_taken_for_its_spelling() {
    let rows = run(vec!["{\"C:\\\\new\":1}\n{\"C:\\new\":2}\n".into()], 1).unwrap().rows;
    let expect = ["_dlt_load_id=\"1.0\" c_ew=2", "_dlt_load_id=\"1.0\" c_new=1"];
    assert_eq!(rows["t"], expect);
    assert!(run(vec!["{\"a\\\"b\":1}\n{\"a\"b\":2}\n".into()], 1).is_err(), "that is no JSON");
}

#[test]
fn a_list_does_not_fill_the_table_of_another_resource() {
    let mut schema = schema();
    schema.tables.insert("t__l".into(), Table::root("t__l", "t__l", WriteDisposition::Append));
    let error = run_chunks([json_chunk("{\"l\":[1]}\n", 1)].into(), schema, 1).unwrap_err();
    assert_eq!(error.to_string(), "a list of `t` would fill table `t__l`, which another resource fills already");
}

/// Integers of any length, and numbers that a double makes infinite, keep all that was written of them.
#[test]
fn numbers_beyond_the_machine_are_kept() {
    let rows =
        |text: &str| run(vec![text.to_owned()], 1).unwrap().rows["t"].iter().map(|row| own(row)).collect::<Vec<_>>();
    let big = "18446744073709551616";
    assert_eq!(
        rows(&format!("{{\"v\":{big}}}\n{{\"v\":7}}\n{{\"v\":-{big}}}\n")),
        [format!("v=\"-{big}\""), format!("v=\"{big}\""), "v=7".to_owned()]
    );
    assert_eq!(
        rows(&format!("{{\"v\":1}}\n{{\"v\":{big}}}\n{{\"v\":{big}}}\n")),
        ["v=1".to_owned(), format!("v__v_wei=\"{big}\""), format!("v__v_wei=\"{big}\"")]
    );
    let long = "1".repeat(40);
    assert_eq!(
        rows(&format!("{{\"v\":1.5}}\n{{\"v\":1e400}}\n{{\"v\":{long}}}\n")),
        ["v=1.5".to_owned(), format!("v__v_text=\"{long}\""), "v__v_text=\"1e400\"".to_owned()]
    );
    assert_eq!(rows("{\"v\":1.5}\n{\"v\":9007199254740993}\n"), ["v=1.5", "v__v_bigint=9007199254740993"]);
}

/// A row without the cells of the engine.
fn own(row: &str) -> String {
    row.split(' ').filter(|cell| !cell.starts_with("_dlt_")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_key_column_says_what_does_not_fit_it() {
    let mut schema = merged_by_id();
    schema.tables["t"].columns["id"].data_type = Some(DataType::Bigint);
    let text = "{\"id\":1}\n{\"id\":\"x\"}\n";
    let error = run_chunks([json_chunk(text, 1)].into(), schema, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.jsonl:2: a value of type text does not fit column `id` of table `t`, which is bigint"
    );
}

#[test]
fn what_is_no_json_is_told_with_line_column_and_reason() {
    for (text, place, reason) in [
        ("{\"a\":1}\n{\"é\":NaN}\n", "2:6", "NaN and Infinity"),
        ("{\"a\":1}\n{'a':1}\n", "2:2", "double quotes"),
        ("{\"a\":1,}\n", "1:8", "a comma stands before the closing bracket"),
        ("{\"a\":1} // one\n", "1:9", "comments"),
        ("{a:1}\n", "1:2", "a key needs double quotes"),
        ("{\"a\":1},\n{\"a\":2}\n", "1:8", "a comma stands between values"),
        ("{\"a\":1}\n{\"a\":\"\\ud800\"}\n", "2:7", "half a surrogate pair"),
        ("{\"a\":1}\n{\"a\":[1,2\n", "2", "cut off"),
    ] {
        let error = run(vec![text.to_owned()], 1).unwrap_err().to_string();
        assert!(error.starts_with(&format!("t.jsonl:{place}: ")) && error.contains(reason), "{text}: {error}");
    }
}

/// Keys that are data make as many places as there are rows; looking one up may not take longer for that.
#[test]
fn keys_that_are_data_are_forgotten_again() {
    let piece = |from: usize| (from..from + 15_000).map(|n| format!("{{\"seen\":{{\"key {n}\":null}}}}\n")).collect();
    assert_eq!(run((0..4).map(|n| piece(n * 15_000)).collect(), 2).unwrap().rows["t"].len(), 60_000);
}

#[test]
fn many_tables_do_not_fill_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut pending = PendingRows::new(folder.path().to_owned(), 256 << 20);
    let array = || Arc::new(Int64Array::from(vec![0; 2_500])) as ArrayRef;
    let field = |name| Arc::new(Field::new(name, arrow::datatypes::DataType::Int64, true));
    let (mut written, mut most) = (0, 0);
    for round in 0..30 {
        for table in 0..200 {
            let columns = ["a", "b", "c", "d", "e"].map(|name| (field(name), Cells::All(array()))).into();
            pending.push(format!("t{table}"), Rows { count: 2_500, columns });
        }
        most = most.max(pending.waiting_bytes());
        written += pending.full_groups().len();
        assert!(pending.waiting_bytes() < 128 << 20, "round {round}");
    }
    assert!(written > 0 && most > 128 << 20, "{written} files, {most} bytes");
}

/// Rows of which each has a few of many keys, in the order that a scattering gives them.
fn sparse_lines(rows: usize, keys: usize) -> String {
    let row = |row: usize| {
        let fields: Vec<String> = (0..8)
            .map(|place| (row * 131 + place * 977) % keys)
            .map(|key| if key % 2 == 0 { format!("\"k{key}\":{row}") } else { format!("\"k{key}\":\"text {row}\"") })
            .collect();
        format!("{{\"id\":{row},{}}}\n", fields.join(","))
    };
    (0..rows).map(row).collect()
}

#[test]
fn a_row_takes_memory_for_the_keys_that_it_has() {
    let text = sparse_lines(4_000, 1_500);
    let chunk = chunk::normalize(&json_chunk(&text, 1), &mut layout(), "1.0").unwrap();
    let rows = &chunk.tables[0].rows;
    assert_eq!((rows.count, rows.columns.len()), (4_000, 1_503));
    // 4,000 rows of 1,503 columns, were there room for every null: 48 MB and more.
    let most = text.len() * 3 + rows.columns.len() * 1_000;
    assert!(rows.memory_bytes() < most, "{} bytes of {} bytes of text", rows.memory_bytes(), text.len());
}

#[test]
fn sparse_columns_are_written_as_they_stand() {
    let text = sparse_lines(1_000, 100);
    let mut expected: Vec<String> = Vec::new();
    for line in text.lines() {
        let row: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
        let mut cells: Vec<String> = row.iter().map(|(key, value)| format!("{key}={value}")).collect();
        cells.push("_dlt_load_id=\"1.0\"".to_owned());
        cells.sort();
        expected.push(cells.join(" "));
    }
    expected.sort();
    assert_eq!(run(vec![text], 1).unwrap().rows["t"], expected);
}

#[test]
fn memory_follows_the_limit_and_the_workers() {
    assert_eq!(super::memory(2, None), 256 << 20);
    assert_eq!(super::memory(2, Some(64 << 20)), 64 << 20);
    assert_eq!(super::memory(2, Some(1 << 40)), 256 << 20);
    assert!(super::memory(64, None) >= 64 * super::CHUNK_MEMORY);
    assert_eq!(super::memory(2, Some(1)), super::CHUNK_MEMORY, "one piece has to fit");
}
