//! What a tracker says: errors, and notes.

use super::position::Position;
use super::tracker::{Counts, Mismatch, Tracker};
use crate::cursor::{Cell, OnMissing};
use crate::error::{Error, ErrorKind, Result};
use crate::notice::Notice;
use std::cmp::Ordering;

/// Rows of one cursor value above which Python dlt warns, and we do.
const MANY_DIGESTS: usize = 200;

impl Tracker {
    /// What becomes of a row without a value: whether it is loaded. `at` says where it is.
    pub(super) fn on_missing(&mut self, is_null: bool, at: impl FnOnce(Error) -> Error) -> Result<bool> {
        match self.incremental.on_cursor_value_missing {
            OnMissing::Include => Ok(true),
            OnMissing::Exclude => {
                self.counts.missing += 1;
                Ok(false)
            }
            OnMissing::Raise => {
                let what = if is_null { "is null" } else { "is missing" };
                let error = Error::new(ErrorKind::Data, format!("the cursor `{}` {what}", self.path.written));
                Err(at(error).hint(
                    "correct the data, or set on_cursor_value_missing to `include` (load such rows with every run) or `exclude`",
                ))
            }
        }
    }

    /// The error for a value that cannot be compared.
    pub(super) fn refuse(&self, mismatch: &Mismatch) -> Error {
        let Mismatch { found, expected, by } = mismatch;
        let told = format!("the cursor `{}` is {found}, and {by} is {expected}", self.path.written);
        Error::new(ErrorKind::Data, told)
            .hint("a cursor has one type in all rows and runs: correct the data, write `initial_value` as the data writes it, or take another cursor")
    }

    /// Says that a time without a zone meets times with one, or the other way round.
    pub(super) fn say_zone(&self, has_zone: bool) {
        let (what, other) = if has_zone { ("with", "without") } else { ("without", "with") };
        self.notices.say(
            Notice::new(format!(
                "the cursor `{}` of `{}` has times {what} a zone, and was compared with one {other}: it was taken for UTC",
                self.path.written, self.resource
            ))
            .hint("write `initial_value` as the data writes its times"),
        );
    }

    pub(super) fn say_left_out(&self) {
        let Counts { kept, old, beyond, missing } = self.counts;
        let out = old + beyond + missing;
        if out == 0 {
            return;
        }
        let parts = [
            (old, "loaded already, or before the start"),
            (beyond, "behind the end"),
            (missing, "without a value of it"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(rows, _)| *rows > 0)
            .map(|(rows, why)| if *rows == out { (*why).to_owned() } else { format!("{rows} {why}") })
            .collect();
        let early = if self.has_closed { "; reading stopped there, as `row_order` allows" } else { "" };
        let verb = if out == 1 { "was" } else { "were" };
        self.notices.say(Notice::new(format!(
            "{out} of {} rows of `{}` {verb} left out by the cursor `{}`: {}{early}",
            out + kept,
            self.resource,
            self.path.written,
            parts.join(", ")
        )));
    }

    /// A changed initial value changes nothing, once there is a position.
    pub(super) fn say_changed_start(&self, stored: Option<&Position>, initial: Option<&Cell<'_>>) {
        let (Some(stored), Some(initial)) = (stored, initial) else { return };
        let is_same = match &stored.initial {
            Some(known) => {
                known.compare(initial).is_some_and(Ordering::is_eq) || known.to_state() == initial.to_state()
            }
            None => false,
        };
        // A text may have been read as a time since.
        let is_text = matches!(initial, Cell::Text(_)) && !matches!(stored.initial, Some(Cell::Text(_)) | None);
        if !is_same && !is_text && stored.last.is_some() {
            let told = format!(
                "`initial_value` of `{}` is another one than in its first run, and is not used: the run begins where the last one ended",
                self.resource
            );
            self.notices.say(Notice::new(told).hint("give `end_value` too to load a range again"));
        }
    }

    /// Says that many digests are kept, when there come to be so many.
    pub(super) fn say_many_digests(&self, before: usize, now: usize) {
        if before <= MANY_DIGESTS && now > MANY_DIGESTS {
            let told = format!(
                "{now} rows of `{}` have the latest value of the cursor `{}`, and a digest of each is kept to know it again",
                self.resource, self.path.written
            );
            self.notices.say(Notice::new(told).hint("a finer cursor, or range_start = \"open\", needs none"));
        }
    }
}
