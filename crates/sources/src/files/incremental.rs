//! Files that are new since the last run.

use super::discover::DataFile;
use super::open::Place;
use dlt_engine::incremental::{Incremental, Tracker};
use dlt_engine::source::ExtractContext;
use dlt_engine::{Error, ErrorKind, Notice, Result};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The word for the time at which a file was changed last, in place of a cursor in its rows.
const MODIFICATION_DATE: &str = "modification_date";

/// What is new in files.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FilesIncremental {
    /// Rows, by a cursor that they hold.
    Rows(Incremental),
    /// Whole files, by the time at which they were changed last. A file that was changed is read again as a whole: merge its
    /// rows if they would come twice.
    Files(Incremental),
}

impl FilesIncremental {
    /// Whole files that are new, or were changed since the last run.
    pub fn by_modification_date() -> Self {
        Self::Files(Incremental::new(MODIFICATION_DATE))
    }

    /// What one word means: `modification_date` is that of the files, anything else a cursor in the rows.
    pub fn of_word(word: &str) -> Self {
        match word {
            MODIFICATION_DATE => Self::by_modification_date(),
            cursor => Self::Rows(Incremental::new(cursor)),
        }
    }

    pub(super) fn of_rows(&self) -> Option<Incremental> {
        match self {
            Self::Rows(incremental) => Some(incremental.clone()),
            Self::Files(_) => None,
        }
    }
}

impl From<Incremental> for FilesIncremental {
    fn from(incremental: Incremental) -> Self {
        Self::Rows(incremental)
    }
}

/// Those of the files of a table that are new, and how many are not. The position is the one that Python dlt keeps for the same table.
pub(super) fn new_files(
    files: Vec<DataFile>,
    incremental: &Incremental,
    table: &str,
    context: &ExtractContext,
) -> Result<(Vec<DataFile>, u64)> {
    let incremental = timed(incremental)?;
    let key = ["file_url".to_owned()];
    let mut tracker = Tracker::begin(&incremental, &format!("filesystem_{table}"), &key, context)?;
    let mut new = Vec::new();
    for file in files {
        let (url, changed) = match &file.place {
            Place::Path(path) if !file.place.is_stream() => (url_of(path)?, changed_at(path)?),
            Place::Remote(remote) | Place::Fetched(remote, _) => match remote.modified() {
                Some(modified) => (remote.shown.to_string(), micros(modified)),
                None => {
                    let told = "a web server that does not say when a page was changed: it is read with every run";
                    context.notices.say(Notice::new(told).details([remote.shown.to_string()]));
                    new.push(file);
                    continue;
                }
            },
            _ => {
                let told = "standard input, pipes and devices have no time of change: they are read with every run";
                context.notices.say(Notice::new(told));
                new.push(file);
                continue;
            }
        };
        if tracker.takes_file(&url, changed)? {
            new.push(file);
        }
    }
    Ok((new, tracker.finish_files()))
}

/// Says how many files were left out.
pub(super) fn say_left_out(files: u64, context: &ExtractContext) {
    if files > 0 {
        let what = if files == 1 { "1 file was".to_owned() } else { format!("{files} files were") };
        context.notices.say(Notice::new(format!("{what} left out: loaded before, and not changed since")));
    }
}

/// Bounds that were given as text are times.
fn timed(incremental: &Incremental) -> Result<Incremental> {
    let mut timed = incremental.clone();
    for bound in [&mut timed.initial_value, &mut timed.end_value].into_iter().flatten() {
        *bound = bound.as_time().ok_or_else(|| {
            Error::new(ErrorKind::Config, "the bounds of `modification_date` must be times")
                .hint("write them as 2024-01-31 or 2024-01-31T12:00:00Z")
        })?;
    }
    Ok(timed)
}

/// The URL that Python dlt has of a file.
fn url_of(path: &Path) -> Result<String> {
    let absolute = std::path::absolute(path).map_err(|cause| unreadable(path, cause))?;
    let mut url = String::from("file://");
    for &byte in absolute.as_os_str().as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(url)
}

/// Microseconds since 1970 of a time that a store told.
fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Microseconds since 1970. Python has it from a double, and rounds that.
fn changed_at(path: &Path) -> Result<i64> {
    let found = path.metadata().and_then(|found| found.modified()).map_err(|cause| unreadable(path, cause))?;
    let seconds = match found.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs() as f64 + f64::from(since.subsec_nanos()) * 1e-9,
        Err(before) => -before.duration().as_secs_f64(),
    };
    let micros = ((seconds - seconds.floor()) * 1e6).round_ties_even();
    Ok(seconds.floor() as i64 * 1_000_000 + micros as i64)
}

fn unreadable(path: &Path, cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Source, "cannot be read").at(path.to_string_lossy(), None).because(cause)
}
