//! What is done with it, and how that goes.

use dlt_engine::Error;
use dlt_engine::destination::Row;

use super::counting::{Figure, Seen};
use super::{Asking, MAX_ROWS, named, row_named, row_seconds, row_text, seconds, section, share};
use crate::dashboard::page::{Cell, Form, Section};
use crate::store::schema::EVENTS;
use crate::survey::{Kind, Named, Names, Sent, Tally, Word, Words};

/// Ends of the classes of durations, in seconds.
const CLASSES: [(f64, &str); 8] = [
    (0.1, "below 0.1 s"),
    (0.3, "0.1 to 0.3 s"),
    (1.0, "0.3 to 1 s"),
    (3.0, "1 to 3 s"),
    (10.0, "3 to 10 s"),
    (30.0, "10 to 30 s"),
    (100.0, "30 to 100 s"),
    (f64::INFINITY, "100 s and more"),
];

/// Counts events by name.
#[derive(Debug, Default)]
pub(super) struct All(Names);

impl Figure for All {
    type Found = Section;

    fn look(&mut self, seen: &Seen<'_>) {
        self.0.add(seen.survey, seen.chosen, seen.totals);
    }

    fn add_install(&mut self, _seen: &Seen<'_>, _install: usize, events: &[Sent]) {
        self.0.add_install(events);
    }

    fn found(self, words: &Words) -> Section {
        let row = |Named { name, events, installs, success, p50, p95 }: Named| {
            vec![
                named(name.as_deref()),
                Cell::Count(events),
                Cell::Count(installs),
                share(success),
                seconds(p50),
                seconds(p95),
            ]
        };
        section(
            ("events", "Commands and steps"),
            "Success and durations are of those events that tell them.",
            &[
                ("event", "Event"),
                ("events", "Events"),
                ("installs", "Installs"),
                ("success_share", "Succeeded"),
                ("p50_seconds", "Median"),
                ("p95_seconds", "95 % below"),
            ],
            self.0.found(words).into_iter().map(row).collect(),
            Form::Table,
        )
    }
}

/// Counts how long things take.
#[derive(Debug, Default)]
pub(super) struct Durations([u64; CLASSES.len()]);

impl Figure for Durations {
    type Found = Section;

    fn look(&mut self, seen: &Seen<'_>) {
        seen.survey.each(|event| {
            if let Some(seconds) = event.seconds().filter(|_| seen.chosen.has(&event)) {
                let class = CLASSES.iter().position(|(end, _)| seconds < *end).unwrap_or(CLASSES.len() - 1);
                self.0[class] += 1;
            }
        });
    }

    fn found(self, _words: &Words) -> Section {
        let is_empty = self.0.iter().all(|events| *events == 0);
        let classes = CLASSES.iter().zip(self.0).filter(|_| !is_empty);
        section(
            ("durations", "Durations"),
            "Events by how long what they report took. Choose an event above to see its own.",
            &[("duration", "Duration"), ("events", "Events")],
            classes.map(|((_, name), events)| vec![Cell::Text((*name).to_owned()), Cell::Count(events)]).collect(),
            Form::Bars,
        )
    }
}

/// Counts events and installs by a word of a kind, of those that have it.
#[derive(Debug)]
struct ByWord {
    word: fn(&Kind) -> Word,
    tally: Tally<Word, Word>,
}

impl ByWord {
    fn new(word: fn(&Kind) -> Word) -> Self {
        Self { word, tally: Tally::default() }
    }
}

impl Figure for ByWord {
    type Found = Vec<(String, u64, u64)>;

    fn look(&mut self, seen: &Seen<'_>) {
        self.tally.learn(seen.words().kinds(), self.word, |word| Some(*word).filter(|word| *word != Word::NONE));
        self.tally.add_events(&seen.totals.kinds);
    }

    fn add_install(&mut self, _seen: &Seen<'_>, _install: usize, events: &[Sent]) {
        self.tally.add_install(events.iter().map(|sent| sent.kind));
    }

    /// The most frequent first.
    fn found(self, words: &Words) -> Self::Found {
        let text = |(word, installs, events)| (words.text(word).unwrap_or_default().to_owned(), installs, events);
        let mut all = Vec::from_iter(self.tally.found().map(text));
        all.sort_unstable_by(|one, other| (other.1, other.2, &one.0).cmp(&(one.1, one.2, &other.0)));
        all
    }
}

/// Counts where data goes.
#[derive(Debug)]
pub(super) struct Destinations(ByWord);

impl Default for Destinations {
    fn default() -> Self {
        Self(ByWord::new(|kind| kind.destination))
    }
}

impl Figure for Destinations {
    type Found = Section;

    fn look(&mut self, seen: &Seen<'_>) {
        self.0.look(seen);
    }

    fn add_install(&mut self, seen: &Seen<'_>, install: usize, events: &[Sent]) {
        self.0.add_install(seen, install, events);
    }

    fn found(self, words: &Words) -> Section {
        let row = |(name, installs, events)| vec![Cell::Text(name), Cell::Count(installs), Cell::Count(events)];
        section(
            ("destinations", "Destinations"),
            "Their types, or their names where no type is told, for events that tell one.",
            &[("destination", "Destination"), ("installs", "Installs"), ("events", "Events")],
            self.0.found(words).into_iter().map(row).collect(),
            Form::Bars,
        )
    }
}

/// Counts where data comes from.
#[derive(Debug)]
pub(super) struct Sources(ByWord);

impl Default for Sources {
    fn default() -> Self {
        Self(ByWord::new(|kind| kind.source))
    }
}

impl Figure for Sources {
    type Found = Section;

    fn look(&mut self, seen: &Seen<'_>) {
        self.0.look(seen);
    }

    fn add_install(&mut self, seen: &Seen<'_>, install: usize, events: &[Sent]) {
        self.0.add_install(seen, install, events);
    }

    fn found(self, words: &Words) -> Section {
        let row = |(name, installs, events)| vec![Cell::Text(name), Cell::Count(installs), Cell::Count(events)];
        section(
            ("sources", "Sources"),
            "The kind of source, for events that tell it.",
            &[("source", "Source"), ("installs", "Installs"), ("events", "Events")],
            self.0.found(words).into_iter().map(row).collect(),
            Form::Bars,
        )
    }
}

/// What came last.
pub(super) fn latest(asking: &mut Asking<'_, '_>) -> Result<Section, Error> {
    let dialect = asking.dialect();
    let condition = asking.filter.condition(dialect, asking.now);
    let rows = asking.rows(&format!(
        "SELECT {} AS at, event, library_name, library_version, os_name, ci_run, success, elapsed \
         FROM {EVENTS} WHERE {condition} ORDER BY received_at DESC, journal_seq DESC LIMIT {MAX_ROWS}",
        dialect.written("received_at")
    ))?;
    let truth = |row: &Row, name: &str| match row.get(name).and_then(serde_json::Value::as_bool) {
        Some(true) => Cell::Text("yes".into()),
        Some(false) => Cell::Text("no".into()),
        None => Cell::Nothing,
    };
    let row = |row: &Row| {
        vec![
            row_text(row, "at"),
            row_named(row, "event"),
            row_text(row, "library_name"),
            row_text(row, "library_version"),
            row_text(row, "os_name"),
            truth(row, "ci_run"),
            truth(row, "success"),
            row_seconds(row, "elapsed"),
        ]
    };
    Ok(section(
        ("latest", "Latest events"),
        "The last hundred, the newest first, loaded about every second. No id is shown.",
        &[
            ("received_at", "Received (UTC)"),
            ("event", "Event"),
            ("library", "Library"),
            ("version", "Version"),
            ("os", "System"),
            ("ci", "CI"),
            ("success", "Succeeded"),
            ("elapsed_seconds", "Took"),
        ],
        rows.iter().map(row).collect(),
        Form::Table,
    ))
}
