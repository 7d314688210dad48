//! The survey: what pages and the report count, of each event, in memory.
//!
//! To count different installs by week, version, name and project of a million events takes a database a good part of a second, and as
//! much again at the next question. Here the tables are read once: of each event an install, a moment, who sent it and what it is, as
//! numbers ([`events`]); what these stand for in words is there once ([`words`]). The next question reads what was loaded since. All
//! figures are counted over such columns ([`Count`]), by whoever shows them.
//!
//! ```text
//! tables ──► read ──► Survey ──► Count ──► pages, report
//!            only what comes behind       installs one after the other
//!            the position, while the
//!            rest is as it was
//! ```
//!
//! # What a survey may be trusted in
//!
//! What is kept was read up to a position of the journal, and whatever is loaded later is behind it. Events leave the tables by deletion
//! requests and for their age, and both are counted there. So if these counts are as they were, and the kept events and those behind
//! the position are together as many as the table has rows, the kept ones are those that it has; else all are read anew. It is all asked at
//! one moment ([`Tables::hold_still`]), and nothing is kept that was not read at one.
//!
//! # Memory
//!
//! An event takes 28 bytes, an install about 16. More than [`MOST_EVENTS`] are not kept, but counted in parts, each with all events of
//! its installs, which are read for each question. Texts are cut, and beyond a number of bytes told as `others`: senders choose them. What is kept and not asked for in some minutes is let go.

mod codes;
mod count;
mod events;
mod names;
mod read;
mod words;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dlt_engine::Error;

use codes::Codes;
pub(crate) use count::{Chosen, Count, Portion, Sent, Tally, Totals};
pub(crate) use events::Event;
use events::Events;
pub(crate) use names::{Named, Names};
pub(crate) use words::{Kind, Sender, Word, Words};

use crate::store::{self, Counts, Store, Tables};

/// Most events that are kept: 70 MB, and their installs.
const MOST_EVENTS: u64 = 2_500_000;
/// Most bytes that are kept. Events whose senders are all different reach it earlier.
const MOST_BYTES: usize = 128 << 20;
/// How long what nobody asks for is kept.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// Events, as columns of numbers.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    words: Words,
    /// Installs by the hashes of their ids.
    installs: Codes,
    events: Events,
}

impl Survey {
    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    /// How many installs have events; their codes are below.
    pub(crate) fn installs(&self) -> usize {
        self.installs.len()
    }

    /// Tells all events.
    pub(crate) fn each(&self, on_event: impl FnMut(Event)) {
        self.events.each(on_event);
    }

    /// Events that say that their client lost some, and how many.
    pub(crate) fn lost(&self) -> impl Iterator<Item = (Event, u64)> {
        self.events.lost()
    }

    fn len(&self) -> u64 {
        self.events.len() as u64
    }

    fn bytes(&self) -> usize {
        self.words.bytes() + self.installs.bytes() + self.events.bytes()
    }

    /// Forgets the events; words keep their codes.
    fn clear(&mut self) {
        self.installs.clear();
        self.events.clear();
    }
}

/// A survey of all events, and what the tables were when it was read.
#[derive(Debug)]
struct Kept {
    survey: Survey,
    counts: Counts,
    /// Tables that gain a column give other hashes.
    has_projects: bool,
    used: Instant,
}

impl Kept {
    /// Whether what was read may still be there, and be all up to its position.
    fn may_hold(&self, counts: &Counts, has_projects: bool) -> bool {
        let gone = |counts: &Counts| (counts.deleted_events, counts.expired_events);
        self.has_projects == has_projects
            && gone(&self.counts) == gone(counts)
            && self.counts.position <= counts.position
            && self.survey.len() <= counts.loaded
    }
}

/// Answers questions that count events, with one survey for all of them.
pub(crate) struct Surveyor {
    kept: Mutex<Option<Kept>>,
    most: Most,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
struct Most {
    events: u64,
    bytes: usize,
}

impl Default for Surveyor {
    fn default() -> Self {
        Self::keeping(MOST_EVENTS, MOST_BYTES)
    }
}

impl fmt::Debug for Surveyor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surveyor")
    }
}

impl Surveyor {
    /// One that keeps so many events at most, if they take no more bytes.
    pub(crate) fn keeping(events: u64, bytes: usize) -> Self {
        Self { kept: Mutex::default(), most: Most { events, bytes } }
    }

    /// Answers a question beside a loader at work; all of the answer is of one moment. One is answered at a time.
    ///
    /// # Errors
    /// When the tables can't be read.
    pub(crate) fn ask<T>(
        &self,
        store: &dyn Store,
        question: impl FnOnce(&mut Look<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // Before the tables are opened, so that what is kept is never newer than what is asked.
        let mut kept = self.lock();
        store::ask(store, |tables| {
            let mut look = Look { tables, kept: &mut kept, most: self.most, counts: None, told_apart: None, read: 0 };
            let answer = question(&mut look)?;
            tracing::debug!(events = look.read, "events were read to be counted");
            Ok(answer)
        })
    }

    /// Lets go what nobody has asked for in a while.
    pub(crate) fn rest(&self) {
        // Who holds it asks.
        if let Ok(mut kept) = self.kept.try_lock()
            && kept.as_ref().is_some_and(|kept| kept.used.elapsed() >= KEPT)
        {
            *kept = None;
        }
    }

    /// As if nobody had asked for long.
    #[cfg(test)]
    pub(crate) fn wait_long(&self) {
        if let Some(kept) = &mut *self.lock() {
            kept.used = kept.used.checked_sub(KEPT).unwrap_or(kept.used);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        // Whoever changes it takes it out meanwhile.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tables at one moment, and the survey of them.
pub(crate) struct Look<'a> {
    tables: &'a mut dyn Tables,
    kept: &'a mut Option<Kept>,
    most: Most,
    counts: Option<Counts>,
    told_apart: Option<usize>,
    /// Events that were read for it.
    read: u64,
}

impl Look<'_> {
    /// What is asked otherwise.
    pub(crate) fn tables(&mut self) -> &mut dyn Tables {
        self.tables
    }

    /// What the tables hold.
    ///
    /// # Errors
    /// When the tables can't be read.
    pub(crate) fn counts(&mut self) -> Result<Counts, Error> {
        match self.counts {
            Some(counts) => Ok(counts),
            None => Ok(*self.counts.insert(self.tables.counts()?)),
        }
    }

    /// How many different texts are told apart of what was counted, where more came than that: the others have one word.
    pub(crate) fn told_apart(&self) -> Option<usize> {
        self.told_apart
    }

    /// How many events were read for it.
    #[cfg(test)]
    pub(crate) fn read_events(&self) -> u64 {
        self.read
    }

    /// Counts over all events.
    ///
    /// # Errors
    /// When the tables can't be read.
    pub(crate) fn count<C: Count>(&mut self, mut count: C) -> Result<C::Found, Error> {
        if !self.tables.exist()? {
            return Ok(count.found(&Words::default()));
        }
        let counts = self.counts()?;
        // Tables of an earlier version have no projects yet.
        let has_projects = self.tables.are_current()?;
        if counts.loaded > self.most.events {
            *self.kept = None;
            return self.in_parts(count, counts.loaded, has_projects);
        }
        let survey = match self.kept.take().filter(|kept| kept.may_hold(&counts, has_projects)) {
            Some(kept) => self.continued(kept, &counts, has_projects)?,
            None => None,
        };
        let survey = match survey {
            Some(survey) => survey,
            None => self.read(Survey::default(), has_projects, None)?,
        };
        count.add(&survey);
        self.told_apart = survey.words.told_apart();
        let found = count.found(&survey.words);
        if survey.bytes() <= self.most.bytes {
            *self.kept = Some(Kept { survey, counts, has_projects, used: Instant::now() });
        }
        Ok(found)
    }

    /// A survey with what was loaded since; none if it is not what the table has.
    fn continued(&mut self, kept: Kept, counts: &Counts, has_projects: bool) -> Result<Option<Survey>, Error> {
        let since = kept.counts.position;
        let survey = match counts.position > since {
            true => self.read(kept.survey, has_projects, Some(&format!("journal_seq > {since}")))?,
            false => kept.survey,
        };
        Ok(Some(survey).filter(|survey| survey.len() == counts.loaded))
    }

    /// Counts with one part of the installs after the other.
    fn in_parts<C: Count>(&mut self, mut count: C, events: u64, has_projects: bool) -> Result<C::Found, Error> {
        let parts = events.div_ceil(self.most.events.max(1)).next_power_of_two();
        let hash = self.tables.dialect().hash(&["anonymous_id"]);
        let mut survey = Survey::default();
        for part in 0..parts {
            let last = parts - 1;
            // Events without an install are divided by their numbers.
            let of_part =
                format!("(CASE WHEN anonymous_id IS NULL THEN journal_seq & {last} ELSE {hash} & {last} END) = {part}");
            survey.clear();
            survey = self.read(survey, has_projects, Some(&of_part))?;
            count.add(&survey);
        }
        self.told_apart = survey.words.told_apart();
        Ok(count.found(&survey.words))
    }

    fn read(&mut self, mut survey: Survey, has_projects: bool, condition: Option<&str>) -> Result<Survey, Error> {
        let before = survey.len();
        read::read(&mut survey, self.tables, has_projects, condition)?;
        self.read += survey.len() - before;
        Ok(survey)
    }
}
