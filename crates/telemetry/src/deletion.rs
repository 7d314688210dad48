//! The deletion request: the tracker deletes what this machine has sent.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use serde_json::{Value as Json, json};

use crate::clock::{timestamp, uuid7};
use crate::delivery::Upstream;
use crate::hash::{hex, shake128};
use crate::identity;
use crate::random::random;
use crate::receipt::{Outcome, ReceiptKind};
use crate::setup::Setup;

/// Most acknowledged events that are shown to the tracker as proof, for each id.
const PROOFS: usize = 5;

/// A deletion request that the tracker accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deletion {
    /// The ids whose events the tracker has deleted or will delete.
    pub ids: Vec<String>,
    /// The tracker's answer for each id, unchanged.
    pub answers: Vec<String>,
}

/// Why a deletion request failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeletionError {
    /// Nothing was ever sent from this machine, so there is nothing to delete.
    NothingSent,
    /// There is no usable endpoint, or no transport to reach it by.
    NoEndpoint,
    /// The tracker refused it, or could not be reached.
    Refused {
        /// The address of the request.
        url: String,
        /// The HTTP status, if there was one.
        status: Option<u16>,
        /// What the answer was, or why there was none.
        why: String,
    },
    /// A file could not be read or written.
    Io(io::Error),
}

impl fmt::Display for DeletionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingSent => {
                formatter.write_str("nothing was ever sent from this machine, so there is nothing to delete")
            }
            Self::NoEndpoint => {
                formatter.write_str("no usable endpoint is set; set the endpoint that received the events")
            }
            Self::Refused { url, status: Some(status), why } => write!(formatter, "{url} answered {status}: {why}"),
            Self::Refused { url, status: None, why } => write!(formatter, "{url} could not be reached: {why}"),
            Self::Io(_) => formatter.write_str("the receipts cannot be read or written"),
        }
    }
}

impl std::error::Error for DeletionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for DeletionError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Setup {
    /// Asks the tracker to delete every event that this machine has sent, and waits for its answer. No account is needed:
    /// hashes of requests, which only this machine and the tracker know, prove who sent them. If the tracker accepts, the
    /// spool and the id are deleted too.
    ///
    /// # Errors
    /// If nothing was sent, there is no endpoint, or the tracker does not accept.
    pub fn request_deletion(&self) -> Result<Deletion, DeletionError> {
        let proofs = self.proofs()?;
        if proofs.is_empty() {
            return Err(DeletionError::NothingSent);
        }
        let endpoint = self.settings.usable_endpoint().ok_or(DeletionError::NoEndpoint)?;
        let mut upstream = self.upstream().ok_or(DeletionError::NoEndpoint)?;
        upstream.url = format!("{}/v1/forget", endpoint.origin());
        let _lock = self.stop_sender();
        let mut deletion = Deletion { ids: Vec::new(), answers: Vec::new() };
        for (id, proof) in proofs {
            let answer = self.ask_to_delete(&upstream, &id, &proof)?;
            deletion.ids.push(id);
            deletion.answers.push(answer);
        }
        self.queue.spool.purge()?;
        identity::remove(&self.paths.data, &self.paths.telemetry())?;
        Ok(deletion)
    }

    /// The newest acknowledged events of each id.
    fn proofs(&self) -> io::Result<BTreeMap<String, Vec<Json>>> {
        let mut bodies = BTreeMap::new();
        let mut proofs: BTreeMap<String, Vec<Json>> = BTreeMap::new();
        for receipt in self.queue.receipts.read()? {
            match receipt.kind {
                ReceiptKind::Attempt { body, .. } => {
                    bodies.insert(receipt.message_id, body);
                }
                ReceiptKind::Answer { outcome: Outcome::Sent, .. } => {
                    let Some(body) = bodies.remove(&receipt.message_id) else { continue };
                    let parsed: Json = serde_json::from_str(&body).unwrap_or_default();
                    let Some(id) = parsed.get("anonymousId").and_then(Json::as_str) else { continue };
                    let hash = hex(&shake128::<32>(&[body.as_bytes()]));
                    let of_id = proofs.entry(id.to_owned()).or_default();
                    of_id.push(json!({"messageId": receipt.message_id, "digest": hash}));
                    if of_id.len() > PROOFS {
                        of_id.remove(0);
                    }
                }
                ReceiptKind::Answer { .. } => {}
            }
        }
        Ok(proofs)
    }

    fn ask_to_delete(&self, upstream: &Upstream, id: &str, proof: &[Json]) -> Result<String, DeletionError> {
        let now = self.clock.now_ms();
        let body = json!({"anonymousId": id, "proof": proof}).to_string();
        let message_id = uuid7(now, random());
        let receipts = &self.queue.receipts;
        receipts.attempt(&timestamp(now), &message_id, &upstream.url, &body)?;
        let (answer, judgement) = upstream.post(body.as_bytes(), self.policy.request_timeout);
        let status = answer.as_ref().map(|answer| answer.status);
        let words = answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default();
        let note = format!("{}{words}", judgement.note);
        receipts.answer(&timestamp(self.clock.now_ms()), &message_id, judgement.outcome, status, &note)?;
        if judgement.outcome == Outcome::Sent {
            return Ok(words);
        }
        Err(DeletionError::Refused { url: upstream.url.clone(), status, why: judgement.note })
    }
}
