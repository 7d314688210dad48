//! What the tracker has of this machine: asking what it is, and the deletion request.

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

/// What a tracker says that it has of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holdings {
    /// The ids that were asked for.
    pub ids: Vec<String>,
    /// The tracker's answer for each id, unchanged.
    pub answers: Vec<String>,
}

/// Why a tracker was not asked, or did not do what it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeletionError {
    /// Nothing was ever sent from this machine, so there is nothing that a tracker could have.
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
                formatter.write_str("nothing was ever sent from this machine, so no tracker has anything of it")
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

/// Acknowledged events of each id, with what proves them.
type Proofs = BTreeMap<String, Vec<Json>>;

impl Setup {
    /// Asks the tracker to delete every event that this machine has sent, and waits for its answer. No account is needed:
    /// hashes of requests, which only this machine and the tracker know, prove who sent them. If the tracker accepts, the
    /// spool and the id are deleted too.
    ///
    /// # Errors
    /// If nothing was sent, there is no endpoint, or the tracker does not accept.
    pub fn request_deletion(&self) -> Result<Deletion, DeletionError> {
        let (upstream, proofs) = self.claims("forget")?;
        let _lock = self.stop_sender();
        let (ids, answers) = self.ask_for_each(&upstream, proofs)?;
        let deletion = Deletion { ids, answers };
        self.queue.spool.purge()?;
        identity::remove(&self.paths.data, &self.paths.telemetry())?;
        Ok(deletion)
    }

    /// Asks the tracker what it has of this machine: which events, how many, and from when. The same proof is needed as for a
    /// deletion request, and nothing is changed.
    ///
    /// # Errors
    /// If nothing was sent, there is no endpoint, or the tracker does not tell.
    pub fn holdings(&self) -> Result<Holdings, DeletionError> {
        let (upstream, proofs) = self.claims("holdings")?;
        let (ids, answers) = self.ask_for_each(&upstream, proofs)?;
        Ok(Holdings { ids, answers })
    }

    /// Where to ask for something, and what proves who asks.
    fn claims(&self, what: &str) -> Result<(Upstream, Proofs), DeletionError> {
        let proofs = self.proofs()?;
        if proofs.is_empty() {
            return Err(DeletionError::NothingSent);
        }
        let endpoint = self.settings.usable_endpoint().ok_or(DeletionError::NoEndpoint)?;
        let mut upstream = self.upstream().ok_or(DeletionError::NoEndpoint)?;
        upstream.url = format!("{}/v1/{what}", endpoint.origin());
        Ok((upstream, proofs))
    }

    /// Asks for each id; the ids, and the answers.
    fn ask_for_each(&self, upstream: &Upstream, proofs: Proofs) -> Result<(Vec<String>, Vec<String>), DeletionError> {
        let (mut ids, mut answers) = (Vec::new(), Vec::new());
        for (id, proof) in proofs {
            answers.push(self.ask(upstream, &id, &proof)?);
            ids.push(id);
        }
        Ok((ids, answers))
    }

    /// The newest acknowledged events of each id.
    fn proofs(&self) -> io::Result<Proofs> {
        let mut bodies = BTreeMap::new();
        let mut proofs = Proofs::new();
        for receipt in self.queue.receipts.read()? {
            match receipt.kind {
                ReceiptKind::Attempt { body, .. } => {
                    bodies.insert(receipt.message_id, body);
                }
                ReceiptKind::Answer { outcome: Outcome::Sent, .. } => {
                    let Some(body) = bodies.remove(&receipt.message_id) else { continue };
                    let parsed: Json = serde_json::from_str(&body).unwrap_or_default();
                    let Some(id) = parsed.get("anonymousId").and_then(Json::as_str) else { continue };
                    // What was asked for earlier is no event.
                    if parsed.get("event").is_none() {
                        continue;
                    }
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

    fn ask(&self, upstream: &Upstream, id: &str, proof: &[Json]) -> Result<String, DeletionError> {
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
