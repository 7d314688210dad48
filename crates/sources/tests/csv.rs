//! Delimited text.

use crate::read::{folder, one, read, read_with};
use dlt_engine::source::{ExtractContext, NOT_UTF8};
use dlt_engine::{Error, ErrorKind, Notice, Source};
use dlt_sources::{CsvOptions, Encoding, Quote, files};

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
    // The columns are known all the same.
    let table = one("t.csv", b"a,b\n").unwrap();
    assert_eq!((table.batches[0].num_rows(), table.columns()), (0, vec!["a Utf8".to_owned(), "b Utf8".to_owned()]));
    assert!(said("t.csv", b"a,b\n")[0].ends_with("t.csv holds no rows"));
    let table = one("t.csv", b"a,b\n,\n,\n").unwrap();
    assert_eq!((table.batches[0].num_rows(), table.batches[0].num_columns()), (2, 0));
}

#[test]
fn flaws_are_told_with_their_line() {
    check_error("t.csv", b"a,b\n1,2\n\n3\n", Some(4), "the row has 1 field, the header has 2");
    check_error("t.csv", b"a,b\n\"x\ny\",2\n3,4,5\n", Some(4), "the row has 3 fields, the header has 2");
    check_error("t.csv", b"a,b\n1,2\n3,\"open\n4,5\n", Some(3), "the quote that opens field 2 is not closed");
    check_error("t.csv", b"a,b\n1,2\n3,\"open", Some(3), "is not closed");
    check_error("t.csv", b"a,\"b\n1,2\n", Some(1), "is not closed");
    check_error("t.csv", b"a,b\n1,2\n3,\xFF\n", Some(3), "the text is not UTF-8");
    check_error(
        "t.csv",
        b"id,name\n1,\"Smith\n2,Jones\n3,\"Doe\n",
        Some(4),
        "closing quote, in a field that is opened in line 2",
    );
    check_error("t.csv", b"a,b\n1,\"abc\"def\n", Some(2), "text after a closing quote");
    check_error("t.csv", b"a,b\n\n\"he said \"hi\" ok\",2\n", Some(3), "text after a closing quote");
    check_error("t.csv", b"a,\"b\"c\n1,2\n", Some(1), "text after a closing quote");
    check_error("t.csv", b"a,b\n\"x\" ,2\n", Some(2), "a blank after a closing quote");
    // What is wrong first is told first.
    check_error("t.csv", b"a,b\n1\n2,\"x\"y\n", Some(2), "the row has 1 field");
    // Two halves of a character in two fields are no character.
    check_error("t.csv", b"a,b\n\xC3,\xA9\n", Some(2), "the text is not UTF-8");
    check_error("t.csv", b"a,b\n1,2\n3,\0\n", Some(3), "there is a zero byte");
    check_error("t.csv", b"\xFF\xFE\0\0a\0\0\0", None, "UTF-32");
}

#[test]
fn each_mistake_has_its_own_advice() {
    let cases: [(&[u8], &str, &str); 9] = [
        (b"a,b\n1,2,3\n1,2\n", "there is no column for field 3", "delimiter `,`, put it into quotes"),
        (b"a,b\n1, \"x, y\"\n1,2\n", "in field 2 a blank stands before the quote", "take the blanks"),
        (b"a,b\n1,5\" pipe, 3 m\n1,2\n", "field 2 holds a quote and does not begin with one", "written twice"),
        (b"a,b\n1,'x, y'\n1,2\n", "field 2 begins with a single quote", "`--quote \"'\"`"),
        (b"a,b\n1\n1,2\n", "the row has 1 field, the header has 2", "`--allow-short-rows`"),
        (b"a,b\n1,\"x\\\"y\"\n", "before which a backslash stands", "`--escape '\\'`"),
        (b"a,b\n1,\"x\n", "the quote that opens field 2 is not closed", "`--quote none`"),
        (b"Report\n\nid,name\n1,x\n2,y\n", "the lines from line 3 on have 2", "`--skip-lines 2`"),
        (b"a,b\n1,2,3\n4,5,6\n", "the lines from line 2 on have 3", "--column-names a,b,"),
    ];
    for (content, what, hint) in cases {
        let error = one("t.csv", content).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.advice().unwrap().contains(hint), "{error}: {:?}", error.advice());
    }
}

#[test]
fn bytes_of_another_encoding_are_told_wherever_they_stand() {
    let mut text = "id,name\n".to_owned();
    for id in 0..20_000 {
        text.push_str(&format!("{id},somebody\n"));
    }
    let text = [text.as_bytes(), b"20000,M\xFCller aus K\xF6ln\n20001,Gr\xF6\xDFe\n"].concat();
    for name in ["t.csv", "t.jsonl"] {
        let dir = folder(&[(name, &text)]);
        let mut source = files([dir.path().join(name)]);
        let error = match name {
            "t.csv" => read(&mut source).unwrap_err(),
            // The engine finds it, and asks the source what it may be.
            _ => {
                let place = dir.path().join(name).to_string_lossy().into_owned();
                source.explain(Error::new(ErrorKind::Data, NOT_UTF8).at(place, Some(20_002)))
            }
        };
        assert_eq!(error.location().unwrap().line, Some(20_002));
        assert!(error.advice().unwrap().contains("`--encoding windows-1252`"), "{error}: {:?}", error.advice());
    }
}

#[test]
fn the_header_is_found() {
    let rows = |content: &str| one("t.csv", content.as_bytes()).unwrap().batch_rows();
    let expected = [r#"{"column_1":"alice","column_2":30}"#, r#"{"column_1":"bob","column_2":40}"#];
    assert_eq!(rows("alice,30\nbob,40"), expected);
    assert_eq!(rows("1,2.5\n3,4\n"), [r#"{"column_1":1,"column_2":2.5}"#, r#"{"column_1":3,"column_2":4.0}"#]);
    assert_eq!(rows("sep=;\r\na;b\r\n1;x\r\n"), [r#"{"a":1,"b":"x"}"#]);
    let expected = [r#"{"id":1,"price (USD, net, no tax)":"2,5","qty":3}"#];
    assert_eq!(rows("id;price (USD, net, no tax);qty\n1;2,5;3\n"), expected);
    assert_eq!(rows("'id';'name'\n1;'a;b'\n"), [r#"{"id":1,"name":"a;b"}"#]);
    assert_eq!(rows("a,b,\n1,2,\n"), [r#"{"a":1,"b":2}"#]);
    assert_eq!(rows("a,b\n1,2,\n3,4,,\n"), [r#"{"a":1,"b":2}"#, r#"{"a":3,"b":4}"#]);
    assert_eq!(rows("a,b,a,\n1,2,3,4\n"), [r#"{"a":1,"b":2,"a_2":3,"column_4":4}"#]);
}

#[test]
fn what_is_guessed_is_said() {
    let cases: [(&str, &[&str]); 13] = [
        ("id,name\n1,x\n2,y\n", &[]),
        ("name,city\nalice,paris\n", &[]),
        ("id,a,b\n1,x,y\n", &[]),
        ("sep=;\na;b\n1;2\n", &[]),
        ("alice,30\nbob,40\n", &["the first line of t.csv was taken for a row"]),
        ("foo,bar\nbaz,qux\n", &["the first line of t.csv was taken for the names of the columns"]),
        ("netto, EUR;Menge\n1,5;2\n2,5;3\n", &["the delimiter of t.csv may be `;` or `,`, and `;` was taken"]),
        ("'id','name'\n1,'x'\n", &["the fields of t.csv are quoted by `'`"]),
        ("id,b\n1,2,\n", &["rows of t.csv have more fields than there are columns, all of them empty"]),
        ("id,a,a\n1,x,y\n", &["1 column with the name of another got a number"]),
        ("id,\n1,2\n", &["1 column without a name got a number for one"]),
        ("id,\n1,\n", &[]),
        ("id~name\n1~x\n", &["t.csv was read as one column, and `~` stands in every line equally often"]),
    ];
    for (content, expected) in cases {
        let said = said("t.csv", content.as_bytes());
        assert_eq!(said.len(), expected.len(), "{content}: {said:?}");
        assert!(said.iter().zip(expected).all(|(said, expected)| said.starts_with(expected)), "{content}: {said:?}");
    }
}

/// What is said of a file, its folder left out.
fn said(name: &str, content: &[u8]) -> Vec<String> {
    let dir = folder(&[(name, content)]);
    let context = ExtractContext::default();
    read_with(&mut files([dir.path().join(name)]), &context).unwrap();
    let folder = format!("{}/", dir.path().display());
    context.notices.said().iter().map(|notice| notice.message.replace(&folder, "")).collect()
}

/// Reads a file with options, checks what comes, and gives what is said.
fn check_with(content: &str, change: fn(&mut CsvOptions), columns: &[&str], rows: &[&str]) -> Vec<Notice> {
    let dir = folder(&[("t.csv", content.as_bytes())]);
    let mut options = CsvOptions::default();
    change(&mut options);
    let context = ExtractContext::default();
    let table = &read_with(&mut files([dir.path()]).csv(options), &context).unwrap()[0];
    assert_eq!(table.columns(), columns, "{content}");
    assert_eq!(table.batch_rows(), rows, "{content}");
    context.notices.said()
}

#[test]
fn the_person_says_how_the_text_is_laid_out() {
    let said = check_with(
        "a;b\n1;2\n",
        |options| options.header = Some(false),
        &["column_1 Utf8", "column_2 Utf8"],
        &[r#"{"column_1":"a","column_2":"b"}"#, r#"{"column_1":"1","column_2":"2"}"#],
    );
    assert!(said.is_empty(), "{said:?}");
    let columns = ["id Int64", "name Utf8"];
    let row = [r#"{"id":1,"name":"x"}"#];
    check_with("1;x\n", |options| options.column_names = vec!["id".into(), "name".into()], &columns, &row);
    let renamed = |options: &mut CsvOptions| {
        options.column_names = vec!["id".into(), "name".into()];
        options.header = Some(true);
    };
    check_with("a;b\n1;x\n", renamed, &columns, &row);
    check_with("Report\n\nid,name\n1,x\n", |options| options.skip_lines = 2, &columns, &row);
    let signs = |options: &mut CsvOptions| {
        options.delimiter = Some('^');
        options.quote = Some(Quote::Character('~'));
    };
    check_with("id^name\n1^~x^y~\n", signs, &columns, &[r#"{"id":1,"name":"x^y"}"#]);
    let escape = |options: &mut CsvOptions| options.escape = Some('\\');
    check_with("id,name\n1,\"x\\\"y\"\n", escape, &columns, &[r#"{"id":1,"name":"x\"y"}"#]);
    let unquoted = |options: &mut CsvOptions| options.quote = Some(Quote::None);
    check_with("id,name\n1,\"x\n", unquoted, &columns, &[r#"{"id":1,"name":"\"x"}"#]);
    let short = |options: &mut CsvOptions| options.allow_short_rows = true;
    let said = check_with("id,name\n2\n1,x\n", short, &columns, &[r#"{"id":2}"#, row[0]]);
    assert!(said[0].message.contains("have fewer fields"), "{said:?}");
}

#[test]
fn lines_are_counted_from_the_beginning_of_the_file() {
    let dir = folder(&[("t.csv", b"Report\n\nsep\nid,name\n1,x\n2\n"), ("s.csv", b"sep=;\nid;name\n1;\"x\"y\n")]);
    let mut options = CsvOptions::default();
    options.skip_lines = 3;
    let error = read(&mut files([dir.path().join("t.csv")]).csv(options)).unwrap_err();
    assert_eq!(error.location().unwrap().line, Some(6), "{error}");
    let error = read(&mut files([dir.path().join("s.csv")])).unwrap_err();
    assert_eq!(error.location().unwrap().line, Some(3), "{error}");
}

#[test]
fn options_that_are_of_no_use_are_told() {
    let dir = folder(&[("t.jsonl", b"{}\n")]);
    let context = ExtractContext::default();
    let mut options = CsvOptions::default();
    options.delimiter = Some(';');
    read_with(&mut files([dir.path()]).csv(options), &context).unwrap();
    assert_eq!(context.notices.said()[0].message, "options for CSV were given, and nothing was read as CSV");
}

#[test]
fn the_person_says_what_the_fields_mean() {
    let german = |options: &mut CsvOptions| {
        options.decimal_comma = true;
        options.null_words = vec!["NA".into(), "-".into()];
    };
    check_with("a;b\n1,5;NA\n1.000;-\n", german, &["a Float64"], &[r#"{"a":1.5}"#, r#"{"a":1000.0}"#]);
    let days = |options: &mut CsvOptions| {
        options.date_format = Some("%d.%m.%Y".into());
        options.text_columns = vec!["zip".into()];
    };
    check_with("d,zip\n31.12.2024,1\n", days, &["d Date32", "zip Utf8"], &[r#"{"d":"2024-12-31","zip":"1"}"#]);
    let absent = |options: &mut CsvOptions| options.text_columns = vec!["zip".into()];
    let said = check_with("id\n1\n", absent, &["id Int64"], &[r#"{"id":1}"#]);
    assert_eq!(said[0].message, "there is no column `zip` to keep as text");
}

#[test]
fn an_encoding_that_is_given_counts() {
    let dir = folder(&[("t.csv", b"id,name\n1,M\xFCller\n")]);
    let mut source = files([dir.path()]).encoding(Encoding::parse("latin1").unwrap());
    assert_eq!(read(&mut source).unwrap()[0].batch_rows(), [r#"{"id":1,"name":"Müller"}"#]);
    let utf16: Vec<u8> = "\u{feff}id,name\n1,山田\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(one("t.csv", &utf16).unwrap().batch_rows(), [r#"{"id":1,"name":"山田"}"#]);
}

#[test]
fn a_wide_table_has_a_header_longer_than_the_sample() {
    let header: Vec<String> = (0..20_000).map(|column| format!("column_name_{column}")).collect();
    let row = vec!["1"; 20_000].join(";");
    let table = one("t.csv", format!("{}\n{row}\n{row}\n", header.join(";")).as_bytes()).unwrap();
    assert_eq!((table.batches[0].num_columns(), table.batches[0].num_rows()), (20_000, 2));
}

#[test]
fn a_quote_that_never_closes_does_not_fill_the_memory() {
    let mut text = b"a\n\"".to_vec();
    text.resize(70 << 20, b'x');
    check_error("t.csv", &text, Some(2), "longer than 64 MiB");
}
