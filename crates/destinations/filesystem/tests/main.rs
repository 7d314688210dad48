//! Tests of the filesystem destination against folders and a server of S3.
#![allow(clippy::unwrap_used)]
mod delta;
mod faults;
mod layouts;
mod suite;
