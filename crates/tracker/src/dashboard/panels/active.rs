//! Who uses it.

use std::collections::BTreeMap;

use dlt_engine::Error;

use super::{Asking, count, date_of, number, section, share};
use crate::dashboard::page::{Cell, Form, Section};
use crate::store::schema::EVENTS;

/// The figures at the top, each with what keeps it honest.
pub(super) fn headline(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let dialect = asking.dialect();
    let now = asking.now.as_microsecond();
    let active = |days: i64| {
        let since = dialect.moment(now - days * 86_400_000_000);
        format!("count(DISTINCT anonymous_id) FILTER (WHERE timestamp >= {since}) AS active_{days}")
    };
    let month = dialect.moment(now - 30 * 86_400_000_000);
    let container = dialect.runs_in(&["docker", "kubernetes"]);
    let (senders, condition) = (asking.filter.condition_of_all_time(dialect), asking.condition.clone());
    let recent = asking.rows(&format!(
        "SELECT {}, {}, {} FROM {EVENTS} WHERE timestamp >= {month} AND {senders}",
        active(1),
        active(7),
        active(30)
    ))?;
    let whole = asking.rows(&format!(
        "SELECT count(*) AS events, count(DISTINCT anonymous_id) AS active, \
         CAST(avg(CASE WHEN ci_run THEN 1.0 WHEN NOT ci_run THEN 0.0 END) AS DOUBLE PRECISION) AS ci, \
         CAST(avg(CASE WHEN {container} THEN 1.0 WHEN NOT {container} THEN 0.0 END) AS DOUBLE PRECISION) AS container, \
         {} AS dropped FROM {EVENTS} WHERE {condition}",
        dialect.dropped()
    ))?;
    let (recent, whole) = (recent.into_iter().next().unwrap_or_default(), whole.into_iter().next().unwrap_or_default());
    let (events, dropped) = (number(&whole, "events") as f64, number(&whole, "dropped") as f64);
    let lost = if events + dropped > 0.0 { Cell::Share(dropped / (events + dropped)) } else { Cell::Nothing };
    let row = vec![
        count(&recent, "active_1"),
        count(&recent, "active_7"),
        count(&recent, "active_30"),
        count(&whole, "active"),
        count(&whole, "events"),
        share(&whole, "ci"),
        share(&whole, "container"),
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
pub(super) fn over_time(asking: &mut Asking<'_>) -> Result<Section, Error> {
    let (bucket, pace) = (asking.bucket(), asking.filter.pace());
    let senders = asking.filter.condition_of_all_time(asking.dialect());
    let condition = asking.condition.clone();
    let rows = asking.rows(&format!(
        "WITH firsts AS (SELECT anonymous_id, min({bucket}) AS first FROM {EVENTS} \
           WHERE anonymous_id IS NOT NULL AND {senders} GROUP BY anonymous_id), \
         shown AS (SELECT DISTINCT {bucket} AS bucket, anonymous_id FROM {EVENTS} \
           WHERE anonymous_id IS NOT NULL AND {condition}) \
         SELECT bucket, count(*) AS active, CAST(sum(CASE WHEN first = bucket THEN 1 ELSE 0 END) AS BIGINT) AS fresh \
         FROM shown JOIN firsts USING (anonymous_id) GROUP BY bucket ORDER BY bucket"
    ))?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let (active, fresh) = (number(row, "active"), number(row, "fresh"));
        found.insert(number(row, "bucket"), (active, fresh));
    }
    let range = found.keys().next().copied().zip(found.keys().next_back().copied());
    let buckets = range.map_or(0..0, |(first, last)| first..last + 1);
    let cell = |count: i64| Cell::Count(count.try_into().unwrap_or(0));
    let rows = buckets.map(|bucket| {
        let (active, fresh) = found.get(&bucket).copied().unwrap_or_default();
        vec![Cell::Text(date_of(pace, bucket)), cell(active - fresh), cell(fresh), cell(active)]
    });
    Ok(section(
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
    ))
}
