//! Delimited text.

use crate::read::{folder, one, read};
use dlt_engine::ErrorKind;
use dlt_sources::files;

fn check(content: &str, columns: &[&str], rows: &[&str]) {
    let table = one("t.csv", content.as_bytes()).unwrap();
    assert_eq!(table.columns(), columns, "{content}");
    assert_eq!(table.batch_rows(), rows, "{content}");
}

fn check_error(name: &str, content: &[u8], line: Option<u64>, message: &str) {
    let error = one(name, content).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    assert!(error.to_string().contains(message), "{error}");
    assert_eq!(error.location().unwrap().line, line, "{error}");
}

#[test]
fn columns_have_the_type_of_all_their_values() {
    check(
        "i,d,b,t,s,zip,none\n1,2,true,2024-01-02T03:04:05Z,x,01234,\n-2,2.5,False,2024-01-02 03:04:05.5+02:00,1,5,\n",
        &["i Int64", "d Float64", "b Boolean", "t Timestamp(µs, \"UTC\")", "s Utf8", "zip Utf8"],
        &[
            r#"{"i":1,"d":2.0,"b":true,"t":"2024-01-02T03:04:05Z","s":"x","zip":"01234"}"#,
            r#"{"i":-2,"d":2.5,"b":false,"t":"2024-01-02T01:04:05.500Z","s":"1","zip":"5"}"#,
        ],
    );
}

#[test]
fn the_last_row_can_change_a_type() {
    let mut text = "n\n".to_owned();
    for n in 0..70_000 {
        text.push_str(&format!("{n}\n"));
    }
    let table = one("t.csv", text.as_bytes()).unwrap();
    assert_eq!(table.columns(), ["n Int64"]);
    assert_eq!(table.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 70_000);
    assert!(table.batches.len() > 1);
    text.push_str("x\n");
    assert_eq!(one("t.csv", text.as_bytes()).unwrap().columns(), ["n Utf8"]);
}

#[test]
fn types_hold_for_all_files_of_a_table() {
    let dir = folder(&[("a.csv", b"id,x\n1,1\n"), ("b.csv", b"y,x\n2,two\n"), ("c.tsv", b"x\ty\n3\t\n")]);
    let table = &read(&mut files([dir.path()]).table("t")).unwrap()[0];
    assert_eq!(table.batches.len(), 3);
    assert_eq!(table.batches[0].column(1).data_type(), &arrow::datatypes::DataType::Utf8);
    let rows: Vec<_> = table
        .batches
        .iter()
        .flat_map(|batch| {
            let part = crate::read::Table { batches: vec![batch.clone()], ..Default::default() };
            part.batch_rows()
        })
        .collect();
    assert_eq!(rows, [r#"{"id":1,"x":"1"}"#, r#"{"y":2,"x":"two"}"#, r#"{"x":"3"}"#]);
}

#[test]
fn headers_that_differ_in_spelling_share_their_types() {
    let dir = folder(&[("a.csv", b"userId\n1\n2\n"), ("b.csv", b"user_id\nx\n")]);
    let table = &read(&mut files([dir.path()]).table("t")).unwrap()[0];
    let types: Vec<_> = table.batches.iter().map(|batch| batch.column(0).data_type().to_string()).collect();
    assert_eq!(types, ["Utf8", "Utf8"]);
}

#[test]
fn quotes_hold_delimiters_and_line_ends() {
    check(
        "a,b\r\n\"x,\"\"y\"\"\",\"line\r\nbreak\"\r\n,\r\n\"\",z",
        &["a Utf8", "b Utf8"],
        &[r#"{"a":"x,\"y\"","b":"line\r\nbreak"}"#, "{}", r#"{"b":"z"}"#],
    );
}

#[test]
fn a_quote_within_plain_text_is_text() {
    check("a,b\n5\" pipe,\nx\"\",1\n", &["a Utf8", "b Int64"], &[r#"{"a":"5\" pipe"}"#, r#"{"a":"x\"\"","b":1}"#]);
}

#[test]
fn the_delimiter_is_found() {
    for delimiter in [",", ";", "\t", "|"] {
        let text = format!("a{delimiter}b\n1{delimiter}x\n");
        check(&text, &["a Int64", "b Utf8"], &[r#"{"a":1,"b":"x"}"#]);
    }
    // In a TSV nothing else is a delimiter.
    assert_eq!(one("t.tsv", b"a,b\n1,2\n").unwrap().columns(), ["a,b Utf8"]);
}

#[test]
fn a_table_may_have_no_values() {
    assert!(one("t.csv", b"a,b\n").unwrap().batches.is_empty());
    let table = one("t.csv", b"a,b\n,\n,\n").unwrap();
    assert_eq!((table.batches[0].num_rows(), table.batches[0].num_columns()), (2, 0));
}

#[test]
fn flaws_are_told_with_their_line() {
    check_error("t.csv", b"a,b\n1,2\n\n3\n", Some(4), "the row has 1 fields, the header has 2");
    check_error("t.csv", b"a,b\n\"x\ny\",2\n3,4,5\n", Some(4), "the row has 3 fields, the header has 2");
    check_error("t.csv", b"a,b\n1,2\n3,\"open\n4,5\n", Some(3), "is not closed");
    check_error("t.csv", b"a,b\n1,2\n3,\"open", Some(3), "is not closed");
    check_error("t.csv", b"a,\"b\n1,2\n", Some(1), "is not closed");
    check_error("t.csv", b"a,b\n1,2\n3,\xFF\n", Some(3), "not valid UTF-8");
    check_error(
        "t.csv",
        b"id,name\n1,\"Smith\n2,Jones\n3,\"Doe\n",
        Some(4),
        "closing quote, in a field that is opened in line 2",
    );
    check_error("t.csv", b"a,b\n1,\"abc\"def\n", Some(2), "text after a closing quote");
    check_error("t.csv", b"a,b\n\n\"he said \"hi\" ok\",2\n", Some(3), "text after a closing quote");
    check_error("t.csv", b"a,\"b\"c\n1,2\n", Some(1), "text after a closing quote");
    // What is wrong first is told first.
    check_error("t.csv", b"a,b\n1\n2,\"x\"y\n", Some(2), "the row has 1 fields");
    // Two halves of a character in two fields are no character.
    check_error("t.csv", b"a,b\n\xC3,\xA9\n", Some(2), "not valid UTF-8");
    check_error("t.csv", b"a,b,a\n", Some(1), "columns 1 (`a`) and 3 (`a`) would both be named `a`");
    check_error("t.csv", b"userId,x,user_id\n", Some(1), "would both be named `user_id`");
    check_error("t.csv", b"1,2.5\n3,4\n", Some(1), "no column names");
    check_error("t.csv", b"\xFF\xFEa\0", Some(1), "UTF-16");
}

#[test]
fn a_quote_that_never_closes_does_not_fill_the_memory() {
    let mut text = b"a\n\"".to_vec();
    text.resize(70 << 20, b'x');
    check_error("t.csv", &text, Some(2), "longer than 64 MiB");
}
