//! A folder of this machine.

use dlt_objects::{Address, Credentials, Store, StoreErrorKind};
use std::io::{Read, Write};

fn store(folder: &std::path::Path) -> Store {
    Store::open(&Address::folder(folder), &Credentials::default()).unwrap()
}

fn keys(store: &Store, below: &str) -> Vec<String> {
    let mut keys: Vec<_> = store.list(below).unwrap().map(|object| object.unwrap().key).collect();
    keys.sort();
    keys
}

#[test]
fn objects_come_and_go() {
    let root = tempfile::tempdir().unwrap();
    let store = store(&root.path().join("not/there yet"));
    assert_eq!(keys(&store, ""), [""; 0]);
    store.put("t/ü b#%20.jsonl", "one\n").unwrap();
    store.put("t/x/y.csv", "two").unwrap();
    store.put("z", "").unwrap();
    assert_eq!(keys(&store, ""), ["t/x/y.csv", "t/ü b#%20.jsonl", "z"]);
    assert_eq!(keys(&store, "t/x"), ["t/x/y.csv"]);
    assert_eq!(keys(&store.below("t"), "x"), ["x/y.csv"]);
    assert_eq!(store.folders("").unwrap(), ["t"]);
    let level = store.level("t").unwrap();
    let found: Vec<_> = level.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!((found, level.folders), (vec!["t/ü b#%20.jsonl"], vec!["x".to_owned()]));
    assert_eq!(store.read("t/ü b#%20.jsonl").unwrap(), b"one\n");
    let mut range = String::new();
    store.get_range("t/x/y.csv", 1..9).unwrap().read_to_string(&mut range).unwrap();
    assert_eq!(range, "wo");
    assert_eq!(store.head("t/x/y.csv").unwrap().unwrap().size, 3);
    assert!(!store.exists("t").unwrap(), "a folder is no object");
    assert_eq!(store.get("none").unwrap_err().kind(), StoreErrorKind::NotFound);
    store.delete(["z", "none", "t/x/y.csv"]).unwrap();
    assert_eq!(keys(&store, ""), ["t/ü b#%20.jsonl"]);
}

#[test]
fn what_is_not_finished_is_not_there() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path());
    store.put("a", "old").unwrap();
    let mut writer = store.writer("a").unwrap();
    writer.write_all(b"new").unwrap();
    assert_eq!(store.read("a").unwrap(), b"old");
    assert_eq!(keys(&store, ""), ["a"], "what is being written is not listed");
    writer.finish().unwrap();
    assert_eq!(store.read("a").unwrap(), b"new");
    let mut dropped = store.writer("b").unwrap();
    dropped.write_all(b"x").unwrap();
    drop(dropped);
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1, "a writer that is dropped leaves nothing");
    // What a killed one left goes when it is asked for.
    std::fs::write(root.path().join(".c.dlt-part"), "x").unwrap();
    store.delete_parts("", &|name| name.contains('d')).unwrap();
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn of_several_who_make_an_object_one_succeeds() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path());
    assert!(store.put_new("f/lock", "1").unwrap());
    assert!(!store.put_new("f/lock", "2").unwrap());
    assert_eq!(store.read("f/lock").unwrap(), b"1");
}

#[test]
fn a_file_in_place_of_a_folder_is_told() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "x").unwrap();
    let error = store(&root.path().join("file")).put("t/x", "y").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Config, "{error}");
    assert!(error.to_string().contains("is a file and no folder"), "{error}");
}
