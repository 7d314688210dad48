//! Failures of stores.

use dlt_engine::{Error, ErrorKind};
use dlt_objects::StoreError;

/// A failure of the store, as one of the destination.
pub(crate) fn failed(error: StoreError) -> Error {
    error.into_engine(ErrorKind::Destination)
}
