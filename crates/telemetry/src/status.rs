//! Status, preview and receipts: everything that a user can look at.

use std::io;
use std::path::PathBuf;

use crate::clock::timestamp;
use crate::consent::{Consent, Origin};
use crate::delivery_state::LastAnswer;
use crate::identity;
use crate::loss::Losses;
use crate::names::Part;
use crate::receipt::{Chain, Receipt};
use crate::settings::{DeliveryMode, HashMode, Setting};
use crate::setup::Setup;

/// The state of telemetry on this machine.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// On or off, which source decided, and all sources.
    pub consent: Consent,
    /// The machine's random id, if there is one yet.
    pub anonymous_id: Option<String>,
    /// Where events are sent.
    pub endpoint: EndpointStatus,
    /// Where the write key was read, if one is set. The key itself is not shown.
    pub write_key: Option<Origin>,
    /// How the last attempt went.
    pub last_answer: Option<LastAnswer>,
    /// Nothing is sent before this time, as RFC 3339 in UTC: the tracker asked for it, or attempts failed.
    pub paused_until: Option<String>,
    /// Events in the spool.
    pub waiting: usize,
    /// Bytes in the spool.
    pub waiting_bytes: u64,
    /// When the oldest event in the spool was recorded, as RFC 3339 in UTC.
    pub oldest: Option<String>,
    /// Events that were given up and that no event has reported yet, by reason.
    pub dropped: Losses,
    /// Events that were acknowledged, of all time.
    pub sent: u64,
    /// How names are hashed.
    pub hash: Setting<HashMode>,
    /// Whether the id that is sent changes each month.
    pub rotates_monthly: bool,
    /// How events leave this process.
    pub delivery: DeliveryMode,
    /// Settings that are not understood, a sentence each.
    pub complaints: Vec<String>,
    /// The folder that holds spool and receipts.
    pub folder: PathBuf,
}

/// Where events are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointStatus {
    /// No endpoint is set: events stay on this machine.
    None,
    /// The address can be used.
    Usable {
        /// The address, with scheme and path.
        url: String,
        /// Where it was read.
        origin: Origin,
    },
    /// The address cannot be used: nothing is sent.
    Invalid {
        /// What is wrong with it.
        why: String,
        /// Where it was read.
        origin: Origin,
    },
    /// Segment needs a write key, and none is set: nothing is sent.
    MissingWriteKey {
        /// The address, with scheme and path.
        url: String,
        /// Where it was read.
        origin: Origin,
        /// The key to set in a configuration file.
        key: String,
        /// Or the environment variable.
        variable: String,
    },
}

/// An event in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// Its name, such as `command_init`.
    pub event: String,
    /// Its `messageId`.
    pub message_id: String,
    /// The request body, byte for byte.
    pub body: String,
}

impl Setup {
    /// Reads the state. Changes and sends nothing.
    #[must_use]
    pub fn status(&self) -> Status {
        let contents = self.queue.spool.read().unwrap_or_default();
        let state = self.queue.state.read();
        let settings = &self.settings;
        let context = crate::envelope::Context::new(&self.environment, &self.software);
        let waits = state.must_wait(self.clock.now_ms(), &self.policy);
        Status {
            consent: settings.consent.clone(),
            anonymous_id: identity::peek(&self.paths.data),
            endpoint: self.endpoint_status(),
            write_key: settings.write_key.as_ref().map(|setting| setting.origin.clone()),
            paused_until: waits.then(|| timestamp(state.not_before_ms)),
            last_answer: state.last,
            waiting: contents.entries.len(),
            waiting_bytes: contents.bytes,
            oldest: contents.entries.iter().map(|entry| entry.recorded_ms).min().map(timestamp),
            dropped: contents.losses,
            sent: state.sent,
            hash: settings.hash.clone(),
            rotates_monthly: settings.rotate_id.value,
            delivery: self.mode(context.is_ci || context.is_container),
            complaints: settings.complaints.clone(),
            folder: self.queue.folder.clone(),
        }
    }

    fn endpoint_status(&self) -> EndpointStatus {
        let Some(setting) = &self.settings.endpoint else { return EndpointStatus::None };
        let origin = setting.origin.clone();
        match &setting.value {
            Err(error) => EndpointStatus::Invalid { why: error.to_string(), origin },
            Ok(endpoint) if self.settings.usable_endpoint().is_some() => {
                EndpointStatus::Usable { url: endpoint.url().to_owned(), origin }
            }
            Ok(endpoint) => EndpointStatus::MissingWriteKey {
                url: endpoint.url().to_owned(),
                origin,
                key: format!("{}.{}", self.names.table, self.names.key_of(Part::WriteKey)),
                variable: self.names.variable_of(Part::WriteKey),
            },
        }
    }

    /// The request bodies that wait to be sent, byte for byte, from the file that the sender reads. Sends nothing.
    ///
    /// For five minutes these are the exact bytes of the requests; an event that is sent later differs only in the value of
    /// `sentAt`.
    ///
    /// # Errors
    /// If the spool cannot be read.
    pub fn pending(&self) -> io::Result<Vec<Pending>> {
        // With telemetry off, a preview changes no file.
        let entries = if self.is_on() { self.queue.refresh_stamps()? } else { self.queue.spool.read()?.entries };
        let pending =
            |entry: crate::spool::Entry| Pending { event: entry.event, message_id: entry.message_id, body: entry.body };
        Ok(entries.into_iter().map(pending).collect())
    }

    /// What was sent and what came back, oldest first.
    ///
    /// # Errors
    /// If the receipts cannot be read.
    pub fn receipts(&self) -> io::Result<Vec<Receipt>> {
        self.queue.receipts.read()
    }

    /// Checks that no receipt was changed, taken out or moved.
    ///
    /// # Errors
    /// If the receipts cannot be read.
    pub fn verify(&self) -> io::Result<Chain> {
        self.queue.receipts.verify()
    }
}
