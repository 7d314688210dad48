//! Statements that delete on request.
//!
//! They write two tables that the engine does not: `deletion_requests`, a row for each request that was executed, and
//! `deleted_messages`, the tombstones. Neither holds an anonymous id or a message id, only hashes of them.
//!
//! A message is known by its id within its project, and so is its tombstone. Those of versions before are hashes of the id alone, and
//! hold for all projects: an event that was deleted does not come back.

use crate::deletion::{Claim, Proof, Request};
use crate::message::{Message, OF_PROJECT, sha256};
use crate::store::Dialect;
use crate::store::schema::{EVENTS, LOADS, QUARANTINE, REPLAYS};

/// One row for each request that was executed.
pub(super) const REQUESTS: &str = "deletion_requests";
/// One row for each event that was deleted.
pub(super) const TOMBSTONES: &str = "deleted_messages";

/// Deletes from the quarantine what was replayed, which counts as replayed already.
pub(super) fn clear_replayed() -> String {
    format!("DELETE FROM {QUARANTINE} WHERE journal_seq IN (SELECT replayed_seq FROM {REPLAYS})")
}

/// The statements that execute a request; all in one transaction. The projects are as they stand in queries of events and of the
/// quarantine, `lists` are the tables of lists of objects; `now` is a timestamp as rows have it.
pub(super) fn statements(
    dialect: &dyn Dialect,
    request: &Request,
    sequence: u64,
    has_id_in_quarantine: bool,
    (project, quarantined_project): (&str, &str),
    lists: &[String],
    now: &str,
) -> Vec<String> {
    let literal = |text: &str| dialect.literal(text);
    let proof_hash = dialect.sha256("anonymous_id || ' ' || message_id || ' ' || body_digest");
    let id = literal(&request.anonymous_id);
    let named = serde_json::to_string(&request.anonymous_id).unwrap_or_default();
    // Rows from before the quarantine had a column for it have the id in their payload only.
    let in_payload = format!("coalesce(strpos(payload, {}) > 0, false)", literal(&format!("\"anonymousId\":{named}")));
    let matches = match has_id_in_quarantine {
        true => format!("(coalesce(anonymous_id = {id}, false) OR {in_payload})"),
        false => in_payload,
    };
    let (requested, now) = (literal(&request.requested_at), literal(now));
    let deleted = |what: &str| format!("(SELECT count(*) FROM {TOMBSTONES} WHERE request_seq = {sequence} AND {what})");
    let mut statements = tables();
    statements.extend([
        format!(
            "INSERT INTO {TOMBSTONES} SELECT {}, {proof_hash}, true, journal_seq, {sequence} \
             FROM {EVENTS} WHERE anonymous_id = {id}",
            hash_of_row(dialect, project)
        ),
        format!(
            "INSERT INTO {TOMBSTONES} SELECT {}, NULL, false, journal_seq, {sequence} \
             FROM {QUARANTINE} WHERE {matches}",
            hash_of_row(dialect, quarantined_project)
        ),
    ]);
    statements.extend(lists.iter().map(|list| {
        format!("DELETE FROM {list} WHERE _dlt_root_id IN (SELECT _dlt_id FROM {EVENTS} WHERE anonymous_id = {id})")
    }));
    statements.extend([
        format!("DELETE FROM {EVENTS} WHERE anonymous_id = {id}"),
        format!("DELETE FROM {QUARANTINE} WHERE {matches}"),
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
    ]);
    statements
}

/// The statements that make the tables where they are missing.
pub(super) fn tables() -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {REQUESTS} (journal_seq BIGINT NOT NULL, requested_at TIMESTAMPTZ NOT NULL, \
             deleted_at TIMESTAMPTZ NOT NULL, events BIGINT NOT NULL, quarantined BIGINT NOT NULL)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {TOMBSTONES} (message_hash TEXT NOT NULL, proof_hash TEXT, \
             is_event BOOLEAN NOT NULL, journal_seq BIGINT NOT NULL, request_seq BIGINT NOT NULL)"
        ),
    ]
}

/// The counts of tombstones and of executed requests.
pub(super) fn counts() -> String {
    format!(
        "SELECT (SELECT count(*) FROM {TOMBSTONES} WHERE is_event) AS events, \
                (SELECT count(*) FROM {TOMBSTONES} WHERE NOT is_event) AS quarantined, \
                (SELECT count(*) FROM {REQUESTS}) AS requests"
    )
}

/// Counts the events of a claim that are in the table with their hashes.
pub(super) fn held(dialect: &dyn Dialect, claim: &Claim) -> String {
    let literal = |text: &str| dialect.literal(text);
    let id = literal(&claim.anonymous_id);
    let named = |proof: &Proof| {
        let (message, digest) = (literal(&proof.message_id), literal(&proof.digest));
        format!("(message_id = {message} AND body_digest = {digest})")
    };
    let any: Vec<String> = claim.proof.iter().map(named).collect();
    format!("SELECT count(*) AS found FROM {EVENTS} WHERE anonymous_id = {id} AND ({})", any.join(" OR "))
}

/// Counts the events of a claim that were deleted before: a client that did not get the answer asks again.
pub(super) fn deleted_before(dialect: &dyn Dialect, claim: &Claim) -> String {
    let hash = |proof: &Proof| {
        let text = format!("{} {} {}", claim.anonymous_id, proof.message_id, proof.digest);
        dialect.sha256(&dialect.literal(&text))
    };
    let any: Vec<String> = claim.proof.iter().map(hash).collect();
    format!("SELECT count(*) AS found FROM {TOMBSTONES} WHERE proof_hash IN ({})", any.join(", "))
}

/// By what a tombstone knows the message of a row, as [`Message::hash`] makes it.
fn hash_of_row(dialect: &dyn Dialect, project: &str) -> String {
    format!("('{OF_PROJECT}' || {})", dialect.sha256(&format!("(coalesce({project}, '') || ' ' || message_id)")))
}

/// By what tombstones know a message: those of this version, and those of versions before.
pub(super) fn hashes(dialect: &dyn Dialect, message: &Message) -> [String; 2] {
    let id = dialect.stored(&message.id);
    [message.hash(&id), sha256(&id)]
}

/// Which of these hashes tombstones have, of events or of rows of the quarantine.
pub(super) fn tombstones<'a>(are_events: bool, hashes: impl Iterator<Item = &'a String>) -> String {
    // They are digits, and what this version puts before them.
    let listed = Vec::from_iter(hashes.map(|hash| format!("'{hash}'"))).join(",");
    format!("SELECT message_hash AS id FROM {TOMBSTONES} WHERE is_event = {are_events} AND message_hash IN ({listed})")
}

/// Counts the tombstones of versions before.
pub(super) fn older_tombstones() -> String {
    format!(
        "SELECT count(*) AS tombstones FROM {TOMBSTONES} WHERE is_event AND NOT starts_with(message_hash, '{OF_PROJECT}')"
    )
}

/// What the requests recorded, rows that have a tombstone (`undeleted`), and events that were stored again (`returned`).
/// `has_older` says that there are tombstones of versions before.
pub(super) fn recount(dialect: &dyn Dialect, project: &str, has_older: bool) -> String {
    let still =
        |table| format!("(SELECT count(*) FROM {table} WHERE journal_seq IN (SELECT journal_seq FROM {TOMBSTONES}))");
    let has_tombstone = |hash: &str| format!("{hash} IN (SELECT message_hash FROM {TOMBSTONES} WHERE is_event)");
    let mut returned = has_tombstone(&hash_of_row(dialect, project));
    if has_older {
        returned = format!("{returned} OR {}", has_tombstone(&dialect.sha256("message_id")));
    }
    format!(
        "SELECT (SELECT coalesce(sum(events + quarantined), 0)::BIGINT FROM {REQUESTS}) AS recorded, \
                {} + {} AS undeleted, (SELECT count(*) FROM {EVENTS} WHERE {returned}) AS returned",
        still(EVENTS),
        still(QUARANTINE),
    )
}
