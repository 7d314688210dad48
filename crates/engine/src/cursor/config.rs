//! What a person says about a cursor.

use super::path::CursorPath;
use super::value::CursorValue;
use crate::error::{Error, ErrorKind, Result};
use serde::Deserialize;

/// How a resource is loaded incrementally: by which field, from where, and what counts as new.
///
/// ```
/// use dlt_engine::incremental::Incremental;
///
/// let by_day = Incremental::new("updated_at").initial_value("2024-01-01").lag(2.0);
/// by_day.check()?;
/// # Ok::<(), dlt_engine::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `cursor_path`")]
#[non_exhaustive]
pub struct Incremental {
    /// Path of the cursor in an item: a key as in the data, or `updated.at`, `events[0].time`. For rows in columns the
    /// name of a column, or a path into structs.
    pub cursor_path: String,
    /// Where the first run begins. Default: with everything.
    #[serde(default)]
    pub initial_value: Option<CursorValue>,
    /// Where to end. With it, exactly the range from `initial_value` is loaded, and the stored position is neither used nor
    /// moved.
    #[serde(default)]
    pub end_value: Option<CursorValue>,
    /// Which of two cursor values is the later one; default `max`.
    #[serde(default)]
    pub last_value_func: LastValue,
    /// How far to go back behind the stored position: seconds for times, days for dates, the number itself for numbers.
    /// Never behind `initial_value`. Rows of that range are loaded again: merge them.
    #[serde(default)]
    pub lag: Option<f64>,
    /// That the source gives rows in the order of the cursor, so that reading can stop early. Default: the order is unknown.
    #[serde(default)]
    pub row_order: Option<RowOrder>,
    /// Whether a row that has just the start's value belongs to the range; default `closed`, it does, unless it was loaded.
    #[serde(default = "closed")]
    pub range_start: Bound,
    /// Whether a row that has just the end's value belongs to the range; default `open`, it does not.
    #[serde(default = "open")]
    pub range_end: Bound,
    /// What becomes of items without a cursor, or with a null there; default `raise`.
    #[serde(default)]
    pub on_cursor_value_missing: OnMissing,
    /// Fields that tell rows apart which have the start's value. Default: the resource's primary key, else the whole row. An
    /// empty list turns this off: such rows are loaded with every run.
    #[serde(default, deserialize_with = "names")]
    pub primary_key: Option<Vec<String>>,
    /// Whether a key of one field is digested as a list of one, as Python dlt does where it was given a list. Digests of both
    /// forms are understood; this is about those that are written first. Default: no.
    #[serde(skip)]
    pub is_listed_key: bool,
    /// Whether the range comes from a scheduler that sets `DLT_INTERVAL_START` and `DLT_INTERVAL_END`. Default: as
    /// `DLT_ALLOW_EXTERNAL_SCHEDULERS` says, else no.
    #[serde(default)]
    pub allow_external_schedulers: Option<bool>,
}

/// Which cursor value is the later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LastValue {
    /// The highest.
    #[default]
    Max,
    /// The lowest.
    Min,
}

/// The order of the rows of a source, after its cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowOrder {
    /// The oldest come first: reading stops behind `end_value`.
    Asc,
    /// The newest come first: reading stops at what was loaded before.
    Desc,
}

/// Whether an end of a range belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// It does.
    Closed,
    /// It does not.
    Open,
}

/// What becomes of items without a cursor value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMissing {
    /// The run fails.
    #[default]
    Raise,
    /// They are loaded, with every run.
    Include,
    /// They are left out.
    Exclude,
}

fn closed() -> Bound {
    Bound::Closed
}

fn open() -> Bound {
    Bound::Open
}

/// One name or a list of them.
fn names<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a name or a list of names")]
    enum Names {
        One(String),
        Many(Vec<String>),
    }
    Ok(Option::<Names>::deserialize(deserializer)?.map(|names| match names {
        Names::One(name) => vec![name],
        Names::Many(names) => names,
    }))
}

impl Incremental {
    /// By this cursor, from the beginning.
    pub fn new(cursor_path: impl Into<String>) -> Self {
        Self {
            cursor_path: cursor_path.into(),
            initial_value: None,
            end_value: None,
            last_value_func: LastValue::Max,
            lag: None,
            row_order: None,
            range_start: Bound::Closed,
            range_end: Bound::Open,
            on_cursor_value_missing: OnMissing::Raise,
            primary_key: None,
            is_listed_key: false,
            allow_external_schedulers: None,
        }
    }

    /// Sets where the first run begins.
    #[must_use]
    pub fn initial_value(mut self, value: impl Into<CursorValue>) -> Self {
        self.initial_value = Some(value.into());
        self
    }

    /// Sets where to end, which makes it a load of just that range.
    #[must_use]
    pub fn end_value(mut self, value: impl Into<CursorValue>) -> Self {
        self.end_value = Some(value.into());
        self
    }

    /// Sets which of two values is the later one.
    #[must_use]
    pub fn last_value_func(mut self, later: LastValue) -> Self {
        self.last_value_func = later;
        self
    }

    /// Sets how far to go back: seconds for times, days for dates, the number itself for numbers.
    #[must_use]
    pub fn lag(mut self, lag: f64) -> Self {
        self.lag = Some(lag);
        self
    }

    /// Sets the order that rows come in.
    #[must_use]
    pub fn row_order(mut self, order: RowOrder) -> Self {
        self.row_order = Some(order);
        self
    }

    /// Sets whether the ends of the range belong to it.
    #[must_use]
    pub fn range(mut self, start: Bound, end: Bound) -> Self {
        (self.range_start, self.range_end) = (start, end);
        self
    }

    /// Sets what becomes of items without a cursor value.
    #[must_use]
    pub fn on_cursor_value_missing(mut self, what: OnMissing) -> Self {
        self.on_cursor_value_missing = what;
        self
    }

    /// Sets the fields that tell rows apart which have the start's value; none turns it off.
    #[must_use]
    pub fn primary_key(mut self, key: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.primary_key = Some(key.into_iter().map(Into::into).collect());
        self
    }

    /// Sets whether the range comes from a scheduler.
    #[must_use]
    pub fn allow_external_schedulers(mut self, allow: bool) -> Self {
        self.allow_external_schedulers = Some(allow);
        self
    }

    /// Looks whether this can be meant.
    ///
    /// # Errors
    /// If the path cannot be read, an `end_value` has no `initial_value` before it, or the lag is no number.
    pub fn check(&self) -> Result<()> {
        CursorPath::parse(&self.cursor_path)?;
        let wrong = |what: &str, hint: &str| {
            Err(Error::new(ErrorKind::Config, format!("incremental on `{}`: {what}", self.cursor_path)).hint(hint))
        };
        if self.lag.is_some_and(|lag| !lag.is_finite()) {
            return wrong("the lag is no number", "give seconds for times, days for dates, a difference for numbers");
        }
        let Some(end) = &self.end_value else { return Ok(()) };
        let Some(initial) = &self.initial_value else {
            return wrong("`end_value` needs an `initial_value`", "say where the range begins");
        };
        match end.0.compare(&initial.0) {
            Some(order) if self.last_value_func.is_later(order.reverse()) => wrong(
                "`end_value` comes before `initial_value`",
                "with `max` the end is the higher value, with `min` the lower one",
            ),
            Some(_) => Ok(()),
            None => wrong(
                "`initial_value` and `end_value` cannot be compared",
                "write both in the same way: two numbers, two texts, two dates, or two times",
            ),
        }
    }
}

impl LastValue {
    /// Whether something that compares so with another is the later one of the two.
    pub(crate) fn is_later(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Max => order.is_gt(),
            Self::Min => order.is_lt(),
        }
    }
}
