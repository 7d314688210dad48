//! Retention: how long rows of events stay.
//!
//! What arrived before the limit is counted by the day and then deleted, a day of arrival at a time, each in one transaction. A run
//! that is killed leaves whole days, and the next one goes on with what is left. The counts hold no ids and stay.
//!
//! A clock that jumps ahead, or a default that the operator did not know of, must not empty the tables: unless it is told to, a run
//! deletes no more than half of many rows. What goes day by day may be more than half, where limits are short; so may what has
//! waited for a tracker that did not run for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::projects::DEFAULT;

/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// How long rows of events and of the quarantine stay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// Those of projects that are not named below; without end for `None`. Default: 90 days.
    pub raw: Option<Duration>,
    /// Those of single projects; the default one is named `default`.
    pub projects: BTreeMap<String, Option<Duration>>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { raw: Some(Duration::from_secs(90 * 24 * 60 * 60)), projects: BTreeMap::new() }
    }
}

/// How a run of retention goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retain {
    /// It only tells.
    Preview,
    /// It deletes, unless that is more than half of many rows by a leap: nothing went about a month before, and what goes is not of the last
    /// days before the limit.
    Carefully,
    /// It deletes.
    Anyway,
}

impl Retain {
    const WORDS: [(&'static str, Self); 3] =
        [("preview", Self::Preview), ("carefully", Self::Carefully), ("anyway", Self::Anyway)];

    /// As it crosses the socket.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, how)| *how == self).map_or("", |(word, _)| word)
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, how)| *how)
    }
}

/// What a run of retention deleted, or would delete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Retained {
    /// By limit; projects without a limit are in none.
    pub parts: Vec<RetainedPart>,
    /// Rows of both tables that stay.
    pub stay: u64,
}

/// What one limit deleted, or would delete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetainedPart {
    /// The project whose limit it is; `None` for all that have none of their own.
    pub project: Option<String>,
    /// What arrived before goes: midnight in UTC, ISO 8601.
    pub before: String,
    /// Rows of events.
    pub events: u64,
    /// Rows of the quarantine.
    pub quarantined: u64,
}

impl RetainedPart {
    pub(crate) fn is_empty(&self) -> bool {
        self.events == 0 && self.quarantined == 0
    }
}

impl Retained {
    /// Rows of events that went.
    pub fn events(&self) -> u64 {
        self.parts.iter().map(|part| part.events).sum()
    }

    /// Rows of the quarantine that went.
    pub fn quarantined(&self) -> u64 {
        self.parts.iter().map(|part| part.quarantined).sum()
    }
}

/// Rows that are too old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) whose: Whose,
    /// They arrived before this moment, in microseconds.
    pub(crate) before: i64,
}

/// Whose rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of one project.
    Project(String),
    /// Those of all others.
    AllBut(Vec<String>),
}

impl Retention {
    /// What is too old now.
    pub(crate) fn expired(&self, now: Timestamp) -> Vec<Expired> {
        let named = self.projects.iter().map(|(name, limit)| (Whose::Project(name.clone()), *limit));
        let others = (Whose::AllBut(self.projects.keys().cloned().collect()), self.raw);
        let all = named.chain([others]);
        all.filter_map(|(whose, limit)| Some(Expired { whose, before: midnight(limit?, now) })).collect()
    }

    /// Whether a row is too old that is no row of a table.
    pub(crate) fn is_expired(&self, project: Option<&str>, received_at: Timestamp, now: Timestamp) -> bool {
        let limit = self.projects.get(project.unwrap_or(DEFAULT)).unwrap_or(&self.raw);
        limit.is_some_and(|limit| received_at.as_microsecond() < midnight(limit, now))
    }
}

/// The midnight before which rows go, in microseconds: whole days stay.
fn midnight(limit: Duration, now: Timestamp) -> i64 {
    let limit = i64::try_from(limit.as_micros()).unwrap_or(i64::MAX);
    now.as_microsecond().saturating_sub(limit).div_euclid(DAY_MICROS).saturating_mul(DAY_MICROS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * 86_400)
    }

    #[test]
    fn whole_days_stay() {
        let now: Timestamp = "2026-03-31T12:00:00Z".parse().unwrap();
        let before = |limit| Timestamp::from_microsecond(midnight(limit, now)).unwrap().to_string();
        assert_eq!(before(days(1)), "2026-03-30T00:00:00Z");
        assert_eq!(before(days(90)), "2025-12-31T00:00:00Z");
        midnight(Duration::MAX, now);
    }

    #[test]
    fn a_project_has_the_limit_of_its_own_and_the_others_that_of_all() {
        let now: Timestamp = "2026-03-31T12:00:00Z".parse().unwrap();
        let projects = BTreeMap::from([("long".to_owned(), None), ("short".to_owned(), Some(days(1)))]);
        let retention = Retention { projects, ..Retention::default() };
        let found = retention.expired(now);
        let whose: Vec<_> = found.iter().map(|expired| expired.whose.clone()).collect();
        let all_but = Whose::AllBut(vec!["long".to_owned(), "short".to_owned()]);
        assert_eq!(whose, [Whose::Project("short".to_owned()), all_but], "no limit, nothing to do");
        let received: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let is_expired = |project| retention.is_expired(project, received, now);
        assert!(is_expired(Some("short")) && !is_expired(Some("long")) && !is_expired(None));
    }
}
