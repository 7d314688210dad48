//! What a load took from the journal against what the tables hold of it, in SQL.
//!
//! Each row of `journal_loads` is a range of sequence numbers. Of the events that it took, some are rows, some were
//! deleted on request and left a tombstone, and some had been there already: `deduplicated`. What these do not explain
//! was lost.

use crate::deletion::TOMBSTONES;
use crate::tables::{EVENTS, LOADS};

/// The sequence numbers of events that have a row or a tombstone, in a range.
fn held(first: u64, last: u64, have_deletions: bool) -> String {
    let mut sql = format!("SELECT journal_seq FROM {EVENTS} WHERE journal_seq BETWEEN {first} AND {last}");
    if have_deletions {
        sql.push_str(&format!(
            " UNION ALL SELECT journal_seq FROM {TOMBSTONES} \
             WHERE is_event AND journal_seq BETWEEN {first} AND {last}"
        ));
    }
    sql
}

/// Counts numbers by load.
fn by_load(numbers: &str, first: u64, last: u64) -> String {
    format!(
        "SELECT took.first_seq, count(*) AS held FROM ({numbers}) AS number ASOF JOIN \
         (SELECT first_seq, last_seq FROM {LOADS} WHERE first_seq BETWEEN {first} AND {last}) AS took \
         ON number.journal_seq >= took.first_seq WHERE number.journal_seq <= took.last_seq GROUP BY took.first_seq"
    )
}

/// Writes into the loads of a range what they took and is neither held nor lost.
pub(crate) fn settle(first: u64, last: u64, lost: &[u64], have_deletions: bool) -> String {
    let mut numbers = held(first, last, have_deletions);
    if !lost.is_empty() {
        let lost: Vec<String> = lost.iter().map(u64::to_string).collect();
        numbers.push_str(&format!(" UNION ALL SELECT unnest([{}]::BIGINT[])", lost.join(",")));
    }
    format!(
        "UPDATE {LOADS} SET deduplicated = greatest(events - counted.held, 0) \
         FROM (SELECT load.first_seq AS number, coalesce(by_load.held, 0) AS held FROM {LOADS} AS load \
               LEFT JOIN ({}) AS by_load USING (first_seq) WHERE load.first_seq BETWEEN {first} AND {last}) AS counted \
         WHERE first_seq = counted.number AND deduplicated IS NULL",
        by_load(&numbers, first, last)
    )
}

/// What the loads from a number on took, and is not held: all that is known before they were settled.
pub(crate) fn rest(since: u64, record_duplicates: bool, have_deletions: bool) -> String {
    let taken = if record_duplicates { "events - coalesce(deduplicated, 0)" } else { "events" };
    format!(
        "SELECT greatest((SELECT coalesce(sum({taken}), 0) FROM {LOADS} WHERE first_seq >= {since}) \
                       - (SELECT count(*) FROM ({})), 0)::BIGINT AS deduplicated",
        held(since, MAX, have_deletions)
    )
}

/// Events that loads took and that are gone (`lost`), and rows that no load took (`strange`).
pub(crate) fn recount(have_deletions: bool) -> String {
    format!(
        "SELECT coalesce(sum(greatest(difference, 0)), 0)::BIGINT AS lost, \
                coalesce(sum(greatest(-difference, 0)), 0)::BIGINT AS strange \
         FROM (SELECT load.events - load.deduplicated - coalesce(by_load.held, 0) AS difference FROM {LOADS} AS load \
               LEFT JOIN ({}) AS by_load USING (first_seq) WHERE load.deduplicated IS NOT NULL)",
        by_load(&held(0, MAX, have_deletions), 0, MAX)
    )
}

/// Larger than every sequence number that a table can hold.
const MAX: u64 = i64::MAX as u64;
