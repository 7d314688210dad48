//! What drivers say when something fails, in the terms of this project.
//!
//! Databases put values of cells into messages about values, and drivers the connection string into those about
//! connections. Of a message that may carry either only the class is told, in words.

use crate::dialect::Dialect;
use adbc_core::error::{Error as AdbcError, Status};
use arrow::error::ArrowError;
use dlt_engine::{Error, ErrorKind};

/// What SQLite says of a file that somebody else writes.
const LOCKED: [&str; 3] = ["database is locked", "table is locked", "database schema is locked"];

/// The SQLSTATE of a failure; empty if the driver gives none.
pub(crate) fn sqlstate(error: &AdbcError) -> String {
    let state: String = error.sqlstate.iter().map(|byte| char::from(byte.to_ne_bytes()[0])).collect();
    match state.bytes().all(|byte| byte.is_ascii_alphanumeric()) && state != "00000" {
        true => state,
        false => String::new(),
    }
}

/// Whether the same rows would be refused again, whatever the database does.
pub(crate) fn is_of_data(error: &AdbcError) -> bool {
    match sqlstate(error).get(..2) {
        Some(class) => matches!(class, "22" | "23"),
        None => matches!(error.status, Status::Integrity | Status::InvalidData),
    }
}

/// Explains why rows were not taken: [`ErrorKind::Data`] where the same rows would be refused again.
pub(crate) fn explain_refusal(doing: &str, error: &AdbcError, dialect: Dialect) -> Error {
    if !is_of_data(error) {
        return explain(doing, error, dialect);
    }
    Error::new(ErrorKind::Data, format!("cannot {doing}: {}", refusal(error)))
        .hint("give the column a wider type, correct the rows, or load into another table")
}

/// Explains why `doing` failed.
pub(crate) fn explain(doing: &str, error: &AdbcError, dialect: Dialect) -> Error {
    let failed = |why: &str| Error::new(ErrorKind::Destination, format!("cannot {doing}: {why}"));
    let busy = |why: &str| {
        Error::new(ErrorKind::DestinationBusy, format!("cannot {doing}: {why}"))
            .hint("wait until it has ended, then run the same command again")
    };
    let message = first_line(&error.message);
    let lower = message.to_ascii_lowercase();
    if let Some(found) = of_disk(doing, &lower) {
        return found;
    }
    if LOCKED.iter().any(|words| lower.contains(words)) {
        return busy("another process has the database locked");
    }
    let state = sqlstate(error);
    match state.as_str() {
        "25006" => only_read(doing),
        "42501" => failed(&message).hint("give the user the right, or name another dataset"),
        "55P03" => busy("another session holds a lock on it"),
        "40P01" | "40001" => busy("another session changed the same at the same time"),
        "53300" => busy("the server has no free connection"),
        "57P03" => busy("the server is not ready"),
        "53100" => {
            failed("the disk of the server is full").hint("free some space there, then run the same command again")
        }
        "57014" => failed("the server stopped it, after its own limit of time").hint("raise statement_timeout"),
        "57P01" | "57P02" => failed("the server ended the connection")
            .hint("run the same command again: what was not committed has left no trace"),
        _ if is_of_data(error) => failed(&refusal(error)),
        // What a program in the database raises may say anything.
        "P0001" => failed("a function in the database raised an error (SQLSTATE P0001)"),
        "" if lower.contains("attempt to write a readonly database") => only_read(doing),
        "" => match dialect {
            // SQLite's messages hold no values.
            Dialect::Sqlite => failed(&message),
            Dialect::Postgres | Dialect::Ansi => {
                of_connection(doing, &lower).unwrap_or_else(|| failed(&redacted(&message)))
            }
        },
        _ => failed(&message),
    }
}

fn only_read(doing: &str) -> Error {
    Error::new(ErrorKind::Config, format!("cannot {doing}: a dataset is only read here"))
        .hint("write one query that begins with SELECT or WITH")
}

fn of_disk(doing: &str, lower: &str) -> Option<Error> {
    let failed =
        |why: &str, hint: &str| Some(Error::new(ErrorKind::Destination, format!("cannot {doing}: {why}")).hint(hint));
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match () {
        () if has(&["database or disk is full", "no space left on device"]) => {
            failed("the disk is full", "free some space, then run the same command again")
        }
        () if has(&["file is not a database", "file is encrypted"]) => {
            failed("the file is not an SQLite database", "name another file; this one is left as it is")
        }
        () if has(&["unable to open database file", "failed to open '"]) => failed(
            "the file cannot be opened",
            "see that its folder is there, and that both may be written to; or name another file",
        ),
        () if has(&["database disk image is malformed"]) => {
            failed("the file is damaged", "restore it from a copy, or name another file")
        }
        () => None,
    }
}

/// A connection that broke.
fn of_connection(doing: &str, lower: &str) -> Option<Error> {
    let is_broken = [
        "server closed the connection",
        "connection to server was lost",
        "no connection to the server",
        "terminating connection",
    ];
    is_broken.iter().any(|words| lower.contains(words)).then(|| {
        Error::new(ErrorKind::Destination, format!("cannot {doing}: the connection to the server was lost"))
            .hint("run the same command again: what was not committed has left no trace")
    })
}

/// Explains why there is no connection. Drivers quote parts of the connection string: only what is known to be harmless is
/// told.
pub(crate) fn explain_connect(place: &str, error: &AdbcError, dialect: Dialect) -> Error {
    let doing = format!("connect to {place}");
    let failed = |why: &str, hint: &str| {
        Error::new(ErrorKind::Destination, format!("cannot {doing}: {why}")).hint(hint.to_owned())
    };
    let lower = error.message.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if dialect == Dialect::Sqlite {
        return explain(&doing, error, dialect);
    }
    match () {
        () if has(&["password authentication failed", "no password supplied", "authentication failed"])
            || error.status == Status::Unauthenticated =>
        {
            failed(
                "user or password is refused",
                "correct them; in a URL, write special characters as %XX (`@` as %40)",
            )
        }
        () if has(&["no pg_hba.conf entry"]) => failed(
            "the server does not let this user in from here",
            "ask who runs it, or connect with TLS: sslmode=require",
        ),
        () if has(&["could not translate host name"]) => {
            failed("no host of that name is known", "correct the host in `uri`")
        }
        () if has(&[
            "connection refused",
            "timeout expired",
            "timed out",
            "network is unreachable",
            "no route to host",
            "no such file or directory",
        ]) =>
        {
            failed("no server answers there", "see that it runs, and that host and port in `uri` are right")
        }
        () if lower.contains("does not exist") && has(&["database \"", "role \""]) => {
            let what = if has(&["role \""]) { "the user does not exist" } else { "the database does not exist" };
            failed(what, "name one that is there, or make it")
        }
        () if has(&["too many clients", "remaining connection slots"]) => {
            Error::new(ErrorKind::DestinationBusy, format!("cannot {doing}: the server has no free connection"))
                .hint("run the same command again later")
        }
        () if has(&["starting up", "shutting down", "in recovery mode"]) => {
            Error::new(ErrorKind::DestinationBusy, format!("cannot {doing}: the server is not ready"))
                .hint("run the same command again later")
        }
        () if has(&["ssl", "certificate"]) => {
            failed("the server's TLS does not fit", "see sslmode and sslrootcert in `uri`")
        }
        () => failed(
            &format!("the driver refuses the connection ({})", status(error.status)),
            "see that `uri` and `options` are of the form that the driver's documentation shows",
        ),
    }
}

/// What an Arrow stream of a driver ended with: it carries a message alone.
pub(crate) fn explain_stream(doing: &str, error: &ArrowError, dialect: Dialect) -> Error {
    let message = first_line(&error.to_string());
    let failed = |why: &str| Error::new(ErrorKind::Destination, format!("cannot {doing}: {why}"));
    let lower = message.to_ascii_lowercase();
    if lower.contains("read-only transaction") {
        return only_read(doing);
    }
    if lower.contains("lock timeout") || LOCKED.iter().any(|words| lower.contains(words)) {
        return Error::new(ErrorKind::DestinationBusy, format!("cannot {doing}: another session holds a lock on it"))
            .hint("wait until it has ended, then run the same command again");
    }
    if let Some(found) = of_disk(doing, &lower).or_else(|| of_connection(doing, &lower)) {
        return found;
    }
    match dialect {
        Dialect::Sqlite => failed(&message),
        Dialect::Postgres | Dialect::Ansi => failed(&redacted(&message)),
    }
}

/// Why values were refused, without the values.
fn refusal(error: &AdbcError) -> String {
    let line = first_line(&error.message);
    let column = column(&line);
    let of = column.as_ref().map_or_else(|| "a column".to_owned(), |name| format!("column `{name}`"));
    match sqlstate(error).as_str() {
        "22003" => format!("a number is out of the range of {of}"),
        "22001" => format!("a text is too long for {of}"),
        "22008" => format!("a date or time is out of the range of {of}"),
        "22P05" | "22021" => format!("{of} cannot hold a character of its text"),
        "22P02" | "22007" | "22P03" => format!("a value is none of the type of {of}"),
        "22012" => "a division by zero".to_owned(),
        "23502" => format!("{of} must have a value, and a row has none"),
        "23505" => "a value that must be unique comes twice".to_owned(),
        "23503" => "a row points to one that is not there".to_owned(),
        "23514" => "a row breaks a rule of the table".to_owned(),
        // SQLite: `NOT NULL constraint failed: users.id`.
        "" if line.contains("constraint failed: ") || line.contains("cannot store ") => line,
        "" => format!("a value is refused ({})", status(error.status)),
        state => format!("a value is refused (SQLSTATE {state})"),
    }
}

/// The column that a message names: `null value in column "id" of relation "users"`.
fn column(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("column \"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// The first line of a message, without what drivers put before it.
fn first_line(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or("the driver does not say why");
    let line = line.rsplit_once("ERROR:  ").map_or(line, |(_, rest)| rest);
    let line = ["Failed to prepare query: ", "Failed to step query: ", "failed to execute: "]
        .iter()
        .fold(line, |line, words| line.split_once(words).map_or(line, |(_, rest)| rest));
    line.trim().trim_start_matches("[SQLite] ").trim_start_matches("[libpq] ").trim_end_matches('.').to_owned()
}

/// A message without what stands in quotes.
fn redacted(message: &str) -> String {
    let mut kept = String::new();
    let mut quote = None;
    for character in message.chars() {
        match (quote, character) {
            (None, '"' | '\'' | '`') => {
                quote = Some(character);
                kept.push('…');
            }
            (None, other) => kept.push(other),
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
        }
    }
    kept.trim_end_matches([':', '…', ' ']).to_owned()
}

fn status(status: Status) -> &'static str {
    match status {
        Status::NotImplemented => "not implemented",
        Status::NotFound => "not found",
        Status::AlreadyExists => "already there",
        Status::InvalidArguments => "invalid argument",
        Status::InvalidState => "invalid state",
        Status::InvalidData => "invalid data",
        Status::Integrity => "integrity",
        Status::IO => "input or output failed",
        Status::Cancelled => "cancelled",
        Status::Timeout => "timeout",
        Status::Unauthenticated => "unauthenticated",
        Status::Unauthorized => "unauthorized",
        Status::Ok | Status::Unknown | Status::Internal => "internal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str, state: &str, status: Status) -> AdbcError {
        let mut error = AdbcError::with_message_and_status(message, status);
        for (slot, byte) in error.sqlstate.iter_mut().zip(state.bytes()) {
            *slot = byte.cast_signed();
        }
        error
    }

    #[test]
    fn values_stay_out() {
        let conversion =
            "[libpq] Execution error [PGRES_FATAL_ERROR]: ERROR:  invalid input syntax for type integer: \"secret\"\n";
        for error in [
            said(conversion, "22P02", Status::InvalidData),
            said(conversion, "", Status::Internal),
            said("ERROR:  the row secret is wrong", "P0001", Status::Internal),
            said(
                "ERROR:  duplicate key value violates unique constraint \"k\"\nDETAIL:  Key (a)=(secret) already exists.",
                "23505",
                Status::Integrity,
            ),
        ] {
            for explained in
                [explain("load", &error, Dialect::Postgres), explain_refusal("load", &error, Dialect::Postgres)]
            {
                assert!(!explained.to_string().contains("secret"), "{explained}");
                assert!(std::error::Error::source(&explained).is_none());
            }
        }
        let stream = ArrowError::CDataInterface(conversion.to_owned());
        assert_eq!(
            explain_stream("load", &stream, Dialect::Postgres).to_string(),
            "cannot load: invalid input syntax for type integer"
        );
    }

    #[test]
    fn connection_strings_stay_out() {
        for message in [
            "[libpq] Failed to connect: missing \"=\" after \"hunter2\" in connection info string",
            "[libpq] Failed to connect: unexpected spaces found in \"hunter2 x\"",
            "connection to server failed: FATAL:  password authentication failed for user \"hunter2\"",
            "connection to server at \"hunter2\" failed: Connection refused",
        ] {
            let error = explain_connect("PostgreSQL", &said(message, "", Status::IO), Dialect::Postgres);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(error.advice().is_some());
        }
    }

    #[test]
    fn kinds_follow_from_what_can_be_done() {
        let kind = |message: &str, state: &str, status, dialect| {
            explain_refusal("load", &said(message, state, status), dialect).kind()
        };
        for (message, state, status, dialect, expected) in [
            ("Failed to step query: database is locked", "", Status::IO, Dialect::Sqlite, ErrorKind::DestinationBusy),
            ("NOT NULL constraint failed: nn.a", "", Status::Integrity, Dialect::Sqlite, ErrorKind::Data),
            ("no such table: x", "", Status::InvalidArguments, Dialect::Sqlite, ErrorKind::Destination),
            ("attempt to write a readonly database", "", Status::IO, Dialect::Sqlite, ErrorKind::Config),
            ("ERROR:  canceling", "55P03", Status::IO, Dialect::Postgres, ErrorKind::DestinationBusy),
            ("ERROR:  null value in column \"id\"", "23502", Status::Integrity, Dialect::Postgres, ErrorKind::Data),
            (
                "ERROR:  relation \"x\" does not exist",
                "42P01",
                Status::NotFound,
                Dialect::Postgres,
                ErrorKind::Destination,
            ),
        ] {
            assert_eq!(kind(message, state, status, dialect), expected, "{message}");
        }
    }

    #[test]
    fn a_column_that_the_database_names_is_told() {
        let error = said(
            "ERROR:  null value in column \"id\" of relation \"users\" violates not-null constraint",
            "23502",
            Status::Integrity,
        );
        assert_eq!(
            explain_refusal("add rows", &error, Dialect::Postgres).to_string(),
            "cannot add rows: column `id` must have a value, and a row has none"
        );
        let error = said("NOT NULL constraint failed: users.id", "", Status::Integrity);
        assert!(explain_refusal("add rows", &error, Dialect::Sqlite).to_string().contains("users.id"));
    }
}
