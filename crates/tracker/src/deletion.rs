//! Deletion requests: who may ask, and what is then deleted.
//!
//! There are no accounts. A client names events of its anonymous id, each with the hash of the request that brought it.
//! The body of such a request holds a random message id and a time, and only its sender and the tracker have seen it. One
//! such event that is in the tables, or was deleted by an earlier request, is proof enough.
//!
//! A request is a record of the journal, so an acknowledged one survives a crash. The loader executes it in its turn:
//! every event that was acknowledged before it is in the tables by then. The rows of the id are deleted from events and
//! quarantine, in one transaction with the position in the journal. Each leaves a tombstone: a hash of its project and message id,
//! by which a message that is delivered again is recognised and not stored. No tombstone holds the anonymous id: what
//! its owner sends afterwards, as new messages, is a new decision to take part, and is kept.

use serde::{Deserialize, Serialize};

use crate::journal::{Kind, NewRecord};

/// Most events that a request may name.
const MAX_PROOFS: usize = 20;
/// Longest id, in characters.
const MAX_ID_CHARS: usize = 100;
/// Hexadecimal digits of a hash.
const HASH_CHARS: usize = 64;

/// Why a deletion request is refused. Nothing is deleted then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Members are missing or of the wrong type.
    #[error(
        "the request must be {{\"anonymousId\": id, \"proof\": [{{\"messageId\": id, \"digest\": 64 hexadecimal digits}}, …]}}: {reason}"
    )]
    Malformed {
        /// What is wrong; nothing of the contents.
        reason: String,
    },
    /// None of the named events is held.
    #[error("none of the named events of this id, with such a digest, is held here; nothing was deleted")]
    Unproven,
}

impl Refusal {
    /// A stable code for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "bad_request_to_forget",
            Self::Unproven => "unproven",
        }
    }
}

/// A request as it arrives, not yet proven.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Claim {
    /// Whose events are to be deleted.
    pub(crate) anonymous_id: String,
    /// Events of that id.
    pub(crate) proof: Vec<Proof>,
}

/// An event and what only its sender knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    /// Its message id.
    pub(crate) message_id: String,
    /// The hash of the request that brought it, in hexadecimal; `digest` on the wire.
    pub(crate) digest: String,
}

impl Claim {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// If it is malformed.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let malformed = |reason: &str| Refusal::Malformed { reason: reason.to_owned() };
        let mut claim: Self =
            serde_json::from_slice(body).map_err(|error| Refusal::Malformed { reason: error.to_string() })?;
        let is_id = |id: &str| !id.is_empty() && id.chars().count() <= MAX_ID_CHARS;
        if !is_id(&claim.anonymous_id) {
            return Err(malformed("the id is empty or too long"));
        }
        if claim.proof.is_empty() || claim.proof.len() > MAX_PROOFS {
            return Err(malformed("it must name between 1 and 20 events"));
        }
        for proof in &mut claim.proof {
            proof.digest.make_ascii_lowercase();
            let is_hash = proof.digest.len() == HASH_CHARS && proof.digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_id(&proof.message_id) || !is_hash {
                return Err(malformed("a message id or a digest is not one"));
            }
        }
        Ok(claim)
    }
}

/// A proven request, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Whose events are deleted.
    pub(crate) anonymous_id: String,
    /// When it was asked for.
    pub(crate) requested_at: String,
}

impl Request {
    /// A request by the operator, which needs no proof; `None` for what is no id.
    pub(crate) fn of(id: &str, requested_at: String) -> Option<Self> {
        let is_id = !id.is_empty() && id.chars().count() <= MAX_ID_CHARS;
        is_id.then(|| Self { anonymous_id: id.to_owned(), requested_at })
    }

    /// The record for the journal.
    pub(crate) fn record(&self) -> Option<NewRecord> {
        // Two texts always serialise.
        let payload = serde_json::to_vec(self).ok()?;
        Some(NewRecord { kind: Kind::Deletion, payload })
    }
}

/// What a deletion request deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forgotten {
    /// Its number in the journal.
    pub number: u64,
    /// Rows of events.
    pub events: u64,
    /// Rows of the quarantine.
    pub quarantined: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_read_and_anything_else_refused() {
        let digest = "Ab".repeat(32);
        let claim = json!({"anonymousId": "a", "proof": [{"messageId": "m", "digest": digest}], "more": 1});
        let parsed = Claim::parse(claim.to_string().as_bytes()).unwrap();
        assert_eq!(parsed.proof[0].digest, digest.to_ascii_lowercase());
        let proof = json!({"messageId": "m", "digest": digest});
        for wrong in [
            json!([]),
            json!({"proof": [proof]}),
            json!({"anonymousId": null, "proof": [proof]}),
            json!({"anonymousId": "", "proof": [proof]}),
            json!({"anonymousId": "a".repeat(101), "proof": [proof]}),
            json!({"anonymousId": "a"}),
            json!({"anonymousId": "a", "proof": []}),
            json!({"anonymousId": "a", "proof": vec![proof.clone(); 21]}),
            json!({"anonymousId": "a", "proof": [{"messageId": "m"}]}),
            json!({"anonymousId": "a", "proof": [{"messageId": "m", "digest": "ab"}]}),
            json!({"anonymousId": "a", "proof": [{"messageId": "m", "digest": "z".repeat(64)}]}),
            json!({"anonymousId": "a", "proof": [{"messageId": "", "digest": digest}]}),
        ] {
            let refusal = Claim::parse(wrong.to_string().as_bytes()).unwrap_err();
            assert_eq!(refusal.code(), "bad_request_to_forget", "{wrong}");
        }
        assert!(Claim::parse(b"{\"anonymousId\":").is_err());
    }
}
