//! Rows of a dataset as files, and back again.

use dlt::{Dataset, ErrorKind, Export, Pipeline};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;

/// A pipeline into a file of this folder, loaded with rows.
fn loaded(folder: &Path, name: &str, rows: Vec<Value>) -> Pipeline {
    let pipeline = dlt::pipeline(name)
        .destination(dlt::duckdb_at(folder.join(format!("{name}.duckdb"))))
        .data_dir(folder.join("data"))
        .dataset("raw");
    pipeline.run(dlt::rows("items", rows)).unwrap();
    pipeline
}

fn rows(dataset: &mut Dataset, sql: &str) -> Vec<Value> {
    dataset.rows(sql).unwrap().into_iter().map(Value::Object).collect()
}

/// Texts that break CSV elsewhere.
fn texts() -> Vec<String> {
    let parts = [
        "a",
        " ",
        ",",
        "\"",
        "\n",
        "\r",
        "\r\n",
        ";",
        "\t",
        "|",
        "#",
        "NULL",
        "null",
        "\\",
        "\\\"",
        "ü",
        "日本",
        "'",
        "=1+1",
        "0",
        "-",
        "1,5",
        "2024-01-02",
        "\u{feff}",
        "\u{2028}",
        "{}",
        "true",
        "\u{1}",
    ];
    let mut noise = 7u64;
    let mut next = |below: usize| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (noise >> 33) as usize % below
    };
    (0..3000).map(|_| (0..=next(5)).map(|_| parts[next(parts.len())]).collect()).collect()
}

#[test]
fn our_own_reader_reads_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let given = |(id, text): (usize, String)| {
        let number = match id % 4 {
            0 => json!(null),
            other => json!(id as f64 / (other as f64 * 3.0) * 1e7),
        };
        json!({"id": id, "text": text, "number": number, "flag": id % 3 == 0, "big": i64::MAX - id as i64,
            "moment": format!("2024-01-02T03:04:05.{:06}Z", id * 7), "lone": if id == 5 { json!(" x ") } else { json!(null) }})
    };
    let pipeline = loaded(folder.path(), "one", texts().into_iter().enumerate().map(given).collect());
    let columns = "id, text, number, flag, big, moment, lone";
    let sql = format!("select {columns} from items order by id");
    let expected = rows(&mut pipeline.dataset().unwrap(), &sql);
    assert_eq!(expected.len(), 3000);
    for ending in ["csv", "tsv", "csv.gz", "csv.zst", "jsonl", "jsonl.gz", "parquet"] {
        let path = folder.path().join(format!("items.{ending}"));
        let query = format!("select {columns} from items");
        let written = pipeline.dataset().unwrap().export_query(&query, &Export::to(&path).unwrap()).unwrap();
        assert_eq!((written.rows, written.bytes), (3000, path.metadata().unwrap().len()), "{ending}");
        let back = dlt::pipeline(format!("back_{}", ending.replace('.', "_")))
            .destination(dlt::duckdb_at(folder.path().join(format!("{ending}.duckdb"))))
            .data_dir(folder.path().join("data"))
            .dataset("raw");
        back.run(dlt::files([&path]).table("items")).unwrap();
        let found = rows(&mut back.dataset().unwrap(), &sql);
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(expected, found, "{ending}");
        }
        assert_eq!(found.len(), 3000, "{ending}");
    }
}

#[test]
fn types_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = loaded(folder.path(), "types", vec![json!({"id": 1})]);
    let mut dataset = pipeline.dataset().unwrap();
    let columns = [
        ("price", "12.50::decimal(10,2)"),
        ("moment", "timestamptz '2024-01-02 03:04:05+02'"),
        ("wall", "timestamp '2024-01-02 03:04:05'"),
        ("day", "date '2024-01-02'"),
        ("clock", "time '03:04:05.5'"),
        ("raw", "'\\x00\\xFF'::blob"),
        ("nested", "{'a': [1, 2]}"),
        ("doc", "'{\"b\":1}'::json"),
        ("nothing", "null::bigint"),
        ("empty", "''"),
        ("huge", "170141183460469231731687303715884105727::hugeint"),
        ("nan", "'nan'::double"),
        ("id", "uuid '00112233-4455-6677-8899-aabbccddeeff'"),
        ("one", "1"),
        ("one", "2"),
    ];
    let columns: Vec<String> = columns.iter().map(|(name, value)| format!("{value} as \"{name}\"")).collect();
    let sql = &format!("select {}", columns.join(", "));
    let export = |dataset: &mut Dataset, name: &str| {
        let path = folder.path().join(name);
        dataset.export_query(sql, &Export::to(&path).unwrap()).unwrap();
        path
    };
    let csv = std::fs::read_to_string(export(&mut dataset, "t.csv")).unwrap();
    assert_eq!(
        csv,
        "price,moment,wall,day,clock,raw,nested,doc,nothing,empty,huge,nan,id,one,one_1\n\
         12.50,2024-01-02T01:04:05Z,2024-01-02T03:04:05,2024-01-02,03:04:05.500,AP8=,\"{\"\"a\"\":[1,2]}\",\"{\"\"b\"\":1}\",,\
         \"\",170141183460469231731687303715884105727,NaN,00112233-4455-6677-8899-aabbccddeeff,1,2\n"
    );
    let mut text = String::new();
    let packed = std::fs::File::open(export(&mut dataset, "t.jsonl.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let object: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&object["nothing"], &object["empty"], &object["doc"]), (&json!(null), &json!(""), &json!({"b": 1})));
    let parquet = export(&mut dataset, "t.parquet");
    let described = rows(&mut dataset, &format!("describe select * from '{}'", parquet.display()));
    let types: Vec<_> = described.iter().map(|row| row["column_type"].as_str().unwrap()).collect();
    let expected =
        ["DECIMAL(10,2)", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "DATE", "TIME", "BLOB", "STRUCT(a INTEGER[])"];
    assert_eq!(types[..7], expected);
    let error =
        dataset.export_query("select interval 1 month as i", &Export::to(folder.path().join("i.parquet")).unwrap());
    let error = error.unwrap_err();
    assert!(error.to_string().contains("column `i` is of the type"), "{error}");
    assert!(!folder.path().join("i.parquet").exists());
}

#[test]
fn nothing_is_overwritten_and_no_half_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = loaded(folder.path(), "whole", vec![json!({"id": 1, "tags": ["a"]}), json!({"id": 2})]);
    let mut dataset = pipeline.dataset().unwrap();
    let out = folder.path().join("out");
    let names = |out: &Path| {
        let mut names: Vec<_> =
            out.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let pattern = Export::to(out.join("*.csv")).unwrap();
    let written = dataset.export_tables(&["items", "items__tags"], &pattern).unwrap();
    assert_eq!(written.iter().map(|file| file.rows).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(names(&out), ["items.csv", "items__tags.csv"]);
    std::fs::remove_file(out.join("items.csv")).unwrap();
    let error = dataset.export_tables(&["items", "items__tags"], &pattern).unwrap_err();
    assert!(error.to_string().contains("items__tags.csv already"), "{error}");
    assert_eq!(names(&out), ["items__tags.csv"]);
    dataset.export_tables(&["items", "items__tags"], &pattern.clone().overwrite(true)).unwrap();
    assert_eq!(names(&out), ["items.csv", "items__tags.csv"]);
    let broken = dataset.export_query(
        "select case when i < 90000 then i else error('stop') end i from range(100000) t(i)",
        &Export::to(out.join("broken.csv")).unwrap(),
    );
    assert_eq!(broken.unwrap_err().kind(), ErrorKind::Destination);
    assert_eq!(names(&out), ["items.csv", "items__tags.csv"]);
    let error = dataset.export_tables(&["items", "items__tags"], &Export::to(out.join("x.csv")).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let empty = dataset.export_query("select * from items where id > 9", &Export::to(out.join("e.parquet")).unwrap());
    assert_eq!(empty.unwrap().rows, 0);
}
