//! Names of files.

use dlt_destination_compliance::jobs::{chain, user_file, users};
use dlt_destination_compliance::rows;
use dlt_destination_filesystem::Filesystem;
use dlt_engine::destination::{Access, Destination, LoadRecord, Write};
use dlt_engine::{ErrorKind, Result};
use std::path::Path;

fn load(destination: &Filesystem, jobs: &Path, load_id: &str, id: i64, way: Write) -> Result<()> {
    load_as(destination, jobs, load_id, id, way, None)
}

/// `format` is what the table says of it.
fn load_as(
    destination: &Filesystem,
    jobs: &Path,
    load_id: &str,
    id: i64,
    way: Write,
    format: Option<&str>,
) -> Result<()> {
    let mut schema = users();
    if let (Some(word), Some(table)) = (format, schema.tables.get_mut("users")) {
        table.hints.insert("file_format".to_owned(), word.into());
    }
    let file = [user_file(&jobs.join(format!("{load_id}.parquet")), &[id], "x")];
    let mut connection = destination.connect("data", Access::Write)?;
    connection.stored("shop", "shop")?;
    let mut transaction = connection.begin()?;
    transaction.evolve(&schema)?;
    transaction.write(&chain(&schema.tables["users"], &file, way))?;
    transaction.commit(&LoadRecord { load_id, schema: &schema, state: None })
}

fn ids(destination: &Filesystem) -> Vec<String> {
    rows(&mut *destination.connect("data", Access::Read).unwrap(), "SELECT id FROM users ORDER BY id")
}

#[test]
fn a_layout_that_names_a_file_twice_writes_over_no_row() {
    let (folder, jobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = Filesystem::at(folder.path().to_str().unwrap()).unwrap();
    let daily = lake.layout("{table_name}/{curr_date}.{ext}", &[]).unwrap();
    load(&daily, jobs.path(), "1717297445.1", 1, Write::Append).unwrap();
    // The next day.
    load(&daily, jobs.path(), "1717397445.1", 2, Write::Append).unwrap();
    let error = load(&daily, jobs.path(), "1717397446.1", 3, Write::Append).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("users/2024-06-03.jsonl.gz already"), "{error}");
    assert_eq!(ids(&daily), ["1", "2"]);
    load(&daily, jobs.path(), "1717397447.1", 4, Write::Replace).unwrap();
    assert_eq!(ids(&daily), ["4"]);
    assert_eq!(std::fs::read_dir(folder.path().join("data/users")).unwrap().count(), 1);
}

#[test]
fn a_table_says_its_format() {
    let (folder, jobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = Filesystem::at(folder.path().to_str().unwrap()).unwrap();
    for (word, id, ending) in [
        (Some("parquet"), 1, "parquet"),
        (Some("csv"), 2, "csv.gz"),
        (Some("preferred"), 3, "jsonl.gz"),
        (None, 4, "jsonl.gz"),
    ] {
        let load_id = format!("171729744{id}.1");
        load_as(&lake, jobs.path(), &load_id, id, Write::Append, word).unwrap();
        let names = std::fs::read_dir(folder.path().join("data/users")).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let own: Vec<_> = names.iter().filter(|name| name.starts_with(&load_id)).collect();
        assert!(own.len() == 1 && own[0].ends_with(ending), "{word:?}: {names:?}");
    }
    assert_eq!(ids(&lake), ["1", "2", "3", "4"]);
    let error = load_as(&lake, jobs.path(), "1717297446.1", 5, Write::Append, Some("insert_values")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().contains("table `users` asks for files of the format `insert_values`, which it cannot have"),
        "{error}"
    );
    assert!(error.advice().unwrap().contains("`jsonl`, `parquet` or `csv`"), "{error:?}");
}

#[test]
fn a_dataset_keeps_its_layout() {
    let (folder, jobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = Filesystem::at(folder.path().to_str().unwrap()).unwrap();
    let extra = [("region".to_owned(), "eu".to_owned())];
    let flat = lake.clone().layout("{region}-{table_name}.{load_id}", &extra).unwrap();
    load(&flat, jobs.path(), "1717297445.1", 1, Write::Append).unwrap();
    assert!(folder.path().join("data/eu-users.1717297445.1.jsonl.gz").is_file());
    assert_eq!(ids(&lake), ["1"], "a reader need not know the layout");
    let error = load(&lake, jobs.path(), "1717297446.1", 2, Write::Append).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("begin with `eu-{table_name}.`"), "{error}");
    // What stands behind the table may change.
    let other = lake.layout("{region}-{table_name}.{YYYY}/{file_id}", &extra).unwrap();
    load(&other, jobs.path(), "1717297447.1", 3, Write::Append).unwrap();
    assert_eq!(ids(&other), ["1", "3"]);
}

#[test]
fn files_of_a_dataset_that_was_begun_long_ago() {
    let (folder, jobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = Filesystem::at(folder.path().to_str().unwrap()).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/init"), "").unwrap();
    load(&lake, jobs.path(), "1717297445.1", 1, Write::Append).unwrap();
    let names: Vec<_> =
        std::fs::read_dir(folder.path().join("data/users")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names[0].extension().unwrap(), "jsonl", "{names:?}");
    assert_eq!(&std::fs::read(&names[0]).unwrap()[..2], [0x1f, 0x8b], "compressed all the same");
    assert_eq!(ids(&lake), ["1"]);
}
