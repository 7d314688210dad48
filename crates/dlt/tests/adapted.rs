//! Sources with something changed: selections, limits, steps, transformers, streams and batches.

use std::collections::VecDeque;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use arrow::array::{ArrayRef, Int64Array, StringArray};
use dlt::telemetry::Telemetry;
use dlt::{ErrorKind, MergeStrategy, RecordBatch, Source, SourceExt as _, WriteDisposition};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct User {
    id: u32,
    name: String,
}

fn pipeline(folder: &Path) -> dlt::Pipeline {
    dlt::pipeline("adapted")
        .destination(dlt::duckdb_at(folder.join("shop.duckdb")))
        .data_dir(folder.join("data"))
        .telemetry(Telemetry::off())
        .dataset("raw")
}

/// Loads into an empty dataset and gives back what a query says.
fn load(source: impl Source, sql: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = pipeline(folder.path());
    pipeline.run(source).unwrap();
    let rows = pipeline.dataset().unwrap().rows(sql).unwrap();
    rows.into_iter().map(Value::Object).collect()
}

fn refusal(source: impl Source) -> dlt::Error {
    let folder = tempfile::tempdir().unwrap();
    pipeline(folder.path()).run(source).unwrap_err()
}

/// Two tables as files.
fn files(folder: &Path) -> dlt::Files {
    std::fs::write(folder.join("users.jsonl"), "{\"id\":1}\n{\"id\":2}\n{\"id\":123456789012345678901234567890}\n")
        .unwrap();
    std::fs::write(folder.join("orders.csv"), "id,total\n1,5\n2,6\n3,7\n").unwrap();
    dlt::files([folder.join("users.jsonl"), folder.join("orders.csv")])
}

fn users(count: u32) -> dlt::Rows<impl Iterator<Item = User> + Send + 'static> {
    dlt::rows("users", (1..=count).map(|id| User { id, name: format!("user {id}") }))
}

#[test]
fn files_that_count_as_loaded_are_not_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let new = || files(folder.path()).incremental(dlt::FilesIncremental::by_modification_date());
    let error = refusal(new().add_limit(2));
    assert!(error.to_string().contains("count as loaded"), "{error}");
    assert_eq!(load(new(), "select count(*) n from users"), [json!({"n": 3})]);
}

#[test]
fn some_resources_and_the_first_rows_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let counts = "select (select count(*) from users) users, (select count(*) from orders) orders";
    assert_eq!(load(files(folder.path()).add_limit(2), counts), [json!({"users": 2, "orders": 2})]);
    let tables = "select table_name t from information_schema.tables where table_schema = 'raw' and table_name not like '#_dlt%' escape '#' order by 1";
    assert_eq!(load(files(folder.path()).with_resources(["orders"]), tables), [json!({"t": "orders"})]);
    let error = refusal(files(folder.path()).with_resources(["order"]));
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Config, "the source has no resource `order`"));
    assert_eq!(error.advice(), Some("did you mean `orders`?"));
    let both = files(folder.path()).with_resources(["orders", "users"]).with_resources(["users"]);
    assert_eq!(load(both, tables), [json!({"t": "users"})]);
}

#[test]
fn a_limit_counts_new_rows_where_only_these_are_loaded() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.jsonl"), "{\"t\":1}\n{\"t\":2}\n\n{\"t\":3}\n{\"t\":4}\n{\"t\":5}\n").unwrap();
    std::fs::write(folder.path().join("b.csv"), "t\n1\n2\n3\n4\n5\n").unwrap();
    for (file, table) in [("a.jsonl", "a"), ("b.csv", "b")] {
        let pipeline = pipeline(folder.path());
        let mut seen = Vec::new();
        for _ in 0..4 {
            let source = dlt::files([folder.path().join(file)]).incremental(dlt::Incremental::new("t")).add_limit(2);
            pipeline.run(source).unwrap();
            let sql = format!("select count(*) n, max(t) m from {table}");
            let row = pipeline.dataset().unwrap().rows(&sql).unwrap().remove(0);
            seen.push((row["n"].as_i64().unwrap(), row["m"].as_i64().unwrap()));
        }
        assert_eq!(seen, [(2, 2), (4, 4), (5, 5), (5, 5)], "{file}");
    }
}

#[test]
fn a_limit_pulls_no_more_than_it_needs() {
    let pulled = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&pulled);
    let rows = (1..).map(move |id| {
        count.fetch_add(1, Ordering::Relaxed);
        json!({"id": id, "nested": [1, 2]})
    });
    let source = dlt::rows("endless", rows).chunk_bytes(64).add_limit(5);
    assert_eq!(load(source, "select count(*) n, max(id) m from endless"), [json!({"n": 5, "m": 5})]);
    assert!(pulled.load(Ordering::Relaxed) < 20);
}

#[test]
fn rows_are_changed_left_out_and_multiplied() {
    let folder = tempfile::tempdir().unwrap();
    let kept =
        files(folder.path()).with_resources(["users"]).add_filter("users", |user: &Value| user["id"] != json!(1));
    let rows = load(kept, "select id, id__v_wei from users order by all");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().any(|row| row["id__v_wei"] == "123456789012345678901234567890"), "{rows:?}");
    let changed = users(3)
        .add_map("users", |user: User| json!({"id": user.id * 10}))
        .add_yield_map("users", |row: Value| [row.clone(), row]);
    assert_eq!(load(changed, "select count(*) n, sum(id) s from users"), [json!({"n": 6, "s": 120})]);
}

#[test]
fn a_row_that_does_not_fit_a_step_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.jsonl");
    std::fs::write(&file, "{\"id\":1,\"name\":\"a\"}\n\n{\"id\":2}\n").unwrap();
    let error = refusal(dlt::files([&file]).add_map("users", |user: User| user));
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(error.location().and_then(|place| place.line), Some(3), "{error}");
    // What comes after a step that changed lines keeps its line too.
    std::fs::write(&file, "{\"id\":1,\"name\":\"a\"}\n\n{\"id\":2,\"name\":\"b\"}\n{\"id\":nan}\n").unwrap();
    let error = refusal(dlt::files([&file]).add_filter("users", |user: &User| user.id > 1));
    assert_eq!(error.location().and_then(|place| place.line), Some(4), "{error}");
    let error = refusal(files(folder.path()).add_map("orders", |row: Value| row));
    assert!(error.advice().unwrap().contains("add_batch_map"), "{error}");
    let error = refusal(users(1).add_map("user", |row: Value| row));
    assert_eq!(error.advice(), Some("did you mean `users`?"));
}

#[test]
fn a_resource_is_made_of_another() {
    let posts = |user: User| Ok::<_, String>((1..=user.id).map(move |post| json!({"user": user.id, "post": post})));
    let counts = "select (select count(*) from users) users, (select count(*) from posts) posts";
    assert_eq!(load(users(3).transformer("users", "posts", posts), counts), [json!({"users": 3, "posts": 6})]);
    let child = users(3).transformer("users", "posts", posts).with_resources(["posts"]);
    let tables = "select table_name t from information_schema.tables where table_schema = 'raw' and table_name not like '#_dlt%' escape '#' order by 1";
    assert_eq!(load(child, tables), [json!({"t": "posts"})]);
    let parent = users(3).transformer("users", "posts", posts).with_resources(["users"]);
    assert_eq!(load(parent, tables), [json!({"t": "users"})]);
    // Of a resource that is itself made of another.
    let words = |post: Value| Ok::<_, String>([json!({"word": format!("w{}", post["post"])})]);
    let chain = users(2).transformer("users", "posts", posts).transformer("posts", "words", words);
    assert_eq!(load(chain, "select count(*) n, min(word) w from words"), [json!({"n": 3, "w": "w1"})]);
    let failing = users(3).transformer("users", "posts", |user: User| match user.id {
        2 => Err("no such user"),
        id => Ok([json!({"user": id})]),
    });
    let error = refusal(failing);
    assert_eq!(error.to_string(), "<rows of users>:2: resource `posts` cannot be made of a row: no such user");
}

#[test]
fn new_rows_alone_make_others() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = pipeline(folder.path());
    for count in [2, 3, 3] {
        let posts = |user: User| Ok::<_, String>([json!({"user": user.id})]);
        let new = users(count).with_incremental("users", dlt::Incremental::new("id"));
        pipeline.run(new.transformer("users", "posts", posts)).unwrap();
    }
    let row =
        pipeline.dataset().unwrap().rows("select count(*) n, count(distinct \"user\") d from posts").unwrap().remove(0);
    assert_eq!((row["n"].as_i64(), row["d"].as_i64()), (Some(3), Some(3)));
}

#[test]
fn hints_hold_for_what_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = pipeline(folder.path());
    for count in [2, 3] {
        pipeline.run(users(count).write_disposition(MergeStrategy::Upsert).primary_key(["id"])).unwrap();
    }
    let replaced = |rows| {
        users(rows).apply_hints("users", |hints| {
            hints.table = Some("people".to_owned());
            hints.disposition = Some(WriteDisposition::Replace);
        })
    };
    pipeline.run(replaced(5)).unwrap();
    pipeline.run(replaced(4)).unwrap();
    let counts = pipeline.dataset().unwrap().row_counts().unwrap();
    assert_eq!(counts, [("people".to_owned(), 4), ("users".to_owned(), 3)]);
}

#[test]
fn columns_come_as_batches_and_are_changed_as_such() {
    let batch = |from: i64| {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 3));
        let names: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
        RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap()
    };
    let source =
        dlt::batches("items", [batch(0), batch(3)]).add_batch_map("items", |batch| Ok(batch.slice(0, 2))).add_limit(3);
    assert_eq!(load(source, "select count(*) n, max(id) m from items"), [json!({"n": 3, "m": 3})]);
}

/// Gives a value from another thread each time it is asked again.
struct FromAfar {
    left: VecDeque<u32>,
    arrived: Arc<std::sync::Mutex<Option<u32>>>,
    is_asked: bool,
}

impl futures_core::Stream for FromAfar {
    type Item = Value;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Value>> {
        if let Some(value) = self.arrived.lock().unwrap().take() {
            return Poll::Ready(Some(json!({"value": value})));
        }
        self.is_asked = false;
        let Some(next) = self.left.pop_front() else { return Poll::Ready(None) };
        let (arrived, waker) = (Arc::clone(&self.arrived), context.waker().clone());
        std::thread::spawn(move || {
            *arrived.lock().unwrap() = Some(next);
            waker.wake();
        });
        Poll::Pending
    }
}

#[test]
fn a_stream_is_waited_for() {
    let stream = FromAfar { left: (1..=50).collect(), arrived: Arc::default(), is_asked: false };
    assert_eq!(
        load(dlt::stream("seen", stream), "select count(*) n, sum(value) s from seen"),
        [json!({"n": 50, "s": 1275})]
    );
}
