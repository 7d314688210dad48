//! Parquet files into DuckDB and back: what a file holds is what the dataset holds.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListArray, StringArray, StructArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Float64Type};
use arrow::record_batch::RecordBatch;
use dlt::telemetry::Telemetry;

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

struct Loaded {
    folder: tempfile::TempDir,
    pipeline: dlt::Pipeline,
}

impl Loaded {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipeline = dlt::pipeline("quick_start")
            .destination(dlt::duckdb_at(folder.path().join("shop.duckdb")))
            .data_dir(folder.path().join("data"))
            .telemetry(Telemetry::off())
            .dataset("raw");
        Self { folder, pipeline }
    }

    fn load(&self, columns: Vec<(&str, ArrayRef)>) -> dlt::Result<dlt::LoadInfo> {
        let path = self.folder.path().join("t.parquet");
        write(&path, columns);
        self.pipeline.run(dlt::files([path]))
    }

    /// Rows of a query as JSON.
    fn rows(&self, sql: &str) -> Vec<String> {
        let mut rows = Vec::new();
        let mut dataset = self.pipeline.dataset().unwrap();
        dataset
            .query(sql, &mut |_, batch| {
                rows.extend(dlt::Dataset::json(&batch)?.into_iter().map(|row| row.join(" ")));
                Ok(())
            })
            .unwrap();
        rows
    }

    fn types(&self, table: &str) -> Vec<String> {
        let sql = format!(
            "SELECT column_name, column_type FROM (DESCRIBE {table}) WHERE column_name NOT LIKE '!_dlt%' ESCAPE '!'"
        );
        self.rows(&sql).iter().map(|row| row.replace('"', "")).collect()
    }
}

fn object(fields: Vec<(&str, ArrayRef)>) -> ArrayRef {
    let field = |(name, array): (&str, ArrayRef)| (Arc::new(Field::new(name, array.data_type().clone(), true)), array);
    Arc::new(StructArray::from(fields.into_iter().map(field).collect::<Vec<_>>()))
}

#[test]
fn nested_values_arrive_as_they_are() {
    let loaded = Loaded::new();
    let fields = object(vec![
        ("f", Arc::new(Float64Array::from(vec![f64::NAN]))),
        ("at", Arc::new(TimestampNanosecondArray::from(vec![1_001]))),
        ("text", Arc::new(StringArray::from(vec!["2024-01-02T03:04:05Z"]))),
        ("big", Arc::new(UInt64Array::from(vec![u64::MAX]))),
    ]);
    let list = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(f64::INFINITY), None])]);
    loaded.load(vec![("s", fields), ("l", Arc::new(list))]).unwrap();
    let types = ["s__f DOUBLE", "s__at TIMESTAMP_NS", "s__text VARCHAR", "s__big DECIMAL(38,0)"];
    assert_eq!(loaded.types("t"), types);
    let row = r#""NaN" "1970-01-01T00:00:00.000001001" "2024-01-02T03:04:05Z" 18446744073709551615"#;
    assert_eq!(loaded.rows("SELECT s__f, s__at, s__text, s__big FROM t"), [row]);
    assert_eq!(loaded.rows("SELECT value FROM t__l ORDER BY _dlt_list_idx"), ["\"Infinity\"", "null"]);
}

/// A table that is there keeps its type; what does not fit is found beside it.
#[test]
fn nanoseconds_find_a_place_beside_microseconds() {
    let loaded = Loaded::new();
    loaded.load(vec![("at", Arc::new(TimestampMicrosecondArray::from(vec![1])))]).unwrap();
    loaded.load(vec![("at", Arc::new(TimestampNanosecondArray::from(vec![2_000, 3_001])))]).unwrap();
    assert_eq!(loaded.types("t"), ["at TIMESTAMP", "at__v_timestamp TIMESTAMP_NS"]);
    let found =
        loaded.rows(r#"SELECT "at", at__v_timestamp FROM t ORDER BY coalesce("at"::TIMESTAMP_NS, at__v_timestamp)"#);
    assert_eq!(
        found,
        [
            r#""1970-01-01T00:00:00.000001" null"#,
            r#""1970-01-01T00:00:00.000002" null"#,
            r#"null "1970-01-01T00:00:00.000003001""#,
        ]
    );
    let other = Loaded::new();
    other.load(vec![("at", Arc::new(TimestampNanosecondArray::from(vec![1])))]).unwrap();
    other.load(vec![("at", Arc::new(TimestampMicrosecondArray::from(vec![2])))]).unwrap();
    assert_eq!(other.types("t"), ["at TIMESTAMP_NS"]);
    assert_eq!(other.rows(r#"SELECT count(*) FROM t WHERE "at" IS NOT NULL"#), ["2"]);
}

#[test]
fn a_file_without_rows_makes_its_columns() {
    let loaded = Loaded::new();
    let list = ListArray::new_null(Arc::new(Field::new("item", DataType::Float64, true)), 0);
    loaded.load(vec![("id", Arc::new(Int64Array::from(Vec::<i64>::new()))), ("l", Arc::new(list))]).unwrap();
    assert_eq!(loaded.types("t"), ["id BIGINT"]);
    assert_eq!(loaded.types("t__l"), ["value DOUBLE"]);
    let said = loaded.pipeline.trace().unwrap().unwrap().notices;
    assert!(said.len() == 1 && said[0].message.ends_with("t.parquet holds no rows"), "{said:?}");
    loaded.load(vec![("id", Arc::new(Int64Array::from(vec![7])))]).unwrap();
    assert_eq!(loaded.rows("SELECT id FROM t"), ["7"]);
}
