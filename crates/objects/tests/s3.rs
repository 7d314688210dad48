//! S3, by moto's server, whole and failing.

use crate::cases::{self, bytes};
use dlt_objects::{Address, AwsCredentials, Credentials, Store, StoreErrorKind};
use dlt_testkit::{Fault, Front, S3};
use std::sync::atomic::{AtomicUsize, Ordering};

fn store(url: &str, address: &str) -> Store {
    let mut credentials = Credentials::default();
    credentials.aws = AwsCredentials {
        access_key_id: Some("key".into()),
        secret_access_key: Some("very-secret".into()),
        region_name: Some("us-east-1".into()),
        endpoint_url: Some(url.into()),
        ..AwsCredentials::default()
    };
    Store::open(&Address::parse(address).unwrap(), &credentials).unwrap()
}

fn server() -> S3 {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    server
}

#[test]
fn objects_come_and_go() {
    let server = server();
    let store = store(&server.url(), "s3://lake/pre fix/");
    cases::objects_come_and_go(&store);
    cases::an_object_is_made_once(&store);
}

#[test]
fn more_than_a_page_is_listed_and_deleted() {
    let server = server();
    cases::more_than_a_page_is_listed_and_deleted(&store(&server.url(), "s3://lake"), 1100);
}

#[test]
fn a_large_object_goes_in_parts_and_comes_back_whole() {
    let server = server();
    cases::a_large_object_goes_in_parts_and_comes_back_whole(&store(&server.url(), "s3://lake"));
    let uploads = String::from_utf8(server.request("GET", "/lake?uploads").unwrap()).unwrap();
    assert!(!uploads.contains("<UploadId>"), "an upload that is not finished is taken back: {uploads}");
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let server = server();
    let count = AtomicUsize::new(0);
    let front = Front::before(server.address(), move |_, _| match count.fetch_add(1, Ordering::SeqCst) % 3 {
        2 => Fault::None,
        _ => Fault::Answer(503, "SlowDown"),
    })
    .unwrap();
    let store = store(&front.url(), "s3://lake");
    store.put("a", "1").unwrap();
    assert_eq!(store.read("a").unwrap(), b"1");
    assert_eq!(store.list("").unwrap().map(Result::unwrap).count(), 1);
    store.delete(["a"]).unwrap();
    assert_eq!(front.seen().len(), 12);
}

#[test]
fn a_read_that_is_cut_goes_on_where_it_was() {
    let server = server();
    let data = bytes(3 << 20);
    store(&server.url(), "s3://lake").put("cut", data.clone()).unwrap();
    let front = Front::before(server.address(), |method, path| match (method, path.contains("/cut")) {
        ("GET", true) => Fault::CutAnswer(700_000),
        _ => Fault::None,
    })
    .unwrap();
    assert!(store(&front.url(), "s3://lake").read("cut").unwrap() == data);
    assert!(front.seen().len() >= 5, "{:?}", front.seen());
}

#[test]
fn a_read_that_gets_nowhere_is_an_error_and_no_short_object() {
    let server = server();
    store(&server.url(), "s3://lake").put("cut", bytes(100_000)).unwrap();
    let count = AtomicUsize::new(0);
    let front = Front::before(server.address(), move |_, _| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Fault::CutAnswer(50_000),
        _ => Fault::CutAnswer(0),
    })
    .unwrap();
    let error = store(&front.url(), "s3://lake").read("cut").unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::Truncated | StoreErrorKind::Unavailable),
        "{:?} {error}",
        error.kind()
    );
}

#[test]
fn an_answer_that_is_lost_does_not_lose_the_object() {
    let server = server();
    let count = AtomicUsize::new(0);
    let front = Front::before(server.address(), move |_, _| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Fault::LoseAnswer,
        _ => Fault::None,
    })
    .unwrap();
    store(&front.url(), "s3://lake").put("a", "1").unwrap();
    assert_eq!(store(&server.url(), "s3://lake").read("a").unwrap(), b"1");
}

#[test]
fn refusals_say_what_is_wrong_and_no_secret() {
    use StoreErrorKind as Kind;
    let server = server();
    for (code, status, kind) in [
        ("AccessDenied", 403, Kind::Denied),
        ("InvalidAccessKeyId", 403, Kind::Credentials),
        ("SignatureDoesNotMatch", 403, Kind::Credentials),
        ("ExpiredToken", 400, Kind::Credentials),
        ("PermanentRedirect", 301, Kind::Config),
    ] {
        let front = Front::before(server.address(), move |_, _| Fault::Answer(status, code)).unwrap();
        let store = store(&front.url(), "s3://lake");
        let list =
            || store.list("").unwrap().map(|object| object.map(|_| ())).collect::<Result<Vec<_>, _>>().map(|_| ());
        for result in [store.put("a", "1"), store.read("a").map(|_| ()), list()] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), kind, "{code}: {error}");
            assert!(error.advice().is_some(), "{code}: {error}");
            assert!(!format!("{error:?}").contains("very-secret"), "{error:?}");
        }
    }
    let missing = store(&server.url(), "s3://none");
    assert_eq!(missing.put("a", "1").unwrap_err().kind(), Kind::NoBucket);
    assert_eq!(missing.list("").unwrap().next().unwrap().unwrap_err().kind(), Kind::NoBucket);
    let nobody = store("http://127.0.0.1:1", "s3://lake");
    let error = nobody.read("a").unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable, "{error}");
}

#[test]
fn any_thread_may_wait_also_one_of_an_async_runtime() {
    let server = server();
    let store = store(&server.url(), "s3://lake");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { store.put("a", "1") }).unwrap();
    let read: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| store.read("a").unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(read.iter().all(|bytes| bytes == b"1"));
}
