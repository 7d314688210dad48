//! Google's storage. No server of its own can be had: the interface that is used of it is that of S3 but for signatures and for the
//! header that makes an object once, so that S3's server stands for it in all else.

use crate::cases;
use dlt_objects::{Address, Credentials, GcpCredentials, Store, StoreErrorKind};
use dlt_testkit::{Fault, Front, S3};

fn store(url: &str, address: &str) -> Store {
    let key = serde_json::json!({
        "gcs_base_url": url, "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""
    });
    let mut credentials = Credentials::default();
    credentials.gcp = GcpCredentials { service_account: Some(key.to_string()), ..GcpCredentials::default() };
    Store::open(&Address::parse(address).unwrap(), &credentials).unwrap()
}

#[test]
fn objects_come_and_go() {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    let store = store(&server.url(), "gs://lake/pre fix/");
    cases::objects_come_and_go(&store);
    cases::more_than_a_page_is_listed_and_deleted(&store, 1100);
    cases::a_large_object_goes_in_parts_and_comes_back_whole(&store);
}

#[test]
fn a_refusal_is_told_by_its_kind() {
    let server = S3::start().unwrap();
    let missing = store(&server.url(), "gs://none").put("a", "1").unwrap_err();
    assert_eq!(missing.kind(), StoreErrorKind::NoBucket, "{missing}");
    let front = Front::before(server.address(), |_, _| Fault::Answer(403, "AccessDenied")).unwrap();
    let refused = store(&front.url(), "gs://lake").read("a").unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Denied, "{refused}");
}
