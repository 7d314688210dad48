//! Azure, by its own emulator, whole and failing.

use crate::cases::{self, keys};
use dlt_objects::{Address, AzureCredentials, Credentials, Store, StoreErrorKind};
use dlt_testkit::{Azurite, Fault, Front};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A store behind an address, and who asks.
fn store(server: impl std::fmt::Display, key: Option<&str>, token: Option<String>) -> Store {
    let mut credentials = Credentials::default();
    credentials.azure = AzureCredentials {
        account_name: Some(Azurite::ACCOUNT.to_owned()),
        account_key: key.map(str::to_owned),
        sas_token: token,
        account_host: Some(Azurite::account_host(server)),
        ..AzureCredentials::default()
    };
    Store::open(&Address::parse("az://lake/pre fix/").unwrap(), &credentials).unwrap()
}

fn server() -> Azurite {
    let server = Azurite::start().unwrap();
    server.make_container("lake").unwrap();
    server
}

#[test]
fn objects_come_and_go() {
    let server = server();
    let store = store(server.address(), Some(Azurite::KEY), None);
    cases::objects_come_and_go(&store);
    cases::an_object_is_made_once(&store);
    cases::more_than_a_page_is_listed_and_deleted(&store, 300);
    cases::a_large_object_goes_in_parts_and_comes_back_whole(&store);
}

#[test]
fn a_token_reads_and_writes_and_a_wrong_key_is_told() {
    let server = server();
    let by_token = store(server.address(), None, Some(server.sas_token().unwrap()));
    by_token.put("a", "12345").unwrap();
    assert_eq!((keys(&by_token, ""), by_token.read("a").unwrap()), (vec!["a".to_owned()], b"12345".to_vec()));
    let wrong = store(server.address(), Some("bm90IHRoZSBrZXk="), None);
    let error = wrong.read("a").unwrap_err();
    // Azure itself says AuthenticationFailed; the emulator says what means that a known key has no right.
    assert_eq!(error.kind(), StoreErrorKind::Denied, "{error}");
    assert!(!format!("{error} {error:?}").contains("bm90IHRoZSBrZXk"), "{error:?}");
}

#[test]
fn a_server_that_is_busy_or_cuts_answers_is_asked_again() {
    let server = server();
    let data = vec![7; 1 << 20];
    store(server.address(), Some(Azurite::KEY), None).put("cut", data.clone()).unwrap();
    let count = AtomicUsize::new(0);
    let front = Front::before(server.address(), move |method, path| {
        match (method, path.contains("/cut"), count.fetch_add(1, Ordering::SeqCst) % 2) {
            ("GET", true, _) => Fault::CutAnswer(400_000),
            (_, _, 0) => Fault::Answer(503, "ServerBusy"),
            _ => Fault::None,
        }
    })
    .unwrap();
    let store = store(front.url().trim_start_matches("http://"), Some(Azurite::KEY), None);
    store.put("a", "1").unwrap();
    assert_eq!(keys(&store, "").len(), 2);
    assert!(store.read("cut").unwrap() == data);
    assert!(front.seen().len() >= 6, "{:?}", front.seen());
}
