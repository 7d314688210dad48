//! Anonymous telemetry that people would choose to leave on, for any Rust program.
//!
//! ```no_run
//! use dlt_telemetry::{Seconds, Telemetry, event, run_sender_if_asked};
//!
//! event! {
//!     /// The pond was drained.
//!     pub struct PondDrained("pond", "drained") {
//!         /// How long it took.
//!         elapsed: Seconds, unit = "s", example = 3.2;
//!     }
//! }
//!
//! fn main() {
//!     let sender = run_sender_if_asked(); // first thing in main
//!     let telemetry = Telemetry::builder("pond", env!("CARGO_PKG_VERSION")).detached(sender).start();
//!     let started = std::time::Instant::now();
//!     // … the program's work …
//!     telemetry.record(&PondDrained { elapsed: started.elapsed().into() });
//!     telemetry.finish();
//! }
//! ```
//!
//! # The path of an event
//!
//! 1. **Consent** is decided when [`Builder::start`] is called: the most restrictive of environment, administrator's,
//!    user's and project's configuration wins ([`Consent`]). Off: none of what follows exists.
//! 2. [`Telemetry::record`] takes an [`Event`], a type whose every field is declared by [`event!`]. There is no field for
//!    free text.
//! 3. The request body is composed and **appended to the spool**, a file with limits in number, bytes and age.
//! 4. [`Telemetry::finish`] **drains** the spool: by a detached process, by a background thread, or in place
//!    ([`DeliveryMode`]).
//! 5. Before each request its exact bytes go into the **receipts**, a chain of hashes; after it, the answer.
//! 6. An event ends in exactly one way: sent, still in the spool, or given up for a counted [`Reason`]. The next event
//!    carries the counts.
//!
//! # What holds
//!
//! - Standard output, exit code and errors of the host are never touched; standard error only by the notice of the
//!   first run, and by debugging. No panic leaves the crate.
//! - What [`Setup::pending`] shows is what is sent, byte for byte.
//! - Nothing is ever sent to an address that neither the user nor the builder of the program has set.
//! - Nothing is sent in the first run on a machine, except in CI and containers, where there is no second.
//!
//! What this crate does not know: pipelines, async runtimes, global state. The module [`events`] holds the events of
//! `dlt`; other programs bring their own.

mod background;
mod clock;
mod config;
mod consent;
mod context;
mod contract;
mod deletion;
mod delivery;
mod delivery_state;
mod disk;
mod endpoint;
mod envelope;
mod environment;
mod event;
pub mod events;
#[doc(hidden)]
pub mod fuzzing;
mod hash;
#[cfg(feature = "http")]
mod http;
mod identity;
mod loss;
mod names;
mod notice;
mod policy;
mod process;
mod random;
mod receipt;
mod sender;
mod settings;
mod setup;
mod spool;
mod status;
mod switch;
mod telemetry;
mod transport;
mod value;

pub use clock::Clock;
pub use config::ConfigError;
pub use consent::{Consent, Evidence, Origin, Verdict};
pub use contract::{Contract, ENVELOPE};
pub use deletion::{Deletion, DeletionError, Holdings};
pub use delivery_state::LastAnswer;
pub use endpoint::{Endpoint, EndpointError};
pub use environment::{Environment, Machine};
#[doc(hidden)]
pub use event::Properties;
pub use event::{Declaration, Event, Field};
pub use loss::{Losses, Reason};
pub use names::Names;
pub use policy::Policy;
pub use receipt::{Chain, Outcome, Receipt, ReceiptKind};
pub use sender::{DetachedSender, run_sender_if_asked};
pub use settings::{DeliveryMode, HashMode, Setting};
pub use setup::{Builder, Delivery, Setup};
pub use status::{EndpointStatus, Pending, Status};
pub use switch::Switched;
pub use telemetry::Telemetry;
pub use transport::{Answer, Request, Transport, TransportError};
pub use value::{Count, NameHash, Privacy, Seconds, TransactionId, Value, Word};
