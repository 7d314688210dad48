//! Errors of databases, in the terms of the person who has to act on them.

use dlt_engine::{Error, ErrorKind};
use std::fmt;

/// What a database said, in one line and without what could be a secret or a cell.
#[derive(Debug)]
pub(crate) struct Said(pub(crate) String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

/// A failure while reading; the run can be repeated without a loss.
pub(crate) fn reading(what: &str, place: &str, cause: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Source, format!("{place}: {what}")).because(Said(first_line(&cause.to_string())))
}

/// What a destination's crate says, as a source's failure; `place` stands before it, unless it is empty.
pub(crate) fn of_source(place: &str, error: &Error) -> Error {
    let kind = match error.kind() {
        kind @ (ErrorKind::Config | ErrorKind::Data | ErrorKind::Internal) => kind,
        _ => ErrorKind::Source,
    };
    let message = if place.is_empty() { error.to_string() } else { format!("{place}: {error}") };
    let mut of_source = Error::new(kind, message);
    if let Some(advice) = error.advice() {
        of_source =
            of_source.hint(advice.replace("[destination.postgres.credentials]", "[sources.sql_database.credentials]"));
    }
    match std::error::Error::source(error) {
        Some(cause) => of_source.because(Said(cause.to_string())),
        None => of_source,
    }
}

/// A setting that cannot be meant.
pub(crate) fn config(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message).hint(hint)
}

/// The first line of a message.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}
