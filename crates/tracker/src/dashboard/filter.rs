//! What of all events a page is about: the query of its address.

use std::fmt;

use jiff::Timestamp;

use crate::projects::DEFAULT;
use crate::query::{encode, pairs};
use crate::retention::DAY_MICROS;
use crate::store::Dialect;
use crate::survey::{Chosen, Word, Words};

/// Days that a page shows by default.
const DEFAULT_DAYS: u32 = 30;
/// Ranges that a form offers, in days; 0 stands for all.
pub(crate) const RANGES: [(u32, &str); 6] =
    [(1, "1 day"), (7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "1 year"), (0, "all time")];

/// What a page is about. All of it is in the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Days up to now; 0 for all.
    pub(crate) days: u32,
    /// The pace of what is shown over time; by default it follows the range.
    pub(crate) by: Option<Pace>,
    pub(crate) ci: Ci,
    pub(crate) library: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) project: Option<String>,
    /// Whether the page of the latest events loads itself anew. It is no part of other addresses.
    pub(crate) follows: bool,
}

/// Whether events of continuous integration are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ci {
    All,
    Only,
    Without,
}

/// What one point of a chart over time stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Day,
    Week,
    Month,
}

impl Pace {
    pub(crate) const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl Ci {
    pub(crate) const ALL: [(Self, &'static str); 3] =
        [(Self::All, "people and CI"), (Self::Without, "without CI"), (Self::Only, "CI only")];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Only => "yes",
            Self::Without => "no",
        }
    }
}

/// A part of an address that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw(String);

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            days: DEFAULT_DAYS,
            by: None,
            ci: Ci::All,
            library: None,
            version: None,
            event: None,
            project: None,
            follows: false,
        }
    }
}

impl Filter {
    /// Reads the query of an address. Empty values are none: a form sends them.
    ///
    /// # Errors
    /// For a part that is not known, or a value that it does not take.
    pub(crate) fn parse(query: &str) -> Result<Self, Flaw> {
        let mut filter = Self::default();
        for (name, value) in pairs(query) {
            if value.is_empty() {
                continue;
            }
            match name.as_str() {
                "range" => filter.days = days(&value)?,
                "by" => {
                    let known = Pace::ALL.into_iter().find(|pace| pace.word() == value);
                    filter.by = Some(known.ok_or_else(|| Flaw(format!("by={value}: it is day, week or month")))?);
                }
                "ci" => {
                    let known = Ci::ALL.into_iter().map(|(ci, _)| ci).find(|ci| ci.word() == value);
                    filter.ci = known.ok_or_else(|| Flaw(format!("ci={value}: it is yes, no or all")))?;
                }
                "library" => filter.library = Some(value),
                "version" => filter.version = Some(value),
                "event" => filter.event = Some(value),
                "project" => filter.project = Some(value),
                "follow" if value == "yes" => filter.follows = true,
                _ => {
                    let known = "known are range, by, ci, library, version, event, project, and follow=yes";
                    return Err(Flaw(format!("{name}={value}: {known}")));
                }
            }
        }
        Ok(filter)
    }

    /// The query of an address with this filter: nothing for the default, else `?…`.
    pub(crate) fn query(&self) -> String {
        let mut parts = Vec::new();
        let default = Self::default();
        if self.days != default.days {
            parts.push(format!("range={}", range_word(self.days)));
        }
        parts.extend(self.by.map(|by| format!("by={}", by.word())));
        if self.ci != default.ci {
            parts.push(format!("ci={}", self.ci.word()));
        }
        let texts = [
            ("library", &self.library),
            ("version", &self.version),
            ("event", &self.event),
            ("project", &self.project),
        ];
        parts.extend(texts.into_iter().filter_map(|(name, value)| {
            let value = value.as_deref()?;
            Some(format!("{name}={}", encode(value)))
        }));
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }

    /// The pace of charts over time.
    pub(crate) fn pace(&self) -> Pace {
        self.by.unwrap_or(match self.days {
            1..=90 => Pace::Day,
            _ => Pace::Week,
        })
    }

    /// The first moment of the range, in microseconds since 1970: a midnight, today being the last day, so that no day of
    /// a chart is cut. One day is the last 24 hours.
    pub(crate) fn since(&self, now: Timestamp) -> Option<i64> {
        let now = now.as_microsecond();
        match self.days {
            0 => None,
            1 => Some(now - DAY_MICROS),
            days => Some((now.div_euclid(DAY_MICROS) + 1 - i64::from(days)) * DAY_MICROS),
        }
    }

    /// The condition for rows of events.
    pub(crate) fn condition(&self, dialect: &dyn Dialect, now: Timestamp) -> String {
        let range = self.since(now).map(|micros| format!("timestamp >= {}", dialect.moment(micros)));
        let all: Vec<String> = range.into_iter().chain(self.senders(dialect)).collect();
        if all.is_empty() { "true".to_owned() } else { all.join(" AND ") }
    }

    /// The condition without the range.
    pub(crate) fn condition_of_all_time(&self, dialect: &dyn Dialect) -> String {
        let all = self.senders(dialect);
        if all.is_empty() { "true".to_owned() } else { all.join(" AND ") }
    }

    /// The same for events of a survey, since a moment or since ever.
    pub(crate) fn chosen(&self, words: &Words, since: Option<i64>) -> Chosen {
        let is = |word: Word, asked: &Option<String>| asked.is_none() || words.text(word) == asked.as_deref();
        let is_of =
            |project: Word| self.project.as_deref().is_none_or(|asked| words.text(project).unwrap_or(DEFAULT) == asked);
        let sent_by_ci = |is_ci: Option<bool>| match self.ci {
            Ci::All => true,
            Ci::Only => is_ci == Some(true),
            Ci::Without => is_ci != Some(true),
        };
        Chosen::new(
            words,
            since,
            |sender| {
                sent_by_ci(sender.is_ci)
                    && is(sender.library, &self.library)
                    && is(sender.version, &self.version)
                    && is_of(sender.project)
            },
            |kind| is(kind.name, &self.event),
        )
    }

    fn senders(&self, dialect: &dyn Dialect) -> Vec<String> {
        let ci = match self.ci {
            Ci::All => None,
            Ci::Only => Some("ci_run".to_owned()),
            Ci::Without => Some("ci_run IS NOT TRUE".to_owned()),
        };
        let texts = [("library_name", &self.library), ("library_version", &self.version), ("event", &self.event)];
        let texts = texts
            .into_iter()
            .filter_map(|(column, value)| Some(format!("{column} = {}", dialect.literal(value.as_deref()?))));
        let project = self.project.as_deref().map(|name| dialect.of_project(name));
        ci.into_iter().chain(texts).chain(project).collect()
    }
}

fn days(value: &str) -> Result<u32, Flaw> {
    let days = match value {
        "all" => Some(0),
        "1y" => Some(365),
        _ => value.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| (1..=36_500).contains(days)),
    };
    days.ok_or_else(|| Flaw(format!("range={value}: it is a number of days such as 30d, or all")))
}

pub(crate) fn range_word(days: u32) -> String {
    if days == 0 { "all".to_owned() } else { format!("{days}d") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_keeps_its_filter() {
        for query in [
            "",
            "range=7d",
            "range=all&by=month&ci=no",
            "ci=yes&library=dlt&version=1.31.0",
            "range=7d&project=web",
            "library=a%26b%3D%C3%A9%20c&event=command_init",
        ] {
            let filter = Filter::parse(query).unwrap();
            let again = filter.query();
            assert_eq!(again.trim_start_matches('?'), query);
            assert_eq!(Filter::parse(again.trim_start_matches('?')).unwrap(), filter);
        }
        // As a form sends it.
        let sent = Filter::parse("range=30d&ci=all&library=&version=&event=a+b").unwrap();
        assert_eq!(sent, Filter { event: Some("a b".into()), ..Filter::default() });
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for (query, told) in [
            ("range=x", "a number of days"),
            ("range=0d", "a number of days"),
            ("ci=maybe", "yes, no or all"),
            ("by=hour", "day, week or month"),
            ("rang=7d", "known are range"),
        ] {
            assert!(Filter::parse(query).unwrap_err().to_string().contains(told), "{query}");
        }
    }
}
