//! The benchmark's input, the same on every machine: a million flat events, two hundred thousand nested documents, and
//! shapes that are hard to load.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::hard;
use super::random::Random;
use super::shape::Shape;

/// How much is made. The file names carry the counts, so that a smaller set is never taken for the whole.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) events: u64,
    pub(super) documents: u64,
    /// By how much the other shapes are smaller than the whole.
    smaller: u64,
}

impl Size {
    pub(super) const FULL: Size = Size { events: 1_000_000, documents: 200_000, smaller: 1 };
    pub(super) const QUICK: Size = Size { events: 100_000, documents: 20_000, smaller: 10 };

    /// Rows of a shape, or its files, tables or items where those are what it has many of.
    fn count(self, shape: Shape) -> u64 {
        let whole = match shape {
            Shape::Events => return self.events,
            Shape::Documents => return self.documents,
            Shape::Wide => 20_000,
            Shape::Sparse | Shape::Files => 100_000,
            Shape::Tables => 400,
            Shape::Texts => 60_000_000,
            Shape::Document => 1_000_000,
            Shape::Deep => 10_000,
        };
        whole / self.smaller
    }
}

/// The files of all shapes in one size.
pub(super) struct Data {
    folder: PathBuf,
    size: Size,
}

impl Data {
    pub(super) fn new(folder: PathBuf, size: Size) -> Self {
        Self { folder, size }
    }

    /// The file of a shape, or the folder of its files.
    pub(super) fn path(&self, shape: Shape) -> PathBuf {
        let (name, count) = (shape.table(), self.size.count(shape));
        self.folder.join(match shape {
            Shape::Tables | Shape::Files => format!("{name}-{count}"),
            Shape::Document => format!("{name}-{count}.json"),
            _ => format!("{name}-{count}.jsonl"),
        })
    }

    /// Makes the shape's files when they are not there; returns their bytes.
    pub(super) fn ensure(&self, shape: Shape) -> Result<u64> {
        fs::create_dir_all(&self.folder)?;
        let (path, count) = (self.path(shape), self.size.count(shape));
        match shape {
            Shape::Events => write_lines(&path, count, event)?,
            Shape::Documents => write_lines(&path, count, document)?,
            Shape::Wide => write_lines(&path, count, hard::wide)?,
            Shape::Sparse => write_lines(&path, count, hard::sparse)?,
            Shape::Deep => write_lines(&path, count, hard::deep)?,
            Shape::Tables => write_folder(&path, |random, out| hard::tables(random, count, out))?,
            Shape::Files => write_folder(&path, |random, out| hard::files(random, count, out))?,
            Shape::Texts => write_lines(&path, 5, |_, number, out| hard::text(number, count, out))?,
            Shape::Document => write_lines(&path, 1, |random, _, out| hard::long_list(random, count, out))?,
        }
        bytes_of(&path)
    }
}

/// Bytes of a file, or of the files in a folder; they are read, so that the first who loads them does not pay for the disk.
fn bytes_of(path: &Path) -> Result<u64> {
    if path.is_file() {
        return Ok(fs::read(path)?.len() as u64);
    }
    fs::read_dir(path)?.map(|entry| bytes_of(&entry?.path())).sum()
}

/// Fills a folder by `write`, as a whole or not at all.
fn write_folder(folder: &Path, write: impl FnOnce(&mut Random, &Path) -> Result<()>) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    println!("making {}", folder.display());
    let temporary = folder.with_extension("new");
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir_all(&temporary)?;
    write(&mut Random::new(42), &temporary)?;
    Ok(fs::rename(&temporary, folder)?)
}

fn write_lines(file: &Path, count: u64, line: impl Fn(&mut Random, u64, &mut String)) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    println!("making {}", file.display());
    let temporary = file.with_extension("new");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
    let mut random = Random::new(42);
    let mut text = String::new();
    for number in 0..count {
        text.clear();
        line(&mut random, number, &mut text);
        out.write_all(text.as_bytes())?;
    }
    out.into_inner().context("the last bytes could not be written")?.sync_all()?;
    fs::rename(&temporary, file)?;
    Ok(())
}

/// Eleven scalar fields: whole numbers, a money amount, text, a flag, a point in time, and a number that is sometimes
/// absent.
fn event(random: &mut Random, number: u64, out: &mut String) {
    const KINDS: [&str; 5] = ["page_view", "click", "purchase", "signup", "logout"];
    const COUNTRIES: [&str; 7] = ["US", "DE", "FR", "GB", "PL", "JP", "BR"];
    let score = if random.percent(90) { random.below(1_000_000).to_string() } else { "null".to_owned() };
    // Writing into a string cannot fail.
    let _ = writeln!(
        out,
        r#"{{"id":{number},"userId":{},"eventType":"{}","createdAt":"{}","amount":{:?},"currency":"{}","isTest":{},"sessionId":"{:08x}{:016x}","country":"{}","url":"https://example.com/p/{}?q={:06x}","score":{score}}}"#,
        random.below(100_000),
        random.pick(&KINDS),
        moment(number * 3),
        random.hundredths(100_000),
        if random.percent(50) { "EUR" } else { "USD" },
        random.percent(5),
        random.below(1 << 32),
        random.next(),
        random.pick(&COUNTRIES),
        random.below(1_000),
        random.below(1 << 24),
    );
}

/// Scalars, an object two levels deep, a list of five objects and a list of three words: nine rows from one line.
fn document(random: &mut Random, number: u64, out: &mut String) {
    let time = moment(number * 7);
    let degrees = |hundred_thousandths: u64, offset: f64| hundred_thousandths as f64 / 100_000.0 - offset;
    let _ = write!(
        out,
        r#"{{"id":{number},"title":"doc {number}","updatedAt":"{time}","owner":{{"id":{},"name":"owner {}","geo":{{"lat":{:?},"lon":{:?}}}}},"tags":["t{}","t{}","t{}"],"items":["#,
        random.below(5_000),
        random.below(5_000),
        degrees(random.below(18_000_000), 90.0),
        degrees(random.below(36_000_000), 180.0),
        random.below(50),
        random.below(50),
        random.below(50),
    );
    for place in 0..5 {
        let _ = write!(
            out,
            r#"{}{{"sku":"{:08x}","qty":{},"price":{:?},"addedAt":"{time}","attr":{{"color":"c{}"}}}}"#,
            if place == 0 { "" } else { "," },
            random.below(1 << 32),
            1 + random.below(8),
            random.hundredths(10_000),
            random.below(12),
        );
    }
    let _ = writeln!(out, r#"],"total":{:?},"open":{}}}"#, random.hundredths(50_000), random.percent(30));
}

/// So many seconds after the start of 2024, as ISO 8601 in UTC.
fn moment(seconds: u64) -> String {
    const MONTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (mut year, mut days) = (2024_u64, seconds / 86_400);
    let leap = |year: u64| u64::from(year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + leap(year) {
        days -= 365 + leap(year);
        year += 1;
    }
    let mut month = 0;
    let length = |month: usize| MONTHS[month] + if month == 1 { leap(year) } else { 0 };
    while days >= length(month) {
        days -= length(month);
        month += 1;
    }
    let second = seconds % 86_400;
    format!("{year}-{:02}-{:02}T{:02}:{:02}:{:02}Z", month + 1, days + 1, second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn lines(line: fn(&mut Random, u64, &mut String), count: u64) -> Vec<Value> {
        let (mut random, mut text) = (Random::new(42), String::new());
        (0..count).for_each(|number| line(&mut random, number, &mut text));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_event_has_its_eleven_fields_and_one_in_ten_has_no_score() {
        let events = lines(event, 10_000);
        assert!(events.iter().all(|event| event.as_object().unwrap().len() == 11 && event["amount"].is_f64()));
        let without = events.iter().filter(|event| event["score"].is_null()).count();
        assert!((900..1_100).contains(&without), "{without}");
        assert_eq!(events[28_800 / 3]["createdAt"], "2024-01-01T08:00:00Z");
    }

    #[test]
    fn a_document_has_five_items_and_three_tags() {
        let documents = lines(document, 1_000);
        assert!(documents.iter().all(|document| document["items"].as_array().unwrap().len() == 5));
        assert!(documents.iter().all(|document| document["tags"].as_array().unwrap().len() == 3));
        assert!(documents.iter().all(|document| document["owner"]["geo"]["lat"].as_f64().unwrap().abs() <= 90.0));
    }

    #[test]
    fn the_same_seed_gives_the_same_lines() {
        assert_eq!(lines(event, 50), lines(event, 50));
    }

    #[test]
    fn the_calendar_knows_leap_years_and_the_turn_of_a_year() {
        assert_eq!(moment(0), "2024-01-01T00:00:00Z");
        assert_eq!(moment((31 + 28) * 86_400), "2024-02-29T00:00:00Z");
        assert_eq!(moment(366 * 86_400), "2025-01-01T00:00:00Z");
        assert_eq!(moment((366 + 31 + 28) * 86_400 - 1), "2025-02-28T23:59:59Z");
    }
}
