//! What can be changed: off, on, a new id, and being forgotten.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::clock::{timestamp, uuid7};
use crate::config::{self, ConfigError};
use crate::digest::{hex, shake128};
use crate::disk;
use crate::identity;
use crate::names::Part;
use crate::outbox::{Destination, SenderLock};
use crate::receipt::{Outcome, ReceiptKind};
use crate::sender;
use crate::setup::Setup;

/// How long a sender that was told to stop, or that cannot be told, is waited for.
const SENDER_STOP_WAIT: Duration = Duration::from_millis(500);
/// Acknowledged events that are shown to the tracker as proof.
const PROOFS: usize = 5;

/// What switching on or off has changed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Switched {
    /// The configuration files that now say so.
    pub written: Vec<PathBuf>,
    /// Those that could not be changed.
    pub failed: Vec<ConfigError>,
    /// Events that waited in the spool and were deleted.
    pub deleted: usize,
}

/// A request to be forgotten that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// The ids whose events the tracker has deleted or will delete.
    pub ids: Vec<String>,
    /// The tracker's own words for each, as they came.
    pub answers: Vec<String>,
}

/// Why a request to be forgotten was not granted.
#[derive(Debug)]
#[non_exhaustive]
pub enum ForgetError {
    /// Nothing was ever sent from here, so there is nothing to forget.
    NothingSent,
    /// There is no usable endpoint, or no transport to reach it by.
    NoEndpoint,
    /// The tracker did not agree.
    Refused {
        /// The address that was asked.
        url: String,
        /// The HTTP status, if there was one.
        status: Option<u16>,
        /// What came back.
        why: String,
    },
    /// A file could not be read or written.
    Io(io::Error),
}

impl fmt::Display for ForgetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingSent => {
                formatter.write_str("nothing was ever sent from this machine: there is nothing to forget")
            }
            Self::NoEndpoint => formatter.write_str(
                "no usable endpoint is set, so there is nobody to ask; set the endpoint that received the events",
            ),
            Self::Refused { url, status: Some(status), why } => write!(formatter, "{url} answered {status}: {why}"),
            Self::Refused { url, status: None, why } => write!(formatter, "{url} could not be asked: {why}"),
            Self::Io(_) => formatter.write_str("the receipts cannot be read or written"),
        }
    }
}

impl std::error::Error for ForgetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for ForgetError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Setup {
    /// Switches telemetry off for the machine, and for the project where it has a configuration file: writes it down,
    /// stops a sender that is at work, deletes what waits. Sends nothing. This process has to be set up anew.
    #[must_use = "a file that could not be written has to be named to the user"]
    pub fn disable(&self) -> Switched {
        let mut switched = self.write_switch(false);
        let _stopped = self.stop_sender();
        switched.deleted = self.outbox.spool.read().map_or(0, |contents| contents.entries.len());
        let _ = self.outbox.spool.purge();
        switched
    }

    /// The mirror of [`disable`](Self::disable). Somebody else may still say no: ask [`status`](Self::status) of a new
    /// set-up.
    #[must_use = "a file that could not be written has to be named to the user"]
    pub fn enable(&self) -> Switched {
        self.write_switch(true)
    }

    fn write_switch(&self, on: bool) -> Switched {
        let mut switched = Switched { written: Vec::new(), failed: Vec::new(), deleted: 0 };
        let of_project = self.places.project_config().filter(|path| path.is_file());
        for path in std::iter::once(self.places.global_config()).chain(of_project) {
            match config::set_bool(&path, &self.names.table, &self.names.key_of(Part::Switch), on) {
                Ok(()) => switched.written.push(path),
                Err(error) => switched.failed.push(error),
            }
        }
        switched
    }

    /// The right to send, taken from a detached sender if need be. A host that sends from within itself is left alone:
    /// it asks for consent before each request.
    fn stop_sender(&self) -> Option<SenderLock> {
        if !self.outbox.folder.is_dir() {
            return None;
        }
        if let Some(lock) = self.outbox.lock(Duration::ZERO) {
            return Some(lock);
        }
        if let Some(pid) =
            disk::text_at_most(&self.outbox.lock_path(), 64).ok().and_then(|text| text.trim().parse().ok())
        {
            // Never another process that has been given the number since.
            if sender::is_process_of_sender(pid) {
                kill(pid);
            }
        }
        self.outbox.lock(SENDER_STOP_WAIT)
    }

    /// Throws the machine's id away, and the secret that its hashes were keyed with. Returns the new id, which is made
    /// only if telemetry is on.
    ///
    /// # Errors
    /// If the old ones cannot be deleted.
    pub fn reset_id(&self) -> io::Result<Option<String>> {
        identity::forget(&self.places.data, &self.places.telemetry())?;
        if !self.is_on() {
            return Ok(None);
        }
        identity::Identity::load(&self.places.data, &self.places.telemetry())
            .map(|identity| Some(identity.anonymous_id))
    }

    /// Asks the tracker to delete every event that came from here, and waits for its answer. No account is needed: the
    /// digests of requests that only this machine and the tracker know are proof of whose events they are. If the
    /// tracker agrees, what waits is deleted too, and the id is thrown away.
    ///
    /// # Errors
    /// If nothing was sent, nobody can be asked, or the tracker does not agree.
    pub fn forget(&self) -> Result<Forgotten, ForgetError> {
        let proofs = self.proofs()?;
        if proofs.is_empty() {
            return Err(ForgetError::NothingSent);
        }
        let endpoint = self.settings.usable_endpoint().ok_or(ForgetError::NoEndpoint)?;
        let mut destination = self.destination().ok_or(ForgetError::NoEndpoint)?;
        destination.url = format!("{}/v1/forget", endpoint.origin());
        let _lock = self.stop_sender();
        let mut forgotten = Forgotten { ids: Vec::new(), answers: Vec::new() };
        for (id, proof) in proofs {
            let answer = self.ask_to_forget(&destination, &id, &proof)?;
            forgotten.ids.push(id);
            forgotten.answers.push(answer);
        }
        self.outbox.spool.purge()?;
        identity::forget(&self.places.data, &self.places.telemetry())?;
        Ok(forgotten)
    }

    /// For each id under which events were acknowledged, the newest of them.
    fn proofs(&self) -> io::Result<BTreeMap<String, Vec<Json>>> {
        let mut bodies = BTreeMap::new();
        let mut proofs: BTreeMap<String, Vec<Json>> = BTreeMap::new();
        for receipt in self.outbox.receipts.read()? {
            match receipt.kind {
                ReceiptKind::Attempt { body, .. } => {
                    bodies.insert(receipt.message_id, body);
                }
                ReceiptKind::Answer { outcome: Outcome::Sent, .. } => {
                    let Some(body) = bodies.remove(&receipt.message_id) else { continue };
                    let parsed: Json = serde_json::from_str(&body).unwrap_or_default();
                    let Some(id) = parsed.get("anonymousId").and_then(Json::as_str) else { continue };
                    let digest = hex(&shake128::<32>(&[body.as_bytes()]));
                    let of_id = proofs.entry(id.to_owned()).or_default();
                    of_id.push(json!({"messageId": receipt.message_id, "digest": digest}));
                    if of_id.len() > PROOFS {
                        of_id.remove(0);
                    }
                }
                ReceiptKind::Answer { .. } => {}
            }
        }
        Ok(proofs)
    }

    fn ask_to_forget(&self, destination: &Destination, id: &str, proof: &[Json]) -> Result<String, ForgetError> {
        let now = self.clock.now_ms();
        let body = json!({"anonymousId": id, "proof": proof}).to_string();
        let message_id = uuid7(now, crate::random());
        let receipts = &self.outbox.receipts;
        receipts.attempt(&timestamp(now), &message_id, &destination.url, &body)?;
        let (answer, judgement) = destination.post(body.as_bytes(), self.policy.request_timeout);
        let status = answer.as_ref().map(|answer| answer.status);
        let words = answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default();
        let note = format!("{}{words}", judgement.note);
        receipts.answer(&timestamp(self.clock.now_ms()), &message_id, judgement.outcome, status, &note)?;
        if judgement.outcome == Outcome::Sent {
            return Ok(words);
        }
        Err(ForgetError::Refused { url: destination.url.clone(), status, why: judgement.note })
    }
}

#[cfg(unix)]
fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_: i32) {}
