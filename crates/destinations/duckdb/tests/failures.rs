//! What goes wrong around a database file, and what the person is told.

use crate::duckdb::load_users;
use crate::processes::{Second, child_file, wait_to_be_killed};
use dlt_destination_compliance::jobs::{chain, user_file, users};
use dlt_destination_compliance::rows;
use dlt_destination_duckdb::DuckDb;
use dlt_engine::destination::{Access, Destination, Write};
use dlt_engine::{Error, ErrorKind};
use std::path::Path;
use tempfile::TempDir;

fn refused(file: &Path, access: Access) -> Error {
    DuckDb::at(file).unwrap().connect("shop_data", access).err().unwrap()
}

/// The message and the advice of an error that a person must be able to act on.
fn told(error: &Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
    format!("{error}; {}", error.advice().unwrap())
}

#[test]
fn a_file_that_another_process_holds_is_busy() {
    if let Some(file) = child_file() {
        let destination = DuckDb::at(&file).unwrap();
        let _connection = destination.connect("shop_data", Access::Write).unwrap();
        println!("open");
        wait_to_be_killed();
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    let mut second = Second::start("failures::a_file_that_another_process_holds_is_busy", &file, &[]);
    second.wait_for("open").unwrap();
    for access in [Access::Write, Access::Read] {
        let error = refused(&file, access);
        assert_eq!(error.kind(), ErrorKind::DestinationBusy, "{error}");
        assert!(error.to_string().contains(&format!("process {} (", second.id())), "{error}");
        assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
        assert!(error.advice().is_some());
    }
    second.kill();
    DuckDb::at(&file).unwrap().connect("shop_data", Access::Write).unwrap();
}

#[test]
fn readers_in_several_processes_do_not_disturb_each_other() {
    if let Some(file) = child_file() {
        let mut connection = DuckDb::at(&file).unwrap().connect("shop_data", Access::Read).unwrap();
        assert_eq!(rows(&mut *connection, "SELECT id FROM users"), ["1"]);
        println!("open");
        wait_to_be_killed();
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    load_users(&DuckDb::at(&file).unwrap(), "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let test = "failures::readers_in_several_processes_do_not_disturb_each_other";
    let mut others: Vec<Second> = (0..2).map(|_| Second::start(test, &file, &[])).collect();
    for other in &mut others {
        other.wait_for("open").unwrap();
    }
    let mut connection = DuckDb::at(&file).unwrap().connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *connection, "SELECT id FROM users"), ["1"]);
    drop(connection);
    assert_eq!(refused(&file, Access::Write).kind(), ErrorKind::DestinationBusy);
}

#[test]
fn a_file_that_is_something_else_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("notes.txt");
    let text = "these are notes\n".repeat(1000);
    std::fs::write(&file, &text).unwrap();
    for access in [Access::Write, Access::Read] {
        let told = told(&refused(&file, access));
        assert!(told.contains("is not a DuckDB database"), "{told}");
        assert!(told.contains("notes.txt"), "{told}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was written beside it");
}

/// DuckDB opens these as databases in memory, and all that is loaded is lost.
#[test]
fn a_file_of_data_is_no_database() {
    let folder = TempDir::new().unwrap();
    let row = "{\"id\":1,\"name\":\"Ann\"}\n";
    let parquet = user_file(&folder.path().join("data.parquet"), &[1], "Ann");
    let files = [
        ("data.csv", "id,name\n1,Ann\n"),
        ("data.tsv", "id\tname\n1\tAnn\n"),
        ("data.json", row),
        ("data.jsonl", row),
        ("short.csv", "a"),
        ("empty.csv", ""),
        ("empty.duckdb", ""),
        ("data.sqlite", "SQLite format 3\0 and so on"),
    ];
    let files = files.map(|(name, text)| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    });
    for file in files.iter().chain([&parquet]) {
        let before = std::fs::read(file).unwrap();
        for access in [Access::Write, Access::Read] {
            let told = told(&refused(file, access));
            assert!(told.contains("is not a DuckDB database; name another file"), "{told}");
        }
        assert_eq!(std::fs::read(file).unwrap(), before);
    }
}

#[test]
fn a_file_of_a_newer_version_is_told() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    load_users(&DuckDb::at(&file).unwrap(), "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let mut bytes = std::fs::read(&file).unwrap();
    assert_eq!(&bytes[8..12], b"DUCK");
    // The version of the form follows the mark, and a checksum of the rest of the block goes before it.
    bytes[12..20].copy_from_slice(&4711_u64.to_le_bytes());
    std::fs::write(&file, &bytes).unwrap();
    let text = told(&refused(&file, Access::Write));
    assert!(text.contains("the file is damaged") && text.contains("copy"), "{text}");
    let words = bytes[8..4096].chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    let checksum = words.fold(5381, |sum, word| sum ^ word.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    bytes[..8].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&file, &bytes).unwrap();
    for access in [Access::Write, Access::Read] {
        let text = told(&refused(&file, access));
        assert!(text.contains("newer version of DuckDB") && text.contains("newer dlt"), "{text}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

#[test]
fn places_where_no_file_can_be() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("none/shop.duckdb");
    let text = told(&refused(&missing, Access::Write));
    assert!(text.contains("there is no folder") && text.contains("mkdir -p"), "{text}");
    let text = told(&refused(folder.path(), Access::Write));
    assert!(text.contains("it is a folder"), "{text}");
    let absent = folder.path().join("shop.duckdb");
    let text = told(&refused(&absent, Access::Read));
    assert!(text.contains("there is no database"), "{text}");
    assert!(!absent.exists(), "reading made a database");
    // The kernel's own file system takes no files, not even from root.
    let text = told(&refused(Path::new("/sys/shop.duckdb"), Access::Write));
    assert!(text.contains("permission denied") && text.contains("writable"), "{text}");
}

#[test]
fn a_dataset_that_is_not_there_is_told_with_those_that_are() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shop.duckdb");
    let destination = DuckDb::at(&file).unwrap();
    load_users(&destination, "1.0", user_file(&folder.path().join("1.parquet"), &[1], "Ann"));
    let mut connection = destination.connect("shop_dat", Access::Read).unwrap();
    let told = told(&connection.query("SELECT 1", &mut |_, _| Ok(())).unwrap_err());
    assert!(told.contains("`shop_dat`") && told.contains("shop_data"), "{told}");
}

/// A disk that is full, by a limit on the size of files.
#[test]
fn a_full_disk_loses_nothing() {
    let folder = TempDir::new().unwrap();
    if let Some(file) = child_file() {
        let destination = DuckDb::at(&file).unwrap();
        let schema = users();
        let names = folder.path().join("names.parquet");
        // Names that do not compress: the limit is 8 MB, and this is 20.
        let mut seed = 1_u64;
        let mut name = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{seed:016x}")
        };
        let columns = ["name", "_dlt_load_id", "_dlt_id"].map(|column| {
            let text: Vec<String> = (0..400_000).map(|_| name() + &name()).collect();
            let text: arrow::array::ArrayRef = std::sync::Arc::new(arrow::array::StringArray::from(text));
            dlt_destination_compliance::jobs::values(&schema.tables["users"].columns[column], text)
        });
        // Written in pieces, each under the limit.
        let rows = columns[0].1.len();
        let files: Vec<_> = (0..40)
            .map(|piece| {
                let at = piece * rows / 40;
                let slice = columns.iter().map(|(field, array)| (field.clone(), array.slice(at, rows / 40)));
                dlt_destination_compliance::jobs::write(&names.with_extension(piece.to_string()), slice.collect())
            })
            .collect();
        let mut connection = destination.connect("shop_data", Access::Write).unwrap();
        let mut transaction = connection.begin().unwrap();
        let result = transaction.evolve(&schema).and_then(|()| {
            transaction.write(&chain(&schema.tables["users"], &files, Write::Replace))?;
            let record = dlt_engine::destination::LoadRecord { load_id: "2.0", schema: &schema, state: None };
            transaction.commit(&record)
        });
        let told = told(&result.unwrap_err());
        assert!(told.contains("the disk is full") && told.contains("free some space"), "{told}");
        println!("refused");
        return;
    }
    let file = folder.path().join("shop.duckdb");
    let destination = DuckDb::at(&file).unwrap();
    load_users(&destination, "1.0", user_file(&folder.path().join("1.parquet"), &[1, 2], "Ann"));
    // In blocks of 512 bytes; writing more must fail rather than end the process.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 16384; exec \"$@\"", "sh"];
    let mut second = Second::start("failures::a_full_disk_loses_nothing", &file, &limited);
    assert!(second.wait_for("refused").is_some());
    assert!(second.succeeded());
    let mut connection = destination.connect("shop_data", Access::Write).unwrap();
    assert!(!connection.is_loaded("2.0").unwrap());
    assert_eq!(rows(&mut *connection, "SELECT id, name FROM users ORDER BY id"), ["1|Ann", "2|Ann"]);
    drop(connection);
    // With room again, loads go on.
    load_users(&destination, "3.0", user_file(&folder.path().join("3.parquet"), &[3], "Bob"));
    let mut connection = destination.connect("shop_data", Access::Read).unwrap();
    assert_eq!(rows(&mut *connection, "SELECT count(*) FROM users"), ["3"]);
}
