//! S3, and what speaks like it.

use super::{client_options, retries};
use crate::address::Address;
use crate::aws_profile::Profile;
use crate::credentials::AwsCredentials;
use crate::failure::{Result, StoreError, StoreErrorKind, chain};
use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn open(address: &Address, credentials: &AwsCredentials) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::from_env();
    let has = |builder: &AmazonS3Builder, key: Key| builder.get_config_value(&key).is_some();
    // A profile is asked for by name, or where nothing else says who we are.
    let asks_for_profile = credentials.profile_name.is_some()
        || (credentials.access_key_id.is_none() && !has(&builder, Key::AccessKeyId))
        || std::env::var_os("AWS_PROFILE").is_some();
    let profile =
        if asks_for_profile { Profile::read(credentials.profile_name.as_deref())? } else { Profile::default() };
    let named = credentials.profile_name.is_some();
    let set = credentials;
    for (key, given, of_profile) in [
        (Key::AccessKeyId, &set.access_key_id, "aws_access_key_id"),
        (Key::SecretAccessKey, &set.secret_access_key, "aws_secret_access_key"),
        (Key::Token, &set.session_token, "aws_session_token"),
        (Key::Region, &set.region_name, "region"),
        (Key::Endpoint, &set.endpoint_url, "endpoint_url"),
    ] {
        match (given, profile.get(of_profile)) {
            (Some(value), _) => builder = builder.with_config(key, value),
            (None, Some(value)) if named || !has(&builder, key) => builder = builder.with_config(key, value),
            _ => {}
        }
    }
    if set.access_key_id.is_some() && set.session_token.is_none() && has(&builder, Key::Token) {
        // A token belongs to the keys beside it, not to those that are set here.
        builder = without_token(builder);
    }
    if let Some(endpoint) = &set.endpoint_url {
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(StoreError::new(
                StoreErrorKind::Config,
                "`endpoint_url` begins with neither http:// nor https://",
            )
            .hint("write, for example, endpoint_url = \"http://localhost:9000\""));
        }
        // What the environment says of S3 alone must not win over what is set here.
        builder = builder.with_config(Key::S3Endpoint, endpoint);
    }
    if set.virtual_hosted == Some(true) {
        builder = builder.with_virtual_hosted_style_request(true);
        let endpoint = builder.get_config_value(&Key::S3Endpoint).or_else(|| builder.get_config_value(&Key::Endpoint));
        if let Some((scheme, host)) = endpoint.as_deref().and_then(|endpoint| endpoint.split_once("://")) {
            let endpoint = format!("{scheme}://{}.{}", address.bucket(), host.trim_end_matches('/'));
            builder = builder.with_config(Key::S3Endpoint, endpoint);
        }
    }
    let is_anonymous = builder.get_config_value(&Key::SkipSignature).as_deref() == Some("true");
    let elsewhere =
        [Key::AccessKeyId, Key::SecretAccessKey, Key::WebIdentityTokenFile, Key::ContainerCredentialsRelativeUri];
    let others = [Key::ContainerCredentialsFullUri, Key::MetadataEndpoint];
    if !is_anonymous && !elsewhere.into_iter().chain(others).any(|key| has(&builder, key)) && !is_in_the_cloud() {
        return Err(StoreError::new(
            StoreErrorKind::Credentials,
            format!("cannot open {address}: there are no credentials"),
        )
        .hint(
            "set aws_access_key_id and aws_secret_access_key under `credentials`, or AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY in the environment; a public bucket is read with AWS_SKIP_SIGNATURE=true",
        ));
    }
    let options = client_options();
    let built = builder.with_bucket_name(address.bucket()).with_retry(retries()).with_client_options(options).build();
    built.map(|store| Arc::new(store) as _).map_err(|error| {
        let text = chain(&error);
        let why = match () {
            () if text.contains("SecretAccessKey") => "`aws_secret_access_key` is missing",
            () if text.contains("AccessKeyId") => "`aws_access_key_id` is missing",
            () => "a setting of S3 is wrong",
        };
        StoreError::new(StoreErrorKind::Config, format!("cannot open {address}: {why}"))
            .hint("look at `credentials`, and at environment variables that begin with AWS_")
    })
}

fn without_token(builder: AmazonS3Builder) -> AmazonS3Builder {
    let value = |key: Key| builder.get_config_value(&key);
    let mut clean = AmazonS3Builder::new();
    let kept = [
        Key::AccessKeyId,
        Key::SecretAccessKey,
        Key::Region,
        Key::Endpoint,
        Key::S3Endpoint,
        Key::VirtualHostedStyleRequest,
        Key::UnsignedPayload,
        Key::RequestPayer,
    ];
    for key in kept {
        if let Some(value) = value(key) {
            clean = clean.with_config(key, value);
        }
    }
    clean
}

/// Whether there is a machine of AWS around us, which knows who we are. Without one, asking takes minutes.
fn is_in_the_cloud() -> bool {
    if std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
        return false;
    }
    TcpStream::connect_timeout(&SocketAddr::from(([169, 254, 169, 254], 80)), Duration::from_secs(1)).is_ok()
}
