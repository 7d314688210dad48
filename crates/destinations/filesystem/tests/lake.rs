//! Tables that are kept with a log: what every destination must do, loads that fail, and loads at the same time.

use crate::suite::credentials;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_destination_compliance::jobs::{chain, user_file, users};
use dlt_destination_compliance::{Fresh, check, rows};
use dlt_destination_filesystem::Filesystem;
use dlt_engine::destination::{
    Access, Capabilities, ChainLoad, Connection, Destination, LoadRecord, Stored, TableLoad, Transaction, Write,
};
use dlt_engine::schema::{Column, Schema, Table, TableFormat};
use dlt_engine::{ErrorKind, Notice, Result};
use dlt_testkit::{Fault, Front, S3};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// The destination for tables that are all of one format.
struct Lake(Filesystem, TableFormat);
struct Open(Box<dyn Connection>, TableFormat);
struct Load<'a>(Box<dyn Transaction + 'a>, TableFormat);

fn lake(table: &Table, format: TableFormat) -> Table {
    let mut table = table.clone();
    if table.parent.is_none() && !table.name.starts_with("_dlt") {
        table.set_table_format(format);
    }
    table
}

fn lake_schema(schema: &Schema, format: TableFormat) -> Schema {
    let mut schema = schema.clone();
    for table in schema.tables.values_mut() {
        *table = lake(table, format);
    }
    schema
}

impl Destination for Lake {
    fn type_name(&self) -> &str {
        self.0.type_name()
    }
    fn location(&self) -> String {
        self.0.location()
    }
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.capabilities();
        let strategies = capabilities.table_formats.iter().find(|(format, _)| *format == self.1);
        capabilities.merge_strategies = strategies.unwrap().1;
        capabilities
    }
    fn connect(&self, dataset: &str, access: Access) -> Result<Box<dyn Connection>> {
        Ok(Box::new(Open(self.0.connect(dataset, access)?, self.1)))
    }
}

impl Connection for Open {
    fn stored(&mut self, pipeline: &str, schema: &str) -> Result<Stored> {
        // The suite compares what is stored with its own schemas.
        let mut stored = self.0.stored(pipeline, schema)?;
        stored.schema = stored.schema.map(|schema| schema.replace(&format!(",\"table_format\":\"{}\"", self.1), ""));
        Ok(stored)
    }
    fn is_loaded(&mut self, load_id: &str) -> Result<bool> {
        self.0.is_loaded(load_id)
    }
    fn begin<'a>(&'a mut self) -> Result<Box<dyn Transaction + 'a>> {
        Ok(Box::new(Load(self.0.begin()?, self.1)))
    }
    fn tables(&mut self) -> Result<Vec<String>> {
        self.0.tables()
    }
    fn query(&mut self, sql: &str, on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>) -> Result<()> {
        self.0.query(sql, on_batch)
    }
    fn quote(&self, identifier: &str) -> String {
        self.0.quote(identifier)
    }
}

impl Transaction for Load<'_> {
    fn drop_tables(&mut self, schema: &str, tables: &[String]) -> Result<()> {
        self.0.drop_tables(schema, tables)
    }
    fn empty_tables(&mut self, tables: &[String]) -> Result<()> {
        self.0.empty_tables(tables)
    }
    fn evolve(&mut self, schema: &Schema) -> Result<()> {
        self.0.evolve(&lake_schema(schema, self.1))
    }
    fn write(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        let tables: Vec<Table> = chain.tables.iter().map(|load| lake(load.table, self.1)).collect();
        let loads = tables.iter().zip(&chain.tables);
        let loads = loads.map(|(table, load)| TableLoad { table, files: load.files.clone() }).collect();
        self.0.write(&ChainLoad { tables: loads, write: chain.write })
    }
    fn notices(&mut self) -> Vec<Notice> {
        self.0.notices()
    }
    fn commit(self: Box<Self>, record: &LoadRecord<'_>) -> Result<()> {
        let schema = lake_schema(record.schema, self.1);
        self.0.commit(&LoadRecord { load_id: record.load_id, schema: &schema, state: record.state })
    }
}

fn in_folder(folder: &Path, format: TableFormat) -> Lake {
    Lake(Filesystem::at(folder.to_str().unwrap()).unwrap(), format)
}

fn on_s3(url: &str, format: TableFormat) -> Lake {
    Lake(Filesystem::at("s3://lake/p").unwrap().credentials(credentials(url)), format)
}

/// Each of these for both formats.
macro_rules! for_each_format {
    ($($name:ident),* $(,)?) => {
        mod delta {
            $(#[test] fn $name() { super::$name(dlt_engine::schema::TableFormat::Delta); })*
        }
        mod iceberg {
            $(#[test] fn $name() { super::$name(dlt_engine::schema::TableFormat::Iceberg); })*
        }
    };
}

for_each_format!(
    the_suite_of_all_destinations,
    the_suite_on_s3,
    a_load_that_fails_at_any_request_is_whole_when_it_is_tried_again,
    a_store_that_is_busy_or_loses_answers_is_waited_for,
    loads_at_once_are_all_there,
    loads_at_once_that_bring_columns_are_all_there,
    a_load_that_is_given_up_is_taken_back,
    a_table_keeps_its_format_and_its_folder,
);

fn the_suite_of_all_destinations(format: TableFormat) {
    check(|| {
        let folder = tempfile::tempdir().unwrap();
        let destination = in_folder(&folder.path().join("my lake"), format);
        Fresh { destination: Box::new(destination), _keep: Box::new(folder) }
    });
}

fn the_suite_on_s3(format: TableFormat) {
    let server = Arc::new(S3::start().unwrap());
    let count = AtomicUsize::new(0);
    check(|| {
        let bucket = format!("lake-{}", count.fetch_add(1, Ordering::Relaxed));
        server.make_bucket(&bucket).unwrap();
        let destination = Filesystem::at(&format!("s3://{bucket}/some/prefix")).unwrap();
        let destination = Lake(destination.credentials(credentials(&server.url())), format);
        Fresh { destination: Box::new(destination), _keep: Box::new(Arc::clone(&server)) }
    });
}

/// One load of `users`, divided by name where that is wanted.
fn load(
    connection: &mut dyn Connection,
    jobs: &Path,
    load_id: &str,
    ids: &[i64],
    name: &str,
    way: Write,
    is_divided: bool,
) -> Result<()> {
    let mut schema = users();
    if is_divided {
        schema.tables["users"].columns["name"].hints.insert("partition".into(), true.into());
    }
    let file = [user_file(&jobs.join(format!("{load_id}.parquet")), ids, name)];
    let mut transaction = connection.begin()?;
    transaction.evolve(&schema)?;
    transaction.write(&chain(&schema.tables["users"], &file, way))?;
    transaction.commit(&LoadRecord { load_id, schema: &schema, state: None })
}

const ALL: &str = "SELECT id, name FROM users ORDER BY id";

/// Each request of a load fails in turn; then the load is tried again, and is as if nothing had failed.
fn a_load_that_fails_at_any_request_is_whole_when_it_is_tried_again(format: TableFormat) {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    let jobs = tempfile::tempdir().unwrap();
    let mut kinds = [0; 2];
    for (round, (way, after)) in [
        (Write::Replace, ["2|new", "3|new", "4|new"].as_slice()),
        (Write::Append, ["1|old", "2|new", "2|old", "3|new", "4|new"].as_slice()),
    ]
    .into_iter()
    .enumerate()
    {
        let all = "SELECT id, name FROM users ORDER BY id, name";
        for at in 0.. {
            let (first, second) = (format!("17000{round}0000.{at}"), format!("17000{round}0001.{at}"));
            let dataset = format!("data_{round}_{at}");
            let good = on_s3(&server.url(), format);
            let mut whole = good.connect(&dataset, Access::Write).unwrap();
            load(&mut *whole, jobs.path(), &first, &[1, 2], "old", Write::Replace, true).unwrap();
            let (count, failed) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
            let flag = Arc::clone(&failed);
            let front = Front::before(server.address(), move |_, _| match count.fetch_add(1, Ordering::SeqCst) {
                number if number >= at => {
                    flag.store(true, Ordering::SeqCst);
                    Fault::Answer(403, "AccessDenied")
                }
                _ => Fault::None,
            })
            .unwrap();
            let through = on_s3(&front.url(), format);
            let mut connection = through.connect(&dataset, Access::Write).unwrap();
            let result = load(&mut *connection, jobs.path(), &second, &[2, 3, 4], "new", way, true);
            if !failed.load(Ordering::SeqCst) {
                result.unwrap();
                assert_eq!(rows(&mut *whole, all), after);
                break;
            }
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
            // All of it, or nothing.
            let is_loaded = whole.is_loaded(&second).unwrap();
            kinds[usize::from(is_loaded)] += 1;
            let expected: &[&str] = if is_loaded { after } else { &["1|old", "2|old"] };
            assert_eq!(rows(&mut *whole, all), expected, "failed at request {at}");
            if !is_loaded {
                load(&mut *whole, jobs.path(), &second, &[2, 3, 4], "new", way, true).unwrap();
            }
            assert_eq!(rows(&mut *whole, all), after, "failed at request {at}");
        }
    }
    assert!(kinds[0] > 10 && kinds[1] > 0, "failures before and after the commit: {kinds:?}");
}

fn a_store_that_is_busy_or_loses_answers_is_waited_for(format: TableFormat) {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    let jobs = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    let front = Front::before(server.address(), move |_, _| match count.fetch_add(1, Ordering::SeqCst) % 3 {
        0 => Fault::Answer(503, "SlowDown"),
        1 => Fault::LoseAnswer,
        _ => Fault::None,
    })
    .unwrap();
    let destination = on_s3(&front.url(), format);
    let mut connection = destination.connect("data", Access::Write).unwrap();
    load(&mut *connection, jobs.path(), "1.5", &[1, 2], "a", Write::Append, false).unwrap();
    load(&mut *connection, jobs.path(), "2.5", &[3], "b", Write::Append, false).unwrap();
    assert_eq!(rows(&mut *connection, ALL), ["1|a", "2|a", "3|b"]);
}

fn loads_at_once_are_all_there(format: TableFormat) {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    let jobs = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for destination in [in_folder(folder.path(), format), on_s3(&server.url(), format)] {
        let failures = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for number in 0..4 {
                let (destination, jobs, failures) = (&destination, jobs.path(), &failures);
                scope.spawn(move || {
                    let mut connection = destination.connect("data", Access::Write).unwrap();
                    for turn in 0..3 {
                        let (load_id, id) = (format!("17000000{number}{turn}.5"), [number * 10 + turn]);
                        let loaded = load(&mut *connection, jobs, &load_id, &id, "x", Write::Append, false);
                        failures.lock().unwrap().extend(loaded.err());
                    }
                });
            }
        });
        assert!(failures.lock().unwrap().is_empty(), "{failures:?}");
        let mut connection = destination.connect("data", Access::Read).unwrap();
        assert_eq!(rows(&mut *connection, "SELECT count(*), count(DISTINCT id) FROM users"), ["12|12"]);
    }
}

/// A load that failed at its record had written the table already. A day later another one takes that back; and if the load is tried again
/// after all, each row is there once.
fn a_load_that_is_given_up_is_taken_back(format: TableFormat) {
    let (folder, jobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let destination = in_folder(folder.path(), format);
    let data = folder.path().join("data");
    let mut connection = destination.connect("data", Access::Write).unwrap();
    load(&mut *connection, jobs.path(), "1700000000.5", &[1, 2], "first", Write::Append, false).unwrap();
    // A folder stands where the record is to be.
    let record = data.join(format!("_dlt_loads/{}__1700000001.5.jsonl", users().name));
    std::fs::create_dir(&record).unwrap();
    load(&mut *connection, jobs.path(), "1700000001.5", &[3], "lost", Write::Append, false).unwrap_err();
    std::fs::remove_dir(&record).unwrap();
    assert_eq!(rows(&mut *connection, ALL), ["1|first", "2|first"]);
    let intent = data.join("_dlt_intents/1700000001.5.json");
    let a_day_ago = SystemTime::now() - Duration::from_secs(25 * 3600);
    File::options().write(true).open(&intent).unwrap().set_modified(a_day_ago).unwrap();
    load(&mut *connection, jobs.path(), "1700000002.5", &[4], "next", Write::Append, false).unwrap();
    assert!(!intent.exists());
    assert_eq!(rows(&mut *connection, ALL), ["1|first", "2|first", "4|next"]);
    load(&mut *connection, jobs.path(), "1700000001.5", &[3], "found", Write::Append, false).unwrap();
    assert_eq!(rows(&mut *connection, ALL), ["1|first", "2|first", "3|found", "4|next"]);
}

/// Loads that each bring a column of their own: of Iceberg, files have the numbers of columns.
fn loads_at_once_that_bring_columns_are_all_there(format: TableFormat) {
    let (folder, jobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let destination = in_folder(folder.path(), format);
    let mut connection = destination.connect("data", Access::Write).unwrap();
    load(&mut *connection, jobs.path(), "1600000000.5", &[100], "x", Write::Append, false).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4_i64 {
            let (destination, jobs) = (&destination, jobs.path());
            scope.spawn(move || {
                let (load_id, column) = (format!("1700000000{number}.5"), format!("c{number}"));
                let mut schema = users();
                let added = Column { name: column.clone(), ..schema.tables["users"].columns["name"].clone() };
                schema.tables["users"].add(added);
                schema.version_hash = column.clone();
                let file = user_file(&jobs.join(format!("{load_id}.parquet")), &[number], "x");
                let file = [renamed(&file, "name", &column)];
                let mut connection = destination.connect("data", Access::Write).unwrap();
                let mut transaction = connection.begin().unwrap();
                transaction.evolve(&schema).unwrap();
                transaction.write(&chain(&schema.tables["users"], &file, Write::Append)).unwrap();
                transaction.commit(&LoadRecord { load_id: &load_id, schema: &schema, state: None }).unwrap();
            });
        }
    });
    // The schema is that of the last load, and the table has all columns.
    let mut schema = users();
    for number in 0..4 {
        let column = Column { name: format!("c{number}"), ..schema.tables["users"].columns["name"].clone() };
        schema.tables["users"].add(column);
    }
    schema.version_hash = "all".into();
    let file = [user_file(&jobs.path().join("last.parquet"), &[9], "x")];
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    transaction.write(&chain(&schema.tables["users"], &file, Write::Append)).unwrap();
    transaction.commit(&LoadRecord { load_id: "1800000000.5", schema: &schema, state: None }).unwrap();
    assert_eq!(
        rows(&mut *connection, "SELECT id, name, c0, c1, c2, c3 FROM users ORDER BY id"),
        ["0|-|x|-|-|-", "1|-|-|x|-|-", "2|-|-|-|x|-", "3|-|-|-|-|x", "9|x|-|-|-|-", "100|x|-|-|-|-"]
    );
}

/// A job file with another name of a column.
fn renamed(file: &Path, from: &str, to: &str) -> PathBuf {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let schema = batches[0].schema();
    let fields = schema.fields().iter().map(|field| match field.name() == from {
        true => Arc::new(field.as_ref().clone().with_name(to)),
        false => Arc::clone(field),
    });
    let schema = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    let mut writer = ArrowWriter::try_new(File::create(file).unwrap(), Arc::clone(&schema), None).unwrap();
    for batch in batches {
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap()).unwrap();
    }
    writer.close().unwrap();
    file.to_owned()
}

fn a_table_keeps_its_format_and_its_folder(format: TableFormat) {
    let (folder, jobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plain = Filesystem::at(folder.path().to_str().unwrap()).unwrap();
    let schema = users();
    let file = [user_file(&jobs.path().join("1.parquet"), &[1], "x")];
    let mut connection = plain.connect("data", Access::Write).unwrap();
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    transaction.write(&chain(&schema.tables["users"], &file, Write::Append)).unwrap();
    transaction.commit(&LoadRecord { load_id: "1.5", schema: &schema, state: None }).unwrap();
    let mut connection = in_folder(folder.path(), format).connect("data", Access::Write).unwrap();
    let error = load(&mut *connection, jobs.path(), "2.5", &[2], "x", Write::Append, false).unwrap_err();
    let message = format!("has the table format `native` in the dataset, and is to have `{format}`");
    assert!(error.to_string().contains(&message), "{error}");
    let flat = Lake(plain.layout("{table_name}.{load_id}", &[]).unwrap(), format);
    let mut connection = flat.connect("other", Access::Write).unwrap();
    let error = load(&mut *connection, jobs.path(), "3.5", &[3], "x", Write::Append, false).unwrap_err();
    assert!(error.to_string().contains("needs a folder of its own"), "{error}");
}
