//! What is DuckDB's own: the layout of the contract, one file for many connections, other processes.

use arrow::array::{ArrayRef, Int64Array, StringArray};
use dlt_destination_compliance::jobs::{self, chain, user_file, users, values};
use dlt_destination_compliance::{self as compliance, Fresh, rows};
use dlt_destination_duckdb::DuckDb;
use dlt_engine::ErrorKind;
use dlt_engine::destination::{Access, Connection, Destination, LoadRecord, Write};
use dlt_engine::schema::{Column, DataType, Schema, Table, WriteDisposition};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

#[test]
fn it_does_what_every_destination_must() {
    compliance::check(|| {
        let folder = TempDir::new().unwrap();
        let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
        Fresh { destination: Box::new(destination), _keep: Box::new(folder) }
    });
}

#[test]
fn a_dataset_may_be_called_like_the_file() {
    compliance::check(|| {
        let folder = TempDir::new().unwrap();
        let destination = DuckDb::at(folder.path().join("shop_data.duckdb")).unwrap();
        Fresh { destination: Box::new(destination), _keep: Box::new(folder) }
    });
}

/// One committed load of `users` with `ids`.
pub(crate) fn load_users(destination: &DuckDb, load_id: &str, file: PathBuf) {
    let schema = users();
    let mut connection = destination.connect("shop_data", Access::Write).unwrap();
    load(&mut *connection, load_id, &schema, file);
}

fn load(connection: &mut dyn Connection, load_id: &str, schema: &Schema, file: PathBuf) {
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(schema).unwrap();
    transaction.write(&chain(&schema.tables["users"], &[file], Write::Append)).unwrap();
    transaction.commit(&LoadRecord { load_id, schema, state: None }).unwrap();
}

#[test]
fn the_contracts_tables_have_the_contracts_columns() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    load_users(&destination, "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    let mut columns = |table: &str| {
        let sql = format!(
            "SELECT column_name, data_type, CASE WHEN is_nullable THEN '' ELSE 'NOT NULL' END \
             FROM duckdb_columns() WHERE schema_name = 'shop_data' AND table_name = '{table}' ORDER BY column_index"
        );
        rows(&mut *connection, &sql)
    };
    assert_eq!(
        columns("_dlt_loads"),
        [
            "load_id|VARCHAR|NOT NULL",
            "schema_name|VARCHAR|",
            "status|BIGINT|NOT NULL",
            "inserted_at|TIMESTAMP WITH TIME ZONE|NOT NULL",
            "schema_version_hash|VARCHAR|",
        ]
    );
    assert_eq!(
        columns("_dlt_version"),
        [
            "version|BIGINT|NOT NULL",
            "engine_version|BIGINT|NOT NULL",
            "inserted_at|TIMESTAMP WITH TIME ZONE|NOT NULL",
            "schema_name|VARCHAR|NOT NULL",
            "version_hash|VARCHAR|NOT NULL",
            "schema|VARCHAR|NOT NULL",
        ]
    );
    assert_eq!(
        columns("_dlt_pipeline_state"),
        [
            "version|BIGINT|NOT NULL",
            "engine_version|BIGINT|NOT NULL",
            "pipeline_name|VARCHAR|NOT NULL",
            "state|VARCHAR|NOT NULL",
            "created_at|TIMESTAMP WITH TIME ZONE|NOT NULL",
            "version_hash|VARCHAR|",
            "_dlt_load_id|VARCHAR|NOT NULL",
            "_dlt_id|VARCHAR|NOT NULL",
        ]
    );
    assert_eq!(
        columns("users"),
        ["id|BIGINT|", "name|VARCHAR|", "_dlt_load_id|VARCHAR|NOT NULL", "_dlt_id|VARCHAR|NOT NULL"]
    );
}

#[test]
fn load_times_are_now_and_utc() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    load_users(&destination, "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    let sql = "SELECT abs(epoch(now()) - epoch(inserted_at)) < 600, \
               inserted_at::VARCHAR LIKE '%+00' FROM _dlt_loads UNION ALL \
               SELECT abs(epoch(now()) - epoch(inserted_at)) < 600, true FROM _dlt_version";
    assert_eq!(rows(&mut *connection, sql), ["true|true", "true|true"]);
}

#[test]
fn one_process_may_load_and_read_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    let destination = DuckDb::at(&file).unwrap();
    let schema = users();
    let mut writer = destination.connect("shop_data", Access::Write).unwrap();
    load(&mut *writer, "1.0", &schema, user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    // The same file by another path.
    let detour = folder.path().join("sub");
    std::fs::create_dir(&detour).unwrap();
    let same = DuckDb::at(detour.join("../shop.duckdb")).unwrap();
    let mut reader = same.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT id FROM users"), ["1"]);
    let mut transaction = writer.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    let more = user_file(&folder.path().join("2.parquet"), &[2], "Bob");
    transaction.write(&chain(&schema.tables["users"], &[more], Write::Append)).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT id FROM users"), ["1"], "a reader sees no half of a load");
    transaction.commit(&LoadRecord { load_id: "2.0", schema: &schema, state: None }).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT id FROM users ORDER BY id"), ["1", "2"]);
    let refused = reader.query("DELETE FROM users", &mut |_, _| Ok(()));
    assert!(refused.is_err(), "a reader changed a database that a writer has open");
    drop(writer);
    // The database stays open for writing as long as the reader holds it.
    let mut writer = destination.connect("shop_data", Access::Write).unwrap();
    assert!(writer.is_loaded("2.0").unwrap());
    drop((reader, writer));
    let reader = destination.connect("shop_data", Access::Read).unwrap();
    let error = destination.connect("shop_data", Access::Write).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::DestinationBusy);
    drop(reader);
    destination.connect("shop_data", Access::Write).unwrap();
}

#[test]
fn a_load_leaves_no_settings_behind() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    let schema = users();
    let mut connection = destination.connect("shop_data", Access::Write).unwrap();
    load(&mut *connection, "1.0", &schema, user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let sql = "SELECT value FROM duckdb_settings() WHERE name = 'preserve_insertion_order'";
    assert_eq!(rows(&mut *connection, sql), ["true"]);
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    assert!(transaction.write(&chain(&schema.tables["users"], &["/none.parquet".into()], Write::Append)).is_err());
    drop(transaction);
    assert_eq!(rows(&mut *connection, sql), ["true"]);
}

/// A load of one row with so many columns beside those of the users.
fn load_wide(destination: &DuckDb, folder: &Path, load_id: &str, width: usize) -> dlt_engine::Result<()> {
    let mut schema = users();
    let table = &mut schema.tables["users"];
    let id: ArrayRef = Arc::new(StringArray::from(vec![format!("row-{load_id}")]));
    let ids = ["_dlt_id", "_dlt_load_id"].map(|name| values(&table.columns[name], Arc::clone(&id)));
    let mut file = Vec::from(ids);
    for number in 0..width {
        let column = Column::inferred(&format!("c{number}"), DataType::Text);
        file.push(values(&column, Arc::clone(&id)));
        table.add(column);
    }
    schema.bump_version();
    let file = jobs::write(&folder.join(format!("{load_id}.parquet")), file);
    let mut connection = destination.connect("shop_data", Access::Write)?;
    let mut transaction = connection.begin()?;
    transaction.evolve(&schema)?;
    transaction.write(&chain(&schema.tables["users"], &[file], Write::Append))?;
    transaction.commit(&LoadRecord { load_id, schema: &schema, state: None })
}

#[test]
fn a_table_of_thousands_of_columns_is_made_and_widened_where_nobody_set_a_limit() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    for (load_id, width) in [("1.0", 1_500), ("2.0", 2_000)] {
        load_wide(&destination, folder.path(), load_id, width).unwrap();
    }
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    let counts = rows(&mut *connection, "SELECT count(*), count(c0), count(c1999) FROM users");
    assert_eq!(counts, ["2|2|1"]);
}

#[test]
fn a_limit_that_is_too_small_says_which_would_do() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    let small = DuckDb::at(&file).unwrap().memory_limit(64 << 20);
    load_wide(&small, folder.path(), "1.0", 350).unwrap();
    let error = load_wide(&small, folder.path(), "2.0", 700).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Destination);
    assert!(error.to_string().ends_with("DuckDB needs more memory than it may take"), "{error}");
    let advice = error.advice().unwrap();
    assert!(
        advice.contains("memory_limit = \"1024 MB\"") && advice.contains("DESTINATION__DUCKDB__MEMORY_LIMIT"),
        "{advice}"
    );
    let large = DuckDb::at(&file).unwrap().memory_limit(1_024_000_000);
    load_wide(&large, folder.path(), "2.0", 700).unwrap();
    let mut connection = small.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *connection, "SELECT count(*), count(c699) FROM users"), ["2|1"], "it opens under the limit");
}

#[test]
fn a_wide_table_leaves_the_threads_as_they_were() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap().threads(3);
    let mut other = destination.connect("shop_data", Access::Write).unwrap();
    let threads = "SELECT current_setting('threads') AS threads";
    load_wide(&destination, folder.path(), "1.0", 600).unwrap();
    assert_eq!(rows(&mut *other, threads), ["3"]);
    let mut schema = users();
    (0..600).for_each(|number| schema.tables["users"].add(Column::inferred(&format!("c{number}"), DataType::Text)));
    let mut connection = destination.connect("shop_data", Access::Write).unwrap();
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    let missing = ["/none.parquet".into()];
    assert!(transaction.write(&chain(&schema.tables["users"], &missing, Write::Append)).is_err());
    drop(transaction);
    assert_eq!(rows(&mut *connection, threads), ["3"]);
}

#[test]
fn hundreds_of_tables_are_loaded_at_once() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    let mut schema = Schema::new("shop");
    for number in 0..150 {
        let mut table = Table::root(&format!("t{number}"), "t", WriteDisposition::Append);
        (0..40).for_each(|at| table.add(Column::inferred(&format!("c{at}"), DataType::Text)));
        schema.tables.insert(table.name.clone(), table);
    }
    schema.bump_version();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let columns = (0..40).map(|at| values(&Column::inferred(&format!("c{at}"), DataType::Text), Arc::clone(&text)));
    let file = jobs::write(&folder.path().join("all.parquet"), columns.collect());
    let mut connection = destination.connect("shop_data", Access::Write).unwrap();
    let mut transaction = connection.begin().unwrap();
    transaction.evolve(&schema).unwrap();
    for table in schema.data_tables() {
        let files = std::slice::from_ref(&file);
        assert_eq!(transaction.write(&chain(table, files, Write::Append)).unwrap(), [2]);
    }
    transaction.commit(&LoadRecord { load_id: "1.0", schema: &schema, state: None }).unwrap();
    assert_eq!(rows(&mut *connection, "SELECT count(c39) FROM t149"), ["2"]);
}

#[test]
fn a_log_that_takes_more_memory_than_the_limit_is_read_all_the_same() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    let destination = DuckDb::at(&file).unwrap().memory_limit(64 << 20);
    load_users(&destination, "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    // What a load leaves that is killed right after its commit.
    let database = duckdb::Connection::open(&file).unwrap();
    database.execute_batch("PRAGMA disable_checkpoint_on_shutdown; BEGIN").unwrap();
    for number in 0..700 {
        database.execute_batch(&format!("ALTER TABLE shop_data.users ADD COLUMN c{number} VARCHAR")).unwrap();
    }
    database
        .execute_batch(
            "INSERT INTO shop_data.users BY NAME SELECT 2 AS id, '2.0' AS _dlt_load_id, 'r2' AS _dlt_id; COMMIT",
        )
        .unwrap();
    drop(database);
    assert!(folder.path().join("shop.duckdb.wal").exists(), "nothing was left to the log");
    for access in [Access::Read, Access::Write, Access::Read] {
        let mut connection = destination.connect("shop_data", access).unwrap();
        assert_eq!(rows(&mut *connection, "SELECT count(*), count(c0) FROM users"), ["2|0"], "{access:?}");
    }
    assert!(!folder.path().join("shop.duckdb.wal").exists(), "the log is in the file after writing");
}

#[test]
fn many_threads_share_one_file() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    load_users(&destination, "0.5", user_file(&folder.path().join("0.parquet"), &[0], "x"));
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let (destination, folder) = (&destination, folder.path());
            scope.spawn(move || {
                for round in 0..5_i64 {
                    let id = 1 + thread * 5 + round;
                    let file = user_file(&folder.join(format!("{id}.parquet")), &[id], "x");
                    load_users(destination, &format!("{id}.0"), file);
                }
            });
        }
    });
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *connection, "SELECT count(DISTINCT id), count(*) FROM users"), ["21|21"]);
}

#[test]
fn a_value_that_a_column_cannot_hold_is_told_by_column() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    let refused = |column: Column, array: ArrayRef, expected: &str| {
        let mut schema = users();
        let table = &mut schema.tables["users"];
        let mut file = vec![values(&column, array)];
        for id in ["_dlt_id", "_dlt_load_id"] {
            file.push(values(&table.columns[id], Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef));
        }
        table.add(column);
        schema.bump_version();
        let file = jobs::write(&folder.path().join("bad.parquet"), file);
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        let mut transaction = connection.begin().unwrap();
        transaction.evolve(&schema).unwrap();
        let error = transaction.write(&chain(&schema.tables["users"], &[file], Write::Append)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("4711"), "{text}");
    };
    refused(
        Column::inferred("age", DataType::Bigint).with("precision", 8),
        Arc::new(Int64Array::from(vec![4711, 1])),
        "column `age` of table `users` is TINYINT and cannot hold the values of 1 row",
    );
    refused(
        Column::inferred("doc", DataType::Json),
        Arc::new(StringArray::from(vec!["{4711", "oops 4711"])),
        "column `doc` of table `users` is JSON and cannot hold the values of 2 rows",
    );
    refused(
        Column { nullable: false, ..Column::inferred("key", DataType::Bigint) },
        Arc::new(Int64Array::from(vec![Some(4711), None])),
        "column users.key must have a value",
    );
}

#[test]
fn a_large_result_comes_piece_by_piece() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap().memory_limit(64 << 20);
    load_users(&destination, "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    let (mut rows, mut largest) = (0, 0);
    // 8 GB, were it held at once.
    connection
        .query("SELECT range AS id, repeat('x', 4000) AS text FROM range(2000000)", &mut |_, batch| {
            rows += batch.num_rows();
            largest = largest.max(batch.num_rows());
            match rows > 20_000 {
                true => Err(dlt_engine::Error::new(ErrorKind::Data, "enough")),
                false => Ok(()),
            }
        })
        .unwrap_err();
    assert!(largest <= 4096, "a piece of {largest} rows");
}

/// DuckDB lists one column of each type that it has. Whatever a table of the user holds, a query of it must come to an
/// end: with batches, or with an error that says what to do.
#[test]
fn every_type_of_duckdb_can_be_queried_or_is_refused_in_words() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    load_users(&destination, "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    let names = rows(&mut *connection, "SELECT column_name FROM (DESCRIBE SELECT * FROM test_all_types())");
    assert!(names.len() > 40, "{names:?}");
    let mut refused = Vec::new();
    for name in &names {
        let sql = format!("SELECT {} FROM test_all_types()", connection.quote(name));
        let mut seen = 0;
        let result = connection.query(&sql, &mut |schema, batch| {
            assert_eq!(schema.field(0).name(), name);
            seen += batch.num_rows();
            Ok(())
        });
        match result {
            Ok(()) => assert_eq!(seen, 3, "{name}"),
            Err(error) => refused.push(format!("{name}: {error}; {}", error.advice().unwrap_or("no advice"))),
        }
    }
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn no_extension_is_fetched() {
    let folder = TempDir::new().unwrap();
    let destination = DuckDb::at(folder.path().join("shop.duckdb")).unwrap();
    load_users(&destination, "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    let sql = "SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%known_extensions' ORDER BY name";
    assert_eq!(rows(&mut *connection, sql), ["autoinstall_known_extensions|false", "autoload_known_extensions|false"]);
    let far = "SELECT * FROM read_parquet('https://127.0.0.1:9/x.parquet')";
    let error = connection.query(far, &mut |_, _| Ok(())).unwrap_err();
    assert!(error.to_string().contains("httpfs"), "{error}");
    let zoned = "SELECT date_trunc('day', TIMESTAMPTZ '2024-01-02 03:04:05+02')::VARCHAR, json_extract('{\"a\":1}', 'a')::VARCHAR";
    assert_eq!(rows(&mut *connection, zoned), ["2024-01-02 00:00:00+00|1"], "what is built in works");
}

#[test]
fn it_says_where_it_is() {
    let destination = DuckDb::at("/data/shop.duckdb").unwrap();
    assert_eq!(destination.location(), "duckdb:////data/shop.duckdb");
    assert_eq!(DuckDb::from_spec(&destination.location(), Path::new("x")).unwrap().file(), destination.file());
    assert_eq!((destination.type_name(), destination.name()), ("duckdb", "duckdb"));
    assert_eq!(destination.stored_type(), "dlt.destinations.duckdb");
    assert_eq!(destination.fingerprint(), "");
    assert_eq!(destination.named("warehouse").name(), "warehouse");
}
