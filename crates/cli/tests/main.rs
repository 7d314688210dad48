//! The built program as a person or a script meets it: what it prints where, and how it ends.
#![allow(clippy::unwrap_used, missing_docs)]

mod deploy;
mod help;
mod init;
mod load;
mod look;
mod portion;
mod sandbox;
mod schemas;
mod start;
mod telemetry;
mod text;
mod tracker;
mod values;
