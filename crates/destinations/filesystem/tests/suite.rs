//! The suite of all destinations, for each format, on a folder and on S3.

use dlt_destination_compliance::{Fresh, check};
use dlt_destination_filesystem::{FileFormat, Filesystem};
use dlt_objects::{AwsCredentials, AzureCredentials, Credentials};
use dlt_testkit::{Azurite, S3};
use std::sync::Arc;

fn in_folder(change: impl Fn(Filesystem) -> Filesystem) {
    check(|| {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("my lake");
        let destination = change(Filesystem::at(place.to_str().unwrap()).unwrap());
        Fresh { destination: Box::new(destination), _keep: Box::new(folder) }
    });
}

#[test]
fn jsonl() {
    in_folder(|files| files);
}

#[test]
fn parquet() {
    in_folder(|files| files.format(FileFormat::Parquet));
}

#[test]
fn csv() {
    in_folder(|files| files.format(FileFormat::Csv));
}

#[test]
fn plain_text_in_another_layout() {
    in_folder(|files| files.disable_compression(true).layout("{table_name}.{load_id}", &[]).unwrap());
}

pub(crate) fn credentials(url: &str) -> Credentials {
    let mut credentials = Credentials::default();
    credentials.aws = AwsCredentials {
        access_key_id: Some("key".into()),
        secret_access_key: Some("very-secret".into()),
        region_name: Some("us-east-1".into()),
        endpoint_url: Some(url.into()),
        ..AwsCredentials::default()
    };
    credentials
}

#[test]
fn on_s3() {
    let server = Arc::new(S3::start().unwrap());
    let count = std::sync::atomic::AtomicUsize::new(0);
    check(|| {
        let bucket = format!("lake-{}", count.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        server.make_bucket(&bucket).unwrap();
        let destination = Filesystem::at(&format!("s3://{bucket}/some/prefix")).unwrap();
        let destination = destination.format(FileFormat::Parquet).credentials(credentials(&server.url()));
        Fresh { destination: Box::new(destination), _keep: Box::new(Arc::clone(&server)) }
    });
}

#[test]
fn on_azure() {
    let server = Arc::new(Azurite::start().unwrap());
    let mut credentials = Credentials::default();
    credentials.azure = AzureCredentials {
        account_name: Some(Azurite::ACCOUNT.to_owned()),
        account_key: Some(Azurite::KEY.to_owned()),
        account_host: Some(Azurite::account_host(server.address())),
        ..AzureCredentials::default()
    };
    let count = std::sync::atomic::AtomicUsize::new(0);
    check(|| {
        let container = format!("lake-{}", count.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        server.make_container(&container).unwrap();
        let destination = Filesystem::at(&format!("az://{container}/some/prefix")).unwrap();
        let destination = destination.format(FileFormat::Parquet).credentials(credentials.clone());
        Fresh { destination: Box::new(destination), _keep: Box::new(Arc::clone(&server)) }
    });
}
