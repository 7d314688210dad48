//! Reading the report: most of it is counted over the survey.

use std::collections::BTreeMap;

use dlt_engine::Error;
use dlt_engine::destination::Row;
use jiff::Timestamp;
use serde_json::Value;

use super::{DaySummary, EventSummary, Report, Share, VersionSummary};
use crate::projects::DEFAULT;
use crate::retention::DAY_MICROS;
use crate::row::{number, text};
use crate::store::schema::{DAILY_EVENTS, DAILY_INSTALLS, QUARANTINE};
use crate::survey::{Chosen, Count, Look, Names, Portion, Survey, Tally, Totals, Word, Words};

/// Most rows of one list.
const MAX_LINES: usize = 100;
/// Most days whose events have expired.
const MAX_DAYS: u32 = 4000;

/// The report, of one project or of all, without its ledger. Empty where there are no tables.
///
/// # Errors
/// When the tables can't be read.
pub(crate) fn read(look: &mut Look<'_>, project: Option<&str>) -> Result<Report, Error> {
    if !look.tables().exist()? {
        return Ok(Report::default());
    }
    let now = Timestamp::now().as_microsecond();
    let mut report = look.count(Counting::new(project, now))?;
    // Tables of an earlier version have no projects yet.
    if !look.tables().are_current()? {
        report.projects.clear();
    }
    report.quarantine = quarantine(look, project)?;
    for (name, list) in [
        ("projects", &mut report.projects),
        ("platforms", &mut report.platforms),
        ("destinations", &mut report.destinations),
    ] {
        cut(list, name, &mut report.more);
    }
    cut(&mut report.events, "events", &mut report.more);
    cut(&mut report.versions, "versions", &mut report.more);
    report.expired_before = look.tables().expired_before(project)?;
    if report.expired_before.is_some() {
        let (earlier, more) = earlier(look, project)?;
        report.earlier = earlier;
        report.more.extend((more > 0).then(|| ("earlier".to_owned(), more)));
    }
    Ok(report)
}

/// Counts the report of the events of a project, or of all.
struct Counting<'a> {
    project: Option<&'a str>,
    /// The moments since which an install counts as one of 1, 7 and 30 days.
    since: [i64; 3],
    recent: [u64; 3],
    total: u64,
    active: u64,
    ci: Portion,
    container: Portion,
    first: Option<i64>,
    last: Option<i64>,
    names: Names,
    versions: Tally<[Word; 2], [Word; 2]>,
    systems: Tally<Word, Option<String>>,
    destinations: Tally<Word, Option<String>>,
    projects: Tally<Word, Option<String>>,
}

impl<'a> Counting<'a> {
    fn new(project: Option<&'a str>, now: i64) -> Self {
        Self {
            project,
            since: [1, 7, 30].map(|days| now - days * DAY_MICROS),
            recent: [0; 3],
            total: 0,
            active: 0,
            ci: Portion::default(),
            container: Portion::default(),
            first: None,
            last: None,
            names: Names::default(),
            versions: Tally::default(),
            systems: Tally::default(),
            destinations: Tally::default(),
            projects: Tally::default(),
        }
    }
}

impl Count for Counting<'_> {
    type Found = Report;

    fn add(&mut self, survey: &Survey) {
        let words = survey.words();
        let text = |word: &Word| words.text(*word).map(str::to_owned);
        let is_of = |project: Word| self.project.is_none_or(|asked| words.text(project).unwrap_or(DEFAULT) == asked);
        let chosen = Chosen::new(words, None, |sender| is_of(sender.project), |_| true);
        let totals = Totals::of(survey, &chosen);

        self.total += totals.events();
        self.ci.extend(totals.portion(words, |sender| sender.is_ci));
        self.container.extend(totals.portion(words, |sender| sender.is_in_container(words)));
        survey.each(|event| {
            if let Some(moment) = event.moment().filter(|_| chosen.has(&event)) {
                self.first = Some(self.first.map_or(moment, |first| first.min(moment)));
                self.last = Some(self.last.map_or(moment, |last| last.max(moment)));
            }
        });
        let lasts = survey.lasts(&chosen);
        for (since, recent) in self.since.iter().zip(&mut self.recent) {
            *recent += lasts.iter().filter(|last| *last > since).count() as u64;
        }

        let (senders, kinds) = (words.senders(), words.kinds());
        self.names.add(survey, &chosen, &totals);
        self.versions.learn(senders, |sender| [sender.library, sender.version], |pair| [*pair]);
        self.versions.add_events(&totals.senders);
        self.systems.learn(senders, |sender| sender.system, |word| [text(word)]);
        self.systems.add_events(&totals.senders);
        self.projects.learn(senders, |sender| sender.project, |word| [text(word).or_else(|| Some(DEFAULT.to_owned()))]);
        self.projects.add_events(&totals.senders);
        // Events without one are left out.
        self.destinations.learn(kinds, |kind| kind.destination, |word| text(word).map(Some));
        self.destinations.add_events(&totals.kinds);
        survey.by_install(&chosen, |_, events| {
            self.active += 1;
            self.names.add_install(events);
            self.versions.add_install(events.iter().map(|sent| sent.sender));
        });
    }

    fn found(self, words: &Words) -> Report {
        let text = |word: Word| words.text(word).map(str::to_owned);
        let named = self.names.found(words).into_iter().map(|named| EventSummary {
            event: named.name.unwrap_or_default(),
            count: named.events,
            active_ids: named.installs,
            success_share: named.success,
            p50_seconds: named.p50,
            p95_seconds: named.p95,
        });
        let versions = self.versions.found().map(|([library, version], active_ids, count)| VersionSummary {
            library: text(library),
            version: text(version),
            count,
            active_ids,
        });
        let mut versions = Vec::from_iter(versions);
        versions.sort_by_cached_key(|version| {
            let name = |text: &Option<String>| (text.is_none(), text.clone());
            (std::cmp::Reverse(version.count), name(&version.library), name(&version.version))
        });
        Report {
            projects: shares(self.projects),
            events: named.collect(),
            versions,
            platforms: shares(self.systems),
            destinations: shares(self.destinations),
            total: self.total,
            active_ids: self.active,
            active_by_window: self.recent,
            ci_share: self.ci.share(),
            container_share: self.container.share(),
            first_event: self.first.and_then(instant),
            last_event: self.last.and_then(instant),
            ..Report::default()
        }
    }
}

/// Leaves the first rows of a list, and says how many there were beyond.
fn cut<T>(list: &mut Vec<T>, name: &str, more: &mut BTreeMap<String, u64>) {
    if list.len() > MAX_LINES {
        more.insert(name.to_owned(), (list.len() - MAX_LINES) as u64);
        list.truncate(MAX_LINES);
    }
}

fn shares(tally: Tally<Word, Option<String>>) -> Vec<Share> {
    let mut found = Vec::from_iter(tally.found().map(|(value, _, count)| (value, count)));
    let whole: u64 = found.iter().map(|(_, count)| count).sum();
    found.sort_by_cached_key(|(value, count)| (std::cmp::Reverse(*count), value.is_none(), value.clone()));
    let share = |(value, count)| Share { value, count, share: count as f64 / whole as f64 };
    found.into_iter().map(share).collect()
}

/// A moment as ISO 8601 has it, to the second.
fn instant(micros: i64) -> Option<String> {
    Timestamp::from_second(micros.div_euclid(1_000_000)).ok().map(|moment| moment.to_string())
}

/// Why events were quarantined.
fn quarantine(look: &mut Look<'_>, project: Option<&str>) -> Result<Vec<Share>, Error> {
    let condition = match project {
        None => "true".to_owned(),
        Some(name) if look.tables().are_current()? => look.tables().dialect().of_project(name),
        Some(name) => (name == DEFAULT).to_string(),
    };
    let rows = look.tables().select(&format!(
        "SELECT reason AS value, count(*) AS count, CAST(count(*) AS DOUBLE PRECISION) / sum(count(*)) OVER () AS share \
         FROM {QUARANTINE} WHERE {condition} GROUP BY 1 ORDER BY count DESC, value"
    ))?;
    let share = |row: &Row| Share {
        value: text(row, "value"),
        count: number(row, "count"),
        share: row.get("share").and_then(Value::as_f64).unwrap_or_default(),
    };
    Ok(rows.iter().map(share).collect())
}

/// The days whose events have expired, the newest first, and how many more there are.
fn earlier(look: &mut Look<'_>, project: Option<&str>) -> Result<(Vec<DaySummary>, u64), Error> {
    let condition = project.map_or_else(|| "true".to_owned(), |name| look.tables().dialect().of_project(name));
    let rows = look.tables().select(&format!(
        "SELECT CAST(counted.day AS TEXT) AS day, count(*) OVER () AS days, counted.events, coalesce(present.installs, 0) AS installs \
         FROM (SELECT day, sum(events)::BIGINT AS events FROM {DAILY_EVENTS} WHERE {condition} GROUP BY day) AS counted \
         LEFT JOIN (SELECT day, sum(installs)::BIGINT AS installs FROM {DAILY_INSTALLS} WHERE {condition} GROUP BY day) \
         AS present ON present.day = counted.day ORDER BY 1 DESC LIMIT {MAX_DAYS}"
    ))?;
    let day = |row: &Row| DaySummary {
        day: text(row, "day").unwrap_or_default(),
        count: number(row, "events"),
        active_ids: number(row, "installs"),
    };
    let days = rows.first().map_or(0, |row| number(row, "days"));
    Ok((rows.iter().map(day).collect(), days.saturating_sub(rows.len() as u64)))
}
