//! No value takes the place of another, and a key has one name in all runs.

#![allow(clippy::unwrap_used)]

use super::super::tests::{json_chunk, lines, run_named, schema};
use crate::naming::Convention;
use crate::schema::Schema;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The cells of a table, without those of the engine.
fn cells(rows: &[Value], schema: Schema, convention: Convention) -> (Vec<String>, Schema) {
    let normalized = run_named([json_chunk(&lines(rows), 1)].into(), schema, 1, convention).unwrap();
    let own = |cell: &&str| !cell.starts_with("_dlt_");
    let rows = normalized.rows.values().flatten();
    let cells = rows.flat_map(|row| row.split(' ').filter(own).map(str::to_owned).collect::<Vec<_>>()).collect();
    (cells, normalized.schema)
}

fn check(row: Value, expect: &[&str]) {
    let (mut cells, _) = cells(&[row], schema(), Convention::SnakeCase);
    cells.sort();
    let mut expect: Vec<&str> = expect.to_vec();
    expect.sort_unstable();
    assert_eq!(cells, expect);
}

#[test]
fn every_value_of_keys_that_meet_is_kept() {
    check(json!({"id": 1, "Id": 2, "ID": 3}), &["id=1", "id_wkdvsw=2", "id_h1zhzg=3"]);
    check(json!({"Id": 1, "ID": 2}), &["id=1", "id_h1zhzg=2"]);
    check(json!({"ID": 2, "id": 1}), &["id=1", "id_h1zhzg=2"]);
    check(json!({"a": {"b": 1}, "a__b": 2}), &["a__b=2", "a__b_qkk5xq=1"]);
    check(json!({"a-b": [1, 2], "a_b": [3]}), &["value=1", "value=2", "value=3"]);
    check(json!({"日本語": 1, "колонка": 2, "é": 3}), &["x=1", "x_lmr1fg=2", "x_v1acpw=3"]);
    check(json!({"é": 1, "x": 2}), &["x=2", "x_v1acpw=1"]);
    check(json!({"é": {"a": 1}, "à": {"a": 2}}), &["x__a=1", "x_vupqig__a=2"]);
    check(json!({"l": [{"é": 1, "à": 2}]}), &["x=1", "x_vupqig=2"]);
    check(json!({"Id": 1, "ID": null, "iD": []}), &["id=1"]);
}

#[test]
fn spellings_share_a_column_until_a_row_has_two() {
    let rows = [json!({"userId": 1}), json!({"user_id": 2}), json!({"user id": 3})];
    let (found, schema) = cells(&rows, schema(), Convention::SnakeCase);
    assert_eq!(found, ["user_id=1", "user_id=2", "user_id=3"]);
    assert_eq!(schema.tables["t"].original_keys().count(), 0);
    let (found, schema) = cells(&[json!({"userId": 4, "user_id": 5})], schema, Convention::SnakeCase);
    assert_eq!(found, ["user_id=5", "user_id_blr0jg=4"]);
    let (found, _) = cells(&[json!({"userId": 6}), json!({"user_id": 7})], schema, Convention::SnakeCase);
    assert_eq!(found, ["user_id=7", "user_id_blr0jg=6"]);
}

#[test]
fn keys_that_lose_letters_never_share_a_column() {
    let (found, schema) = cells(&[json!({"é": 1}), json!({"à": "a"})], schema(), Convention::SnakeCase);
    assert_eq!(found, ["x=1", "x_vupqig=\"a\""]);
    let schema = Schema::from_stored(&schema.to_stored()).unwrap();
    let (found, _) = cells(&[json!({"à": "b"}), json!({"é": 2, "à": "c"})], schema, Convention::SnakeCase);
    assert_eq!(found, ["x=2", "x_vupqig=\"c\"", "x_vupqig=\"b\""]);
}

#[test]
fn a_key_with_the_name_of_a_variant_keeps_its_value() {
    check(json!({"v": 1}), &["v=1"]);
    let rows = [json!({"v": 1}), json!({"v": "x"}), json!({"v": "y", "v__v_text": "own"}), json!({"v__v_text": "z"})];
    let (found, _) = cells(&rows, schema(), Convention::SnakeCase);
    let expect = ["v=1", "v__v_text=\"x\"", "v__v_text=\"y\"", "v__v_text__v_text=\"own\"", "v__v_text=\"z\""];
    assert_eq!(found, expect);
}

#[test]
fn other_conventions_keep_what_the_destination_tells_apart() {
    let row = json!({"日本": 1, "Id": 2, "ID": 3, "a b": {"C": 4}});
    let (mut found, schema) = cells(&[row], schema(), Convention::DuckCase);
    found.sort();
    // The cell `a b__C=4` has a space.
    assert_eq!(found, ["ID_h1zhzg=3", "Id=2", "a", "b__C=4", "日本=1"]);
    let (found, _) = cells(&[json!({"id": 5})], schema, Convention::DuckCase);
    assert_eq!(found.len(), 1);
}

/// Scalars that are not null.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(fields) => fields.values().map(leaves).sum(),
        _ => 1,
    }
}

fn rows() -> impl Strategy<Value = Vec<Value>> {
    let key =
        prop::sample::select(vec!["a", "A", "a_b", "a-b", "A b", "a__b", "b", "é", "à", "日本", "x", "X", "_", "a$"]);
    let leaf = prop_oneof![Just(Value::Null), Just(json!(1)), Just(json!("w")), Just(json!(true))];
    let value = leaf.prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    });
    prop::collection::vec(value, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_value_is_lost(rows in rows(), convention in prop::sample::select(Convention::ALL.to_vec())) {
        let (found, _) = cells(&rows, schema(), convention);
        let found = found.iter().filter(|cell| cell.contains('=')).count();
        prop_assert_eq!(found, rows.iter().map(leaves).sum::<usize>());
    }
}
