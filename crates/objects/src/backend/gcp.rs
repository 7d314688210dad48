//! Google Cloud Storage.

use super::{client_options, retries};
use crate::address::Address;
use crate::credentials::GcpCredentials;
use crate::failure::{Result, StoreError, StoreErrorKind};
use object_store::ObjectStore;
use object_store::gcp::GoogleCloudStorageBuilder;
use std::sync::Arc;

pub(crate) fn open(address: &Address, credentials: &GcpCredentials) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = GoogleCloudStorageBuilder::from_env();
    match (&credentials.service_account, &credentials.private_key, &credentials.client_email) {
        (Some(json), _, _) if json.trim_start().starts_with('{') => builder = builder.with_service_account_key(json),
        (Some(file), _, _) => builder = builder.with_service_account_path(file),
        (None, Some(key), Some(email)) => {
            let json = serde_json::json!({
                "type": "service_account",
                "project_id": credentials.project_id,
                // In variables, the ends of lines are often written as two characters.
                "private_key": key.replace("\\n", "\n"),
                "private_key_id": credentials.private_key_id.clone().unwrap_or_default(),
                "client_email": email,
            });
            builder = builder.with_service_account_key(json.to_string());
        }
        (None, None, None) => {}
        (None, _, _) => {
            let missing = if credentials.private_key.is_none() { "private_key" } else { "client_email" };
            let message = format!("cannot open {address}: `{missing}` of the service account is missing");
            return Err(StoreError::new(StoreErrorKind::Config, message).hint("set it under `credentials`"));
        }
    }
    let built =
        builder.with_bucket_name(address.bucket()).with_retry(retries()).with_client_options(client_options()).build();
    built.map(|store| Arc::new(store) as _).map_err(|_| {
        StoreError::new(StoreErrorKind::Config, format!("cannot open {address}: the credentials cannot be understood")).hint(
            "set project_id, private_key and client_email under `credentials`, or GOOGLE_APPLICATION_CREDENTIALS to the key file",
        )
    })
}
