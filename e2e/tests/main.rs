//! Whole-program tests: the built `dlt` with real counterparts.
#![allow(clippy::unwrap_used)]

mod adbc;
mod bad_input;
mod cases;
mod commands;
mod conformance;
mod continuation;
mod contracts;
mod dashboard;
mod databases;
mod declared;
mod differential;
mod documents;
mod faults;
mod files;
mod incremental;
mod judge;
mod killed_pipeline;
mod killed_replay;
mod killed_steps;
mod killed_tracker;
mod known_differences;
mod lake;
mod learning;
mod merging;
mod messages;
mod overhead;
mod postgres;
mod projects;
mod shared_journal;
mod silence;
mod tracker_limits;
mod tracker_privacy;
mod tracker_report;
mod tracker_tls;
mod turns;
