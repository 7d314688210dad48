//! Real counterparts for whole-program tests.
//!
//! Nothing here imitates `dlt` or what it talks to: the [`Sandbox`] runs the built binary with a home of its own, the
//! [`Recorder`] is an HTTP server that keeps every request whole, the [`Tracker`] is `dlt tracker serve` itself,
//! [`Postgres`] is a server of its own, and [`PythonDlt`] is the original from PyPI in a virtual environment. Everything
//! listens on 127.0.0.1 and writes below a temporary folder; nothing is sent off the machine.

mod adbc;
mod binary;
mod client;
mod generator;
mod postgres;
mod process;
mod python;
mod recorder;
mod sandbox;
mod tracker;

pub use adbc::AdbcDrivers;
pub use binary::dlt_binary;
pub use client::Client;
pub use generator::Generator;
pub use postgres::Postgres;
pub use process::{Invocation, Output, Running};
pub use python::PythonDlt;
pub use recorder::{Answer, Recorder, Request};
pub use sandbox::Sandbox;
pub use tracker::Tracker;
