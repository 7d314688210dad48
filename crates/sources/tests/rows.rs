//! Rust values as a source.

use dlt_engine::Source;
use dlt_engine::source::{Chunk, ExtractContext};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(serde::Serialize)]
struct User {
    id: u64,
    name: &'static str,
}

fn json(chunk: Chunk) -> (String, u64) {
    let Chunk::Json(chunk) = chunk else { panic!("JSON expected") };
    (String::from_utf8(chunk.bytes).unwrap(), chunk.first_line)
}

#[test]
fn rows_are_json_lines() {
    let users = [User { id: 1, name: "Alice" }, User { id: u64::MAX, name: "B\n\"ob" }];
    let mut source = dlt_sources::rows("users", users).named("quick_start");
    assert_eq!(source.name(), "quick_start");
    assert!(!source.is_replayable());
    let mut resources = source.resources(&ExtractContext::default()).unwrap();
    assert_eq!(resources.len(), 1);
    assert_eq!(resources[0].name, "users");
    let (text, line) = json(resources[0].reader.next_chunk().unwrap().unwrap());
    assert_eq!(text, "{\"id\":1,\"name\":\"Alice\"}\n{\"id\":18446744073709551615,\"name\":\"B\\n\\\"ob\"}\n");
    assert_eq!(line, 1);
    assert!(resources[0].reader.next_chunk().unwrap().is_none());
    let error = source.resources(&ExtractContext::default()).err().unwrap();
    assert!(error.to_string().contains("read already"), "{error}");
}

#[test]
fn the_iterator_is_pulled_as_it_is_read() {
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pulled);
    let numbers = (0..1000).inspect(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let mut source = dlt_sources::rows("numbers", numbers).chunk_bytes(10);
    let mut resources = source.resources(&ExtractContext::default()).unwrap();
    assert_eq!(pulled.load(Ordering::Relaxed), 0);
    let reader = &mut resources[0].reader;
    assert_eq!(json(reader.next_chunk().unwrap().unwrap()), ("0\n1\n2\n3\n4\n".to_owned(), 1));
    assert_eq!(json(reader.next_chunk().unwrap().unwrap()).1, 6);
    assert_eq!(pulled.load(Ordering::Relaxed), 10);
}

#[test]
fn no_rows_are_no_piece() {
    let mut source = dlt_sources::rows("none", Vec::<User>::new());
    let mut resources = source.resources(&ExtractContext::default()).unwrap();
    assert!(resources[0].reader.next_chunk().unwrap().is_none());
}

#[test]
fn a_row_that_cannot_be_written_is_named() {
    let keys = std::collections::BTreeMap::from([((1, 2), 3)]);
    let mut source = dlt_sources::rows("maps", [Ok(1), Err(keys)].map(|row| row.map_or_else(Row::Map, Row::Number)));
    let mut resources = source.resources(&ExtractContext::default()).unwrap();
    let error = resources[0].reader.next_chunk().unwrap_err();
    assert_eq!(error.to_string(), "<rows of maps>:2: the row cannot be written as JSON");
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Row {
    Number(u8),
    Map(std::collections::BTreeMap<(u8, u8), u8>),
}
