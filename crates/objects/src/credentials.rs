//! What is set beside an address, by the names that Python dlt has for it.

use dlt_engine::Result;
use dlt_engine::settings::{Section, Value};
use std::fmt;

/// Credentials of all kinds of stores; those of another kind than the address are left alone. What is not set is taken from the
/// environment and the files that the tools of each store use (`AWS_ACCESS_KEY_ID`, `~/.aws/credentials`,
/// `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`), then asked of the machine itself, where it is one of a cloud.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// Of S3.
    pub aws: AwsCredentials,
    /// Of Azure.
    pub azure: AzureCredentials,
    /// Of Google Cloud Storage.
    pub gcp: GcpCredentials,
}

/// Credentials and endpoint of S3 and what speaks like it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AwsCredentials {
    /// `aws_access_key_id`
    pub access_key_id: Option<String>,
    /// `aws_secret_access_key`
    pub secret_access_key: Option<String>,
    /// `aws_session_token`
    pub session_token: Option<String>,
    /// `profile_name`: a profile of `~/.aws/credentials` and `~/.aws/config`.
    pub profile_name: Option<String>,
    /// `region_name`; else `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's, `us-east-1`.
    pub region_name: Option<String>,
    /// `endpoint_url` of MinIO, R2 and others; `http://` is allowed.
    pub endpoint_url: Option<String>,
    /// `s3_url_style`: whether the bucket is part of the host (`vhost`) and not of the path (`path`, the default).
    pub virtual_hosted: Option<bool>,
}

/// Credentials of Azure.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AzureCredentials {
    /// `azure_storage_account_name`
    pub account_name: Option<String>,
    /// `azure_storage_account_key`
    pub account_key: Option<String>,
    /// `azure_storage_sas_token`
    pub sas_token: Option<String>,
    /// `azure_account_host`: the host of the account, where it is not the usual one.
    pub account_host: Option<String>,
    /// `azure_tenant_id` of a service principal.
    pub tenant_id: Option<String>,
    /// `azure_client_id` of a service principal.
    pub client_id: Option<String>,
    /// `azure_client_secret` of a service principal.
    pub client_secret: Option<String>,
}

/// Credentials of Google Cloud Storage: a service account.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct GcpCredentials {
    /// The whole JSON of the key file, or the path of the file: `service_account`, or the credentials themselves as a text.
    pub service_account: Option<String>,
    /// `project_id`
    pub project_id: Option<String>,
    /// `private_key`
    pub private_key: Option<String>,
    /// `private_key_id`
    pub private_key_id: Option<String>,
    /// `client_email`
    pub client_email: Option<String>,
}

impl Credentials {
    /// The keys that [`Credentials::take`] knows, with whether they are secrets.
    pub const KEYS: [(&'static str, bool); 19] = [
        ("aws_access_key_id", false),
        ("aws_secret_access_key", true),
        ("aws_session_token", true),
        ("profile_name", false),
        ("region_name", false),
        ("endpoint_url", false),
        ("s3_url_style", false),
        ("azure_storage_account_name", false),
        ("azure_storage_account_key", true),
        ("azure_storage_sas_token", true),
        ("azure_account_host", false),
        ("azure_tenant_id", false),
        ("azure_client_id", false),
        ("azure_client_secret", true),
        ("service_account", true),
        ("project_id", false),
        ("private_key", true),
        ("private_key_id", false),
        ("client_email", false),
    ];

    /// Takes `credentials` out of the settings of a source or destination: a section, or the JSON of a Google service account as
    /// a text.
    ///
    /// # Errors
    /// [`dlt_engine::ErrorKind::Config`] with the place of what is wrong.
    pub fn take(settings: &mut Section) -> Result<Self> {
        let name = settings.full_name("credentials");
        let Some(entry) = settings.take("credentials") else { return Ok(Self::default()) };
        match entry.node.value {
            Value::Table(table) => Self::read(Section::new(name, entry.key_origin, table)),
            Value::Text(json) if json.trim_start().starts_with('{') => {
                let gcp = GcpCredentials { service_account: Some(json), ..GcpCredentials::default() };
                Ok(Self { gcp, ..Self::default() })
            }
            _ => Err(entry
                .node
                .origin
                .error(format!("`{name}` must be a table, or the JSON of a Google service account"))),
        }
    }

    /// Reads the section `credentials`, key by key.
    ///
    /// # Errors
    /// [`dlt_engine::ErrorKind::Config`] with the place of what is wrong.
    pub fn read(mut section: Section) -> Result<Self> {
        let mut text = |key| Ok::<_, dlt_engine::Error>(section.text(key)?.map(|found| found.value));
        let credentials = Self {
            aws: AwsCredentials {
                access_key_id: text("aws_access_key_id")?,
                secret_access_key: text("aws_secret_access_key")?,
                session_token: text("aws_session_token")?,
                profile_name: text("profile_name")?,
                region_name: text("region_name")?,
                endpoint_url: text("endpoint_url")?,
                virtual_hosted: None,
            },
            azure: AzureCredentials {
                account_name: text("azure_storage_account_name")?,
                account_key: text("azure_storage_account_key")?,
                sas_token: text("azure_storage_sas_token")?,
                account_host: text("azure_account_host")?,
                tenant_id: text("azure_tenant_id")?,
                client_id: text("azure_client_id")?,
                client_secret: text("azure_client_secret")?,
            },
            gcp: GcpCredentials {
                service_account: text("service_account")?,
                project_id: text("project_id")?,
                private_key: text("private_key")?,
                private_key_id: text("private_key_id")?,
                client_email: text("client_email")?,
            },
        };
        let styles = [("path", false), ("vhost", true), ("virtual", true)];
        let virtual_hosted = section.one_of("s3_url_style", &styles)?;
        section.finish()?;
        Ok(Self { aws: AwsCredentials { virtual_hosted, ..credentials.aws }, ..credentials })
    }
}

/// Credentials are secrets: nothing of them is shown.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

macro_rules! secret {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}
secret!(AwsCredentials AzureCredentials GcpCredentials);
