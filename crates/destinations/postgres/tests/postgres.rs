//! What is Postgres' own: the layout of the contract, odd values, names.

use arrow::array::{
    ArrayRef, Date32Array, Int64Array, StringArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use dlt_destination_compliance::jobs::{self, chain, user_file, users, values};
use dlt_destination_compliance::{self as compliance, Fresh, rows};
use dlt_destination_postgres::Postgres;
use dlt_engine::ErrorKind;
use dlt_engine::destination::{Access, Connection, Destination, LoadRecord, Write};
use dlt_engine::schema::{Column, DataType, Schema, Table, WriteDisposition};
use dlt_testkit::Postgres as Server;
use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use tempfile::TempDir;

#[test]
fn it_does_what_every_destination_must() {
    let server = Rc::new(Server::start().unwrap());
    let count = Cell::new(0);
    compliance::check(|| {
        let database = format!("case {}", count.replace(count.get() + 1));
        server.create_database(&database).unwrap();
        let destination = Postgres::from_url(&server.url(&database.replace(' ', "%20"))).unwrap();
        // The cases load rows again that have the same ids.
        let destination = destination.create_indexes(false);
        Fresh { destination: Box::new(destination), _keep: Box::new(Rc::clone(&server)) }
    });
}

/// The destination that is the database of the server's role.
pub(crate) fn destination(server: &Server) -> Postgres {
    Postgres::from_url(&server.url("postgres")).unwrap()
}

/// One load of `users` with these ids.
pub(crate) fn load_users(destination: &dyn Destination, load_id: &str, ids: &[i64]) -> dlt_engine::Result<()> {
    let folder = TempDir::new().unwrap();
    let schema = users();
    let file = user_file(&folder.path().join("1.parquet"), ids, "Ann");
    let mut connection = destination.connect("shop_data", Access::Write)?;
    load(&mut *connection, load_id, &schema, "users", file, Write::Append).map(drop)
}

fn load(
    connection: &mut dyn Connection,
    load_id: &str,
    schema: &Schema,
    table: &str,
    file: PathBuf,
    write: Write,
) -> dlt_engine::Result<Vec<String>> {
    let mut transaction = connection.begin()?;
    transaction.evolve(schema)?;
    transaction.write(&chain(&schema.tables[table], &[file], write))?;
    let said = transaction.notices().iter().map(|notice| format!("{notice} {:?}", notice.details)).collect();
    transaction.commit(&LoadRecord { load_id, schema, state: None })?;
    Ok(said)
}

#[test]
fn ids_are_unique_as_in_python_and_columns_are_added_without_a_rule() {
    let server = Server::start().unwrap();
    let destination = destination(&server);
    load_users(&destination, "1.0", &[1, 2]).unwrap();
    let indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'shop_data' ORDER BY 1";
    assert_eq!(
        server.sql("postgres", indexes).unwrap(),
        "CREATE UNIQUE INDEX _dlt_pipeline_state__dlt_id_key ON shop_data._dlt_pipeline_state USING btree (_dlt_id)\n\
         CREATE UNIQUE INDEX users__dlt_id_key ON shop_data.users USING btree (_dlt_id)"
    );
    let error = load_users(&destination, "2.0", &[2]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(
        error.to_string(),
        "cannot add rows to table `users`: `_dlt_id` must be unique, and a value comes twice"
    );
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *connection, "SELECT count(*) FROM users"), ["2"]);
    assert_eq!(destination.location(), format!("postgresql://loader@127.0.0.1:{}/postgres", server.port()));
    assert_eq!(destination.fingerprint(), dlt_engine::digest::name_digest("127.0.0.1"));
}

/// A table of one column, and a job file with these values.
fn one_column(folder: &TempDir, column: Column, array: impl Into<ArrayRef>) -> (Schema, PathBuf) {
    let mut schema = Schema::new("shop");
    let mut table = Table::root("items", "items", WriteDisposition::Append);
    let file = jobs::write(&folder.path().join("1.parquet"), vec![values(&column, array)]);
    table.add(column);
    schema.tables.insert("items".into(), table);
    schema.bump_version();
    (schema, file)
}

#[test]
fn odd_values_are_stored_told_or_refused_with_their_column() {
    let server = Server::start().unwrap();
    let text = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let json = Column::inferred("c", DataType::Json);
    let loaded = |name: &str, column: Column, array: ArrayRef| {
        server.create_database(name).unwrap();
        let destination = Postgres::from_url(&server.url(name)).unwrap();
        let folder = TempDir::new().unwrap();
        let (schema, file) = one_column(&folder, column, array);
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        let said = load(&mut *connection, "1.0", &schema, "items", file, Write::Append)?;
        Ok::<_, dlt_engine::Error>((rows(&mut *connection, "SELECT c::text FROM items"), said))
    };
    let (kept, said) = loaded("zero", Column::inferred("c", DataType::Text), text(&["a\0b\0", "c"])).unwrap();
    assert_eq!(kept, ["ab", "c"]);
    assert!(
        said[0].contains("1 text was stored without its character 0") && said[0].contains("items.c: 1"),
        "{said:?}"
    );
    let nanos = Column::inferred("c", DataType::Timestamp).with("timezone", false).with("precision", 9);
    let moments = Arc::new(TimestampNanosecondArray::from(vec![1_000, 1_001])) as ArrayRef;
    let (kept, said) = loaded("nanos", nanos, moments).unwrap();
    assert_eq!(kept, ["1970-01-01 00:00:00.000001"; 2]);
    assert!(said[0].contains("1 timestamp was cut to microseconds"), "{said:?}");
    let days = Arc::new(Date32Array::from(vec![i32::MAX, -i32::MAX, 2_932_896])) as ArrayRef;
    let (kept, _) = loaded("days", Column::inferred("c", DataType::Date), days).unwrap();
    assert_eq!(kept, ["infinity", "-infinity", "9999-12-31"]);
    let (kept, _) = loaded("json", json.clone(), text(&[r#"{"b": 1, "a": 12345678901234567890.5}"#])).unwrap();
    assert_eq!(kept, [r#"{"a": 12345678901234567890.5, "b": 1}"#]);

    let refused = |name: &str, column: Column, array: ArrayRef, expected: &str| {
        let error = loaded(name, column, array).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        let message = error.to_string();
        assert!(message.contains("`items`") && message.contains("`c`") && message.contains(expected), "{message}");
        assert!(!message.contains("secret") && error.advice().is_some(), "{message}");
    };
    refused("escaped", json, text(&[r#"{"a": "secret\u0000"}"#]), "cannot hold a character");
    let short = Column::inferred("c", DataType::Text).with("precision", 3);
    refused("short", short, text(&["secret"]), "too long");
    let small = Column::inferred("c", DataType::Bigint).with("precision", 16);
    refused("small", small, Arc::new(Int64Array::from(vec![40_000])) as ArrayRef, "out of the range");
    let moment = Column::inferred("c", DataType::Timestamp);
    let early = Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN + 5]).with_timezone("UTC")) as ArrayRef;
    refused("early", moment, early, "out of the range");
    let needed = Column { nullable: false, ..Column::inferred("c", DataType::Text) };
    refused("needed", needed, Arc::new(StringArray::from(vec![None::<&str>])) as ArrayRef, "must have a value");
}

#[test]
fn names_keep_their_case_and_their_bytes() {
    let server = Server::start().unwrap();
    let destination = destination(&server);
    let folder = TempDir::new().unwrap();
    let named = |table: &str, column: &str| {
        let (mut schema, _) = one_column(
            &folder,
            Column::inferred("c", DataType::Bigint),
            Arc::new(Int64Array::from(vec![7])) as ArrayRef,
        );
        let column = Column::inferred(column, DataType::Bigint);
        let file = jobs::write(
            &folder.path().join("2.parquet"),
            vec![values(&column, Arc::new(Int64Array::from(vec![7])) as ArrayRef)],
        );
        let mut made = Table::root(table, table, WriteDisposition::Append);
        made.add(column);
        schema.tables.insert(table.into(), made);
        schema.bump_version();
        let mut connection = destination.connect("Shop \"Data\"; --", Access::Write).unwrap();
        load(&mut *connection, "1.0", &schema, table, file, Write::Append).map(|_| {
            let sql = format!(
                "SELECT {} FROM {}",
                connection.quote(schema.tables[table].columns[0].name.as_str()),
                connection.quote(table)
            );
            rows(&mut *connection, &sql)
        })
    };
    for (table, column) in
        [("User", "Order"), ("user", "order"), ("a.b", "x\"y"), ("ü", "日本"), (&*"t".repeat(63), &*"c".repeat(63))]
    {
        assert_eq!(named(table, column).unwrap(), ["7"], "{table}");
    }
    for (table, column) in [(&*"t".repeat(64), "c"), ("t", &*"日".repeat(22))] {
        let error = named(table, column).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains("bytes, and Postgres keeps 63"), "{error}");
    }
    assert!(destination.connect(&"d".repeat(64), Access::Write).is_err());
}

#[test]
fn columns_that_others_made_are_filled_where_they_hold_the_values() {
    let server = Server::start().unwrap();
    let destination = destination(&server);
    let made = "CREATE SCHEMA shop_data; CREATE TABLE shop_data.users (name text, extra int DEFAULT 5, id numeric, _dlt_id text, \
                _dlt_load_id varchar(20)); CREATE VIEW shop_data.latest AS SELECT id FROM shop_data.users";
    server.sql("postgres", made).unwrap();
    load_users(&destination, "1.0", &[1, -20_000]).unwrap();
    let sql = "SELECT id, name, extra, _dlt_id FROM shop_data.users ORDER BY id";
    assert_eq!(server.sql("postgres", sql).unwrap(), "-20000|Ann|5|r-20000\n1|Ann|5|r1");
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    assert!(!connection.tables().unwrap().contains(&"latest".to_owned()), "a view is no table");
    let values =
        rows(&mut *connection, "SELECT id, ARRAY[1, 2], '1 day'::interval, id / 3 FROM latest ORDER BY id LIMIT 1");
    assert_eq!(values, ["-20000|[1,2]|1 day|-6666.6666666666666667"]);
}
