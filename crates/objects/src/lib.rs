//! Object stores by address: local folders, S3, Google Cloud Storage, Azure, HTTP.
