//! New rows by way of files in a store: what the database refuses, what is left behind, what another load left.

use crate::places;
use crate::sqlite::load_users;
use dlt_destination_adbc::Adbc;
use dlt_destination_compliance::jobs::user_file;
use dlt_destination_compliance::rows;
use dlt_engine::ErrorKind;
use dlt_engine::destination::{Access, Destination};
use dlt_objects::{Address, AwsCredentials, Credentials};
use dlt_testkit::S3;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("_dlt_staged")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn load(database: &Adbc, folder: &Path) -> dlt_engine::Result<u64> {
    let mut connection = database.connect("shop_data", Access::Write).unwrap();
    load_users(&mut *connection, "1.0", user_file(&folder.join("1.parquet"), &[1, 2, 3], "Ann"))
}

#[test]
fn files_go_when_they_are_taken_and_those_of_killed_loads_go_when_they_are_old() {
    let folder = TempDir::new().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let staged = folder.path().join("_dlt_staged");
    std::fs::create_dir(&staged).unwrap();
    let young = format!("{}.00.0.parquet", now - 86_400);
    for name in [&young, "1700000000.00.0.parquet", "somebody_elses.parquet"] {
        std::fs::write(staged.join(name), "").unwrap();
    }
    let database = places::staged(places::duckdb(folder.path()), folder.path());
    assert_eq!(load(&database, folder.path()).unwrap(), 3);
    let mut left = names(folder.path());
    left.sort();
    assert_eq!(left, [young.as_str(), "somebody_elses.parquet"]);
    let mut reader = database.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *reader, "SELECT count(*) FROM users"), ["3"]);
}

#[test]
fn a_file_that_is_refused_leaves_neither_rows_nor_itself() {
    let folder = TempDir::new().unwrap();
    let at = Address::folder(folder.path());
    let copy = "COPY {table} FROM '{url}' (FORMAT csv)";
    let database = places::duckdb(folder.path()).staging(at, Credentials::default(), copy).unwrap();
    let error = load(&database, folder.path()).unwrap_err();
    assert!(error.to_string().starts_with("cannot have the database take a staged file"), "{error}");
    assert!(error.advice().is_some());
    assert_eq!(names(folder.path()), [""; 0]);
    let mut connection = database.connect("shop_data", Access::Read).unwrap();
    assert!(connection.tables().is_err(), "the load has left a dataset");
}

/// DuckDB cannot read a bucket without an extension that is not here: it says which file it was told to take.
#[test]
fn a_bucket_that_the_database_cannot_read_is_told_and_left_clean() {
    let server = S3::start().unwrap();
    server.make_bucket("staging").unwrap();
    let aws = AwsCredentials {
        access_key_id: Some("testing".into()),
        secret_access_key: Some("testing".into()),
        region_name: Some("us-east-1".into()),
        endpoint_url: Some(server.url()),
        ..AwsCredentials::default()
    };
    let mut credentials = Credentials::default();
    credentials.aws = aws;
    let folder = TempDir::new().unwrap();
    let at = Address::parse("s3://staging/in").unwrap();
    let copy = "SELECT error('cannot read {url} for {table}')";
    let database = places::duckdb(folder.path());
    let database = database.staging(at.clone(), credentials.clone(), copy).unwrap();
    let error = load(&database, folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
    assert!(error.to_string().contains("cannot read s3://staging/in/_dlt_staged/"), "{error}");
    assert!(!error.to_string().contains("testing"), "{error}");
    let store = dlt_objects::Store::open(&at, &credentials).unwrap();
    assert_eq!(store.list("").unwrap().count(), 0);
}

#[test]
fn a_store_that_is_not_there_is_told() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let database = places::staged(places::duckdb(folder.path()), &folder.path().join("file"));
    let error = load(&database, folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().ends_with("a part of the path is a file and no folder"), "{error}");
}
