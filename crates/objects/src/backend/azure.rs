//! Azure Blob Storage and Data Lake.

use super::{client_options, retries};
use crate::address::Address;
use crate::credentials::AzureCredentials;
use crate::failure::{Result, StoreError, StoreErrorKind};
use object_store::ObjectStore;
use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};
use std::sync::Arc;

pub(crate) fn open(address: &Address, credentials: &AzureCredentials) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = MicrosoftAzureBuilder::from_env();
    // abfss://container@account.dfs.core.windows.net
    let host = Some(address.host()).filter(|host| !host.is_empty()).or(credentials.account_host.as_deref());
    let of_host = host.and_then(|host| host.split('.').next()).map(str::to_owned);
    for (key, given) in [
        (Key::AccountName, &credentials.account_name.clone().or(of_host)),
        (Key::AccessKey, &credentials.account_key),
        (Key::SasKey, &credentials.sas_token),
        (Key::AuthorityId, &credentials.tenant_id),
        (Key::ClientId, &credentials.client_id),
        (Key::ClientSecret, &credentials.client_secret),
    ] {
        if let Some(value) = given {
            builder = builder.with_config(key, value);
        }
    }
    if builder.get_config_value(&Key::AccountName).is_none() {
        let message = format!("cannot open {address}: the storage account is not known");
        return Err(StoreError::new(StoreErrorKind::Config, message).hint(
            "set azure_storage_account_name under `credentials`, or write abfss://container@account.dfs.core.windows.net/path",
        ));
    }
    // Hosts other than the public cloud's are endpoints; what speaks both protocols does so under `blob`.
    if let Some(host) = host.filter(|host| host.contains('.') || host.contains(':')) {
        let is_plain = host.starts_with("http://") || host.starts_with("https://");
        let host = host.replacen(".dfs.", ".blob.", 1);
        builder = builder.with_endpoint(if is_plain { host } else { format!("https://{host}") });
    }
    let built = builder
        .with_container_name(address.bucket())
        .with_retry(retries())
        .with_client_options(client_options())
        .build();
    built.map(|store| Arc::new(store) as _).map_err(|_| {
        StoreError::new(StoreErrorKind::Config, format!("cannot open {address}: a setting of Azure is wrong")).hint(
            "look at the account's key and the SAS token under `credentials`, and at variables that begin with AZURE_",
        )
    })
}
