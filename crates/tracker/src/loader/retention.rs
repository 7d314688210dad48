//! Deleting what is too old: once a day, and when it is asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dlt_engine::ErrorKind;
use dlt_engine::destination::Access;
use jiff::Timestamp;

use super::{Loader, Role};
use crate::error::{Error, in_full};
use crate::event;
use crate::retention::{DAY_MICROS, Expired, Retain, Retained, RetainedPart, Retention, Whose};
use crate::store::Aged;

/// Rows that go without a question, also where they are more than half.
const FEW: u64 = 1000;
/// How long a run that failed is left alone.
const TRIED_AGAIN: Duration = Duration::from_secs(10 * 60);

/// When the next run is due.
#[derive(Debug, Default)]
pub(super) struct Due {
    retention: Retention,
    /// The day of the last run, counted from 1970.
    done: Option<i64>,
    /// When a run that failed is tried again.
    again: Option<Instant>,
}

impl Loader {
    /// How long rows stay. Default: 90 days.
    pub(crate) fn keep(&mut self, retention: Retention) {
        self.due.retention = retention;
    }

    /// Deletes what is too old, as `how` says. Loads before what waits.
    ///
    /// # Errors
    /// When another process loads, more than half of many rows would go by a leap and only [`Retain::Anyway`] may do that, or the
    /// tables fail.
    pub(crate) fn retain(&mut self, how: Retain) -> Result<Retained, Error> {
        self.catch_up()?;
        if self.role == Role::Follows && how != Retain::Preview {
            return Err(Error::NotLeading);
        }
        let now = Timestamp::now();
        let store = Arc::clone(&self.store);
        let mut tables = store.open(Access::Write).map_err(|source| self.error(source))?;
        let mut retained = Retained::default();
        if !tables.exist().map_err(|source| self.error(source))? {
            return Ok(retained);
        }
        let expired = self.due.retention.expired(now);
        let (mut gone, mut all) = (0, 0);
        for expired in &expired {
            let aged = tables.aged(expired).map_err(|source| self.error(source))?;
            gone += aged.events + aged.quarantined;
            all = aged.all;
            retained.parts.push(part(expired, aged));
        }
        // Rows that arrive meanwhile are counted in one and not in the other.
        retained.stay = all.saturating_sub(gone);
        let is_most = |rows: u64| rows > FEW && rows > all / 2;
        if how == Retain::Carefully && is_most(gone) {
            let mut by_leaps = 0;
            for (expired, part) in expired.iter().zip(&retained.parts) {
                if tables.is_leap(expired).map_err(|source| self.error(source))? {
                    by_leaps += part.events + part.quarantined;
                }
            }
            if is_most(by_leaps) {
                return Err(Error::WouldDeleteMost { gone, all });
            }
        }
        if how != Retain::Preview {
            self.refused.expire(&self.due.retention, now)?;
            tables.make_room().map_err(|source| self.error(source))?;
            for expired in
                expired.iter().zip(&retained.parts).filter(|(_, part)| !part.is_empty()).map(|(expired, _)| expired)
            {
                tables.expire(expired, &event::formatted(now)).map_err(|source| self.error(source))?;
            }
        }
        self.state.set(tables.counts().map_err(|source| self.error(source))?);
        Ok(retained)
    }

    /// Has the store do what keeps it in order, if this process leads.
    pub(super) fn keep_up(&mut self) {
        if self.role == Role::Follows {
            return;
        }
        if let Err(error) = self.store.upkeep() {
            tracing::warn!(
                error = in_full(&self.error(error)),
                "small files could not be put together; it is tried again"
            );
        }
    }

    /// Deletes what is too old, if this process leads and has not today.
    pub(super) fn retain_daily(&mut self) {
        let today = Timestamp::now().as_microsecond().div_euclid(DAY_MICROS);
        let is_early = self.due.again.is_some_and(|again| Instant::now() < again);
        if self.role == Role::Follows || self.due.done == Some(today) || is_early {
            return;
        }
        self.due.again = Some(Instant::now() + TRIED_AGAIN);
        match self.retain(Retain::Carefully) {
            Ok(retained) => {
                if retained.events() + retained.quarantined() > 0 {
                    let (events, quarantined) = (retained.events(), retained.quarantined());
                    tracing::info!(events, quarantined, "rows were too old and are deleted");
                }
                (self.due.done, self.due.again) = (Some(today), None);
            }
            Err(error @ Error::WouldDeleteMost { .. }) => {
                // It would be said every ten minutes otherwise.
                self.due.done = Some(today);
                tracing::error!(
                    %error,
                    "nothing was deleted for its age: if clock and limit are right, run `dlt tracker retain --force`"
                );
            }
            Err(Error::Tables { source, .. }) if source.kind() == ErrorKind::DestinationBusy => {
                self.state.note_busy(&source);
            }
            Err(error) => {
                tracing::warn!(error = in_full(&error), "what is too old could not be deleted; it is tried again");
            }
        }
    }
}

fn part(expired: &Expired, aged: Aged) -> RetainedPart {
    let project = match &expired.whose {
        Whose::Project(name) => Some(name.clone()),
        Whose::AllBut(_) => None,
    };
    let before = Timestamp::from_microsecond(expired.before).map(event::formatted).unwrap_or_default();
    RetainedPart { project, before, events: aged.events, quarantined: aged.quarantined }
}
