//! The fast path and the careful path must say the same, and so must any number of workers.

#![allow(clippy::unwrap_used)]

use super::chunk::{self, NormalizedChunk};
use super::json::Cursor;
use super::layout::Layout;
use super::{Normalizer, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::naming::Naming;
use crate::schema::{Schema, Table, WriteDisposition};
use crate::source::{Chunk, JsonChunk, Reader};
use arrow::array::AsArray;
use arrow::util::pretty::pretty_format_batches;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

const NAMING_LENGTH: usize = 65_536;

fn schema() -> Schema {
    let mut schema = Schema::new("test");
    schema.tables.insert("t".into(), Table::root("t", "t", WriteDisposition::Append));
    schema
}

fn layout() -> Layout {
    Layout::new(&schema(), "t", Naming::new(NAMING_LENGTH)).unwrap()
}

fn json_chunk(text: &str, first_line: u64) -> Chunk {
    Chunk::Json(JsonChunk { bytes: text.as_bytes().to_vec(), input: "t.jsonl".into(), first_line })
}

/// Tables as text, without the ids that are random or hang on random ones.
fn shown(chunk: &NormalizedChunk) -> BTreeMap<String, String> {
    let shown = chunk.tables.iter().map(|table| {
        let batch = &table.batch;
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

fn careful_only(text: &str) -> Option<NormalizedChunk> {
    let mut layout = layout();
    let mut cursor = Cursor::new(text);
    while cursor.peek().is_some() {
        let item = cursor.value().unwrap();
        layout.add_item(&item).ok()?;
    }
    layout.fill_ids("1.0").unwrap();
    Some(layout.take_batches(Vec::new()).map(|tables| NormalizedChunk { tables, has_news: true }).unwrap())
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

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_fast_path_says_what_the_careful_path_says(rows in rows()) {
        // Each row twice: the second time its shape is known, so the fast path has its turn.
        let text = lines(&rows.iter().flat_map(|row| [row.clone(), row.clone()]).collect::<Vec<_>>());
        let both = chunk::normalize(&json_chunk(&text, 1), &mut layout(), "1.0");
        match careful_only(&text) {
            Some(careful) => prop_assert_eq!(shown(&both.unwrap()), shown(&careful)),
            None => prop_assert!(both.is_err()),
        }
    }

    #[test]
    fn the_result_hangs_neither_on_chunks_nor_on_workers(rows in rows(), size in 1_usize..5, workers in 1_usize..5) {
        let alone = run(vec![lines(&rows)], 1);
        let pieces = run(rows.chunks(size).map(lines).collect(), workers);
        match (alone, pieces) {
            (Ok((schema, _)), Ok((same, _))) => prop_assert_eq!(schema.tables, same.tables),
            (Err(one), Err(other)) => prop_assert_eq!(one.to_string(), other.to_string()),
            (one, other) => prop_assert!(false, "{:?} and {:?}", one.map(|_| ()), other.map(|_| ())),
        }
    }
}

struct Pieces(VecDeque<(String, u64)>);

impl Reader for Pieces {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        Ok(self.0.pop_front().map(|(text, line)| json_chunk(&text, line)))
    }
}

fn run(pieces: Vec<String>, workers: usize) -> Result<(Schema, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        load_id: "1.0",
        naming: Naming::new(NAMING_LENGTH),
        workers,
        folder: folder.path().to_owned(),
        on_progress: &|_, _| {},
    };
    let mut line = 1;
    let numbered = pieces.into_iter().map(|piece| {
        let first = line;
        line += piece.matches('\n').count() as u64;
        (piece, first)
    });
    let mut normalizer = Normalizer::new(&settings, schema());
    normalizer.normalize("t", &mut Pieces(numbered.collect()))?;
    let (schema, files) = normalizer.finish()?;
    Ok((schema, files.iter().map(|file| file.rows).sum()))
}

fn normalized(rows: &[Value]) -> NormalizedChunk {
    chunk::normalize(&json_chunk(&lines(rows), 1), &mut layout(), "1.0").unwrap()
}

fn columns(chunk: &NormalizedChunk, table: &str) -> Vec<String> {
    let batch = &chunk.tables.iter().find(|found| found.table == table).unwrap().batch;
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
    let table = |name: &str| &chunk.tables.iter().find(|found| found.table == name).unwrap().batch;
    let text = |name: &str, column: &str| {
        let array = table(name).column_by_name(column).unwrap().as_string::<i32>();
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
        let table = &chunk.tables.iter().find(|found| found.table == "t__a__b").unwrap().batch;
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
    assert_eq!(run(pieces, 2).unwrap().1, 30 * 9_000 * 3);
}
