//! What a run has seen of a cursor, and what that says of a value.

use super::digest::Form;
use super::interval;
use super::lag::lagged;
use super::position::Position;
use crate::cursor::{Bound, Cell, CursorPath, Incremental, LastValue, Moment, RowOrder};
use crate::error::{Error, ErrorKind, Result};
use crate::notices::Notices;
use crate::source::{ExtractContext, SourceState};
use std::cmp::Ordering;
use std::collections::HashSet;

/// Follows the cursor of one resource through a run.
///
/// Sources that filter by themselves (files by their time of change) use it as the engine does for rows: they ask of each
/// item whether it is new, and at the end have the position written.
pub struct Tracker {
    pub(super) incremental: Incremental,
    pub(super) resource: String,
    pub(super) path: CursorPath,
    pub(super) start: Option<Cell<'static>>,
    pub(super) end: Option<Cell<'static>>,
    pub(super) last: Option<Cell<'static>>,
    /// Digests of rows with the start's value that were loaded.
    known: HashSet<String>,
    /// The form of `known`.
    pub(super) known_form: Form,
    /// Digests of rows with the last value.
    digests: HashSet<String>,
    /// The form of `digests`.
    pub(super) form: Form,
    /// Whether rows with the start's value are told apart.
    pub(super) tells_apart: bool,
    /// Fields that tell them apart; none: the whole row.
    pub(super) key: Vec<String>,
    /// Whether a key of one field is digested as a list of one: where it was given so to the program that began.
    pub(super) is_listed: bool,
    position: Position,
    pub(super) counts: Counts,
    pub(super) has_closed: bool,
    state: SourceState,
    pub(super) notices: Notices,
}

/// See [`Tracker::range_texts`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeTexts {
    /// Where the run begins; `None` at the very beginning.
    pub start: Option<String>,
    /// Where it ends; `None` at no particular value.
    pub end: Option<String>,
    /// The initial value.
    pub initial: Option<String>,
    /// The latest value of the runs before, without a lag.
    pub last: Option<String>,
}

/// Rows by what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) kept: u64,
    /// Loaded before, or before the beginning.
    pub(super) old: u64,
    /// Behind the end.
    pub(super) beyond: u64,
    /// Without a cursor value.
    pub(super) missing: u64,
}

/// What a cursor value says of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    /// It has the start's value: it may have been loaded.
    AtStart,
    Old,
    Beyond,
}

/// A value that cannot be compared with those before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// What it is.
    pub(super) found: &'static str,
    /// What it should be, and which value says so.
    pub(super) expected: &'static str,
    pub(super) by: &'static str,
}

impl Tracker {
    /// Begins a run of `resource`, whose rows are identified by `key` if that is not empty.
    ///
    /// # Errors
    /// If the incremental cannot be meant, or the stored position cannot be used.
    pub fn begin(incremental: &Incremental, resource: &str, key: &[String], context: &ExtractContext) -> Result<Self> {
        Self::with_environment(incremental, resource, key, context, &|name| std::env::var(name).ok())
    }

    pub(super) fn with_environment(
        incremental: &Incremental,
        resource: &str,
        key: &[String],
        context: &ExtractContext,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        incremental.check()?;
        let incremental = interval::joined(incremental, resource, context.is_run, variable)?;
        let path = CursorPath::parse(&incremental.cursor_path)?;
        let initial = incremental.initial_value.clone().map(|value| value.0);
        let end = incremental.end_value.clone().map(|value| value.0);
        let stored = match end {
            Some(_) => None,
            None => Position::read(&context.state, resource, &incremental.cursor_path)?,
        };
        let position = stored.clone().unwrap_or_else(|| Position {
            initial: initial.clone(),
            last: initial.clone(),
            digests: Vec::new(),
            start: initial.clone(),
        });
        let lag = incremental.lag.filter(|lag| *lag != 0.0);
        let start = match (&position.last, lag) {
            (Some(last), Some(lag)) if end.is_none() => {
                let lagged = lagged(lag, last, initial.as_ref(), incremental.last_value_func);
                Some(lagged.ok_or_else(|| no_lag(resource, &incremental.cursor_path, last))?)
            }
            (last, _) => last.clone(),
        };
        let given = incremental.primary_key.as_deref();
        let tells_apart = incremental.range_start == Bound::Closed
            && end.is_none()
            && lag.is_none()
            && given.is_none_or(|key| !key.is_empty());
        let known_form = match position.digests.is_empty() {
            true => Form::Long,
            false => Form::of(position.digests.iter().map(String::as_str)),
        };
        let tracker = Self {
            resource: resource.to_owned(),
            path,
            last: start.clone(),
            start,
            end,
            known: position.digests.iter().cloned().collect(),
            known_form,
            digests: position.digests.iter().cloned().collect(),
            form: known_form,
            tells_apart,
            key: given.unwrap_or(key).to_vec(),
            is_listed: incremental.is_listed_key,
            counts: Counts::default(),
            has_closed: false,
            state: context.state.clone(),
            notices: context.notices.clone(),
            position,
            incremental,
        };
        tracker.say_changed_start(stored.as_ref(), initial.as_ref());
        Ok(tracker)
    }

    /// Whether a file is new that was changed then: microseconds since 1970. Files of one moment are told apart by `url`.
    ///
    /// # Errors
    /// If the bounds are no times.
    pub fn takes_file(&mut self, url: &str, changed_at: i64) -> Result<bool> {
        let mut json = String::new();
        crate::json::write_text(url, &mut json);
        let value = crate::cursor::CursorValue::timestamp_micros(changed_at).0;
        let verdict = match self.judge(&value).map_err(|mismatch| self.refuse(&mismatch))? {
            Verdict::AtStart if self.is_known(&self.known_form.digest(&json)) => Verdict::Old,
            Verdict::AtStart => Verdict::New,
            other => other,
        };
        if verdict != Verdict::New {
            self.leave_out(verdict);
            return Ok(false);
        }
        self.counts.kept += 1;
        self.advance(value, |form| Ok(vec![form.digest(&json)])).map_err(|error| match error {
            AdvanceError::Mismatch(mismatch) => self.refuse(&mismatch),
            AdvanceError::Other(error) => error,
        })?;
        Ok(true)
    }

    /// Where this run begins and ends, as text for a request: lag and stored position are in it.
    pub fn range_texts(&self) -> RangeTexts {
        let text = |cell: &Option<Cell<'static>>| {
            cell.as_ref().map(|cell| match cell.to_state() {
                serde_json::Value::String(text) => match cell {
                    Cell::Text(_) => text,
                    // Without the mark of its type.
                    _ => text.chars().skip(1).collect(),
                },
                other => other.to_string(),
            })
        };
        RangeTexts {
            start: text(&self.start),
            end: text(&self.end),
            initial: text(&self.position.initial),
            last: text(&self.position.last),
        }
    }

    /// The cursor value in a form that the bounds can be compared with: where they are times and the data has texts, these
    /// are read as times.
    pub(super) fn adapted<'a>(&self, value: Cell<'a>) -> Result<Cell<'a>, Mismatch> {
        let Some((bound, by)) = self.bound() else { return Ok(value) };
        let read = match (bound, &value) {
            (Cell::Time(_), Cell::Text(text)) => Moment::parse(text).map(Cell::Time),
            (Cell::Date(_), Cell::Text(text)) => crate::cursor::parse_date(text).map(Cell::Date),
            _ => return Ok(value),
        };
        read.ok_or(Mismatch { found: value.kind(), expected: bound.kind(), by })
    }

    /// A value that says what kind the cursor is of, and which it is.
    fn bound(&self) -> Option<(&Cell<'static>, &'static str)> {
        let name = match self.position.last == self.position.initial {
            true => "`initial_value`",
            false => "the position of the last run",
        };
        self.start.as_ref().map(|start| (start, name)).or(self.end.as_ref().map(|end| (end, "`end_value`")))
    }

    /// What a value says of its row.
    pub(super) fn judge(&self, value: &Cell<'_>) -> Result<Verdict, Mismatch> {
        let later = self.incremental.last_value_func;
        if let Some(end) = &self.end {
            let order = value.compare(end).ok_or_else(|| mismatch(value, end, "`end_value`"))?;
            if later.is_later(order) || order.is_eq() && self.incremental.range_end == Bound::Open {
                return Ok(Verdict::Beyond);
            }
        }
        let Some(start) = &self.start else { return Ok(Verdict::New) };
        let by = self.bound().map_or("", |(_, by)| by);
        let order = value.compare(start).ok_or_else(|| mismatch(value, start, by))?;
        Ok(self.at_start(order))
    }

    /// What it says of a row that its cursor compares so with the start.
    pub(super) fn at_start(&self, order: Ordering) -> Verdict {
        let later = self.incremental.last_value_func;
        match order {
            Ordering::Equal if self.incremental.range_start == Bound::Open => Verdict::Old,
            Ordering::Equal if self.tells_apart => Verdict::AtStart,
            Ordering::Equal => Verdict::New,
            order if later.is_later(order) => Verdict::New,
            _ => Verdict::Old,
        }
    }

    /// Changes the values of the stored position.
    pub(super) fn with_position(&mut self, change: impl Fn(&mut Option<Cell<'static>>)) {
        let Position { initial, last, start, .. } = &mut self.position;
        [initial, last, start].into_iter().for_each(change);
    }

    pub(super) fn later(&self) -> LastValue {
        self.incremental.last_value_func
    }

    /// Whether any row may have the digest of one that was loaded.
    pub(super) fn knows_rows(&self) -> bool {
        !self.known.is_empty()
    }

    /// Whether a row with the start's value was loaded, by its digest in [`Self::known_form`].
    pub(super) fn is_known(&self, digest: &str) -> bool {
        self.known.contains(digest)
    }

    /// Counts a row that is left out, and sees whether reading can end here.
    pub(super) fn leave_out(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Beyond => {
                self.counts.beyond += 1;
                self.has_closed |= self.incremental.row_order == Some(RowOrder::Asc);
            }
            _ => {
                self.counts.old += 1;
                self.has_closed |= self.incremental.row_order == Some(RowOrder::Desc);
            }
        }
    }

    /// Takes the latest value of a piece. `digests` gives those of its rows that have it and are kept, in the form asked for.
    pub(super) fn advance(
        &mut self,
        best: Cell<'_>,
        digests: impl FnOnce(Form) -> Result<Vec<String>>,
    ) -> Result<(), AdvanceError> {
        let order = match &self.last {
            Some(last) => best.compare(last).ok_or_else(|| mismatch(&best, last, "an earlier row"))?,
            None if self.incremental.last_value_func == LastValue::Max => Ordering::Greater,
            None => Ordering::Less,
        };
        if self.later().is_later(order) {
            self.last = Some(best.into_owned());
            self.digests.clear();
            self.form = Form::Long;
        } else if order.is_ne() {
            return Ok(());
        }
        if self.tells_apart {
            let digests = digests(self.form)?;
            self.digests.extend(digests);
        }
        Ok(())
    }

    /// Writes the position, which is committed with the rows, and says what was left out. To be called when all was read.
    pub fn finish(&mut self) {
        self.say_left_out();
        self.keep_position();
    }

    /// As [`Tracker::finish`], for files; gives how many were left out instead of saying it.
    pub fn finish_files(&mut self) -> u64 {
        self.keep_position();
        let Counts { old, beyond, .. } = self.counts;
        old + beyond
    }

    fn keep_position(&mut self) {
        if self.end.is_some() {
            return;
        }
        let mut position = self.position.clone();
        let last = match (&self.last, &position.last) {
            // The lag went back; the position does not.
            (Some(last), Some(stored)) if last.compare(stored).is_some_and(|order| !self.later().is_later(order)) => {
                Some(stored.clone())
            }
            (last, _) => last.clone(),
        };
        if self.counts.kept > 0 {
            position.start = position.last;
        }
        position.last = last;
        position.digests = if self.tells_apart { self.digests.iter().cloned().collect() } else { Vec::new() };
        position.digests.sort_unstable();
        position.write(&self.state, &self.resource, &self.incremental.cursor_path);
        let (before, now) = (self.known.len(), position.digests.len());
        self.say_many_digests(before, now);
    }
}

/// Why a piece could not be taken.
#[derive(Debug)]
pub(super) enum AdvanceError {
    Mismatch(Mismatch),
    Other(Error),
}

impl From<Mismatch> for AdvanceError {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(mismatch)
    }
}

impl From<Error> for AdvanceError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

pub(super) fn mismatch(found: &Cell<'_>, expected: &Cell<'_>, by: &'static str) -> Mismatch {
    Mismatch { found: found.kind(), expected: expected.kind(), by }
}

impl Mismatch {
    pub(super) fn new(found: &'static str, expected: &'static str, by: &'static str) -> Self {
        Self { found, expected, by }
    }
}

fn no_lag(resource: &str, cursor: &str, last: &Cell<'_>) -> Error {
    let told = format!("the lag of `{resource}` cannot be taken off its cursor `{cursor}`, which is {}", last.kind());
    Error::new(ErrorKind::Config, told)
        .hint("a lag needs numbers, dates, times, or texts such as 2024-01-31 or 2024-01-31T00:00:00Z")
}
