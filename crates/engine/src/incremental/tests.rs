//! Runs of a tracker over pieces of JSON and rows in columns.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::source::{ArrowChunk, ExtractContext, JsonChunk, SourceState};
use crate::{Notices, RecordBatch, Result};
use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use serde_json::{Value, json};
use std::sync::Arc;

/// A resource `r` that is run again and again.
#[derive(Default)]
struct Runs {
    context: ExtractContext,
    key: Vec<String>,
}

impl Runs {
    fn keyed(key: &[&str]) -> Self {
        Self { key: key.iter().map(|name| (*name).to_owned()).collect(), ..Self::default() }
    }

    fn begin(&mut self, incremental: &Incremental) -> Result<Tracker> {
        self.context.notices = Notices::default();
        Tracker::with_environment(incremental, "r", &self.key, &self.context, &|_| None)
    }

    /// The lines that a run keeps, one piece a text.
    fn lines(&mut self, incremental: &Incremental, pieces: &[&str]) -> Result<Vec<String>> {
        let mut tracker = self.begin(incremental)?;
        let mut kept = Vec::new();
        for piece in pieces {
            if tracker.has_closed {
                break;
            }
            let chunk = JsonChunk { bytes: piece.as_bytes().to_vec(), input: "in.jsonl".into(), first_line: 1 };
            if let Some(chunk) = tracker.filter_json(chunk)? {
                let text = String::from_utf8(chunk.bytes).unwrap();
                kept.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
            }
        }
        tracker.finish();
        Ok(kept)
    }

    /// The ids that a run keeps.
    fn ids(&mut self, incremental: &Incremental, rows: &[(i64, Value)]) -> Vec<i64> {
        let text: String = rows.iter().map(|(id, at)| format!("{}\n", json!({"id": id, "t": at}))).collect();
        let lines = self.lines(incremental, &[&text]).unwrap();
        lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap()).collect()
    }

    fn batch(&mut self, incremental: &Incremental, batch: RecordBatch) -> Result<Vec<i64>> {
        let mut tracker = self.begin(incremental)?;
        let kept = tracker.filter_arrow(ArrowChunk { batch, input: "in.parquet".into(), first_row: 1 })?;
        tracker.finish();
        let ids = |chunk: ArrowChunk| {
            let ids = chunk.batch.column_by_name("id").unwrap();
            ids.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec()
        };
        Ok(kept.map(ids).unwrap_or_default())
    }

    fn state(&self) -> Value {
        self.context.state.get("resources").unwrap_or_default()["r"]["incremental"]["t"].clone()
    }

    fn said(&self) -> String {
        self.context.notices.said().iter().map(|notice| format!("{notice}\n")).collect()
    }
}

/// Keys that Python dlt was given as a list are digested as one: `[1]`, and not `1`.
#[test]
fn a_key_may_be_digested_as_a_list_of_one() {
    let digests = |is_listed_key| {
        let mut runs = Runs::keyed(&["id"]);
        let incremental = Incremental { is_listed_key, ..by_t() };
        runs.ids(&incremental, &[(1, json!(5))]);
        // Both forms are known by the next run, whatever it would write itself.
        assert!(runs.ids(&by_t(), &[(1, json!(5))]).is_empty());
        runs.state()["unique_hashes"].clone()
    };
    assert_ne!(digests(true), digests(false));
}

fn by_t() -> Incremental {
    Incremental::new("t")
}

fn table(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (*name, array.clone(), true))).unwrap()
}

fn ids(ids: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(ids.to_vec()))
}

#[test]
fn a_second_run_takes_what_is_new() {
    let mut runs = Runs::default();
    assert_eq!(runs.ids(&by_t(), &[(1, json!(1)), (2, json!(3)), (3, json!(2))]), [1, 2, 3]);
    assert_eq!(runs.state()["last_value"], 3);
    assert_eq!(runs.state()["start_value"], Value::Null);
    assert_eq!(runs.state()["unique_hashes"].as_array().unwrap().len(), 1);
    // One of the same cursor value that came since, one that was loaded, one that is older, and one that is newer.
    assert_eq!(runs.ids(&by_t(), &[(2, json!(3)), (4, json!(3)), (5, json!(1)), (6, json!(9))]), [4, 6]);
    assert_eq!(runs.state()["last_value"], 9);
    assert_eq!(runs.state()["start_value"], 3);
    assert!(
        runs.said().contains("2 of 4 rows of `r` were left out by the cursor `t`: loaded already, or before the start"),
        "{}",
        runs.said()
    );
}

#[test]
fn a_run_without_news_moves_nothing() {
    let mut runs = Runs::default();
    runs.ids(&by_t(), &[(1, json!("a"))]);
    let before = runs.state();
    assert!(runs.ids(&by_t(), &[(1, json!("a"))]).is_empty());
    assert_eq!(runs.state(), before);
    assert!(runs.ids(&by_t(), &[]).is_empty());
    assert_eq!(runs.state(), before);
}

#[test]
fn a_first_run_without_rows_leaves_its_initial_value() {
    let mut runs = Runs::default();
    assert!(runs.ids(&by_t().initial_value(5), &[]).is_empty());
    let expected = json!({"initial_value": 5, "last_value": 5, "unique_hashes": [], "start_value": 5});
    assert_eq!(runs.state(), expected);
}

#[test]
fn digests_of_rows_with_one_value_add_up_over_runs() {
    let mut runs = Runs::keyed(&["id"]);
    for id in 1..=3 {
        assert_eq!(
            runs.ids(&by_t(), &[(1, json!(7)), (2, json!(7)), (3, json!(7))][..id]),
            [i64::try_from(id).unwrap()]
        );
        assert_eq!(runs.state()["unique_hashes"].as_array().unwrap().len(), id);
    }
    // By its key a row is the same, whatever else it has.
    let lines = runs.lines(&by_t(), &["{\"id\":2,\"t\":7,\"more\":true}\n"]).unwrap();
    assert!(lines.is_empty());
}

#[test]
fn short_digests_of_python_go_on_short_until_the_cursor_moves() {
    let short = "9ydaHrzwo9f8"; // of 4
    let state = json!({"resources": {"r": {"incremental": {"t": {"last_value": 7, "unique_hashes": [short]}}}}});
    let mut runs = Runs::keyed(&["id"]);
    runs.context.state = SourceState::new(state.as_object().unwrap().clone());
    assert_eq!(runs.ids(&by_t(), &[(4, json!(7)), (5, json!(7))]), [5]);
    let digests = runs.state()["unique_hashes"].clone();
    assert!(digests.as_array().unwrap().iter().all(|digest| digest.as_str().unwrap().len() == 12), "{digests}");
    assert_eq!(runs.ids(&by_t(), &[(4, json!(7)), (5, json!(7)), (6, json!(8))]), [6]);
    assert_eq!(runs.state()["unique_hashes"][0].as_str().unwrap().len(), 20);
}

#[test]
fn a_key_that_was_digested_as_a_list_goes_on_so() {
    let listed = crate::digest::name_digest("[4]");
    let state = json!({"resources": {"r": {"incremental": {"t": {"last_value": 7, "unique_hashes": [listed]}}}}});
    let mut runs = Runs::keyed(&["id"]);
    runs.context.state = SourceState::new(state.as_object().unwrap().clone());
    assert_eq!(runs.ids(&by_t(), &[(4, json!(7)), (5, json!(7))]), [5]);
    let digests = runs.state()["unique_hashes"].to_string();
    assert!(digests.contains(&crate::digest::name_digest("[5]")), "{digests}");
}

#[test]
fn ends_of_a_range_belong_to_it_as_told() {
    let rows: Vec<(i64, Value)> = (1..=5).map(|id| (id, json!(id))).collect();
    let range = |start, end| by_t().initial_value(2).end_value(4).range(start, end);
    for (incremental, expected) in [
        (range(Bound::Closed, Bound::Open), vec![2, 3]),
        (range(Bound::Closed, Bound::Closed), vec![2, 3, 4]),
        (range(Bound::Open, Bound::Open), vec![3]),
        (range(Bound::Open, Bound::Closed), vec![3, 4]),
        (by_t().initial_value(2).range(Bound::Open, Bound::Open), vec![3, 4, 5]),
        (by_t().last_value_func(LastValue::Min).initial_value(4).end_value(2), vec![3, 4]),
        (by_t().last_value_func(LastValue::Min).initial_value(2), vec![1, 2]),
    ] {
        let mut runs = Runs::default();
        assert_eq!(runs.ids(&incremental, &rows), expected, "{incremental:?}");
        assert_eq!(runs.state().is_null(), incremental.end_value.is_some(), "a backfill moves nothing");
    }
}

#[test]
fn a_backfill_neither_uses_nor_moves_the_position() {
    let mut runs = Runs::default();
    runs.ids(&by_t(), &[(1, json!(100))]);
    let before = runs.state();
    assert_eq!(runs.ids(&by_t().initial_value(1).end_value(3), &[(1, json!(1)), (2, json!(2)), (3, json!(3))]), [1, 2]);
    assert_eq!(runs.state(), before);
}

#[test]
fn a_lag_goes_back_and_the_position_does_not() {
    let mut runs = Runs::default();
    let lag = by_t().lag(2.0).initial_value(1);
    runs.ids(&lag, &[(1, json!(1)), (2, json!(10))]);
    assert_eq!(runs.ids(&lag, &[(3, json!(7)), (4, json!(8)), (5, json!(9))]), [4, 5]);
    assert_eq!(runs.state()["last_value"], 10);
    assert_eq!(runs.state()["unique_hashes"], json!([]));
    let error = runs.lines(&by_t().lag(1.0), &[]);
    assert!(error.is_ok());
    let mut texts = Runs::default();
    texts.ids(&by_t(), &[(1, json!("r17"))]);
    let error = texts.lines(&by_t().lag(1.0), &[]).unwrap_err();
    assert!(error.to_string().contains("the lag of `r` cannot be taken off"), "{error}");
}

#[test]
fn reading_stops_early_where_rows_are_in_order() {
    let rows = |range: std::ops::RangeInclusive<i64>| {
        range.map(|id| format!("{{\"id\":{id},\"t\":{id}}}\n")).collect::<String>()
    };
    let mut runs = Runs::default();
    let ascending = by_t().initial_value(0).end_value(3).row_order(RowOrder::Asc);
    let kept = runs.lines(&ascending, &[&rows(1..=4), &rows(1..=2)]).unwrap();
    assert_eq!(kept.len(), 2, "the second piece is not read: {kept:?}");
    assert!(runs.said().contains("reading stopped there"), "{}", runs.said());
    let descending = by_t().row_order(RowOrder::Desc);
    runs.lines(&descending, &[&rows(1..=2)]).unwrap();
    assert_eq!(runs.lines(&descending, &[&rows(2..=4), &rows(5..=5)]).unwrap().len(), 2);
}

#[test]
fn rows_without_a_value_are_what_was_asked_for() {
    let text = "{\"id\":1}\n{\"id\":2,\"t\":null}\n{\"id\":3,\"t\":5}\nnull\n";
    let run = |what| Runs::default().lines(&by_t().on_cursor_value_missing(what), &[text]);
    assert_eq!(run(OnMissing::Include).unwrap().len(), 4);
    assert_eq!(run(OnMissing::Exclude).unwrap(), ["{\"id\":3,\"t\":5}", "null"]);
    let error = run(OnMissing::Raise).unwrap_err();
    assert_eq!(error.to_string(), "in.jsonl:1: the cursor `t` is missing");
    let null = Runs::default().lines(&by_t(), &["{\"t\":1}\n{\"t\":null}\n"]).unwrap_err();
    assert_eq!(null.to_string(), "in.jsonl:2: the cursor `t` is null");
}

#[test]
fn values_that_cannot_be_compared_are_refused_with_their_line() {
    for (incremental, text, told) in [
        (
            by_t(),
            "{\"t\":1}\n{\"t\":\"2\"}\n",
            "in.jsonl:2: the cursor `t` is text, and that of an earlier row is a number",
        ),
        (
            by_t().initial_value("2024"),
            "{\"t\":2024}\n",
            "in.jsonl:1: the cursor `t` is a number, and `initial_value` is text",
        ),
        (
            by_t().initial_value(1).end_value(9),
            "{\"t\":\"5\"}\n",
            "in.jsonl:1: the cursor `t` is text, and `end_value` is a number",
        ),
        (by_t(), "{\"t\":{\"x\":1}}\n", "in.jsonl:1: the cursor `t` is an object or a list"),
        (
            by_t().initial_value(CursorValue::date(0)),
            "{\"t\":\"soon\"}\n",
            "in.jsonl:1: the cursor `t` is text, and `initial_value` is a date",
        ),
    ] {
        let error = Runs::default().lines(&incremental, &[text]).unwrap_err();
        assert_eq!(error.to_string(), told);
    }
}

#[test]
fn a_row_without_its_key_is_refused() {
    let mut runs = Runs::keyed(&["id"]);
    let error = runs.lines(&by_t(), &["{\"t\":1}\n"]).unwrap_err();
    assert!(error.to_string().starts_with("in.jsonl:1: the row has no `id`"), "{error}");
    let mut off = Runs::keyed(&["id"]);
    let none = by_t().primary_key(Vec::<String>::new());
    assert_eq!(off.lines(&none, &["{\"t\":1}\n"]).unwrap().len(), 1);
    assert_eq!(off.lines(&none, &["{\"t\":1}\n"]).unwrap().len(), 1, "rows are not told apart");
}

#[test]
fn times_of_a_state_are_compared_with_texts_as_times() {
    let state = json!({"last_value": "\u{f027}2024-01-01T12:00:00+00:00", "unique_hashes": []});
    let state = json!({"resources": {"r": {"incremental": {"t": state}}}});
    let mut runs = Runs::default();
    runs.context.state = SourceState::new(state.as_object().unwrap().clone());
    let rows = [(1, json!("2024-01-01T14:30:00+02:00")), (2, json!("2024-01-01T13:30:00+02:00"))];
    assert_eq!(runs.ids(&by_t(), &rows), [1]);
    assert_eq!(runs.state()["last_value"], "\u{f027}2024-01-01T14:30:00+02:00");
}

#[test]
fn an_initial_value_that_changed_is_not_used_and_that_is_said() {
    let mut runs = Runs::default();
    runs.ids(&by_t().initial_value(1), &[(1, json!(5))]);
    assert!(!runs.said().contains("initial_value"));
    assert!(runs.ids(&by_t().initial_value(9), &[(2, json!(4))]).is_empty());
    assert!(runs.said().contains("`initial_value` of `r` is another one than in its first run"), "{}", runs.said());
}

#[test]
fn many_rows_of_one_value_are_said_once() {
    let text: String = (0..300).map(|id| format!("{{\"id\":{id},\"t\":1}}\n")).collect();
    let mut runs = Runs::default();
    assert_eq!(runs.lines(&by_t(), &[&text]).unwrap().len(), 300);
    assert!(runs.said().contains("300 rows of `r` have the latest value of the cursor `t`"), "{}", runs.said());
    assert!(runs.lines(&by_t(), &[&text]).unwrap().is_empty());
    assert!(!runs.said().contains("have the latest value"));
}

#[test]
fn rows_in_a_list_are_rows() {
    let mut runs = Runs::default();
    let incremental = by_t().initial_value(2);
    let kept = runs.lines(&incremental, &["[{\"t\":1},{\"t\":2}, {\"t\":3}]\n[{\"t\":9}]\n"]).unwrap();
    let kept: Vec<&str> = kept.iter().flat_map(|line| line.split_whitespace()).collect();
    assert_eq!(kept, ["{\"t\":2}", "{\"t\":3}", "[{\"t\":9}]"]);
    assert!(runs.lines(&incremental, &["[[{\"t\":1}]]"]).is_err());
}

#[test]
fn broken_text_is_left_to_its_reader() {
    let mut runs = Runs::default();
    let kept = runs.lines(&by_t().initial_value(2), &["{\"t\":1}\n{\"t\":3}\n{\"t\":1,}\n"]).unwrap();
    assert_eq!(kept, ["{\"t\":3}", "{\"t\":1,}"]);
}

#[test]
fn whole_numbers_beyond_doubles_are_told_apart() {
    let big = 9_007_199_254_740_992_i64;
    let mut runs = Runs::default();
    assert_eq!(runs.ids(&by_t(), &[(1, json!(big)), (2, json!(big + 1))]), [1, 2]);
    assert_eq!(runs.ids(&by_t(), &[(3, json!(big)), (4, json!(big + 2))]), [4]);
    assert_eq!(runs.state()["last_value"], big + 2);
}

#[test]
fn columns_are_filtered_as_rows_are() {
    let times = |micros: &[i64]| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(micros.to_vec()).with_timezone("UTC"))
    };
    let mut runs = Runs::default();
    let first = table(&[("id", ids(&[1, 2, 3])), ("t", times(&[1, 5, 3]))]);
    assert_eq!(runs.batch(&by_t(), first).unwrap(), [1, 2, 3]);
    assert_eq!(runs.state()["last_value"], "\u{f027}1970-01-01T00:00:00.000005+00:00");
    let second = table(&[("id", ids(&[2, 4, 5, 6])), ("t", times(&[5, 5, 4, 8]))]);
    assert_eq!(runs.batch(&by_t(), second.clone()).unwrap(), [4, 6]);
    assert_eq!(runs.batch(&by_t(), second).unwrap(), Vec::<i64>::new());
}

#[test]
fn texts_of_times_are_read_for_columns_of_times() {
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0, 86_400_000_000]));
    let batch = table(&[("id", ids(&[1, 2])), ("t", times)]);
    let mut runs = Runs::default();
    let from = by_t().initial_value("1970-01-02");
    assert_eq!(runs.batch(&from, batch.clone()).unwrap(), [2]);
    assert_eq!(runs.state()["initial_value"], "\u{f027}1970-01-02T00:00:00");
    assert_eq!(runs.batch(&from, batch.clone()).unwrap(), Vec::<i64>::new());
    assert!(!runs.said().contains("`initial_value`"), "{}", runs.said());
    let error = Runs::default().batch(&by_t().initial_value(5), batch.clone()).unwrap_err();
    assert_eq!(error.to_string(), "in.parquet: row 1: the cursor `t` is a time, and the start is a number");
    let mut zoned = Runs::default();
    assert_eq!(zoned.batch(&by_t().initial_value("1970-01-02T00:00:00Z"), batch.clone()).unwrap(), [2]);
    let mut typed = Runs::default();
    assert_eq!(typed.batch(&by_t().initial_value(CursorValue::timestamp_micros(1)), batch).unwrap(), [2]);
    assert!(typed.said().contains("has times without a zone"), "{}", typed.said());
}

#[test]
fn nulls_and_absent_columns_are_missing_values() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let batch = table(&[("id", ids(&[1, 2, 3])), ("t", column)]);
    let run = |what, batch: &RecordBatch| Runs::default().batch(&by_t().on_cursor_value_missing(what), batch.clone());
    assert_eq!(run(OnMissing::Include, &batch).unwrap(), [1, 2, 3]);
    assert_eq!(run(OnMissing::Exclude, &batch).unwrap(), [1, 3]);
    let error = run(OnMissing::Raise, &batch).unwrap_err();
    assert_eq!(error.to_string(), "in.parquet: row 2: the cursor `t` is null");
    let without = table(&[("id", ids(&[1]))]);
    assert_eq!(run(OnMissing::Include, &without).unwrap(), [1]);
    assert_eq!(
        run(OnMissing::Raise, &without).unwrap_err().to_string(),
        "in.parquet: row 1: the cursor `t` is missing"
    );
}

#[test]
fn columns_of_all_kinds_can_be_cursors() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![1.5, f64::NAN, 2.5]));
    let decimals = arrow::compute::cast(&ids(&[1, 2, 3]), &arrow::datatypes::DataType::Decimal128(10, 2)).unwrap();
    let dates = arrow::compute::cast(
        &(Arc::new(arrow::array::Int32Array::from(vec![0, 1, 2])) as ArrayRef),
        &arrow::datatypes::DataType::Date32,
    )
    .unwrap();
    let named = arrow::compute::cast(
        &texts,
        &arrow::datatypes::DataType::Dictionary(
            Box::new(arrow::datatypes::DataType::Int8),
            Box::new(arrow::datatypes::DataType::Utf8),
        ),
    )
    .unwrap();
    for (column, last, left) in [
        (texts, json!("c"), 0),
        (named, json!("c"), 0),
        (doubles, json!(2.5), 0),
        (decimals, json!("\u{f026}3.00"), 0),
        (dates, json!("\u{f028}1970-01-03"), 0),
        (ids(&[1, 2, 3]), json!(3), 0),
    ] {
        let batch = table(&[("id", ids(&[1, 2, 3])), ("t", column)]);
        let mut runs = Runs::default();
        assert_eq!(runs.batch(&by_t(), batch.clone()).unwrap().len(), 3);
        assert_eq!(runs.state()["last_value"], last);
        assert_eq!(runs.batch(&by_t(), batch).unwrap().len(), left, "{last}");
    }
    let lists = table(&[("id", ids(&[1])), ("t", Arc::new(arrow::array::StructArray::new_empty_fields(1, None)))]);
    assert!(Runs::default().batch(&by_t(), lists).unwrap_err().to_string().contains("which is to be the cursor"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (incremental, told) in [
        (by_t().end_value(5), "`end_value` needs an `initial_value`"),
        (by_t().initial_value(5).end_value(1), "`end_value` comes before `initial_value`"),
        (by_t().initial_value(5).end_value("9"), "cannot be compared"),
        (by_t().lag(f64::NAN), "the lag is no number"),
        (Incremental::new("a..b"), "cannot be the path of a cursor"),
    ] {
        let error = incremental.check().unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}
