//! Files, folders and packed files.

use crate::read::{folder, one, read};
use dlt_engine::{ErrorKind, Source};
use dlt_sources::{Format, files};
use std::io::Write;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn each_stem_is_a_table_and_files_of_one_stem_share_it() {
    let dir = folder(&[
        ("orders.jsonl", b"{\"id\":1}\n{\"id\":2}"),
        ("sub/Orders.json", b"[{\"id\":3}]"),
        ("users.csv", b"name\nx\n"),
        ("events-2024-01.jsonl.gz", &gzip("{\"e\":1}\n")),
        ("events-2024-02.jsonl.zst", &zstd::encode_all(&b"{\"e\":2}\n"[..], 1).unwrap()),
    ]);
    let tables = read(&mut files([dir.path()])).unwrap();
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["events-2024-01", "events-2024-02", "orders", "users"]);
    assert_eq!(tables[2].texts(), [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#]);
    let events = read(&mut files([dir.path().join("events-*")]).table("events")).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].name, "events");
    assert_eq!(events[0].texts(), [r#"{"e":1}"#, r#"{"e":2}"#]);
}

#[test]
fn empty_files_give_no_rows() {
    for name in ["x.jsonl", "x.json", "x.csv", "x.tsv", "x.jsonl.gz", "x.csv.zst"] {
        let table = one(name, b"").unwrap();
        assert!(table.items.is_empty() && table.batches.is_empty(), "{name}");
    }
}

#[test]
fn the_format_that_is_given_counts() {
    let dir = folder(&[("a.txt", b"x;y\n1;2\n"), ("b.json", b"[1]\n[2]\n")]);
    let table = &read(&mut files([dir.path().join("a.txt")]).format(Format::Csv)).unwrap()[0];
    assert_eq!((table.name.as_str(), table.batch_rows()), ("a", vec![r#"{"x":1,"y":2}"#.to_owned()]));
    let table = &read(&mut files([dir.path().join("b.json")]).format(Format::Jsonl)).unwrap()[0];
    assert_eq!(table.texts(), ["[1]", "[2]"]);
    let error = read(&mut files([dir.path().join("b.json")])).unwrap_err();
    assert!(error.advice().unwrap().contains("jsonl"), "{error}");
}

#[test]
fn damaged_archives_are_named() {
    let text = "{\"a\":\"some text that is long enough to be packed\"}\n".repeat(1000);
    let packed = gzip(&text);
    let error = one("x.jsonl.gz", &packed[..packed.len() - 20]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().ends_with("x.jsonl.gz: the gzip archive is cut off"), "{error}");
    let error = one("x.csv.zst", &zstd::encode_all(text.as_bytes(), 1).unwrap()[..40]).unwrap_err();
    assert!(error.to_string().ends_with("x.csv.zst: the zstd archive is cut off"), "{error}");
    let error = one("x.json.gz", b"plain").unwrap_err();
    assert!(error.to_string().ends_with("is not a gzip archive"), "{error}");
}

#[test]
fn a_call_is_recognised_by_what_was_given() {
    let base = files(["a.jsonl"]);
    assert_eq!(base.identity(), files(["a.jsonl"]).identity());
    assert_ne!(base.identity(), files(["b.jsonl"]).identity());
    assert_ne!(base.identity(), files(["a.jsonl"]).table("t").identity());
    assert_ne!(base.identity(), files(["a.jsonl"]).format(Format::Csv).identity());
    let replace = files(["a.jsonl"]).disposition(dlt_engine::schema::WriteDisposition::Replace);
    assert_ne!(base.identity(), replace.identity());
    assert_eq!(base.name(), "filesystem");
    assert!(base.is_replayable());
    assert!(!files(["a.jsonl", "-"]).is_replayable());
}

#[test]
fn a_pipe_is_read_as_a_stream() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for (format, content) in [(None, "{\"a\":\n1}{\"a\":2}"), (Some(Format::Csv), "a\n1\n2\n")] {
        let target = pipe.clone();
        let writer = std::thread::spawn(move || std::fs::write(target, content).unwrap());
        let mut source = files([&pipe]);
        source = match format {
            Some(format) => source.format(format),
            None => source,
        };
        assert!(!source.is_replayable());
        let table = &read(&mut source).unwrap()[0];
        let rows = if format.is_some() { table.batch_rows() } else { table.texts() };
        assert_eq!(rows, ["{\"a\":1}", "{\"a\":2}"]);
        writer.join().unwrap();
    }
}

#[test]
fn a_pipe_that_nobody_named_is_not_waited_for() {
    let dir = folder(&[("a.jsonl", b"1\n")]);
    let pipe = dir.path().join("b.jsonl");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let tables = read(&mut files([dir.path()])).unwrap();
    assert_eq!(tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["a"]);
    let error = read(&mut files([dir.path().join("*.jsonl")])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(error.to_string().ends_with("b.jsonl: is a pipe or a device and no file"), "{error}");
}

#[test]
fn byte_order_marks_are_no_content() {
    assert_eq!(one("x.jsonl", b"\xEF\xBB\xBF{\"a\":1}\n").unwrap().texts(), ["{\"a\":1}"]);
    assert_eq!(one("x.json", b"\xEF\xBB\xBF [1]").unwrap().texts(), ["1"]);
    assert_eq!(one("x.csv", b"\xEF\xBB\xBFa,b\n1,2\n").unwrap().columns(), ["a Int64", "b Int64"]);
}
