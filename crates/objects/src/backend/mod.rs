//! The kinds of stores.

pub(crate) mod aws;
pub(crate) mod azure;
pub(crate) mod gcp;
pub(crate) mod local;
pub(crate) mod remote;
pub(crate) mod web;

use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use std::time::Duration;

/// How often and how long a request is tried again: some seconds of trouble are waited out, a store that is down is told of within
/// a minute.
pub(crate) fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            base: 2.,
        },
        max_retries: 8,
        retry_timeout: Duration::from_secs(60),
    }
}

/// Timeouts are those of silence, not of a whole transfer: a large object over a slow line takes as long as it takes.
pub(crate) fn client_options() -> ClientOptions {
    ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(Duration::from_secs(10))
        .with_read_timeout(SILENCE)
        .with_allow_http(true)
}

/// How long a server may say nothing.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
