//! The tracker: receives telemetry, keeps it, reports on it.
//!
//! # The path of an event
//!
//! ```text
//! POST ──► http ──► decode ──► event + scrub ──► journal ──► 200 / 204
//!          memory   inflate,   the row that is   one write,
//!          and      take the   stored, or why    one sync
//!          time     request    it is put aside   for all who
//!          bounded  apart                        came meanwhile
//!                                                    │
//!                       report ◄── tables ◄── engine ◄── loader, every second
//!                       check      DuckDB     one transaction: events, quarantine,
//!                                             which sequence numbers were taken
//! ```
//!
//! [`serve`] runs a tracker on a data folder; [`report`] and [`check`] read one, whether a tracker runs on it or not.
//!
//! # What holds
//!
//! * A sender that was told of success has its events on the disk. A crash between any two steps loses none of them
//!   and doubles none: a sequence number is taken from the journal in the transaction that writes its row, and the
//!   journal forgets it only after the row was found, or missed and copied.
//! * Every accepted event is in exactly one place; the [`Ledger`] says in which, [`check`] counts anew.
//! * Who proves to have sent an event can have all of that id deleted; the request goes through the journal as events
//!   do, so an acknowledged one survives a crash, and what was acknowledged before it is covered (see `forget`).
//! * No address, no header, no user agent and no key reaches the disk: only what the modules `scrub` and `event` name.
//! * Memory is bounded by [`ServeOptions::memory_bytes`] and a few fixed buffers; what is beyond is answered with 429.
//!
//! This crate knows nothing of the telemetry client, of command lines or of terminals.

mod check;
mod data_dir;
mod decode;
mod deletion;
mod descriptors;
mod durable_dir;
mod error;
mod event;
mod hash;
mod http;
mod journal;
mod ledger;
mod loader;
mod message_id;
mod metrics;
mod outcome;
mod report;
mod scrub;
mod server;
mod store;

pub use check::Check;
pub use decode::Limits;
pub use error::Error;
pub use ledger::Ledger;
pub use outcome::Reason;
pub use report::{EventSummary, Report, Share, VersionSummary};
pub use server::{Ready, ServeOptions, StopHandle, Summary, check, report, serve};
