//! Anonymous telemetry that people would choose to leave on, for any Rust program.
//!
//! To be continued.

mod clock;
mod config;
mod consent;
mod context;
mod control;
mod courier;
mod digest;
mod endpoint;
mod envelope;
mod environment;
mod event;
pub mod events;
#[cfg(feature = "http")]
mod http;
mod identity;
mod loss;
mod memory;
mod names;
mod notice;
mod outbox;
mod policy;
mod receipt;
mod sender;
mod settings;
mod setup;
mod spool;
mod status;
mod telemetry;
mod transport;
mod value;

pub use clock::Clock;
pub use config::ConfigError;
pub use consent::{Consent, Evidence, Origin, Verdict};
pub use control::{ForgetError, Forgotten, Switched};
pub use endpoint::{Endpoint, EndpointError};
pub use environment::{Environment, Machine};
#[doc(hidden)]
pub use event::Properties;
pub use event::{Declaration, Event, Field};
pub use loss::{Losses, Reason};
pub use memory::LastAnswer;
pub use names::Names;
pub use policy::Policy;
pub use receipt::{Chain, Outcome, Receipt, ReceiptKind};
pub use sender::{DetachedSender, run_sender_if_asked};
pub use settings::{DeliveryMode, HashMode, Setting};
pub use setup::{Builder, Delivery, Setup};
pub use status::{EndpointStatus, Pending, Status};
pub use telemetry::Telemetry;
pub use transport::{Answer, Request, Transport, TransportError};
pub use value::{Count, NameHash, Privacy, Seconds, TransactionId, Value, Word};

/// Random bytes; from the clock and an address where the system refuses any.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::getrandom(&mut bytes).is_err() {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let seed =
            [&now.to_le_bytes()[..], &(&raw const bytes as usize).to_le_bytes(), &std::process::id().to_le_bytes()];
        bytes = digest::shake128(&seed);
    }
    bytes
}
