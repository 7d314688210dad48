//! Tests of object stores against real ones.
#![allow(clippy::unwrap_used)]
mod azure;
mod cases;
mod local;
mod s3;
mod web;
