//! The crate from outside: what a host sees, what a tracker sees, what the disk sees.

#![allow(clippy::unwrap_used)]

mod contract;
mod control;
mod crash;
mod debug;
mod delivery;
mod dependencies;
mod fuzzing;
mod host;
mod network;
mod overhead;
mod page;
mod pond;
mod silence;
mod tls;
mod together;
mod tracker;
