//! The tracker: receives telemetry, keeps it, reports on it.
//!
//! # The path of an event
//!
//! ```text
//! POST ──► http ──► decode ──► event + scrub ──► journal ──► 200 / 204
//!          memory   inflate,   the row that is   one write,
//!          and      take the   stored, or why    one sync
//!          time     request    it is quarantined for all who
//!          bounded  apart                        came meanwhile
//!                                                    │
//!         report ◄── survey ◄── tables ◄── engine ◄── loader, every second
//!      dashboard     what is                one transaction: events, quarantine,
//!                    counted                which sequence numbers were taken
//! ```
//!
//! [`serve`] runs a tracker on a data folder; [`report`], [`sql`] and [`check`] read one, whether a tracker runs on it or not.
//!
//! # What holds
//!
//! * The events of an acknowledged request are on the disk. A crash between any two steps loses none of them and stores
//!   none twice: a row and the position in the journal are written in one transaction, and the journal deletes an event
//!   only after its row was found, or a copy was kept.
//! * Every accepted event is in exactly one place; the [`Ledger`] shows in which, and [`check`] recounts.
//! * A sender that proves an event to be its own can have all events of its id deleted. The request goes through the
//!   journal as events do, so it survives a crash and covers what was acknowledged before it (see `deletion`).
//! * No address, no header, no user agent and no key reaches the disk: only what the modules `scrub` and `event` name.
//! * An event belongs to the project that its request's write key leads to (see `projects`); of a key only a hash is kept.
//! * What a project's contract does not name is in the quarantine, whole, and not in the tables (see `contract`).
//! * Memory is bounded by [`ServeOptions::memory_bytes`], a few fixed buffers, and what is kept of events to count them (see `survey`);
//!   requests beyond it get 429.
//!
//! # Seams
//!
//! Two contracts have several implementations each: `journal` (segments of a local disk, or a stream of NATS) and `store` (a
//! DuckDB file, a Postgres database, or files). [`serve`] chooses them in one place, `server::parts`.
//!
//! This crate knows nothing of the telemetry client, command lines or terminals.

mod backup;
mod check;
mod config;
mod contract;
mod dashboard;
mod data_dir;
mod decode;
mod deletion;
mod descriptors;
mod durable_dir;
mod edge;
mod error;
mod event;
#[doc(hidden)]
pub mod fuzzing;
mod hash;
mod holdings;
mod http;
mod journal;
mod learn;
mod ledger;
mod loader;
mod message;
mod message_id;
mod metrics;
mod outcome;
mod place;
mod projects;
mod quarantine;
mod query;
mod question;
mod report;
mod retention;
mod row;
mod scrub;
mod secret;
mod server;
mod stamp;
mod store;
mod survey;
mod tree;

pub use backup::Backup;
pub use check::Check;
pub use config::{Arguments, Config};
pub use contract::{ContractSummary, check_contract};
pub use dashboard::Public;
pub use decode::Limits;
pub use deletion::Forgotten;
pub use edge::{EdgeLoad, EdgeRecords, edge_settings};
pub use error::Error;
pub use http::{RateLimits, TlsFiles};
pub use ledger::Ledger;
pub use outcome::Reason;
pub use place::{JournalAddress, Place, StoreAddress};
pub use projects::{Key, NewKey, TakenProjects, UnknownKey};
pub use quarantine::{Aside, MAX_GROUPS, Quarantined, Replayed, Selection, Stay};
pub use report::{DaySummary, EventSummary, Report, Share, VersionSummary};
pub use retention::{Retain, Retained, RetainedPart, Retention};
pub use server::{
    Duty, LogFormat, Ready, ServeOptions, StopHandle, Summary, add_key, backup, check, dashboard_token,
    export_projects, forget, forget_user, health, import_projects, keys, learn_contract, load_objects, move_tables,
    quarantined, quarantined_event, replay, report, report_of, restore, retain, revoke_key, serve, show_contract, sql,
};
