//! What every store over the network does.

use dlt_objects::{Store, StoreErrorKind};
use std::io::{Read, Write};

pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 31 % 251) as u8).collect()
}

pub(crate) fn keys(store: &Store, below: &str) -> Vec<String> {
    let mut keys: Vec<_> = store.list(below).unwrap().map(|object| object.unwrap().key).collect();
    keys.sort();
    keys
}

/// `store` is empty, and is so afterwards.
pub(crate) fn objects_come_and_go(store: &Store) {
    assert_eq!(store.list("").unwrap().count(), 0);
    for key in ["t/ü b#%20+&.jsonl", "t/x/y=1.csv", "z", "tt/other"] {
        store.put(key, key).unwrap();
    }
    assert_eq!(keys(store, ""), ["t/x/y=1.csv", "t/ü b#%20+&.jsonl", "tt/other", "z"]);
    assert_eq!(keys(store, "t"), ["t/x/y=1.csv", "t/ü b#%20+&.jsonl"]);
    assert_eq!(keys(&store.below("t"), "x"), ["x/y=1.csv"]);
    let mut folders = store.folders("").unwrap();
    folders.sort();
    assert_eq!(folders, ["t", "tt"]);
    let level = store.level("t").unwrap();
    let found: Vec<_> = level.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!((found, level.folders), (vec!["t/ü b#%20+&.jsonl"], vec!["x".to_owned()]));
    assert_eq!(store.read("t/ü b#%20+&.jsonl").unwrap(), "t/ü b#%20+&.jsonl".as_bytes());
    let mut range = String::new();
    store.get_range("tt/other", 3..6).unwrap().read_to_string(&mut range).unwrap();
    assert_eq!(range, "oth");
    assert_eq!(store.head("z").unwrap().unwrap().size, 1);
    assert!(!store.exists("none").unwrap());
    store.delete(["z", "none"]).unwrap();
    assert_eq!(keys(store, "").len(), 3);
    assert_eq!(store.get("none").unwrap_err().kind(), StoreErrorKind::NotFound);
    store.delete(keys(store, "").iter().map(String::as_str)).unwrap();
    assert_eq!(store.list("").unwrap().count(), 0);
}

pub(crate) fn an_object_is_made_once(store: &Store) {
    assert!(store.put_new("new", "1").unwrap());
    assert!(!store.put_new("new", "2").unwrap());
    assert_eq!(store.read("new").unwrap(), b"1");
    store.delete(["new"]).unwrap();
}

/// Leaves `large`.
pub(crate) fn a_large_object_goes_in_parts_and_comes_back_whole(store: &Store) {
    let data = bytes((20 << 20) + 17);
    let mut writer = store.writer("large").unwrap();
    for piece in data.chunks(1 << 19) {
        writer.write_all(piece).unwrap();
    }
    assert!(!store.exists("large").unwrap(), "it is there when it is finished");
    writer.finish().unwrap();
    assert!(store.read("large").unwrap() == data);
    let mut dropped = store.writer("dropped").unwrap();
    dropped.write_all(&data).unwrap();
    drop(dropped);
    assert!(!store.exists("dropped").unwrap());
}

pub(crate) fn more_than_a_page_is_listed_and_deleted(store: &Store, count: usize) {
    let names: Vec<String> = (0..count).map(|at| format!("many/{at}")).collect();
    for key in &names {
        store.put(key, "").unwrap();
    }
    assert_eq!(store.list("many").unwrap().map(Result::unwrap).count(), count);
    store.delete(names.iter().map(String::as_str)).unwrap();
    assert_eq!(store.list("many").unwrap().count(), 0);
}
