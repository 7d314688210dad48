//! Deleting on request, in SQL.
//!
//! Two tables beside those that the engine writes: `deletion_requests`, a row a request that was executed, and
//! `deleted_messages`, the tombstones. Neither holds an anonymous id or a message id: ids are hashed, and what has to be
//! recognised is recognised by its hash.

use crate::forget::{Claim, Proof, Request};
use crate::tables::{EVENTS, LOADS, QUARANTINE, literal};

/// One row a request that was executed.
pub(crate) const REQUESTS: &str = "deletion_requests";
/// One row an event that was deleted.
pub(crate) const TOMBSTONES: &str = "deleted_messages";

/// The statements that execute a request; all in one transaction. `now` is a moment as rows have it.
pub(crate) fn statements(request: &Request, sequence: u64, has_id_in_quarantine: bool, now: &str) -> Vec<String> {
    let id = literal(&request.anonymous_id);
    let named = serde_json::to_string(&request.anonymous_id).unwrap_or_default();
    // Rows from before the quarantine had a column for it say it in their payload only.
    let in_payload = format!("coalesce(contains(payload, {}), false)", literal(&format!("\"anonymousId\":{named}")));
    let put_aside = match has_id_in_quarantine {
        true => format!("(coalesce(anonymous_id = {id}, false) OR {in_payload})"),
        false => in_payload,
    };
    let (requested, now) = (literal(&request.requested_at), literal(now));
    let deleted = |what: &str| format!("(SELECT count(*) FROM {TOMBSTONES} WHERE request_seq = {sequence} AND {what})");
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {REQUESTS} (journal_seq BIGINT NOT NULL, requested_at TIMESTAMPTZ NOT NULL, \
             deleted_at TIMESTAMPTZ NOT NULL, events BIGINT NOT NULL, quarantined BIGINT NOT NULL)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {TOMBSTONES} (message_hash TEXT NOT NULL, proof_hash TEXT, \
             is_event BOOLEAN NOT NULL, journal_seq BIGINT NOT NULL, request_seq BIGINT NOT NULL)"
        ),
        format!(
            "INSERT INTO {TOMBSTONES} SELECT sha256(message_id), \
             sha256(anonymous_id || ' ' || message_id || ' ' || body_digest), true, journal_seq, {sequence} \
             FROM {EVENTS} WHERE anonymous_id = {id}"
        ),
        format!(
            "INSERT INTO {TOMBSTONES} SELECT sha256(message_id), NULL, false, journal_seq, {sequence} \
             FROM {QUARANTINE} WHERE {put_aside}"
        ),
        format!("DELETE FROM {EVENTS} WHERE anonymous_id = {id}"),
        format!("DELETE FROM {QUARANTINE} WHERE {put_aside}"),
        format!(
            "INSERT INTO {REQUESTS} SELECT {sequence}, {requested}::TIMESTAMPTZ, {now}::TIMESTAMPTZ, {}, {}",
            deleted("is_event"),
            deleted("NOT is_event")
        ),
        // The position in the journal.
        format!(
            "INSERT INTO {LOADS} (first_seq, last_seq, events, quarantined, deduplicated, loaded_at, _dlt_load_id, _dlt_id) \
             VALUES ({sequence}, {sequence}, 0, 0, 0, {now}::TIMESTAMPTZ, 'forget', 'forget-{sequence}')"
        ),
    ]
}

/// Counts the events of a claim that are held with their digests.
pub(crate) fn held(claim: &Claim) -> String {
    let id = literal(&claim.anonymous_id);
    let named = |proof: &Proof| {
        let (message, digest) = (literal(&proof.message_id), literal(&proof.digest));
        format!("(message_id = {message} AND body_digest = {digest})")
    };
    let any: Vec<String> = claim.proof.iter().map(named).collect();
    format!("SELECT count(*) AS found FROM {EVENTS} WHERE anonymous_id = {id} AND ({})", any.join(" OR "))
}

/// Counts the events of a claim that were deleted before: who did not get the answer may ask again.
pub(crate) fn deleted_before(claim: &Claim) -> String {
    let hash = |proof: &Proof| {
        format!("sha256({})", literal(&format!("{} {} {}", claim.anonymous_id, proof.message_id, proof.digest)))
    };
    let any: Vec<String> = claim.proof.iter().map(hash).collect();
    format!("SELECT count(*) AS found FROM {TOMBSTONES} WHERE proof_hash IN ({})", any.join(", "))
}

/// Which of these message ids were deleted.
pub(crate) fn deleted_of(ids: &[String]) -> String {
    let values: Vec<String> = ids.iter().map(|id| format!("({})", literal(id))).collect();
    format!(
        "SELECT id FROM (VALUES {}) AS message(id) \
         WHERE sha256(id) IN (SELECT message_hash FROM {TOMBSTONES} WHERE is_event)",
        values.join(", ")
    )
}

/// What must agree: the requests with the tombstones, the tombstones with the tables.
pub(crate) fn recount() -> String {
    let still = |table| format!("(SELECT count(*) FROM {table} SEMI JOIN {TOMBSTONES} USING (journal_seq))");
    format!(
        "SELECT (SELECT coalesce(sum(events + quarantined), 0)::BIGINT FROM {REQUESTS}) AS said, \
                {} + {} AS still_there, \
                (SELECT count(*) FROM {EVENTS} \
                 WHERE sha256(message_id) IN (SELECT message_hash FROM {TOMBSTONES} WHERE is_event)) AS back",
        still(EVENTS),
        still(QUARANTINE)
    )
}
