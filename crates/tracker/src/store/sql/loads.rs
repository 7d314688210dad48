//! Statements that compare what the loads took from the journal with what the tables hold.
//!
//! Each row of `journal_loads` is a range of sequence numbers. Of the events in it, some are rows, some were deleted on
//! request and left a tombstone, some were too old and are counted in `expired_events`, and some were duplicates (`deduplicated`). All others are lost.

use super::deletion::TOMBSTONES;
use super::retention;
use crate::store::Dialect;
use crate::store::schema::{EVENTS, LOADS, QUARANTINE, REPLAYS};

/// The sequence numbers of events that have a row or a tombstone, between two bounds.
fn held(first: &str, last: &str, has_deletions: bool) -> String {
    let mut sql = format!("SELECT journal_seq FROM {EVENTS} WHERE journal_seq BETWEEN {first} AND {last}");
    if has_deletions {
        sql.push_str(&format!(
            " UNION ALL SELECT journal_seq FROM {TOMBSTONES} \
             WHERE is_event AND journal_seq BETWEEN {first} AND {last}"
        ));
    }
    sql
}

/// Counts numbers by load.
fn by_load(
    dialect: &dyn Dialect,
    numbers: &dyn Fn(&str, &str) -> String,
    first: u64,
    last: u64,
    condition: &str,
) -> String {
    let loads =
        format!("SELECT first_seq, last_seq FROM {LOADS} WHERE first_seq BETWEEN {first} AND {last}{condition}");
    dialect.count_by_range(&loads, numbers, (&first.to_string(), &last.to_string()))
}

/// The position, and the counts of events and quarantine, of what came after a number. `since` is the first load that is not
/// settled.
pub(super) fn counts(after: u64, records_duplicates: bool, has_replays: bool) -> String {
    let (deduplicated, since) = match records_duplicates {
        true => (
            "coalesce(sum(deduplicated), 0)::BIGINT",
            "min(first_seq) FILTER (WHERE deduplicated IS NULL AND events > 0)",
        ),
        // Tables of the first version.
        false => ("0", "0"),
    };
    // A condition that all rows meet would have them read.
    let (numbered, loads) = match after {
        0 => (String::new(), String::new()),
        after => (format!(" WHERE journal_seq > {after}"), format!(" WHERE first_seq > {after}")),
    };
    // What was replayed stands in the quarantine until it is deleted from there.
    let replayed = match (has_replays, after) {
        (false, _) => String::new(),
        (true, 0) => format!(" WHERE journal_seq NOT IN (SELECT replayed_seq FROM {REPLAYS})"),
        (true, _) => format!(" AND journal_seq NOT IN (SELECT replayed_seq FROM {REPLAYS})"),
    };
    format!(
        "SELECT coalesce(max(last_seq), 0) AS position, {deduplicated} AS deduplicated, {since} AS since, \
                (SELECT count(*) FROM {EVENTS}{numbered}) AS loaded, \
                (SELECT count(*) FROM {QUARANTINE}{numbered}{replayed}) AS quarantined FROM {LOADS}{loads}"
    )
}

/// Records for the unsettled loads of a range how many events they took that are neither held nor lost.
pub(super) fn settle(dialect: &dyn Dialect, first: u64, last: u64, lost: &[u64], has_deletions: bool) -> String {
    let lost = Vec::from_iter(lost.iter().map(u64::to_string)).join(",");
    let numbers = |first: &str, last: &str| {
        let mut numbers = held(first, last, has_deletions);
        if !lost.is_empty() {
            numbers.push_str(&format!(
                " UNION ALL SELECT lost.journal_seq FROM unnest(ARRAY[{lost}]::BIGINT[]) AS lost(journal_seq) \
                 WHERE lost.journal_seq BETWEEN {first} AND {last}"
            ));
        }
        numbers
    };
    format!(
        "UPDATE {LOADS} SET deduplicated = greatest(events - counted.held, 0) \
         FROM (SELECT load.first_seq AS number, coalesce(by_load.held, 0) AS held FROM {LOADS} AS load \
               LEFT JOIN ({}) AS by_load USING (first_seq) WHERE load.first_seq BETWEEN {first} AND {last}) AS counted \
         WHERE first_seq = counted.number AND deduplicated IS NULL",
        by_load(dialect, &numbers, first, last, " AND deduplicated IS NULL")
    )
}

/// Records for one load how many of its events were duplicates.
pub(super) fn settle_counted(first: u64, deduplicated: u64) -> String {
    format!("UPDATE {LOADS} SET deduplicated = {deduplicated} WHERE first_seq = {first} AND deduplicated IS NULL")
}

/// The events that the loads from a number on took and that are not held: the duplicates, as long as the loads are not
/// settled.
pub(super) fn unsettled_duplicates(since: u64, records_duplicates: bool, has_deletions: bool) -> String {
    let taken = if records_duplicates { "events - coalesce(deduplicated, 0)" } else { "events" };
    format!(
        "SELECT greatest((SELECT coalesce(sum({taken}), 0) FROM {LOADS} WHERE first_seq >= {since}) \
                       - (SELECT count(*) FROM ({}) AS held), 0)::BIGINT AS deduplicated",
        held(&since.to_string(), &MAX.to_string(), has_deletions)
    )
}

/// Events that loads took and that are gone (`lost`), and rows that no load took (`unexplained`).
pub(super) fn recount(dialect: &dyn Dialect, has_deletions: bool, has_expired: bool) -> String {
    let numbers = |first: &str, last: &str| held(first, last, has_deletions);
    let (gone, expired) = match has_expired {
        true => (
            " - coalesce(expired.gone, 0)",
            format!(" LEFT JOIN ({}) AS expired USING (first_seq)", retention::by_load()),
        ),
        false => ("", String::new()),
    };
    format!(
        "SELECT coalesce(sum(greatest(difference, 0)), 0)::BIGINT AS lost, \
                coalesce(sum(greatest(-difference, 0)), 0)::BIGINT AS unexplained \
         FROM (SELECT load.events - load.deduplicated - coalesce(by_load.held, 0){gone} AS difference FROM {LOADS} AS load \
               LEFT JOIN ({}) AS by_load USING (first_seq){expired} WHERE load.deduplicated IS NOT NULL) AS compared",
        by_load(dialect, &numbers, 0, MAX, "")
    )
}

/// Rows that contradict each other, and what the loads recorded of the quarantine and of the journal. `project` is that of an event, as it
/// stands in a query.
pub(super) fn recount_rows(position: u64, project: &str) -> String {
    format!(
        "SELECT (SELECT count(*) FROM {EVENTS}) \
                  - (SELECT count(*) FROM (SELECT DISTINCT message_id, {project} FROM {EVENTS}) AS message) AS same_message, \
                (SELECT count(*) - count(DISTINCT journal_seq) FROM {EVENTS}) AS same_number, \
                (SELECT count(*) - count(DISTINCT journal_seq) FROM {QUARANTINE}) AS same_quarantined, \
                (SELECT count(*) FROM {EVENTS} WHERE journal_seq IN (SELECT journal_seq FROM {QUARANTINE})) AS in_both, \
                (SELECT count(*) FROM {EVENTS} WHERE journal_seq > {position}) AS beyond, \
                (SELECT coalesce(sum(quarantined), 0)::BIGINT FROM {LOADS}) AS quarantined, \
                (SELECT coalesce(sum(last_seq - first_seq + 1), 0)::BIGINT FROM {LOADS}) AS taken"
    )
}

/// Rows of lists whose event is not there.
pub(super) fn recount_lists(lists: &[String]) -> String {
    let orphaned = |list: &String| {
        format!(
            "(SELECT count(*) FROM {list} AS item \
              WHERE NOT EXISTS (SELECT 1 FROM {EVENTS} AS event WHERE event._dlt_id = item._dlt_root_id))"
        )
    };
    format!("SELECT {} AS orphaned", Vec::from_iter(lists.iter().map(orphaned)).join(" + "))
}

/// Larger than every sequence number that a table can hold.
const MAX: u64 = i64::MAX as u64;
