//! Tests of the filesystem destination against folders and a server of S3.
#![allow(clippy::unwrap_used)]
mod faults;
mod lake;
mod layouts;
mod suite;
