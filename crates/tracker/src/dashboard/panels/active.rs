//! Who uses it.

use std::collections::BTreeMap;

use dlt_engine::Error;
use dlt_engine::destination::Row;

use super::{Asking, count, date_of, number, section, share};
use crate::dashboard::page::{Cell, Form, Section};
use crate::store::schema::EVENTS;

/// Events of the range, with their shares.
pub(super) fn events(asking: &mut Asking<'_>) -> Result<Row, Error> {
    let dialect = asking.dialect();
    let container = dialect.runs_in(&["docker", "kubernetes"]);
    let condition = asking.condition.clone();
    let share = |of: &str| {
        format!(
            "CAST(coalesce(sum(events) FILTER (WHERE {of}), 0) AS DOUBLE PRECISION) \
             / nullif(sum(events) FILTER (WHERE {of} IS NOT NULL), 0)"
        )
    };
    // Each kind is looked at once.
    let rows = asking.rows(&format!(
        "WITH kinds AS (SELECT ci_run, exec_info, count(*) AS events FROM {EVENTS} WHERE {condition} GROUP BY 1, 2) \
         SELECT CAST(coalesce(sum(events), 0) AS BIGINT) AS events, {} AS ci, {} AS container, \
         (SELECT {} FROM {EVENTS} WHERE client_dropped IS NOT NULL AND {condition}) AS dropped FROM kinds",
        share("ci_run"),
        share(&container),
        dialect.dropped()
    ))?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// The figures at the top, each with what keeps it honest.
pub(super) fn headline(asking: &mut Asking<'_>, whole: &Row, active: u64) -> Result<Section, Error> {
    let dialect = asking.dialect();
    let now = asking.now.as_microsecond();
    let recently = |days: i64| {
        let since = dialect.moment(now - days * 86_400_000_000);
        format!("count(DISTINCT anonymous_id) FILTER (WHERE timestamp >= {since}) AS active_{days}")
    };
    let month = dialect.moment(now - 30 * 86_400_000_000);
    let senders = asking.filter.condition_of_all_time(dialect);
    let recent = asking.rows(&format!(
        "SELECT {}, {}, {} FROM {EVENTS} WHERE timestamp >= {month} AND {senders}",
        recently(1),
        recently(7),
        recently(30)
    ))?;
    let recent = recent.into_iter().next().unwrap_or_default();
    let (events, dropped) = (number(whole, "events") as f64, number(whole, "dropped") as f64);
    let lost = if events + dropped > 0.0 { Cell::Share(dropped / (events + dropped)) } else { Cell::Nothing };
    let row = vec![
        count(&recent, "active_1"),
        count(&recent, "active_7"),
        count(&recent, "active_30"),
        Cell::Count(active),
        count(whole, "events"),
        share(whole, "ci"),
        share(whole, "container"),
        lost,
    ];
    Ok(section(
        ("headline", "Active installs"),
        "An install is an anonymous id. Machines of continuous integration and containers often bring a new one with each \
         run: their shares of the events stand beside, and so does what clients say they lost before it was sent.",
        &[
            ("active_1_day", "in 1 day"),
            ("active_7_days", "in 7 days"),
            ("active_30_days", "in 30 days"),
            ("active", "in the range"),
            ("events", "events in the range"),
            ("ci_share", "of them from CI"),
            ("container_share", "from containers"),
            ("lost_share", "lost by clients"),
        ],
        vec![row],
        Form::Figures,
    ))
}

/// Active installs over time, and how many of them are new.
pub(super) fn over_time(asking: &Asking<'_>, found: &BTreeMap<i64, (u64, u64)>) -> Section {
    let pace = asking.filter.pace();
    let range = found.keys().next().copied().zip(found.keys().next_back().copied());
    let buckets = range.map_or(0..0, |(first, last)| first..last + 1);
    let rows = buckets.map(|bucket| {
        let (active, fresh) = found.get(&bucket).copied().unwrap_or_default();
        vec![Cell::Text(date_of(pace, bucket)), Cell::Count(active - fresh), Cell::Count(fresh), Cell::Count(active)]
    });
    section(
        ("active", &format!("Active installs by {}", pace.word())),
        match asking.expired_before {
            None => "New ones are those whose first event of all time is in it.",
            Some(_) => {
                "New ones are those whose first event that is kept is in it: who was away since older ones were deleted counts as new."
            }
        },
        &[("begins", "Begins"), ("returning", "Returning"), ("new", "New"), ("active", "Active")],
        rows.collect(),
        Form::Layers,
    )
}
