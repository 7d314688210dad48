//! Events that wait to be sent, in one file: `telemetry/spool.jsonl`.
//!
//! **Layout.** One line each, in the order of recording. A line that begins with `{"anonymousId":` is an event: byte
//! for byte the request body that will be sent, except that the 24 characters of `sentAt` are set when a sender takes
//! it up. A line that begins with `{"lost":` counts events that were given up and that no event has reported yet. An
//! event that holds `"dropped":{…}` has reported every count that stands above it.
//!
//! **Writing.** One `write` to the end, under the file's lock. A process that is killed in the middle leaves a line
//! without an end; the next writer ends it, and it counts as one corrupt event.
//!
//! **Shortening** happens by writing a new file and renaming it, under the same lock; whoever waited for the lock of
//! the old file notices that the name now stands for another and opens that.
//!
//! **Limits** are in [`Policy`](crate::Policy): number, bytes, age. Power cuts may lose the last seconds; no event is
//! worth the wait for a disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::clock;
use crate::disk;
use crate::envelope;
use crate::loss::{Losses, Reason};
use crate::policy::Policy;

const EVENT: &str = "{\"anonymousId\":";
const LOST: &str = "{\"lost\":";
const DROPPED: &str = "\"dropped\":{";

/// The file and its limits. Opening it does nothing yet.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    path: PathBuf,
    policy: Policy,
}

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The request body.
    pub(crate) body: String,
    pub(crate) message_id: String,
    /// When it was recorded, from its id.
    pub(crate) recorded_ms: u64,
    pub(crate) event: String,
    /// What it reports as lost, should it be lost itself.
    dropped: Losses,
}

/// What the file held at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) entries: Vec<Entry>,
    /// Given up, and not yet reported by any event.
    pub(crate) losses: Losses,
    pub(crate) bytes: u64,
}

impl Contents {
    /// The file that holds this and nothing else.
    pub(crate) fn to_text(&self) -> String {
        let mut text: String = self.entries.iter().flat_map(|entry| [entry.body.as_str(), "\n"]).collect();
        if !self.losses.is_empty() {
            text.push_str(&lost_line(&self.losses));
            text.push('\n');
        }
        text
    }
}

/// Why an event did not get into the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// It is counted in the spool already.
    Counted(Reason),
    /// The caller has to remember it.
    Uncounted(Reason),
    /// There is no room: the spool has to be shortened first.
    Full,
}

impl Spool {
    pub(crate) fn new(folder: &Path, policy: Policy) -> Self {
        Self { path: folder.join("spool.jsonl"), policy }
    }

    /// Appends one event. `compose` is told what was lost and not yet reported, and makes the request body.
    pub(crate) fn append(&self, compose: impl FnOnce(&Losses) -> String) -> Result<(), Rejected> {
        let mut locked = self.lock(true)?.ok_or(Rejected::Uncounted(Reason::Unwritable))?;
        let text = locked.read().map_err(|_| Rejected::Uncounted(Reason::Unwritable))?;
        let lines = Lines::scan(&text);
        let body = compose(&lines.losses);
        if body.len() > self.policy.max_event_bytes {
            let mut losses = Losses::default();
            losses.add(Reason::TooLarge, 1);
            locked.append(&text, &lost_line(&losses))?;
            return Err(Rejected::Counted(Reason::TooLarge));
        }
        if lines.events.len() >= self.policy.max_events
            || (text.len() + body.len()) as u64 + 1 > self.policy.max_spool_bytes
        {
            return Err(Rejected::Full);
        }
        locked.append(&text, &body)
    }

    /// The same file for a process that is about to end, and can wait a little longer for others.
    pub(crate) fn patient(&self) -> Self {
        let policy = Policy { lock_wait: self.policy.lock_wait * 10, ..self.policy.clone() };
        Self { path: self.path.clone(), policy }
    }

    /// Adds counts that no event has reported.
    pub(crate) fn append_losses(&self, losses: &Losses) -> Result<(), Rejected> {
        let mut locked = self.lock(true)?.ok_or(Rejected::Uncounted(Reason::Unwritable))?;
        let text = locked.read().map_err(|_| Rejected::Uncounted(Reason::Unwritable))?;
        locked.append(&text, &lost_line(losses))
    }

    /// What waits; nothing if there is no file. Takes no lock: a half-written last line counts as not there yet.
    pub(crate) fn read(&self) -> io::Result<Contents> {
        match disk::text_at_most(&self.path, self.max_read()) {
            Ok(text) => Ok(parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contents::default()),
            Err(error) => Err(error),
        }
    }

    /// Whether there is anything to send.
    pub(crate) fn is_empty(&self) -> bool {
        fs::metadata(&self.path).map_or(true, |found| found.len() == 0)
    }

    /// Takes events out. `verdict` says for each whether it stays, has been sent, or is given up; what is given up is
    /// counted in the same step. Returns what then remains.
    pub(crate) fn shorten(&self, mut verdict: impl FnMut(usize, &Entry) -> Verdict) -> io::Result<Contents> {
        self.rewrite(|before| {
            let mut after = Contents { losses: before.losses, ..Contents::default() };
            for (index, entry) in before.entries.into_iter().enumerate() {
                match verdict(index, &entry) {
                    Verdict::Keep => after.entries.push(entry),
                    Verdict::Sent => {}
                    Verdict::Lost(reason) => {
                        after.losses.add(reason, 1);
                        after.losses.merge(&entry.dropped);
                    }
                }
            }
            after
        })
    }

    /// Sets the time of sending in every event whose own has gone stale.
    pub(crate) fn restamp(&self, now_ms: u64) -> io::Result<Contents> {
        self.rewrite(|mut contents| {
            for entry in &mut contents.entries {
                entry.body = envelope::freshly_stamped(&entry.body, now_ms);
            }
            contents
        })
    }

    /// Replaces the file in one step, under its lock.
    fn rewrite(&self, change: impl FnOnce(Contents) -> Contents) -> io::Result<Contents> {
        let Some(mut locked) = self.lock(false).map_err(|_| io::Error::from(io::ErrorKind::WouldBlock))? else {
            return Ok(Contents::default());
        };
        let text = locked.read()?;
        let mut after = change(parse(&text));
        let rewritten = after.to_text();
        after.bytes = rewritten.len() as u64;
        if rewritten == text {
            return Ok(after);
        }
        disk::replace(&self.path, &rewritten).map(|()| after)
    }

    /// Deletes everything that waits.
    pub(crate) fn purge(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// A file far beyond the limit was not written here: what is beyond is not looked at, and gone with the next
    /// shortening.
    fn max_read(&self) -> u64 {
        self.policy.max_spool_bytes.saturating_mul(4)
    }

    /// The file under its lock; `None` if there is none and none is to be made.
    fn lock(&self, create: bool) -> Result<Option<Locked>, Rejected> {
        let started = Instant::now();
        loop {
            let file = match OpenOptions::new().read(true).append(true).create(create).open(&self.path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound && !create => return Ok(None),
                Err(_) => return Err(Rejected::Uncounted(Reason::Unwritable)),
            };
            match file.try_lock() {
                Ok(()) if same_file(&file, &self.path) => return Ok(Some(Locked { file, max_read: self.max_read() })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_micros(30)),
                Err(TryLockError::Error(_)) => return Err(Rejected::Uncounted(Reason::Unwritable)),
            }
            if started.elapsed() > self.policy.lock_wait {
                return Err(Rejected::Uncounted(Reason::Busy));
            }
        }
    }
}

/// What is to become of an event in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Keep,
    Sent,
    Lost(Reason),
}

struct Locked {
    file: File,
    max_read: u64,
}

impl Locked {
    fn read(&mut self) -> io::Result<String> {
        let length = self.file.metadata()?.len();
        let bytes = disk::read_open(&mut self.file, length, self.max_read)?;
        Ok(disk::text_of(bytes))
    }

    /// One `write`. A disk that takes only a part of it is left as it was.
    fn append(&mut self, before: &str, line: &str) -> Result<(), Rejected> {
        let torn = !before.is_empty() && !before.ends_with('\n');
        let line = if torn { format!("\n{line}\n") } else { format!("{line}\n") };
        let length = self.file.metadata().map_or(0, |found| found.len());
        match self.file.write(line.as_bytes()) {
            Ok(written) if written == line.len() => Ok(()),
            _ => {
                let _ = self.file.set_len(length);
                Err(Rejected::Uncounted(Reason::Unwritable))
            }
        }
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => held.dev() == named.dev() && held.ino() == named.ino(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, _: &Path) -> bool {
    true
}

fn lost_line(losses: &Losses) -> String {
    format!("{LOST}{}}}", losses.to_json())
}

/// A quick look at the lines, which is all that a recording pays for.
struct Lines<'a> {
    events: Vec<&'a str>,
    losses: Losses,
}

impl<'a> Lines<'a> {
    fn scan(text: &'a str) -> Self {
        let (mut events, mut losses) = (Vec::new(), Losses::default());
        for line in text.lines().filter(|line| !line.is_empty()) {
            // The end that only a whole event has; an event that was cut short has reported nothing.
            if line.starts_with(EVENT) && envelope::is_stampable(line) {
                // Inside a JSON string the quotes would be escaped, so this can only be the key.
                if line.contains(DROPPED) {
                    losses = Losses::default();
                }
                events.push(line);
            } else if let Some(counts) = lost_counts(line) {
                losses.merge(&counts);
            } else {
                losses.add(Reason::Corrupt, 1);
            }
        }
        Self { events, losses }
    }
}

fn lost_counts(line: &str) -> Option<Losses> {
    if !line.starts_with(LOST) {
        return None;
    }
    let parsed: Json = serde_json::from_str(line).ok()?;
    Some(Losses::from_json(parsed.get("lost")?.as_object()?))
}

/// A full look, for whoever sends or shows.
pub(crate) fn parse(text: &str) -> Contents {
    let lines = Lines::scan(text);
    let mut contents = Contents { entries: Vec::new(), losses: lines.losses, bytes: text.len() as u64 };
    for line in lines.events {
        match entry(line) {
            Some(entry) => contents.entries.push(entry),
            None => contents.losses.add(Reason::Corrupt, 1),
        }
    }
    contents
}

fn entry(line: &str) -> Option<Entry> {
    let parsed: Json = serde_json::from_str(line).ok()?;
    let message_id = parsed.get("messageId")?.as_str()?.to_owned();
    let recorded_ms = clock::uuid7_ms(&message_id)?;
    let event = parsed.get("event")?.as_str()?.to_owned();
    let dropped =
        parsed.get("context")?.get("dropped").and_then(Json::as_object).map(Losses::from_json).unwrap_or_default();
    Some(Entry { body: line.to_owned(), message_id, recorded_ms, event, dropped })
}

#[cfg(test)]
mod tests;
