//! Statements of retention: what is old is counted by the day, and then deleted.
//!
//! They write tables that the engine does not. `daily_events`, `daily_installs` and `daily_quarantine` hold counts and no ids, by
//! the day in UTC on which events happened, or arrived in the quarantine. Rows of one day that arrived on several are counted in
//! several rows of these tables, so their sums count. `expired_events` tells how many events of a load went, so that a row that goes
//! missing still shows; `retention_runs` has a row for each transaction.

use crate::projects::DEFAULT;
use crate::retention::{Expired, Whose};
use crate::store::Dialect;
use crate::store::schema::{DAILY_EVENTS, DAILY_INSTALLS, EVENTS, LOADS, QUARANTINE};

/// One row for each transaction that deleted what is old.
pub(super) const RUNS: &str = "retention_runs";
/// How many days after the newest run another one is no leap: a tracker may have been stopped for a while.
pub(super) const RUNS_APART: i64 = 31;
/// How many days before the limit go where no run was near: those that two midnights let go.
pub(super) const DAYS_AT_ONCE: i64 = 2;
/// How many events went, by the load that brought them.
const EXPIRED: &str = "expired_events";

/// Quarantined events by day, project and reason.
const DAILY_QUARANTINE: &str = "daily_quarantine";

/// The tables with their columns.
pub(super) const TABLES: [(&str, &[(&str, &str)]); 5] = [
    (
        DAILY_EVENTS,
        &[
            ("day", "DATE NOT NULL"),
            ("project", "TEXT"),
            ("event", "TEXT"),
            ("library_name", "TEXT"),
            ("library_version", "TEXT"),
            ("ci_run", "BOOLEAN"),
            ("events", "BIGINT NOT NULL"),
            ("succeeded", "BIGINT NOT NULL"),
            ("failed", "BIGINT NOT NULL"),
        ],
    ),
    (DAILY_INSTALLS, &[("day", "DATE NOT NULL"), ("project", "TEXT"), ("installs", "BIGINT NOT NULL")]),
    (
        DAILY_QUARANTINE,
        &[("day", "DATE NOT NULL"), ("project", "TEXT"), ("reason", "TEXT"), ("events", "BIGINT NOT NULL")],
    ),
    (EXPIRED, &[("first_seq", "BIGINT NOT NULL"), ("events", "BIGINT NOT NULL")]),
    (
        RUNS,
        &[
            ("run_at", "TIMESTAMPTZ NOT NULL"),
            ("received_before", "TIMESTAMPTZ NOT NULL"),
            ("events", "BIGINT NOT NULL"),
            ("quarantined", "BIGINT NOT NULL"),
        ],
    ),
];

/// The condition for rows that are too old.
fn old(dialect: &dyn Dialect, expired: &Expired) -> String {
    let project = format!("coalesce(project, '{DEFAULT}')");
    let whose = match &expired.whose {
        Whose::Project(name) => format!(" AND {project} = {}", dialect.literal(name)),
        Whose::AllBut(names) if names.is_empty() => String::new(),
        Whose::AllBut(names) => {
            let names: Vec<String> = names.iter().map(|name| dialect.literal(name)).collect();
            format!(" AND {project} NOT IN ({})", names.join(", "))
        }
    };
    format!("received_at < {}{whose}", dialect.moment(expired.before))
}

/// How many rows are too old, and how many there are.
pub(super) fn aged(dialect: &dyn Dialect, expired: &Expired) -> String {
    let old = old(dialect, expired);
    let of = |table: &str, name: &str| {
        format!("(SELECT count(*) FROM {table} WHERE {old}) AS {name}, (SELECT count(*) FROM {table}) AS all_{name}")
    };
    format!("SELECT {}, {}", of(EVENTS, "events"), of(QUARANTINE, "quarantined"))
}

/// The first day on which something arrived that is too old; null where there is nothing.
pub(super) fn oldest(dialect: &dyn Dialect, expired: &Expired) -> String {
    let (old, day) = (old(dialect, expired), dialect.day_of("received_at"));
    format!(
        "SELECT min(day) AS day FROM (SELECT min({day}) AS day FROM {EVENTS} WHERE {old} \
         UNION ALL SELECT min({day}) FROM {QUARANTINE} WHERE {old}) AS days"
    )
}

/// The day of the newest limit, up to this one, by which something went; null where nothing did.
pub(super) fn last_run(dialect: &dyn Dialect, expired: &Expired) -> String {
    let (day, limit) = (dialect.day_of("received_before"), dialect.moment(expired.before));
    format!("SELECT max({day}) AS day FROM {RUNS} WHERE received_before <= {limit}")
}

/// The statements that count what is too old and delete it; all in one transaction. `lists` are the tables of lists of objects; `now` is
/// a timestamp as rows have it.
pub(super) fn statements(dialect: &dyn Dialect, expired: &Expired, lists: &[String], now: &str) -> Vec<String> {
    let old = old(dialect, expired);
    let (moment, now) = (dialect.moment(expired.before), dialect.literal(now));
    let (happened, arrived) =
        (dialect.date(&dialect.day_of("timestamp")), dialect.date(&dialect.day_of("received_at")));
    // Each has a time; one that has none would keep all others from going.
    let happened = format!("coalesce({happened}, {arrived})");
    let numbers = |first: &str, last: &str| {
        format!("SELECT journal_seq FROM {EVENTS} WHERE {old} AND journal_seq BETWEEN {first} AND {last}")
    };
    // Other loads are not looked at.
    let end = |what: &str| format!("(SELECT {what}(journal_seq) FROM {EVENTS} WHERE {old})");
    let loads = format!(
        "SELECT first_seq, last_seq FROM {LOADS} WHERE last_seq >= first_seq AND last_seq >= {} AND first_seq <= {}",
        end("min"),
        end("max")
    );
    let by_load = dialect.count_by_range(&loads, &numbers, ("0", &i64::MAX.to_string()));
    let mut statements = tables();
    statements.extend([
        format!(
            "INSERT INTO {DAILY_EVENTS} SELECT {happened}, project, event, library_name, library_version, ci_run, count(*), \
             count(*) FILTER (WHERE success), count(*) FILTER (WHERE NOT success) FROM {EVENTS} WHERE {old} \
             GROUP BY 1, 2, 3, 4, 5, 6"
        ),
        format!(
            "INSERT INTO {DAILY_INSTALLS} SELECT {happened}, project, count(DISTINCT anonymous_id) FROM {EVENTS} \
             WHERE {old} GROUP BY 1, 2"
        ),
        format!(
            "INSERT INTO {DAILY_QUARANTINE} SELECT {arrived}, project, reason, count(*) FROM {QUARANTINE} \
             WHERE {old} GROUP BY 1, 2, 3"
        ),
        format!("INSERT INTO {EXPIRED} SELECT first_seq, held FROM ({by_load}) AS by_load WHERE held > 0"),
        format!(
            "INSERT INTO {RUNS} SELECT {now}::TIMESTAMPTZ, {moment}, (SELECT count(*) FROM {EVENTS} WHERE {old}), \
             (SELECT count(*) FROM {QUARANTINE} WHERE {old})"
        ),
    ]);
    statements.extend(
        lists
            .iter()
            .map(|list| format!("DELETE FROM {list} WHERE _dlt_root_id IN (SELECT _dlt_id FROM {EVENTS} WHERE {old})")),
    );
    statements.extend([EVENTS, QUARANTINE].map(|table| format!("DELETE FROM {table} WHERE {old}")));
    statements
}

/// The statements that make the tables where they are missing.
pub(super) fn tables() -> Vec<String> {
    let table = |(name, columns): &(&str, &[(&str, &str)])| {
        let columns: Vec<String> = columns.iter().map(|(column, kind)| format!("{column} {kind}")).collect();
        format!("CREATE TABLE IF NOT EXISTS {name} ({})", columns.join(", "))
    };
    TABLES.iter().map(table).collect()
}

/// How many rows went in all.
pub(super) fn counts() -> String {
    format!(
        "SELECT coalesce(sum(events), 0)::BIGINT AS events, coalesce(sum(quarantined), 0)::BIGINT AS quarantined FROM {RUNS}"
    )
}

/// The end of the last day of which an event has gone, of a project, or of any.
pub(super) fn last(dialect: &dyn Dialect, project: Option<&str>) -> String {
    let condition = project.map_or_else(|| "true".to_owned(), |name| dialect.of_project(name));
    format!("SELECT CAST(max(day) + 1 AS TEXT) || ' 00:00:00' AS before FROM {DAILY_EVENTS} WHERE {condition}")
}

/// What went, by load, to be joined with the loads.
pub(super) fn by_load() -> String {
    format!("SELECT first_seq, sum(events)::BIGINT AS gone FROM {EXPIRED} GROUP BY first_seq")
}

/// How many rows went by the word of the loads, and of what was counted by the day.
pub(super) fn recount() -> String {
    let sum = |table: &str| format!("(SELECT coalesce(sum(events), 0)::BIGINT FROM {table})");
    format!(
        "SELECT {} AS by_load, {} AS by_day, {} AS quarantined_by_day",
        sum(EXPIRED),
        sum(DAILY_EVENTS),
        sum(DAILY_QUARANTINE)
    )
}
