//! Contracts, declared columns and chosen columns, as a program uses them.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use dlt::telemetry::Telemetry;
use dlt::{
    Column, ColumnChoice, ColumnHints, Contract, DataType, Entity, ErrorKind, LoadInfo, Mode, Pipeline, Result, Source,
    TableHints,
};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

/// A folder with a database and files.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn builder(&self) -> dlt::Builder {
        dlt::pipeline("shop")
            .destination(dlt::duckdb_at(self.path().join("shop.duckdb")))
            .data_dir(self.path().join("data"))
            .telemetry(Telemetry::off())
    }

    fn load(&self, contract: Contract, source: impl Source) -> Result<LoadInfo> {
        self.builder().schema_contract(contract).rejected("rejected").dataset("raw").run(source)
    }

    fn pipeline(&self) -> Pipeline {
        self.builder().dataset("raw")
    }

    fn jsonl(&self, text: &str) -> dlt::Files {
        let file = self.path().join("items.jsonl");
        std::fs::write(&file, text).unwrap();
        dlt::files([file])
    }

    fn parquet(&self, batch: &RecordBatch) -> dlt::Files {
        let file = self.path().join("items.parquet");
        let mut writer = ArrowWriter::try_new(std::fs::File::create(&file).unwrap(), batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        dlt::files([file])
    }

    /// The rows of a query as text.
    fn seen(&self, sql: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let pipeline = self.pipeline();
        let mut dataset = pipeline.dataset().unwrap();
        dataset
            .query(sql, &mut |_, batch| {
                for row in dlt::rows_of(&batch)? {
                    let cells = row.into_iter().map(|(_, value)| match value {
                        serde_json::Value::String(text) => text,
                        other => other.to_string(),
                    });
                    lines.push(cells.collect::<Vec<_>>().join(" "));
                }
                Ok(())
            })
            .unwrap();
        lines
    }
}

fn columns(mode: Mode) -> Contract {
    Contract::default().columns(mode)
}

#[test]
fn what_is_frozen_is_told_with_its_place() {
    let place = Place::new();
    place.load(Contract::default(), place.jsonl("{\"id\":1,\"l\":[1]}\n")).unwrap();
    for (text, line, words) in [
        ("{\"id\":2}\n{\"id\":3,\"new\":1}\n", 2, ["no column `new`", "freezes its columns"]),
        ("\n\n{\"id\":\"x\"}\n", 3, ["column `id` of table `items`, which is bigint", "freezes data_type"]),
        ("{\"id\":2,\"m\":[1]}\n", 1, ["table `items__m` is not in the dataset", "freezes tables"]),
        ("{\"id\":2,\"l\":[1,true]}\n", 1, ["column `value` of table `items__l`", "freezes data_type"]),
    ] {
        let error = place.load(Mode::Freeze.into(), place.jsonl(text)).unwrap_err();
        assert_eq!((error.kind(), error.location().unwrap().line), (ErrorKind::Data, Some(line)), "{error}");
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
        assert!(error.advice().unwrap().contains("--schema-contract"), "{error}");
    }
    assert_eq!(place.seen("select count(*) from items"), ["1"]);
    // Nothing of a failed run is stored, its contract neither.
    place.pipeline().run(place.jsonl("{\"id\":2,\"new\":1}\n")).unwrap();
}

#[test]
fn what_is_left_out_is_counted_and_kept() {
    let place = Place::new();
    place.load(Contract::default(), place.jsonl("{\"id\":1,\"l\":[{\"v\":1}]}\n")).unwrap();
    let text =
        "{\"id\":2,\"new\":\"é\"}\n{\"id\":3,\"l\":[{\"v\":2},{\"v\":3,\"w\":4}]}\n\n{\"id\":4,\"newer\":null}\n";
    let info = place.load(columns(Mode::DiscardRow), place.jsonl(text)).unwrap();
    let counted: Vec<_> =
        info.discarded.iter().map(|it| (it.table.as_str(), it.column.as_deref(), it.rows, it.values)).collect();
    assert_eq!(counted, [("items", Some("new"), 1, 0), ("items__l", Some("w"), 1, 0)]);
    assert_eq!(info.trace.discarded, info.discarded);
    let said: Vec<_> = info.trace.notices.iter().map(|notice| notice.message.as_str()).collect();
    assert!(said[0].starts_with("2 rows were left out by the schema contract"), "{said:?}");
    assert_eq!(place.seen("select id from items order by id"), ["1", "3", "4"]);
    assert_eq!(
        place.seen("select line, table_name, column_name, row::varchar from rejected order by line"),
        [r#"1 items new {"id":2,"new":"é"}"#, r#"2 items__l w {"v":3,"w":4}"#]
    );
    let input = place.seen("select distinct input from rejected");
    assert!(input[0].ends_with("items.jsonl"), "{input:?}");
    // It is stored: a run that says nothing is held to it, and values are left out of rows by another one.
    let info = place.pipeline().run(place.jsonl(text)).unwrap();
    assert_eq!(info.discarded.iter().map(|it| it.rows).sum::<u64>(), 2);
    let info = place.load(columns(Mode::DiscardValue), place.jsonl(text)).unwrap();
    assert!(info.discarded.iter().all(|it| it.entity == Entity::Columns && (it.rows, it.values) == (0, 1)), "{info:?}");
    assert_eq!(place.seen("select count(*) from items where id = 2"), ["1"]);
}

/// `id`, a list of numbers `l`, and a column that may be new.
fn batch(extra: &str) -> RecordBatch {
    let lists = vec![Some(vec![Some(1), Some(2)]), Some(vec![Some(3)]), None, Some(vec![Some(4)])];
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists));
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![None, Some("x"), None, Some("y")]));
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("l", lists, true), (extra, texts, true)]).unwrap()
}

#[test]
fn rows_of_arrow_are_left_out_with_what_is_nested_in_them() {
    let place = Place::new();
    place.load(Contract::default(), place.jsonl("{\"id\":0,\"l\":[0]}\n")).unwrap();
    let error = place.load(columns(Mode::Freeze), place.parquet(&batch("new"))).unwrap_err();
    assert!(error.to_string().contains("items.parquet:2: table `items` has no column `new`"), "{error}");
    let info = place.load(columns(Mode::DiscardRow), place.parquet(&batch("new"))).unwrap();
    assert_eq!((info.discarded.len(), info.discarded[0].rows), (1, 2));
    assert_eq!(place.seen("select id from items order by id"), ["0", "1", "3"]);
    let nested = "select i.id, l.value from items l_ join items i on true join items__l l on l._dlt_parent_id = i._dlt_id \
                  where l_.id = 0 order by l.value";
    assert_eq!(place.seen(nested), ["0 0", "1 1", "1 2"]);
    assert_eq!(
        place.seen("select line, row::varchar from rejected order by line"),
        [r#"2 {"id":2,"l":[3],"new":"x"}"#, r#"4 {"id":4,"l":[4],"new":"y"}"#]
    );
    let info = place.load(columns(Mode::DiscardValue), place.parquet(&batch("new"))).unwrap();
    assert_eq!((info.discarded[0].values, place.seen("select count(*) from items")), (2, vec!["7".to_owned()]));
    // Types: two texts do not fit a column of integers.
    place.load(Mode::Evolve.into(), place.jsonl("{\"id\":9,\"n\":1}\n")).unwrap();
    let info = place.load(Contract::default().data_type(Mode::DiscardRow), place.parquet(&batch("n"))).unwrap();
    assert_eq!((info.discarded[0].rows, info.discarded[0].entity), (2, Entity::DataType));
    assert_eq!(place.seen("select count(*) from items where id in (2, 4)"), ["2"]);
    // A nested table that may not be made.
    let renamed = batch("n").project(&[0, 1]).unwrap();
    let renamed = RecordBatch::try_from_iter_with_nullable([
        ("id", renamed.column(0).clone(), true),
        ("k", renamed.column(1).clone(), true),
    ])
    .unwrap();
    let info = place.load(Contract::default().tables(Mode::DiscardRow), place.parquet(&renamed)).unwrap();
    assert_eq!((info.discarded[0].table.as_str(), info.discarded[0].rows), ("items__k", 4));
}

#[test]
fn any_number_of_workers_leaves_out_the_same() {
    let rows: String = (0..60_000)
        .map(|id| match id % 7 {
            3 => format!("{{\"id\":{id},\"new\":{id}}}\n"),
            5 => format!("{{\"id\":\"{id}x\",\"l\":[{{\"v\":1}}]}}\n"),
            _ => format!("{{\"id\":{id},\"l\":[{{\"v\":{id}}}]}}\n"),
        })
        .collect();
    let mut seen = Vec::new();
    for workers in [1, 4] {
        let place = Place::new();
        place.load(Contract::default(), place.jsonl("{\"id\":1,\"l\":[{\"v\":1}]}\n")).unwrap();
        let contract = Contract::from(Mode::DiscardRow);
        let run = place.builder().workers(workers).schema_contract(contract).rejected("rejected").dataset("raw");
        let info = run.run(place.jsonl(&rows).chunk_bytes(20_000)).unwrap();
        let counts = place.seen(
            "select (select count(*) from items), (select count(*) from items__l), (select sum(line) from rejected)",
        );
        seen.push((info.discarded, counts));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].0.iter().map(|it| it.rows).sum::<u64>(), 2 * 60_000 / 7);
}

#[test]
fn a_row_that_lacks_a_value_is_told_with_its_line() {
    let place = Place::new();
    let hints = ColumnHints { data_type: Some(DataType::Text), nullable: Some(false), ..ColumnHints::default() };
    let hints = TableHints { columns: vec![hints.into_column("name").unwrap()], ..TableHints::default() };
    for text in ["{\"name\":\"a\"}\n\n{\"name\":null}\n", "{\"name\":\"a\"}\n\n{\"other\":1}\n"] {
        let error = place.pipeline().run(place.jsonl(text).with_hints(hints.clone())).unwrap_err();
        assert!(error.to_string().contains("items.jsonl:3: a row of table `items` has no value in `name`"), "{error}");
    }
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let batch = RecordBatch::try_from_iter_with_nullable([("name", texts, true)]).unwrap();
    let error = place.pipeline().run(place.parquet(&batch).with_hints(hints)).unwrap_err();
    assert!(error.to_string().contains("items.parquet:2: a row of table `items` has no value in `name`"), "{error}");
}

#[test]
fn columns_are_chosen_and_renamed() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let choice = ColumnChoice {
        excluded: names(&["secret", "o.y", "l"]),
        renamed: vec![("userId".to_owned(), "customer".to_owned())],
        ..ColumnChoice::default()
    };
    let hints = TableHints { choice, primary_key: names(&["userId"]), ..TableHints::default() };
    let place = Place::new();
    // Enough rows that most go the fast path.
    let rows: String = (0..100)
        .map(|id| {
            format!(
                "{{\"userId\":{id},\"secret\":[{{\"a\":\"}}]\"}}],\"o\":{{\"x\":1,\"y\":{{}}}},\"l\":[1],\"z\":1}}\n"
            )
        })
        .collect();
    place.pipeline().run(place.jsonl(&rows).with_hints(hints.clone())).unwrap();
    let columns = "select string_agg(column_name, ' ' order by ordinal_position) from information_schema.columns \
                   where table_schema = 'raw' and table_name = 'items'";
    assert_eq!(place.seen(columns), ["customer z o__x _dlt_load_id _dlt_id"]);
    assert_eq!(place.seen("select count(*), sum(customer), sum(z) from items"), ["100 4950 100"]);
    assert!(!place.pipeline().dataset().unwrap().tables().unwrap().contains(&"items__l".to_owned()));
    // The same of Arrow, by what is to be loaded.
    let only = ColumnChoice { included: names(&["id"]), ..ColumnChoice::default() };
    let hints = TableHints { choice: only, ..TableHints::default() };
    let source = place.parquet(&batch("n")).with_hints(hints).table("others");
    place.pipeline().run(source).unwrap();
    assert_eq!(place.seen(&columns.replace("items", "others")), ["id _dlt_load_id _dlt_id"]);
}

#[test]
fn what_a_narrow_column_cannot_hold_is_beside_it() {
    let place = Place::new();
    let narrow = |name: &str, text: &str| -> Column { dlt::column_in_short(&format!("{name}={text}")).unwrap() };
    let seconds = ColumnHints {
        data_type: Some(DataType::Timestamp),
        timezone: Some(false),
        precision: Some(0),
        ..ColumnHints::default()
    };
    let hints = TableHints {
        columns: vec![narrow("n", "bigint(8)"), seconds.into_column("at").unwrap()],
        ..TableHints::default()
    };
    let text =
        "{\"n\":1,\"at\":\"2024-01-02T03:04:05\"}\n{\"n\":300,\"at\":\"2024-01-02T03:04:05.25\"}\n{\"n\":-128}\n";
    place.pipeline().run(place.jsonl(text).with_hints(hints.clone())).unwrap();
    let types = "select column_name, data_type from information_schema.columns where table_schema = 'raw' and \
                 table_name = 'items' and not starts_with(column_name, '_') order by 1";
    assert_eq!(
        place.seen(types),
        ["at TIMESTAMP_S", "at__v_text TIMESTAMP WITH TIME ZONE", "n TINYINT", "n__v_bigint BIGINT"]
    );
    assert_eq!(place.seen("select n__v_bigint from items where n is null"), ["300"]);
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![2, 400]));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    place.pipeline().run(place.parquet(&batch)).unwrap();
    assert_eq!(place.seen("select n__v_bigint from items where n is null order by 1"), ["300", "400"]);
    // A type that is declared anew stays, and that is said.
    let hints = TableHints { columns: vec![narrow("n", "text")], ..TableHints::default() };
    let info = place.pipeline().run(place.jsonl("{\"n\":3}\n").with_hints(hints)).unwrap();
    assert!(info.trace.notices[0].message.contains("`n` of table `items` stays bigint"), "{info:?}");
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().len(), 2);
}
